// SPDX-License-Identifier: Apache-2.0
// A log beside a file that is being written: which of its ranges are there, after a kill and after
// a power cut.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/byte_range.h"
#include "base/range_set.h"
#include "base/runtime/disk.h"

namespace bitrepo::runtime {

// A sync of the data is due when so much was written since the last one, or so long ago.
inline constexpr uint64_t kSyncBytes = 64ull << 20;
inline constexpr absl::Duration kSyncAfter = absl::Seconds(2);
inline constexpr size_t kLogIdentityBytesMax = 8 * 1024;
inline constexpr size_t kBootIdBytesMax = 64;
inline constexpr uint64_t kLogRecordsMax = 64 * 1024;  // then the log is written anew, shorter
inline constexpr size_t kLogPiecesMax = 16 * 1024;     // that what was written may lie in

// Of the running system: another one after each boot. kUnavailable where the system does not tell.
absl::StatusOr<std::string> SystemBootId();

// Append-only. A record is appended for each write once it is done, unsynced: it survives the death
// of the process, and so do the data it speaks of. After a boot of the machine only that counts
// which stood before the last record of a sync. A torn or damaged end is ignored, so that a log
// never says more than what is there. The identity is the owner's: whose bytes these are.
// Threads:    one at a time.
// Lifetime:   the disk outlives it. Dying it leaves the log as it is.
// Durability: nothing but by NoteSynced.
class RangeLog {
 public:
  // kAlreadyExists: there is a file of this name. kInvalidArgument: a word that is too long.
  static absl::StatusOr<std::unique_ptr<RangeLog>> Create(Disk& disk, absl::string_view path,
                                                          absl::string_view boot_id,
                                                          absl::string_view identity,
                                                          absl::Time now);
  // Goes on with one that is there; ranges() are what of the data can be relied upon. kNotFound:
  // there is none; kDataLoss: it is no such log, or its beginning is damaged; kUnimplemented: of a
  // later version.
  static absl::StatusOr<std::unique_ptr<RangeLog>> Open(Disk& disk, absl::string_view path,
                                                        absl::string_view boot_id, absl::Time now);
  // Removes it, and what a rewriting may have left. Fine when it is not there.
  static absl::Status Remove(Disk& disk, absl::string_view path);
  // What else may lie beside a log of this name: one that was being rewritten.
  static std::string RewrittenName(absl::string_view path);

  const std::string& identity() const { return identity_; }
  const base::RangeSet& ranges() const { return ranges_; }

  // After the write. Bytes that were there already and were written again count as unsynced.
  // kResourceExhausted: they lie in too many pieces. After any other error the log is of no more
  // use: what is written from then on is not known after a kill.
  absl::Status NoteWritten(const base::ByteRange& range);

  // Syncing is the caller's, and may go on beside further writes: take the mark, sync the data, say
  // so with the mark; only what was noted before it counts. `now` of a clock that never goes back.
  bool SyncDue(absl::Time now) const;
  uint64_t mark() const { return noted_; }
  // Durable when it returns: the log, and the names in its directory.
  absl::Status NoteSynced(uint64_t mark, absl::Time now);

 private:
  struct Unsynced {
    uint64_t note = 0;    // the how-manieth it was
    uint64_t record = 0;  // its number in the log
    base::ByteRange range;
  };
  struct Content;
  RangeLog(Disk& disk, std::string path, std::string boot_id, std::string identity, absl::Time now);
  template <typename Covered>
  static void MoveSynced(std::vector<Unsynced>& unsynced, Covered covered, base::RangeSet& synced);
  static absl::StatusOr<Content> Read(DiskFile& file, absl::string_view path);
  absl::Status WriteHeader();
  absl::Status Append(uint32_t kind, uint64_t offset, uint64_t length);
  absl::Status AppendWritten(const base::ByteRange& range);
  absl::Status Rewrite();

  Disk& disk_;
  const std::string path_;
  const std::string boot_id_;
  const std::string identity_;
  std::unique_ptr<DiskFile> file_;
  uint64_t end_ = 0;      // of the log: the next record comes here
  uint64_t records_ = 0;  // in it
  uint64_t noted_ = 0;    // by this object
  base::RangeSet ranges_;
  base::RangeSet synced_;
  std::vector<Unsynced> unsynced_;  // in order
  uint64_t unsynced_bytes_ = 0;
  absl::Time synced_at_;
  bool named_ = false;  // its name is durable
};

}  // namespace bitrepo::runtime
