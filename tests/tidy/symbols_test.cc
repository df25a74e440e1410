// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <sstream>
#include <string>
#include <vector>

// Asks nm which libraries of ours know ZeroMQ: the pure rooms and the hosts must not, so that
// another bus or channel can take its place.
namespace bitrepo::tidy {
namespace {

// The lines of `nm -C` on `library` that name a symbol of libzmq.
std::vector<std::string> ZmqSymbols(const std::string& library) {
  const std::string command = std::string(BITREPO_NM) + " -C '" + library + "' 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {"popen failed"};
  std::string text;
  std::array<char, 4096> piece{};
  for (std::size_t got = 0; (got = fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
    text.append(piece.data(), got);
  }
  if (pclose(pipe) != 0) return {"nm failed: " + text};
  std::vector<std::string> found;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" zmq_") != std::string::npos) found.push_back(line);
  }
  return found;
}

std::vector<std::string> Libraries() {
  std::vector<std::string> libraries;
  std::istringstream list(BITREPO_LIBRARIES_WITHOUT_ZMQ);
  for (std::string library; std::getline(list, library, ',');) libraries.push_back(library);
  return libraries;
}

TEST(SymbolsTest, PureRoomsAndHostsKnowNoZeroMq) {
  ASSERT_FALSE(Libraries().empty());
  for (const std::string& library : Libraries()) {
    EXPECT_EQ(ZmqSymbols(library), std::vector<std::string>()) << library;
  }
}

TEST(SymbolsTest, ALibraryThatKnowsZeroMqIsFound) {
  EXPECT_FALSE(ZmqSymbols(BITREPO_LIBRARY_WITH_ZMQ).empty());
}

}  // namespace
}  // namespace bitrepo::tidy
