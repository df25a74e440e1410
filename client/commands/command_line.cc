// SPDX-License-Identifier: Apache-2.0
#include "client/commands/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kNearDistance = 2;

void AddFlag(CLI::App& app, FlagRow& flag) {
  CLI::Option* option = nullptr;
  if (auto** set = std::get_if<bool*>(&flag.target)) {
    option = app.add_flag(flag.names, **set, flag.help);
  } else if (auto** count = std::get_if<int*>(&flag.target)) {
    option = app.add_flag(flag.names, **count, flag.help);
  } else if (auto** value = std::get_if<std::string*>(&flag.target)) {
    option = app.add_option(flag.names, **value, flag.help);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  } else {
    option =
        app.add_option(flag.names, *std::get<std::vector<std::string>*>(flag.target), flag.help);
    option->allow_extra_args(false);  // one value each time the flag is given
  }
  if (!flag.choices.empty()) option->check(CLI::IsMember(flag.choices));
  if (!flag.placeholder.empty() && !flag.may_be_empty) {
    option->check([](const std::string& value) {
      return value.empty() ? std::string("its value is empty") : std::string();
    });
  }
}

void AddShape(CLI::App& app, Shape shape) {
  app.set_help_flag();  // our own flag, our own text
  for (FlagRow& flag : shape.flags) AddFlag(app, flag);
  if (shape.arguments) {
    const ArgumentsRow& row = *shape.arguments;
    CLI::Option* option = app.add_option(row.placeholder, *row.target, row.help);
    if (!row.choices.empty() && !row.first_is_chosen) option->check(CLI::IsMember(row.choices));
  }
}

size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Guess(const std::string& word, const std::vector<std::string>& names) {
  const std::string nearest = Nearest(word, names);
  return nearest.empty() ? "" : absl::StrCat("; did you mean ", nearest, "?");
}

absl::Status Wrong(const std::string& text, const std::string& help) {
  return absl::InvalidArgumentError(absl::StrCat(text, "; try: ", help));
}

// A flag that nobody takes is told by the parser as an extra word.
absl::Status CheckExtras(const std::vector<std::string>& extras, Command& command,
                         GlobalFlags& globals) {
  if (extras.empty()) return absl::OkStatus();
  const std::string name = command.facts().name;
  const std::string& word = extras.front();
  std::vector<std::string> flags;
  for (const Shape& shape : {command.shape(), globals.shape()}) {
    for (const FlagRow& flag : shape.flags) {
      for (std::string& each : NamesOf(flag)) flags.push_back(std::move(each));
    }
  }
  const std::string help = absl::StrCat("bitrepo ", name, " --help");
  if (absl::StartsWith(word, "-") && word.size() > 1) {
    return Wrong(absl::StrCat(name, " has no flag ", word, Guess(word, flags)), help);
  }
  return Wrong(absl::StrCat(name, " does not take \"", word, "\""), help);
}

absl::Status CheckArguments(Command& command) {
  const Shape shape = command.shape();
  if (!shape.arguments) return absl::OkStatus();
  const ArgumentsRow& row = *shape.arguments;
  const std::string name = command.facts().name;
  const std::string help = absl::StrCat("bitrepo ", name, " --help");
  if (row.target->size() < row.least) {
    return Wrong(absl::StrCat(name, " needs ", row.placeholder, ": ", row.help), help);
  }
  if (row.target->size() > row.most) {
    return Wrong(absl::StrCat(name, " takes no more than ", row.most, " ", row.placeholder), help);
  }
  if (row.first_is_chosen && !row.target->empty() &&
      std::find(row.choices.begin(), row.choices.end(), row.target->front()) == row.choices.end()) {
    return Wrong(absl::StrCat(name, " has no action \"", row.target->front(), "\"",
                              Guess(row.target->front(), row.choices), ": it has ",
                              absl::StrJoin(row.choices, ", ")),
                 help);
  }
  return absl::OkStatus();
}

}  // namespace

std::string Nearest(absl::string_view word, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = kNearDistance + 1;
  for (const std::string& name : names) {
    const size_t distance = EditDistance(word, name);
    if (distance < best_distance && distance < name.size()) {
      best_distance = distance;
      best = name;
    }
  }
  return best;
}

absl::StatusOr<Command*> ParseCommandLine(const std::vector<std::string>& words,
                                          GlobalFlags& globals,
                                          const std::vector<std::unique_ptr<Command>>& commands) {
  CLI::App app("bitrepo", "bitrepo");
  AddShape(app, globals.shape());
  app.allow_extras();
  app.require_subcommand(0, 1);  // after one, a word like "status" is an argument
  std::vector<std::pair<CLI::App*, Command*>> parsers;
  std::vector<std::string> names;
  for (const std::unique_ptr<Command>& command : commands) {
    const CommandFacts facts = command->facts();
    CLI::App* parser = app.add_subcommand(facts.name, facts.summary);
    for (const std::string& alias : facts.aliases) parser->alias(alias);
    names.push_back(facts.name);
    parser->fallthrough();  // global flags may stand after the command
    parser->allow_extras();
    AddShape(*parser, command->shape());
    parsers.emplace_back(parser, command.get());
  }
  const std::string help = "bitrepo --help";
  try {
    app.parse(std::vector<std::string>(words.rbegin(), words.rend()));
  } catch (const CLI::Error& error) {
    std::string which = help;
    for (const auto& [parser, command] : parsers) {
      if (parser->parsed()) which = absl::StrCat("bitrepo ", command->facts().name, " --help");
    }
    return Wrong(error.what(), which);
  }
  for (const auto& [parser, command] : parsers) {
    if (!parser->parsed()) continue;
    if (globals.help || globals.version) return command;
    std::vector<std::string> extras = parser->remaining();
    for (std::string& word : app.remaining()) extras.push_back(std::move(word));
    // The parser keeps the mark that ends the flags among the words that nobody took.
    std::erase(extras, "--");
    if (absl::Status none = CheckExtras(extras, *command, globals); !none.ok()) return none;
    if (absl::Status right = CheckArguments(*command); !right.ok()) return right;
    return command;
  }
  const std::vector<std::string> extras = app.remaining();
  if (!extras.empty()) {
    return Wrong(absl::StrCat("no command \"", extras.front(), "\"", Guess(extras.front(), names)),
                 help);
  }
  return nullptr;
}

}  // namespace bitrepo::commands
