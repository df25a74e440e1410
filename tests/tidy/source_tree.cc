// SPDX-License-Identifier: Apache-2.0
#include "tests/tidy/source_tree.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace bitrepo::tidy {
namespace {

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// Copies C++ text with comments and the insides of literals blanked; line ends stay where they are.
class Blanker {
 public:
  explicit Blanker(const std::string& text) : in_(text), out_(text) {}

  std::string Run() {
    while (at_ < in_.size()) {
      if (Next("//")) {
        BlankUntil("\n");
      } else if (Next("/*")) {
        Blank(2);
        BlankUntil("*/");
        Blank(2);
      } else if (Next("R\"") && !AfterWordChar()) {
        RawString();
      } else if (in_[at_] == '"' || (in_[at_] == '\'' && !AfterWordChar())) {
        Quoted(in_[at_]);
      } else {
        ++at_;
      }
    }
    return out_;
  }

 private:
  bool Next(const std::string& what) const { return in_.compare(at_, what.size(), what) == 0; }
  // Tells 1'000 from 'c', and FOOR"..." from R"...".
  bool AfterWordChar() const { return at_ > 0 && IsWordChar(in_[at_ - 1]); }

  void Blank(std::size_t count) {
    for (; count > 0 && at_ < in_.size(); --count, ++at_) {
      if (in_[at_] != '\n') out_[at_] = ' ';
    }
  }

  void BlankUntil(const std::string& end) {
    while (at_ < in_.size() && !Next(end)) Blank(1);
  }

  void Quoted(char quote) {
    ++at_;
    while (at_ < in_.size() && in_[at_] != quote && in_[at_] != '\n')
      Blank(in_[at_] == '\\' ? 2 : 1);
    if (at_ < in_.size()) ++at_;
  }

  void RawString() {
    at_ += 2;
    const std::size_t open = in_.find('(', at_);
    if (open == std::string::npos) return;
    const std::string end = ")" + in_.substr(at_, open - at_) + "\"";
    BlankUntil(end);
    Blank(end.size());
  }

  const std::string& in_;
  std::string out_;
  std::size_t at_ = 0;
};

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The include on a line, if it is one: `code` tells that the line is no comment.
bool ParseInclude(const std::string& line, const std::string& code, Include& include) {
  std::size_t at = code.find_first_not_of(' ');
  if (at == std::string::npos || code[at] != '#') return false;
  at = code.find_first_not_of(' ', at + 1);
  if (at == std::string::npos || code.compare(at, 7, "include") != 0) return false;
  const std::size_t open = line.find_first_of("<\"", at + 7);
  if (open == std::string::npos) return false;
  include.quoted = line[open] == '"';
  const std::size_t close = line.find(include.quoted ? '"' : '>', open + 1);
  if (close == std::string::npos) return false;
  include.path = line.substr(open + 1, close - open - 1);
  return true;
}

std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

std::string SourceFile::folder() const {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string SourceFile::name() const { return path.substr(path.rfind('/') + 1); }

bool SourceFile::is_header() const { return EndsWith(path, ".h"); }

bool SourceFile::is_main() const { return EndsWith(path, "_main.cc"); }

bool SourceFile::is_product() const {
  return !StartsWith(path, "tests/") && !StartsWith(path, "bench/");
}

const std::vector<std::string>& Wings() {
  static const std::vector<std::string> kWings = {
      "base", "bus", "channel", "pillar", "client", "coordinator", "proto", "tests", "bench"};
  return kWings;
}

SourceFile ParseSource(const std::string& path, const std::string& text) {
  SourceFile file;
  file.path = path;
  file.lines = Lines(text);
  file.code = Lines(Blanker(text).Run());
  for (std::size_t i = 0; i < file.lines.size(); ++i) {
    Include include;
    if (!ParseInclude(file.lines[i], file.code[i], include)) continue;
    include.line = i + 1;
    file.includes.push_back(include);
  }
  return file;
}

SpecPage ParseSpecPage(const std::string& path, const std::string& text) {
  return {path, Lines(text)};
}

SourceTree ReadTree(const std::string& root) {
  namespace fs = std::filesystem;
  SourceTree tree;
  tree.build_lists.push_back({"", ReadText(fs::path(root) / "CMakeLists.txt")});
  for (const std::string& wing : Wings()) {
    const fs::path top = fs::path(root) / wing;
    if (!fs::exists(top)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(top)) {
      const std::string path = fs::relative(entry.path(), root).generic_string();
      if (entry.path().filename() == "CMakeLists.txt") {
        tree.build_lists.push_back(
            {fs::path(path).parent_path().generic_string(), ReadText(entry.path())});
      } else if (entry.path().filename() == "README.md") {
        tree.readmes.push_back(ParseSpecPage(path, ReadText(entry.path())));
      } else if (entry.is_regular_file() && (EndsWith(path, ".h") || EndsWith(path, ".cc"))) {
        tree.files.push_back(ParseSource(path, ReadText(entry.path())));
      }
    }
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(root) / "docs/spec")) {
    const std::string path = fs::relative(entry.path(), root).generic_string();
    if (EndsWith(path, ".md")) tree.spec.push_back(ParseSpecPage(path, ReadText(entry.path())));
  }
  const auto by_path = [](const auto& a, const auto& b) { return a.path < b.path; };
  std::sort(tree.files.begin(), tree.files.end(), by_path);
  std::sort(tree.spec.begin(), tree.spec.end(), by_path);
  std::sort(tree.readmes.begin(), tree.readmes.end(), by_path);
  return tree;
}

bool StartsWith(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}

bool IsWordChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

std::string Place(const SourceFile& file, std::size_t line) {
  return file.path + ":" + std::to_string(line) + ": ";
}

std::size_t FindWord(const std::string& text, const std::string& word, std::size_t from) {
  for (std::size_t at = text.find(word, from); at != std::string::npos;
       at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    const bool starts = at == 0 || !IsWordChar(text[at - 1]) || !IsWordChar(word.front());
    const bool ends = end == text.size() || !IsWordChar(text[end]) || !IsWordChar(word.back());
    if (starts && ends) return at;
  }
  return std::string::npos;
}

}  // namespace bitrepo::tidy
