// SPDX-License-Identifier: Apache-2.0
// docs/spec/ says what the code does: its tables are printed from it, and its numbered sentences
// have tests.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/bus/protocol/spec_tables.h"

namespace bitrepo::protocol {
namespace {

namespace fs = std::filesystem;

std::string Load(const fs::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

fs::path Root() { return BITREPO_SOURCE_ROOT; }

// Where the table stands in the page: from after its opening mark to its closing mark.
std::pair<size_t, size_t> PlaceOf(const std::string& page, const std::string& name) {
  const std::string opening = "<!-- generated: " + name + " -->\n";
  const size_t begin = page.find(opening);
  const size_t end = page.find("<!-- end: " + name + " -->");
  if (begin == std::string::npos || end == std::string::npos) {
    return {std::string::npos, std::string::npos};
  }
  return {begin + opening.size(), end};
}

struct TableRow {
  const char* page;
  const char* name;
  std::string (*print)();
};

constexpr TableRow kTables[] = {
    {"10-bus-and-envelope.md", "kinds", samples::KindsTable},
    {"20-primitives.md", "operations", samples::OperationsTable},
    {"30-conversation.md", "phases", samples::PhasesTable},
    {"30-conversation.md", "legs", samples::LegsTable},
    {"30-conversation.md", "contributions", samples::ContributionsTable},
    {"90-codes-and-limits.md", "codes", samples::CodesTable},
    {"90-codes-and-limits.md", "limits", samples::LimitsTable},
};

TEST(Specification, ItsTablesAreThoseOfTheCode) {
  for (const TableRow& table : kTables) {
    SCOPED_TRACE(std::string(table.page) + " " + table.name);
    const fs::path path = Root() / "docs" / "spec" / table.page;
    std::string page = Load(path);
    const auto [begin, end] = PlaceOf(page, table.name);
    ASSERT_NE(begin, std::string::npos) << "the page has no such place";
    const std::string printed = table.print();
    if (std::getenv("BITREPO_WRITE_SPEC") != nullptr &&
        page.substr(begin, end - begin) != printed) {
      page.replace(begin, end - begin, printed);
      std::ofstream(path) << page;
      continue;
    }
    EXPECT_EQ(page.substr(begin, end - begin), printed)
        << "print it anew: BITREPO_WRITE_SPEC=1 protocol_spec_test";
  }
}

// Numbers of sentences, "[C-5]", at the beginning of a point.
std::map<std::string, int> Sentences() {
  std::map<std::string, int> sentences;
  const std::regex number("\\n- ((\\[[BCHS]-[0-9]+\\] ?)+)");
  const std::regex one("\\[[BCHS]-[0-9]+\\]");
  for (const auto& entry : fs::directory_iterator(Root() / "docs" / "spec")) {
    const std::string page = Load(entry.path());
    for (std::sregex_iterator it(page.begin(), page.end(), number), end; it != end; ++it) {
      const std::string found = (*it)[1];
      for (std::sregex_iterator each(found.begin(), found.end(), one); each != end; ++each) {
        ++sentences[each->str()];
      }
    }
  }
  return sentences;
}

std::set<std::string> Cited() {
  std::set<std::string> cited;
  const std::regex comment("// (\\[[BCHS]-[0-9]+\\][^\\n]*)");
  const std::regex one("\\[[BCHS]-[0-9]+\\]");
  for (const auto& entry : fs::recursive_directory_iterator(Root() / "tests")) {
    if (entry.path().extension() != ".cc") {
      continue;
    }
    const std::string text = Load(entry.path());
    for (std::sregex_iterator it(text.begin(), text.end(), comment), end; it != end; ++it) {
      const std::string line = (*it)[1];
      for (std::sregex_iterator each(line.begin(), line.end(), one); each != end; ++each) {
        cited.insert(each->str());
      }
    }
  }
  return cited;
}

TEST(Specification, EachNumberStandsForOneSentence) {
  const std::map<std::string, int> sentences = Sentences();
  EXPECT_GT(sentences.size(), 60u);
  for (const auto& [number, count] : sentences) {
    EXPECT_EQ(count, 1) << number;
  }
}

TEST(Specification, TestsNameSentencesThatThereAre) {
  const std::map<std::string, int> sentences = Sentences();
  for (const std::string& number : Cited()) {
    EXPECT_TRUE(sentences.contains(number)) << number << " is named by a test and is no sentence";
  }
}

TEST(Specification, EachSentenceOfEnvelopeAndConversationIsNamedByATest) {
  const std::set<std::string> cited = Cited();
  for (const auto& [number, count] : Sentences()) {
    if (number[1] == 'B' || number[1] == 'C') {
      EXPECT_TRUE(cited.contains(number)) << number << " is named by no test";
    }
  }
}

}  // namespace
}  // namespace bitrepo::protocol
