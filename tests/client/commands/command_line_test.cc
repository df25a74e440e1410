// SPDX-License-Identifier: Apache-2.0
#include "client/commands/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "client/commands/session.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::commands {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

absl::StatusOr<std::string> Parse(const std::vector<std::string>& words,
                                  GlobalFlags* globals = nullptr) {
  GlobalFlags mine;
  const auto commands = AllCommands();
  const auto command = ParseCommandLine(words, globals == nullptr ? mine : *globals, commands);
  if (!command.ok()) return command.status();
  return *command == nullptr ? "" : (*command)->facts().name;
}

MATCHER_P(Refuses, text, "") {
  return testing::ExplainMatchResult(
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(std::string(text))), arg,
      result_listener);
}

TEST(CommandLine, KnowsEveryCommandByItsNameAndAliases) {
  for (const auto& command : AllCommands()) {
    const CommandFacts facts = command->facts();
    EXPECT_THAT(Parse({facts.name, "--help"}), testing_support::IsOkAndHolds(facts.name));
    for (const std::string& alias : facts.aliases) {
      EXPECT_THAT(Parse({alias, "--help"}), testing_support::IsOkAndHolds(facts.name));
    }
  }
}

TEST(CommandLine, GlobalFlagsStandBeforeOrAfterTheCommand) {
  GlobalFlags before;
  EXPECT_OK(Parse({"--json", "-c", "books", "pillars"}, &before));
  GlobalFlags after;
  EXPECT_OK(Parse({"pillars", "-c", "books", "--json"}, &after));
  for (const GlobalFlags& flags : {before, after}) {
    EXPECT_TRUE(flags.json);
    EXPECT_EQ(flags.collection, "books");
  }
}

TEST(CommandLine, AnActionIsChosenAndWhatFollowsItIsFree) {
  for (const char* action : {"show", "wait", "cancel"}) {
    EXPECT_THAT(Parse({"conv", action, "0123"}), testing_support::IsOkAndHolds("conv")) << action;
  }
  EXPECT_THAT(Parse({"conv", "shwo", "0123"}), Refuses("conv has no action \"shwo\""));
  EXPECT_THAT(Parse({"conv", "shwo", "0123"}), Refuses("did you mean show?"));
  EXPECT_THAT(Parse({"conv", "show", "0123", "4567"}), Refuses("no more than 2"));
  EXPECT_THAT(Parse({"audit", "verify"}), testing_support::IsOkAndHolds("audit"));
  EXPECT_THAT(Parse({"audit", "verfy"}), Refuses("verfy"));
}

TEST(CommandLine, AnUnknownFlagIsNamedWithTheOneThatWasPerhapsMeant) {
  EXPECT_THAT(Parse({"get", "x", "--rnage", "1:2"}), Refuses("get has no flag --rnage"));
  EXPECT_THAT(Parse({"get", "x", "--rnage", "1:2"}), Refuses("did you mean --range?"));
  EXPECT_THAT(Parse({"get", "x", "--zzzzzzzz"}), Refuses("try: bitrepo get --help"));
  EXPECT_THAT(Parse({"--nosuch", "pillars"}), Refuses("--nosuch"));
}

TEST(CommandLine, AnUnknownCommandToo) {
  EXPECT_THAT(Parse({"gte", "x"}), Refuses("no command \"gte\"; did you mean get?"));
  EXPECT_THAT(Parse({"xyzzy"}), Refuses("try: bitrepo --help"));
}

TEST(CommandLine, AMissingArgumentOrValueIsRefused) {
  EXPECT_THAT(Parse({"get"}), Refuses("get needs ID"));
  EXPECT_THAT(Parse({"stat"}), Refuses("stat needs ID"));
  EXPECT_THAT(Parse({"completion"}), Refuses("completion needs SHELL"));
  EXPECT_THAT(Parse({"get", "x", "-o"}), Refuses("bitrepo get --help"));
  EXPECT_THAT(Parse({"completion", "tcsh"}), Refuses("bitrepo completion --help"));
  EXPECT_THAT(Parse({"pillars", "--color", "pink"}), Refuses("pink"));
}

TEST(CommandLine, WordsTooManyAreRefused) {
  EXPECT_THAT(Parse({"pillars", "p1"}), Refuses("pillars does not take \"p1\""));
  EXPECT_THAT(Parse({"completion", "bash", "zsh"}), Refuses("no more than 1"));
}

TEST(CommandLine, AnEmptyValueIsRefusedWhereItCouldBeAVariableThatWasNotSet) {
  for (const char* flag : {"--checksum", "--range", "--from", "-o"}) {
    EXPECT_THAT(Parse({"get", "x", flag, ""}), Refuses("empty")) << flag;
  }
  EXPECT_THAT(Parse({"put", "x", "--id", ""}), Refuses("empty"));
  EXPECT_THAT(Parse({"--coordinator", "", "pillars"}), Refuses("empty"));
  EXPECT_OK(Parse({"file-ids", "--prefix", "", "--cursor", ""}));
}

TEST(CommandLine, DoubleDashEndsTheFlags) { EXPECT_OK(Parse({"get", "--", "-strange-id"})); }

TEST(CommandLine, WithoutWordsThereIsNoCommand) {
  EXPECT_THAT(Parse({}), testing_support::IsOkAndHolds(""));
  EXPECT_THAT(Parse({"--help"}), testing_support::IsOkAndHolds(""));
}

TEST(Nearest, IsNearOrNothing) {
  const std::vector<std::string> names = {"put", "get", "pillars"};
  EXPECT_EQ(Nearest("pilars", names), "pillars");
  EXPECT_EQ(Nearest("completely", names), "");
  EXPECT_EQ(Nearest("", names), "");
}

// ---- the same as a whole run

struct Ran {
  int code = -1;
  std::string out;
  std::string err;
};

Ran RunWords(const std::vector<std::string>& words) {
  const testing_support::TempDir directory;
  const auto text = [](std::FILE* file) {
    std::string all;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
      all.push_back(static_cast<char>(c));
    }
    std::fclose(file);
    return all;
  };
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  ProgramParts parts;
  parts.version = "1.2.3";
  parts.places.environment = [](const std::string&) { return std::nullopt; };
  parts.places.working_directory = directory.path();
  parts.places.system_file = directory.Path("absent");
  parts.out = fileno(out);
  parts.err = fileno(err);
  parts.random = std::make_shared<base::SystemRandom>();
  parts.make_machinery = [](const std::string&,
                            std::function<void(int)>) -> absl::StatusOr<client::ClientMachinery> {
    ADD_FAILURE() << "nothing may be dialled";
    return absl::UnavailableError("");
  };
  Ran ran;
  ran.code = RunProgram(words, parts);
  ran.out = text(out);
  ran.err = text(err);
  return ran;
}

TEST(RunProgram, UsageMistakesAreCodeTwoOnStandardErrorAlone) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"nosuch"},
                                             {"get"},
                                             {"get", "x", "--nosuch"},
                                             {"get", "../x"},
                                             {"get", "x", "--range", "5"},
                                             {"get", "x", "--checksum", "md5"},
                                             {"get", "a", "b", "-o", "/dev/null"},
                                             {"put", "x", "--quorum", "0"},
                                             {"put", "x", "--jobs", "100000"},
                                             {"put", "x", "--pillar", "No Name"},
                                             {"put"},
                                             {"put", "-"},
                                             {"checksums", "--algorithm", "crc32"},
                                             {"checksums", "--salt", "00"},
                                             {"checksums", "--algorithm", "hmac-md5"},
                                             {"file-ids", "--limit", "none"},
                                             {"watch", "--for", "a while"},
                                             {"pillars", "--timeout", "soon"},
                                             {"help", "nosuch"},
                                             {"pillars"}}) {  // no coordinator is named
    const Ran ran = RunWords(words);
    EXPECT_EQ(ran.code, 2) << words[0] << ": " << ran.err;
    EXPECT_EQ(ran.out, "") << words[0];
    EXPECT_THAT(ran.err, HasSubstr("bitrepo: error: ")) << words[0];
  }
}

TEST(RunProgram, WhatIsAskedOfTheProgramItselfNeedsNoRepository) {
  EXPECT_EQ(RunWords({"version"}).out, "bitrepo 1.2.3 (protocol 1)\n");
  EXPECT_EQ(RunWords({"--version"}).code, 0);
  EXPECT_THAT(RunWords({"help"}).out, HasSubstr("usage: bitrepo"));
  EXPECT_THAT(RunWords({"get", "--help"}).out, HasSubstr("usage: bitrepo get"));
  EXPECT_THAT(RunWords({}).out, HasSubstr("usage: bitrepo"));
  EXPECT_EQ(RunWords({"--quiet"}).code, 2) << "flags alone are no command";
}

}  // namespace
}  // namespace bitrepo::commands
