// SPDX-License-Identifier: Apache-2.0
#include "base/range_set.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace bitrepo::base {
namespace {

ByteRange Between(uint64_t from, uint64_t to) { return ByteRange::Make(from, to - from).value(); }

}  // namespace

void RangeSet::Add(const ByteRange& range) {
  if (range.empty()) {
    return;
  }
  uint64_t from = range.offset();
  uint64_t to = range.end();
  auto next = ranges_.upper_bound(from);
  if (next != ranges_.begin() && std::prev(next)->second >= from) {
    --next;
  }
  while (next != ranges_.end() && next->first <= to) {
    from = std::min(from, next->first);
    to = std::max(to, next->second);
    bytes_ -= next->second - next->first;
    next = ranges_.erase(next);
  }
  ranges_.emplace(from, to);
  bytes_ += to - from;
}

void RangeSet::Remove(const ByteRange& range) {
  if (range.empty()) {
    return;
  }
  auto next = ranges_.upper_bound(range.offset());
  if (next != ranges_.begin() && std::prev(next)->second > range.offset()) {
    --next;
  }
  while (next != ranges_.end() && next->first < range.end()) {
    const uint64_t from = next->first;
    const uint64_t to = next->second;
    next = ranges_.erase(next);
    bytes_ -= to - from;
    if (from < range.offset()) {
      ranges_.emplace(from, range.offset());
      bytes_ += range.offset() - from;
    }
    if (to > range.end()) {
      ranges_.emplace(range.end(), to);
      bytes_ += to - range.end();
    }
    next = ranges_.lower_bound(to);
  }
}

bool RangeSet::Contains(const ByteRange& range) const {
  if (range.empty()) {
    return true;
  }
  const auto next = ranges_.upper_bound(range.offset());
  return next != ranges_.begin() && std::prev(next)->second >= range.end();
}

bool RangeSet::Intersects(const ByteRange& range) const {
  if (range.empty()) {
    return false;
  }
  const auto next = ranges_.lower_bound(range.end());
  return next != ranges_.begin() && std::prev(next)->second > range.offset();
}

RangeSet RangeSet::Missing(const ByteRange& within) const {
  RangeSet missing;
  uint64_t from = within.offset();
  auto next = ranges_.upper_bound(from);
  if (next != ranges_.begin()) {
    from = std::max(from, std::prev(next)->second);
  }
  for (; next != ranges_.end() && next->first < within.end(); ++next) {
    missing.Add(Between(from, next->first));
    from = next->second;
  }
  if (from < within.end()) {
    missing.Add(Between(from, within.end()));
  }
  return missing;
}

std::vector<ByteRange> RangeSet::ranges() const {
  std::vector<ByteRange> all;
  all.reserve(ranges_.size());
  for (const auto& [from, to] : ranges_) {
    all.push_back(Between(from, to));
  }
  return all;
}

std::string RangeSet::ToString() const {
  std::string text;
  for (const ByteRange& range : ranges()) {
    absl::StrAppend(&text, text.empty() ? "" : ",", range.ToString());
  }
  return text;
}

}  // namespace bitrepo::base
