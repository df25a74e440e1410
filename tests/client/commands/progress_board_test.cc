// SPDX-License-Identifier: Apache-2.0
#include "client/commands/progress_board.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_split.h"

namespace bitrepo::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr uint64_t kGiB = uint64_t{1} << 30;

protocol::ConversationEvent Progress(const std::string& pillar, wire::Phase phase) {
  auto message = std::make_shared<protocol::Envelope>();
  message->header.set_kind(wire::PROGRESS);
  message->body.mutable_progress()->set_phase(phase);
  return {protocol::EventKind::kProgress, pillar, wire::OPERATION_ACCEPTED_PROGRESS, "",
          std::move(message)};
}
protocol::ConversationEvent Plain(protocol::EventKind kind, const std::string& pillar) {
  return {kind, pillar, wire::RESPONSE_CODE_UNSPECIFIED, "", nullptr};
}

// Standard output and standard error in files.
class Board : public ::testing::Test {
 protected:
  ~Board() override {
    std::fclose(out_);
    std::fclose(err_);
  }
  ConsoleOptions Options() const {
    ConsoleOptions options;
    options.out = fileno(out_);
    options.err = fileno(err_);
    return options;
  }
  static std::vector<std::string> LinesOf(std::FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
      text.push_back(static_cast<char>(c));
    }
    return absl::StrSplit(text, '\n', absl::SkipEmpty());
  }
  std::FILE* out_ = std::tmpfile();
  std::FILE* err_ = std::tmpfile();
};

void TellOfOneFile(ProgressBoard& board) {
  board.Plan("put", 1, 100);
  board.OnEvent("f", Plain(protocol::EventKind::kRequestSent, "p1"));
  board.OnEvent("f", Progress("p1", wire::RECEIVING));
  board.OnEvent("f", Progress("p1", wire::RECEIVING));
  board.OnTransfer("f", "p1", 60, 100);
  board.OnEvent("f", Progress("p1", wire::STORING));
  board.OnEvent("f", Plain(protocol::EventKind::kComponentComplete, "p1"));
  board.FileDone("f", 100, {"p1"});
  board.Close();
}

TEST_F(Board, IsALineForEachChangeOfStateWhereThereIsNoTerminal) {
  Console console(Options());
  Report report(console, "put", false);
  ProgressBoard board(report, true);
  TellOfOneFile(board);
  EXPECT_THAT(LinesOf(err_),
              ElementsAre("put: p1 receiving f", "put: p1 storing f", "put: p1 complete f"));
  EXPECT_THAT(LinesOf(out_), ElementsAre());
}

TEST_F(Board, IsSilentWhenItIsNotShown) {
  Console console(Options());
  Report report(console, "put", false);
  ProgressBoard board(report, false);
  TellOfOneFile(board);
  EXPECT_THAT(LinesOf(err_), ElementsAre());
}

TEST_F(Board, GivesProgramsARecordForEachChangeOfPhase) {
  Console console(Options());
  Report report(console, "put", true);
  {
    ProgressBoard board(report, false);
    TellOfOneFile(board);
  }
  console.Flush();
  const std::vector<std::string> lines = LinesOf(out_);
  ASSERT_GE(lines.size(), 3u);
  EXPECT_THAT(lines.front(), HasSubstr("\"phase\":\"receiving\""));
  EXPECT_THAT(lines.back(), HasSubstr("\"phase\":\"complete\""));
  EXPECT_THAT(lines.back(), HasSubstr("\"bytes_total\":100"));
}

TEST_F(Board, NamesTheEventsOfTheConversation) {
  Console console(Options());
  Report report(console, "put", true);
  {
    ProgressBoard board(report, false);
    TellOfOneFile(board);
  }
  console.Flush();
  const std::vector<std::string> lines = LinesOf(out_);
  EXPECT_THAT(lines.front(), HasSubstr("\"event\":\"PROGRESS\""));
  EXPECT_THAT(lines.back(), HasSubstr("\"event\":\"COMPONENT_COMPLETE\""));
}

TEST_F(Board, GivesProgramsThePlaceInTheQueueAndThePillarsEstimate) {
  Console console(Options());
  Report report(console, "get", true);
  {
    ProgressBoard board(report, false);
    board.Plan("get", 1, 0);
    board.OnEvent("f", Plain(protocol::EventKind::kRequestSent, "tape"));
    for (const uint32_t place : {3u, 2u, 2u}) {
      auto message = std::make_shared<protocol::Envelope>();
      message->header.set_kind(wire::PROGRESS);
      wire::Progress& progress = *message->body.mutable_progress();
      progress.set_phase(wire::QUEUED);
      progress.set_queue_place(place);
      progress.set_eta_us(1'000'000 * place);
      board.OnEvent("f", {protocol::EventKind::kProgress, "tape", wire::OPERATION_PROGRESS, "",
                          std::move(message)});
    }
  }
  console.Flush();
  const std::vector<std::string> lines = LinesOf(out_);
  ASSERT_EQ(lines.size(), 2u) << "one for each place";
  EXPECT_THAT(lines[0], HasSubstr("\"queue_position\":3"));
  EXPECT_THAT(lines[0], HasSubstr("\"eta_s\":3.0"));
  EXPECT_THAT(lines[1], HasSubstr("\"queue_position\":2"));
}

TEST_F(Board, TellsWhoGoesOnWhereAPillarFailsInTheMiddleOfAGet) {
  Console console(Options());
  Report report(console, "get", false);
  ProgressBoard board(report, true);
  board.Plan("get", 1, 0);
  board.OnEvent("f", Plain(protocol::EventKind::kRequestSent, "p1"));
  board.OnTransfer("f", "p1", 60, 100);
  protocol::ConversationEvent gone = Plain(protocol::EventKind::kComponentFailed, "p1");
  gone.code = wire::GONE;
  board.OnEvent("f", gone);
  board.OnEvent("f", Plain(protocol::EventKind::kRequestSent, "p2"));
  board.Close();
  EXPECT_THAT(LinesOf(err_), ElementsAre("get: p1 failed (GONE); p2 goes on with f"));
}

TEST_F(Board, SaysNothingOfTheSingleFilesOfMany) {
  Console console(Options());
  Report report(console, "put", false);
  ProgressBoard board(report, true);
  board.Plan("put", 2, 200);
  board.OnEvent("f", Plain(protocol::EventKind::kRequestSent, "p1"));
  board.OnEvent("f", Progress("p1", wire::RECEIVING));
  board.Close();
  EXPECT_THAT(LinesOf(err_), ElementsAre());
}

void TellOfMany(ProgressBoard& board) {
  board.Plan("put", 1200, 3 * kGiB);
  for (const char* pillar : {"p1", "a-pillar-with-a-rather-long-name", "caf\xC3\xA9"}) {
    board.OnEvent("f", Plain(protocol::EventKind::kRequestSent, pillar));
    board.OnEvent("f", Progress(pillar, wire::WAITING_FOR_CREDIT));
    board.OnTransfer("f", pillar, kGiB, kGiB);
  }
  board.FileDone("f", kGiB, {"p1"});
}

TEST_F(Board, OnRequestSaysHowThingsAreInEightyColumns) {
  Console console(Options());
  Report report(console, "put", false);
  ProgressBoard board(report, false);
  TellOfMany(board);
  board.PrintState();
  const std::vector<std::string> lines = LinesOf(err_);
  ASSERT_EQ(lines.size(), 4u) << "a row for each pillar, and one that adds up";
  for (const std::string& line : lines) EXPECT_LE(ColumnsOf(line), 80u) << line;
  EXPECT_THAT(lines[2], HasSubstr("p1"));
  EXPECT_THAT(lines[2], HasSubstr("33%"));
  EXPECT_EQ(lines[3], "put 1 of 1,200 files, 1.0 GiB of 3.0 GiB");
}

TEST_F(Board, FitsATerminalOfAnyWidth) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_TRUE(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0);
  const int screen = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(screen, 0);
  for (const size_t columns : {40u, 80u, 200u}) {
    winsize size{};
    size.ws_col = static_cast<unsigned short>(columns);
    ASSERT_EQ(ioctl(screen, TIOCSWINSZ, &size), 0);
    ConsoleOptions options = Options();
    options.err = screen;
    Console console(options);
    Report report(console, "put", false);
    ProgressBoard board(report, false);
    TellOfMany(board);
    board.PrintState();
    console.Note("END");
    std::string text;
    while (text.find("END") == std::string::npos) {
      char shown[1024];
      const ssize_t got = read(terminal, shown, sizeof(shown));
      ASSERT_GT(got, 0);
      text.append(shown, static_cast<size_t>(got));
    }
    for (absl::string_view line : absl::StrSplit(text, "\r\n")) {
      EXPECT_LE(ColumnsOf(line), columns) << line;
    }
    EXPECT_THAT(text, HasSubstr("p1")) << columns;
  }
  close(screen);
  close(terminal);
}

}  // namespace
}  // namespace bitrepo::commands
