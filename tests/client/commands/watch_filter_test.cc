// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/bus/overheard.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::commands {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One put and one get, each with its replies, and an alarm; the names of what passes.
class WatchFilterTest : public ::testing::Test {
 protected:
  WatchFilterTest() {
    put_ = bus_.NewConversation();
    const Envelope identify = bus_.Identify(put_, "2026/a.pdf");
    Hear("identify", identify, 0);
    Hear("routed", bus_.Routed(identify, {"p1", "p2"}), 1);
    Hear("can", bus_.IdentifyReply(identify, "p1"), 2);
    Hear("cannot", bus_.IdentifyReply(identify, "p2", wire::NO_SPACE), 3);
    const Envelope request = bus_.Request(put_, "p1", "2026/a.pdf");
    Hear("request", request, 4);
    Hear("progress", bus_.Progress(request, wire::RECEIVING, 1, 2), 5);
    Hear("final", bus_.Final(request), 2004);
    const Envelope get = bus_.Request(bus_.NewConversation(), "p3", "b.pdf", wire::GET_FILE);
    Hear("get", get, 2005);
    Hear("undelivered", bus_.Undelivered(get), 2006);
    Hear("alarm", bus_.Alarm("p1", "data-loss", "b.pdf"), 2007);
  }
  void Hear(const std::string& name, const Envelope& envelope, int milliseconds) {
    names_.push_back(name);
    heard_.push_back(
        memory_.Note(bus_test::CopyOf(envelope),
                     absl::FromUnixSeconds(1'700'000'000) + absl::Milliseconds(milliseconds)));
  }
  std::vector<std::string> Passing(const FilterFlags& flags) const {
    const auto filter = flags.Read();
    EXPECT_OK(filter);
    std::vector<std::string> passing;
    for (size_t i = 0; i < heard_.size(); ++i) {
      if (filter->Passes(heard_[i])) passing.push_back(names_[i]);
    }
    return passing;
  }

  bus_test::Overheard bus_;
  WatchMemory memory_;
  base::ConversationId put_;
  std::vector<std::string> names_;
  std::vector<Heard> heard_;
};

TEST_F(WatchFilterTest, WithoutFlagsAllPasses) { EXPECT_EQ(Passing({}), names_); }

TEST_F(WatchFilterTest, APhaseIsAKindOfMessage) {
  EXPECT_THAT(Passing({.phase = {"identify"}}), ElementsAre("identify", "routed", "can", "cannot"));
  EXPECT_THAT(Passing({.phase = {"request"}}), ElementsAre("request", "get"));
  EXPECT_THAT(Passing({.phase = {"progress"}}), ElementsAre("progress"));
  EXPECT_THAT(Passing({.phase = {"final"}}), ElementsAre("final", "undelivered"));
  EXPECT_THAT(Passing({.phase = {"alarm"}}), ElementsAre("alarm"));
  EXPECT_THAT(Passing({.phase = {"alarm", "progress"}}), ElementsAre("progress", "alarm"));
}

TEST_F(WatchFilterTest, AnOperationIsGivenByItsWordOrItsName) {
  EXPECT_THAT(Passing({.type = {"get"}}), ElementsAre("get", "undelivered"));
  EXPECT_THAT(Passing({.type = {"getFile"}}), ElementsAre("get", "undelivered"));
}

TEST_F(WatchFilterTest, APillarIsWhoSpeaksIsToldOrIsMissing) {
  EXPECT_THAT(Passing({.pillar = {"p3"}}), ElementsAre("get", "undelivered"));
  EXPECT_THAT(Passing({.pillar = {"p1"}}),
              ElementsAre("can", "request", "progress", "final", "alarm"));
}

TEST_F(WatchFilterTest, AClientIsAPrincipalOrOneSession) {
  EXPECT_EQ(Passing({.client = {"alice"}}).size(), names_.size() - 1) << "all but the alarm";
  EXPECT_EQ(Passing({.client = {"alice.5f03"}}), Passing({.client = {"alice"}}));
  EXPECT_THAT(Passing({.client = {"ali"}}), ElementsAre());
}

TEST_F(WatchFilterTest, AConversationIsGivenByItsFirstOrLastCharacters) {
  const std::string id = put_.ToString();
  EXPECT_EQ(Passing({.conv = {id}}).size(), 7u);
  EXPECT_EQ(Passing({.conv = {id.substr(id.size() - 8)}}).size(), 7u);
  EXPECT_THAT(Passing({.conv = {"ffffffff"}}), ElementsAre());
}

TEST_F(WatchFilterTest, AFileMeansTheWholeConversationAboutIt) {
  EXPECT_EQ(Passing({.file = {"2026/a.pdf"}}).size(), 7u);
  EXPECT_EQ(Passing({.file = {"2026/*"}}).size(), 7u);
  EXPECT_THAT(Passing({.file = {"b.pdf"}}), ElementsAre("get", "undelivered", "alarm"));
  EXPECT_THAT(Passing({.file = {"2026/"}}), ElementsAre());
}

TEST_F(WatchFilterTest, ErrorsAreRefusalsFailuresAndAlarms) {
  EXPECT_THAT(Passing({.errors = true}), ElementsAre("cannot", "undelivered", "alarm"));
}

TEST_F(WatchFilterTest, SlowAnswersTookLonger) {
  EXPECT_THAT(Passing({.slower_than = "1s"}), ElementsAre("final"));
  EXPECT_THAT(Passing({.slower_than = "2s"}), ElementsAre()) << "exactly so long is not longer";
}

TEST_F(WatchFilterTest, KindsOfFiltersNarrowAndExclusionsTakeAway) {
  EXPECT_THAT(Passing({.pillar = {"p1"}, .phase = {"identify", "final"}}),
              ElementsAre("can", "final"));
  EXPECT_THAT(Passing({.exclude = {"type=put"}}), ElementsAre("get", "undelivered", "alarm"));
  EXPECT_THAT(Passing({.exclude = {"type=put", "errors"}}), ElementsAre("get"));
  EXPECT_THAT(Passing({.exclude = {"phase=alarm"}, .errors = true}),
              ElementsAre("cannot", "undelivered"));
}

TEST_F(WatchFilterTest, WrongFlagsAreNamed) {
  struct Row {
    FilterFlags flags;
    const char* names;
  };
  const Row rows[] = {
      {{.type = {"fly"}}, "--type: \"fly\" is no operation; there are put, get"},
      {{.phase = {"end"}}, "--phase: \"end\" is no phase"},
      {{.conv = {"abc"}}, "--conv: needs at least 4 characters"},
      {{.slower_than = "soon"}, "--slower-than"},
      {{.exclude = {"colour=red"}}, "--not colour: is no filter; there are conv"},
      {{.exclude = {"type"}}, "--not type: needs a value"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(row.flags.Read().status().message(), HasSubstr(row.names));
  }
}

TEST(WatchMemory, ForgetsTheOldestFirst) {
  bus_test::Overheard bus;
  WatchMemory memory(2);
  const absl::Time at = absl::FromUnixSeconds(1'700'000'000);
  std::vector<Envelope> requests;
  for (const char* file : {"a", "b"}) {
    requests.push_back(bus.Request(bus.NewConversation(), "p1", file));
    memory.Note(bus_test::CopyOf(requests.back()), at);
  }
  EXPECT_TRUE(memory.Note(bus_test::CopyOf(bus.Progress(requests[0], wire::STORING, 0, 0)), at)
                  .waited.has_value())
      << "two fit";
  memory.Note(bus_test::CopyOf(bus.Request(bus.NewConversation(), "p1", "c")), at);
  const Heard forgotten =
      memory.Note(bus_test::CopyOf(bus.Progress(requests[0], wire::STORING, 0, 0)), at);
  EXPECT_FALSE(forgotten.waited.has_value());
  EXPECT_EQ(forgotten.file, "");
  const Heard kept =
      memory.Note(bus_test::CopyOf(bus.Progress(requests[1], wire::STORING, 0, 0)), at);
  EXPECT_TRUE(kept.waited.has_value());
  EXPECT_EQ(kept.file, "b");
}

}  // namespace
}  // namespace bitrepo::commands
