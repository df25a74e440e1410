// SPDX-License-Identifier: Apache-2.0
#include "client/commands/conversation_fate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bitrepo::commands {
namespace {

void AddRequest(wire::GetConversationFinal& records, wire::RequestState state,
                wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED) {
  wire::RequestRecord& record = *records.add_requests();
  record.set_state(state);
  record.mutable_response()->set_code(code);
}

PillarFate Pillar(Fate fate, wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED) {
  PillarFate pillar;
  pillar.fate = fate;
  pillar.code = code;
  return pillar;
}

TEST(FateOfAPillar, IsReadOffItsRecords) {
  wire::GetConversationFinal records;
  EXPECT_EQ(FateOf(records).fate, Fate::kNothing);
  AddRequest(records, wire::REQUEST_DONE, wire::NO_SPACE);
  EXPECT_EQ(FateOf(records).fate, Fate::kFailed);
  EXPECT_EQ(FateOf(records).code, wire::NO_SPACE);
  AddRequest(records, wire::REQUEST_INTERRUPTED);
  EXPECT_EQ(FateOf(records).fate, Fate::kInterrupted);
  AddRequest(records, wire::REQUEST_WORKING);
  EXPECT_EQ(FateOf(records).fate, Fate::kWorking);
  AddRequest(records, wire::REQUEST_DONE, wire::OPERATION_COMPLETED);
  EXPECT_EQ(FateOf(records).fate, Fate::kDone);
  AddRequest(records, wire::REQUEST_DONE, wire::NO_SPACE);
  EXPECT_EQ(FateOf(records).fate, Fate::kDone) << "what was done stays done";
}

TEST(ConversationFate, IsWhatThePillarsHaveOnRecord) {
  const auto word = [](const std::map<std::string, PillarFate>& pillars) {
    return Judge(pillars, nullptr).word;
  };
  EXPECT_EQ(word({{"p1", Pillar(Fate::kDone)}, {"p2", Pillar(Fate::kNothing)}}), "done");
  EXPECT_EQ(word({{"p1", Pillar(Fate::kDone)}, {"p2", Pillar(Fate::kFailed, wire::NO_SPACE)}}),
            "partial");
  EXPECT_EQ(word({{"p1", Pillar(Fate::kDone)}, {"p2", Pillar(Fate::kWorking)}}), "running");
  EXPECT_EQ(word({{"p1", Pillar(Fate::kDone)}, {"p2", Pillar(Fate::kSilent)}}), "unknown");
  EXPECT_EQ(word({{"p1", Pillar(Fate::kInterrupted)}}), "interrupted");
  EXPECT_EQ(word({{"p1", Pillar(Fate::kNothing)}}), "not-found");
  EXPECT_EQ(word({{"p1", Pillar(Fate::kSilent)}, {"p2", Pillar(Fate::kNothing)}}), "unknown");
}

TEST(ConversationFate, TheExitCodeOfAFailureIsThatOfItsCode) {
  EXPECT_EQ(Judge({{"p1", Pillar(Fate::kFailed, wire::DUPLICATE_FILE_FAILURE)}}, nullptr).code,
            ExitCode::kRefused);
  EXPECT_EQ(Judge({{"p1", Pillar(Fate::kNothing)}}, nullptr).code, ExitCode::kNotFound);
  EXPECT_EQ(Judge({{"p1", Pillar(Fate::kWorking)}}, nullptr).code, ExitCode::kStillRunning);
}

TEST(ConversationFate, WhereNothingIsOnRecordItIsWhatTheCoordinatorSaw) {
  const std::map<std::string, PillarFate> none = {{"p1", Pillar(Fate::kNothing)}};
  wire::ObservedConversation seen;
  EXPECT_EQ(Judge(none, &seen).word, "no-request");
  seen.add_done_by("p1");
  EXPECT_EQ(Judge(none, &seen).word, "done");
  seen.add_failed_at("p2");
  EXPECT_EQ(Judge(none, &seen).word, "partial");
  seen.clear_done_by();
  EXPECT_EQ(Judge(none, &seen).word, "failed");
  seen.add_owed_by("p3");
  EXPECT_EQ(Judge(none, &seen).word, "running");
  EXPECT_EQ(Judge({{"p1", Pillar(Fate::kDone)}}, &seen).word, "done") << "records outrank it";
}

}  // namespace
}  // namespace bitrepo::commands
