// SPDX-License-Identifier: Apache-2.0
// What a command takes, told once: the parser, the help and the completions are made from it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace bitrepo::commands {

// Where the value of a flag goes: set, counted, the last one given, or each one given.
using FlagTarget = std::variant<bool*, int*, std::string*, std::vector<std::string>*>;

struct FlagRow {
  std::string names;        // "-o,--output"
  std::string placeholder;  // "PATH"; empty for a flag without a value
  std::string help;
  FlagTarget target;
  std::vector<std::string> choices = {};  // the only values there are; empty: any
  bool may_be_empty = false;  // else an empty value is refused: it is a variable that was not set
};

struct ArgumentsRow {
  std::string placeholder;  // "ID"
  std::string help;
  std::vector<std::string>* target;
  size_t least = 0;
  size_t most = SIZE_MAX;
  std::vector<std::string> choices = {};
  bool first_is_chosen = false;  // the choices are for the first argument alone
};

struct Shape {
  std::vector<FlagRow> flags;
  std::optional<ArgumentsRow> arguments;
};

// "--output" of "-o,--output".
std::string LongName(const FlagRow& flag);
// The names of one flag, apart.
std::vector<std::string> NamesOf(const FlagRow& flag);

// What every command takes.
struct GlobalFlags {
  std::string config;
  std::string coordinator;
  std::string collection;
  std::string color = "auto";
  std::string timeout;
  std::string identify_timeout;
  int verbosity = 0;
  bool json = false;
  bool quiet = false;
  bool no_progress = false;
  bool help = false;
  bool version = false;

  Shape shape();
};

}  // namespace bitrepo::commands
