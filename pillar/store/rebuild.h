// SPDX-License-Identifier: Apache-2.0
// The catalogue made again from the files of a store and its ledger, when the one that was there is
// lost.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/runtime/disk.h"
#include "pillar/store/disk_file_store.h"

namespace bitrepo::store {

struct RebuildFindings {
  uint64_t files = 0;          // right, by their own record
  uint64_t bytes = 0;          // of them
  uint64_t damaged = 0;        // not the bytes that their record says
  uint64_t unproven = 0;       // without a record
  uint64_t removed = 0;        // in quarantine, by their place or by the ledger
  uint64_t strangers = 0;      // no file of the store: the next start moves them to quarantine
  uint64_t audit_records = 0;  // brought back from the ledger
  uint64_t answers = 0;        // brought back from the ledger, of the last seven days
  // "3 files (17 bytes), 0 damaged, ..."
  std::string ToString() const;
};

// Reads every byte of every file once: a file is in the new catalogue as held only when its bytes
// are those that its record (the attribute, or the file beside it) says. One without a record is
// unproven: never served, listed as unproven; the same bytes put again make it whole. What was
// removed stays in quarantine. The audit trail and the answers come from the ledger. Requests
// issued before now and not answered there are refused from now on: whether they had an effect is
// not known any more. The catalogue is made under another name, synced, and then named: cut short
// anywhere, there is none still, and the next run begins again. Takes hours for many terabytes;
// memory: the names of one shard, one block, and 16 bytes for each block of the longest file.
// Threads: blocks; one caller. Errors: kFailedPrecondition: another process has the store, a
// catalogue is there (the text says what to do), or a directory is not the one it should be;
// kDataLoss: the ledger is damaged or was changed; else as the disk's. Files and ledger are never
// changed.
absl::StatusOr<RebuildFindings> RebuildCatalogue(const DiskStoreOptions& options,
                                                 runtime::Disk& disk, const base::Clock& clock,
                                                 base::Random& random);

}  // namespace bitrepo::store
