// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "channel/transfer/rate_limiter.h"
#include "pillar/requests/group_commit.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

constexpr uint64_t kMiB = 1024 * 1024;

class RateRequests : public ::testing::Test {
 protected:
  protocol::Envelope Set(wire::RateLevel level, const std::string& name, const char* table) {
    PillarRig::Ask ask;
    ask.operation = wire::SET_RATES;
    transfer::RateRule rule{level, name, {}, false};
    if (table != nullptr) rule.table = *base::RateTable::Parse(table);
    *ask.body.mutable_set_rates_request()->add_rules() = transfer::ToWire(rule);
    ask.body.set_reason("the line is needed");
    const protocol::Envelope request = rig.Request(std::move(ask));
    rig.Send(request);
    rig.Run();
    return request;
  }
  wire::GetStatusFinal Status() {
    PillarRig::Ask ask;
    ask.operation = wire::GET_STATUS;
    ask.body.mutable_get_status_request();
    const protocol::Envelope request = rig.Request(std::move(ask));
    rig.Send(request);
    rig.Run();
    return rig.Final(request)->body.get_status_final();
  }
  // Phases that were told of it, as they follow one another.
  std::vector<wire::Phase> Phases(const protocol::Envelope& request) {
    std::vector<wire::Phase> phases;
    for (const protocol::Envelope& progress : rig.Progress(request)) {
      const wire::Phase phase = progress.body.progress().phase();
      if (phases.empty() || phases.back() != phase) phases.push_back(phase);
    }
    return phases;
  }

  PillarRig rig;
};

TEST_F(RateRequests, WhatIsSetIsTold) {
  const protocol::Envelope request = Set(wire::RATE_COLLECTION, "photos", "10M");
  EXPECT_EQ(rig.Code(request), wire::OPERATION_COMPLETED);
  const wire::SetRatesFinal& final = rig.Final(request)->body.set_rates_final();
  ASSERT_EQ(final.rates_size(), 1);
  EXPECT_EQ(final.rates(0).rule().name(), "photos");
  EXPECT_EQ(final.rates(0).bytes_per_second_max(), 10 * kMiB);
  EXPECT_TRUE(final.rates(0).until_restart());
  const wire::GetStatusFinal status = Status();
  ASSERT_EQ(status.rates_size(), 1);
  EXPECT_EQ(status.rates(0).rule().name(), "photos");
  Set(wire::RATE_COLLECTION, "photos", nullptr);
  EXPECT_EQ(Status().rates_size(), 0) << "a rule without steps takes it away";
}

TEST_F(RateRequests, IsInTheAuditTrailWithWhatItWasBefore) {
  Set(wire::RATE_NODE, "", "10M");
  Set(wire::RATE_NODE, "", "08:00,2M;19:00,off");
  rig.Run(2 * requests::kAuditPause);
  const auto page = rig.store.memory.ReadAudit({}, 100);
  ASSERT_OK(page);
  std::vector<std::string> details;
  for (const store::AuditRecord& record : page->records) {
    if (record.event.action == "SET_RATES") details.push_back(record.event.detail);
  }
  ASSERT_EQ(details.size(), 2u);
  EXPECT_EQ(details[0], "node 10M, was none; reason: the line is needed");
  EXPECT_EQ(details[1], "node 08:00,2M;19:00,off, was 10M; reason: the line is needed");
}

TEST_F(RateRequests, MoreThanThereMayBeAreRefusedAndNoneIsSet) {
  for (size_t i = 0; i < transfer::kRateRulesMax; ++i) {
    EXPECT_EQ(rig.Code(Set(wire::RATE_PARTNER, absl::StrCat("a", i), "1M")),
              wire::OPERATION_COMPLETED);
  }
  EXPECT_EQ(rig.Code(Set(wire::RATE_NODE, "", "1M")), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(Status().rates_size(), static_cast<int>(transfer::kRateRulesMax));
}

TEST_F(RateRequests, APausedPutIsToldSoAndNeverFailsForIt) {
  Set(wire::RATE_PARTNER, "alice", "0");
  const protocol::Envelope put = rig.Put("a", 3 * kMiB);
  rig.Send(put);
  rig.Run();
  const auto transfer = rig.Push(rig.Token(put), std::string(3 * kMiB, 'x'));
  rig.Run(absl::Minutes(40));
  EXPECT_EQ(rig.Final(put), nullptr);
  EXPECT_FALSE(transfer->end.has_value());
  EXPECT_EQ(Phases(put).back(), wire::WAITING_FOR_CREDIT);
  Set(wire::RATE_PARTNER, "alice", nullptr);
  rig.Run(absl::Seconds(5));
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
}

TEST_F(RateRequests, APausedPutDoesNotGiveWayToOneThatWaits) {
  Set(wire::RATE_PARTNER, "alice", "0");
  const protocol::Envelope put = rig.Put("a", kMiB);
  rig.Send(put);
  rig.Run();
  rig.Push(rig.Token(put), std::string(kMiB, 'x'));
  rig.Run(absl::Seconds(3));
  PillarRig::Ask other;
  other.operation = wire::PUT_FILE;
  other.principal = "bob";
  other.body.mutable_put_file_request()->set_file_id("a");
  other.body.mutable_put_file_request()->set_size_bytes(kMiB);
  const protocol::Envelope second = rig.Request(std::move(other));
  rig.Send(second);
  rig.Run(absl::Seconds(30));
  EXPECT_EQ(rig.Final(put), nullptr);
  EXPECT_EQ(rig.Code(second), wire::CONFLICT);
}

TEST_F(RateRequests, APutInTheBackgroundHasATokenThatSaysSo) {
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.body.mutable_put_file_request()->set_file_id("a");
  ask.body.mutable_put_file_request()->set_size_bytes(kMiB);
  ask.body.mutable_put_file_request()->set_background(true);
  const protocol::Envelope put = rig.Request(std::move(ask));
  rig.Send(put);
  rig.Run();
  const auto token = transfer::ReadToken(rig.Token(put));
  ASSERT_OK(token);
  EXPECT_TRUE(token->background());
  EXPECT_EQ(token->principal(), "alice");
  rig.Push(rig.Token(put), std::string(kMiB, 'x'));
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
}

}  // namespace
}  // namespace bitrepo::pillar
