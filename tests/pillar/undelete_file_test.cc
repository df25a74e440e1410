// SPDX-License-Identifier: Apache-2.0
// UndeleteFile at the pillar, and how long the quarantine keeps what can come back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Undelete : ::testing::Test {
  void SetUp() override {
    ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    generation = rig.store.Find(Photos(), File("a"))->generation;
    ASSERT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  }
  const wire::UndeleteFileFinal& Final(const Envelope& asked) {
    return rig.Final(asked)->body.undelete_file_final();
  }
  void ExpectRefused(const Envelope& asked, wire::ResponseCode code) {
    EXPECT_EQ(rig.Code(asked), code) << rig.Reply(asked)->response().text();
    EXPECT_EQ(rig.Finals(asked), 1);
    EXPECT_EQ(LastAudited(rig), absl::StrCat("UNDELETE_FILE ", wire::ResponseCode_Name(code)));
    EXPECT_EQ(rig.store.Audited("UNDELETE_FILE", "OPERATION_COMPLETED"), 0);
  }
  PillarRig rig;
  base::GenerationId generation;
};

TEST_F(Undelete, BringsBackWhatWasRemovedLast) {
  const Envelope asked = Send(rig, UndeleteAsk("a"));
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Finals(asked), 1);
  EXPECT_EQ(Final(asked).file().digest().value(), Sha256Of("hello").bytes());
  EXPECT_EQ(Final(asked).file().generation_id(), generation.ToBytes());
  EXPECT_FALSE(Final(asked).has_replaced());
  EXPECT_EQ(rig.Stored("a"), "hello");
  EXPECT_EQ(rig.GetFile("a").second, "hello");
  EXPECT_EQ(rig.store.Audited("UNDELETE_FILE", "OPERATION_COMPLETED"), 1);
}

TEST_F(Undelete, PutsWhatStandsThereIntoQuarantineWhenItsDigestIsNamed) {
  ASSERT_EQ(rig.PutFile("a", "world!"), wire::OPERATION_COMPLETED);
  const Envelope asked = Send(rig, UndeleteAsk("a", "world!"));
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_EQ(Final(asked).replaced().digest().value(), Sha256Of("world!").bytes());
  EXPECT_EQ(rig.Stored("a"), "hello");
  EXPECT_EQ(rig.store.FindRemoved(Photos(), File("a"))->sha256, Sha256Of("world!"));
}

TEST_F(Undelete, BringsBackTheGenerationThatIsNamed) {
  ASSERT_EQ(rig.PutFile("a", "world!"), wire::OPERATION_COMPLETED);
  ASSERT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "world!"))), wire::OPERATION_COMPLETED);
  PillarRig::Ask ask = UndeleteAsk("a");
  ask.body.mutable_undelete_file_request()->set_generation_id(generation.ToBytes());
  ASSERT_EQ(rig.Code(Send(rig, ask)), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "hello");
  const Envelope again = Send(rig, ask);
  EXPECT_EQ(rig.Code(again), wire::OPERATION_COMPLETED) << "it stands there already";
  EXPECT_EQ(Final(again).file().generation_id(), generation.ToBytes());
}

TEST_F(Undelete, TakesAnOldDigestOfAnotherAlgorithm) {
  ASSERT_EQ(rig.PutFile("a", "world!"), wire::OPERATION_COMPLETED);
  PillarRig::Ask ask = UndeleteAsk("a", "world!");
  *ask.body.mutable_undelete_file_request()->mutable_old_digest() =
      WireDigestOf(wire::SHA1, "world!");
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "hello");
}

// ---- what it refuses

TEST_F(Undelete, OfWhatIsNotInQuarantineIsNotFound) {
  ExpectRefused(Send(rig, UndeleteAsk("nobody")), wire::FILE_NOT_FOUND_FAILURE);
  PillarRig::Ask ask = UndeleteAsk("a");
  ask.body.mutable_undelete_file_request()->set_generation_id(
      base::GenerationId::Make(absl::Now(), rig.random).ToBytes());
  ExpectRefused(Send(rig, ask), wire::FILE_NOT_FOUND_FAILURE);
  ExpectRefused(Send(rig, UndeleteAsk("a", "hello")), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Stored("a"), "");
}

TEST_F(Undelete, UnderAFileThatStandsThereIsADuplicateUnlessItsDigestIsNamed) {
  ASSERT_EQ(rig.PutFile("a", "world!"), wire::OPERATION_COMPLETED);
  ExpectRefused(Send(rig, UndeleteAsk("a")), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_THAT(rig.Alarms(), IsEmpty());
  ExpectRefused(Send(rig, UndeleteAsk("a", "WORLD!")), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-undelete"));
  EXPECT_EQ(rig.Stored("a"), "world!");
}

TEST_F(Undelete, OfDamagedBytesIsDataLossWithAnAlarm) {
  rig.store.fail_restore = absl::DataLossError("a: damaged in quarantine");
  ExpectRefused(Send(rig, UndeleteAsk("a")), wire::DATA_LOSS);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
}

// Case H-42: a fault in the middle of the work.
TEST_F(Undelete, AStoreThatFailsIsAnAlarmAndThePillarGoesOn) {
  rig.store.fail_restore = absl::InternalError("a bug");
  ExpectRefused(Send(rig, UndeleteAsk("a")), wire::FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("store-failed"));
  rig.store.fail_restore = absl::OkStatus();
  EXPECT_EQ(rig.Code(Send(rig, UndeleteAsk("a"))), wire::OPERATION_COMPLETED);
}

TEST_F(Undelete, AStoreThatStopsWritingIsNoSuccessAndAnAlarm) {
  rig.store.fail_restore = absl::UnavailableError("fsync failed");
  EXPECT_EQ(rig.Code(Send(rig, UndeleteAsk("a"))), wire::FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-failing"));
}

// ---- one effect

TEST_F(Undelete, ARepeatGetsTheSameFinalAcrossARestartAndHasNoSecondEffect) {
  const Envelope asked = Send(rig, UndeleteAsk("a"));
  const std::string first = rig.Final(asked)->body_bytes;
  ASSERT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  rig.Send(asked);
  rig.Run();
  rig.Restart();
  rig.Send(asked);
  rig.Run();
  EXPECT_EQ(rig.Finals(asked), 3);
  EXPECT_EQ(rig.Final(asked)->body_bytes, first);
  EXPECT_EQ(rig.Stored("a"), "") << "the old request does not bring it back once more";
}

TEST_F(Undelete, OtherBytesUnderTheSameIdsAreAConflict) {
  const Envelope asked = Send(rig, UndeleteAsk("a"));
  PillarRig::Ask other = UndeleteAsk("b");
  other.conversation = asked.conversation();
  other.message_id = asked.message_id();
  EXPECT_EQ(rig.Code(Send(rig, other)), wire::CONFLICT);
}

TEST_F(Undelete, PastItsTimeIsRefusedAndInTheTrail) {
  PillarRig::Ask ask = UndeleteAsk("a");
  ask.issued = rig.loop.clock().WallNow() - absl::Seconds(2);
  ask.expires = ask.issued + absl::Seconds(1);
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::EXPIRED);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("UNDELETE_FILE", "EXPIRED"), 1);
}

TEST_F(Undelete, ACancelAtAnyMomentLeavesOneFinalThatIsTrue) {
  for (int milliseconds = 0; milliseconds < 6; ++milliseconds) {
    PillarRig fresh;
    ASSERT_EQ(fresh.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    ASSERT_EQ(fresh.Code(Send(fresh, DeleteAsk(fresh, "a", "hello"))), wire::OPERATION_COMPLETED);
    const Envelope asked = fresh.Request(UndeleteAsk("a"));
    fresh.Send(asked);
    fresh.Run(absl::Milliseconds(milliseconds));
    const int before = fresh.Finals(asked);
    fresh.Send(fresh.CancelOf(asked));
    fresh.Run();
    EXPECT_EQ(fresh.Finals(asked), before + 1) << milliseconds;
    const bool back = fresh.Stored("a") == "hello";
    EXPECT_EQ(fresh.Code(asked), back ? wire::OPERATION_COMPLETED : wire::CANCELLED)
        << milliseconds;
  }
}

// ---- the quarantine

TEST(Quarantine, KeepsWhatWasDeletedForItsTermAndNoLonger) {
  RigOptions options;
  options.quarantine_term = absl::Hours(7 * 24);
  PillarRig rig(options);
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  ASSERT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  rig.loop.manual_clock().SetWall(rig.loop.clock().WallNow() + options.quarantine_term -
                                  absl::Hours(2));
  rig.Run(absl::Hours(1));
  EXPECT_OK(rig.store.FindRemoved(Photos(), File("a")));
  rig.Run(absl::Hours(2));
  EXPECT_THAT(rig.store.FindRemoved(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(rig.Code(Send(rig, UndeleteAsk("a"))), wire::FILE_NOT_FOUND_FAILURE);
}

TEST(Quarantine, IsPurgedUntilNothingIsDue) {
  PillarRig rig;
  const size_t before = rig.store.purged_before.size();
  rig.store.purge_results = {kPurgeMax, kPurgeMax, kPurgeMax - 1, 1};
  rig.Run(absl::Hours(1) + absl::Minutes(1));
  EXPECT_EQ(rig.store.purged_before.size(), before + 3);
}

TEST(Quarantine, IsPurgedOnceAnHour) {
  PillarRig rig;
  const size_t before = rig.store.purged_before.size();
  rig.Run(absl::Hours(2) + absl::Minutes(1));
  EXPECT_EQ(rig.store.purged_before.size(), before + 2);
  EXPECT_LE(rig.store.purged_before.back(), rig.loop.clock().WallNow() - store::kQuarantineTerm);
}

}  // namespace
}  // namespace bitrepo::pillar
