// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_lines.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "client/commands/console.h"

namespace bitrepo::commands {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

bus::WatchCopy Copy(const std::string& file_id) {
  base::SeededRandom random(1);
  bus::WatchCopy copy;
  copy.sequence = 7;
  copy.destination = {protocol::Destination::Kind::kCollection, "default"};
  copy.header.set_conversation_id(
      base::ConversationId::Make(absl::FromUnixSeconds(1767225600), random).ToBytes());
  copy.header.set_from("alice-with-a-long-name.5f03c2d1");
  copy.header.set_kind(wire::REQUEST);
  copy.header.set_operation(wire::PUT_FILE);
  copy.body.mutable_put_file_request()->set_file_id(file_id);
  copy.body.mutable_put_file_request()->set_size_bytes(5 << 20);
  return copy;
}

std::string Line(const std::string& file_id, size_t columns) {
  std::string line = WatchLine(Copy(file_id), absl::FromUnixSeconds(1767225600), columns);
  EXPECT_EQ(line.back(), '\n');
  line.pop_back();
  return line;
}

TEST(WatchLine, IsWholeWhereThereIsNoTerminal) {
  const std::string id(200, 'x');
  EXPECT_THAT(Line(id, 0),
              AllOf(HasSubstr(id), HasSubstr("5.0 MiB"), HasSubstr("collection:default")));
}

TEST(WatchLine, FitsTheTerminal) {
  for (const size_t columns : {20, 40, 79, 80, 100, 119, 120, 132, 250}) {
    EXPECT_LE(ColumnsOf(Line(std::string(200, 'x'), columns)), columns);
  }
}

TEST(WatchLine, OfEightyColumnsStillShowsTheFile) {
  EXPECT_THAT(Line("report.pdf", 80), HasSubstr("report.pdf"));
  EXPECT_THAT(Line("report.pdf", 80), Not(HasSubstr(" \n")));
}

TEST(WatchLine, EscapesWhatOthersWrote) {
  EXPECT_THAT(Line("a\033[2Jb", 0), AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\033"))));
}

TEST(WatchRecord, HasTheMessageInParts) {
  JsonRecord record("item");
  FillWatchRecord(Heard{.copy = Copy("report.pdf")}, record);
  EXPECT_THAT(record.ToString(),
              AllOf(HasSubstr("\"result\":\"message\""), HasSubstr("\"sequence\":7"),
                    HasSubstr("\"destination\":\"collection:default\""),
                    HasSubstr("\"subject\":\"report.pdf\"")));
}

}  // namespace
}  // namespace bitrepo::commands
