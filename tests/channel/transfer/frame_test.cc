// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/random.h"
#include "channel/transfer/control_payload.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using testing::HasSubstr;
using testing_support::StatusIs;

std::span<const std::byte> Bytes(absl::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

FrameHeader Data(uint32_t length) {
  FrameHeader header;
  header.type = FrameType::kData;
  header.stream = 0x01020304;
  header.length = length;
  header.number = 0x1112131415161718;
  header.offset = 0x2122232425262728;
  header.sequence = 0x3132333435363738;
  return header;
}

// [D-3] [D-4]
TEST(Frame, LiesOnTheWireByteForByteAsSpecified) {
  const std::string bytes = SerializeHeader(Data(0), Bytes("abc"));
  ASSERT_EQ(bytes.size(), kHeaderBytes);
  EXPECT_EQ(bytes.substr(0, 40), std::string("BR\x01\x06\x00\x00\x00\x00"
                                             "\x04\x03\x02\x01\x03\x00\x00\x00"
                                             "\x18\x17\x16\x15\x14\x13\x12\x11"
                                             "\x28\x27\x26\x25\x24\x23\x22\x21"
                                             "\x38\x37\x36\x35\x34\x33\x32\x31",
                                             40));
}

TEST(Frame, ComesBackAsItWasSerialized) {
  const std::string bytes = SerializeHeader(Data(0), Bytes("abc"));
  ASSERT_OK_AND_ASSIGN(const FrameHeader header, ParseHeader(Bytes(bytes)));
  const FrameHeader sent = Data(3);
  EXPECT_EQ(header.type, sent.type);
  EXPECT_EQ(header.stream, sent.stream);
  EXPECT_EQ(header.length, sent.length);
  EXPECT_EQ(header.number, sent.number);
  EXPECT_EQ(header.offset, sent.offset);
  EXPECT_EQ(header.sequence, sent.sequence);
  EXPECT_TRUE(CheckHolds(Bytes(bytes), Bytes("abc")));
}

// [D-5]
TEST(Frame, TheCheckCoversEveryBitOfHeaderAndPayload) {
  const std::string payload = "some payload";
  const std::string header = SerializeHeader(Data(0), Bytes(payload));
  for (size_t bit = 0; bit < 8 * (header.size() + payload.size()); ++bit) {
    std::string all = header + payload;
    all[bit / 8] = static_cast<char>(all[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(CheckHolds(Bytes(all).first(kHeaderBytes), Bytes(all).subspan(kHeaderBytes)))
        << "bit " << bit;
  }
}

// [D-3]
TEST(Frame, AHeaderOfEveryOtherSizeIsRefused) {
  const std::string bytes = SerializeHeader(Data(0), Bytes("abc")) + "more";
  for (size_t size = 0; size <= bytes.size(); ++size) {
    EXPECT_EQ(ParseHeader(Bytes(bytes).first(size)).ok(), size == kHeaderBytes) << size;
  }
}

TEST(Frame, GarbageIsRefusedAndNeverRead) {
  base::SeededRandom random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = random.Bytes(random.Below(2 * kHeaderBytes));
    EXPECT_FALSE(ParseHeader(Bytes(bytes)).ok());
    // Also behind a right beginning: whatever is taken is within its limits.
    bytes = random.Bytes(kHeaderBytes);
    bytes.replace(0, 3, "BR\x01");
    if (absl::StatusOr<FrameHeader> header = ParseHeader(Bytes(bytes)); header.ok()) {
      const FrameRule* rule = FindFrameRule(static_cast<uint8_t>(header->type));
      EXPECT_LE(header->length, rule == nullptr ? kSkippablePayloadMax : rule->payload_max);
    }
  }
}

struct Fault {
  size_t at;
  char byte;
  const char* told;
};

TEST(Frame, EachFieldOutsideTheGrammarIsRefusedByName) {
  const Fault faults[] = {
      {0, 'X', "magic"},        {1, 'X', "magic"},          {2, 2, "version 2"},
      {3, 0, "unknown type 0"}, {3, 19, "unknown type 19"}, {4, 2, "must be zero"},
      {5, 1, "must be zero"},   {6, 1, "must be zero"},     {7, 1, "must be zero"},
  };
  for (const Fault& fault : faults) {
    std::string bytes = SerializeHeader(Data(0), Bytes("abc"));
    bytes[fault.at] = fault.byte;
    EXPECT_THAT(ParseHeader(Bytes(bytes)),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(fault.told)));
  }
}

// [D-6]
TEST(Frame, EveryTypeHasItsPayloadLimitsAndItsPlaceOnAStream) {
  std::set<uint8_t> types;
  for (const FrameRule& rule : FrameRules()) {
    EXPECT_TRUE(types.insert(static_cast<uint8_t>(rule.type)).second);
    const auto parse = [&](uint32_t stream, uint64_t length) {
      FrameHeader header;
      header.type = rule.type;
      header.stream = stream;
      std::string bytes = SerializeHeader(header, {});
      for (size_t i = 0; i < 4; ++i) {
        bytes[12 + i] = static_cast<char>(length >> (8 * i));
      }
      return ParseHeader(Bytes(bytes)).ok();
    };
    const uint32_t stream = rule.on_stream ? 1 : 0;
    EXPECT_TRUE(parse(stream, rule.payload_min)) << rule.name;
    EXPECT_TRUE(parse(stream, rule.payload_max)) << rule.name;
    EXPECT_FALSE(parse(stream, uint64_t{rule.payload_max} + 1)) << rule.name;
    EXPECT_TRUE(rule.payload_min == 0 || !parse(stream, rule.payload_min - 1)) << rule.name;
    EXPECT_FALSE(parse(1 - stream, rule.payload_min)) << rule.name;
  }
  EXPECT_EQ(types.size(), 18u);
  EXPECT_EQ(*types.begin(), 1);
  EXPECT_EQ(*types.rbegin(), 18);
}

// [D-7]
TEST(Frame, AnUnknownTypeIsPassedOverOnlyWhenItSaysSo) {
  FrameHeader header;
  header.type = static_cast<FrameType>(200);
  EXPECT_FALSE(ParseHeader(Bytes(SerializeHeader(header, {}))).ok());
  header.flags = kFlagSkippable;
  ASSERT_OK_AND_ASSIGN(const FrameHeader parsed, ParseHeader(Bytes(SerializeHeader(header, {}))));
  EXPECT_FALSE(parsed.known());
  const std::string most(kSkippablePayloadMax, 'x');
  EXPECT_OK(ParseHeader(Bytes(SerializeHeader(header, Bytes(most)))));
  EXPECT_FALSE(ParseHeader(Bytes(SerializeHeader(header, Bytes(most + "x")))).ok());
}

TEST(Frame, AnAcknowledgementComesBackAndEveryOtherFormIsRefused) {
  const std::string bytes = SerializeAck({0x0102030405060708, wire::DATA_LOSS});
  EXPECT_EQ(bytes, std::string("\x08\x07\x06\x05\x04\x03\x02\x01\x1d\0\0\0\0\0\0\0", 16));
  ASSERT_OK_AND_ASSIGN(const AckPayload ack, ParseAck(bytes));
  EXPECT_EQ(ack.length, 0x0102030405060708u);
  EXPECT_EQ(ack.status, wire::DATA_LOSS);
  EXPECT_FALSE(ParseAck(bytes.substr(1)).ok());
  EXPECT_FALSE(ParseAck(bytes + "x").ok());
  std::string status = bytes;
  status[8] = 100;
  EXPECT_FALSE(ParseAck(status).ok());
  std::string reserved = bytes;
  reserved[12] = 1;
  EXPECT_FALSE(ParseAck(reserved).ok());
}

}  // namespace
}  // namespace bitrepo::transfer
