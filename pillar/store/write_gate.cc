// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/write_gate.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"

namespace bitrepo::store {

absl::Status WriteGate::Check() const {
  base::MutexLock lock(mutex_);
  if (reason_.empty()) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("the store stopped writing: ", reason_,
                                             "; see to the disk, then start the pillar again"));
}

absl::Status WriteGate::Close(absl::string_view what, const absl::Status& cause) {
  {
    base::MutexLock lock(mutex_);
    if (reason_.empty()) {
      reason_ = absl::StrCat(what, ": ", cause.message());
      base::LogLine(base::LogLevel::kError, "store-stopped-writing").With("cause", reason_);
    }
  }
  return Check();
}

absl::Status WriteGate::Judge(absl::string_view what, const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
      return status;
    default:
      return Close(what, status);
  }
}

std::string WriteGate::reason() const {
  base::MutexLock lock(mutex_);
  return reason_;
}

}  // namespace bitrepo::store
