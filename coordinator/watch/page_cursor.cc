// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/page_cursor.h"

#include "absl/strings/str_cat.h"
#include "base/checksum.h"

namespace bitrepo::watch {
namespace {

constexpr size_t kMarkBytes = 16;
constexpr size_t kPlaceBytes = 8;

}  // namespace

PageCursor::PageCursor(absl::string_view run, absl::string_view list, absl::string_view question) {
  base::Hasher hasher(base::Algorithm::kSha256);
  hasher.Update(absl::StrCat(run, "\n", list, "\n", question));
  mark_ = hasher.Finish().bytes().substr(0, kMarkBytes);
}

std::string PageCursor::At(uint64_t place) const {
  std::string cursor = mark_;
  for (size_t i = 0; i < kPlaceBytes; ++i) {
    cursor.push_back(static_cast<char>(place >> (8 * i) & 0xff));
  }
  return cursor;
}

absl::StatusOr<uint64_t> PageCursor::Read(absl::string_view cursor, uint64_t start) const {
  if (cursor.empty()) {
    return start;
  }
  if (cursor.size() != kMarkBytes + kPlaceBytes || cursor.substr(0, kMarkBytes) != mark_) {
    return absl::InvalidArgumentError(
        "the cursor is of another question, or of an earlier start of the coordinator: begin the "
        "list anew");
  }
  uint64_t place = 0;
  for (size_t i = kPlaceBytes; i > 0; --i) {
    place = place << 8 | static_cast<unsigned char>(cursor[kMarkBytes + i - 1]);
  }
  return place;
}

}  // namespace bitrepo::watch
