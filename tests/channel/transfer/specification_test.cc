// SPDX-License-Identifier: Apache-2.0
// The tables in docs/spec/40-data-channel.md are those of the code; BITREPO_WRITE_SPEC=1 writes
// them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "channel/transfer/frame.h"
#include "channel/transfer/session.h"
#include "channel/transfer/stream_state.h"
#include "tests/support/files.h"

namespace bitrepo::transfer {
namespace {

constexpr char kPath[] = BITREPO_SOURCE_ROOT "/docs/spec/40-data-channel.md";

std::string FrameTable() {
  std::string table = "| type | name | of | payload, bytes |\n|---|---|---|---|\n";
  for (const FrameRule& rule : FrameRules()) {
    const std::string payload = rule.payload_min == rule.payload_max
                                    ? absl::StrCat(rule.payload_max)
                                    : absl::StrCat(rule.payload_min, " to ", rule.payload_max);
    absl::StrAppend(&table, "| ", static_cast<int>(rule.type), " | ", rule.name, " | ",
                    rule.on_stream ? "stream" : "session", " | ", payload, " |\n");
  }
  return table;
}

// States across, events down; "action -> state", the state only where it changes.
std::string SessionTable() {
  std::string table = "| |";
  std::string rule = "|---|";
  for (size_t state = 0; state < kSessionStates; ++state) {
    absl::StrAppend(&table, " ", SessionStateName(static_cast<SessionState>(state)), " |");
    rule += "---|";
  }
  absl::StrAppend(&table, "\n", rule, "\n");
  for (size_t i = 0; i < kSessionEvents; ++i) {
    const auto event = static_cast<SessionEvent>(i);
    absl::StrAppend(&table, "| ", SessionEventName(event), " |");
    for (size_t j = 0; j < kSessionStates; ++j) {
      const auto state = static_cast<SessionState>(j);
      const SessionCell& cell = SessionTransition(state, event);
      absl::StrAppend(&table, " ", SessionActionName(cell.action));
      if (cell.next != state) {
        absl::StrAppend(&table, " → ", SessionStateName(cell.next));
      }
      table += " |";
    }
    table += "\n";
  }
  return table;
}

// The same of the ends of a stream.
std::string StreamTable() {
  std::string table = "| |";
  std::string rule = "|---|";
  for (size_t state = 0; state < kStreamStates; ++state) {
    absl::StrAppend(&table, " ", StreamStateName(static_cast<StreamState>(state)), " |");
    rule += "---|";
  }
  absl::StrAppend(&table, "\n", rule, "\n");
  for (size_t i = 0; i < kStreamEvents; ++i) {
    const auto event = static_cast<StreamEvent>(i);
    absl::StrAppend(&table, "| ", StreamEventName(event), " |");
    for (size_t j = 0; j < kStreamStates; ++j) {
      const auto state = static_cast<StreamState>(j);
      const StreamCell cell = StreamTransition(state, event);
      absl::StrAppend(&table, " ", StreamActionName(cell.action));
      if (cell.next != state && cell.next != StreamState::kEnded) {
        absl::StrAppend(&table, " → ", StreamStateName(cell.next));
      }
      table += " |";
    }
    table += "\n";
  }
  return table;
}

// `text` with what stands between the markers of `name` replaced.
std::string Replaced(const std::string& text, const std::string& name, const std::string& table) {
  const std::string opening = "<!-- generated: " + name + " -->\n";
  const std::string closing = "<!-- end: " + name + " -->";
  const size_t from = text.find(opening);
  const size_t to = text.find(closing);
  if (from == std::string::npos || to == std::string::npos || to < from) {
    ADD_FAILURE() << "no markers for " << name << " in " << kPath;
    return text;
  }
  return text.substr(0, from + opening.size()) + table + text.substr(to);
}

TEST(Specification, ItsTablesAreThoseOfTheCode) {
  const std::string present = testing_support::TextOf(kPath);
  const std::string wanted =
      Replaced(Replaced(Replaced(present, "frames", FrameTable()), "session", SessionTable()),
               "stream", StreamTable());
  if (std::getenv("BITREPO_WRITE_SPEC") != nullptr) {
    std::ofstream(kPath) << wanted;
    return;
  }
  EXPECT_TRUE(present == wanted)
      << "run this test with BITREPO_WRITE_SPEC=1 and read what changed in " << kPath;
}

}  // namespace
}  // namespace bitrepo::transfer
