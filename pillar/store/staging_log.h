// SPDX-License-Identifier: Apache-2.0
// What of a staged file is there, kept beside it as it comes, so that its put can go on after any
// end.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "base/byte_range.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/runtime/disk.h"
#include "base/runtime/range_log.h"
#include "pillar/store/file_store.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

// A log that cannot be written is given up: the file goes on without, and is not kept.
// Threads:  thread-safe; Run syncs beside NoteWritten.
// Lifetime: disk, clock and gate outlive it.
class StagingLog final : public StagedSync {
 public:
  StagingLog(std::unique_ptr<runtime::RangeLog> log, std::shared_ptr<runtime::DiskFile> data,
             const base::Clock& clock, WriteGate& gate)
      : data_(std::move(data)), clock_(clock), gate_(gate), log_(std::move(log)) {}

  void NoteWritten(const base::ByteRange& range);
  // Says all that was noted.
  bool whole() const;
  // The last use: a sync under way says nothing more.
  void Close();

  bool due() const override;
  void Run() override;

 private:
  void GiveUp(const absl::Status& why) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<runtime::DiskFile> data_;
  const base::Clock& clock_;
  WriteGate& gate_;
  mutable base::Mutex mutex_;
  std::unique_ptr<runtime::RangeLog> log_ ABSL_GUARDED_BY(mutex_);  // absent: closed or given up
};

}  // namespace bitrepo::store
