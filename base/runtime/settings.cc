// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/settings.h"

#include <fcntl.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/runtime/scoped_fd.h"
#include "base/status.h"
#include "base/utf8.h"

namespace bitrepo::runtime {
namespace {

using Line = uint32_t;

std::string_view Std(absl::string_view text) { return {text.data(), text.size()}; }

// The node of a dotted key. A name in the file may have dots itself ("photos.2024"), so every way
// of taking the key apart is tried, short names first.
const toml::node* FindIn(const toml::table& table, absl::string_view key) {
  for (size_t dot = key.find('.');; dot = key.find('.', dot + 1)) {
    const absl::string_view name = key.substr(0, dot);
    const toml::node* node = table.get(Std(name));
    if (dot == absl::string_view::npos) {
      return node;
    }
    if (node != nullptr && node->is_table()) {
      if (const toml::node* found = FindIn(*node->as_table(), key.substr(dot + 1))) {
        return found;
      }
    }
  }
}

std::string Under(absl::string_view table, absl::string_view name) {
  return table.empty() ? std::string(name) : absl::StrCat(table, ".", name);
}

}  // namespace

struct Settings::State {
  // The line of the key, or of the innermost table of its path that is there.
  Line LineOf(absl::string_view key) const {
    for (;;) {
      if (const toml::node* node = FindIn(root, key)) {
        return node->source().begin.line;
      }
      const size_t dot = key.rfind('.');
      if (dot == absl::string_view::npos) {
        return 1;
      }
      key = key.substr(0, dot);
    }
  }

  void AddProblem(Line line, std::string text) { problems.emplace(line, std::move(text)); }

  // The node of a key that is now known; nullptr when it is not in the file.
  const toml::node* Ask(absl::string_view key) {
    asked.insert(std::string(key));
    return FindIn(root, key);
  }

  // Reads a string and makes a T of it; adds a problem and gives nothing when either fails.
  template <typename T>
  std::optional<T> AskParsed(absl::string_view key, absl::StatusOr<T> (*parse)(absl::string_view)) {
    const toml::node* node = Ask(key);
    if (node == nullptr) {
      return std::nullopt;
    }
    const auto* text = node->as_string();
    const absl::StatusOr<T> value = parse(text == nullptr ? std::string() : text->get());
    if (!value.ok()) {
      AddProblem(node->source().begin.line, absl::StrCat(key, ": ", value.status().message()));
      return std::nullopt;
    }
    return *value;
  }

  bool AnyAskedUnder(const std::string& table) const {
    const auto next = asked.lower_bound(table + ".");
    return next != asked.end() && absl::StartsWith(*next, table + ".");
  }

  void FindUnknown(const toml::table& table, const std::string& path) {
    for (const auto& [part, node] : table) {
      const std::string key = Under(path, std::string(part.str()));
      if (node.is_table() && AnyAskedUnder(key)) {
        FindUnknown(*node.as_table(), key);
      } else if (asked.count(key) == 0) {
        AddProblem(node.source().begin.line,
                   absl::StrCat("unknown setting \"", base::Printable(key, 128), "\""));
      }
    }
  }

  std::string file;  // as named in problems
  toml::table root;
  std::set<std::string> asked;
  absl::btree_multimap<Line, std::string> problems;
};

Settings::Settings(std::unique_ptr<State> state) : state_(std::move(state)) {}
Settings::~Settings() = default;
Settings::Settings(Settings&&) noexcept = default;
Settings& Settings::operator=(Settings&&) noexcept = default;

Settings Settings::Empty() { return Settings(std::make_unique<State>()); }

absl::StatusOr<Settings> Settings::Load(const std::string& path) {
  const ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> piece;
  ssize_t got = file.valid() ? 1 : -1;
  while (got > 0) {
    got = read(file.get(), piece.data(), piece.size());
    text.append(piece.data(), got > 0 ? static_cast<size_t>(got) : 0);
  }
  if (got < 0) {
    return base::ErrnoStatus(errno, path);
  }
  return Parse(text, path);
}

absl::StatusOr<Settings> Settings::Parse(absl::string_view text, std::string name) {
  auto state = std::make_unique<State>();
  state->file = std::move(name);
  try {
    state->root = toml::parse(Std(text), std::string_view(state->file));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(absl::StrCat(state->file, ":", error.source().begin.line,
                                                   ": ", std::string(error.description())));
  }
  return Settings(std::move(state));
}

bool Settings::Has(absl::string_view key) const { return FindIn(state_->root, key) != nullptr; }

std::optional<std::string> Settings::FindString(absl::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto* text = node->as_string();
  if (text == nullptr) {
    Problem(key, "must be a string in quotes");
    return std::nullopt;
  }
  return text->get();
}

std::string Settings::GetString(absl::string_view key, std::string otherwise) {
  return FindString(key).value_or(std::move(otherwise));
}

std::string Settings::RequireString(absl::string_view key) {
  if (!Has(key)) {
    state_->Ask(key);
    Problem(key, "is missing");
  }
  return FindString(key).value_or("");
}

bool Settings::GetBool(absl::string_view key, bool otherwise) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) {
    return otherwise;
  }
  const auto* value = node->as_boolean();
  if (value == nullptr) {
    Problem(key, "must be true or false");
    return otherwise;
  }
  return value->get();
}

int64_t Settings::GetInt(absl::string_view key, int64_t otherwise, int64_t lowest,
                         int64_t highest) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) {
    return otherwise;
  }
  const auto* value = node->as_integer();
  if (value == nullptr || value->get() < lowest || value->get() > highest) {
    Problem(key, absl::StrCat("must be a whole number from ", lowest, " to ", highest));
    return otherwise;
  }
  return value->get();
}

double Settings::GetDouble(absl::string_view key, double otherwise, double lowest, double highest) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) {
    return otherwise;
  }
  const std::optional<double> value = node->value<double>();  // of a whole number, too
  if (!value.has_value() || !(*value >= lowest && *value <= highest)) {
    Problem(key, absl::StrCat("must be a number from ", lowest, " to ", highest));
    return otherwise;
  }
  return *value;
}

absl::Duration Settings::GetDuration(absl::string_view key, absl::Duration otherwise) {
  return state_->AskParsed<absl::Duration>(key, &ParseDuration).value_or(otherwise);
}

uint64_t Settings::GetBytes(absl::string_view key, uint64_t otherwise) {
  const toml::node* node = state_->Ask(key);
  const auto* plain = node == nullptr ? nullptr : node->as_integer();
  if (plain != nullptr && plain->get() >= 0) {
    return static_cast<uint64_t>(plain->get());
  }
  return state_->AskParsed<uint64_t>(key, &ParseBytes).value_or(otherwise);
}

std::vector<std::string> Settings::GetStrings(absl::string_view key) {
  const toml::node* node = state_->Ask(key);
  if (node == nullptr) {
    return {};
  }
  std::vector<std::string> strings;
  const toml::array* values = node->as_array();
  for (size_t i = 0; values != nullptr && i < values->size(); ++i) {
    if (const auto* text = (*values)[i].as_string()) {
      strings.push_back(text->get());
    } else {
      values = nullptr;
    }
  }
  if (values == nullptr) {
    Problem(key, "must be a list of strings, as in [\"a\", \"b\"]");
    return {};
  }
  return strings;
}

std::vector<std::string> Settings::KeysUnder(absl::string_view table) {
  const toml::node* node = state_->Ask(table);
  if (node == nullptr) {
    return {};
  }
  if (!node->is_table()) {
    Problem(table, "must be a table");
    return {};
  }
  absl::btree_multimap<std::pair<Line, Line>, std::string> in_file_order;
  for (const auto& [name, value] : *node->as_table()) {
    const toml::source_position at = name.source().begin;
    in_file_order.emplace(std::pair(at.line, at.column), std::string(name.str()));
  }
  std::vector<std::string> names;
  for (auto& [at, name] : in_file_order) {
    names.push_back(std::move(name));
  }
  return names;
}

void Settings::Problem(absl::string_view key, absl::string_view text) {
  state_->AddProblem(state_->LineOf(key), absl::StrCat(key, " ", text));
}

absl::Status Settings::Finish() {
  state_->FindUnknown(state_->root, "");
  if (state_->problems.empty()) {
    return absl::OkStatus();
  }
  std::vector<std::string> lines;
  for (const auto& [line, text] : state_->problems) {
    lines.push_back(absl::StrCat(state_->file, ":", line, ": ", text));
  }
  return absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

}  // namespace bitrepo::runtime
