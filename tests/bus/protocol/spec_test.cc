// SPDX-License-Identifier: Apache-2.0
// docs/spec/ says what the code does: its tables are printed from it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "bus/protocol/response_code.h"
#include "tests/bus/protocol/spec_tables.h"
#include "tests/support/files.h"

namespace bitrepo::protocol {
namespace {

namespace fs = std::filesystem;

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
    std::string page = testing_support::TextOf(path);
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

// "Suite.Name" of every test in the tree.
std::set<std::string> NamesOfTests() {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(Root() / "tests")) {
    if (entry.path().extension() != ".cc") {
      continue;
    }
    const std::string text = testing_support::TextOf(entry.path());
    for (size_t at = text.find("\nTEST"); at != std::string::npos;
         at = text.find("\nTEST", at + 1)) {
      const size_t open = text.find('(', at);
      const size_t comma = text.find(',', open);
      const size_t name = text.find_first_not_of(" \n", comma + 1);
      names.insert(text.substr(open + 1, comma - open - 1) + "." +
                   text.substr(name, text.find(')', name) - name));
    }
  }
  return names;
}

// Each code is said by something, and a test has seen it; but for those that are kept for what is
// not there yet.
TEST(Specification, TheTestsOfItsCodesAreThere) {
  const std::set<std::string> tests = NamesOfTests();
  std::set<wire::ResponseCode> reserved;
  for (const ResponseCodeRow& row : ResponseCodes()) {
    const std::string test = samples::TestOf(row.code);
    if (test.empty()) {
      reserved.insert(row.code);
      continue;
    }
    EXPECT_TRUE(tests.contains(test)) << row.name << ": there is no test " << test;
  }
  EXPECT_EQ(reserved,
            (std::set<wire::ResponseCode>{wire::RESPONSE_CODE_UNSPECIFIED, wire::BASE_MISMATCH,
                                          wire::BLOCK_SIZE_MISMATCH}));
}

}  // namespace
}  // namespace bitrepo::protocol
