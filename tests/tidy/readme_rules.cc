// SPDX-License-Identifier: Apache-2.0
// What the README of a room may be: short, and true where it names files.
#include <algorithm>

#include "tests/tidy/rules.h"

namespace bitrepo::tidy {
namespace {

bool EndsWith(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// True for the name of one header or source; X_test.cc and file_*_suite.h stand for several.
bool IsSourceName(const std::string& name) {
  const auto fits = [](char c) {
    return c == '_' || c == '/' || c == '.' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  return (EndsWith(name, ".h") || EndsWith(name, ".cc")) &&
         std::all_of(name.begin(), name.end(), fits);
}

bool IsThere(const std::string& name, const std::vector<SourceFile>& files) {
  return std::any_of(files.begin(), files.end(), [&name](const SourceFile& file) {
    return file.path == name || EndsWith(file.path, "/" + name);
  });
}

std::string PlaceOf(const SpecPage& page, std::size_t line) {
  return page.path + ":" + std::to_string(line) + ": ";
}

}  // namespace

Faults LongReadmes(const std::vector<SpecPage>& readmes) {
  Faults faults;
  for (const SpecPage& readme : readmes) {
    if (readme.lines.size() <= kMaxReadmeLines) continue;
    faults.push_back(PlaceOf(readme, readme.lines.size()) + "more than " +
                     std::to_string(kMaxReadmeLines) + " lines");
  }
  return faults;
}

Faults NamesOfNoFile(const std::vector<SpecPage>& readmes, const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SpecPage& readme : readmes) {
    for (std::size_t i = 0; i < readme.lines.size(); ++i) {
      const std::string& line = readme.lines[i];
      std::size_t open = line.find('`');
      while (open != std::string::npos) {
        const std::size_t close = line.find('`', open + 1);
        if (close == std::string::npos) break;
        const std::string name = line.substr(open + 1, close - open - 1);
        if (IsSourceName(name) && !IsThere(name, files)) {
          faults.push_back(PlaceOf(readme, i + 1) + "there is no " + name);
        }
        open = line.find('`', close + 1);
      }
    }
  }
  return faults;
}

}  // namespace bitrepo::tidy
