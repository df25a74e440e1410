// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/bus_observer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/bus/overheard.h"

namespace bitrepo::watch {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BusObserverTest : public ::testing::Test {
 protected:
  void Hear(const Envelope& copy) { observer_.OnCopy(bus_test::FramesOf(copy), now_); }
  static Envelope Ask(wire::Operation operation, const wire::Body& body) {
    Envelope request;
    request.header.set_operation(operation);
    request.body = body;
    return request;
  }
  static wire::Body ConversationBody(const base::ConversationId& id) {
    wire::Body body;
    body.mutable_get_conversation_request()->set_conversation_id(id.is_zero() ? std::string()
                                                                              : id.ToBytes());
    return body;
  }
  wire::Body Answer(wire::Operation operation, const wire::Body& body) const {
    return observer_.Answer(Ask(operation, body));
  }
  // Follows the cursors from page to page with `body`; `take` gets each page.
  template <typename Take>
  int Follow(wire::Operation operation, wire::Body body, uint32_t items, const Take& take) {
    int pages = 0;
    std::string cursor;
    do {
      body.mutable_page()->set_limit_items(items);
      body.mutable_page()->set_cursor(cursor);
      const wire::Body answer = Answer(operation, body);
      EXPECT_EQ(answer.response().code(), wire::OPERATION_COMPLETED) << answer.response().text();
      cursor = take(answer);
      ++pages;
    } while (!cursor.empty() && pages < 1000);
    return pages;
  }

  bus_test::Overheard bus_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  BusObserver observer_{{.coordinator_id = "hub", .run = std::string(16, 'r')}, now_};
};

TEST_F(BusObserverTest, AnswersThreeOperations) {
  std::vector<wire::Operation> answered;
  for (const int number : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}) {
    const auto operation = static_cast<wire::Operation>(number);
    if (BusObserver::Answers(operation)) answered.push_back(operation);
  }
  EXPECT_THAT(answered,
              ElementsAre(wire::GET_AUDIT_TRAILS, wire::GET_CONVERSATION, wire::GET_ALARMS));
}

TEST_F(BusObserverTest, TellsOneConversationByItsId) {
  const auto id = bus_.NewConversation();
  Hear(bus_.Request(id, "p1", "f"));
  Hear(bus_.Request(bus_.NewConversation(), "p1", "g"));
  const wire::Body told = Answer(wire::GET_CONVERSATION, ConversationBody(id));
  ASSERT_THAT(told.get_conversation_final().observed(), SizeIs(1));
  EXPECT_EQ(told.get_conversation_final().observed(0).file_id(), "f");
  EXPECT_THAT(told.get_conversation_final().observed(0).timeline(), SizeIs(1));
  const wire::Body none = Answer(wire::GET_CONVERSATION, ConversationBody(bus_.NewConversation()));
  EXPECT_EQ(none.response().code(), wire::OPERATION_COMPLETED);
  EXPECT_THAT(none.get_conversation_final().observed(), IsEmpty());
}

TEST_F(BusObserverTest, ListsConversationsInPagesEachOnce) {
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    Hear(bus_.Request(bus_.NewConversation(), "p1", absl::StrCat("f", i)));
    expected.insert(expected.begin(), absl::StrCat("f", i));
  }
  std::vector<std::string> listed;
  const int pages =
      Follow(wire::GET_CONVERSATION, ConversationBody({}), 10, [&](const wire::Body& answer) {
        for (const auto& observed : answer.get_conversation_final().observed()) {
          listed.push_back(observed.file_id());
        }
        // What begins while one reads does not move what stands.
        Hear(bus_.Request(bus_.NewConversation(), "p1", "later"));
        return answer.get_conversation_final().page().next_cursor();
      });
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(listed, expected);
}

TEST_F(BusObserverTest, ManyConversationsFillPagesThatFitTheEnvelope) {
  for (int i = 0; i < 3000; ++i) {
    Hear(bus_.Request(bus_.NewConversation(), "p1", std::string(200, 'f')));
  }
  size_t rows = 0;
  Follow(wire::GET_CONVERSATION, ConversationBody({}), 0, [&](const wire::Body& answer) {
    EXPECT_LT(answer.ByteSizeLong(), 200u * 1024);
    rows += static_cast<size_t>(answer.get_conversation_final().observed_size());
    return answer.get_conversation_final().page().next_cursor();
  });
  EXPECT_EQ(rows, 3000u);
}

TEST_F(BusObserverTest, ListsAlarmsAndTrailInPages) {
  for (int i = 0; i < 7; ++i) {
    Hear(bus_.Alarm("p1", absl::StrCat("code", i)));
    base::AuditLine event;
    event.action = absl::StrCat("E", i);
    observer_.OnEvent(event, now_);
  }
  wire::Body alarms;
  alarms.mutable_get_alarms_request()->set_from("p1");
  std::vector<std::string> codes;
  EXPECT_EQ(Follow(wire::GET_ALARMS, alarms, 3,
                   [&](const wire::Body& answer) {
                     for (const auto& item : answer.get_alarms_final().items()) {
                       codes.push_back(item.alarm().code());
                     }
                     return answer.get_alarms_final().page().next_cursor();
                   }),
            3);
  EXPECT_THAT(codes, ElementsAre("code6", "code5", "code4", "code3", "code2", "code1", "code0"));
  wire::Body trail;
  trail.mutable_get_audit_trails_request();
  std::vector<std::string> actions;
  EXPECT_EQ(Follow(wire::GET_AUDIT_TRAILS, trail, 4,
                   [&](const wire::Body& answer) {
                     const wire::GetAuditTrailsFinal& told = answer.get_audit_trails_final();
                     for (const auto& item : told.items()) actions.push_back(item.action());
                     EXPECT_EQ(told.end_sequence(), 8u);
                     EXPECT_EQ(told.end_hash(), observer_.ledger().end_hash());
                     return told.page().next_cursor();
                   }),
            2);
  EXPECT_THAT(actions, ElementsAre("BUS_STARTED", "E0", "E1", "E2", "E3", "E4", "E5", "E6"));
}

TEST_F(BusObserverTest, TheCollectionOfTheHeaderIsAFilterOfTheTrailAndPartOfTheQuestion) {
  for (const absl::string_view collection : {"photos", "", "photos", "books"}) {
    base::AuditLine event;
    event.action = absl::StrCat("OF_", collection);
    event.collection = std::string(collection);
    observer_.OnEvent(event, now_);
  }
  wire::Body body;
  body.mutable_get_audit_trails_request();
  body.mutable_page()->set_limit_items(1);
  const auto answer = [&](const std::string& collection, const std::string& cursor) {
    body.mutable_page()->set_cursor(cursor);
    Envelope request = Ask(wire::GET_AUDIT_TRAILS, body);
    request.header.set_collection_id(collection);
    return observer_.Answer(request);
  };
  const wire::GetAuditTrailsFinal first = answer("photos", "").get_audit_trails_final();
  ASSERT_EQ(first.items_size(), 1);
  EXPECT_EQ(first.items(0).sequence(), 2u);
  const std::string cursor = first.page().next_cursor();
  const wire::GetAuditTrailsFinal second = answer("photos", cursor).get_audit_trails_final();
  ASSERT_EQ(second.items_size(), 1);
  EXPECT_EQ(second.items(0).sequence(), 4u);
  for (const char* other : {"books", ""}) {
    EXPECT_EQ(answer(other, cursor).response().code(), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  }
}

TEST_F(BusObserverTest, ACursorOfAnotherQuestionListOrStartIsNotUnderstood) {
  for (int i = 0; i < 3; ++i) Hear(bus_.Alarm("p1", absl::StrCat("code", i)));
  wire::Body asked;
  asked.mutable_get_alarms_request();
  asked.mutable_page()->set_limit_items(1);
  const std::string cursor =
      Answer(wire::GET_ALARMS, asked).get_alarms_final().page().next_cursor();
  ASSERT_FALSE(cursor.empty());
  const auto code_with = [&](const BusObserver& observer, wire::Operation operation,
                             wire::Body body, const std::string& with) {
    body.mutable_page()->set_cursor(with);
    return observer.Answer(Ask(operation, body)).response().code();
  };
  EXPECT_EQ(code_with(observer_, wire::GET_ALARMS, asked, cursor), wire::OPERATION_COMPLETED);
  wire::Body other = asked;
  other.mutable_get_alarms_request()->set_code("code1");
  wire::Body trail;
  trail.mutable_get_audit_trails_request();
  const BusObserver later({.coordinator_id = "hub", .run = std::string(16, 'q')}, now_);
  for (const auto code :
       {code_with(observer_, wire::GET_ALARMS, other, cursor),
        code_with(observer_, wire::GET_AUDIT_TRAILS, trail, cursor),
        code_with(observer_, wire::GET_CONVERSATION, ConversationBody({}), cursor),
        code_with(later, wire::GET_ALARMS, asked, cursor),
        code_with(observer_, wire::GET_ALARMS, asked, "garbage"),
        code_with(observer_, wire::GET_ALARMS, asked, cursor + "x")}) {
    EXPECT_EQ(code, wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  }
}

TEST_F(BusObserverTest, WhatIsNoMessageIsPassedOver) {
  observer_.OnCopy({"pillar:p1", "garbage", "\xff"}, now_);
  EXPECT_EQ(observer_.timeline().conversations(), 0u);
}

TEST_F(BusObserverTest, TheTrailSaysWhichStartItIsOf) {
  wire::Body trail;
  trail.mutable_get_audit_trails_request();
  const wire::Body told = Answer(wire::GET_AUDIT_TRAILS, trail);
  EXPECT_EQ(told.get_audit_trails_final().items(0).principal(), "hub");
  EXPECT_THAT(told.get_audit_trails_final().items(0).detail(), HasSubstr("run 72727272-"));
}

}  // namespace
}  // namespace bitrepo::watch
