// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/timeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/bus/overheard.h"

namespace bitrepo::watch {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr uint64_t kNewest = std::numeric_limits<uint64_t>::max();

class TimelineTest : public ::testing::Test {
 protected:
  void Hear(const Envelope& copy) {
    now_ += absl::Milliseconds(10);
    timeline_->OnCopy(copy, now_);
  }
  void Limit(TimelineLimits limits) { timeline_.emplace("hub", limits); }
  // "owed p1; done p2; failed p3", without what is empty.
  std::string Parties(const base::ConversationId& id) const {
    const auto observed = timeline_->Describe(id);
    if (!observed) return "unknown";
    std::vector<std::string> parts;
    const auto add = [&](const char* word, const auto& names) {
      if (!names.empty()) parts.push_back(absl::StrCat(word, " ", absl::StrJoin(names, ",")));
    };
    add("owed", observed->owed_by());
    add("done", observed->done_by());
    add("failed", observed->failed_at());
    return absl::StrJoin(parts, "; ");
  }
  std::vector<std::string> Files(uint64_t place = kNewest, size_t count = 100) const {
    std::vector<std::string> files;
    for (const auto& row : timeline_->List(place, count)) files.push_back(row.observed.file_id());
    return files;
  }

  bus_test::Overheard bus_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::optional<Timeline> timeline_{std::in_place, "hub"};
};

TEST_F(TimelineTest, AConversationHasItsFactsAndItsMessagesInOrder) {
  const auto id = bus_.NewConversation();
  const Envelope identify = bus_.Identify(id, "report.pdf");
  Hear(identify);
  Hear(bus_.Routed(identify, {"p1"}));
  Hear(bus_.IdentifyReply(identify, "p1"));
  const Envelope request = bus_.Request(id, "p1", "report.pdf");
  Hear(request);
  Hear(bus_.Progress(request, wire::RECEIVING, 5, 9));
  Hear(bus_.Final(request, wire::FAILURE, "the disk is full"));
  const auto observed = timeline_->Describe(id);
  ASSERT_TRUE(observed.has_value());
  EXPECT_EQ(observed->operation(), wire::PUT_FILE);
  EXPECT_EQ(observed->collection_id(), "books");
  EXPECT_EQ(observed->file_id(), "report.pdf");
  EXPECT_EQ(observed->principal(), "alice");
  EXPECT_EQ(observed->messages(), 6u);
  EXPECT_EQ(observed->last_us() - observed->first_us(), 50'000);
  std::vector<wire::Kind> kinds;
  for (const auto& message : observed->timeline()) kinds.push_back(message.kind());
  EXPECT_THAT(kinds, ElementsAre(wire::IDENTIFY, wire::ROUTED, wire::IDENTIFY_REPLY, wire::REQUEST,
                                 wire::PROGRESS, wire::FINAL));
  const wire::ObservedMessage& progress = observed->timeline(4);
  EXPECT_EQ(progress.from(), "p1");
  EXPECT_EQ(progress.to(), "client:alice.5f03");
  EXPECT_EQ(progress.answers(), request.header.message_id());
  EXPECT_EQ(progress.phase(), wire::RECEIVING);
  EXPECT_EQ(progress.bytes_done(), 5u);
  EXPECT_EQ(observed->timeline(5).response().text(), "the disk is full");
}

// Each state of a contributor with each event.
TEST_F(TimelineTest, WhoOwesIsKnownAfterEachMessage) {
  struct Row {
    const char* before;  // o: owed, d: done, f: failed
    const char* event;
    const char* after;
  };
  const Row rows[] = {
      {"none", "request", "owed p1"},
      {"none", "final", ""},
      {"none", "refusal", ""},
      {"none", "undelivered", ""},
      {"none", "refused", ""},
      {"none", "other final", ""},
      {"owed", "request", "owed p1"},
      {"owed", "next request", "owed p1"},
      {"owed", "final", "done p1"},
      {"owed", "refusal", "failed p1"},
      {"owed", "undelivered", "failed p1"},
      {"owed", "refused", "failed p1"},
      {"owed", "other final", "owed p1"},
      {"done", "request", "done p1"},
      {"done", "next request", "owed p1"},
      {"done", "final", "done p1"},
      {"done", "other final", "done p1"},
      {"failed", "request", "owed p1"},
      {"failed", "next request", "owed p1"},
      {"failed", "final", "done p1"},
      {"failed", "refusal", "failed p1"},
      {"failed", "other final", "failed p1"},
  };
  for (const Row& row : rows) {
    const auto id = bus_.NewConversation();
    const Envelope identify = bus_.Identify(id, "f");
    const Envelope request = bus_.Request(id, "p1", "f");
    Hear(identify);
    const std::string before = row.before;
    if (before != "none") Hear(request);
    if (before == "done") Hear(bus_.Final(request));
    if (before == "failed") Hear(bus_.Undelivered(request));
    const std::string event = row.event;
    if (event == "request") Hear(request);
    if (event == "next request") Hear(bus_.Request(id, "p1", "f"));
    if (event == "final") Hear(bus_.Final(request));
    if (event == "refusal") Hear(bus_.Final(request, wire::BUSY));
    if (event == "undelivered") Hear(bus_.Undelivered(request));
    if (event == "refused") Hear(bus_.Refused(request));
    if (event == "other final") Hear(bus_.Final(bus_.Request(id, "p1", "f")));
    EXPECT_EQ(Parties(id), row.after) << before << ", then " << event;
  }
}

TEST_F(TimelineTest, OneAmongSeveralIsSettledAlone) {
  const auto id = bus_.NewConversation();
  const Envelope first = bus_.Request(id, "p1", "f");
  const Envelope second = bus_.Request(id, "p2", "f");
  Hear(first);
  Hear(second);
  Hear(bus_.Request(id, "p3", "f"));
  Hear(bus_.Refused(second));
  Hear(bus_.Final(first));
  EXPECT_EQ(Parties(id), "owed p3; done p1; failed p2");
}

TEST_F(TimelineTest, WhatIsAskedOfTheCoordinatorItselfIsLeftOut) {
  const auto id = bus_.NewConversation();
  const Envelope request = bus_.StatusRequest(id);
  Hear(request);
  Hear(bus_.StatusFinal(request));
  Hear(bus_.Alarm("p1", "data-loss"));
  EXPECT_EQ(timeline_->conversations(), 0u);
}

TEST_F(TimelineTest, RepliesBeginOneThatIsOlderThanTheCoordinator) {
  const auto id = bus_.NewConversation();
  const Envelope request = bus_.Request(id, "p1", "f");
  Hear(bus_.Undelivered(request));
  EXPECT_EQ(Parties(id), "unknown") << "the broker's own words begin none";
  Hear(bus_.Final(request));
  ASSERT_TRUE(timeline_->Describe(id).has_value());
  EXPECT_EQ(timeline_->Describe(id)->principal(), "");
}

TEST_F(TimelineTest, AMessageOfOneConversationNeverStandsUnderAnother) {
  std::vector<Envelope> requests;
  for (int i = 0; i < 100; ++i) {
    requests.push_back(bus_.Request(bus_.NewConversation(), "p1", absl::StrCat("f", i)));
    Hear(requests.back());
  }
  for (int i = 99; i >= 0; --i) Hear(bus_.Final(requests[i]));
  for (int i = 0; i < 100; ++i) {
    const auto observed = timeline_->Describe(requests[i].conversation());
    ASSERT_THAT(observed->timeline(), SizeIs(2));
    EXPECT_EQ(observed->timeline(1).answers(), requests[i].header.message_id());
    EXPECT_EQ(observed->file_id(), absl::StrCat("f", i));
  }
}

TEST_F(TimelineTest, ListsTheNewestFirstAndGoesOnWhereItStood) {
  for (const char* file : {"a", "b", "c", "d"}) {
    Hear(bus_.Request(bus_.NewConversation(), "p1", file));
  }
  EXPECT_THAT(Files(), ElementsAre("d", "c", "b", "a"));
  const auto page = timeline_->List(kNewest, 2);
  ASSERT_THAT(page, SizeIs(2));
  EXPECT_THAT(page[1].observed.timeline(), IsEmpty());
  Hear(bus_.Request(bus_.NewConversation(), "p1", "e"));
  EXPECT_THAT(Files(page[1].place), ElementsAre("b", "a"));
  EXPECT_THAT(Files(1), IsEmpty());
}

TEST_F(TimelineTest, TheOneThatWasSilentLongestIsForgotten) {
  Limit({.conversations_max = 3});
  std::vector<Envelope> requests;
  for (const char* file : {"a", "b", "c"}) {
    requests.push_back(bus_.Request(bus_.NewConversation(), "p1", file));
    Hear(requests.back());
  }
  EXPECT_EQ(timeline_->forgotten(), 0u) << "three fit";
  Hear(bus_.Progress(requests[0], wire::STORING, 1, 1));
  Hear(bus_.Request(bus_.NewConversation(), "p1", "d"));
  EXPECT_THAT(Files(), ElementsAre("d", "c", "a"));
  EXPECT_EQ(timeline_->forgotten(), 1u);
}

TEST_F(TimelineTest, TheFirstAndTheLastMessagesStand) {
  Limit({.first_messages_max = 2, .last_messages_max = 3});
  const auto id = bus_.NewConversation();
  const Envelope request = bus_.Request(id, "p1", "f");
  Hear(request);
  for (uint64_t done = 1; done <= 4; ++done) {
    Hear(bus_.Progress(request, wire::RECEIVING, done, 9));
  }
  EXPECT_THAT(timeline_->Describe(id)->timeline(), SizeIs(5)) << "all of them fit";
  Hear(bus_.Progress(request, wire::RECEIVING, 5, 9));
  const auto observed = timeline_->Describe(id);
  std::vector<uint64_t> done;
  for (const auto& message : observed->timeline()) done.push_back(message.bytes_done());
  EXPECT_THAT(done, ElementsAre(0, 1, 3, 4, 5));
  EXPECT_EQ(observed->messages(), 6u);
}

TEST_F(TimelineTest, ContributorsBeyondTheLimitAreNotListed) {
  Limit({.contributors_max = 2});
  const auto id = bus_.NewConversation();
  for (const char* pillar : {"p1", "p2", "p3"}) Hear(bus_.Request(id, pillar, "f"));
  EXPECT_EQ(Parties(id), "owed p1,p2");
}

TEST_F(TimelineTest, LongTextsAreCut) {
  const Envelope request = bus_.Request(bus_.NewConversation(), "p1", "f");
  Hear(bus_.Final(request, wire::FAILURE, std::string(kObservedTextBytesMax, 'x')));
  Hear(bus_.Final(request, wire::FAILURE, std::string(kObservedTextBytesMax + 1, 'x')));
  const auto observed = timeline_->Describe(request.conversation());
  EXPECT_EQ(observed->timeline(0).response().text(), std::string(kObservedTextBytesMax, 'x'));
  EXPECT_LE(observed->timeline(1).response().text().size(), kObservedTextBytesMax);
}

TEST_F(TimelineTest, AllOfThemTogetherStayUnderTheBytes) {
  Limit({.bytes_max = 64 * 1024});
  for (int i = 0; i < 2000; ++i) {
    const Envelope request = bus_.Request(bus_.NewConversation(), "p1", absl::StrCat("file", i));
    Hear(request);
    Hear(bus_.Final(request, wire::FAILURE, std::string(200, 'x')));
    ASSERT_LE(timeline_->bytes(), 64u * 1024);
  }
  EXPECT_GT(timeline_->conversations(), 10u);
  EXPECT_EQ(timeline_->conversations() + timeline_->forgotten(), 2000u);
}

}  // namespace
}  // namespace bitrepo::watch
