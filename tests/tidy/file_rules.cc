// SPDX-License-Identifier: Apache-2.0
#include <cctype>
#include <map>
#include <set>
#include <sstream>

#include "tests/tidy/rules.h"

namespace bitrepo::tidy {
namespace {

struct BannedWord {
  std::string word;
  std::string instead;
  bool headers_only;
};

const std::vector<BannedWord>& BannedCode() {
  static const std::vector<BannedWord> kWords = {
      {"absl::Mutex", "base/mutex.h: it gives false races under tsan here", false},
      {"absl::MutexLock", "base/mutex.h: it gives false races under tsan here", false},
      {"absl::CondVar", "base/mutex.h: it gives false races under tsan here", false},
      {"std::views", "a loop: clang-14 cannot compile it on libstdc++ 12", false},
      {"std::ranges::views", "a loop: clang-14 cannot compile it on libstdc++ 12", false},
      {"std::source_location", "a macro in base/check.h: clang-14 lacks it", false},
      {"std::string_view", "absl::string_view: the two do not convert here", true}};
  return kWords;
}

// Words that put work off; spelt in halves, so that this file does not hold them.
const std::vector<std::string>& PutOffs() {
  static const std::vector<std::string> kWords = {
      std::string("TO") + "DO", std::string("FIX") + "ME", std::string("XX") + "X"};
  return kWords;
}

// Names that say nothing about what is inside.
const std::set<std::string>& EmptyNames() {
  static const std::set<std::string> kNames = {"util", "utils",  "common",  "misc",    "types",
                                               "type", "helper", "helpers", "manager", "impl"};
  return kNames;
}

std::string Stem(const SourceFile& file) {
  const std::string name = file.name();
  return name.substr(0, name.find('.'));
}

// True when `name` is, or as one of its words between underscores has, an empty name.
bool SaysNothing(const std::string& stem) {
  for (std::size_t begin = 0; begin <= stem.size();) {
    std::size_t end = stem.find('_', begin);
    if (end == std::string::npos) end = stem.size();
    if (EmptyNames().count(stem.substr(begin, end - begin)) > 0) return true;
    begin = end + 1;
  }
  return false;
}

// True when one sentence begins at the second line, wrapped over at most three lines, and ends
// where a line ends.
bool HasCaption(const std::vector<std::string>& lines) {
  for (std::size_t i = 1; i < lines.size() && i <= 3; ++i) {
    if (!StartsWith(lines[i], "// ") || lines[i].find(". ") != std::string::npos) return false;
    if (lines[i].back() == '.') return true;
  }
  return false;
}

// The identifiers of a line that begin with Zmq, Disk or System and go on in CamelCase.
std::set<std::string> ImplementationNames(const std::string& code) {
  std::set<std::string> names;
  for (const std::string prefix : {"Zmq", "Disk", "System"}) {
    for (std::size_t at = code.find(prefix); at != std::string::npos;
         at = code.find(prefix, at + 1)) {
      std::size_t end = at;
      while (end < code.size() && IsWordChar(code[end])) ++end;
      const bool starts = at == 0 || !IsWordChar(code[at - 1]);
      const std::size_t after = at + prefix.size();
      if (starts && after < end && std::isupper(static_cast<unsigned char>(code[after])) != 0) {
        names.insert(code.substr(at, end - at));
      }
    }
  }
  return names;
}

bool IsHost(const SourceFile& file) {
  return !file.is_main() && (StartsWith(file.path, "pillar/") || StartsWith(file.path, "client/") ||
                             StartsWith(file.path, "coordinator/"));
}

// True when line `at` declares the class `name` as one that derives: an implementation, where a
// class without a base is a seam of that name.
bool DeclaresImplementation(const SourceFile& file, std::size_t at, const std::string& name) {
  std::size_t start = FindWord(file.code[at], "class " + name);
  if (start == std::string::npos) start = FindWord(file.code[at], "struct " + name);
  if (start == std::string::npos) return false;
  std::string declaration = file.code[at].substr(start);
  if (at + 1 < file.code.size()) declaration += " " + file.code[at + 1];
  declaration = declaration.substr(0, declaration.find_first_of("{;"));
  return FindWord(declaration, "public") != std::string::npos;
}

// `text` with every ${variable} replaced by `value`.
std::string Substitute(std::string text, const std::string& variable, const std::string& value) {
  const std::string use = "${" + variable + "}";
  for (std::size_t at = text.find(use); at != std::string::npos; at = text.find(use, at)) {
    text.replace(at, use.size(), value);
    at += value.size();
  }
  return text;
}

// `text` with the body of each `foreach(V IN ITEMS a b)` added once for each item.
std::string Unrolled(const std::string& text) {
  std::string all = text;
  const std::string opening = "foreach(";
  for (std::size_t at = text.find(opening); at != std::string::npos;
       at = text.find(opening, at + 1)) {
    const std::size_t close = text.find(')', at);
    const std::size_t end = text.find("endforeach(", at);
    if (close == std::string::npos || end == std::string::npos || at + 8 > close) continue;
    const std::string body = text.substr(close + 1, end - close - 1);
    std::istringstream words(text.substr(at + opening.size(), close - at - opening.size()));
    std::string variable, in, items;
    words >> variable >> in >> items;
    if (in != "IN" || items != "ITEMS") continue;
    for (std::string item; words >> item;) all += Substitute(body, variable, item);
  }
  return all;
}

// True when another file of the tree includes `file`.
bool IsIncluded(const SourceTree& tree, const SourceFile& file) {
  for (const SourceFile& other : tree.files) {
    for (const Include& include : other.includes) {
      if (include.path == file.path) return true;
    }
  }
  return false;
}

// True when `list` names the file at `path` (from the list's folder) as a whole word.
bool Lists(const std::string& text, const std::string& path) {
  for (std::size_t at = text.find(path); at != std::string::npos; at = text.find(path, at + 1)) {
    const std::string edges = " \t\n\r()\";/";
    const std::size_t end = at + path.size();
    const bool starts = at == 0 || edges.find(text[at - 1]) != std::string::npos;
    const bool ends = end == text.size() || edges.find(text[end]) != std::string::npos;
    if (starts && ends) return true;
  }
  return false;
}

}  // namespace

Faults LongFiles(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SourceFile& file : files) {
    if (file.lines.size() <= kMaxLines) continue;
    faults.push_back(Place(file, file.lines.size()) + "more than " + std::to_string(kMaxLines) +
                     " lines");
  }
  return faults;
}

Faults BannedFileNames(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SourceFile& file : files) {
    const std::string stem = Stem(file);
    if (SaysNothing(stem)) faults.push_back(Place(file, 1) + "a name that says nothing");
    if (stem == "bitrepo") faults.push_back(Place(file, 1) + "a file named after the product");
  }
  return faults;
}

Faults RepeatedFileNames(const std::vector<SourceFile>& files) {
  Faults faults;
  std::map<std::string, std::string> seen;  // wing and name -> path
  for (const SourceFile& file : files) {
    if (!file.is_product()) continue;
    const std::string wing = file.path.substr(0, file.path.find('/'));
    const auto [first, fresh] = seen.emplace(wing + "/" + file.name(), file.path);
    if (!fresh)
      faults.push_back(Place(file, 1) + "its wing has another of that name: " + first->second);
  }
  return faults;
}

Faults BannedWords(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SourceFile& file : files) {
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      for (const BannedWord& banned : BannedCode()) {
        if (banned.headers_only && !file.is_header()) continue;
        if (FindWord(file.code[i], banned.word) == std::string::npos) continue;
        faults.push_back(Place(file, i + 1) + banned.word + " is banned; use " + banned.instead);
      }
      for (const std::string& word : PutOffs()) {
        if (FindWord(file.lines[i], word) == std::string::npos) continue;
        faults.push_back(Place(file, i + 1) + word + " is banned; do it or leave it");
      }
    }
  }
  return faults;
}

Faults MissingCaptions(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SourceFile& file : files) {
    if (file.lines.empty() || file.lines[0] != "// SPDX-License-Identifier: Apache-2.0") {
      faults.push_back(Place(file, 1) + "the first line must be the SPDX line");
    }
    if (!file.is_header()) continue;
    if (!HasCaption(file.lines)) {
      faults.push_back(Place(file, 2) + "a header's second line begins one sentence: what this is");
    }
    bool guarded = false;
    for (const std::string& line : file.code) guarded = guarded || line == "#pragma once";
    if (!guarded) faults.push_back(Place(file, 3) + "no #pragma once");
  }
  return faults;
}

Faults NamedImplementations(const std::vector<SourceFile>& files) {
  std::map<std::string, std::string> homes;  // class -> the room that declares it
  for (const SourceFile& file : files) {
    if (!file.is_product()) continue;
    for (std::size_t i = 0; i < file.code.size(); ++i) {
      for (const std::string& name : ImplementationNames(file.code[i])) {
        if (DeclaresImplementation(file, i, name)) homes[name] = file.folder();
      }
    }
  }
  Faults faults;
  for (const SourceFile& file : files) {
    if (!IsHost(file)) continue;
    for (std::size_t i = 0; i < file.code.size(); ++i) {
      for (const std::string& name : ImplementationNames(file.code[i])) {
        const auto home = homes.find(name);
        if (home == homes.end() || home->second == file.folder()) continue;
        faults.push_back(Place(file, i + 1) + "names " + name + " of " + home->second +
                         ": only a *_main.cc may");
      }
    }
  }
  return faults;
}

Faults UnlistedSources(const SourceTree& tree) {
  Faults faults;
  std::vector<BuildList> lists = tree.build_lists;
  for (BuildList& list : lists) list.text = Unrolled(list.text);
  for (const SourceFile& file : tree.files) {
    bool listed = false;
    for (const BuildList& list : lists) {
      const std::string start = list.folder.empty() ? "" : list.folder + "/";
      if (!StartsWith(file.path, start)) continue;
      listed = listed || Lists(list.text, file.path.substr(start.size()));
    }
    // A header of the tests is built by whoever includes it.
    if (!file.is_product() && file.is_header()) listed = listed || IsIncluded(tree, file);
    if (!listed) faults.push_back(Place(file, 1) + "no CMakeLists.txt lists it");
  }
  return faults;
}

}  // namespace bitrepo::tidy
