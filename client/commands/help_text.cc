// SPDX-License-Identifier: Apache-2.0
#include "client/commands/help_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/console.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kNameColumns = 26;

// `text` in lines of at most `columns`, each after the first indented.
std::string Wrap(absl::string_view text, size_t columns, size_t indent) {
  std::string result;
  size_t at = 0;
  for (absl::string_view word : absl::StrSplit(text, ' ')) {
    const size_t wide = ColumnsOf(word);
    if (at > 0 && indent + at + 1 + wide > columns) {
      absl::StrAppend(&result, "\n", std::string(indent, ' '));
      at = 0;
    }
    if (at > 0) {
      absl::StrAppend(&result, " ");
      ++at;
    }
    absl::StrAppend(&result, word);
    at += wide;
  }
  return result;
}

std::string FlagLines(const Shape& shape, size_t columns) {
  std::string lines;
  for (const FlagRow& flag : shape.flags) {
    std::string names = absl::StrJoin(NamesOf(flag), ", ");
    if (!flag.placeholder.empty()) absl::StrAppend(&names, " ", flag.placeholder);
    std::string head = absl::StrCat("  ", names);
    if (ColumnsOf(head) + 2 > kNameColumns) {
      absl::StrAppend(&lines, head, "\n", std::string(kNameColumns, ' '));
    } else {
      absl::StrAppend(&lines, Fit(head, kNameColumns));
    }
    absl::StrAppend(&lines, Wrap(flag.help, columns, kNameColumns), "\n");
  }
  return lines;
}

std::string UsageOf(const CommandFacts& facts, const Shape& shape) {
  std::string usage = absl::StrCat("bitrepo ", facts.name);
  if (!shape.flags.empty()) absl::StrAppend(&usage, " [FLAGS]");
  if (shape.arguments) {
    const ArgumentsRow& row = *shape.arguments;
    const std::string more = row.most == SIZE_MAX ? "..." : "";
    absl::StrAppend(&usage, " ",
                    row.least > 0 ? absl::StrCat(row.placeholder, more)
                                  : absl::StrCat("[", row.placeholder, more, "]"));
  }
  return usage;
}

}  // namespace

std::string CommandHelp(Command& command, size_t columns) {
  const CommandFacts facts = command.facts();
  const Shape shape = command.shape();
  std::string text = absl::StrCat("bitrepo ", facts.name, ": ", facts.summary,
                                  "\n\nusage: ", UsageOf(facts, shape), "\n");
  if (!facts.aliases.empty()) {
    absl::StrAppend(&text, "also called: ", absl::StrJoin(facts.aliases, ", "), "\n");
  }
  if (!facts.description.empty()) {
    absl::StrAppend(&text, "\n", Wrap(facts.description, columns, 0), "\n");
  }
  if (shape.arguments) {
    absl::StrAppend(&text, "\n",
                    Fit(absl::StrCat("  ", shape.arguments->placeholder), kNameColumns),
                    Wrap(shape.arguments->help, columns, kNameColumns), "\n");
  }
  if (!shape.flags.empty()) absl::StrAppend(&text, "\nflags:\n", FlagLines(shape, columns));
  GlobalFlags globals;
  absl::StrAppend(&text, "\nflags of every command:\n", FlagLines(globals.shape(), columns));
  if (!facts.examples.empty()) {
    absl::StrAppend(&text, "\nexamples:\n");
    for (const std::string& example : facts.examples) {
      absl::StrAppend(&text, "  bitrepo ", example, "\n");
    }
  }
  return text;
}

std::string ProgramHelp(const std::vector<std::unique_ptr<Command>>& commands) {
  std::string text =
      "bitrepo: keeps files on several pillars, and proves that they are still the same\n\n"
      "usage: bitrepo [FLAGS] COMMAND [FLAGS] [ARGUMENTS]\n\ncommands:\n";
  for (const std::unique_ptr<Command>& command : commands) {
    const CommandFacts facts = command->facts();
    absl::StrAppend(&text, Fit(absl::StrCat("  ", facts.name), kNameColumns / 2 + 2), facts.summary,
                    "\n");
  }
  GlobalFlags globals;
  absl::StrAppend(
      &text, "\nflags of every command:\n", FlagLines(globals.shape(), 80),
      "\nsettings: flags beat BITREPO_COORDINATOR, BITREPO_REPOSITORY, BITREPO_COLLECTION\n"
      "and BITREPO_NAME, which beat the file of --config or BITREPO_CONFIG or, where\n"
      "neither is given, ./.bitrepo.toml, ~/.config/bitrepo/bitrepo.toml, the default\n"
      "local repository's and /etc/bitrepo/bitrepo.toml\n"
      "\nexit codes: 0 done and proved, 1 failed, 2 usage or settings, 3 partial, 4 not\n"
      "found, 5 unreachable or timed out, 6 INTEGRITY, 7 refused, 8 stopped at a limit\n"
      "you set, 9 still running, 10 local file or disk, 130/141/143 by a signal; of\n"
      "several that apply the first of 2, 6, 7, 3, 10, 5, 9, 8, 4, 1 is told\n"
      "\na first session:\n"
      "  bitrepo local up                          start a repository on this machine\n"
      "  bitrepo put FILE                          keep a file on all its pillars\n"
      "  bitrepo whereis FILE                      see which pillar holds it\n"
      "  bitrepo get FILE -o COPY                  read it back, proved\n"
      "\nbitrepo COMMAND --help tells more\n");
  return text;
}

std::string CompletionScript(absl::string_view shell,
                             const std::vector<std::unique_ptr<Command>>& commands) {
  GlobalFlags globals;
  std::vector<std::string> names;
  std::string bash_cases;
  std::string fish_lines;
  const auto flags_of = [](const Shape& shape) {
    std::vector<std::string> words;
    for (const FlagRow& flag : shape.flags) {
      for (std::string& name : NamesOf(flag)) words.push_back(std::move(name));
    }
    return words;
  };
  for (const std::unique_ptr<Command>& command : commands) {
    const CommandFacts facts = command->facts();
    const Shape shape = command->shape();
    names.push_back(facts.name);
    std::vector<std::string> words = flags_of(shape);
    if (shape.arguments) {
      words.insert(words.end(), shape.arguments->choices.begin(), shape.arguments->choices.end());
    }
    absl::StrAppend(&bash_cases, "    ", facts.name, ") words=\"", absl::StrJoin(words, " "),
                    "\" ;;\n");
    absl::StrAppend(&fish_lines, "complete -c bitrepo -n __fish_use_subcommand -a ", facts.name,
                    " -d '", facts.summary, "'\n");
    for (const FlagRow& flag : shape.flags) {
      absl::StrAppend(&fish_lines, "complete -c bitrepo -n '__fish_seen_subcommand_from ",
                      facts.name, "' -l ",
                      LongName(flag).substr(LongName(flag).find_first_not_of('-')),
                      flag.placeholder.empty() ? "" : " -r", "\n");
    }
  }
  if (shell == "fish") return fish_lines;
  const std::string body = absl::StrCat(
      "_bitrepo() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" command=\"\" word words\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$word\" in -*) ;; *) command=\"$word\"; break ;; esac\n"
      "  done\n"
      "  case \"$command\" in\n",
      bash_cases, "    *) words=\"", absl::StrJoin(names, " "), "\" ;;\n",
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words ",
      absl::StrJoin(flags_of(globals.shape()), " "),
      "\" -- \"$current\"))\n"
      "}\n"
      "complete -o default -F _bitrepo bitrepo\n");
  if (shell == "zsh") {
    return absl::StrCat("#compdef bitrepo\nautoload -U +X bashcompinit && bashcompinit\n", body);
  }
  return body;
}

}  // namespace bitrepo::commands
