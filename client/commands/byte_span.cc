// SPDX-License-Identifier: Apache-2.0
#include "client/commands/byte_span.h"

#include "absl/strings/str_cat.h"
#include "base/byte_range.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "client/commands/words.h"

namespace bitrepo::commands {

absl::StatusOr<ByteSpan> ParseByteSpan(absl::string_view text) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("a range is OFFSET:LENGTH or OFFSET:, not \"", Shown(text), "\""));
  }
  ByteSpan span;
  BITREPO_ASSIGN_OR_RETURN(span.offset, runtime::ParseBytes(text.substr(0, colon)));
  if (colon + 1 == text.size()) return span;
  BITREPO_ASSIGN_OR_RETURN(const uint64_t length, runtime::ParseBytes(text.substr(colon + 1)));
  span.length = length;
  if (!base::ByteRange::Make(span.offset, length).ok()) {
    return absl::InvalidArgumentError(absl::StrCat("the range ", text, " passes 2^64"));
  }
  return span;
}

}  // namespace bitrepo::commands
