// SPDX-License-Identifier: Apache-2.0
// The bus of real daemons as it is watched, recorded and asked about; and a thousand conversations
// at once, each message of which belongs where it stands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "tests/support/files.h"
#include "tests/system/bus_asker.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using Json = nlohmann::json;

constexpr char kTokenPrefix[] = "brt1_";
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kCoordinatorMemoryMax = UINT64_MAX;  // the sanitizer takes more itself
// Of one client: daemons of a tenth of the speed fall half a minute behind a thousand at once.
constexpr char kPutsAtOnce[] = "16";
#else
constexpr uint64_t kCoordinatorMemoryMax = 96ull * 1024 * 1024;
constexpr char kPutsAtOnce[] = "50";
#endif

std::vector<Json> RecordsIn(const std::string& text) {
  std::vector<Json> records;
  for (absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (absl::StartsWith(line, "{")) records.push_back(Json::parse(line.begin(), line.end()));
  }
  return records;
}

// Without the line that is being written.
std::string WholeLines(const std::string& text) { return text.substr(0, text.rfind('\n') + 1); }

std::vector<Json> Of(const std::vector<Json>& records, const std::string& result) {
  std::vector<Json> found;
  for (const Json& record : records) {
    if (record["type"] == "item" && record["result"] == result) found.push_back(record);
  }
  return found;
}

// The most memory that a process has held (VmHWM).
uint64_t PeakMemoryBytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  uint64_t kib = 0;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "VmHWM:") && absl::ConsumeSuffix(&rest, " kB")) {
      EXPECT_TRUE(absl::SimpleAtoi(rest, &kib));
    }
  }
  return kib * 1024;
}

// Conversation and file of each put in the trail of a pillar that has stopped.
std::vector<std::pair<std::string, std::string>> PutsInTrail(const RepositoryRig& rig,
                                                             const std::string& pillar) {
  std::vector<std::pair<std::string, std::string>> puts;
  sqlite3* database = nullptr;
  sqlite3_stmt* statement = nullptr;
  const std::string path = absl::StrCat(rig.PillarDirectory(pillar), "/catalogue.sqlite");
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(database,
                               "SELECT conversation, file_id FROM audit WHERE action = 'PUT_FILE'",
                               -1, &statement, nullptr),
            SQLITE_OK);
  const auto text = [&](int column) {
    return std::string(reinterpret_cast<const char*>(sqlite3_column_text(statement, column)));
  };
  while (sqlite3_step(statement) == SQLITE_ROW) puts.emplace_back(text(0), text(1));
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return puts;
}

class BusWatchTest : public ::testing::Test {
 protected:
  BusWatchTest() {
    for (const char* pillar : {"p1", "p2", "p3"}) rig_.StartPillar(pillar);
    EXPECT_TRUE(rig_.WaitForPillars());
  }
  // Standard output into the log, all else into the file "words". Returns once it hears the bus.
  std::unique_ptr<ChildProcess> Watch(std::vector<std::string> words) {
    words.insert(words.begin(), "watch");
    auto watch = rig_.StartBy(absl::StrCat("exec \"$@\" 2>>", rig_.Path("words")), words);
    // Until one of the messages asked for here comes through.
    const absl::Time deadline = absl::Now() + absl::Seconds(30);
    while (absl::Now() < deadline && watch->Log().find("\"item\"") == std::string::npos) {
      rig_.Run({"status", "-q"});
    }
    EXPECT_THAT(watch->Log(), HasSubstr("\"item\""));
    return watch;
  }
  // Until it has told what became of so many conversations of the operation: late answers to one
  // end nothing.
  static void AwaitVerdicts(const ChildProcess& watch, const std::string& operation, size_t count) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (absl::Now() < deadline) {
      size_t told = 0;
      const std::string log = WholeLines(watch.Log());
      for (absl::string_view line : absl::StrSplit(log, '\n')) {
        if (!absl::StrContains(line, "\"result\":\"verdict\"")) continue;
        const Json verdict = Json::parse(line.begin(), line.end());
        if (verdict["operation"] == operation && verdict["verdict"] != "late") ++told;
      }
      if (told >= count) return;
      absl::SleepFor(absl::Milliseconds(200));
    }
    ADD_FAILURE() << "not all verdicts came";
  }
  // Ends it, and gives what it wrote.
  static std::string Ended(ChildProcess& watch) {
    watch.Signal(SIGTERM);
    EXPECT_EQ(watch.Wait(), 128 + SIGTERM);
    return watch.Log();
  }

  RepositoryRig rig_{3};
};

// Each message stands before the verdict of its own conversation, and after that of the one before.
void ExpectRightlyGrouped(const std::vector<Json>& records) {
  std::vector<Json> group;
  for (const Json& record : records) {
    if (record["type"] != "item") continue;
    if (record["result"] == "message" && record.contains("conversation")) group.push_back(record);
    if (record["result"] != "verdict") continue;
    std::set<std::string> asked;
    for (const Json& message : group) {
      EXPECT_EQ(message["conversation"], record["conversation"]);
      if (message.contains("file_id") && record.contains("file_id")) {
        EXPECT_EQ(message["file_id"], record["file_id"]);
      }
      if (message.value("depth", -1) == 0) asked.insert(message["message"].get<std::string>());
      if (message.value("depth", -1) == 1) {
        EXPECT_EQ(asked.count(message["answers"].get<std::string>()), 1u) << message.dump();
      }
    }
    group.clear();
  }
  EXPECT_THAT(group, IsEmpty()) << "each conversation has its verdict";
}

TEST_F(BusWatchTest, PutsAndGetsAreShownByConversationAndNoTokenIsEver) {
  const auto watch = Watch({"--tree", "--json", "--record", rig_.Path("bus.rec")});
  const auto lines = Watch({"--json", "--type", "put", "--type", "status"});
  std::vector<std::string> put = {"put"};
  for (int i = 0; i < 10; ++i) {
    rig_.WriteFile(absl::StrCat("file", i), absl::StrCat("the bytes of ", i));
    put.push_back(rig_.Path(absl::StrCat("file", i)));
  }
  ASSERT_EQ(rig_.Run(put).exit_code, 0);
  ASSERT_EQ(rig_.Run({"get", "file3", "-o", rig_.Path("got")}).exit_code, 0);
  const RepositoryRig::Result top = rig_.Run({"top", "--once", "--interval", "1s"});
  AwaitVerdicts(*watch, "put", 10);
  AwaitVerdicts(*watch, "get", 1);
  const std::string shown = Ended(*watch);
  const std::string shown_lines = Ended(*lines);

  const std::vector<Json> records = RecordsIn(shown);
  ExpectRightlyGrouped(records);
  std::map<std::string, int> puts;
  int gets = 0;
  for (const Json& verdict : Of(records, "verdict")) {
    if (verdict["operation"] == "get") {
      ++gets;
      EXPECT_EQ(verdict["verdict"], "done");
      EXPECT_EQ(verdict["file_id"], "file3");
    }
    if (verdict["operation"] != "put") continue;
    ++puts[verdict["file_id"].get<std::string>()];
    EXPECT_EQ(verdict["verdict"], "done") << verdict.dump();
    EXPECT_EQ(verdict["done_at"], Json::array({"p1", "p2", "p3"})) << verdict.dump();
  }
  EXPECT_EQ(gets, 1);
  EXPECT_THAT(puts, SizeIs(10));
  for (const auto& [file, count] : puts) EXPECT_EQ(count, 1) << file;

  const std::string recording = rig_.Path("bus.rec");
  const RepositoryRig::Result tree = rig_.Run({"replay", recording, "--tree", "--json"});
  EXPECT_EQ(tree.exit_code, 0) << tree.log;
  EXPECT_EQ(Of(RecordsIn(tree.log), "verdict").size(), Of(records, "verdict").size());
  ExpectRightlyGrouped(RecordsIn(tree.log));
  const RepositoryRig::Result plain = rig_.Run({"replay", recording, "--type", "get", "-q"});
  EXPECT_THAT(plain.log, HasSubstr("get final"));
  EXPECT_THAT(plain.log, Not(HasSubstr("put final")));
  EXPECT_THAT(rig_.Run({"replay", recording, "--tree", "--file", "file3"}).log,
              HasSubstr("= done: done at p1, p2, p3; "));
  for (const std::string& text :
       {shown, shown_lines, testing_support::TextOf(recording),
        testing_support::TextOf(rig_.Path("words")), tree.log, plain.log, top.log}) {
    EXPECT_FALSE(text.empty());
    EXPECT_EQ(text.find(kTokenPrefix), std::string::npos) << "a token is shown";
  }
  for (const char* word : {"messages/s", "p1", "p2", "p3", "ready", "full"}) {
    EXPECT_THAT(top.log, HasSubstr(word));
  }
}

TEST_F(BusWatchTest, EndsWithTheConversationThatItWaitsFor) {
  rig_.WriteFile("file", "bytes");
  ASSERT_EQ(rig_.Run({"put", rig_.Path("file")}).exit_code, 0);
  // Its id is known only once it has begun: the recording of a first run tells it.
  const auto watch = Watch({"--tree", "--json", "--record", rig_.Path("bus.rec")});
  ASSERT_EQ(rig_.Run({"get", "file", "-o", rig_.Path("got")}).exit_code, 0);
  AwaitVerdicts(*watch, "get", 1);
  const std::vector<Json> records = RecordsIn(Ended(*watch));
  std::string conversation;
  for (const Json& verdict : Of(records, "verdict")) {
    if (verdict["operation"] == "get") conversation = verdict["conversation"].get<std::string>();
  }
  ASSERT_FALSE(conversation.empty());
  const RepositoryRig::Result replay =
      rig_.Run({"replay", rig_.Path("bus.rec"), "--until-final", conversation, "--json"});
  const std::vector<Json> shown = Of(RecordsIn(replay.log), "message");
  ASSERT_FALSE(shown.empty());
  EXPECT_EQ(shown.back()["conversation"], conversation);
  EXPECT_EQ(shown.back()["kind"], "final");
}

// 20 clients, 50 puts each, all at once.
TEST_F(BusWatchTest, AThousandConversationsAtOnceEndOnceEachAndAreGroupedRightly) {
  constexpr int kClients = 20;
  constexpr int kPutsOfOne = 50;
  const auto watch = Watch({"--tree", "--json", "--type", "put", "--type", "status"});
  std::vector<std::unique_ptr<ChildProcess>> clients;
  for (int client = 0; client < kClients; ++client) {
    // With all of them under way on few cores, a pillar may take a while to its first word.
    std::vector<std::string> words = {"put", "-q",     "--identify-timeout",
                                      "60s", "--jobs", kPutsAtOnce};
    for (int i = 0; i < kPutsOfOne; ++i) {
      const std::string name = absl::StrCat("c", client, "-", i);
      rig_.WriteFile(name, absl::StrCat("the bytes of ", name));
      words.push_back(rig_.Path(name));
    }
    clients.push_back(rig_.Start(words));
  }
  for (const auto& client : clients) {
    EXPECT_EQ(client->Wait(absl::Minutes(3)), 0) << client->Log();
  }
  EXPECT_LT(PeakMemoryBytes(rig_.coordinator().pid()), kCoordinatorMemoryMax);

  // What the coordinator has seen, page by page.
  std::map<std::string, std::string> seen;  // conversation -> file
  {
    BusAsker asker(rig_.endpoint());
    std::string cursor;
    do {
      wire::Body body;
      body.mutable_get_conversation_request();
      body.mutable_page()->set_limit_items(300);
      body.mutable_page()->set_cursor(cursor);
      const wire::Body answer = asker.Ask(wire::GET_CONVERSATION, body);
      for (const auto& each : answer.get_conversation_final().observed()) {
        if (each.operation() != wire::PUT_FILE) continue;
        const auto id = base::ConversationId::FromBytes(each.conversation_id());
        ASSERT_TRUE(id.ok());
        EXPECT_TRUE(seen.emplace(id->ToString(), each.file_id()).second) << "listed twice";
        EXPECT_THAT(each.owed_by(), IsEmpty());
        EXPECT_THAT(each.failed_at(), IsEmpty());
        EXPECT_THAT(each.done_by(), SizeIs(3));
      }
      cursor = answer.get_conversation_final().page().next_cursor();
    } while (!cursor.empty());
  }
  ASSERT_THAT(seen, SizeIs(kClients * kPutsOfOne));

  AwaitVerdicts(*watch, "put", seen.size());
  const std::vector<Json> records = RecordsIn(Ended(*watch));
  ExpectRightlyGrouped(records);
  std::map<std::string, std::vector<std::string>> verdicts;  // by conversation
  for (const Json& verdict : Of(records, "verdict")) {
    if (verdict["operation"] != "put" || verdict["verdict"] == "late") continue;
    const std::string conversation = verdict["conversation"];
    ASSERT_EQ(seen.count(conversation), 1u);
    if (verdict.contains("file_id")) {
      EXPECT_EQ(verdict["file_id"], seen[conversation]);
    }
    verdicts[conversation].push_back(verdict["verdict"]);
  }
  const auto ended_once_as_done =
      static_cast<size_t>(std::count_if(verdicts.begin(), verdicts.end(), [](const auto& each) {
        return each.second == std::vector<std::string>{"done"};
      }));
  // The stream is lossy where the processor is taken: each copy that was missed belongs to one
  // conversation, and no other may look different for it.
  const auto missed = Of(records, "watched").at(0)["missed"].get<size_t>();
  EXPECT_GE(ended_once_as_done + missed, seen.size()) << "each ends once";

  for (const char* pillar : {"p1", "p2", "p3"}) {
    rig_.StopPillar(pillar);
    const auto puts = PutsInTrail(rig_, pillar);
    EXPECT_EQ(puts.size(), seen.size()) << pillar;
    for (const auto& [conversation, file] : puts) EXPECT_EQ(seen[conversation], file) << pillar;
  }
}

}  // namespace
}  // namespace bitrepo::system_test
