// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/message.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace bitrepo::zeromq {
namespace {

TEST(Frame, OfALargeBufferSharesItsBytesAndDropsTheShareWithTheFrame) {
  auto owner = std::make_shared<std::string>(Frame::kCopiedBytesMax + 1, 'x');
  const std::weak_ptr<std::string> alive = owner;
  const std::byte* data = std::as_bytes(std::span(*owner)).data();
  {
    const Frame frame = Frame::Of(base::Buffer(std::as_bytes(std::span(*owner)), owner));
    owner.reset();
    EXPECT_EQ(frame.bytes().data(), data);
    EXPECT_EQ(frame.size(), Frame::kCopiedBytesMax + 1);
    EXPECT_FALSE(alive.expired());
  }
  EXPECT_TRUE(alive.expired());
}

TEST(Frame, OfASmallBufferIsACopy) {
  const base::Buffer buffer = base::Buffer::Of(std::string(Frame::kCopiedBytesMax, 'x'));
  const Frame frame = Frame::Of(buffer);
  EXPECT_NE(frame.bytes().data(), buffer.bytes().data());
  EXPECT_EQ(frame.text(), buffer.text());
}

TEST(Frame, BecomesABufferWithoutACopy) {
  Frame frame = Frame::Copy(std::string(100'000, 'y'));
  const std::byte* data = frame.bytes().data();
  const base::Buffer buffer = std::move(frame).ToBuffer();
  EXPECT_EQ(buffer.bytes().data(), data);
  EXPECT_EQ(buffer.size(), 100'000u);
}

TEST(Frame, OfNoBytesIsFine) {
  EXPECT_EQ(Frame::Copy("").size(), 0u);
  EXPECT_EQ(Frame::Of(base::Buffer()).size(), 0u);
  EXPECT_TRUE(Frame().ToBuffer().empty());
}

TEST(Frame, MovesAndLeavesNothingBehind) {
  Frame first = Frame::Copy("bytes");
  Frame second = std::move(first);
  EXPECT_EQ(second.text(), "bytes");
  Frame third;
  third = std::move(second);
  EXPECT_EQ(third.text(), "bytes");
  EXPECT_EQ(third.source_descriptor(), -1);
}

}  // namespace
}  // namespace bitrepo::zeromq
