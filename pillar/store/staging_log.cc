// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/staging_log.h"

#include "base/log.h"

namespace bitrepo::store {

void StagingLog::NoteWritten(const base::ByteRange& range) {
  base::MutexLock lock(mutex_);
  if (log_ == nullptr) {
    return;
  }
  if (const absl::Status noted = log_->NoteWritten(range); !noted.ok()) {
    GiveUp(noted);
  }
}

void StagingLog::GiveUp(const absl::Status& why) {
  log_.reset();
  base::LogLine(base::LogLevel::kWarning, "staging-log-failed").With("cause", why.message());
}

bool StagingLog::whole() const {
  base::MutexLock lock(mutex_);
  return log_ != nullptr;
}

void StagingLog::Close() {
  base::MutexLock lock(mutex_);
  log_.reset();
}

bool StagingLog::due() const {
  base::MutexLock lock(mutex_);
  return log_ != nullptr && log_->SyncDue(clock_.Now());
}

void StagingLog::Run() {
  uint64_t mark = 0;
  {
    base::MutexLock lock(mutex_);
    if (log_ == nullptr || !gate_.Check().ok()) {
      return;
    }
    mark = log_->mark();
  }
  absl::Status synced = data_->Sync();
  if (synced.ok()) {
    base::MutexLock lock(mutex_);
    if (log_ == nullptr) {
      return;
    }
    synced = log_->NoteSynced(mark, clock_.Now());
    if (absl::IsResourceExhausted(synced)) {  // no room for one more record
      GiveUp(synced);
      return;
    }
  }
  if (!synced.ok()) {
    gate_.Close("a sync of a staged file", synced).IgnoreError();
  }
}

}  // namespace bitrepo::store
