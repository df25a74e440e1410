// SPDX-License-Identifier: Apache-2.0
// The frame of the data channel: a fixed 48-byte little-endian header, sealed with its payload by a
// check.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/byte_range.h"
#include "proto/types.pb.h"

namespace bitrepo::transfer {

inline constexpr size_t kHeaderBytes = 48;
inline constexpr uint16_t kFrameMagic = 0x5242;  // lies on the wire as "BR"
inline constexpr uint8_t kFrameVersion = 1;
inline constexpr uint32_t kSegmentBytesMax = 1024 * 1024;  // payload of DATA
inline constexpr uint32_t kSegmentBytesMin = 4 * 1024;     // the least a side may say it takes

// On the wire: never renumber.
enum class FrameType : uint8_t {
  kHello = 1,
  kWelcome = 2,
  kOpen = 3,
  kOpenOk = 4,
  kOpenRefused = 5,
  kData = 6,
  kCredit = 7,
  kStored = 8,
  kAck = 9,
  kNack = 10,
  kCommit = 11,
  kCommitOk = 12,
  kDone = 13,
  kAbort = 14,
  kPing = 15,
  kPong = 16,
  kGoaway = 17,
  kBye = 18,
};

// A frame of an unknown type with this flag is passed over; every other flag must be zero.
inline constexpr uint16_t kFlagSkippable = 1;

// What is fixed for each type.
struct FrameRule {
  FrameType type;
  absl::string_view name;
  bool on_stream;  // carries a stream number; zero else
  uint32_t payload_min;
  uint32_t payload_max;
};
inline constexpr uint32_t kSkippablePayloadMax = 64 * 1024;
std::span<const FrameRule> FrameRules();
// nullptr for a type that is not known.
const FrameRule* FindFrameRule(uint8_t type);
absl::string_view FrameName(FrameType type);

// Byte by byte: magic u16, version u8, type u8, flags u16, zero u16, stream u32, length u32, number
// u64, offset u64, sequence u64, check u64. A field that a type does not use is zero.
struct FrameHeader {
  FrameType type = FrameType::kPing;
  uint16_t flags = 0;
  uint32_t stream = 0;  // chosen by the side that dialled, rising from 1
  uint32_t length = 0;  // of the payload, in bytes
  uint64_t number = 0;  // of the segment on its stream, from 0: DATA, ACK, NACK
  uint64_t offset =
      0;  // of the segment in its file: DATA, ACK, NACK; a count of bytes: CREDIT, STORED
  uint64_t sequence = 0;  // of the frame in its session and direction, from 0
  uint64_t check = 0;     // XXH3-64 of the header with a zero check, then the payload
  bool known() const { return FindFrameRule(static_cast<uint8_t>(type)) != nullptr; }
};

// The 48 bytes; length and check are taken from `payload`, whatever `header` says of them.
std::string SerializeHeader(const FrameHeader& header, std::span<const std::byte> payload);
// kInvalidArgument says what breaks the grammar. A skippable unknown type is returned (known() is
// false). Says nothing about the check.
absl::StatusOr<FrameHeader> ParseHeader(std::span<const std::byte> bytes);
// True when the check of these 48 bytes is that of them and `payload`. Requires: ParseHeader took
// them.
bool CheckHolds(std::span<const std::byte> header, std::span<const std::byte> payload);

// True when `payload` is that with which the frame of `header` came, as ParseHeader took it. Costs
// a check of the payload; nothing was kept of the first one but its header.
bool IsPayloadOf(const FrameHeader& header, std::span<const std::byte> payload);

// What an ACK says of the segment that follows it (or does not: `status` is no
// OPERATION_COMPLETED).
inline constexpr size_t kAckPayloadBytes = 16;
struct AckPayload {
  uint64_t length = 0;
  wire::ResponseCode status = wire::OPERATION_COMPLETED;
};
std::string SerializeAck(const AckPayload& ack);
absl::StatusOr<AckPayload> ParseAck(absl::string_view payload);

}  // namespace bitrepo::transfer
