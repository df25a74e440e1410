// SPDX-License-Identifier: Apache-2.0
// Rules between docs/spec and the tests: every numbered sentence is held, and named, by a test.
#include <cctype>
#include <map>
#include <set>
#include <string>

#include "tests/tidy/rules.h"

namespace bitrepo::tidy {
namespace {

// One "[B-12]" in a line.
struct Number {
  std::string text;  // "B-12"
  std::size_t begin = 0;
  std::size_t end = 0;
};

std::vector<Number> NumbersIn(const std::string& line) {
  std::vector<Number> numbers;
  for (std::size_t at = line.find('['); at != std::string::npos; at = line.find('[', at + 1)) {
    std::size_t end = at + 3;
    while (end < line.size() && std::isdigit(static_cast<unsigned char>(line[end])) != 0) ++end;
    const bool is_number =
        at + 3 < line.size() && std::string("BCDHS").find(line[at + 1]) != std::string::npos &&
        line[at + 2] == '-' && end > at + 3 && end < line.size() && line[end] == ']';
    if (is_number) numbers.push_back({line.substr(at + 1, end - at - 1), at, end + 1});
  }
  return numbers;
}

// True where the number opens a sentence; elsewhere it only refers to one.
bool OpensASentence(const std::string& line, const Number& number) {
  std::size_t from = number.begin;
  while (from > 0 && line[from - 1] == ' ') --from;
  const bool after_a_stop = from > 0 && line[from - 1] == '.';
  const bool in_an_item = StartsWith(line, "- [") && from <= 1;
  const bool behind_another = StartsWith(line, "- [") && from > 0 && line[from - 1] == ']';
  const bool before_a_word = number.end + 1 < line.size() && line[number.end] == ' ';
  return in_an_item || behind_another || (after_a_stop && before_a_word);
}

std::string PlaceIn(const SpecPage& page, std::size_t line) {
  return page.path + ":" + std::to_string(line + 1) + ": ";
}

bool IsTest(const SourceFile& file) {
  return StartsWith(file.path, "tests/") && !StartsWith(file.path, "tests/tidy/");
}

}  // namespace

Faults UnheldSentences(const std::vector<SpecPage>& pages, const std::vector<SourceFile>& files) {
  Faults faults;
  std::map<std::string, std::string> sentences;  // number -> place
  for (const SpecPage& page : pages) {
    for (std::size_t i = 0; i < page.lines.size(); ++i) {
      for (const Number& number : NumbersIn(page.lines[i])) {
        if (!OpensASentence(page.lines[i], number)) continue;
        const auto [first, fresh] = sentences.emplace(number.text, PlaceIn(page, i));
        if (!fresh) {
          faults.push_back(PlaceIn(page, i) + "[" + number.text +
                           "] is the number of another sentence, at " + first->second);
        }
      }
    }
  }
  std::set<std::string> named;
  for (const SourceFile& file : files) {
    if (!IsTest(file)) continue;
    for (std::size_t i = 0; i < file.lines.size(); ++i) {
      const std::size_t comment = file.lines[i].find("//");
      for (const Number& number : NumbersIn(file.lines[i])) {
        if (comment == std::string::npos || number.begin < comment) continue;
        named.insert(number.text);
        if (sentences.count(number.text) == 0) {
          faults.push_back(Place(file, i + 1) + "docs/spec has no sentence [" + number.text + "]");
        }
      }
    }
  }
  for (const auto& [number, place] : sentences) {
    if (named.count(number) == 0) {
      faults.push_back(place + "no test names [" + number + "]: write the one that holds it");
    }
  }
  return faults;
}

// A sentence with MUST has a number, so that it can be named. An item goes on in indented lines;
// paragraphs and tables may say MUST only where the item around them has the number.
Faults UnnumberedMusts(const std::vector<SpecPage>& pages) {
  Faults faults;
  for (const SpecPage& page : pages) {
    bool numbered = false;
    for (std::size_t i = 0; i < page.lines.size(); ++i) {
      const std::string& line = page.lines[i];
      const bool goes_on = StartsWith(line, "  ");
      bool opens = false;
      for (const Number& number : NumbersIn(line)) opens = opens || OpensASentence(line, number);
      numbered = opens || (goes_on && numbered);
      const bool explains = line.find("MUST NOT, SHOULD") != std::string::npos ||
                            line.find("A sentence with MUST") != std::string::npos ||
                            line.find("Sentences with MUST") != std::string::npos;
      if (FindWord(line, "MUST") != std::string::npos && !numbered && !explains) {
        faults.push_back(PlaceIn(page, i) + "a sentence with MUST has no number");
      }
    }
  }
  return faults;
}

}  // namespace bitrepo::tidy
