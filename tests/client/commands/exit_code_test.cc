// SPDX-License-Identifier: Apache-2.0
#include "client/commands/exit_code.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/string_view.h"

namespace bitrepo::commands {
namespace {

using ::testing::ElementsAre;
using State = protocol::ContributorResult::State;

ExitCode Of(std::initializer_list<ExitCode> codes) {
  ExitTally tally;
  for (const ExitCode code : codes) tally.Add(code);
  return tally.Result();
}

TEST(ExitCodes, OfSeveralTheFirstOfTheContractIsTold) {
  std::vector<int> order;
  for (const ExitCode code : kPrecedence) order.push_back(static_cast<int>(code));
  EXPECT_THAT(order, ElementsAre(2, 6, 7, 3, 10, 5, 9, 8, 4, 1));
  for (size_t first = 0; first < kPrecedence.size(); ++first) {
    for (size_t second = 0; second < kPrecedence.size(); ++second) {
      EXPECT_EQ(Of({kPrecedence[first], kPrecedence[second]}),
                kPrecedence[std::min(first, second)]);
    }
  }
}

TEST(ExitCodes, NothingIsDone) {
  EXPECT_EQ(Of({}), ExitCode::kDone);
  EXPECT_EQ(Of({ExitCode::kDone, ExitCode::kDone}), ExitCode::kDone);
  EXPECT_EQ(Of({ExitCode::kDone, ExitCode::kFailed}), ExitCode::kFailed);
}

TEST(ExitCodes, ASignalOutranksAllButDamageAndUsage) {
  for (const ExitCode signal :
       {ExitCode::kInterrupted, ExitCode::kTerminated, ExitCode::kBrokenPipe}) {
    EXPECT_EQ(Of({signal, ExitCode::kPartial, ExitCode::kRefused}), signal);
    EXPECT_EQ(Of({signal, ExitCode::kIntegrity}), ExitCode::kIntegrity);
    EXPECT_EQ(Of({signal, ExitCode::kUsage}), ExitCode::kUsage);
  }
}

TEST(ExitCodes, TheirNumbersAreAContract) {
  EXPECT_EQ(static_cast<int>(ExitCode::kInterrupted), 130);
  EXPECT_EQ(static_cast<int>(ExitCode::kBrokenPipe), 141);
  EXPECT_EQ(static_cast<int>(ExitCode::kTerminated), 143);
}

protocol::ContributorResult Contributor(State state, wire::ResponseCode code) {
  protocol::ContributorResult result;
  result.state = state;
  result.code = code;
  return result;
}

ExitCode OfOutcome(protocol::Verdict verdict, std::vector<protocol::ContributorResult> results,
                   wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED) {
  protocol::Outcome outcome;
  outcome.verdict = verdict;
  outcome.code = code;
  int number = 0;
  for (protocol::ContributorResult& result : results) {
    const std::string id = "p" + std::to_string(++number);
    outcome.contributors[*base::ComponentId::Parse(id)] = std::move(result);
  }
  ExitTally tally;
  AddOutcome(outcome, tally);
  return tally.Result();
}

TEST(ExitCodes, OfAnOutcomeAreThoseOfTheContributors) {
  const auto done = Contributor(State::kDone, wire::OPERATION_COMPLETED);
  const auto failed = [](wire::ResponseCode code) { return Contributor(State::kFailed, code); };
  using V = protocol::Verdict;
  EXPECT_EQ(OfOutcome(V::kSuccess, {done, done}), ExitCode::kDone);
  EXPECT_EQ(OfOutcome(V::kPartial, {done, failed(wire::UNREACHABLE)}), ExitCode::kPartial);
  EXPECT_EQ(OfOutcome(V::kPartial, {done, failed(wire::DUPLICATE_FILE_FAILURE)}),
            ExitCode::kRefused);
  EXPECT_EQ(OfOutcome(V::kPartial, {done, failed(wire::DATA_LOSS)}), ExitCode::kIntegrity);
  EXPECT_EQ(OfOutcome(V::kFailed, {failed(wire::FILE_NOT_FOUND_FAILURE)}), ExitCode::kNotFound);
  EXPECT_EQ(OfOutcome(V::kFailed, {failed(wire::RANGE_ERROR)}), ExitCode::kRefused);
  EXPECT_EQ(OfOutcome(V::kFailed, {failed(wire::SOURCE_CHANGED)}), ExitCode::kLocal);
  EXPECT_EQ(OfOutcome(V::kUnknown, {Contributor(State::kUnknown, wire::OPERATION_COMPLETED)}),
            ExitCode::kUnreachable);
  EXPECT_EQ(OfOutcome(V::kFailed, {}), ExitCode::kUnreachable) << "nobody is known of";
}

TEST(ExitCodes, OneThatCouldServeAndWasNotAskedHasNotFailed) {
  const auto waiting = Contributor(State::kWaiting, wire::IDENTIFICATION_POSITIVE);
  const auto lost = Contributor(State::kFailed, wire::UNREACHABLE);
  EXPECT_TRUE(WasNotAsked(waiting));
  EXPECT_FALSE(WasNotAsked(lost));
  EXPECT_EQ(OfOutcome(protocol::Verdict::kFailed, {lost, waiting}, wire::UNREACHABLE),
            ExitCode::kUnreachable);
  EXPECT_EQ(OfOutcome(protocol::Verdict::kCancelled, {waiting}, wire::CANCELLED), ExitCode::kFailed)
      << "what was cut short is not done";
}

TEST(ExitCodes, EachHasAWordOfItsOwn) {
  std::set<std::string> words;
  for (const ExitCode code : kPrecedence) words.insert(std::string(WordOf(code)));
  EXPECT_EQ(words.size(), kPrecedence.size());
}

TEST(ExitCodes, OfAStatusIsNeverDone) {
  for (const absl::Status& status :
       {absl::InternalError(""), absl::NotFoundError(""), absl::UnavailableError(""),
        absl::CancelledError(""), absl::DataLossError(""), absl::UnknownError("")}) {
    EXPECT_NE(ExitCodeFor(status), ExitCode::kDone) << status;
  }
  EXPECT_EQ(ExitCodeFor(absl::DataLossError("")), ExitCode::kIntegrity);
}

}  // namespace
}  // namespace bitrepo::commands
