// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/runtime/settings.h"
#include "channel/transfer/token.h"
#include "client/commands/command_line.h"
#include "client/commands/help_text.h"
#include "client/commands/session.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kHelpColumns = 80;

ConsoleOptions OptionsOf(const GlobalFlags& flags, const ProgramParts& parts) {
  ConsoleOptions options;
  options.out = parts.out;
  options.err = parts.err;
  options.quiet = flags.quiet;
  options.verbosity = flags.verbosity;
  if (flags.color == "always") options.color = ColorMode::kAlways;
  if (flags.color == "never") options.color = ColorMode::kNever;
  options.no_color = !parts.places.environment("NO_COLOR").value_or("").empty() ||
                     parts.places.environment("TERM").value_or("") == "dumb";
  return options;
}

// As they may be written down: tokens are secrets.
std::vector<std::string> WithoutTokens(std::vector<std::string> words) {
  for (std::string& word : words) {
    if (absl::StartsWith(word, transfer::kTokenPrefix)) word = "TOKEN";
  }
  return words;
}

// The words were not understood: told as any error is, also as JSON Lines when those were asked
// for.
int RefuseWords(const std::vector<std::string>& words, const absl::Status& why,
                const ProgramParts& parts) {
  Console console(OptionsOf(GlobalFlags{}, parts));
  Report report(console, "", std::find(words.begin(), words.end(), "--json") != words.end());
  report.Start(WithoutTokens(words), parts.version);
  report.Error({.code = ExitCode::kUsage, .message = std::string(why.message())});
  return static_cast<int>(report.Finish());
}

int ShowText(const std::string& text, const ProgramParts& parts) {
  Console console(OptionsOf(GlobalFlags{}, parts));
  Report report(console, "", false);
  console.Result(text);
  return static_cast<int>(report.Finish());
}

}  // namespace

ExitCode CodeOfSignal(int signal) {
  if (signal == SIGALRM) return ExitCode::kUnreachable;
  return signal == SIGTERM ? ExitCode::kTerminated : ExitCode::kInterrupted;
}

int RunProgram(const std::vector<std::string>& words, const ProgramParts& parts) {
  GlobalFlags flags;
  const std::vector<std::unique_ptr<Command>> commands = AllCommands();
  const auto parsed = ParseCommandLine(words, flags, commands);
  if (!parsed.ok()) return RefuseWords(words, parsed.status(), parts);
  Command* command = *parsed;
  if (flags.version) command = FindCommand(commands, "version");
  if (flags.help || command == nullptr) {
    const std::string text =
        command == nullptr ? ProgramHelp(commands) : CommandHelp(*command, kHelpColumns);
    if (flags.help || words.empty()) return ShowText(text, parts);
    return RefuseWords(words, absl::InvalidArgumentError("no command; try: bitrepo --help"), parts);
  }
  base::ConfigureLog(flags.verbosity > 1 ? base::LogLevel::kDebug : base::LogLevel::kError,
                     base::LogFormat::kText);
  if (!flags.timeout.empty()) {
    const auto timeout = runtime::ParseDuration(flags.timeout);
    if (!timeout.ok()) {
      return RefuseWords(
          words,
          absl::InvalidArgumentError(absl::StrCat("--timeout: ", timeout.status().message())),
          parts);
    }
  }
  Console console(OptionsOf(flags, parts));
  Report report(console, command->facts().name, flags.json);
  report.Start(WithoutTokens(words), parts.version);
  {
    Session session(flags, parts, console, report);
    report.Add(command->Run(session));
    session.progress().Close();
    if (session.interrupted() != 0) report.Add(CodeOfSignal(session.interrupted()));
  }
  return static_cast<int>(report.Finish());
}

}  // namespace bitrepo::commands
