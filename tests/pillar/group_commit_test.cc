// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/group_commit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/slow_workers.h"
#include "tests/pillar/store_spy.h"
#include "tests/support/manual_event_loop.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::requests {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class GroupCommitTest : public ::testing::Test {
 protected:
  base::CollectionId photos() { return *base::CollectionId::Parse("photos"); }
  store::Answer Answer(const std::string& final) {
    const auto wall_now = loop.clock().WallNow();
    return {{"alice", base::ConversationId::Make(wall_now, random),
             base::MessageId::Make(wall_now, random)},
            std::string(32, 'd'),
            final,
            wall_now};
  }
  void Publish(const std::string& id) {
    store::Answer answer = Answer("final");
    auto staged = store.memory.Stage(photos(), *base::FileId::Parse(id), 0);
    ASSERT_OK((*staged)->Seal(0));
    commits->Publish({photos(),
                      *base::FileId::Parse(id),
                      answer.key.conversation,
                      loop.clock().WallNow(),
                      *std::move(staged),
                      answer,
                      {}},
                     [this, id](absl::StatusOr<store::FileRecord> record) {
                       told.push_back(absl::StrCat(id, record.ok() ? "" : " failed"));
                     });
  }
  void Remove(const std::string& id) {
    commits->Remove({photos(),
                     *base::FileId::Parse(id),
                     base::Hasher::Of(base::Algorithm::kSha256, ""),
                     loop.clock().WallNow(),
                     Answer("final"),
                     {}},
                    [this, id](absl::StatusOr<store::FileRecord> record) {
                      told.push_back(absl::StrCat(id, record.ok() ? " removed" : " failed"));
                    });
  }
  void Close(const std::string& name) {
    commits->Close(Answer("final"), {}, [this, name](absl::Status how) {
      told.push_back(absl::StrCat(name, how.ok() ? "" : " failed"));
    });
  }

  testing_support::ManualEventLoop loop;
  base::SeededRandom random{1};
  pillar::StoreSpy store{{{photos()}, base::StoreId::Make(absl::FromUnixSeconds(1), random)},
                         loop.clock()};
  pillar::SlowWorkers workers{loop};
  std::optional<GroupCommit> commits{std::in_place, loop, workers, store};
  std::vector<std::string> told;
};

TEST_F(GroupCommitTest, WhatComesWhileAGroupIsWrittenIsTheNextGroup) {
  for (const char* id : {"a", "b", "c", "d"}) Publish(id);
  EXPECT_THAT(told, IsEmpty()) << "nothing is told from inside the call";
  loop.Advance(absl::Milliseconds(1));
  EXPECT_THAT(told, ElementsAre("a"));
  loop.Advance(absl::Milliseconds(1));
  EXPECT_THAT(told, ElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(store.group_sizes, ElementsAre(1, 3));
  EXPECT_TRUE(commits->idle());
}

TEST_F(GroupCommitTest, AGroupHasALimit) {
  Publish("first");
  for (size_t i = 0; i < kGroupMax + 1; ++i) Publish(absl::StrCat("f", i));
  loop.Advance(absl::Milliseconds(10));
  EXPECT_THAT(store.group_sizes, ElementsAre(1, kGroupMax, 1));
  EXPECT_THAT(told, SizeIs(kGroupMax + 2));
}

TEST_F(GroupCommitTest, RefusalsShareACommitToo) {
  for (int i = 0; i < 20; ++i) Close(absl::StrCat("r", i));
  loop.Advance(absl::Milliseconds(5));
  EXPECT_EQ(store.close_groups, 2);
  EXPECT_THAT(told, SizeIs(20));
}

TEST_F(GroupCommitTest, RemovalsShareACommitToo) {
  for (const char* id : {"a", "b", "c"}) Publish(id);
  loop.Advance(absl::Milliseconds(5));
  told.clear();
  for (const char* id : {"a", "b", "nobody", "c"}) Remove(id);
  EXPECT_EQ(commits->waiting(), 3u) << "the first is being written";
  loop.Advance(absl::Milliseconds(5));
  EXPECT_THAT(told, ElementsAre("a removed", "b removed", "nobody failed", "c removed"));
  EXPECT_THAT(store.removal_sizes, ElementsAre(1, 3));
  EXPECT_TRUE(commits->idle());
}

TEST_F(GroupCommitTest, AFailureIsToldToEachOfTheGroup) {
  store.fail_publish = absl::UnavailableError("fsync failed");
  for (const char* id : {"a", "b", "c"}) Publish(id);
  loop.Advance(absl::Milliseconds(5));
  EXPECT_THAT(told, ElementsAre("a failed", "b failed", "c failed"));
}

TEST_F(GroupCommitTest, AFinalTakesThePlaceOfTheNoteThatStillWaits) {
  Publish("busy");  // the lane is busy while these come
  store::Answer noted = Answer("");
  commits->Open(noted);
  store::Answer closed = noted;
  closed.final_body = "final";
  commits->Close(closed, {}, [](absl::Status) {});
  store::Answer lasting = Answer("");
  commits->Open(lasting);
  loop.Advance(absl::Milliseconds(5));
  EXPECT_EQ(store.opens, 1);
  EXPECT_EQ((*store.memory.FindAnswer(noted.key))->final_body, "final");
  EXPECT_EQ((*store.memory.FindAnswer(lasting.key))->final_body, "");
}

TEST_F(GroupCommitTest, AuditRowsWaitForCompanyButNotForLong) {
  commits->Audit({.action = "GET_FILE"});
  loop.Advance(absl::Milliseconds(500));
  EXPECT_THAT(store.memory.audit(), IsEmpty());
  EXPECT_FALSE(commits->idle());
  loop.Advance(absl::Milliseconds(600));
  EXPECT_THAT(store.memory.audit(), SizeIs(1));
  commits->Audit({.action = "GET_FILE"});
  Close("company");
  loop.Advance(absl::Milliseconds(5));
  EXPECT_THAT(store.memory.audit(), SizeIs(3));
  commits->Audit({.action = "GET_FILE"});
  commits->Flush();
  loop.Advance(absl::Milliseconds(5));
  EXPECT_THAT(store.memory.audit(), SizeIs(4));
  EXPECT_TRUE(commits->idle());
}

TEST_F(GroupCommitTest, AuditRowsOfReadsHaveALimit) {
  Publish("busy");
  for (size_t i = 0; i < kAuditWaitingMax + 1; ++i) commits->Audit({.action = "GET_FILE"});
  EXPECT_EQ(commits->audit_rows_dropped(), 1u);
}

TEST_F(GroupCommitTest, AFullLaneIsTriedAgain) {
  workers.full = true;
  Publish("a");
  Close("b");
  loop.Advance(absl::Seconds(1));
  EXPECT_THAT(told, IsEmpty());
  workers.full = false;
  loop.Advance(absl::Seconds(1));
  EXPECT_THAT(told, ElementsAre("a", "b"));
}

TEST_F(GroupCommitTest, WhatIsUnderWayWhenItDiesIsWrittenButNotTold) {
  Publish("a");
  commits.reset();
  loop.Advance(absl::Milliseconds(5));
  EXPECT_THAT(store.group_sizes, ElementsAre(1));
  EXPECT_THAT(told, IsEmpty());
}

}  // namespace
}  // namespace bitrepo::requests
