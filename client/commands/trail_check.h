// SPDX-License-Identifier: Apache-2.0
// Whether an audit trail is whole and what it was: the chain made again from its records, and held
// against what was seen of it before; pure (docs/spec/60-audit-trail.md says how).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/operations.pb.h"

namespace bitrepo::commands {

// What was seen of a trail: after this record the chain had this hash. One line of an anchor file:
// repository, contributor, sequence, hash in hex, and when, between blanks.
struct TrailAnchor {
  std::string repository;
  std::string contributor;
  uint64_t sequence = 0;
  std::string hash;  // 32 bytes
  absl::Time seen;

  std::string ToLine() const;
  // kInvalidArgument: not such a line.
  static absl::StatusOr<TrailAnchor> FromLine(absl::string_view line);
};

// Use: Begin with the first page's end, then every record from the first on, then Finish.
class TrailCheck {
 public:
  explicit TrailCheck(std::optional<TrailAnchor> anchor) : anchor_(std::move(anchor)) {}

  // Where the contributor said that its trail ends, before it was read.
  void Begin(const wire::GetAuditTrailsFinal& first_page);
  // The next record as the contributor has it. After the first fault nothing more is looked at.
  void Add(const wire::AuditItem& record);
  void Finish();

  // kDataLoss says what is wrong.
  const absl::Status& status() const { return status_; }
  uint64_t first_bad() const { return first_bad_; }  // the sequence; 0 when all is well
  uint64_t records() const { return sequence_; }     // that follow one another, from the first on
  const std::string& hash() const { return hash_; }  // after them

 private:
  void Fault(uint64_t sequence, std::string why);

  const std::optional<TrailAnchor> anchor_;
  uint64_t sequence_ = 0;
  std::string hash_;
  uint64_t end_sequence_ = 0;
  std::string end_hash_;
  absl::Status status_;
  uint64_t first_bad_ = 0;
};

}  // namespace bitrepo::commands
