// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/list_ahead.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/list_bench.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using requests::kPageAheadKept;
using requests::kPagesAheadMax;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Eight files in pages of two; every look at the store counts.
class ListAheadTest : public ListBench {
 protected:
  ListAheadTest() {
    for (int i = 0; i < 8; ++i) Keep(absl::StrCat("file-", i), "x");
  }

  base::ConversationId NewConversation() {
    return base::ConversationId::Make(rig.loop.clock().WallNow(), rig.random);
  }
  Envelope AskPage(const base::ConversationId& conversation, const std::string& cursor,
                   uint32_t items = 2, const std::string& principal = "alice") {
    PillarRig::Ask ask;
    ask.operation = wire::GET_FILE_IDS;
    ask.conversation = conversation;
    ask.principal = principal;
    *ask.body.mutable_get_file_ids_request()->mutable_files() = All();
    ask.body.mutable_page()->set_limit_items(items);
    ask.body.mutable_page()->set_cursor(cursor);
    const Envelope request = rig.Request(std::move(ask));
    rig.Send(request);
    return request;
  }
  Envelope Page(const base::ConversationId& conversation, const std::string& cursor) {
    const Envelope asked = AskPage(conversation, cursor);
    rig.Run();
    return asked;
  }
  std::string CursorOf(const Envelope& asked) {
    return rig.Final(asked)->body.get_file_ids_final().page().next_cursor();
  }
  // The cursor of the third page, when two were asked for.
  std::string TurnTwoPages(const base::ConversationId& conversation) {
    return CursorOf(Page(conversation, CursorOf(Page(conversation, ""))));
  }
};

TEST_F(ListAheadTest, WhoHasTurnedAPageFindsTheNextOneMade) {
  const base::ConversationId conversation = NewConversation();
  const std::string third = TurnTwoPages(conversation);
  EXPECT_EQ(rig.store.lists, 3) << "one was made ahead";
  const Envelope list = Page(conversation, third);
  EXPECT_THAT(Ids(list), ElementsAre("file-4", "file-5"));
  EXPECT_EQ(rig.store.lists, 4) << "the fourth, made ahead";
  const Envelope last = Page(conversation, CursorOf(list));
  EXPECT_THAT(Ids(last), ElementsAre("file-6", "file-7"));
  EXPECT_THAT(CursorOf(last), IsEmpty());
  EXPECT_EQ(rig.store.lists, 4) << "behind the last there is none";
}

TEST_F(ListAheadTest, OfAListThatMayEndWithItsFirstPageNothingIsMadeAhead) {
  EXPECT_THAT(Ids(Page(NewConversation(), "")), ElementsAre("file-0", "file-1"));
  EXPECT_EQ(rig.store.lists, 1);
}

TEST_F(ListAheadTest, APageThatIsBeingMadeIsWaitedForAndMadeOnce) {
  rig.workers.piece = absl::Milliseconds(200);
  const base::ConversationId conversation = NewConversation();
  const std::string third = TurnTwoPages(conversation);
  const Envelope asked = AskPage(conversation, third);
  rig.Run(absl::Milliseconds(50));
  EXPECT_EQ(rig.Final(asked), nullptr) << "its making has begun, and is not done";
  rig.Run(absl::Seconds(1));
  EXPECT_THAT(Ids(asked), ElementsAre("file-4", "file-5"));
  EXPECT_EQ(rig.Finals(asked), 1);
  EXPECT_EQ(rig.store.lists, 4) << "three, and the fourth made ahead";
}

TEST_F(ListAheadTest, WhatIsAskedInAnotherWayIsMadeForItself) {
  const base::ConversationId conversation = NewConversation();
  const std::string third = TurnTwoPages(conversation);
  const Envelope longer = AskPage(conversation, third, /*items=*/3);
  const Envelope by_another = AskPage(conversation, third, 2, "bob");
  const Envelope in_another = AskPage(NewConversation(), third);
  rig.Run();
  EXPECT_THAT(Ids(longer), ElementsAre("file-4", "file-5", "file-6"));
  EXPECT_THAT(Ids(by_another), ElementsAre("file-4", "file-5"));
  EXPECT_THAT(Ids(in_another), ElementsAre("file-4", "file-5"));
  EXPECT_EQ(rig.store.lists, 3 + 3 + 3) << "three pages, and one ahead of each";
}

TEST_F(ListAheadTest, APageIsKeptForItsTimeAndNotLonger) {
  const base::ConversationId conversation = NewConversation();
  const std::string third = TurnTwoPages(conversation);
  rig.Run(kPageAheadKept - absl::Seconds(1));
  const std::string fourth = CursorOf(Page(conversation, third));
  EXPECT_EQ(rig.store.lists, 4) << "the third was there still";
  rig.Run(kPageAheadKept);
  EXPECT_THAT(Ids(Page(conversation, fourth)), ElementsAre("file-6", "file-7"));
  EXPECT_EQ(rig.store.lists, 5) << "the fourth was made again";
}

TEST_F(ListAheadTest, TheOldestIsForgottenWhenThereAreTooMany) {
  rig.workers.piece = absl::Microseconds(10);
  std::vector<base::ConversationId> conversations;
  std::string third;
  for (size_t i = 0; i < kPagesAheadMax + 1; ++i) {
    conversations.push_back(NewConversation());
    const Envelope first = AskPage(conversations.back(), "");
    rig.Run(absl::Milliseconds(5));
    const Envelope second = AskPage(conversations.back(), CursorOf(first));
    rig.Run(absl::Milliseconds(5));
    third = CursorOf(second);
  }
  const int before = rig.store.lists;
  const Envelope kept = AskPage(conversations[1], third);
  rig.Run(absl::Milliseconds(5));
  EXPECT_THAT(Ids(kept), ElementsAre("file-4", "file-5"));
  EXPECT_EQ(rig.store.lists, before + 1) << "the page ahead of it alone";
  const Envelope forgotten = AskPage(conversations[0], third);
  rig.Run(absl::Milliseconds(5));
  EXPECT_THAT(Ids(forgotten), ElementsAre("file-4", "file-5"));
  EXPECT_EQ(rig.store.lists, before + 3) << "the page itself, and the one ahead of it";
}

TEST_F(ListAheadTest, WhereTheWorkersTakeNothingThePageIsMadeWhenItIsAskedFor) {
  rig.workers.piece = absl::Milliseconds(100);
  const base::ConversationId conversation = NewConversation();
  const std::string second_cursor = CursorOf(Page(conversation, ""));
  const Envelope second = AskPage(conversation, second_cursor);
  rig.Run(absl::Milliseconds(50));
  rig.workers.full = true;
  rig.Run();
  EXPECT_EQ(rig.Code(second), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.store.lists, 2) << "nothing ahead";
  rig.workers.full = false;
  EXPECT_THAT(Ids(Page(conversation, CursorOf(second))), ElementsAre("file-4", "file-5"));
}

}  // namespace
}  // namespace bitrepo::pillar
