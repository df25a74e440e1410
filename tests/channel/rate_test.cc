// SPDX-License-Identifier: Apache-2.0
// The receiver decides how fast bytes come, whoever dialled: every window of time is measured where
// they arrive.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/container/btree_map.h"
#include "channel/granted_transfer.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using transfer::FrameType;
using transfer::RateRule;

constexpr uint64_t kMiB = 1024 * 1024;

RateRule Rule(wire::RateLevel level, std::string name, const char* table) {
  return {level, std::move(name), base::RateTable::Parse(table).value(), false};
}

// What arrived when, and the most that any window of time had beyond its share.
class Arrivals {
 public:
  void Add(absl::Time when, uint64_t bytes) { arrivals_.emplace_back(when, bytes); }
  // The most of: bytes of a window - rate * its length. At most the burst, as is promised.
  double MostBeyond(uint64_t rate) const {
    double most = 0;
    double beyond = 0;  // of the worst window that ends here
    absl::Time last = arrivals_.empty() ? absl::Time() : arrivals_.front().first;
    for (const auto& [when, bytes] : arrivals_) {
      beyond =
          std::max(0.0, beyond - static_cast<double>(rate) * absl::ToDoubleSeconds(when - last));
      beyond += static_cast<double>(bytes);
      most = std::max(most, beyond);
      last = when;
    }
    return most;
  }
  uint64_t Between(absl::Time from, absl::Time to) const {
    uint64_t all = 0;
    for (const auto& [when, bytes] : arrivals_) all += when >= from && when < to ? bytes : 0;
    return all;
  }

 private:
  std::vector<std::pair<absl::Time, uint64_t>> arrivals_;
};

// Everything on its way into one channel, by who must hold it back.
struct Meter {
  Arrivals all;
  absl::btree_map<std::string, Arrivals> collections;
  absl::btree_map<std::string, Arrivals> partners;
};

// Looks at every DATA frame as it is sent: with no delay on the path that is when it arrives.
class MeteredSink final : public Sink {
 public:
  MeteredSink(const base::Clock& clock, Meter& meter, std::string collection, std::string partner)
      : clock_(clock),
        meter_(meter),
        collection_(std::move(collection)),
        partner_(std::move(partner)) {}
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override {
    meter_.all.Add(clock_.Now(), range.length());
    meter_.collections[collection_].Add(clock_.Now(), range.length());
    meter_.partners[partner_].Add(clock_.Now(), range.length());
    below.Write(range, std::move(bytes), std::move(done));
  }
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override {
    below.Commit(size_bytes, std::move(sha256), std::move(done));
  }
  void Aborted(const absl::Status& why) override { below.Aborted(why); }

  TextSink below;

 private:
  const base::Clock& clock_;
  Meter& meter_;
  const std::string collection_;
  const std::string partner_;
};

class RateTest : public testing::Test {
 protected:
  void Begin(ChannelOptions serving, ChannelOptions dialling = Node("client-1")) {
    pair_.emplace(std::move(serving), std::move(dialling));
    ASSERT_OK(pair_->Start());
  }
  ChannelOptions Limited(std::string node, std::vector<RateRule> rules) {
    ChannelOptions options = Node(std::move(node));
    options.rates = std::move(rules);
    return options;
  }
  struct Run {
    std::shared_ptr<MeteredSink> sink;
    std::shared_ptr<Told> told = std::make_shared<Told>();    // of who dialled
    std::shared_ptr<Told> served = std::make_shared<Told>();  // of who granted
    std::shared_ptr<std::vector<bool>> pauses = std::make_shared<std::vector<bool>>();
    std::string text;
  };
  TransferEvents Events(const Run& run) {
    TransferEvents events = Into(run.served);
    events.on_paused = [pauses = run.pauses](bool paused) { pauses->push_back(paused); };
    return events;
  }
  Run Put(size_t bytes, const std::string& collection = "photos",
          const std::string& principal = "alice", absl::Duration term = absl::Hours(1),
          bool background = false) {
    Run run = MakeRun(bytes, collection, principal);
    wire::TokenBody body = pair_->mint.Store(bytes);
    body.set_collection_id(collection);
    body.set_principal(principal);
    body.set_background(background);
    const std::string token = pair_->mint.Seal(body, pair_->loop.Now() + term);
    pair_->serving->GrantStore(body, run.sink, Events(run));
    pair_->dialling->Push(token, std::make_shared<TextSource>(run.text), Into(run.told));
    pair_->loop.RunReady();
    return run;
  }
  Run Get(size_t bytes, absl::Duration term = absl::Hours(1)) {
    Run run = MakeRun(bytes, "photos", "pillar-1");
    wire::TokenBody body = pair_->mint.Fetch(run.text);
    const std::string token = pair_->mint.Seal(body, pair_->loop.Now() + term);
    pair_->serving->GrantFetch(body, std::make_shared<TextSource>(run.text), Events(run));
    pair_->dialling->Fetch(token, {}, run.sink, Into(run.told));
    pair_->loop.RunReady();
    return run;
  }
  void SetRates(Channel& channel, std::vector<RateRule> rules) {
    channel.SetRates(std::move(rules), [](const absl::Status& how, Channel::RateUses,
                                          Channel::RateUses) { EXPECT_OK(how); });
    pair_->loop.RunReady();
  }
  absl::Duration Until(const Run& run, absl::Duration most) {
    const absl::Time begin = pair_->loop.Now();
    while (!run.told->ended() && pair_->loop.Now() < begin + most) {
      pair_->loop.Advance(absl::Milliseconds(1));
    }
    return pair_->loop.Now() - begin;
  }

  Meter meter_;
  std::optional<ChannelPair> pair_;

 private:
  Run MakeRun(size_t bytes, const std::string& collection, const std::string& partner) {
    Run run;
    run.text = SomeBytes(bytes);
    run.sink = std::make_shared<MeteredSink>(pair_->loop.clock(), meter_, collection, partner);
    return run;
  }
};

// [D-50]
TEST_F(RateTest, APutComesAtTheRateOfThePillar) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "10M")}));
  const Run run = Put(30 * kMiB);
  const absl::Duration took = Until(run, absl::Seconds(10));
  EXPECT_OK(run.told->end());
  EXPECT_TRUE(run.sink->below.text == run.text);
  EXPECT_LE(meter_.all.MostBeyond(10 * kMiB), static_cast<double>(kMiB));
  EXPECT_LT(took, absl::Milliseconds(3100)) << "and not slower";
}

// [D-50]
TEST_F(RateTest, AGetComesAtTheRateOfTheClient) {
  Begin(Node("pillar-1"), Limited("client-1", {Rule(wire::RATE_PARTNER, "pillar-1", "10M")}));
  const Run run = Get(30 * kMiB);
  const absl::Duration took = Until(run, absl::Seconds(10));
  EXPECT_OK(run.told->end());
  EXPECT_LE(meter_.all.MostBeyond(10 * kMiB), static_cast<double>(kMiB));
  EXPECT_LT(took, absl::Milliseconds(3100));
}

TEST_F(RateTest, ADelayOfThePathCostsNoThroughput) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "10M")}));
  pair_->net.SetDelay(absl::Milliseconds(20));
  const Run run = Put(30 * kMiB);
  EXPECT_LT(Until(run, absl::Seconds(10)), absl::Milliseconds(3300));
  EXPECT_OK(run.told->end());
}

TEST_F(RateTest, ASenderKeepsItsOwnPaceToo) {
  ChannelOptions slow = Node("client-1");
  slow.pace = *base::RateTable::Parse("10M");
  Begin(Node("pillar-1"), std::move(slow));
  const Run run = Put(30 * kMiB);
  EXPECT_LT(Until(run, absl::Seconds(10)), absl::Milliseconds(3100));
  EXPECT_OK(run.told->end());
  EXPECT_LE(meter_.all.MostBeyond(10 * kMiB), static_cast<double>(kMiB));
}

// [D-50] [D-51]
TEST_F(RateTest, AHundredStreamsNeverExceedAnyOfTheirRates) {
  Begin(Limited("pillar-1",
                {Rule(wire::RATE_NODE, "", "20M"), Rule(wire::RATE_COLLECTION, "maps", "3M"),
                 Rule(wire::RATE_PARTNER, "", "8M")}));
  pair_->net.SetDelay(absl::Milliseconds(3));
  std::vector<Run> runs;
  for (size_t i = 0; i < 100; ++i) {
    runs.push_back(Put(100'000 + (i * 7919) % (kMiB / 2), i % 3 == 0 ? "maps" : "photos",
                       i % 2 == 0 ? "alice" : "bob"));
    pair_->loop.Advance(absl::Milliseconds(i % 7));
    if (i % 30 == 29) {
      pair_->net.CutAll();
    }
  }
  pair_->loop.Advance(absl::Seconds(30));
  for (const Run& run : runs) EXPECT_TRUE(run.told->ended());
  EXPECT_LE(meter_.all.MostBeyond(20 * kMiB), static_cast<double>(2 * kMiB));
  EXPECT_LE(meter_.collections["maps"].MostBeyond(3 * kMiB), 0.3 * kMiB);
  EXPECT_LE(meter_.partners["alice"].MostBeyond(8 * kMiB), 0.8 * kMiB);
  EXPECT_LE(meter_.partners["bob"].MostBeyond(8 * kMiB), 0.8 * kMiB);
}

TEST_F(RateTest, StreamsOfOneNodeShareItFairly) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "10M")}));
  const Run one = Put(20 * kMiB, "photos", "alice");
  const Run two = Put(20 * kMiB, "photos", "bob");
  pair_->loop.Advance(absl::Seconds(2));
  const auto alice = static_cast<double>(one.sink->below.written_bytes);
  const auto bob = static_cast<double>(two.sink->below.written_bytes);
  EXPECT_NEAR(alice / bob, 1.0, 0.2);
}

// [D-51]
TEST_F(RateTest, ALowerRateHoldsWithinASecondInMidTransfer) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "10M")}));
  const Run run = Put(60 * kMiB);
  pair_->loop.Advance(absl::Seconds(2));
  const absl::Time changed = pair_->loop.Now();
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "2M")});
  pair_->loop.Advance(absl::Seconds(5));
  EXPECT_LE(meter_.all.Between(changed + absl::Seconds(1), changed + absl::Seconds(4)), 6.3 * kMiB);
  EXPECT_GE(meter_.all.Between(changed + absl::Seconds(1), changed + absl::Seconds(4)), 5.7 * kMiB);
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "off")});
  EXPECT_OK(run.told->end()) << "without a limit it is done at once";
}

// [D-51]
TEST_F(RateTest, ALimitInMidTransferIsNoLongSilence) {
  Begin(Node("pillar-1"));
  pair_->net.SetDelay(absl::Milliseconds(5));
  const Run run = Put(100 * kMiB);
  pair_->loop.Advance(absl::Milliseconds(30));
  ASSERT_FALSE(run.told->ended());
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "2M")});
  const absl::Time changed = pair_->loop.Now();
  pair_->loop.Advance(absl::Seconds(3));
  EXPECT_LE(meter_.all.Between(changed + absl::Milliseconds(100), changed + absl::Seconds(1)),
            2.2 * kMiB);
  EXPECT_GE(meter_.all.Between(changed + absl::Seconds(2), changed + absl::Seconds(3)), 1.8 * kMiB);
}

// [D-52]
TEST_F(RateTest, UnderALimitNothingComesUnasked) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_COLLECTION, "maps", "10M")}));
  const Run run = Put(1000, "photos");
  EXPECT_OK(run.told->end());
  const auto& said = pair_->dialling_link.sent;
  EXPECT_EQ(pair_->serving_link.CountSent(FrameType::kCredit), 1u) << "for what is not limited too";
  EXPECT_EQ(said.back().type, FrameType::kCommit);
}

// [D-52]
TEST_F(RateTest, WhatAnOldSessionMaySendUnaskedIsADebt) {
  Begin(Node("pillar-1"));
  EXPECT_OK(Put(1000).told->end());
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "4M")});
  const absl::Time changed = pair_->loop.Now();
  const Run first = Put(4 * kMiB);
  EXPECT_EQ(first.sink->below.written_bytes, 4 * kMiB) << "as WELCOME had promised";
  EXPECT_OK(first.told->end());
  const Run second = Put(20 * kMiB);
  pair_->loop.Advance(absl::Milliseconds(900));
  EXPECT_LE(meter_.all.Between(changed, pair_->loop.Now()), 8 * kMiB + 1000);
  pair_->loop.Advance(absl::Seconds(8));
  EXPECT_OK(second.told->end());
}

// [D-55]
TEST_F(RateTest, APauseFailsNothingHoweverLong) {
  for (const bool put : {true, false}) {
    Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "1M")}),
          Limited("client-1", {Rule(wire::RATE_NODE, "", "1M")}));
    const absl::Duration term = absl::Seconds(20);
    const Run run = put ? Put(3 * kMiB, "photos", "alice", term) : Get(3 * kMiB, term);
    pair_->loop.Advance(absl::Seconds(1));
    Channel& receiving = put ? *pair_->serving : *pair_->dialling;
    SetRates(receiving, {Rule(wire::RATE_NODE, "", "0")});
    pair_->loop.Advance(absl::Seconds(1));
    const uint64_t before = run.sink->below.written_bytes;
    EXPECT_TRUE(run.pauses->back()) << "who granted it knows that it waits";
    pair_->loop.Advance(absl::Hours(2));
    EXPECT_EQ(run.sink->below.written_bytes, before);
    ASSERT_FALSE(run.told->ended()) << "put " << put << ", though its token expired";
    ASSERT_FALSE(run.served->ended());
    SetRates(receiving, {Rule(wire::RATE_NODE, "", "1M")});
    pair_->loop.Advance(absl::Seconds(4));
    EXPECT_OK(run.told->end());
    EXPECT_FALSE(run.pauses->back());
  }
}

TEST_F(RateTest, APauseEndsWithItsStreamAndBeginsWithTheNext) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "1M")}));
  const Run run = Put(20 * kMiB);
  pair_->loop.Advance(absl::Seconds(6));
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "0")});
  pair_->loop.Advance(absl::Seconds(1));
  ASSERT_TRUE(run.pauses->back());
  const size_t told = run.pauses->size();
  pair_->net.CutAll();
  pair_->loop.Advance(absl::Seconds(5));
  ASSERT_EQ(run.pauses->size(), told + 2) << "the stream that broke waits no more";
  EXPECT_FALSE(run.pauses->at(told));
  EXPECT_TRUE(run.pauses->back()) << "the one that goes on does";
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "off")});
  pair_->loop.Advance(absl::Seconds(1));
  EXPECT_OK(run.told->end());
}

// [D-55]
TEST_F(RateTest, APauseKeepsNoTokenForEver) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "0")}));
  const Run run = Put(kMiB, "photos", "alice", absl::Seconds(20));
  pair_->loop.Advance(kPausedTermMax);
  EXPECT_FALSE(run.served->ended());
  pair_->loop.Advance(absl::Minutes(1));
  EXPECT_EQ(run.served->end().code(), absl::StatusCode::kDeadlineExceeded);
}

// A stalled sender has credit: its token expires as ever.
TEST_F(RateTest, WhoHasCreditAndSendsNothingIsNotPaused) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "1M")}));
  Run run = Put(0);
  wire::TokenBody body = pair_->mint.Store(kMiB);
  const std::string token = pair_->mint.Seal(body, pair_->loop.Now() + absl::Seconds(20));
  pair_->serving->GrantStore(body, run.sink, Into(run.served = std::make_shared<Told>()));
  auto source = std::make_shared<TextSource>(SomeBytes(kMiB));
  source->hold = true;
  pair_->dialling->Push(token, source, Into(run.told = std::make_shared<Told>()));
  pair_->loop.Advance(absl::Seconds(60));
  EXPECT_EQ(run.served->end().code(), absl::StatusCode::kDeadlineExceeded);
}

// [D-53]
TEST_F(RateTest, ATableOfTheDayPicksTheRateByTheWallClockAlone) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "08:00,0;19:00,off")}));
  const auto set_wall = [&](int hour) {
    pair_->loop.manual_clock().SetWall(
        absl::FromCivil(absl::CivilHour(2026, 3, 2, hour), absl::LocalTimeZone()));
    pair_->loop.Advance(absl::Seconds(2));
  };
  set_wall(9);
  const Run day = Put(kMiB);
  pair_->loop.Advance(absl::Minutes(1));
  EXPECT_FALSE(day.told->ended());
  set_wall(20);
  EXPECT_OK(day.told->end());
  set_wall(10);  // it was set back
  const Run again = Put(kMiB);
  pair_->loop.Advance(absl::Minutes(1));
  EXPECT_FALSE(again.told->ended());
}

// [D-54]
TEST_F(RateTest, ABackgroundPutBeginsWithoutBytesUnaskedAndYields) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_PARTNER, "bob", "20M")}));
  pair_->net.SetDelay(absl::Milliseconds(1));
  const Run background = Put(200 * kMiB, "photos", "alice", absl::Hours(1), true);
  pair_->loop.Advance(absl::Milliseconds(60));
  EXPECT_GT(background.sink->below.written_bytes, 2 * kMiB) << "it takes what nobody else wants";
  ASSERT_FALSE(background.told->ended());
  const Run foreground = Put(40 * kMiB, "photos", "bob");
  pair_->loop.Advance(absl::Milliseconds(20));
  const uint64_t before = background.sink->below.written_bytes;
  pair_->loop.Advance(absl::Milliseconds(1800));
  const uint64_t beside = background.sink->below.written_bytes - before;
  EXPECT_LE(beside, 25 * transfer::kBackgroundSegmentBytes);
  EXPECT_GE(beside, 10 * transfer::kBackgroundSegmentBytes);
  pair_->loop.Advance(absl::Seconds(30));
  EXPECT_OK(foreground.told->end());
  EXPECT_OK(background.told->end());
}

// [D-22]
TEST_F(RateTest, ASegmentDamagedOnTheWayComesAgainUnderARateToo) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "1M")}));
  int data = 0;
  pair_->dialling_link.trouble = [&](LinkFrame& frame) {
    const auto header = transfer::ParseHeader(frame.header.bytes());
    if (header.ok() && header->type == FrameType::kData && ++data == 3) FlipPayloadBit(frame);
  };
  const Run run = Put(kMiB);
  pair_->loop.Advance(absl::Seconds(1));
  SetRates(*pair_->serving, {Rule(wire::RATE_NODE, "", "100K")});
  pair_->loop.Advance(absl::Seconds(60));
  EXPECT_OK(run.told->end());
}

TEST_F(RateTest, TellsTheRatesBeforeAndAfter) {
  Begin(Limited("pillar-1", {Rule(wire::RATE_NODE, "", "10M")}));
  Channel::RateUses old_ones;
  Channel::RateUses new_ones;
  pair_->serving->SetRates(
      {Rule(wire::RATE_NODE, "", "2M"), Rule(wire::RATE_SESSION, "", "1M")},
      [&](const absl::Status& how, Channel::RateUses before, Channel::RateUses after) {
        EXPECT_OK(how);
        old_ones = std::move(before);
        new_ones = std::move(after);
      });
  pair_->loop.RunReady();
  ASSERT_EQ(old_ones.size(), 1u);
  EXPECT_EQ(old_ones[0].bytes_per_second_max(), 10 * kMiB);
  ASSERT_EQ(new_ones.size(), 2u);
  EXPECT_EQ(new_ones[0].bytes_per_second_max(), 2 * kMiB);
}

}  // namespace
}  // namespace bitrepo::channel
