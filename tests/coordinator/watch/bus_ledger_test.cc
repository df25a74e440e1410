// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/bus_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/ids.h"

namespace bitrepo::watch {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

base::AuditLine Event(const std::string& action, const std::string& principal = "alice") {
  base::AuditLine event;
  event.action = action;
  event.principal = principal;
  event.result = "OPERATION_COMPLETED";
  return event;
}

std::vector<std::string> Actions(const std::vector<wire::AuditItem>& items) {
  std::vector<std::string> actions;
  for (const auto& item : items) actions.push_back(item.action());
  return actions;
}

base::AuditLine LineOf(const wire::AuditItem& item) {
  return {item.sequence(),        item.at_us(),   item.action(),
          item.collection_id(),   item.file_id(), item.principal(),
          item.conversation_id(), item.result(),  item.detail()};
}

absl::Time At(int second) { return absl::FromUnixSeconds(1'700'000'000 + second); }

TEST(BusLedger, IsChainedSoThatAnyoneCanVerifyIt) {
  BusLedger ledger;
  EXPECT_EQ(ledger.end_sequence(), 0u);
  EXPECT_EQ(ledger.end_hash(), base::ChainStart());
  for (int i = 0; i < 20; ++i) ledger.Add(Event(absl::StrCat("E", i)), At(i));
  std::string hash = base::ChainStart();
  uint64_t sequence = 0;
  for (const wire::AuditItem& item : ledger.List({}, "", 0, 100)) {
    EXPECT_EQ(item.sequence(), ++sequence);
    hash = base::ChainHash(hash, base::LineOf(LineOf(item)));
    EXPECT_EQ(item.hash(), hash);
  }
  EXPECT_EQ(sequence, 20u);
  EXPECT_EQ(ledger.end_sequence(), 20u);
  EXPECT_EQ(ledger.end_hash(), hash);
}

TEST(BusLedger, TheDetailIsCutBeforeItIsChained) {
  BusLedger ledger;
  for (const size_t bytes : {base::kAuditDetailBytesMax, base::kAuditDetailBytesMax + 1}) {
    base::AuditLine event = Event("X");
    event.detail = std::string(bytes, 'd');
    ledger.Add(event, At(0));
  }
  const auto items = ledger.List({}, "", 0, 100);
  EXPECT_EQ(items[0].detail(), std::string(base::kAuditDetailBytesMax, 'd'));
  EXPECT_LE(items[1].detail().size(), base::kAuditDetailBytesMax);
  EXPECT_EQ(items[1].hash(), base::ChainHash(items[0].hash(), base::LineOf(LineOf(items[1]))));
}

TEST(BusLedger, IsAskedByEachField) {
  BusLedger ledger;
  base::SeededRandom random(1);
  const auto id = base::ConversationId::Make(At(0), random);
  ledger.Add(Event("A"), At(1));
  ledger.Add(Event("B", "bob"), At(2));
  base::AuditLine of_one = Event("C");
  of_one.conversation = id.ToString();
  ledger.Add(of_one, At(3));
  base::AuditLine of_photos = Event("D");
  of_photos.collection = "photos";
  ledger.Add(of_photos, At(4));
  const auto listed = [&](const auto& set, uint64_t from = 0, size_t count = 100) {
    wire::GetAuditTrailsRequest asked;
    set(asked);
    return Actions(ledger.List(asked, "", from, count));
  };
  EXPECT_THAT(listed([](auto&) {}), ElementsAre("A", "B", "C", "D"));
  EXPECT_THAT(listed([](auto&) {}, 3), ElementsAre("C", "D"));
  EXPECT_THAT(listed([](auto&) {}, 5), ElementsAre());
  EXPECT_THAT(listed([](auto&) {}, 2, 2), ElementsAre("B", "C"));
  EXPECT_THAT(listed([](auto& asked) { asked.set_first_sequence(2), asked.set_last_sequence(3); }),
              ElementsAre("B", "C"));
  EXPECT_THAT(listed([](auto& asked) { asked.set_action("B"); }), ElementsAre("B"));
  EXPECT_THAT(listed([](auto& asked) { asked.set_principal("alice"); }),
              ElementsAre("A", "C", "D"));
  EXPECT_THAT(listed([&](auto& asked) { asked.set_conversation_id(id.ToBytes()); }),
              ElementsAre("C"));
  EXPECT_THAT(listed([](auto& asked) { asked.set_file_id("f"); }), ElementsAre());
  EXPECT_THAT(listed([](auto& asked) {
                asked.mutable_at()->set_from_us(absl::ToUnixMicros(At(2)));
                asked.mutable_at()->set_until_us(absl::ToUnixMicros(At(3)));
              }),
              ElementsAre("B", "C"));
  EXPECT_THAT(Actions(ledger.List({}, "photos", 0, 100)), ElementsAre("D"));
}

TEST(BusLedger, BeyondItsLimitItBeginsLaterAndIsChainedFromThere) {
  BusLedger ledger(3);
  for (int i = 1; i <= 3; ++i) ledger.Add(Event("X"), At(i));
  EXPECT_EQ(ledger.List({}, "", 0, 100).front().sequence(), 1u) << "three fit";
  ledger.Add(Event("X"), At(4));
  const auto items = ledger.List({}, "", 0, 100);
  ASSERT_THAT(items, SizeIs(3));
  EXPECT_EQ(items[0].sequence(), 2u);
  EXPECT_EQ(items[1].hash(), base::ChainHash(items[0].hash(), base::LineOf(LineOf(items[1]))));
}

}  // namespace
}  // namespace bitrepo::watch
