// SPDX-License-Identifier: Apache-2.0
#include "client/commands/help_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/commands/console.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::commands {
namespace {

using ::testing::HasSubstr;

void ExpectFits(const std::string& text, size_t columns, const std::string& what) {
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(ColumnsOf(line), columns) << what << ": " << line;
    EXPECT_FALSE(!line.empty() && line.back() == ' ') << what << ": blanks at the end of " << line;
  }
}

TEST(Help, FitsEightyColumns) {
  const auto commands = AllCommands();
  ExpectFits(ProgramHelp(commands), 80, "the program");
  for (const auto& command : commands) {
    ExpectFits(CommandHelp(*command, 80), 80, command->facts().name);
  }
}

TEST(Help, NamesEveryCommandFlagAndExample) {
  const auto commands = AllCommands();
  const std::string program = ProgramHelp(commands);
  for (const auto& command : commands) {
    const CommandFacts facts = command->facts();
    EXPECT_THAT(program, HasSubstr(absl::StrCat("  ", facts.name, " ")));
    const std::string help = CommandHelp(*command, 80);
    for (const FlagRow& flag : command->shape().flags) EXPECT_THAT(help, HasSubstr(LongName(flag)));
    for (const std::string& example : facts.examples) EXPECT_THAT(help, HasSubstr(example));
  }
}

TEST(Help, TellsTheExitCodesInTheirOrder) {
  EXPECT_THAT(ProgramHelp(AllCommands()), HasSubstr("2, 6, 7, 3, 10, 5, 9, 8, 4, 1"));
}

// What the script of bash offers after these words, one a line.
std::string Offered(const std::string& words, int at) {
  const testing_support::TempDir directory;
  std::ofstream(directory.Path("script"))
      << CompletionScript("bash", AllCommands()) << "COMP_WORDS=(" << words
      << ")\nCOMP_CWORD=" << at << "\n_bitrepo\n"
      << "printf '%s\\n' \"${COMPREPLY[@]}\"\n";
  testing_support::ChildProcess bash({"/bin/bash", directory.Path("script")},
                                     directory.Path("out"));
  EXPECT_EQ(bash.Wait(), 0) << bash.Log();
  return bash.Log();
}

TEST(Completion, OffersCommandsAndThenTheirFlags) {
  EXPECT_EQ(Offered("bitrepo checks", 1), "checksums\n");
  EXPECT_EQ(Offered("bitrepo get --ran", 2), "--range\n");
  EXPECT_EQ(Offered("bitrepo -q get --from", 3), "--from\n");
  EXPECT_EQ(Offered("bitrepo completion z", 2), "zsh\n");
  EXPECT_THAT(Offered("bitrepo pil", 1), HasSubstr("pillars"));
}

TEST(Completion, HasEveryCommandInEveryShell) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = CompletionScript(shell, AllCommands());
    for (const auto& command : AllCommands()) {
      EXPECT_THAT(script, HasSubstr(command->facts().name)) << shell;
    }
  }
}

// A quote in a summary would end the word around it.
TEST(Completion, SummariesStayInsideTheirQuotesInFish) {
  for (absl::string_view line : absl::StrSplit(CompletionScript("fish", AllCommands()), '\n')) {
    EXPECT_EQ(std::count(line.begin(), line.end(), '\'') % 2, 0) << line;
  }
}

}  // namespace
}  // namespace bitrepo::commands
