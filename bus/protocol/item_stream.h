// SPDX-License-Identifier: Apache-2.0
// How items travel in a transfer: lists by token and parameter sets are items one behind the other,
// each behind its length as a varint.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message_lite.h"

namespace bitrepo::protocol {

inline constexpr size_t kStreamItemBytesMax = 64 * 1024;  // of one item, without its length
// So many bytes always hold the next item, or show that there is none.
inline constexpr size_t kStreamReachBytes = 10 + kStreamItemBytesMax;

// Requires: 1 to kStreamItemBytesMax bytes; every item that is valid in a final has fewer.
void AppendItem(const google::protobuf::MessageLite& item, std::string& stream);

// Takes the bytes of the next item off the front of `stream`, which holds kStreamReachBytes, or all
// that is left where that is less. Requires: it is not empty. kInvalidArgument when no item stands
// there; `stream` is then as it was.
absl::StatusOr<absl::string_view> TakeItem(absl::string_view& stream);

}  // namespace bitrepo::protocol
