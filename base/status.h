// SPDX-License-Identifier: Apache-2.0
// Statuses: this call could not do its job; macros that pass one on, and context added to it.
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::base {

// The same code, with "context: " before the message. OK stays OK.
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// The status for an errno value of a call on a named thing: "what: No such file or directory".
// ENOENT/ENODATA are kNotFound, EEXIST kAlreadyExists, ENOSPC/EDQUOT/EMFILE/ENFILE/ENOMEM
// kResourceExhausted, EACCES/EPERM/EROFS kPermissionDenied, EIO kDataLoss, EAGAIN/ECONNREFUSED
// kUnavailable, ENOTDIR/EISDIR/ENOTEMPTY/ELOOP kFailedPrecondition, EINVAL/ENAMETOOLONG
// kInvalidArgument, ENOTSUP/ENOSYS kUnimplemented; else kInternal.
absl::Status ErrnoStatus(int error, absl::string_view what);

}  // namespace bitrepo::base

#define BITREPO_CONCAT_INNER(a, b) a##b
#define BITREPO_CONCAT(a, b) BITREPO_CONCAT_INNER(a, b)

#define BITREPO_RETURN_IF_ERROR(expression)                                 \
  do {                                                                      \
    if (absl::Status bitrepo_status = (expression); !bitrepo_status.ok()) { \
      return bitrepo_status;                                                \
    }                                                                       \
  } while (false)

#define BITREPO_ASSIGN_OR_RETURN(target, expression) \
  BITREPO_ASSIGN_OR_RETURN_INNER(BITREPO_CONCAT(bitrepo_result_, __LINE__), target, expression)
#define BITREPO_ASSIGN_OR_RETURN_INNER(result, target, expression) \
  auto result = (expression);                                      \
  if (!result.ok()) {                                              \
    return result.status();                                        \
  }                                                                \
  target = std::move(result).value()
