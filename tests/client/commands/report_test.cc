// SPDX-License-Identifier: Apache-2.0
#include "client/commands/report.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>

namespace bitrepo::commands {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using State = protocol::ContributorResult::State;

// A report of "get" whose two streams are files.
class Told : public ::testing::Test {
 protected:
  ~Told() override {
    std::fclose(out_);
    std::fclose(err_);
  }
  Report& report(bool json = false) {
    if (!report_) {
      ConsoleOptions options;
      options.out = fileno(out_);
      options.err = fileno(err_);
      console_.emplace(options);
      report_.emplace(*console_, "get", json);
    }
    return *report_;
  }
  static std::string TextOf(std::FILE* file) {
    std::string text;
    std::rewind(file);
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) {
      text.push_back(static_cast<char>(c));
    }
    return text;
  }
  std::string err() { return TextOf(err_); }
  std::string out() { return TextOf(out_); }

  static void Add(protocol::Outcome& outcome, const std::string& pillar, State state,
                  wire::ResponseCode code, const std::string& text = "") {
    protocol::ContributorResult& result = outcome.contributors[*base::ComponentId::Parse(pillar)];
    result.state = state;
    result.code = code;
    result.text = text;
  }
  const Attempted attempted_ = {.what = "deliver",
                                .file_id = "f",
                                .conversation = {},
                                .again = "bitrepo get f",
                                .look = "bitrepo stat f"};
  protocol::Outcome outcome_;

 private:
  std::FILE* out_ = std::tmpfile();
  std::FILE* err_ = std::tmpfile();
  std::optional<Console> console_;
  std::optional<Report> report_;
};

TEST_F(Told, OfAGetFromOnePillarOnlyThatPillarHasFailed) {
  outcome_.verdict = protocol::Verdict::kFailed;
  Add(outcome_, "p1", State::kFailed, wire::FILE_TRANSFER_FAILURE, "the connection was lost");
  Add(outcome_, "p2", State::kWaiting, wire::IDENTIFICATION_POSITIVE);
  Add(outcome_, "p3", State::kWaiting, wire::IDENTIFICATION_POSITIVE);
  ReportOutcome(report(), attempted_, outcome_);
  EXPECT_THAT(err(), AllOf(HasSubstr("p1 did not deliver f (FILE_TRANSFER_FAILURE): "
                                     "the connection was lost; trying again may help; next: "
                                     "bitrepo get f"),
                           HasSubstr("not asked, though they said that they could: p2, p3"),
                           Not(HasSubstr("IDENTIFICATION_POSITIVE"))));
  EXPECT_EQ(report().Finish(), ExitCode::kUnreachable);
}

TEST_F(Told, WhoCouldNotIsNotSaidToHaveBeenAble) {
  outcome_.verdict = protocol::Verdict::kFailed;
  Add(outcome_, "c1", State::kWaiting, wire::REQUEST_NOT_SUPPORTED, "it keeps digests only");
  outcome_.contributors.at(*base::ComponentId::Parse("c1")).passed_over = true;
  Add(outcome_, "p1", State::kFailed, wire::FILE_NOT_FOUND_FAILURE, "f: no such file");
  ReportOutcome(report(), attempted_, outcome_);
  EXPECT_THAT(err(), AllOf(HasSubstr("p1 did not deliver f"), Not(HasSubstr("c1"))));
  EXPECT_EQ(report().Finish(), ExitCode::kNotFound);
}

TEST_F(Told, PillarsThatAnswerAlikeAreNamedTogetherAndEachHasARecord) {
  outcome_.verdict = protocol::Verdict::kFailed;
  Add(outcome_, "p1", State::kFailed, wire::RANGE_ERROR, "the file has 3 bytes");
  Add(outcome_, "p2", State::kFailed, wire::RANGE_ERROR, "the file has 3 bytes");
  ReportOutcome(report(true), attempted_, outcome_);
  EXPECT_THAT(err(), HasSubstr("p1, p2 did not deliver f (RANGE_ERROR): the file has 3 bytes; "
                               "next: bitrepo stat f"));
  EXPECT_EQ(report().Finish(), ExitCode::kRefused);
  EXPECT_THAT(out(), AllOf(HasSubstr("\"pillar\":\"p1\""), HasSubstr("\"pillar\":\"p2\""),
                           HasSubstr("\"code\":\"refused\"")));
}

TEST_F(Told, APillarThatIsAwayOrWhoseWordDidNotComeIsToldSo) {
  outcome_.verdict = protocol::Verdict::kUnknown;
  Add(outcome_, "p1", State::kUnknown, wire::RESPONSE_CODE_UNSPECIFIED);
  Add(outcome_, "p2", State::kFailed, wire::UNREACHABLE);
  outcome_.contributors[*base::ComponentId::Parse("p2")].away = true;
  ReportOutcome(report(), attempted_, outcome_);
  EXPECT_THAT(err(), AllOf(HasSubstr("p1 may or may not have come to deliver f"),
                           HasSubstr("p2 did not deliver f (away)")));
  EXPECT_EQ(report().Finish(), ExitCode::kUnreachable);
}

TEST_F(Told, WhereNobodyIsThereThatIsWhatIsSaid) {
  outcome_.verdict = protocol::Verdict::kFailed;
  outcome_.code = wire::UNREACHABLE;
  outcome_.text = "no pillar serves this collection";
  ReportOutcome(report(), attempted_, outcome_);
  EXPECT_THAT(err(), HasSubstr("nobody could deliver f: no pillar serves this collection"));
  EXPECT_EQ(report().Finish(), ExitCode::kUnreachable);
}

TEST_F(Told, TextsOfOthersAreEscaped) {
  outcome_.verdict = protocol::Verdict::kFailed;
  Add(outcome_, "p1", State::kFailed, wire::FAILURE, "\033[2J");
  ReportOutcome(report(), attempted_, outcome_);
  EXPECT_THAT(err(), AllOf(HasSubstr("\\x1b[2J"), Not(HasSubstr("\033"))));
}

TEST_F(Told, OfSeveralFilesSomeThereAndSomeNotIsPartial) {
  report().Count("not-found");
  EXPECT_EQ(report().PartlyFound(), ExitCode::kDone) << "nothing was there: that is told as it is";
  report().Count("agreed");
  EXPECT_EQ(report().PartlyFound(), ExitCode::kPartial);
}

TEST_F(Told, TheSummaryIsTheLastRecordAndHasTheCode) {
  report(true).Count("delivered", 10);
  report().Error({.code = ExitCode::kIntegrity, .message = "bad bytes"});
  report().SetResume("bitrepo get f");
  EXPECT_EQ(report().Finish(), ExitCode::kIntegrity);
  const std::string last = out().substr(out().rfind("\n{") + 1);
  EXPECT_THAT(last, AllOf(HasSubstr("\"type\":\"summary\""), HasSubstr("\"exit_code\":6"),
                          HasSubstr("\"counts\":{\"delivered\":1}"), HasSubstr("\"bytes\":10"),
                          HasSubstr("\"resume\":\"bitrepo get f\"")));
}

TEST(Console, WithoutAReaderEndsQuietly) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  std::FILE* err = std::tmpfile();
  ConsoleOptions options;
  options.out = ends[1];
  options.err = fileno(err);
  Console console(options);
  Report report(console, "file-ids", false);
  console.Result("a row\n");
  EXPECT_EQ(report.Finish(), ExitCode::kBrokenPipe);
  EXPECT_EQ(std::ftell(err), 0);
  EXPECT_EQ(lseek(fileno(err), 0, SEEK_END), 0) << "nothing was said";
  close(ends[1]);
  std::fclose(err);
}

TEST(Console, OnAFullDiskSaysSo) {
  std::FILE* err = std::tmpfile();
  ConsoleOptions options;
  options.out = open("/dev/full", O_WRONLY | O_CLOEXEC);
  options.err = fileno(err);
  Console console(options);
  Report report(console, "file-ids", false);
  console.Result("a row\n");
  EXPECT_EQ(report.Finish(), ExitCode::kLocal);
  EXPECT_GT(lseek(fileno(err), 0, SEEK_END), 0);
  close(options.out);
  std::fclose(err);
}

}  // namespace
}  // namespace bitrepo::commands
