// SPDX-License-Identifier: Apache-2.0
// The source tree as the rules see it: files, their lines, and their includes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace bitrepo::tidy {

// One #include of a file.
struct Include {
  std::size_t line = 0;  // counted from 1
  std::string path;      // what stands between the quotes or angles
  bool quoted = false;   // "x", not <x>
};

// One .h or .cc file. Immutable once parsed.
struct SourceFile {
  std::string path;                // from the root of the tree, with forward slashes
  std::vector<std::string> lines;  // as written
  std::vector<std::string> code;   // the same lines; comments and literals are blanks in them
  std::vector<Include> includes;

  // The folder the file lies in: its room, for a file of the product.
  std::string folder() const;
  // The file's name without its folder.
  std::string name() const;
  bool is_header() const;
  // True for the file of a program's main(), the one place where implementations are named.
  bool is_main() const;
  // True outside tests/ and bench/.
  bool is_product() const;
};

// A CMakeLists.txt.
struct BuildList {
  std::string folder;  // "" for the root
  std::string text;
};

// A page of docs/spec, or the README of a room.
struct SpecPage {
  std::string path;
  std::vector<std::string> lines;
};

struct SourceTree {
  std::vector<SourceFile> files;  // by path
  std::vector<BuildList> build_lists;
  std::vector<SpecPage> spec;     // by path
  std::vector<SpecPage> readmes;  // by path; of the wings
};

// The top folders that hold sources of ours.
const std::vector<std::string>& Wings();

// Cuts `text` into lines and blanks what is no code.
SourceFile ParseSource(const std::string& path, const std::string& text);

SpecPage ParseSpecPage(const std::string& path, const std::string& text);

// Reads every .h, .cc, CMakeLists.txt and README.md of the wings below `root`, and the pages of
// docs/spec.
SourceTree ReadTree(const std::string& root);

bool StartsWith(const std::string& text, const std::string& start);

// True for what an identifier is made of.
bool IsWordChar(char c);

// "path:line: ", as compilers print it.
std::string Place(const SourceFile& file, std::size_t line);

// Where `word` first stands in `text` at or after `from`, not as a part of a longer identifier;
// npos when it does not. A word may hold "::" and end in "(".
std::size_t FindWord(const std::string& text, const std::string& word, std::size_t from = 0);

}  // namespace bitrepo::tidy
