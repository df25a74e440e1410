// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/rate_limiter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "channel/transfer/credit.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using ::testing::ElementsAre;

constexpr uint64_t kMiB = 1024 * 1024;
constexpr uint64_t kEndless = 1ULL << 40;
const absl::Time kStart = absl::FromUnixSeconds(1000);

RateRule Rule(wire::RateLevel level, std::string name, const char* table) {
  return {level, std::move(name), base::RateTable::Parse(table).value(), false};
}

RateTerms Terms(std::string collection, std::string partner, uint64_t session) {
  return {std::move(collection), std::move(partner), session, false};
}

uint64_t RoomOf(RateFlow& flow) { return flow.Room(kEndless, flow.segment_bytes()); }

TEST(RateLimiter, WithoutRulesNothingIsLimited) {
  RateLimiter limiter(kStart);
  RateFlow flow(limiter, Terms("photos", "alice", 1));
  EXPECT_FALSE(limiter.active());
  EXPECT_FALSE(limiter.limits());
  EXPECT_FALSE(flow.limited());
}

// [D-51]
TEST(RateLimiter, TheNarrowestOfAllLevelsWins) {
  struct Row {
    const char *node, *collection, *partner, *session;
    uint64_t room;
  };
  for (const Row& row :
       {Row{"10M", "off", "off", "off", kMiB}, Row{"10M", "5M", "off", "off", kMiB / 2},
        Row{"10M", "20M", "1M", "2M", 104'857}, Row{"10M", "off", "20M", "2M", 209'715},
        Row{"off", "off", "off", "1M", 104'857}, Row{"10M", "0", "off", "off", 0}}) {
    RateLimiter limiter(kStart);
    ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", row.node),
                                Rule(wire::RATE_COLLECTION, "photos", row.collection),
                                Rule(wire::RATE_PARTNER, "alice", row.partner),
                                Rule(wire::RATE_SESSION, "", row.session)}));
    RateFlow flow(limiter, Terms("photos", "alice", 1));
    const uint64_t room = RoomOf(flow);
    EXPECT_LE(room, row.room);
    EXPECT_EQ(room, row.room - (room == 0 ? 0 : row.room % flow.segment_bytes()));
  }
}

TEST(RateLimiter, OthersOfTheSameLevelHaveTheirOwn) {
  RateLimiter limiter(kStart);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_COLLECTION, "photos", "0"),
                              Rule(wire::RATE_COLLECTION, "", "1M"),
                              Rule(wire::RATE_PARTNER, "mallory", "0")}));
  RateFlow photos(limiter, Terms("photos", "alice", 1));
  RateFlow maps(limiter, Terms("maps", "alice", 1));
  RateFlow books(limiter, Terms("books", "alice", 1));
  RateFlow mallory(limiter, Terms("maps", "mallory", 1));
  EXPECT_EQ(RoomOf(photos), 0u) << "by its own rule";
  EXPECT_GT(RoomOf(maps), 0u) << "by that for each";
  maps.OnGranted(RoomOf(maps));
  EXPECT_GT(RoomOf(books), 0u) << "each has its own";
  EXPECT_EQ(RoomOf(mallory), 0u);
}

TEST(RateLimiter, SessionsOfOnePartnerShareTheRateOfThePartner) {
  RateLimiter limiter(kStart);
  ASSERT_OK(limiter.SetRules(
      {Rule(wire::RATE_PARTNER, "alice", "1M"), Rule(wire::RATE_SESSION, "", "1M")}));
  RateFlow one(limiter, Terms("photos", "alice", 1));
  RateFlow two(limiter, Terms("photos", "alice", 2));
  RateFlow bob(limiter, Terms("photos", "bob", 3));
  one.OnGranted(RoomOf(one));
  EXPECT_EQ(RoomOf(two), 0u);
  EXPECT_GT(RoomOf(bob), 0u);
}

TEST(RateLimiter, WhoWaitedFirstIsServedFirst) {
  RateLimiter limiter(kStart);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "1M")}));
  RateFlow first(limiter, Terms("photos", "alice", 1));
  RateFlow second(limiter, Terms("photos", "bob", 2));
  const uint64_t burst = RoomOf(first);
  first.OnGranted(burst);
  first.OnArrived(burst);
  EXPECT_EQ(RoomOf(first), 0u);
  EXPECT_TRUE(first.waiting());
  EXPECT_GT(limiter.WakeAt(), kStart + absl::Milliseconds(49));
  EXPECT_LE(limiter.WakeAt(), kStart + absl::Milliseconds(50));
  limiter.Advance(kStart + absl::Milliseconds(50));
  EXPECT_EQ(RoomOf(second), 0u) << "the first one waits for it";
  EXPECT_TRUE(second.waiting());
  limiter.BeginTurns();
  EXPECT_GT(RoomOf(first), 0u);
}

TEST(RateLimiter, WhoWaitsForHisOwnBucketHoldsUpNobodyElse) {
  RateLimiter limiter(kStart);
  ASSERT_OK(limiter.SetRules(
      {Rule(wire::RATE_NODE, "", "10M"), Rule(wire::RATE_COLLECTION, "photos", "0")}));
  RateFlow paused(limiter, Terms("photos", "alice", 1));
  RateFlow other(limiter, Terms("maps", "bob", 2));
  EXPECT_EQ(RoomOf(paused), 0u);
  EXPECT_EQ(RoomOf(other), kMiB);
  EXPECT_EQ(limiter.WakeAt(), absl::InfiniteFuture()) << "time alone changes nothing for it";
}

// [D-51]
TEST(RateLimiter, AChangeHoldsFromTheNextGrantOn) {
  RateLimiter limiter(kStart);
  RateFlow flow(limiter, Terms("photos", "alice", 1));
  flow.OnGranted(kMiB);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "10M")}));
  EXPECT_TRUE(flow.limited());
  EXPECT_EQ(RoomOf(flow), 0u) << "what is under way counts";
  flow.OnArrived(kMiB);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "0")}));
  limiter.Advance(kStart + absl::Hours(1));
  limiter.BeginTurns();
  EXPECT_EQ(RoomOf(flow), 0u);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "off")}));
  EXPECT_FALSE(flow.limited());
  ASSERT_OK(limiter.SetRules({{wire::RATE_NODE, "", {}, false}}));
  EXPECT_FALSE(limiter.active()) << "a rule without steps is none";
}

// [D-53]
TEST(RateLimiter, ATableFollowsTheMinuteOfTheDay) {
  RateLimiter limiter(kStart);
  limiter.SetRules({Rule(wire::RATE_NODE, "", "08:00,0;19:00,off")});
  EXPECT_TRUE(limiter.follows_the_clock());
  RateFlow flow(limiter, Terms("photos", "alice", 1));
  limiter.SetMinute(8 * 60 - 1);
  EXPECT_FALSE(flow.limited());
  EXPECT_FALSE(limiter.limits());
  limiter.SetMinute(8 * 60);
  EXPECT_TRUE(flow.limited());
  EXPECT_TRUE(limiter.limits());
  EXPECT_EQ(RoomOf(flow), 0u);
  limiter.SetMinute(3);  // the clock was set
  EXPECT_FALSE(flow.limited());
}

TEST(RateLimiter, WhatMayStillComeOnABrokenStreamCountsAsCome) {
  RateLimiter limiter(kStart);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "10M")}));
  for (int i = 0; i < 100; ++i) {
    RateFlow flow(limiter, Terms("photos", "alice", 1));
    const uint64_t room = RoomOf(flow);
    EXPECT_EQ(room, i == 0 ? kMiB : 0u) << "opening it again brings nothing";
    flow.OnGranted(room);
    limiter.BeginTurns();
  }
  limiter.Advance(kStart + absl::Seconds(1));
  RateFlow flow(limiter, Terms("photos", "alice", 1));
  flow.OnGranted(RoomOf(flow));
  flow.OnComplete();
  RateFlow next(limiter, Terms("photos", "alice", 1));
  EXPECT_EQ(RoomOf(next), kMiB) << "all had come of that one";
}

TEST(RateLimiter, HoldsSoManyRulesAndNotOneMore) {
  RateLimiter limiter(kStart);
  std::vector<RateRule> rules;
  for (size_t i = 0; i < kRateRulesMax; ++i) {
    rules.push_back(Rule(wire::RATE_COLLECTION, absl::StrCat("c", i), "1M"));
  }
  ASSERT_OK(limiter.SetRules(rules));
  EXPECT_EQ(limiter.SetRules({Rule(wire::RATE_NODE, "", "1M")}).code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(limiter.Uses().size(), kRateRulesMax);
  EXPECT_OK(limiter.SetRules(
      {{wire::RATE_COLLECTION, "c0", {}, false}, Rule(wire::RATE_NODE, "", "1M")}));
}

TEST(RateLimiter, TellsAllRulesAndHowTheyAreUsed) {
  RateLimiter limiter(kStart);
  RateRule rule = Rule(wire::RATE_COLLECTION, "", "08:00,1M;19:00,off");
  rule.until_restart = true;
  ASSERT_OK(limiter.SetRules({rule, Rule(wire::RATE_NODE, "", "10M")}));
  limiter.SetMinute(9 * 60);
  RateFlow photos(limiter, Terms("photos", "alice", 1));
  RateFlow maps(limiter, Terms("maps", "alice", 1));
  photos.OnGranted(3000);
  photos.OnArrived(3000);
  maps.OnGranted(4000);
  maps.OnArrived(4000);
  limiter.Advance(kStart + absl::Milliseconds(1500));
  const std::vector<wire::RateUse> uses = limiter.Uses();
  ASSERT_EQ(uses.size(), 2u);
  EXPECT_EQ(uses[0].rule().level(), wire::RATE_NODE);
  EXPECT_EQ(uses[0].bytes_per_second_max(), 10 * kMiB);
  EXPECT_EQ(uses[0].bytes_per_second(), 7000u);
  EXPECT_EQ(uses[0].transfers(), 2u);
  EXPECT_FALSE(uses[0].until_restart());
  EXPECT_EQ(uses[1].rule().level(), wire::RATE_COLLECTION);
  EXPECT_EQ(uses[1].rule().steps_size(), 2);
  EXPECT_FALSE(uses[1].rule().steps(1).has_bytes_per_second());
  EXPECT_EQ(uses[1].bytes_per_second_max(), kMiB);
  EXPECT_EQ(uses[1].bytes_per_second(), 7000u) << "of each, together";
  EXPECT_TRUE(uses[1].until_restart());
  EXPECT_EQ(RuleOf(uses[1].rule()).table, rule.table);
}

// [D-54]
TEST(RateLimiter, ABackgroundStreamYieldsAtOnceAndOnlyToOthers) {
  RateLimiter limiter(kStart);
  RateTerms terms = Terms("photos", "alice", 1);
  terms.background = true;
  RateFlow background(limiter, terms);
  EXPECT_TRUE(limiter.active());
  EXPECT_TRUE(background.limited());
  RateFlow foreground(limiter, Terms("photos", "alice", 2));
  EXPECT_FALSE(foreground.limited());
  EXPECT_EQ(RoomOf(background), kBackgroundSegmentBytes);
  background.OnGranted(kBackgroundSegmentBytes);
  foreground.OnGranted(kMiB);
  foreground.OnArrived(kMiB);
  background.OnArrived(kBackgroundSegmentBytes);
  EXPECT_EQ(RoomOf(background), 0u);
  EXPECT_TRUE(background.waiting());
  EXPECT_EQ(limiter.WakeAt(), kStart + kBackgroundYield);
  limiter.Advance(kStart + kBackgroundYield);
  limiter.BeginTurns();
  EXPECT_GT(RoomOf(background), 0u);
}

// A refused segment needs the credit for all of it at once, also where the rate is less by now.
TEST(CreditWindow, ASegmentThatComesAgainIsNotCutByARate) {
  RateLimiter limiter(kStart);
  RateFlow flow(limiter, Terms("photos", "alice", 1));
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool);
  ASSERT_TRUE(window.Begin(0, &flow));
  EXPECT_EQ(window.Grow(kMiB, false), std::optional<uint64_t>(kMiB));
  ASSERT_OK(window.Arrive(kMiB));
  window.Release(kMiB);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "1K")}));
  EXPECT_EQ(window.Grow(kMiB, false, kMiB), std::optional<uint64_t>(2 * kMiB));
  window.End();
}

TEST(CreditWindow, StopsAtTheRateAndSaysSo) {
  RateLimiter limiter(kStart);
  ASSERT_OK(limiter.SetRules({Rule(wire::RATE_NODE, "", "10M")}));
  RateFlow flow(limiter, Terms("photos", "alice", 1));
  CreditPool pool(64 * kMiB);
  CreditWindow window(pool);
  ASSERT_TRUE(window.Begin(0, &flow));
  EXPECT_EQ(window.Grow(kEndless, false), std::optional<uint64_t>(kMiB));
  EXPECT_FALSE(window.slowed());
  EXPECT_EQ(window.Grow(kEndless, false), std::nullopt);
  EXPECT_TRUE(window.slowed());
  EXPECT_FALSE(window.hungry()) << "there is memory enough";
  EXPECT_EQ(pool.free(), 63 * kMiB);
  window.End();
}

}  // namespace
}  // namespace bitrepo::transfer
