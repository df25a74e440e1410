// SPDX-License-Identifier: Apache-2.0
#include "client/commands/detached.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing_support::StatusIs;

class LeftFiles : public ::testing::Test {
 protected:
  LeftFiles() {
    places_.environment = [this](const std::string& name) -> std::optional<std::string> {
      if (name == "XDG_STATE_HOME") return directory_.Path("state");
      return std::nullopt;
    };
  }

  base::ConversationId NewId(int second) {
    return base::ConversationId::Make(absl::FromUnixSeconds(1'700'000'000 + second), random_);
  }

  protocol::Envelope RequestTo(const std::string& pillar, const base::ConversationId& id) {
    wire::Header header;
    header.set_repository_id("demo");
    header.set_conversation_id(id.ToBytes());
    header.set_message_id(
        base::MessageId::Make(absl::FromUnixSeconds(1'700'000'000), random_).ToBytes());
    header.set_kind(wire::REQUEST);
    header.set_operation(wire::GET_FILE);
    header.set_collection_id("photos");
    header.set_from("alice");
    header.set_to(pillar);
    header.set_reply_to("alice.1");
    header.set_issued_at_us(1'700'000'000'000'000);
    wire::Body body;
    body.mutable_get_file_request()->mutable_range()->set_file_id("a.txt");
    auto sealed = protocol::SealEnvelope({protocol::Destination::Kind::kPillar, pillar},
                                         std::move(header), std::move(body), "");
    EXPECT_OK(sealed.status());
    return *std::move(sealed);
  }

  Detached Left(const base::ConversationId& id) {
    Detached left{.taken_up = {id, {}}, .operation = wire::GET_FILE};
    left.collection = "photos";
    left.principal = "alice";
    left.file_id = "a.txt";
    left.left_at = absl::FromUnixSeconds(1'700'000'100);
    left.failed = {{"p3", wire::UNREACHABLE}};
    left.words = {"get", "--output=/tmp/a b", "--", "a.txt"};
    left.taken_up.remains.requests.push_back(RequestTo("p1", id));
    left.taken_up.remains.unasked = {*base::ComponentId::Parse("p2")};
    left.taken_up.remains.attendance_known = false;
    return left;
  }

  std::string PathOf(const base::ConversationId& id) const {
    return directory_.Path(absl::StrCat("state/bitrepo/conversations/", id.ToString(), ".json"));
  }

  const testing_support::TempDir directory_;
  base::SeededRandom random_{7};
  client::SettingsPlaces places_;
};

TEST_F(LeftFiles, WhatIsReadBackIsWhatWasLeftByteForByte) {
  const DetachedFiles files(places_);
  const base::ConversationId id = NewId(0);
  const Detached left = Left(id);
  ASSERT_OK(files.Write(left));
  const auto read = files.Read(id);
  ASSERT_OK(read.status());
  EXPECT_EQ(read->taken_up.id, id);
  EXPECT_EQ(read->operation, wire::GET_FILE);
  EXPECT_EQ(read->principal, "alice");
  EXPECT_EQ(read->collection, "photos");
  EXPECT_EQ(read->left_at, left.left_at);
  EXPECT_EQ(read->words, left.words);
  EXPECT_EQ(read->failed, left.failed);
  EXPECT_FALSE(read->taken_up.remains.attendance_known);
  ASSERT_EQ(read->taken_up.remains.unasked.size(), 1u);
  EXPECT_EQ(read->taken_up.remains.unasked[0].text(), "p2");
  ASSERT_EQ(read->taken_up.remains.requests.size(), 1u);
  EXPECT_EQ(protocol::ToFrames(read->taken_up.remains.requests[0]),
            protocol::ToFrames(left.taken_up.remains.requests[0]));
}

TEST_F(LeftFiles, NobodyElseMayReadThem) {
  const DetachedFiles files(places_);
  const base::ConversationId id = NewId(0);
  ASSERT_OK(files.Write(Left(id)));
  struct stat facts {};
  ASSERT_EQ(stat(PathOf(id).c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  ASSERT_EQ(stat(directory_.Path("state/bitrepo/conversations").c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0700u);
}

TEST_F(LeftFiles, AreListedTheNewestFirstAndForgottenOneByOne) {
  const DetachedFiles files(places_);
  EXPECT_THAT(files.List(), IsEmpty());
  const base::ConversationId older = NewId(0);
  const base::ConversationId newer = NewId(60);
  ASSERT_OK(files.Write(Left(older)));
  ASSERT_OK(files.Write(Left(newer)));
  EXPECT_THAT(files.List(), ElementsAre(newer, older));
  ASSERT_OK(files.Remove(newer));
  EXPECT_OK(files.Remove(newer)) << "twice is no mistake";
  EXPECT_THAT(files.List(), ElementsAre(older));
  EXPECT_THAT(files.Read(newer).status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(LeftFiles, AFileThatIsNotWhatWasWrittenIsNamed) {
  const DetachedFiles files(places_);
  const base::ConversationId id = NewId(0);
  ASSERT_OK(files.Write(Left(id)));
  for (const char* text : {"", "{}", "[1]", "{\"v\":2}"}) {
    std::ofstream(PathOf(id)) << text;
    EXPECT_THAT(files.Read(id).status(),
                StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr(PathOf(id))))
        << text;
  }
}

}  // namespace
}  // namespace bitrepo::commands
