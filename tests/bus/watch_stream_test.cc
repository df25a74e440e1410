// SPDX-License-Identifier: Apache-2.0
#include "bus/watch_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::bus {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

Frames Message(const std::string& sample = "put-file-request") {
  return ToFrames(protocol::samples::Seal(protocol::samples::ByName(sample)));
}

TEST(WatchEncoderTest, NumbersCopiesFromOneInLittleEndian) {
  WatchEncoder encoder;
  EXPECT_EQ(encoder.Encode(Message())[0], std::string("\x01\0\0\0\0\0\0\0", 8));
  for (int i = 0; i < 255; ++i) {
    encoder.Encode(Message());
  }
  EXPECT_EQ(encoder.Encode(Message())[0], std::string("\x01\x01\0\0\0\0\0\0", 8));
  EXPECT_EQ(encoder.encoded(), 257u);
}

// [B-24]
TEST(WatchEncoderTest, LeavesSecretAndSignatureOut) {
  WatchEncoder encoder;
  const Frames message = Message("put-file-progress");
  ASSERT_THAT(message[3], HasSubstr("token"));
  const Frames copy = encoder.Encode(message);
  ASSERT_THAT(copy, SizeIs(kWatchFrames));
  for (const std::string& frame : copy) {
    EXPECT_THAT(frame, Not(HasSubstr(message[3])));
  }
  EXPECT_EQ(copy[1], message[0]);
  EXPECT_EQ(copy[2], message[1]);
  EXPECT_EQ(copy[3], message[2]);
}

TEST(WatchDecoderTest, ReadsEveryKindOfMessageAlsoWhereASecretWasLeftOut) {
  WatchEncoder encoder;
  WatchDecoder decoder;
  for (const protocol::samples::Sample& sample : protocol::samples::All()) {
    const auto copy = decoder.Decode(encoder.Encode(ToFrames(protocol::samples::Seal(sample))));
    ASSERT_TRUE(copy.has_value()) << sample.name;
    EXPECT_EQ(copy->destination, sample.destination) << sample.name;
    EXPECT_EQ(copy->header.kind(), sample.header.kind()) << sample.name;
    EXPECT_EQ(copy->missed, 0u);
  }
  EXPECT_EQ(decoder.malformed(), 0u);
  EXPECT_EQ(decoder.missed(), 0u);
}

// [H-17]
TEST(WatchDecoderTest, CountsWhatIsMissingByTheNumbers) {
  WatchEncoder encoder;
  WatchDecoder decoder;
  for (int i = 0; i < 10; ++i) {
    encoder.Encode(Message());
  }
  EXPECT_EQ(decoder.Decode(encoder.Encode(Message()))->missed, 0u)
      << "a late joiner missed nothing";
  EXPECT_EQ(decoder.Decode(encoder.Encode(Message()))->missed, 0u);
  for (int i = 0; i < 7; ++i) {
    encoder.Encode(Message());
  }
  const auto copy = decoder.Decode(encoder.Encode(Message()));
  EXPECT_EQ(copy->missed, 7u);
  EXPECT_EQ(copy->sequence, 20u);
  EXPECT_EQ(decoder.missed(), 7u);
}

TEST(WatchDecoderTest, ANumberThatFallsIsANewRunOfTheCoordinator) {
  WatchEncoder before;
  WatchDecoder decoder;
  decoder.Decode(before.Encode(Message()));
  decoder.Decode(before.Encode(Message()));
  WatchEncoder after;
  after.Encode(Message());
  EXPECT_EQ(decoder.Decode(after.Encode(Message()))->missed, 1u)
      << "the first of the new run was not heard";
  EXPECT_EQ(decoder.Decode(after.Encode(Message()))->missed, 0u);
}

TEST(WatchDecoderTest, WhatIsNoCopyIsCounted) {
  WatchEncoder encoder;
  WatchDecoder decoder;
  const Frames good = encoder.Encode(Message());
  Frames short_number = good;
  short_number[0] = "1234567";
  Frames zero = good;
  zero[0] = std::string(8, '\0');
  Frames header = good;
  header[2] = "\xff\xff";
  Frames body = good;
  body[3] = "\xff\xff";
  Frames nowhere = good;
  nowhere[1] = "the moon";
  Frames five = good;
  five.push_back("");
  uint64_t malformed = 0;
  for (const Frames& bad :
       {Frames{}, Frames{"x"}, short_number, zero, header, body, nowhere, five}) {
    EXPECT_FALSE(decoder.Decode(bad).has_value());
    EXPECT_EQ(decoder.malformed(), ++malformed);
  }
  EXPECT_TRUE(decoder.Decode(good).has_value());
}

}  // namespace
}  // namespace bitrepo::bus
