// SPDX-License-Identifier: Apache-2.0
// The payloads of control frames, read from hostile bytes: what is returned is well-formed and
// within limits.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "proto/channel.pb.h"

namespace bitrepo::transfer {

inline constexpr uint32_t kGreetingBytesMax = 1024;
inline constexpr uint32_t kOpenBytesMax = 64 * 1024;
inline constexpr uint32_t kCommitBytesMax = 1024;
inline constexpr uint32_t kStreamEndBytesMax = 4 * 1024;
inline constexpr size_t kRangesMax = 1024;  // in one OPEN or OPEN_OK
inline constexpr size_t kReasonBytesMax = 1024;
inline constexpr uint32_t kSessionVersion = 1;

struct OpenRequest {
  std::string token;                    // not empty, at most kTokenTextBytesMax
  int verb = 0;                         // of wire::TokenVerb, or one that is not known here
  std::vector<base::ByteRange> ranges;  // none of them empty; as they came
  bool holds_all = false;               // nothing is wanted, and there are no ranges
};
struct OpenAnswer {
  std::vector<base::ByteRange> missing;
  uint64_t credit = 0;
  uint64_t size_bytes = 0;
  std::optional<wire::TransferReport> report;  // to an inquiry: consistent, its texts printable
};
struct CommitRequest {
  uint64_t size_bytes = 0;
  base::Digest sha256;
};

// All: kInvalidArgument says what is wrong with the payload.
absl::StatusOr<wire::SessionHello> ReadHello(absl::string_view payload);
absl::StatusOr<wire::SessionWelcome> ReadWelcome(absl::string_view payload);
absl::StatusOr<OpenRequest> ReadOpen(absl::string_view payload);
absl::StatusOr<OpenAnswer> ReadOpenOk(absl::string_view payload);
absl::StatusOr<CommitRequest> ReadCommit(absl::string_view payload);
// The text comes back printable and at most kReasonBytesMax long.
absl::StatusOr<wire::ResponseInfo> ReadStreamEnd(absl::string_view payload);

std::string WriteOpen(const OpenRequest& open);
std::string WriteOpenOk(const OpenAnswer& answer);
std::string WriteCommit(const CommitRequest& commit);
std::string WriteStreamEnd(const wire::ResponseInfo& response);

// What a status is told as, and the way back: the code, and a text that names what was answered.
wire::ResponseInfo ResponseOf(const absl::Status& status);
absl::Status StatusOf(const wire::ResponseInfo& response);  // OK exactly for OPERATION_COMPLETED

}  // namespace bitrepo::transfer
