// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/credit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "channel/transfer/frame.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kEndless = 1ULL << 60;

// [D-20]
TEST(CreditLimit, OnlyRises) {
  CreditLimit limit(10);
  limit.Raise(20);
  limit.Raise(15);
  EXPECT_EQ(limit.limit(), 20u);
  EXPECT_TRUE(limit.Spend(20));
  EXPECT_FALSE(limit.Spend(1));
  EXPECT_EQ(limit.left(), 0u);
}

TEST(CreditPool, GivesAllOrNothing) {
  CreditPool pool(10);
  EXPECT_FALSE(pool.Take(11));
  EXPECT_TRUE(pool.Take(10));
  EXPECT_FALSE(pool.Take(1));
  pool.Return(10);
  EXPECT_EQ(pool.free(), 10u);
}

// [D-21]
TEST(CreditWindow, GrantsNoMoreThanTheWindowBeyondWhatWasReleased) {
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool);
  ASSERT_TRUE(window.Begin(4 * kMiB));
  EXPECT_EQ(window.Grow(kEndless, false), std::optional<uint64_t>(kStreamWindowBytes));
  EXPECT_EQ(window.Grow(kEndless, false), std::nullopt);
  ASSERT_OK(window.Arrive(3 * kMiB));
  EXPECT_EQ(window.Grow(kEndless, false), std::nullopt) << "arrived is not released";
  window.Release(2 * kMiB);
  EXPECT_EQ(window.Grow(kEndless, false), std::optional<uint64_t>(kStreamWindowBytes + 2 * kMiB));
  EXPECT_EQ(window.committed(), kStreamWindowBytes);
  EXPECT_EQ(pool.free(), 64 * kMiB - kStreamWindowBytes);
}

TEST(CreditWindow, GrantsWholeSegmentsOfASmallerWindow) {
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool, 3 * kMiB - 1);
  EXPECT_EQ(window.Grow(kEndless, false), std::optional<uint64_t>(2 * kMiB));
  EXPECT_EQ(window.Grow(kEndless, false), std::nullopt);
  CreditWindow least(pool, kSegmentBytesMax);
  EXPECT_EQ(least.Grow(kEndless, false), std::optional<uint64_t>(kSegmentBytesMax));
  EXPECT_EQ(least.Grow(kEndless, false), std::nullopt);
}

// [D-22]
TEST(CreditWindow, WhatComesBeyondTheLimitIsRefused) {
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool);
  ASSERT_TRUE(window.Begin(100));
  EXPECT_OK(window.Arrive(100));
  EXPECT_EQ(window.Arrive(1).code(), absl::StatusCode::kResourceExhausted);
  window.Release(100);
}

TEST(CreditWindow, GrantsNoMoreThanIsToCome) {
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool);
  ASSERT_TRUE(window.Begin(0));
  EXPECT_EQ(window.Grow(4096, false), std::optional<uint64_t>(4096));
  EXPECT_EQ(window.Grow(4096, false), std::nullopt);
  EXPECT_EQ(pool.free(), 64 * kMiB - 4096);
}

TEST(CreditWindow, GrowsByWholeSegmentsUntilTheRest) {
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool);
  ASSERT_TRUE(window.Begin(kStreamWindowBytes - kSegmentBytesMax + 1));
  EXPECT_EQ(window.Grow(kEndless, false), std::nullopt) << "less than a segment has room";
  EXPECT_FALSE(window.hungry());
}

TEST(CreditWindow, AStreamBeginsOnlyWhenThePoolCoversIt) {
  CreditPool pool(4 * kMiB);
  CreditWindow first(pool);
  CreditWindow second(pool);
  EXPECT_TRUE(first.Begin(4 * kMiB));
  EXPECT_FALSE(second.Begin(1));
  first.End();
  EXPECT_TRUE(second.Begin(4 * kMiB));
}

TEST(CreditWindow, ARunningStreamLeavesTheReserveToThoseThatBegin) {
  CreditPool pool(16 * kMiB);
  CreditWindow running(pool);
  ASSERT_TRUE(running.Begin(1 * kMiB));
  EXPECT_EQ(running.Grow(kEndless, false), std::optional<uint64_t>(12 * kMiB));
  CreditWindow beginning(pool);
  EXPECT_TRUE(beginning.Begin(4 * kMiB));
}

TEST(CreditWindow, WhileOthersAreHungryEachWaitsItsTurn) {
  CreditPool pool(16 * kMiB);
  CreditWindow running(pool);
  CreditWindow hungry(pool);
  ASSERT_TRUE(running.Begin(16 * kMiB));
  ASSERT_OK(running.Arrive(4 * kMiB));
  ASSERT_TRUE(hungry.Begin(0));
  EXPECT_EQ(hungry.Grow(kEndless, false), std::nullopt);
  EXPECT_TRUE(hungry.hungry());
  running.Release(4 * kMiB);
  EXPECT_EQ(running.Grow(kEndless, false), std::nullopt) << "it would take what another waits for";
  EXPECT_TRUE(running.hungry());
  EXPECT_EQ(hungry.Grow(kEndless, true), std::optional<uint64_t>(4 * kMiB));
  EXPECT_FALSE(hungry.hungry());
}

TEST(CreditWindow, GivesBackWhatItHeldWhenItDies) {
  CreditPool pool(64 * kMiB);
  {
    CreditWindow window(pool);
    ASSERT_TRUE(window.Begin(4 * kMiB));
    ASSERT_OK(window.Arrive(kMiB));
    window.Grow(kEndless, false);
    window.End();
    EXPECT_EQ(pool.free(), 63 * kMiB) << "what arrived is still held";
  }
  EXPECT_EQ(pool.free(), 64 * kMiB);
}

}  // namespace
}  // namespace bitrepo::transfer
