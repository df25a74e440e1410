// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_tree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/commands/console.h"
#include "client/commands/watch_tree_lines.h"
#include "client/commands/watch_view.h"
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

class WatchTreeTest : public ::testing::Test {
 protected:
  void Hear(const Envelope& envelope, absl::Duration after = absl::Milliseconds(10)) {
    now_ += after;
    tree_.OnHeard(memory_.Note(bus_test::CopyOf(envelope), now_), true, closed_);
  }
  void Pass(absl::Duration time) {
    now_ += time;
    tree_.OnTime(now_, closed_);
  }
  // Closes what is open, and gives the only group.
  TreeGroup Only() {
    tree_.Finish(closed_);
    EXPECT_THAT(closed_, SizeIs(1));
    return closed_.empty() ? TreeGroup() : closed_.front();
  }

  bus_test::Overheard bus_;
  WatchMemory memory_;
  WatchTree tree_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::vector<TreeGroup> closed_;
};

TEST_F(WatchTreeTest, RepliesStandUnderWhatTheyAnswer) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, "f");
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1", "p2", "p3"}));
  Hear(bus_.IdentifyReply(identify, "p1"));
  const Envelope first = bus_.Request(id, "p1", "f");
  const Envelope second = bus_.Request(id, "p2", "f");
  Hear(first);
  Hear(second);
  Hear(bus_.IdentifyReply(identify, "p2"));
  Hear(bus_.Final(second));
  Hear(bus_.Progress(first, wire::STORING, 1, 1));
  Hear(bus_.Final(first));
  const TreeGroup group = Only();
  ASSERT_THAT(group.steps, SizeIs(3));
  EXPECT_THAT(group.steps[0].replies, SizeIs(3));
  EXPECT_THAT(group.steps[0].silent, ElementsAre("p3"));
  EXPECT_THAT(group.steps[1].replies, SizeIs(2));
  EXPECT_THAT(group.steps[2].replies, SizeIs(1));
  for (const TreeStep& step : group.steps) {
    for (const Heard& reply : step.replies) {
      EXPECT_EQ(reply.copy.header.answers(), step.asked.copy.header.message_id());
    }
  }
  EXPECT_EQ(group.verdict, "partial") << "p3 was not asked";
  EXPECT_EQ(group.messages, 9u);
  EXPECT_EQ(group.principal, "alice");
  EXPECT_EQ(group.file, "f");
}

TEST_F(WatchTreeTest, TheVerdictSaysWhatBecameOfIt) {
  struct Row {
    const char* verdict;
    wire::Operation operation;
    std::vector<const char*> answers;  // of p1, p2 ...: "done", "failed", "undelivered", "nothing"
  };
  const Row rows[] = {
      {"done", wire::PUT_FILE, {"done", "done"}},
      {"partial", wire::PUT_FILE, {"done", "failed"}},
      {"partial", wire::PUT_FILE, {"undelivered", "done"}},
      {"failed", wire::PUT_FILE, {"failed", "undelivered"}},
      {"open", wire::PUT_FILE, {"done", "nothing"}},
      {"open", wire::PUT_FILE, {"failed", "nothing"}},
      {"done", wire::GET_FILE, {"failed", "done"}},
      {"failed", wire::GET_FILE, {"failed"}},
      {"no-request", wire::PUT_FILE, {}},
  };
  for (const Row& row : rows) {
    closed_.clear();
    const auto id = bus_.NewConversation();
    Hear(bus_.Identify(id, "f", row.operation));
    int pillar = 0;
    for (const std::string answer : row.answers) {
      const Envelope request = bus_.Request(id, absl::StrCat("p", ++pillar), "f", row.operation);
      Hear(request);
      if (answer == "done") Hear(bus_.Final(request));
      if (answer == "failed") Hear(bus_.Final(request, wire::NO_SPACE));
      if (answer == "undelivered") Hear(bus_.Undelivered(request));
    }
    EXPECT_EQ(Only().verdict, row.verdict) << row.answers.size();
  }
}

TEST_F(WatchTreeTest, WhoWasNotAskedMakesAPutPartialAndWhoHasItAlreadyDoesNot) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, "f");
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1", "p2", "p3"}, {"p4"}));
  Hear(bus_.IdentifyReply(identify, "p1"));
  Hear(bus_.IdentifyReply(identify, "p2", wire::NO_SPACE));
  Envelope held = bus_.IdentifyReply(identify, "p3");
  held.body.mutable_put_file_identify_reply()->set_already_held(true);
  Hear(held);
  const Envelope request = bus_.Request(id, "p1", "f");
  Hear(request);
  Hear(bus_.Final(request));
  const TreeGroup group = Only();
  EXPECT_THAT(group.done, ElementsAre("p1", "p3"));
  EXPECT_THAT(group.not_asked, ElementsAre("p2", "p4"));
  EXPECT_EQ(group.verdict, "partial");
}

TEST_F(WatchTreeTest, AGetAsksOneAndIsDone) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, "f", wire::GET_FILE);
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1", "p2"}, {"p3"}));
  const Envelope request = bus_.Request(id, "p1", "f", wire::GET_FILE);
  Hear(request);
  Hear(bus_.Final(request));
  const TreeGroup group = Only();
  EXPECT_EQ(group.verdict, "done");
  EXPECT_THAT(group.not_asked, IsEmpty());
}

TEST_F(WatchTreeTest, ASettledGroupClosesSoonAndAnOwedOneLate) {
  const Envelope done = bus_.Request(bus_.NewConversation(), "p1", "done");
  const Envelope owed = bus_.Request(bus_.NewConversation(), "p1", "owed");
  Hear(done);
  Hear(owed);
  Hear(bus_.Final(done));
  EXPECT_EQ(tree_.WakeAt(), now_ + TreeLimits().settled_quiet);
  Pass(TreeLimits().settled_quiet - absl::Milliseconds(1));
  EXPECT_THAT(closed_, IsEmpty());
  Pass(absl::Milliseconds(1));
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_EQ(closed_[0].file, "done");
  Pass(TreeLimits().open_quiet);
  ASSERT_THAT(closed_, SizeIs(2));
  EXPECT_EQ(closed_[1].verdict, "open");
  EXPECT_THAT(closed_[1].owed, ElementsAre("p1"));
  EXPECT_EQ(tree_.WakeAt(), absl::InfiniteFuture());
}

TEST_F(WatchTreeTest, OneWhosePillarIsAwayWaitsForItToReturn) {
  const auto id = bus_.NewConversation();
  const Envelope request = bus_.Request(id, "p1", "f");
  Hear(request);
  Hear(bus_.Undelivered(request));
  Pass(TreeLimits().settled_quiet + absl::Seconds(2));
  EXPECT_THAT(closed_, IsEmpty());
  Hear(request);
  Hear(bus_.Final(request));
  const TreeGroup group = Only();
  EXPECT_EQ(group.verdict, "done");
  EXPECT_EQ(group.steps[0].repeats, 1u);
}

TEST_F(WatchTreeTest, OneWhosePillarIsBusyWaitsForItToBeAskedAgain) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  Hear(request);
  Hear(bus_.Final(request, wire::BUSY));
  Pass(absl::Seconds(9));
  Hear(request);
  Hear(bus_.Progress(request, wire::RECEIVING, 0, 1));
  Pass(TreeLimits().absent_quiet);
  EXPECT_THAT(closed_, IsEmpty()) << "it is owed again";
  Hear(bus_.Final(request));
  const TreeGroup group = Only();
  EXPECT_EQ(group.verdict, "done");
  EXPECT_EQ(group.steps.size(), 1u);
}

TEST_F(WatchTreeTest, OneThatIsBusyForGoodHasFailed) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  Hear(request);
  Hear(bus_.Final(request, wire::BUSY));
  Pass(TreeLimits().absent_quiet);
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_EQ(closed_[0].verdict, "failed");
}

TEST_F(WatchTreeTest, AnIdentifyThatNobodyHasAnsweredWaits) {
  const Envelope identify = bus_.Identify(bus_.NewConversation(), "f");
  Hear(identify);
  Pass(absl::Seconds(5));
  EXPECT_THAT(closed_, IsEmpty());
  Hear(bus_.Routed(identify, {"p1"}));
  Pass(absl::Seconds(5));
  EXPECT_THAT(closed_, IsEmpty());
  Hear(bus_.IdentifyReply(identify, "p1", wire::IDENTIFICATION_NEGATIVE));
  Pass(TreeLimits().settled_quiet);
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_EQ(closed_[0].verdict, "no-request");
}

TEST_F(WatchTreeTest, NoMessageOfAThousandConversationsStandsUnderAnother) {
  std::vector<Envelope> requests;
  for (int i = 0; i < 1000; ++i) {
    requests.push_back(bus_.Request(bus_.NewConversation(), "p1", absl::StrCat("f", i)));
    Hear(requests.back(), absl::Microseconds(10));
  }
  for (int i = 999; i >= 0; --i) Hear(bus_.Final(requests[i]), absl::Microseconds(10));
  tree_.Finish(closed_);
  ASSERT_THAT(closed_, SizeIs(1000));
  for (const TreeGroup& group : closed_) {
    ASSERT_THAT(group.steps, SizeIs(1));
    ASSERT_THAT(group.steps[0].replies, SizeIs(1));
    EXPECT_EQ(group.steps[0].replies[0].copy.header.conversation_id(), group.conversation_id);
    EXPECT_EQ(group.verdict, "done");
  }
}

TEST_F(WatchTreeTest, WhatBelongsToNoConversationPassesAtOnce) {
  Hear(bus_.Alarm("p1", "data-loss"));
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_THAT(TreeText(closed_[0], 0), HasSubstr("data-loss: look here"));
}

TEST_F(WatchTreeTest, OneWhoCanIsWaitedForUntilItIsAsked) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, "f");
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1", "p2"}));
  Hear(bus_.IdentifyReply(identify, "p1"));
  Hear(bus_.IdentifyReply(identify, "p2"));
  Pass(TreeLimits().open_quiet - absl::Milliseconds(1));
  EXPECT_THAT(closed_, IsEmpty()) << "a busy asker asks late";
  const Envelope first = bus_.Request(id, "p1", "f");
  Hear(first, absl::ZeroDuration());
  Hear(bus_.Final(first));
  Pass(TreeLimits().absent_quiet - absl::Milliseconds(1));
  EXPECT_THAT(closed_, IsEmpty());
  const Envelope second = bus_.Request(id, "p2", "f");
  Hear(second, absl::ZeroDuration());
  Hear(bus_.Final(second));
  Pass(TreeLimits().settled_quiet);
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_EQ(closed_[0].verdict, "done");
}

TEST_F(WatchTreeTest, RepliesToWhatWasNotHeardAreShownLoose) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  Hear(bus_.Final(request));
  const TreeGroup group = Only();
  EXPECT_THAT(group.loose, SizeIs(1));
  EXPECT_THAT(TreeText(group, 0), HasSubstr("before the watch began"));
}

TEST_F(WatchTreeTest, AnAnswerAfterTheVerdictMakesNoSecondEnd) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, "f");
  const Envelope request = bus_.Request(id, "p1", "f");
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1"}));
  Hear(bus_.IdentifyReply(identify, "p1"));
  Hear(request);
  Hear(bus_.Final(request));
  Pass(TreeLimits().settled_quiet);
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_EQ(closed_[0].verdict, "done");
  // The identify was said twice, and is answered twice.
  Hear(bus_.IdentifyReply(identify, "p1"));
  ASSERT_THAT(closed_, SizeIs(2));
  EXPECT_EQ(closed_[1].verdict, "late");
  EXPECT_EQ(closed_[1].conversation_id, closed_[0].conversation_id);
  EXPECT_EQ(closed_[1].file, "f");
  EXPECT_THAT(TreeText(closed_[1], 0), AllOf(HasSubstr("IDENTIFICATION_POSITIVE"),
                                             HasSubstr("= late: it has had its verdict; "),
                                             Not(HasSubstr("before the watch began"))));
  // Its asker had not yet heard the answer.
  Hear(request);
  ASSERT_THAT(closed_, SizeIs(3));
  EXPECT_EQ(closed_[2].verdict, "late");
  EXPECT_EQ(tree_.open(), 0u);
  // And may go on.
  Hear(bus_.Request(id, "p2", "f"));
  EXPECT_EQ(tree_.open(), 1u);
}

TEST_F(WatchTreeTest, TheMemoryOfEndsIsBounded) {
  WatchTree tree({.ended_max = 2});
  std::vector<Envelope> requests;
  for (int i = 0; i < 3; ++i) {
    requests.push_back(bus_.Request(bus_.NewConversation(), "p1", "f"));
    tree.OnHeard(memory_.Note(bus_test::CopyOf(requests.back()), now_), true, closed_);
    tree.OnHeard(memory_.Note(bus_test::CopyOf(bus_.Final(requests.back())), now_), true, closed_);
    tree.OnTime(now_ += TreeLimits().settled_quiet, closed_);
  }
  ASSERT_THAT(closed_, SizeIs(3));
  for (const Envelope& request : requests) {
    tree.OnHeard(memory_.Note(bus_test::CopyOf(bus_.Final(request)), now_), true, closed_);
  }
  ASSERT_THAT(closed_, SizeIs(5)) << "the first is forgotten";
  EXPECT_EQ(closed_[3].verdict, "late");
  EXPECT_EQ(closed_[4].verdict, "late");
  EXPECT_EQ(tree.open(), 1u);
}

TEST_F(WatchTreeTest, GroupsAreBounded) {
  WatchTree tree({.groups_max = 3});
  for (int i = 0; i < 3; ++i) {
    tree.OnHeard(memory_.Note(bus_test::CopyOf(
                                  bus_.Request(bus_.NewConversation(), "p1", absl::StrCat("f", i))),
                              now_ + absl::Milliseconds(i)),
                 true, closed_);
  }
  EXPECT_THAT(closed_, IsEmpty()) << "three fit";
  tree.OnHeard(
      memory_.Note(bus_test::CopyOf(bus_.Request(bus_.NewConversation(), "p1", "one more")),
                   now_ + absl::Milliseconds(3)),
      true, closed_);
  ASSERT_THAT(closed_, SizeIs(1));
  EXPECT_EQ(closed_[0].file, "f0");
  EXPECT_EQ(tree.open(), 3u);
}

TEST_F(WatchTreeTest, OfAnEndlessConversationTheRestIsCounted) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  Hear(request);
  const size_t most = TreeLimits().messages_of_group_max;
  for (size_t i = 1; i < most; ++i) Hear(bus_.Progress(request, wire::STORING, i, 0));
  Hear(bus_.Progress(request, wire::STORING, most, 0));
  Hear(bus_.Final(request));
  const TreeGroup group = Only();
  EXPECT_EQ(group.left_out, 1u);
  EXPECT_EQ(group.messages, most + 2);
  EXPECT_EQ(group.verdict, "done") << "a last word is never left out";
}

TEST_F(WatchTreeTest, ItsTextFitsTheTerminalAndSaysWhoHasNotAnswered) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, std::string(200, 'x'));
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1", "p2"}));
  Hear(bus_.IdentifyReply(identify, "p1"));
  const Envelope request = bus_.Request(id, "p1", std::string(200, 'x'));
  Hear(request);
  for (uint64_t done = 1; done < 9; ++done) Hear(bus_.Progress(request, wire::RECEIVING, done, 9));
  Hear(bus_.Final(request, wire::FAILURE, "the disk\033[2J is full"));
  const TreeGroup group = Only();
  for (const size_t columns : {40, 80, 120}) {
    const std::string text = TreeText(group, columns);
    for (absl::string_view line : absl::StrSplit(text, '\n')) {
      EXPECT_LE(ColumnsOf(line), columns);
    }
  }
  const std::string text = TreeText(group, 0);
  EXPECT_THAT(text, AllOf(HasSubstr("no answer from p2\n"), HasSubstr("= failed: failed at p1"),
                          HasSubstr("the disk\\x1b[2J is full"), Not(HasSubstr("\033"))));
  EXPECT_THAT(text, AllOf(HasSubstr("receiving 8"), Not(HasSubstr("receiving 7"))));
}

TEST_F(WatchTreeTest, AsRecordsEachMessageComesBeforeTheVerdict) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  Hear(request);
  Hear(bus_.Final(request));
  std::vector<std::string> records;
  EmitTree(
      Only(), [] { return JsonRecord("item"); },
      [&](const JsonRecord& record) { records.push_back(record.ToString()); });
  ASSERT_THAT(records, SizeIs(3));
  EXPECT_THAT(records[0], HasSubstr("\"depth\":0"));
  EXPECT_THAT(records[1], AllOf(HasSubstr("\"depth\":1"), HasSubstr("\"answers\":")));
  EXPECT_THAT(records[2],
              AllOf(HasSubstr("\"result\":\"verdict\""), HasSubstr("\"verdict\":\"done\""),
                    HasSubstr("\"done_at\":[\"p1\"]"), HasSubstr("\"messages\":2")));
}

class FinalWatchTest : public WatchTreeTest {
 protected:
  void Say(const Envelope& envelope) {
    now_ += absl::Milliseconds(10);
    end_.OnCopy(bus_test::CopyOf(envelope), now_);
  }
  base::ConversationId id_ = bus_.NewConversation();
  FinalWatch end_{id_.ToString()};
};

TEST_F(FinalWatchTest, ItsConversationEndsWithTheLastFinalThatIsOwed) {
  const Envelope first = bus_.Request(id_, "p1", "f");
  const Envelope second = bus_.Request(id_, "p2", "f");
  Say(first);
  Say(second);
  Say(bus_.Final(first));
  EXPECT_EQ(end_.ended_at(), absl::InfiniteFuture());
  Say(bus_.Final(bus_.Request(bus_.NewConversation(), "p2", "f")));
  EXPECT_EQ(end_.ended_at(), absl::InfiniteFuture()) << "of another conversation";
  Say(bus_.Final(second));
  EXPECT_EQ(end_.ended_at(), now_);
}

TEST_F(FinalWatchTest, AfterAFailureAnotherMayBeAsked) {
  const Envelope first = bus_.Request(id_, "p1", "f", wire::GET_FILE);
  Say(first);
  Say(bus_.Final(first, wire::DATA_LOSS));
  EXPECT_GT(end_.ended_at(), now_);
  EXPECT_LT(end_.ended_at(), absl::InfiniteFuture());
  const Envelope next = bus_.Request(id_, "p2", "f", wire::GET_FILE);
  Say(next);
  EXPECT_EQ(end_.ended_at(), absl::InfiniteFuture());
  Say(bus_.Final(next));
  EXPECT_EQ(end_.ended_at(), now_);
}

}  // namespace
}  // namespace bitrepo::commands
