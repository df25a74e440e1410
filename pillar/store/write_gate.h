// SPDX-License-Identifier: Apache-2.0
// Whether a store may still write, and if not, why: once closed it stays closed until the store is
// opened again.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/mutex.h"

namespace bitrepo::store {

// After a failed sync the kernel marks the pages clean: a second sync would report success for
// bytes that are lost. So the first failure ends writing; what was acknowledged is not touched, and
// reads go on. Thread-safe.
class WriteGate {
 public:
  // OK, or kUnavailable with the reason and what to do.
  absl::Status Check() const;
  // Closes the gate, says so in the log, and returns what Check says from now on. The first reason
  // stays.
  absl::Status Close(absl::string_view what, const absl::Status& cause);
  // Closes it when `status`, of a change to the medium, casts doubt on what is there: that is, for
  // any error but a lack of space or of descriptors, an absent or a present name. Returns the
  // status to give on.
  absl::Status Judge(absl::string_view what, const absl::Status& status);
  // The reason; empty while open.
  std::string reason() const;

 private:
  mutable base::Mutex mutex_;
  std::string reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::store
