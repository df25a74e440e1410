// SPDX-License-Identifier: Apache-2.0
// How operations begin and end, whatever happens to them: once, in order, and not after Stop.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/client.h"
#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using protocol::EventKind;
using ::testing::Each;
using ::testing::HasSubstr;
using testing_support::StatusIs;

constexpr size_t kLongBytes = 8 << 20;

std::vector<EventKind> KindsOf(const std::vector<protocol::ConversationEvent>& events,
                               const std::string& component) {
  std::vector<EventKind> kinds;
  for (const protocol::ConversationEvent& event : events) {
    // A pillar may tell more than once how far it is.
    if (event.component != component || (event.kind == EventKind::kProgress && !kinds.empty() &&
                                         kinds.back() == EventKind::kProgress)) {
      continue;
    }
    kinds.push_back(event.kind);
  }
  return kinds;
}

TEST(Events, OfAPutComeInOrder) {
  MemoryRepository repository(2);
  const ToldPut put = repository.Put("file", Noise(kLongBytes));
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_THAT(KindsOf(put->events, ""),
              ::testing::ElementsAre(EventKind::kIdentifyRequestSent,
                                     EventKind::kIdentificationComplete, EventKind::kComplete));
  for (const char* pillar : {"p1", "p2"}) {
    EXPECT_THAT(KindsOf(put->events, pillar),
                ::testing::ElementsAre(EventKind::kComponentIdentified, EventKind::kRequestSent,
                                       EventKind::kProgress, EventKind::kComponentComplete))
        << pillar;
  }
  EXPECT_EQ(put->events.back().kind, EventKind::kComplete);
}

TEST(Events, OfAGetNameThePillarThatServed) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("file", "bytes")));
  Sinks sinks;
  const ToldGet get = repository.Get(WholeFile("file", sinks));
  ASSERT_TRUE(repository.RunToEnd(get));
  const std::string server = get->result->from->text();
  EXPECT_THAT(KindsOf(get->events, server),
              ::testing::ElementsAre(EventKind::kComponentIdentified, EventKind::kRequestSent,
                                     EventKind::kProgress, EventKind::kComponentComplete));
  EXPECT_THAT(KindsOf(get->events, server == "p1" ? "p2" : "p1"),
              ::testing::ElementsAre(EventKind::kComponentIdentified));
}

TEST(Cancel, EndsAPutOnceAndStoresNothing) {
  MemoryRepository repository(2);
  const ToldPut put = repository.Put("file", Noise(kLongBytes));
  ASSERT_TRUE(repository.RunUntil([&] { return put->moved_bytes() > 0; }));
  put->operation.Cancel("the user changed her mind");
  put->operation.Cancel("and says so twice");
  EXPECT_EQ(put->ends, 0) << "never from inside the call";
  ASSERT_TRUE(repository.RunToEnd(put));
  EXPECT_EQ(put->result->outcome.verdict, protocol::Verdict::kCancelled);
  EXPECT_THAT(put->result->outcome.text, HasSubstr("changed her mind"));
  put->operation.Cancel("after the end");
  repository.Run(absl::Minutes(1));
  EXPECT_EQ(put->ends, 1);
  EXPECT_FALSE(repository.Has("p1", "file"));
  EXPECT_FALSE(repository.Has("p2", "file"));
}

TEST(Cancel, EndsAGetOnceAndItsSinkIsTold) {
  MemoryRepository repository(2);
  ASSERT_TRUE(repository.RunToEnd(repository.Put("file", Noise(kLongBytes))));
  Sinks sinks;
  const ToldGet get = repository.Get(WholeFile("file", sinks));
  ASSERT_TRUE(repository.RunUntil([&] { return get->moved_bytes() > 0; }));
  get->operation.Cancel("enough");
  ASSERT_TRUE(repository.RunToEnd(get));
  repository.Run(absl::Minutes(1));
  EXPECT_EQ(get->ends, 1);
  EXPECT_EQ(get->result->outcome.verdict, protocol::Verdict::kCancelled);
  EXPECT_EQ(sinks.made[0]->commits, 0);
  EXPECT_EQ(sinks.made[0]->aborted.size(), 1u);
}

TEST(Cancel, OfAllLeavesTheClientAbleToAskAgain) {
  MemoryRepository repository(2);
  const ToldPut first = repository.Put("first", Noise(kLongBytes));
  const ToldPut second = repository.Put("second", Noise(kLongBytes, 2));
  ASSERT_TRUE(repository.RunUntil([&] { return second->moved_bytes() > 0; }));
  repository.client().CancelAll("all of it");
  ASSERT_TRUE(repository.RunToEnd(first));
  ASSERT_TRUE(repository.RunToEnd(second));
  EXPECT_EQ(first->result->outcome.verdict, protocol::Verdict::kCancelled);
  EXPECT_EQ(second->result->outcome.verdict, protocol::Verdict::kCancelled);
  const ToldPut third = repository.Put("third", "bytes");
  ASSERT_TRUE(repository.RunToEnd(third));
  EXPECT_EQ(third->result->outcome.verdict, protocol::Verdict::kSuccess);
}

// At many moments of a put, a get and a list side by side.
TEST(Stop, WithOperationsUnderWayTellsNobodyAfterwards) {
  for (int moment = 0; moment < 20; ++moment) {
    MemoryRepository repository(2);
    ASSERT_TRUE(repository.RunToEnd(repository.Put("there", Noise(3 << 19))));
    Sinks sinks;
    const ToldPut put = repository.Put("new", Noise(3 << 19, 2));
    const ToldGet get = repository.Get(WholeFile("there", sinks));
    GetFileIdsSpec all{.scope = {.collection = Photos(), .files = {}}};
    all.scope.files.mutable_all();
    all.on_rows = [](std::vector<FileIdRow>, absl::AnyInvocable<void()> more) { more(); };
    const ToldList list = repository.GetFileIds(std::move(all));
    repository.Run(absl::Milliseconds(4 * moment));
    repository.StopClient();
    const std::vector<int> ends = {put->ends, get->ends, list->ends};
    const size_t events = put->events.size() + get->events.size() + list->events.size();
    repository.Run(absl::Minutes(1));
    EXPECT_THAT(ends, ::testing::ElementsAre(put->ends, get->ends, list->ends)) << moment;
    EXPECT_EQ(events, put->events.size() + get->events.size() + list->events.size()) << moment;
    EXPECT_THAT(ends, Each(::testing::Le(1))) << moment;
  }
}

TEST(Client, AsksNothingBeforeItsStart) {
  MemoryRepository repository(1);
  const std::unique_ptr<Client> idle = repository.AnotherClient("bob");
  const auto begun = idle->GetRoster({}, [](GetRosterResult) { FAIL() << "it never began"; });
  EXPECT_THAT(begun, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("not started")));
}

TEST(Client, AsksNothingAfterStop) {
  MemoryRepository repository(1);
  repository.StopClient();
  const ToldPut put = repository.Put("file", "bytes");
  EXPECT_THAT(put->begun, StatusIs(absl::StatusCode::kFailedPrecondition));
  repository.Run(absl::Minutes(1));
  EXPECT_EQ(put->ends, 0);
}

TEST(Client, RefusesOneMoreThanItsLimitAndTakesItLater) {
  MemoryRepository repository(1, /*conversations_max=*/2);
  const ToldPut first = repository.Put("1", "bytes");
  const ToldPut second = repository.Put("2", "bytes");
  const ToldPut third = repository.Put("3", "bytes");
  EXPECT_OK(second->begun);
  EXPECT_THAT(third->begun, StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_TRUE(repository.RunToEnd(first));
  ASSERT_TRUE(repository.RunToEnd(second));
  EXPECT_EQ(third->ends, 0);
  const ToldPut again = repository.Put("3", "bytes");
  ASSERT_TRUE(repository.RunToEnd(again));
  EXPECT_EQ(again->result->outcome.verdict, protocol::Verdict::kSuccess);
}

TEST(Client, HeldOperationsMayOutliveIt) {
  Operation operation;
  {
    MemoryRepository repository(1);
    const ToldPut put = repository.Put("file", "bytes");
    operation = put->operation;
    EXPECT_TRUE(operation.running());
  }
  EXPECT_FALSE(operation.running());
  operation.Cancel("nobody is there");
}

TEST(Roster, NamesWhoIsPresentAndWhoIsAway) {
  MemoryRepository repository(2);
  repository.KillPillar("p2");
  repository.Run(absl::Seconds(10));
  std::optional<GetRosterResult> result;
  ASSERT_OK(repository.client().GetRoster({}, [&](GetRosterResult got) { result = got; }));
  ASSERT_TRUE(repository.RunUntil([&] { return result.has_value(); }));
  std::map<std::string, bool> present;
  for (const wire::RosterMember& member : result->roster.members()) {
    if (member.kind() == wire::PILLAR) present[member.component_id()] = member.present();
  }
  EXPECT_THAT(present,
              ::testing::ElementsAre(::testing::Pair("p1", true), ::testing::Pair("p2", false)));
}

}  // namespace
}  // namespace bitrepo::client
