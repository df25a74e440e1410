// SPDX-License-Identifier: Apache-2.0
// What a token alone is enough for, with an empty environment and in an empty directory; and gets
// that go on where a kill has stopped them.
#include "channel/transfer/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/support/files.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr size_t kMiB = 1024 * 1024;

std::string Bytes(size_t size) {
  std::string bytes(size, '\0');
  uint64_t state = 88172645463325252;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state);
  }
  return bytes;
}

// Two pillars, and someone elsewhere who has nothing.
class Tokens : public ::testing::Test {
 protected:
  Tokens() : rig_(2) {
    rig_.StartPillar("p1");
    rig_.StartPillar("p2");
    EXPECT_TRUE(rig_.WaitForPillars());
    fs::create_directory(elsewhere_);
  }

  // Standard error stands apart, in "errors".
  RepositoryRig::Result Run(std::vector<std::string> words) {
    return rig_.RunBy(absl::StrCat("exec \"$@\" 2>", rig_.Path("errors")), std::move(words));
  }
  // The program with these words alone: no flag of the rig, no environment, an empty directory.
  static std::string Bare(const std::string& elsewhere, const std::string& rest) {
    return absl::StrCat("program=$1; shift 3; cd ", elsewhere, "; exec env -i \"$program\" \"$@\" ",
                        rest);
  }
  RepositoryRig::Result RunElsewhere(std::vector<std::string> words) {
    return rig_.RunBy(Bare(elsewhere_, absl::StrCat("2>", rig_.Path("errors"))), std::move(words));
  }
  std::string Errors() const { return testing_support::TextOf(rig_.Path("errors")); }
  std::vector<std::string> Elsewhere() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(elsewhere_)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }
  void Put(const std::string& id, const std::string& bytes) {
    rig_.WriteFile(id, bytes);
    ASSERT_EQ(Run({"put", rig_.Path(id)}).exit_code, 0) << Errors();
  }
  // What --token-only has printed, by pillar.
  std::map<std::string, std::string> Ask(std::vector<std::string> words, int exit_code = 0) {
    words.push_back("--token-only");
    const RepositoryRig::Result asked = Run(std::move(words));
    EXPECT_EQ(asked.exit_code, exit_code) << asked.log << Errors();
    std::map<std::string, std::string> tokens;
    for (const absl::string_view line : absl::StrSplit(asked.log, '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words_of_line = absl::StrSplit(line, ' ');
      EXPECT_EQ(words_of_line.size(), 2u) << line;
      tokens[words_of_line.front()] = words_of_line.back();
    }
    return tokens;
  }
  std::string TokenFor(const std::string& id, const std::string& pillar = "p1") {
    return Ask({"get", id, "--from", pillar})[pillar];
  }

  RepositoryRig rig_;
  const std::string elsewhere_ = rig_.Path("elsewhere");
};

TEST_F(Tokens, ATokenAloneFetchesTheFile) {
  const std::string bytes = Bytes(3 * kMiB + 5);
  Put("file", bytes);
  const auto tokens = Ask({"get", "file"});
  ASSERT_EQ(tokens.size(), 1u) << "a get is of one pillar";
  const RepositoryRig::Result fetched =
      RunElsewhere({"fetch", tokens.begin()->second, "-o", "copy"});
  EXPECT_EQ(fetched.exit_code, 0) << Errors();
  EXPECT_THAT(Errors(), HasSubstr("sha256 proved"));
  EXPECT_THAT(Elsewhere(), ElementsAre("copy"));
  EXPECT_EQ(testing_support::TextOf(elsewhere_ + "/copy"), bytes);
  // It is spent.
  EXPECT_EQ(RunElsewhere({"fetch", tokens.begin()->second, "-o", "again"}).exit_code, 7);
  EXPECT_THAT(Errors(), HasSubstr("INVALID_TOKEN"));
  EXPECT_THAT(Errors(), HasSubstr("bitrepo")) << "and what to do";
  EXPECT_THAT(Elsewhere(), ElementsAre("copy"));
}

TEST_F(Tokens, ATokenComesFromAFileOrAPipeToo) {
  const std::string bytes = Bytes(100'000);
  Put("file", bytes);
  rig_.WriteFile("token", absl::StrCat("p1 ", TokenFor("file"), "\n"));
  EXPECT_EQ(RunElsewhere({"fetch", "--token-file", rig_.Path("token"), "-o", "copy"}).exit_code, 0)
      << Errors();
  EXPECT_EQ(testing_support::TextOf(elsewhere_ + "/copy"), bytes);
  rig_.WriteFile("token", TokenFor("file"));
  EXPECT_EQ(RunElsewhere({"fetch", absl::StrCat("@", rig_.Path("token")), "-o", "copy2"}).exit_code,
            0)
      << Errors();
  EXPECT_EQ(testing_support::TextOf(elsewhere_ + "/copy2"), bytes);
  rig_.WriteFile("token", TokenFor("file"));
  const RepositoryRig::Result streamed =
      rig_.RunBy(Bare(elsewhere_, absl::StrCat("<", rig_.Path("token"), " 2>/dev/null")),
                 {"fetch", "-", "-o", "-"});
  EXPECT_EQ(streamed.exit_code, 0);
  EXPECT_TRUE(streamed.log == bytes);
  rig_.WriteFile("token", "p1 brt1_a\np2 brt1_b\n");
  EXPECT_EQ(RunElsewhere({"fetch", "--token-file", rig_.Path("token"), "-o", "copy"}).exit_code, 2)
      << "which of them?";
}

TEST_F(Tokens, ARangeByTokenIsThatRangeAlone) {
  const std::string bytes = Bytes(3 * kMiB);
  Put("file", bytes);
  auto tokens = Ask({"get", "file", "--range", "1000000:1500000"});
  ASSERT_EQ(tokens.size(), 1u);
  EXPECT_EQ(RunElsewhere({"fetch", tokens.begin()->second, "-o", "part"}).exit_code, 0) << Errors();
  EXPECT_EQ(testing_support::TextOf(elsewhere_ + "/part"), bytes.substr(1'000'000, 1'500'000));
}

TEST_F(Tokens, WhoHasTheTokenSaysHowFast) {
  const std::string bytes = Bytes(3 * kMiB);
  Put("file", bytes);
  const std::string fetch = TokenFor("file");
  EXPECT_EQ(RunElsewhere({"fetch", fetch, "-o", "copy", "--bwlimit", "fast"}).exit_code, 2);
  EXPECT_THAT(Errors(), HasSubstr("--bwlimit"));
  const absl::Time begun = absl::Now();
  EXPECT_EQ(RunElsewhere({"fetch", fetch, "-o", "copy", "--bwlimit", "2M"}).exit_code, 0)
      << Errors();
  EXPECT_GE(absl::Now() - begun, absl::Seconds(1));
  EXPECT_TRUE(testing_support::TextOf(elsewhere_ + "/copy") == bytes);
  const std::string push = Ask({"put", "--id", "pushed", "--pillar", "p2"})["p2"];
  const absl::Time pushing = absl::Now();
  EXPECT_EQ(RunElsewhere({"push", "--bwlimit", "2M", push, "copy"}).exit_code, 0) << Errors();
  EXPECT_GE(absl::Now() - pushing, absl::Seconds(1));
}

TEST_F(Tokens, EachPillarGivesATokenToPushWith) {
  const std::string bytes = Bytes(2 * kMiB + 1);
  rig_.WriteFile("file", bytes);
  auto tokens = Ask({"put", rig_.Path("file")});
  ASSERT_EQ(tokens.size(), 2u);
  fs::copy(rig_.Path("file"), elsewhere_ + "/source");
  for (const auto& [pillar, token] : tokens) {
    const RepositoryRig::Result pushed = RunElsewhere({"push", token, "source"});
    EXPECT_EQ(pushed.exit_code, 0) << Errors();
    EXPECT_THAT(pushed.log, StartsWith("stored"));
    EXPECT_EQ(Run({"get", "file", "--from", pillar, "-o", rig_.Path(pillar + ".copy")}).exit_code,
              0)
        << Errors();
    EXPECT_TRUE(testing_support::TextOf(rig_.Path(pillar + ".copy")) == bytes);
  }
  // Both hold it: nobody gives a token, and nothing is to be done.
  EXPECT_THAT(Ask({"put", rig_.Path("file")}), IsEmpty());
}

TEST_F(Tokens, ATokenForBytesThatNobodyHasSeenTakesAny) {
  auto tokens = Ask({"put", "--id", "unseen", "--pillar", "p2"});
  ASSERT_EQ(tokens.size(), 1u);
  rig_.WriteFile("input", "piped\n");
  EXPECT_EQ(rig_.RunBy(Bare(elsewhere_, absl::StrCat("<", rig_.Path("input"))),
                       {"push", tokens["p2"], "-"})
                .exit_code,
            0);
  EXPECT_EQ(Run({"cat", "unseen", "--from", "p2"}).log, "piped\n");
}

TEST_F(Tokens, WhatDoesNotFitTheTokenIsNotSent) {
  rig_.WriteFile("file", "right bytes\n");
  const std::string token = Ask({"put", rig_.Path("file"), "--pillar", "p1"})["p1"];
  rig_.WriteFile("longer", "right bytes and more\n");
  rig_.WriteFile("other", "wrong bytes\n");
  EXPECT_EQ(RunElsewhere({"push", token, rig_.Path("longer")}).exit_code, 7);
  EXPECT_THAT(Errors(), HasSubstr("the token takes 12"));
  EXPECT_EQ(RunElsewhere({"fetch", token, "-o", "copy"}).exit_code, 7);
  EXPECT_THAT(Errors(), HasSubstr("bitrepo push"));
  EXPECT_THAT(Elsewhere(), IsEmpty());
  EXPECT_EQ(RunElsewhere({"push", token, rig_.Path("other")}).exit_code, 6);
  EXPECT_THAT(Errors(), HasSubstr("sha256:"));
  EXPECT_EQ(Run({"get", "file", "-o", rig_.Path("copy")}).exit_code, 4) << "nothing was stored";
}

TEST_F(Tokens, ATokenOfAnEarlierRunIsRefusedWithWhatToDo) {
  Put("file", "bytes\n");
  const std::string token = TokenFor("file", "p2");
  const std::string endpoint = rig_.data_endpoint();
  rig_.KillPillar("p2");
  EXPECT_EQ(RunElsewhere({"fetch", token, "-o", "copy"}).exit_code, 5);
  EXPECT_THAT(Errors(), HasSubstr("trying again may help; next: bitrepo fetch TOKEN -o copy"));
  rig_.WriteFile("p2.again.toml",
                 absl::StrReplaceAll(rig_.PillarSettings("p2", rig_.PillarDirectory("p2"),
                                                         rig_.Path("p2.again.run")),
                                     {{"tcp://127.0.0.1:0", endpoint}}));
  const auto again = rig_.StartDaemon("bitrepo-pillar", {"--config", rig_.Path("p2.again.toml")});
  ASSERT_TRUE(rig_.WaitForPillars()) << again->Log();
  EXPECT_EQ(RunElsewhere({"fetch", token, "-o", "copy"}).exit_code, 7);
  EXPECT_THAT(Errors(), AnyOf(HasSubstr("EXPIRED"), HasSubstr("INVALID_TOKEN")));
  EXPECT_THAT(Errors(), HasSubstr("next: bitrepo -c default get --token-only --from p2 file"));
  EXPECT_EQ(RunElsewhere({"status", token}).exit_code, 7);
  EXPECT_THAT(Elsewhere(), IsEmpty());
}

// Each eleventh bit, so that the bits of all characters have their turn; every bit of a token is
// altered in the tests of the channel.
TEST_F(Tokens, ATokenThatIsAlteredIsRefusedAndWritesNothing) {
  Put("file", "bytes\n");
  const std::string token = TokenFor("file");
  std::string sealed;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(token.substr(transfer::kTokenPrefix.size()), &sealed));
  const auto right = transfer::ReadToken(token);
  ASSERT_TRUE(right.ok());
  int refused = 0;
  for (size_t bit = 0; bit < sealed.size() * 8; bit += 11) {
    std::string altered = sealed;
    altered[bit / 8] = static_cast<char>(altered[bit / 8] ^ (1 << (bit % 8)));
    const std::string text =
        absl::StrCat(transfer::kTokenPrefix, absl::WebSafeBase64Escape(altered));
    // Where another address stands in it, another one is dialled: there is nobody to refuse it.
    const auto body = transfer::ReadToken(text);
    if (body.ok() && (body->endpoints_size() != 1 || body->endpoints(0) != right->endpoints(0))) {
      continue;
    }
    EXPECT_EQ(RunElsewhere({"fetch", text, "-o", "copy"}).exit_code, 7) << bit << Errors();
    ASSERT_THAT(Elsewhere(), IsEmpty()) << bit;
    ++refused;
  }
  EXPECT_GT(refused, 50);
  EXPECT_EQ(RunElsewhere({"fetch", token, "-o", "copy"}).exit_code, 0) << "it is as good as before";
  EXPECT_EQ(RunElsewhere({"fetch", "brt1_", "-o", "x"}).exit_code, 7);
  EXPECT_EQ(RunElsewhere({"fetch", "nonsense", "-o", "x"}).exit_code, 7);
  EXPECT_EQ(RunElsewhere({"fetch", token}).exit_code, 2);
}

TEST_F(Tokens, TokenShowTellsWhatItSaysAndNotTheSecret) {
  Put("file", "bytes\n");
  const std::string token = TokenFor("file");
  const RepositoryRig::Result shown = RunElsewhere({"token", "show", token});
  EXPECT_EQ(shown.exit_code, 0) << Errors();
  EXPECT_THAT(shown.log, HasSubstr("issuer        p1\n"));
  EXPECT_THAT(shown.log, HasSubstr("file          file\n"));
  EXPECT_THAT(shown.log, HasSubstr("bytes         6 from 0 of 6\n"));
  EXPECT_THAT(shown.log, HasSubstr("tcp://127.0.0.1:"));
  EXPECT_THAT(shown.log, Not(HasSubstr("brt1_")));
  EXPECT_THAT(shown.log, Not(HasSubstr(token.substr(token.size() - 20))));
  const RepositoryRig::Result json = RunElsewhere({"token", "show", token, "--json"});
  EXPECT_THAT(json.log, HasSubstr("\"verb\":\"fetch\""));
  EXPECT_THAT(json.log, Not(HasSubstr("brt1_"))) << "not among the words of the command either";
}

TEST_F(Tokens, StatusAsksTheIssuerBeforeWhileAndAfter) {
  const std::string bytes = Bytes(40 * kMiB);
  Put("file", bytes);
  const std::string token = TokenFor("file");
  EXPECT_THAT(RunElsewhere({"status", token}).log, HasSubstr("waiting"));
  // Nobody reads the pipe: the fetch stands with its stream open.
  const std::string pipe = rig_.Path("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  auto fetching = rig_.StartBy(Bare(elsewhere_, ""), {"fetch", token, "-o", pipe});
  std::ifstream reader(pipe);
  std::string first(1, '\0');
  ASSERT_TRUE(reader.read(first.data(), 1));
  const RepositoryRig::Result moving = RunElsewhere({"status", token});
  EXPECT_EQ(moving.exit_code, 0) << Errors();
  EXPECT_THAT(moving.log, HasSubstr("moving"));
  EXPECT_THAT(moving.log, HasSubstr("of 40.0 MiB"));
  std::ostringstream rest;
  rest << reader.rdbuf();
  EXPECT_TRUE(first + rest.str() == bytes);
  EXPECT_EQ(fetching->Wait(), 0) << fetching->Log();
  const RepositoryRig::Result done = RunElsewhere({"status", token});
  EXPECT_EQ(done.exit_code, 0) << Errors();
  EXPECT_THAT(done.log, HasSubstr("done"));
}

// A get that stands still in its middle, because its pillar does.
class StoppedGets : public Tokens {
 protected:
  void SetUp() override { Put("file", bytes_); }
  uint64_t PartBytes() const {
    std::error_code error;
    const std::uintmax_t size = fs::file_size(part_, error);
    return error ? 0 : size;
  }
  // Begins the command until it is caught long before its end; then its pillar stands.
  std::unique_ptr<ChildProcess> BeginAndStop(const std::vector<std::string>& words) {
    for (int tries = 0; tries < 20; ++tries) {
      auto process = rig_.Start(words);
      const absl::Time deadline = absl::Now() + absl::Seconds(30);
      while (PartBytes() < 8 * kMiB && absl::Now() < deadline) {
        if (process->Wait(absl::ZeroDuration())) break;
      }
      rig_.pillar("p1").Signal(SIGSTOP);
      // What was under way still comes.
      if (PartBytes() > 0 && PartBytes() + kUnderWayMax < bytes_.size()) return process;
      rig_.pillar("p1").Signal(SIGCONT);
      process->Wait();
      fs::remove(copy_);
    }
    ADD_FAILURE() << "the get was never caught before its end";
    return nullptr;
  }

  static constexpr uint64_t kUnderWayMax = 40 * kMiB;
  const std::string bytes_ = Bytes(128 * kMiB);
  const std::string copy_ = rig_.Path("copy");
  const std::string part_ = rig_.Path(".copy.bitrepo-part");
  const std::string map_ = rig_.Path(".copy.bitrepo-map");
};

TEST_F(StoppedGets, AKilledGetGoesOnWhereItStopped) {
  const std::vector<std::string> get = {"get", "file", "-o", copy_, "--from", "p1"};
  auto killed = BeginAndStop(get);
  ASSERT_NE(killed, nullptr);
  // Nobody else may write the same file now.
  EXPECT_EQ(Run({"get", "file", "-o", copy_, "--from", "p2"}).exit_code, 10);
  EXPECT_THAT(Errors(), HasSubstr("another process writes"));
  killed->Signal(SIGKILL);
  EXPECT_EQ(killed->Wait(), -SIGKILL);
  EXPECT_TRUE(fs::exists(map_));
  EXPECT_FALSE(fs::exists(copy_));
  rig_.pillar("p1").Signal(SIGCONT);
  EXPECT_EQ(Run(get).exit_code, 0) << Errors();
  EXPECT_THAT(Errors(), HasSubstr("of it were here before"));
  EXPECT_TRUE(testing_support::TextOf(copy_) == bytes_);
  EXPECT_FALSE(fs::exists(part_));
  EXPECT_FALSE(fs::exists(map_));
}

TEST_F(StoppedGets, APartThatWasDamagedMeanwhileIsFoundOutAndThrownAway) {
  const std::vector<std::string> get = {"get", "file", "-o", copy_, "--from", "p1"};
  auto killed = BeginAndStop(get);
  ASSERT_NE(killed, nullptr);
  killed->Signal(SIGKILL);
  EXPECT_EQ(killed->Wait(), -SIGKILL);
  rig_.pillar("p1").Signal(SIGCONT);
  // Everywhere: what the map does not count comes anew.
  for (uint64_t at = 1000; at < PartBytes(); at += kMiB) {
    std::fstream part(part_, std::ios::in | std::ios::out);
    part.seekp(static_cast<std::streamoff>(at)).put(static_cast<char>(~bytes_[at]));
  }
  EXPECT_EQ(Run(get).exit_code, 10);
  EXPECT_THAT(Errors(), HasSubstr("what an earlier get had left was damaged"));
  EXPECT_FALSE(fs::exists(part_));
  EXPECT_FALSE(fs::exists(copy_));
  EXPECT_EQ(Run(get).exit_code, 0) << Errors();
  EXPECT_TRUE(testing_support::TextOf(copy_) == bytes_);
}

TEST_F(StoppedGets, AnInterruptedGetNamesTheCommandThatGoesOn) {
  auto interrupted = BeginAndStop({"get", "file", "-o", copy_, "--from", "p1"});
  ASSERT_NE(interrupted, nullptr);
  interrupted->Signal(SIGINT);
  rig_.pillar("p1").Signal(SIGCONT);
  EXPECT_EQ(interrupted->Wait(), 130) << interrupted->Log();
  EXPECT_THAT(interrupted->Log(), HasSubstr("what has come is kept"));
  EXPECT_THAT(interrupted->Log(), HasSubstr("--from p1 file"));
  EXPECT_TRUE(fs::exists(part_));
  // By a token it goes on just so: these are the same bytes.
  const std::string token = TokenFor("file", "p2");
  EXPECT_EQ(RunElsewhere({"fetch", token, "-o", copy_}).exit_code, 0) << Errors();
  EXPECT_TRUE(testing_support::TextOf(copy_) == bytes_);
  EXPECT_FALSE(fs::exists(part_));
}

}  // namespace
}  // namespace bitrepo::system_test
