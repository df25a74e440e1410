// SPDX-License-Identifier: Apache-2.0
// The audit trail's chain: a record as a line of text, and the hash that ties it to all before it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace bitrepo::base {

inline constexpr size_t kAuditDetailBytesMax = 1024;
inline constexpr size_t kChainHashBytes = 32;

// One record without its hash, as the chain covers it: pillars, the coordinator and whoever
// verifies them make the same line of it.
struct AuditLine {
  uint64_t sequence = 0;  // from 1, without gaps
  int64_t at_us = 0;      // wall clock, microseconds since 1970-01-01 UTC
  std::string action = {};
  std::string collection = {};
  std::string file_id = {};
  std::string principal = {};
  std::string conversation = {};  // text form
  std::string result = {};
  std::string detail = {};  // at most kAuditDetailBytesMax
};

// The chain before the first record.
std::string ChainStart();

// The fields in the order above between tabs, with backslash, quotes, tab, newline and all other
// control bytes escaped as in C, so that two records never share a line.
std::string LineOf(const AuditLine& record);

// h[n] = SHA-256(h[n-1] || line of n).
std::string ChainHash(absl::string_view previous_hash, absl::string_view line);

}  // namespace bitrepo::base
