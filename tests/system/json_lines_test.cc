// SPDX-License-Identifier: Apache-2.0
// Every command with --json, judged by docs/json-lines.schema.json.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/checksum.h"
#include "tests/support/files.h"
#include "tests/system/json_schema.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;

std::string SchemaText() { return testing_support::TextOf(BITREPO_JSON_SCHEMA); }

// Two pillars; "one" and "two" are kept. What runs is judged and remembered.
class JsonLines : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    rig_ = new RepositoryRig(2);
    rig_->StartPillar("p1");
    rig_->StartPillar("p2");
    ASSERT_TRUE(rig_->WaitForPillars());
    for (const char* name : {"one", "two"}) {
      rig_->WriteFile(name, absl::StrCat("the bytes of ", name, "\n"));
      ASSERT_EQ(rig_->Run({"put", rig_->Path(name)}).exit_code, 0);
    }
  }
  static void TearDownTestSuite() {
    delete rig_;
    rig_ = nullptr;
  }

  // Of the shell: standard error stands apart.
  static std::string Line() { return absl::StrCat("exec \"$@\" 2>>", rig_->Path("errors")); }

  // The records on standard output, each found valid; the last is the summary with the exit code.
  std::vector<Json> Run(std::vector<std::string> words, int exit_code) {
    words.push_back("--json");
    return Judge(rig_->RunBy(Line(), words), words, exit_code);
  }
  std::vector<Json> Judge(const RepositoryRig::Result& result,
                          const std::vector<std::string>& words, int exit_code) {
    const std::string what = absl::StrJoin(words, " ");
    EXPECT_EQ(result.exit_code, exit_code) << what << "\n" << result.log;
    std::vector<Json> records;
    for (absl::string_view line : absl::StrSplit(result.log, '\n', absl::SkipEmpty())) {
      const std::string fault = schema_.Fault(std::string(line));
      EXPECT_EQ(fault, "") << what << "\n" << line;
      if (fault.empty()) records.push_back(Json::parse(line.begin(), line.end()));
    }
    if (records.empty()) {
      ADD_FAILURE() << what << " has no records\n" << result.log;
      records.push_back(Json::object());
      return records;
    }
    EXPECT_EQ(records.front()["type"], "start") << what;
    EXPECT_EQ(records.back()["type"], "summary") << what;
    EXPECT_EQ(Of(records, "summary").size(), 1u) << what;
    EXPECT_EQ(records.back()["exit_code"], result.exit_code) << what;
    EXPECT_EQ(Of(records, "error").empty(), exit_code == 0 || exit_code == 8 || exit_code > 100)
        << what;
    if (records.front()["command"].is_string()) seen_.insert(records.front()["command"]);
    return records;
  }
  static std::vector<Json> Of(const std::vector<Json>& records, const std::string& type) {
    std::vector<Json> found;
    for (const Json& record : records) {
      if (record["type"] == type) found.push_back(record);
    }
    return found;
  }
  static std::vector<std::string> Results(const std::vector<Json>& records) {
    std::vector<std::string> results;
    for (const Json& item : Of(records, "item")) results.push_back(item["result"]);
    return results;
  }

  static RepositoryRig* rig_;
  const JsonSchema schema_{SchemaText()};
  static std::set<std::string> seen_;  // commands
};
RepositoryRig* JsonLines::rig_ = nullptr;
std::set<std::string> JsonLines::seen_;

TEST_F(JsonLines, TheSchemaUsesNothingThatTheJudgeDoesNotKnow) { EXPECT_EQ(schema_.Unknown(), ""); }

TEST_F(JsonLines, PutTellsWhatBecameOfEachFile) {
  rig_->WriteFile("new", "new bytes\n");
  const std::vector<Json> put = Run({"put", rig_->Path("new")}, 0);
  EXPECT_THAT(Results(put), ElementsAre("stored"));
  EXPECT_EQ(Of(put, "item")[0]["pillars"], Json::array({"p1", "p2"}));
  EXPECT_EQ(Of(put, "identify").size(), 2u);
  EXPECT_FALSE(Of(put, "progress").empty());
  EXPECT_EQ(put.back()["counts"]["stored"], 1);
  EXPECT_EQ(put.back()["bytes"], 10);
  EXPECT_THAT(Results(Run({"put", rig_->Path("new")}, 0)), ElementsAre("already-held"));
  EXPECT_THAT(Results(Run({"put", "-n", rig_->Path("new")}, 0)), ElementsAre("would-store"));
  const std::vector<Json> refused = Run({"put", rig_->Path("new"), "--id", "one"}, 7);
  EXPECT_EQ(Of(refused, "error")[0]["code"], "refused");
  EXPECT_EQ(Of(refused, "error")[0]["file_id"], "one");
  EXPECT_EQ(Of(Run({"put", rig_->Path("absent")}, 10), "error")[0]["code"], "local");
  Run({"put", rig_->Path("new"), "--id", "../x"}, 2);
  Run({"put", rig_->Path("new"), "--id", "wrong", "--checksum", "md5:" + std::string(32, '0')}, 6);
}

TEST_F(JsonLines, GetTellsWhereTheBytesWentAndFromWhom) {
  const std::vector<Json> get = Run({"get", "one", "-o", rig_->Path("got")}, 0);
  ASSERT_THAT(Results(get), ElementsAre("delivered"));
  EXPECT_EQ(Of(get, "item")[0]["path"], rig_->Path("got"));
  EXPECT_EQ(Of(get, "item")[0]["bytes"], 17);
  const std::vector<Json> both = Run({"get", "one", "no/such", "-o", rig_->Path("into/")}, 3);
  EXPECT_THAT(Results(both), ElementsAre("delivered"));
  Run({"get", "no/such", "-o", rig_->Path("got")}, 4);
  Run({"get", "one", "-o", rig_->Path("got"), "--range", "5:100"}, 7);
  Run({"cat", "one"}, 2);
}

TEST_F(JsonLines, TokensAreItemsAndWhatUsesThemTellsWhatBecameOfThem) {
  const Json get = Of(Run({"get", "one", "--token-only", "--from", "p1"}, 0), "item")[0];
  EXPECT_EQ(get["result"], "token");
  EXPECT_EQ(get["verb"], "fetch");
  const std::string token = get["token"];
  const Json shown = Of(Run({"token", "show", token}, 0), "item")[0];
  EXPECT_EQ(shown["bytes"], 17);
  EXPECT_EQ(shown["conversation"], get["conversation"]);
  EXPECT_EQ(Of(Run({"status", token}, 0), "item")[0]["result"], "waiting");
  const std::vector<Json> fetch = Run({"fetch", token, "-o", rig_->Path("fetched")}, 0);
  EXPECT_THAT(fetch.front()["arguments"].dump(),
              AllOf(HasSubstr("\"TOKEN\""), Not(HasSubstr("brt1_"))))
      << "secrets are not written down";
  EXPECT_EQ(Of(fetch, "item")[0]["result"], "delivered");
  EXPECT_EQ(Of(fetch, "item")[0]["bytes"], 17);
  Run({"fetch", token, "-o", rig_->Path("fetched")}, 7);
  Run({"push", token, rig_->Path("one")}, 7);
  rig_->WriteFile("pushed", "pushed bytes\n");
  const std::vector<Json> put =
      Of(Run({"put", rig_->Path("pushed"), "--token-only", "--pillar", "p2"}, 0), "item");
  ASSERT_EQ(put.size(), 1u);
  EXPECT_EQ(put[0]["verb"], "push");
  const std::string store = put[0]["token"];
  EXPECT_THAT(Results(Run({"push", store, rig_->Path("pushed")}, 0)), ElementsAre("stored"));
  Run({"fetch", "x", "-o", "-"}, 2);
  Run({"token", "show", "brt1_x"}, 7);
}

TEST_F(JsonLines, ListsHaveAnItemForEachRowOrCopy) {
  EXPECT_THAT(Results(Run({"checksums", "one", "two"}, 0)), ElementsAre("ok", "ok", "ok", "ok"));
  const Json item =
      Of(Run({"checksums", "one", "--algorithm", "hmac-sha512", "--salt", "00ff"}, 0), "item")[0];
  EXPECT_EQ(item["algorithm"], "hmac-sha512");
  EXPECT_EQ(item["digest"].get<std::string>().size(), 128u);
  rig_->WriteFile("sums", std::string(64, '0') + "  one\n" + std::string(64, '0') + "  gone\n");
  EXPECT_THAT(Results(Run({"checksums", "--check", rig_->Path("sums")}, 6)),
              UnorderedElementsAre("mismatch", "missing"));
  Run({"checksums", "no/such"}, 4);
  const std::vector<Json> cut = Run({"file-ids", "--limit", "1"}, 8);
  EXPECT_EQ(Of(cut, "item").size(), 1u);
  EXPECT_THAT(cut.back()["resume"], ::testing::Ne(nullptr));
  EXPECT_THAT(Results(Run({"file-ids", "-l", "--prefix", "o"}, 0)), ElementsAre("ok"));
  EXPECT_THAT(Results(Run({"stat", "one"}, 0)), ElementsAre("ok", "ok"));
  EXPECT_EQ(Of(Run({"checksums", "one", "--block-size", "4KiB"}, 0), "item")[0]["block"], 0);
  EXPECT_THAT(Results(Run({"checksums", "one", "--algorithm", "md5", "--algorithm", "sha1"}, 0)),
              ElementsAre("ok", "ok", "ok", "ok"));
  const std::vector<Json> infos = Run({"file-infos", "one"}, 0);
  EXPECT_THAT(Results(infos), ElementsAre("ok", "ok"));
  EXPECT_TRUE(Of(infos, "item")[0].contains("generation"));
  EXPECT_THAT(Results(Run({"file-infos", "--removed"}, 0)), ::testing::IsEmpty());
  const std::vector<Json> where = Run({"whereis", "one", "no/such"}, 3);
  EXPECT_THAT(Results(where), ElementsAre("ok", "missing"));
  EXPECT_EQ(Of(where, "item")[0]["pillars"]["p2"], "ok");
}

TEST_F(JsonLines, TheStateOfTheRepositoryIsItems) {
  EXPECT_THAT(Results(Run({"status"}, 0)), Contains("HEALTHY"));
  EXPECT_THAT(Results(Run({"pillars"}, 0)), ElementsAre("ready", "ready"));
}

std::string Sha256Of(const std::string& bytes) {
  return base::Hasher::Of(base::Algorithm::kSha256, bytes).ToString();
}

TEST_F(JsonLines, ChangesTellWhatBecameOfEachPillar) {
  rig_->WriteFile("changing", "old bytes\n");
  rig_->WriteFile("changed", "new bytes\n");
  const std::string old_digest = Sha256Of("old bytes\n");
  const std::string digest = Sha256Of("new bytes\n");
  ASSERT_EQ(rig_->Run({"put", rig_->Path("changing")}).exit_code, 0);
  const std::vector<std::string> replace = {"replace",        "changing", rig_->Path("changed"),
                                            "--old-checksum", old_digest, "--all-pillars"};
  std::vector<std::string> dry = replace;
  dry.push_back("-n");
  EXPECT_THAT(Results(Run(dry, 0)), ElementsAre("would-replace"));
  EXPECT_THAT(Results(Run(replace, 0)), ElementsAre("replaced"));
  EXPECT_THAT(Results(Run(replace, 0)), ElementsAre("already-held"));
  Run({"replace", "changing", rig_->Path("changed"), "--all-pillars"}, 2);
  Run({"replace", "changing", rig_->Path("changing"), "--old-checksum", old_digest,
       "--all-pillars"},
      7);

  const std::vector<std::string> remove = {"delete",   "changing", "--checksum", digest,
                                           "--pillar", "p2",       "--reason",   "a test"};
  dry = remove;
  dry.push_back("-n");
  EXPECT_THAT(Results(Run(dry, 0)), ElementsAre("would-delete"));
  Run({"delete", "changing", "--pillar", "p2", "--reason", "a test"}, 2);
  Run({"delete", "changing", "--checksum", digest, "--all-pillars", "--reason", "a test"}, 7);
  std::vector<std::string> too_many = remove;
  too_many.insert(too_many.end(), {"--min-copies", "2"});
  Run(too_many, 7);
  EXPECT_THAT(Results(Run(remove, 0)), ElementsAre("deleted"));
  EXPECT_THAT(Results(Run(remove, 0)), ElementsAre("already-gone"));
  EXPECT_THAT(Results(Run({"undelete", "changing", "--pillar", "p2"}, 0)),
              ElementsAre("undeleted"));
  Run({"undelete", "changing"}, 2);
}

TEST_F(JsonLines, AReceiptIsALineOfTheSchemaToo) {
  rig_->WriteFile("kept", "kept bytes\n");
  const std::string receipt = rig_->Path("receipt");
  Run({"put", rig_->Path("kept"), "--receipt", receipt}, 0);
  std::ifstream file(receipt);
  std::string line;
  ASSERT_TRUE(std::getline(file, line)) << "one line for one file";
  EXPECT_EQ(schema_.Fault(line), "") << line;
  const Json record = Json::parse(line);
  EXPECT_EQ(record["type"], "receipt");
  ASSERT_EQ(record["pillars"].size(), 2u);
  for (const Json& pillar : record["pillars"]) {
    EXPECT_EQ(pillar["state"], "done");
    EXPECT_GE(pillar["trail"]["sequence"], 1);
  }
  EXPECT_FALSE(std::getline(file, line));
  Run({"put", rig_->Path("kept"), "--receipt", rig_->Path("no/such/place")}, 10);
}

TEST_F(JsonLines, WhatBecameOfAConversationIsItems) {
  rig_->WriteFile("asked", "asked bytes\n");
  const std::vector<Json> put = Run({"put", rig_->Path("asked")}, 0);
  const std::string id = Of(put, "item")[0]["conversation"];
  EXPECT_THAT(Results(Run({"conv", "show", id}, 0)), Contains("done"));
  EXPECT_THAT(Results(Run({"conv", "list"}, 0)), Contains("done"));
  Run({"conv", "show", "01234567-89ab-7def-8123-456789abcdef"}, 4);
  Run({"conv", "wait", id}, 4);
  Run({"conv", "cancel", id}, 4);
  Run({"conv", "show"}, 2);
  Run({"conv", "shwo", id}, 2);
}

TEST_F(JsonLines, AuditTrailsAlarmsAndTheDoctorsFindingsAreItems) {
  // Gets are in the trail too, at the pillar that happened to serve them.
  const std::vector<Json> puts =
      Run({"audit", "--file", "one", "--action", "put", "--pillar", "p1"}, 0);
  EXPECT_THAT(Results(puts), ElementsAre("audit-record"));
  const std::vector<Json> cut = Run({"audit", "--limit", "1"}, 8);
  EXPECT_EQ(Of(cut, "item").size(), 1u);
  EXPECT_THAT(cut.back()["resume"].get<std::string>(), ::testing::HasSubstr("--cursor"));
  EXPECT_THAT(Results(Run({"audit", "verify", "--anchor", rig_->Path("anchors")}, 0)),
              ElementsAre("ok", "ok"));
  EXPECT_THAT(Results(Run({"audit", "verify", "--anchor", rig_->Path("anchors")}, 0)),
              ElementsAre("ok", "ok"))
      << "and what was seen is found again";
  Run({"audit", "verify", "--file", "one"}, 2);
  Run({"audit", "--since", "soon"}, 2);
  Run({"alarms"}, 0);
  EXPECT_THAT(
      Results(Run({"rate", "set", "--for", "collection:default", "08:00,10M;19:00,off"}, 0)),
      Contains("rate-set"));
  EXPECT_THAT(Results(Run({"rate", "show"}, 0)), Contains("rate"));
  Run({"rate", "set", "--for", "collection:default", "none"}, 0);
  Run({"rate", "set", "quick"}, 2);
  EXPECT_THAT(Results(Run({"doctor"}, 0)), Contains("ok"));
}

TEST_F(JsonLines, WatchTellsMessages) {
  const auto watch = rig_->StartBy(Line(), {"watch", "--count", "3", "--for", "60s", "--json"});
  // Asked until the watcher, who begins at a moment of its own, has heard enough.
  while (!watch->Wait(absl::ZeroDuration()).has_value()) rig_->Run({"file-ids", "-q"});
  const std::vector<Json> records = Judge({*watch->Wait(), watch->Log()}, {"watch", "--json"}, 0);
  EXPECT_THAT(Results(records), ElementsAre("message", "message", "message", "watched"));
}

TEST_F(JsonLines, WatchByConversationIsRecordedAndReplayed) {
  const std::string recording = rig_->Path("bus.rec");
  const auto watch = rig_->StartBy(
      Line(), {"watch", "--tree", "--count", "2", "--record", recording, "--for", "60s", "--json"});
  while (!watch->Wait(absl::ZeroDuration()).has_value()) rig_->Run({"file-ids", "-q"});
  const std::vector<Json> records = Judge({*watch->Wait(), watch->Log()}, {"watch", "--tree"}, 0);
  EXPECT_THAT(Results(records), Contains("verdict"));
  EXPECT_THAT(Results(Run({"replay", recording, "--tree"}, 0)), Contains("verdict"));
  EXPECT_THAT(Results(Run({"replay", recording, "--phase", "final"}, 0)), Contains("message"));
  Run({"replay", rig_->Path("one")}, 2);
  Run({"replay", rig_->Path("absent")}, 10);
  Run({"replay", recording, "--speed", "fast"}, 2);
  Run({"watch", "--record", recording, "--for", "1s"}, 10);
  Run({"watch", "--type", "fly"}, 2);
}

TEST_F(JsonLines, TopTellsOfTheBusAndItsPillars) {
  const std::vector<Json> records = Run({"top", "--once", "--interval", "300ms"}, 0);
  EXPECT_THAT(Results(records), Contains("bus"));
  EXPECT_THAT(Results(records), Contains("ready"));
  Run({"top", "--interval", "1ms"}, 2);
}

TEST_F(JsonLines, TheProgramTellsOfItself) {
  EXPECT_THAT(Results(Run({"version"}, 0)), ElementsAre("version"));
  EXPECT_THAT(Results(Run({"completion", "bash"}, 0)), ElementsAre("script"));
  EXPECT_THAT(Results(Run({"help", "get"}, 0)), ElementsAre("help"));
}

TEST_F(JsonLines, ALocalRepositoryIsToldThroughItsLife) {
  const std::string directory = rig_->Path("local");
  EXPECT_THAT(Results(Run({"local", "up", "--dir", directory, "--pillars", "1"}, 0)),
              Contains("up"));
  EXPECT_THAT(Results(Run({"local", "status", "--dir", directory}, 0)), Contains("running"));
  EXPECT_THAT(Results(Run({"local", "down", "--dir", directory}, 0)), Contains("stopped"));
  Run({"local", "status", "--dir", rig_->Path("no-local")}, 4);
}

TEST_F(JsonLines, MistakesAreRecordsToo) {
  const std::vector<Json> flag = Run({"get", "one", "--nosuch"}, 2);
  EXPECT_EQ(Of(flag, "error")[0]["code"], "usage");
  Run({"nosuch"}, 2);
  Run({"get"}, 2);
  Run({"pillars", "--timeout", "soon"}, 2);
  const std::vector<Json> nobody = Run({"pillars", "--coordinator", "tcp://127.0.0.1:1"}, 5);
  EXPECT_EQ(Of(nobody, "error")[0]["retryable"], true);
}

TEST_F(JsonLines, ASignalStillLeavesTheSummaryLast) {
  const auto watch = rig_->StartBy(Line(), {"watch", "--json"});
  while (watch->Log().find("\"message\"") == std::string::npos) rig_->Run({"file-ids", "-q"});
  watch->Signal(SIGTERM);
  EXPECT_EQ(watch->Wait(), 143);
  Judge({143, watch->Log()}, {"watch"}, 143);
}

// The last of the suite: what the tests before it have run.
TEST_F(JsonLines, EveryCommandWasJudged) {
  const RepositoryRig::Result fish = rig_->Run({"completion", "fish"});
  const std::string mark = "__fish_use_subcommand -a ";
  std::vector<std::string> missed;
  for (absl::string_view line : absl::StrSplit(fish.log, '\n')) {
    const size_t at = line.find(mark);
    if (at == absl::string_view::npos) continue;
    const absl::string_view rest = line.substr(at + mark.size());
    const std::string command(rest.substr(0, rest.find(' ')));
    if (seen_.count(command) == 0) missed.push_back(command);
  }
  EXPECT_FALSE(seen_.empty());
  EXPECT_THAT(missed, IsEmpty());
}

}  // namespace
}  // namespace bitrepo::system_test
