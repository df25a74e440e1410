// SPDX-License-Identifier: Apache-2.0
// ReplaceFile at the pillar. H-12 to H-19 are cases of the bitrepository.org handler tests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Replace : ::testing::Test {
  void SetUp() override { ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED); }
  const wire::ReplaceFileFinal& Final(const Envelope& asked) {
    return rig.Final(asked)->body.replace_file_final();
  }
  // Every refusal: one final, nothing changed, on record and in the trail.
  void ExpectRefused(const Envelope& asked, wire::ResponseCode code) {
    EXPECT_EQ(rig.Code(asked), code) << rig.Reply(asked)->response().text();
    EXPECT_EQ(rig.Finals(asked), 1);
    EXPECT_EQ(LastAudited(rig), absl::StrCat("REPLACE_FILE ", wire::ResponseCode_Name(code)));
    EXPECT_THAT(rig.Final(asked)->body.SerializeAsString(),
                Not(HasSubstr(Sha256Of("hello").bytes())))
        << "the true digest is not told";
    EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
  }
  PillarRig rig;
};

// ---- what it does

// Case H-18.
TEST_F(Replace, PutsOtherBytesUnderTheIdAndTheOldOnesIntoQuarantine) {
  const Envelope asked = Send(rig, ReplaceAsk("a", "world!", "hello"));
  ASSERT_THAT(rig.Token(asked), Not(IsEmpty()));
  EXPECT_EQ(rig.Final(asked), nullptr);
  EXPECT_EQ(rig.Stored("a"), "hello") << "until all has come";
  const auto push = rig.Push(rig.Token(asked), "world!");
  rig.Run();
  EXPECT_OK(*push->end);
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Finals(asked), 1);
  EXPECT_EQ(Final(asked).file().digest().value(), Sha256Of("world!").bytes());
  EXPECT_EQ(Final(asked).file().generation_id(), asked.header.conversation_id());
  EXPECT_EQ(Final(asked).replaced().digest().value(), Sha256Of("hello").bytes());
  EXPECT_FALSE(Final(asked).already_held());
  EXPECT_THAT(Final(asked).digests(), IsEmpty());
  EXPECT_EQ(rig.Stored("a"), "world!");
  const auto removed = rig.store.FindRemoved(Photos(), File("a"));
  ASSERT_OK(removed);
  EXPECT_EQ(removed->sha256, Sha256Of("hello"));
  EXPECT_EQ(rig.store.Audited("REPLACE_FILE", "OPERATION_COMPLETED"), 1);
  EXPECT_THAT(rig.Alarms(), IsEmpty());
}

// Case H-19.
TEST_F(Replace, TellsTheDigestsOfOldAndNewThatAreAskedFor) {
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  wire::ReplaceFileRequest* replace = ask.body.mutable_replace_file_request();
  replace->mutable_checksums()->add_algorithms(wire::SHA256);
  replace->mutable_checksums()->add_algorithms(wire::MD5);
  replace->mutable_old_checksums()->add_algorithms(wire::HMAC_SHA512);
  replace->mutable_old_checksums()->set_salt("salt");
  const Envelope asked = SendWithBytes(rig, ask, "world!");
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  ASSERT_THAT(Final(asked).digests(), SizeIs(2));
  EXPECT_EQ(Final(asked).digests(0).value(), WireSha256Of("world!").value());
  EXPECT_EQ(Final(asked).digests(1).value(), WireDigestOf(wire::MD5, "world!").value());
  ASSERT_THAT(Final(asked).old_digests(), SizeIs(1));
  EXPECT_EQ(Final(asked).old_digests(0).value(),
            WireDigestOf(wire::HMAC_SHA512, "hello", "salt").value());
}

TEST_F(Replace, TakesOldAndNewDigestsOfAnyAlgorithm) {
  std::string old = "hello";
  for (const wire::DigestAlgorithm algorithm :
       {wire::MD5, wire::SHA1, wire::SHA256, wire::SHA384, wire::SHA512}) {
    const std::string bytes = absl::StrCat("bytes ", algorithm);
    PillarRig::Ask ask = ReplaceAsk("a", bytes, old);
    *ask.body.mutable_replace_file_request()->mutable_digest() = WireDigestOf(algorithm, bytes);
    *ask.body.mutable_replace_file_request()->mutable_old_digest() = WireDigestOf(algorithm, old);
    const Envelope asked = SendWithBytes(rig, ask, bytes);
    EXPECT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED) << wire::DigestAlgorithm_Name(algorithm);
    EXPECT_EQ(rig.Stored("a"), bytes);
    old = bytes;
  }
}

TEST_F(Replace, WhatStandsThereAlreadyIsSuccessWithoutATransfer) {
  ASSERT_EQ(rig.Code(SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!")),
            wire::OPERATION_COMPLETED);
  // Asked once more, by one who does not know that it has been done.
  const Envelope asked = Send(rig, ReplaceAsk("a", "world!", "hello"));
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(Final(asked).already_held());
  EXPECT_THAT(rig.Token(asked), IsEmpty());
}

TEST_F(Replace, WithoutANewDigestTheBytesTellWhetherTheyStandThereAlready) {
  PillarRig::Ask ask = ReplaceAsk("a", "hello", "hello");
  ask.body.mutable_replace_file_request()->clear_digest();
  const Envelope asked = SendWithBytes(rig, ask, "hello");
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(Final(asked).already_held());
  EXPECT_THAT(rig.store.FindRemoved(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(Replace, ADamagedFileIsReplacedByWhoKnowsItsRecordedDigest) {
  rig.store.memory.Lose(Photos(), File("a"));
  EXPECT_EQ(rig.Code(SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!")),
            wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "world!");
}

TEST_F(Replace, TheReasonOfTheAskerIsInTheTrail) {
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  ask.body.set_reason("a better scan");
  ASSERT_EQ(rig.Code(SendWithBytes(rig, ask, "world!")), wire::OPERATION_COMPLETED);
  EXPECT_THAT(rig.store.memory.audit().back().event.detail, HasSubstr("a better scan"));
  EXPECT_EQ(rig.store.memory.audit().back().event.file_id, "a");
  EXPECT_EQ(rig.store.memory.audit().back().event.principal, "alice");
}

// ---- what it refuses

// Case H-14.
TEST_F(Replace, OfAFileThatIsNotThereIsNotFound) {
  const Envelope asked = Send(rig, ReplaceAsk("nobody", "world!", "hello"));
  ExpectRefused(asked, wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_THAT(rig.Alarms(), IsEmpty());
}

// Case H-15.
TEST_F(Replace, WithoutTheOldDigestIsRefusedWithAnAlarm) {
  const Envelope asked = Send(rig, ReplaceAsk("a", "world!", std::nullopt));
  ExpectRefused(asked, wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig.Token(asked), IsEmpty());
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-replace"));
  EXPECT_EQ(rig.Stored("a"), "hello");
}

// Case H-17.
TEST_F(Replace, WithAWrongOldDigestIsRefusedWithAnAlarmWhateverTheAlgorithm) {
  for (const wire::DigestAlgorithm algorithm : {wire::SHA256, wire::MD5, wire::SHA512}) {
    PillarRig::Ask ask = ReplaceAsk("a", "world!", "HELLO");
    *ask.body.mutable_replace_file_request()->mutable_old_digest() =
        WireDigestOf(algorithm, "HELLO");
    const Envelope asked = Send(rig, ask);
    ExpectRefused(asked, wire::EXISTING_FILE_CHECKSUM_FAILURE);
    EXPECT_THAT(rig.Token(asked), IsEmpty());
  }
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-replace")) << "one for the three";
  EXPECT_EQ(rig.Stored("a"), "hello");
}

// Case H-16. At a pillar that takes no bytes the new digest must be named.
TEST(ReplaceOfDigests, WithoutTheNewDigestIsRefusedWithAnAlarm) {
  RigOptions options;
  options.kind = wire::CHECKSUM_PILLAR;
  options.intake = requests::ChecksumIntake::kNever;
  PillarRig rig(options);
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  rig.store.keeps = false;
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  ask.body.mutable_replace_file_request()->clear_digest();
  const Envelope asked = Send(rig, ask);
  EXPECT_EQ(rig.Code(asked), wire::NEW_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-replace"));
}

TEST_F(Replace, OfBytesThatAreOthersThanAnnouncedKeepsTheOld) {
  const Envelope asked = SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "WORLD!");
  ExpectRefused(asked, wire::NEW_FILE_CHECKSUM_FAILURE);
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST_F(Replace, OfDamagedBytesByAnotherDigestThanTheRecordedIsDataLoss) {
  rig.store.memory.FlipBit(Photos(), File("a"), 1);
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  *ask.body.mutable_replace_file_request()->mutable_old_digest() = WireDigestOf(wire::MD5, "hello");
  ExpectRefused(Send(rig, ask), wire::DATA_LOSS);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
}

TEST_F(Replace, WithoutSpaceIsRefusedWithAnAlarm) {
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  ask.body.mutable_replace_file_request()->set_size_bytes(2ull << 30);
  ExpectRefused(Send(rig, ask), wire::NO_SPACE);
  ask.conversation = {};
  ExpectRefused(Send(rig, ask), wire::NO_SPACE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("no-space"));
}

// Case H-42: a fault in the middle of the work.
TEST_F(Replace, AStoreThatFailsIsAnAlarmAndThePillarGoesOn) {
  rig.store.fail_publish = absl::InternalError("a bug");
  const Envelope asked = SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!");
  ExpectRefused(asked, wire::FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("store-failed"));
  rig.store.fail_publish = absl::OkStatus();
  EXPECT_EQ(rig.Code(SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!")),
            wire::OPERATION_COMPLETED);
}

TEST_F(Replace, AStoreThatStopsWritingIsNoSuccessAndAnAlarm) {
  rig.store.fail_publish = absl::UnavailableError("fsync failed");
  const Envelope asked = SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!");
  EXPECT_EQ(rig.Code(asked), wire::FAILURE);
  EXPECT_THAT(rig.Reply(asked)->response().text(), HasSubstr("not known"));
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-failing"));
}

// ---- one effect

TEST_F(Replace, ARepeatGetsTheSameFinalAcrossARestartAndHasNoSecondEffect) {
  const Envelope asked = SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!");
  const std::string first = rig.Final(asked)->body_bytes;
  rig.Send(asked);
  rig.Run();
  EXPECT_EQ(rig.Finals(asked), 2);
  EXPECT_EQ(rig.Final(asked)->body_bytes, first);
  rig.Restart();
  rig.heard.clear();
  rig.Send(asked);
  rig.Run();
  ASSERT_EQ(rig.Finals(asked), 1);
  EXPECT_EQ(rig.Final(asked)->body_bytes, first);
  EXPECT_EQ(rig.store.Audited("REPLACE_FILE", "OPERATION_COMPLETED"), 1);
}

TEST_F(Replace, CutShortByADeathBeginsAgainWithAFreshToken) {
  const Envelope asked = Send(rig, ReplaceAsk("a", "world!", "hello"));
  rig.Run(absl::Seconds(3));
  const std::string token = rig.Token(asked);
  rig.Restart();
  rig.heard.clear();
  rig.Send(asked);
  rig.Run();
  ASSERT_THAT(rig.Token(asked), Not(IsEmpty()));
  EXPECT_NE(rig.Token(asked), token);
  rig.Push(rig.Token(asked), "world!");
  rig.Run();
  EXPECT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "world!");
}

TEST_F(Replace, OtherBytesUnderTheSameIdsAreAConflictInTheTrail) {
  const Envelope asked = SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!");
  PillarRig::Ask other = ReplaceAsk("a", "WORLD!", "world!");
  other.conversation = asked.conversation();
  other.message_id = asked.message_id();
  rig.Restart();
  rig.heard.clear();
  EXPECT_EQ(rig.Code(Send(rig, other)), wire::CONFLICT);
  EXPECT_EQ(rig.Stored("a"), "world!");
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("REPLACE_FILE", "CONFLICT"), 1);
}

TEST_F(Replace, TheSameIdsOfAnotherPrincipalAreAnotherRequest) {
  const Envelope asked = SendWithBytes(rig, ReplaceAsk("a", "world!", "hello"), "world!");
  PillarRig::Ask other = ReplaceAsk("a", "again!", "world!");
  other.conversation = asked.conversation();
  other.message_id = asked.message_id();
  other.principal = "bob";
  SendWithBytes(rig, other, "again!");
  EXPECT_EQ(rig.Stored("a"), "again!");
}

// ---- time, and withdrawal

TEST_F(Replace, PastItsTimeIsRefusedAndInTheTrail) {
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  ask.issued = rig.loop.clock().WallNow() - absl::Seconds(2);
  ask.expires = ask.issued + absl::Seconds(1);
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::EXPIRED);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("REPLACE_FILE", "EXPIRED"), 1);
}

TEST_F(Replace, ACancelAtAnyMomentLeavesOneFinalThatIsTrue) {
  for (int milliseconds = 0; milliseconds < 14; ++milliseconds) {
    PillarRig fresh;
    ASSERT_EQ(fresh.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
    *ask.body.mutable_replace_file_request()->mutable_old_digest() =
        WireDigestOf(wire::MD5, "hello");  // it is read first
    const Envelope asked = fresh.Request(ask);
    fresh.Send(asked);
    fresh.Run(absl::Milliseconds(milliseconds));
    const bool has_token = !fresh.Token(asked).empty();
    if (has_token) fresh.Push(fresh.Token(asked), "world!");
    fresh.Run(absl::Milliseconds(has_token ? milliseconds / 2 : 0));
    const int before = fresh.Finals(asked);
    fresh.Send(fresh.CancelOf(asked));
    fresh.Run();
    EXPECT_EQ(fresh.Finals(asked), before + 1) << milliseconds;
    const bool replaced = fresh.Stored("a") == "world!";
    EXPECT_EQ(fresh.Code(asked), replaced ? wire::OPERATION_COMPLETED : wire::CANCELLED)
        << milliseconds;
    EXPECT_EQ(fresh.pillar->requests_under_way(), 0u);
  }
}

TEST_F(Replace, ChangesOfOneFileStandInLine) {
  const Envelope first = Send(rig, ReplaceAsk("a", "world!", "hello"));
  const Envelope removal = Send(rig, DeleteAsk(rig, "a", "hello"));
  EXPECT_EQ(rig.Finals(removal), 0);
  rig.Push(rig.Token(first), "world!");
  rig.Run();
  EXPECT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(removal), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_EQ(rig.Stored("a"), "world!");
}

TEST_F(Replace, WhoWaitsTooLongForAnotherChangeIsRefused) {
  const Envelope first = Send(rig, DeleteAsk(rig, "a", "hello"));
  ASSERT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  PillarRig::Ask ask = ReplaceAsk("a", "world!", "hello");
  const Envelope stuck = Send(rig, ask);
  const Envelope waits = Send(rig, ReplaceAsk("a", "other!", "hello"));
  rig.Run(absl::Seconds(12));
  EXPECT_EQ(rig.Code(stuck), wire::CONFLICT) << "its bytes stood still";
  EXPECT_THAT(rig.Token(waits), Not(IsEmpty()));
}

}  // namespace
}  // namespace bitrepo::pillar
