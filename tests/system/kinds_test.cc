// SPDX-License-Identifier: Apache-2.0
// Pillars of every kind, and several collections, as `bitrepo local` makes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "tests/support/child_process.h"
#include "tests/support/files.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::system_test {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// A repository that is up as long as this lives.
class LocalRepository {
 public:
  explicit LocalRepository(std::vector<std::string> flags) {
    std::vector<std::string> words = {"local", "up", "--dir", directory_.Path("local")};
    words.insert(words.end(), flags.begin(), flags.end());
    EXPECT_EQ(Run(words), 0) << log();
  }
  ~LocalRepository() { Run({"local", "down", "--dir", directory_.Path("local")}); }

  // The exit code of `bitrepo`.
  int Run(std::vector<std::string> words) {
    log_ = directory_.Path(absl::StrCat("log-", ++runs_));
    words.insert(words.begin(), BITREPO);
    testing_support::ChildProcess program(
        words, log_,
        {{"BITREPO_CONFIG", directory_.Path("local/.bitrepo.toml")},
         {"XDG_STATE_HOME", directory_.Path("state")}});
    return program.Wait(absl::Minutes(2)).value_or(-1);
  }
  std::string log() const { return testing_support::TextOf(log_); }
  // What the last program said of one type.
  std::vector<json> Lines(const std::string& type) const {
    std::vector<json> lines;
    for (const absl::string_view line : absl::StrSplit(log(), '\n', absl::SkipEmpty())) {
      const json read = json::parse(line.begin(), line.end(), nullptr, /*allow_exceptions=*/false);
      if (!read.is_discarded() && read.value("type", "") == type) lines.push_back(read);
    }
    return lines;
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(directory_.Path(name), std::ios::binary) << text;
    return directory_.Path(name);
  }
  std::string Read(const std::string& name) const {
    return testing_support::TextOf(directory_.Path(name));
  }
  std::string Path(const std::string& name) const { return directory_.Path(name); }

 private:
  testing_support::TempDir directory_;
  std::string log_;
  int runs_ = 0;
};

TEST(Kinds, B14B15ANearlinePillarShowsItsPhasesInOrder) {
  LocalRepository local({"--pillars", "1", "--nearline", "1", "--time-scale", "0.01"});
  const std::string bytes(100000, 'b');
  const std::string file = local.Write("f", bytes);
  ASSERT_EQ(local.Run({"put", file, "--json"}), 0) << local.log();
  std::vector<std::string> put_phases;
  for (const json& line : local.Lines("progress")) {
    if (line["pillar"] == "nearline1") put_phases.push_back(line["phase"]);
  }
  EXPECT_THAT(put_phases,
              ElementsAre("accepted", "reserving", "receiving", "verifying", "queued", "loading",
                          "seeking", "writing", "reading-back", "indexing", "complete"))
      << local.log();

  ASSERT_EQ(local.Run({"get", "f", "--from", "nearline1", "-o", local.Path("out"), "--json"}), 0)
      << local.log();
  std::vector<std::string> get_phases;
  double eta_s = 1e9;
  for (const json& line : local.Lines("progress")) {
    const std::string phase = line["phase"];
    if (get_phases.empty() || get_phases.back() != phase) get_phases.push_back(phase);
    if (phase == "sending" || phase == "complete" || !line.contains("eta_s")) continue;
    EXPECT_LE(line["eta_s"], eta_s);
    eta_s = line["eta_s"];
  }
  EXPECT_THAT(get_phases, ElementsAre("accepted", "queued", "locating", "seeking", "staging",
                                      "verifying", "sending", "complete"))
      << local.log();
  EXPECT_LT(eta_s, 1e9);
  EXPECT_EQ(local.Read("out"), bytes);
}

TEST(Kinds, AChecksumPillarHasTheDigestAndNeverTheBytes) {
  LocalRepository local({"--pillars", "1", "--checksum", "1"});
  const std::string file = local.Write("f", "some bytes");
  ASSERT_EQ(local.Run({"put", file}), 0) << local.log();
  EXPECT_EQ(local.Run({"checksums", "f", "--json"}), 0) << local.log();
  std::set<std::string> digests;
  std::vector<std::string> tellers;
  for (const json& line : local.Lines("item")) {
    tellers.push_back(line["pillar"]);
    digests.insert(line["digest"]);
  }
  EXPECT_THAT(tellers, UnorderedElementsAre("checksum1", "pillar-1"));
  EXPECT_EQ(digests.size(), 1U) << local.log();
  EXPECT_EQ(local.Run({"get", "f", "-o", local.Path("out")}), 0) << local.log();
  EXPECT_EQ(local.Read("out"), "some bytes");
  EXPECT_NE(local.Run({"get", "f", "--from", "checksum1", "-o", local.Path("other")}), 0);
  EXPECT_EQ(local.Run({"local", "status", "--dir", local.Path("local"), "--json"}), 0);
  std::vector<std::string> kinds;
  for (const json& line : local.Lines("item")) {
    if (line.contains("kind")) kinds.push_back(line["kind"]);
  }
  EXPECT_THAT(kinds, ElementsAre("full", "checksum"));
}

// How far the audit trails of one were seen says nothing of another, whose pillars have the names.
TEST(Kinds, WhatIsRememberedOfOneRepositoryIsNotHeldAgainstAnother) {
  LocalRepository local({"--pillars", "1"});
  const std::string file = local.Write("file", "bytes");
  for (const char* id : {"a", "b", "c"}) ASSERT_EQ(local.Run({"put", file, "--id", id}), 0);
  ASSERT_EQ(local.Run({"audit", "verify"}), 0) << local.log();

  const std::string other = local.Path("other");
  const std::string config = absl::StrCat(other, "/.bitrepo.toml");
  ASSERT_EQ(local.Run({"local", "up", "--dir", other, "--pillars", "1"}), 0) << local.log();
  ASSERT_EQ(local.Run({"put", file, "--id", "a", "--config", config}), 0) << local.log();
  EXPECT_EQ(local.Run({"audit", "verify", "--config", config}), 0) << local.log();
  EXPECT_EQ(local.Run({"local", "down", "--dir", other}), 0) << local.log();
}

TEST(Kinds, TwoCollectionsKeepOtherBytesUnderOneId) {
  LocalRepository local({"--pillars", "2", "--collection", "photos", "--collection", "sounds"});
  const std::string seen = local.Write("f", "seen");
  ASSERT_EQ(local.Run({"put", seen, "--collection", "photos"}), 0) << local.log();
  const std::string heard = local.Write("f", "heard");
  ASSERT_EQ(local.Run({"put", heard, "--collection", "sounds"}), 0) << local.log();
  EXPECT_EQ(local.Run({"get", "f", "--collection", "photos", "-o", local.Path("seen")}), 0);
  EXPECT_EQ(local.Run({"get", "f", "--collection", "sounds", "-o", local.Path("heard")}), 0);
  EXPECT_EQ(local.Read("seen"), "seen");
  EXPECT_EQ(local.Read("heard"), "heard");
  EXPECT_NE(local.Run({"get", "f", "--collection", "maps", "-o", local.Path("none")}), 0);
}

}  // namespace
}  // namespace bitrepo::system_test
