// SPDX-License-Identifier: Apache-2.0
// What the items of all lists have alike: whose they are, and whether the file is held at all.
#pragma once

#include <cstdint>
#include <string>

#include "proto/operations.pb.h"

namespace bitrepo::client {

inline const std::string& IdOf(const wire::ChecksumItem& item) { return item.file_id(); }
inline const std::string& IdOf(const wire::FileInfo& item) { return item.file_id(); }
inline const std::string& IdOf(const wire::FileInfoItem& item) { return item.file().file_id(); }

// The trouble of an item; its code is unspecified where there is none.
inline const wire::ResponseInfo& TroubleOf(const wire::ChecksumItem& item) {
  return item.trouble();
}
inline const wire::ResponseInfo& TroubleOf(const wire::FileInfo& item) { return item.trouble(); }
inline const wire::ResponseInfo& TroubleOf(const wire::FileInfoItem& item) {
  return item.file().trouble();
}

// It was named, and the pillar has no such file.
template <typename Item>
bool IsNotHeld(const Item& item) {
  return TroubleOf(item).code() == wire::FILE_NOT_FOUND_FAILURE;
}

}  // namespace bitrepo::client
