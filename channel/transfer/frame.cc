// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/frame.h"

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/checksum.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::transfer {
namespace {

constexpr size_t kCheckAt = 40;

constexpr FrameRule kRules[] = {
    {FrameType::kHello, "HELLO", false, 1, kGreetingBytesMax},
    {FrameType::kWelcome, "WELCOME", false, 1, kGreetingBytesMax},
    {FrameType::kOpen, "OPEN", true, 1, kOpenBytesMax},
    {FrameType::kOpenOk, "OPEN_OK", true, 0, kOpenBytesMax},
    {FrameType::kOpenRefused, "OPEN_REFUSED", true, 1, kStreamEndBytesMax},
    {FrameType::kData, "DATA", true, 1, kSegmentBytesMax},
    {FrameType::kCredit, "CREDIT", true, 0, 0},
    {FrameType::kStored, "STORED", true, 0, 0},
    {FrameType::kAck, "ACK", true, kAckPayloadBytes, kAckPayloadBytes},
    {FrameType::kNack, "NACK", true, 1, kStreamEndBytesMax},
    {FrameType::kCommit, "COMMIT", true, 1, kCommitBytesMax},
    {FrameType::kCommitOk, "COMMIT_OK", true, 1, kStreamEndBytesMax},
    {FrameType::kDone, "DONE", true, 1, kStreamEndBytesMax},
    {FrameType::kAbort, "ABORT", true, 1, kStreamEndBytesMax},
    {FrameType::kPing, "PING", false, 0, 0},
    {FrameType::kPong, "PONG", false, 0, 0},
    {FrameType::kGoaway, "GOAWAY", false, 1, kStreamEndBytesMax},
    {FrameType::kBye, "BYE", false, 0, 0},
};

template <typename T>
void Put(char* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    at[i] = static_cast<char>(static_cast<uint64_t>(value) >> (8 * i) & 0xff);
  }
}

template <typename T>
T Take(const void* from) {
  unsigned char bytes[sizeof(T)];
  std::memcpy(bytes, from, sizeof(T));
  uint64_t value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  }
  return static_cast<T>(value);
}

absl::Status Wrong(const absl::AlphaNum& what) {
  return absl::InvalidArgumentError(absl::StrCat("a frame ", what));
}

}  // namespace

std::span<const FrameRule> FrameRules() { return kRules; }

const FrameRule* FindFrameRule(uint8_t type) {
  for (const FrameRule& rule : kRules) {
    if (static_cast<uint8_t>(rule.type) == type) {
      return &rule;
    }
  }
  return nullptr;
}

absl::string_view FrameName(FrameType type) {
  const FrameRule* rule = FindFrameRule(static_cast<uint8_t>(type));
  return rule == nullptr ? "unknown" : rule->name;
}

std::string SerializeHeader(const FrameHeader& header, std::span<const std::byte> payload) {
  std::string bytes(kHeaderBytes, '\0');
  Put(&bytes[0], kFrameMagic);
  Put(&bytes[2], kFrameVersion);
  Put(&bytes[3], static_cast<uint8_t>(header.type));
  Put(&bytes[4], header.flags);
  Put(&bytes[8], header.stream);
  Put(&bytes[12], static_cast<uint32_t>(payload.size()));
  Put(&bytes[16], header.number);
  Put(&bytes[24], header.offset);
  Put(&bytes[32], header.sequence);
  Put(&bytes[kCheckAt],
      base::FrameCheck(std::as_bytes(std::span<const char>(bytes.data(), bytes.size())), payload));
  return bytes;
}

absl::StatusOr<FrameHeader> ParseHeader(std::span<const std::byte> bytes) {
  if (bytes.size() != kHeaderBytes) {
    return Wrong(absl::StrCat("header has ", bytes.size(), " bytes, not ", kHeaderBytes));
  }
  if (Take<uint16_t>(&bytes[0]) != kFrameMagic) {
    return Wrong("does not begin with the magic");
  }
  if (const uint8_t version = Take<uint8_t>(&bytes[2]); version != kFrameVersion) {
    return Wrong(absl::StrCat("is of version ", version, ", not ", kFrameVersion));
  }
  FrameHeader header;
  const uint8_t type = Take<uint8_t>(&bytes[3]);
  header.type = static_cast<FrameType>(type);
  header.flags = Take<uint16_t>(&bytes[4]);
  header.stream = Take<uint32_t>(&bytes[8]);
  header.length = Take<uint32_t>(&bytes[12]);
  header.number = Take<uint64_t>(&bytes[16]);
  header.offset = Take<uint64_t>(&bytes[24]);
  header.sequence = Take<uint64_t>(&bytes[32]);
  header.check = Take<uint64_t>(&bytes[kCheckAt]);
  const FrameRule* rule = FindFrameRule(type);
  if ((header.flags & ~kFlagSkippable) != 0 || Take<uint16_t>(&bytes[6]) != 0) {
    return Wrong("has bits set that must be zero");
  }
  if (rule == nullptr) {
    if ((header.flags & kFlagSkippable) == 0) {
      return Wrong(absl::StrCat("is of the unknown type ", type));
    }
    if (header.length > kSkippablePayloadMax) {
      return Wrong(absl::StrCat("to pass over announces ", header.length, " bytes"));
    }
    return header;
  }
  if (rule->on_stream != (header.stream != 0)) {
    return Wrong(absl::StrCat("of type ", rule->name, " has the stream number ", header.stream));
  }
  if (header.length < rule->payload_min || header.length > rule->payload_max) {
    return Wrong(absl::StrCat("of type ", rule->name, " announces ", header.length,
                              " bytes of payload, not ", rule->payload_min, " to ",
                              rule->payload_max));
  }
  return header;
}

bool CheckHolds(std::span<const std::byte> header, std::span<const std::byte> payload) {
  BITREPO_CHECK(header.size() == kHeaderBytes, "a frame header has its size");
  std::array<std::byte, kHeaderBytes> unchecked{};
  std::memcpy(unchecked.data(), header.data(), kCheckAt);
  return base::FrameCheck(unchecked, payload) == Take<uint64_t>(&header[kCheckAt]);
}

bool IsPayloadOf(const FrameHeader& header, std::span<const std::byte> payload) {
  return header.length == payload.size() &&
         Take<uint64_t>(&SerializeHeader(header, payload)[kCheckAt]) == header.check;
}

std::string SerializeAck(const AckPayload& ack) {
  std::string bytes(kAckPayloadBytes, '\0');
  Put(&bytes[0], ack.length);
  Put(&bytes[8], static_cast<uint32_t>(ack.status));
  return bytes;
}

absl::StatusOr<AckPayload> ParseAck(absl::string_view payload) {
  if (payload.size() != kAckPayloadBytes || Take<uint32_t>(&payload[12]) != 0) {
    return absl::InvalidArgumentError("an acknowledgement is not of its fixed form");
  }
  const uint32_t status = Take<uint32_t>(&payload[8]);
  if (status > static_cast<uint32_t>(wire::ResponseCode_MAX)) {
    return absl::InvalidArgumentError(absl::StrCat("an acknowledgement has the status ", status));
  }
  return AckPayload{Take<uint64_t>(&payload[0]), static_cast<wire::ResponseCode>(status)};
}

}  // namespace bitrepo::transfer
