// SPDX-License-Identifier: Apache-2.0
#include "client/commands/top_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/console.h"
#include "tests/bus/overheard.h"

namespace bitrepo::commands {
namespace {

using protocol::Envelope;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

wire::RosterMember Pillar(const std::string& id, bool present, uint64_t in = 0) {
  wire::RosterMember member;
  member.set_component_id(id);
  member.set_kind(wire::PILLAR);
  member.set_present(present);
  member.set_pillar_kind(wire::FULL_PILLAR);
  member.mutable_load()->set_state(wire::LOAD_READY);
  member.mutable_load()->set_in_bytes_per_second(in);
  return member;
}

class TopModelTest : public ::testing::Test {
 protected:
  void Hear(const Envelope& envelope) { model_.OnCopy(bus_test::CopyOf(envelope), now_); }
  TopFrame Frame(TopOrder order = TopOrder::kAge) {
    now_ += absl::Seconds(2);
    return model_.TakeFrame(now_, order);
  }
  static std::vector<std::string> Files(const TopFrame& frame) {
    std::vector<std::string> files;
    for (const auto& each : frame.conversations) files.push_back(each.file);
    return files;
  }
  static std::vector<std::string> Names(const TopFrame& frame) {
    std::vector<std::string> names;
    for (const auto& each : frame.pillars) names.push_back(each.member.component_id());
    return names;
  }

  bus_test::Overheard bus_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'100);
  TopModel model_{now_};
};

TEST_F(TopModelTest, RatesAreThoseSinceTheFrameBefore) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  for (int i = 0; i < 10; ++i) Hear(bus_.Progress(request, wire::RECEIVING, 1, 9));
  const TopFrame first = Frame();
  EXPECT_DOUBLE_EQ(first.messages_per_second, 5);
  EXPECT_GT(first.bytes_per_second, 500);
  const TopFrame second = Frame();
  EXPECT_DOUBLE_EQ(second.messages_per_second, 0);
  EXPECT_DOUBLE_EQ(second.bytes_per_second, 0);
}

TEST_F(TopModelTest, AConversationIsShownUntilNobodyOwesAnything) {
  const auto id = bus_.NewConversation();
  const Envelope first = bus_.Request(id, "p1", "f");
  const Envelope second = bus_.Request(id, "p2", "f");
  Hear(first);
  Hear(second);
  Hear(bus_.Progress(second, wire::STORING, 1, 9));
  TopFrame frame = Frame();
  ASSERT_THAT(frame.conversations, SizeIs(1));
  EXPECT_THAT(frame.conversations[0].owed_by, ElementsAre("p1", "p2"));
  EXPECT_EQ(frame.conversations[0].phase, "storing");
  EXPECT_EQ(frame.conversations[0].principal, "alice");
  Hear(bus_.Final(first));
  frame = Frame();
  EXPECT_THAT(frame.conversations.at(0).owed_by, ElementsAre("p2"));
  Hear(bus_.Final(second));
  EXPECT_THAT(Frame().conversations, IsEmpty());
}

// The ids of Overheard are a second apart, from 1'700'000'000 on.
TEST_F(TopModelTest, TheAgeIsThatOfTheId) {
  Hear(bus_.Request(bus_.NewConversation(), "p1", "old"));
  Hear(bus_.Request(bus_.NewConversation(), "p1", "new"));
  const TopFrame frame = Frame();
  EXPECT_THAT(Files(frame), ElementsAre("old", "new"));
  EXPECT_EQ(frame.conversations[0].age, absl::Seconds(102));
  EXPECT_EQ(frame.conversations[1].age, absl::Seconds(101));
}

TEST_F(TopModelTest, SortsByRateAndByErrors) {
  const Envelope quiet = bus_.Request(bus_.NewConversation(), "p1", "quiet");
  const Envelope busy = bus_.Request(bus_.NewConversation(), "p2", "busy");
  const auto failing_id = bus_.NewConversation();
  const Envelope failing = bus_.Request(failing_id, "p3", "failing");
  for (const Envelope& each : {quiet, busy, failing}) Hear(each);
  for (int i = 0; i < 5; ++i) Hear(bus_.Progress(busy, wire::STORING, 1, 9));
  Hear(bus_.Final(failing, wire::NO_SPACE));
  Hear(bus_.Request(failing_id, "p1", "failing"));
  wire::RosterReply roster;
  *roster.add_members() = Pillar("p1", true);
  *roster.add_members() = Pillar("p2", true, 1000);
  *roster.add_members() = Pillar("p3", true);
  model_.OnRoster(roster);
  TopFrame frame = Frame(TopOrder::kErrors);
  EXPECT_EQ(Files(frame).front(), "failing");
  EXPECT_EQ(Names(frame).front(), "p3");
  EXPECT_EQ(frame.pillars[0].errors, 1u);
  Hear(bus_.Progress(busy, wire::STORING, 1, 9));
  frame = Frame(TopOrder::kRate);
  EXPECT_EQ(Files(frame).front(), "busy");
  EXPECT_EQ(Names(frame).front(), "p2");
  EXPECT_THAT(Names(Frame(TopOrder::kAge)), ElementsAre("p1", "p2", "p3"));
}

TEST_F(TopModelTest, WhatFallsSilentIsDropped) {
  Hear(bus_.Request(bus_.NewConversation(), "p1", "f"));
  now_ += kTopSilentLongest - absl::Seconds(2);
  EXPECT_THAT(Frame().conversations, SizeIs(1));
  EXPECT_THAT(Frame().conversations, IsEmpty());
}

TEST_F(TopModelTest, ConversationsAreBounded) {
  for (size_t i = 0; i < kTopConversationsMax; ++i) {
    Hear(bus_.Request(bus_.NewConversation(), "p1", i == 0 ? "first" : "f"));
    now_ += absl::Microseconds(1);
  }
  const auto count_of = [](const TopFrame& frame, const std::string& file) {
    const std::vector<std::string> files = Files(frame);
    return std::count(files.begin(), files.end(), file);
  };
  EXPECT_EQ(count_of(Frame(), "first"), 1);
  Hear(bus_.Request(bus_.NewConversation(), "p1", "f"));
  const TopFrame frame = Frame();
  EXPECT_THAT(frame.conversations, SizeIs(kTopConversationsMax));
  EXPECT_EQ(count_of(frame, "first"), 0);
}

TEST_F(TopModelTest, WithoutTheCoordinatorPillarsStandAsLastKnown) {
  wire::RosterReply roster;
  *roster.add_members() = Pillar("p1", true);
  *roster.add_members() = Pillar("p2", false);
  model_.OnRoster(roster);
  EXPECT_TRUE(Frame().coordinator_answers);
  model_.OnNoRoster();
  const TopFrame frame = Frame();
  EXPECT_FALSE(frame.coordinator_answers);
  EXPECT_THAT(Names(frame), ElementsAre("p1", "p2"));
  EXPECT_THAT(absl::StrJoin(TopLines(frame, 80, 0), "\n"),
              AllOf(HasSubstr("does not answer"), HasSubstr("away")));
}

TEST_F(TopModelTest, FitsTheScreen) {
  wire::RosterReply roster;
  for (int i = 0; i < 3; ++i) {
    *roster.add_members() = Pillar(absl::StrCat("a-pillar-with-a-long-name-", i), true, 1ull << 40);
  }
  model_.OnRoster(roster);
  for (int i = 0; i < 50; ++i) {
    Hear(bus_.Request(bus_.NewConversation(), "p1", std::string(200, 'x')));
  }
  const TopFrame frame = Frame();
  for (const size_t columns : {60, 80, 132}) {
    for (const size_t rows : {4, 10, 24, 50}) {
      const std::vector<std::string> lines = TopLines(frame, columns, rows);
      EXPECT_THAT(lines, SizeIs(rows));
      for (const std::string& line : lines) EXPECT_LE(ColumnsOf(line), columns);
    }
  }
  EXPECT_THAT(TopLines(frame, 80, 24).back(), HasSubstr("more"));
  EXPECT_THAT(TopLines(frame, 80, 0), SizeIs(8 + 50)) << "all of them, elsewhere";
}

TEST_F(TopModelTest, EscapesWhatOthersWrote) {
  Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  request.body.mutable_put_file_request()->set_file_id("a\033[2Jb");
  Hear(request);
  EXPECT_THAT(absl::StrJoin(TopLines(Frame(), 0, 0), "\n"),
              AllOf(HasSubstr("a\\x1b[2Jb"), Not(HasSubstr("\033"))));
}

TEST_F(TopModelTest, AsRecordsTheBusComesFirst) {
  wire::RosterReply roster;
  *roster.add_members() = Pillar("p1", true);
  model_.OnRoster(roster);
  Hear(bus_.Request(bus_.NewConversation(), "p1", "f"));
  std::vector<std::string> records;
  EmitTop(
      Frame(), [] { return JsonRecord("item"); },
      [&](const JsonRecord& record) { records.push_back(record.ToString()); });
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_THAT(records[0], HasSubstr("\"result\":\"bus\""));
  EXPECT_THAT(records[1], AllOf(HasSubstr("\"pillar\":\"p1\""), HasSubstr("\"kind\":\"full\"")));
  EXPECT_THAT(records[2], HasSubstr("\"result\":\"conversation\""));
}

}  // namespace
}  // namespace bitrepo::commands
