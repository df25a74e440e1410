// SPDX-License-Identifier: Apache-2.0
// version, completion and help: what the program says of itself.
#include "absl/strings/str_cat.h"
#include "bus/protocol/envelope.h"
#include "client/commands/all_commands.h"
#include "client/commands/command_line.h"
#include "client/commands/help_text.h"
#include "client/commands/session.h"

namespace bitrepo::commands {
namespace {

class VersionCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "version", .summary = "the version of the program and of its protocol"};
  }
  Shape shape() override { return {}; }
  ExitCode Run(Session& session) override {
    JsonRecord record = session.report().Record("item");
    record.Set("result", "version").Set("version", session.parts().version);
    record.Set("protocol", static_cast<uint64_t>(protocol::kProtocolVersion));
    session.report().Item(record, absl::StrCat("bitrepo ", session.parts().version, " (protocol ",
                                               protocol::kProtocolVersion, ")\n"));
    return ExitCode::kDone;
  }
};

class CompletionCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "completion",
            .summary = "a script that completes commands in a shell",
            .examples = {"completion bash > ~/.local/share/bash-completion/completions/bitrepo"}};
  }
  Shape shape() override {
    return {.flags = {},
            .arguments = ArgumentsRow{
                "SHELL", "bash, zsh or fish", &shells_, 1, 1, {"bash", "zsh", "fish"}}};
  }
  ExitCode Run(Session& session) override {
    const std::string script = CompletionScript(shells_.front(), AllCommands());
    JsonRecord record = session.report().Record("item");
    record.Set("result", "script").Set("text", script);
    session.report().Item(record, script);
    return ExitCode::kDone;
  }

 private:
  std::vector<std::string> shells_;
};

class HelpCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "help", .summary = "this help, or that of a command"};
  }
  Shape shape() override {
    return {.flags = {}, .arguments = ArgumentsRow{"COMMAND", "a command", &words_, 0, 1}};
  }
  ExitCode Run(Session& session) override {
    const auto commands = AllCommands();
    std::string text;
    if (words_.empty()) {
      text = ProgramHelp(commands);
    } else if (Command* command = FindCommand(commands, words_.front())) {
      text = CommandHelp(*command, session.console().columns());
    } else {
      session.report().Error(
          {.code = ExitCode::kUsage,
           .message = absl::StrCat("no command \"", words_.front(), "\"; try: bitrepo help")});
      return ExitCode::kDone;
    }
    JsonRecord record = session.report().Record("item");
    record.Set("result", "help").Set("text", text);
    session.report().Item(record, text);
    return ExitCode::kDone;
  }

 private:
  std::vector<std::string> words_;
};

}  // namespace

std::unique_ptr<Command> MakeVersionCommand() { return std::make_unique<VersionCommand>(); }
std::unique_ptr<Command> MakeCompletionCommand() { return std::make_unique<CompletionCommand>(); }
std::unique_ptr<Command> MakeHelpCommand() { return std::make_unique<HelpCommand>(); }

}  // namespace bitrepo::commands
