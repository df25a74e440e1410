// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/connection_ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bitrepo::zeromq {
namespace {

using Cut = ConnectionLedger::Cut;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

absl::Time At(double seconds) { return kStart + absl::Seconds(seconds); }

ConnectionLedger::Limits SmallLimits() {
  ConnectionLedger::Limits limits;
  limits.connections = 3;
  limits.undelivered_bytes = 1000;
  limits.undelivered_bytes_total = 2000;
  limits.greet_within = absl::Seconds(10);
  return limits;
}

// Connections 1 to `count`, accepted and greeted at the start.
ConnectionLedger Greeted(int count, ConnectionLedger::Limits limits = SmallLimits()) {
  ConnectionLedger ledger(limits);
  for (int descriptor = 1; descriptor <= count; ++descriptor) {
    ledger.OnAccepted(descriptor, kStart);
    ledger.MarkGreeted(descriptor);
  }
  return ledger;
}

struct Row {
  std::string name;
  std::vector<uint64_t> received;  // by descriptors 1, 2, ...
  std::vector<uint64_t> delivered;
  std::vector<Cut> cuts;
};

TEST(ConnectionLedger, BytesTable) {
  const Row rows[] = {
      {"nothing", {0, 0}, {0, 0}, {}},
      {"all delivered", {5'000'000}, {5'000'000}, {}},
      {"at the limit of one", {1000}, {0}, {}},
      {"one past the limit of one", {1001}, {0}, {{1, CutCause::kUndelivered}}},
      {"past the limit, but delivered", {1501}, {501}, {}},
      {"one past the limit after a delivery", {1502}, {501}, {{1, CutCause::kUndelivered}}},
      {"at the limit of all", {1000, 1000}, {0, 0}, {}},
      {"one past the limit of all: the largest goes",
       {600, 701, 700},
       {0, 0, 0},
       {{2, CutCause::kUndeliveredTotal}}},
      {"past the limit of all among equals: the lowest number goes",
       {700, 700, 700},
       {0, 0, 0},
       {{1, CutCause::kUndeliveredTotal}}},
      {"what an offender holds counts no more for the others",
       {1500, 1000, 1000},
       {0, 0, 0},
       {{1, CutCause::kUndelivered}}},
      {"more delivered than received", {10}, {500}, {}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    ConnectionLedger ledger = Greeted(static_cast<int>(row.received.size()));
    for (size_t i = 0; i < row.received.size(); ++i) {
      ledger.OnReceived(static_cast<int>(i) + 1, row.received[i]);
      ledger.OnDelivered(static_cast<int>(i) + 1, row.delivered[i], kStart);
    }
    EXPECT_EQ(ledger.TakeCuts(kStart), row.cuts);
    EXPECT_EQ(ledger.TakeCuts(kStart), std::vector<Cut>{}) << "a cut is told once";
  }
}

TEST(ConnectionLedger, OneConnectionPastTheLimitIsCutAndTheOthersStay) {
  ConnectionLedger ledger = Greeted(3);
  EXPECT_TRUE(ledger.TakeCuts(kStart).empty());
  ledger.OnAccepted(4, kStart);
  EXPECT_EQ(ledger.TakeCuts(kStart), (std::vector<Cut>{{4, CutCause::kTooManyConnections}}));
  EXPECT_EQ(ledger.connection_count(), 4u) << "its descriptor is in use until it is closed";
  ledger.OnClosed(4);
  ledger.OnClosed(1);
  ledger.OnAccepted(5, kStart);
  EXPECT_TRUE(ledger.TakeCuts(kStart).empty());
  EXPECT_EQ(ledger.connection_count(), 3u);
}

TEST(ConnectionLedger, ASilentConnectionIsCutWhenItsTimeIsOver) {
  ConnectionLedger ledger(SmallLimits());
  ledger.OnAccepted(1, At(0));
  ledger.OnAccepted(2, At(0));
  ledger.MarkGreeted(2);
  EXPECT_TRUE(ledger.TakeCuts(At(9.999)).empty());
  EXPECT_EQ(ledger.TakeCuts(At(10)), (std::vector<Cut>{{1, CutCause::kSilent}}));
  EXPECT_TRUE(ledger.TakeCuts(At(100'000)).empty());
}

TEST(ConnectionLedger, DeliveredBytesWithoutAGreetingDoNotSaveIt) {
  ConnectionLedger ledger(SmallLimits());
  ledger.OnAccepted(1, At(0));
  ledger.OnDelivered(1, 50, At(5));
  EXPECT_EQ(ledger.TakeCuts(At(10)), (std::vector<Cut>{{1, CutCause::kSilent}}));
}

TEST(ConnectionLedger, ARequestedCutIsCarriedOutOnce) {
  ConnectionLedger ledger = Greeted(2);
  ledger.RequestCut(2);
  ledger.RequestCut(2);
  ledger.RequestCut(99);
  EXPECT_EQ(ledger.TakeCuts(kStart), (std::vector<Cut>{{2, CutCause::kRequested}}));
  EXPECT_TRUE(ledger.TakeCuts(kStart).empty());
}

TEST(ConnectionLedger, ACutIsForgottenWhenTheConnectionGoesByItself) {
  ConnectionLedger ledger = Greeted(1);
  ledger.RequestCut(1);
  ledger.OnClosed(1);
  EXPECT_TRUE(ledger.TakeCuts(kStart).empty());
}

TEST(ConnectionLedger, ADescriptorUsedAgainBeginsAfresh) {
  ConnectionLedger ledger = Greeted(1);
  ledger.OnReceived(1, 900);
  ledger.OnAccepted(1, At(60));  // its end was never heard of
  EXPECT_EQ(ledger.undelivered_bytes(), 0u);
  EXPECT_TRUE(ledger.TakeCuts(At(69)).empty());
  EXPECT_EQ(ledger.TakeCuts(At(70)), (std::vector<Cut>{{1, CutCause::kSilent}}));
}

TEST(ConnectionLedger, AStrangersMessageGivesNoCreditForLater) {
  ConnectionLedger ledger = Greeted(1);
  ledger.OnDelivered(1, 1'000'000, kStart);  // of the connection that had the descriptor before
  ledger.OnReceived(1, 100);
  ledger.OnReceived(1, 1101);
  EXPECT_EQ(ledger.TakeCuts(kStart), (std::vector<Cut>{{1, CutCause::kUndelivered}}));
}

TEST(ConnectionLedger, HeartbeatsOfMonthsAreForgivenWithEachMessage) {
  ConnectionLedger ledger = Greeted(1);
  uint64_t received = 0;
  for (int minute = 1; minute <= 60 * 24 * 90; ++minute) {
    received += 12 * 16 + 100;  // heartbeats every five seconds, and one message
    ledger.OnReceived(1, received);
    ledger.OnDelivered(1, 100, At(60.0 * minute));
    ASSERT_TRUE(ledger.TakeCuts(At(60.0 * minute)).empty()) << minute;
  }
}

TEST(ConnectionLedger, AMessageForgivesNoMoreThanHeartbeatsCanHaveBeen) {
  ConnectionLedger ledger = Greeted(1);
  ledger.OnReceived(1, 1000 + 10 * ConnectionLedger::kForgivenBytesPerSecond + 100 + 1);
  ledger.OnDelivered(1, 100, At(10));
  EXPECT_EQ(ledger.undelivered_bytes(), 1001u);
  ledger.OnDelivered(1, 0, At(10));  // no time has passed
  EXPECT_EQ(ledger.TakeCuts(At(10)), (std::vector<Cut>{{1, CutCause::kUndelivered}}));
}

TEST(ConnectionLedger, LongSilenceForgivesNoMoreThanItsLimit) {
  ConnectionLedger::Limits limits = SmallLimits();
  limits.undelivered_bytes = limits.undelivered_bytes_total = 1 << 20;
  ConnectionLedger ledger = Greeted(1, limits);
  ledger.OnReceived(1, ConnectionLedger::kForgivenBytesMax + 5);
  ledger.OnDelivered(1, 0, kStart + absl::Hours(100'000));
  EXPECT_EQ(ledger.undelivered_bytes(), 5u);
}

TEST(ConnectionLedger, CutsAreCountedByCause) {
  ConnectionLedger ledger = Greeted(3);
  ledger.OnAccepted(4, kStart);
  ledger.OnAccepted(5, kStart);
  ledger.RequestCut(1);
  ledger.OnReceived(2, 5000);
  ledger.TakeCuts(kStart);
  ledger.TakeCuts(At(100));
  EXPECT_EQ(ledger.counts(),
            (std::map<std::string, uint64_t>{
                {"requested", 1}, {"too-many-connections", 2}, {"undelivered-bytes", 1}}));
}

TEST(ConnectionLedger, EventsOfUnknownConnectionsAreFine) {
  ConnectionLedger ledger(SmallLimits());
  ledger.OnClosed(7);
  ledger.OnReceived(7, 1'000'000);
  ledger.OnDelivered(7, 10, kStart);
  ledger.MarkGreeted(7);
  EXPECT_TRUE(ledger.TakeCuts(At(1000)).empty());
  EXPECT_EQ(ledger.connection_count(), 0u);
}

TEST(ConnectionsFor, KeepsDescriptorsForFiles) {
  EXPECT_EQ(ConnectionsFor(1'000'000), 1024u);
  EXPECT_EQ(ConnectionsFor(1024 + 512), 1024u);
  EXPECT_EQ(ConnectionsFor(1024 + 511), 1023u);
  EXPECT_EQ(ConnectionsFor(513), 1u);
  EXPECT_EQ(ConnectionsFor(512), 1u);
  EXPECT_EQ(ConnectionsFor(0), 1u);
}

TEST(ConnectionLedger, WhoHasSpokenAndFallsQuietIsCut) {
  ConnectionLedger::Limits limits = SmallLimits();
  limits.quiet_longest = absl::Seconds(12);
  ConnectionLedger ledger = Greeted(2, limits);  // of the second nothing is known
  for (int second = 0; second <= 30; second += 10) {
    ledger.OnReceived(1, 100 + static_cast<uint64_t>(second));
    EXPECT_TRUE(ledger.TakeCuts(At(second)).empty()) << second;
  }
  ledger.OnReceived(1, 130);
  EXPECT_TRUE(ledger.TakeCuts(At(41.9)).empty());
  EXPECT_EQ(ledger.TakeCuts(At(42)), (std::vector<Cut>{{1, CutCause::kSilent}}));
}

// A message under way that is longer than any may be; what is whole is delivered when its turn
// comes.
class EndlessMessage : public ::testing::Test {
 protected:
  EndlessMessage() {
    ConnectionLedger::Limits limits = SmallLimits();
    limits.message_bytes = 100;
    ledger_.emplace(Greeted(2, limits));
  }
  // What has come of connection 1 so far, and what of it the kernel still has.
  std::vector<Cut> Sample(uint64_t received, uint64_t unread = 0, bool served = true) {
    ledger_->OnReceived(1, received, unread);
    ledger_->OnSampled(served);
    return ledger_->TakeCuts(At(1));
  }
  const std::vector<Cut> kCut = {{1, CutCause::kEndlessMessage}};

  std::optional<ConnectionLedger> ledger_;
};

TEST_F(EndlessMessage, IsCutWhenItIsStillUnderWayAtTheNextSample) {
  EXPECT_TRUE(Sample(101).empty());
  EXPECT_EQ(Sample(101), kCut);
  EXPECT_EQ(ledger_->counts().at("endless-message"), 1u);
  EXPECT_TRUE(Sample(500).empty()) << "once";
}

TEST_F(EndlessMessage, AtTheLimitItIsNone) {
  EXPECT_TRUE(Sample(100).empty());
  EXPECT_TRUE(Sample(100).empty());
}

TEST_F(EndlessMessage, WhatTheKernelHoldsIsNobodysMessageYet) {
  EXPECT_TRUE(Sample(900, 800).empty());
  EXPECT_TRUE(Sample(900, 800).empty());
  EXPECT_TRUE(Sample(900, 799).empty());
  EXPECT_EQ(Sample(900, 799), kCut);
}

TEST_F(EndlessMessage, ADeliveryInBetweenProvesThatItHadAnEnd) {
  EXPECT_TRUE(Sample(300).empty());
  ledger_->OnDelivered(1, 90, At(1));
  EXPECT_TRUE(Sample(600).empty());
  ledger_->OnDelivered(2, 90, At(1));
  EXPECT_EQ(Sample(600), kCut) << "another's proves nothing";
}

TEST_F(EndlessMessage, WhileNobodyAsksTheSocketWholeMessagesMayWait) {
  EXPECT_TRUE(Sample(300).empty());
  EXPECT_TRUE(Sample(600, 0, false).empty());
  EXPECT_TRUE(Sample(600, 0, false).empty());
  EXPECT_EQ(Sample(600), kCut);
}

}  // namespace
}  // namespace bitrepo::zeromq
