// SPDX-License-Identifier: Apache-2.0
// GetConversation at the pillar: what became of one, from its record and from what is under way.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "pillar/requests/page_cursor.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct GetConversation : ::testing::Test {
  PillarRig::Ask About(const base::ConversationId& conversation) {
    PillarRig::Ask ask;
    ask.operation = wire::GET_CONVERSATION;
    ask.collection = "";
    ask.body.mutable_get_conversation_request()->set_conversation_id(conversation.ToBytes());
    return ask;
  }
  const wire::GetConversationFinal& Final(const Envelope& asked) {
    return rig.Final(asked)->body.get_conversation_final();
  }
  // What is told of the conversation of `request`.
  wire::GetConversationFinal Of(const Envelope& request) {
    const Envelope asked = Send(rig, About(request.conversation()));
    EXPECT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
    return Final(asked);
  }
  PillarRig rig;
};

TEST_F(GetConversation, TellsOfAPutUnderWayAndThenOfItsEnd) {
  const Envelope put = Send(rig, PutAsk("a", "hello"));
  rig.Run(absl::Seconds(2));
  wire::GetConversationFinal told = Of(put);
  ASSERT_THAT(told.requests(), SizeIs(1));
  EXPECT_EQ(told.requests(0).state(), wire::REQUEST_WORKING);
  EXPECT_EQ(told.requests(0).operation(), wire::PUT_FILE);
  EXPECT_EQ(told.requests(0).principal(), "alice");
  EXPECT_EQ(told.requests(0).message_id(), put.header.message_id());
  EXPECT_EQ(told.requests(0).progress().phase(), wire::RECEIVING);
  EXPECT_EQ(told.requests(0).progress().bytes_total(), 5u);
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  told = Of(put);
  ASSERT_THAT(told.requests(), SizeIs(1));
  EXPECT_EQ(told.requests(0).state(), wire::REQUEST_DONE);
  EXPECT_EQ(told.requests(0).response().code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(told.requests(0).file().file_id(), "a");
  EXPECT_GT(told.requests(0).recorded_at_us(), 0);
}

TEST_F(GetConversation, KnowsChangesFromTheRecordAfterARestart) {
  const Envelope put = SendWithBytes(rig, PutAsk("a", "hello"), "hello");
  const Envelope refused = Send(rig, DeleteAsk(rig, "nobody", "hello"));
  rig.Restart();
  EXPECT_EQ(Of(put).requests(0).operation(), wire::PUT_FILE);
  const wire::GetConversationFinal told = Of(refused);
  ASSERT_THAT(told.requests(), SizeIs(1));
  EXPECT_EQ(told.requests(0).operation(), wire::DELETE_FILE);
  EXPECT_EQ(told.requests(0).response().code(), wire::FILE_NOT_FOUND_FAILURE);
}

TEST_F(GetConversation, SaysThatACrashCutItShort) {
  const Envelope put = Send(rig, PutAsk("a", "hello"));
  rig.Run(absl::Seconds(3));
  rig.Restart();
  const wire::GetConversationFinal told = Of(put);
  ASSERT_THAT(told.requests(), SizeIs(1));
  EXPECT_EQ(told.requests(0).state(), wire::REQUEST_INTERRUPTED);
  rig.Send(put);
  rig.Run();
  EXPECT_EQ(Of(put).requests(0).state(), wire::REQUEST_WORKING) << "asked again, it works again";
}

TEST_F(GetConversation, TellsOfReadsOfLateToo) {
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope get = rig.Get("a");
  rig.Send(get);
  rig.Run();
  rig.Fetch(rig.Token(get));
  rig.Run();
  const wire::GetConversationFinal told = Of(get);
  ASSERT_THAT(told.requests(), SizeIs(1));
  EXPECT_EQ(told.requests(0).operation(), wire::GET_FILE);
  EXPECT_EQ(told.requests(0).state(), wire::REQUEST_DONE);
}

TEST_F(GetConversation, OfAnUnknownOneKnowsNothing) {
  const base::ConversationId unknown =
      base::ConversationId::Make(rig.loop.clock().WallNow(), rig.random);
  const Envelope asked = Send(rig, About(unknown));
  EXPECT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_THAT(Final(asked).requests(), IsEmpty());
}

TEST_F(GetConversation, WithinItselfDoesNotTellOfItself) {
  PillarRig::Ask ask = About({});
  ask.conversation = base::ConversationId::Make(rig.loop.clock().WallNow(), rig.random);
  ask.body.mutable_get_conversation_request()->set_conversation_id(ask.conversation.ToBytes());
  EXPECT_THAT(Final(Send(rig, ask)).requests(), IsEmpty());
}

TEST_F(GetConversation, WithoutAnIdIsNotUnderstoodByAPillar) {
  PillarRig::Ask ask = About({});
  ask.body.mutable_get_conversation_request()->clear_conversation_id();
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(GetConversation, PagesNeitherSkipNorRepeat) {
  const base::ConversationId conversation =
      base::ConversationId::Make(rig.loop.clock().WallNow(), rig.random);
  for (int i = 0; i < 25; ++i) {
    PillarRig::Ask ask = PutAsk(absl::StrCat("f", i), "hello");
    ask.conversation = conversation;
    ASSERT_EQ(rig.Code(SendWithBytes(rig, ask, "hello")), wire::OPERATION_COMPLETED);
  }
  std::set<std::string> files;
  int told = 0;
  PillarRig::Ask ask = About(conversation);
  ask.body.mutable_page()->set_limit_items(10);
  for (int pages = 0; pages < 4; ++pages) {
    const Envelope asked = Send(rig, ask);
    ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
    for (const wire::RequestRecord& record : Final(asked).requests()) {
      files.insert(record.file().file_id());
      ++told;
    }
    if (Final(asked).page().next_cursor().empty()) break;
    ask.body.mutable_page()->set_cursor(Final(asked).page().next_cursor());
  }
  EXPECT_EQ(told, 25);
  EXPECT_THAT(files, SizeIs(25));
  // A cursor of another conversation.
  PillarRig::Ask other = About(base::ConversationId::Make(rig.loop.clock().WallNow(), rig.random));
  *other.body.mutable_page() = ask.body.page();
  EXPECT_EQ(rig.Code(Send(rig, other)), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
}

TEST_F(GetConversation, WhenThePillarHasTooMuchToReadItIsBusy) {
  rig.workers.full = true;
  EXPECT_EQ(rig.Code(Send(rig, About(base::ConversationId::Make(absl::Now(), rig.random)))),
            wire::BUSY);
}

// ---- cursors

TEST(PageCursor, IsGoodForItsQuestionAndStoreOnly) {
  base::SeededRandom random(1);
  const auto store = base::StoreId::Make(absl::FromUnixSeconds(1), random);
  const auto other = base::StoreId::Make(absl::FromUnixSeconds(1), random);
  const std::string cursor = requests::SealCursor(store, "question", "position");
  const auto opened = requests::OpenCursor(store, "question", cursor);
  ASSERT_OK(opened);
  EXPECT_EQ(*opened, "position");
  const auto refused = testing_support::StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(requests::OpenCursor(store, "question 2", cursor), refused);
  EXPECT_THAT(requests::OpenCursor(other, "question", cursor), refused);
  for (size_t i = 0; i < cursor.size(); ++i) {
    std::string altered = cursor;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    EXPECT_THAT(requests::OpenCursor(store, "question", altered), refused) << i;
    EXPECT_THAT(requests::OpenCursor(store, "question", cursor.substr(0, i)), refused) << i;
  }
}

}  // namespace
}  // namespace bitrepo::pillar
