// SPDX-License-Identifier: Apache-2.0
// DeleteFile at the pillar. H-07 to H-11 are cases of the bitrepository.org handler tests.
#include "pillar/requests/delete_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/change_asks.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct Delete : ::testing::Test {
  void SetUp() override { ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED); }
  const wire::DeleteFileFinal& Final(const Envelope& asked) {
    return rig.Final(asked)->body.delete_file_final();
  }
  void ExpectRefused(const Envelope& asked, wire::ResponseCode code) {
    EXPECT_EQ(rig.Code(asked), code) << rig.Reply(asked)->response().text();
    EXPECT_EQ(rig.Finals(asked), 1);
    EXPECT_EQ(LastAudited(rig), absl::StrCat("DELETE_FILE ", wire::ResponseCode_Name(code)));
    EXPECT_THAT(rig.Final(asked)->body.SerializeAsString(),
                Not(HasSubstr(Sha256Of("hello").bytes())))
        << "the true digest is not told";
    EXPECT_THAT(rig.store.removal_sizes, IsEmpty());
    EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
  }
  absl::Time now() { return rig.loop.clock().WallNow(); }
  PillarRig rig;
};

// ---- what it does

// Case H-11.
TEST_F(Delete, PutsTheFileIntoQuarantine) {
  const Envelope asked = Send(rig, DeleteAsk(rig, "a", "hello"));
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Finals(asked), 1);
  EXPECT_EQ(Final(asked).file().digest().value(), Sha256Of("hello").bytes());
  EXPECT_FALSE(Final(asked).already_gone());
  EXPECT_THAT(rig.store.Find(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(rig.store.FindRemoved(Photos(), File("a")));
  EXPECT_EQ(rig.store.Audited("DELETE_FILE", "OPERATION_COMPLETED"), 1);
  EXPECT_THAT(rig.Alarms(), IsEmpty());
  EXPECT_EQ(rig.GetFile("a").first, wire::FILE_NOT_FOUND_FAILURE);
}

TEST_F(Delete, TellsTheDigestsThatAreAskedForReadBeforeTheRemoval) {
  PillarRig::Ask ask = DeleteAsk(rig, "a", "hello");
  wire::ChecksumSpec* wanted = ask.body.mutable_delete_file_request()->mutable_checksums();
  wanted->add_algorithms(wire::MD5);
  wanted->add_algorithms(wire::SHA256);
  wanted->set_fresh(true);
  const Envelope asked = Send(rig, ask);
  ASSERT_EQ(rig.Code(asked), wire::OPERATION_COMPLETED);
  ASSERT_THAT(Final(asked).digests(), SizeIs(2));
  EXPECT_EQ(Final(asked).digests(0).value(), WireDigestOf(wire::MD5, "hello").value());
  EXPECT_EQ(Final(asked).digests(1).value(), WireSha256Of("hello").value());
}

TEST_F(Delete, TakesADigestOfAnyAlgorithm) {
  for (const wire::DigestAlgorithm algorithm :
       {wire::MD5, wire::SHA1, wire::SHA384, wire::SHA512}) {
    const std::string id = absl::StrCat("f", algorithm);
    ASSERT_EQ(rig.PutFile(id, "hello"), wire::OPERATION_COMPLETED);
    PillarRig::Ask ask = DeleteAsk(rig, id, "hello");
    *ask.body.mutable_delete_file_request()->mutable_digest() = WireDigestOf(algorithm, "hello");
    EXPECT_EQ(rig.Code(Send(rig, ask)), wire::OPERATION_COMPLETED);
    EXPECT_EQ(rig.Stored(id), "");
  }
}

TEST_F(Delete, OfWhatWasDeletedHereBeforeIsSuccess) {
  ASSERT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  const Envelope again = Send(rig, DeleteAsk(rig, "a", "hello"));
  ASSERT_EQ(rig.Code(again), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(Final(again).already_gone());
  EXPECT_EQ(Final(again).file().digest().value(), Sha256Of("hello").bytes());
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "HELLO"))), wire::FILE_NOT_FOUND_FAILURE);
}

TEST_F(Delete, MissingAndDamagedFilesGoByTheirRecordedDigest) {
  ASSERT_EQ(rig.PutFile("b", "hello"), wire::OPERATION_COMPLETED);
  rig.store.memory.Lose(Photos(), File("a"));
  rig.store.memory.FlipBit(Photos(), File("b"), 1);
  EXPECT_EQ(rig.GetFile("b").second, "") << "found damaged";
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "b", "hello"))), wire::OPERATION_COMPLETED);
}

TEST_F(Delete, OfDamagedBytesWhoseDigestsAreWantedIsDataLoss) {
  rig.store.memory.FlipBit(Photos(), File("a"), 1);
  PillarRig::Ask ask = DeleteAsk(rig, "a", "hello");
  ask.body.mutable_delete_file_request()->mutable_checksums()->add_algorithms(wire::MD5);
  ExpectRefused(Send(rig, ask), wire::DATA_LOSS);
  EXPECT_THAT(rig.Alarms(), ElementsAre("data-loss"));
}

// ---- what it refuses

// Case H-09.
TEST_F(Delete, OfAFileThatIsNotThereIsNotFound) {
  ExpectRefused(Send(rig, DeleteAsk(rig, "nobody", "hello")), wire::FILE_NOT_FOUND_FAILURE);
}

// Case H-10.
TEST_F(Delete, WithoutTheDigestIsRefusedWithAnAlarm) {
  ExpectRefused(Send(rig, DeleteAsk(rig, "a", std::nullopt)), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-delete"));
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST_F(Delete, WithAWrongDigestIsRefusedWithAnAlarmWhateverTheAlgorithm) {
  for (const wire::DigestAlgorithm algorithm : {wire::SHA256, wire::MD5}) {
    PillarRig::Ask ask = DeleteAsk(rig, "a", "HELLO");
    *ask.body.mutable_delete_file_request()->mutable_digest() = WireDigestOf(algorithm, "HELLO");
    ExpectRefused(Send(rig, ask), wire::EXISTING_FILE_CHECKSUM_FAILURE);
  }
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-delete"));
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST_F(Delete, OfTheLastGoodCopyIsDeniedWithAnAlarm) {
  PillarRig::Ask ask = DeleteAsk(rig, "a", "hello");
  ask.body.mutable_delete_file_request()->clear_copies();
  ExpectRefused(Send(rig, ask), wire::DENIED);
  EXPECT_THAT(rig.Alarms(), ElementsAre("refused-delete"));
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST_F(Delete, FromAllPillarsNeedsNoCopiesButTheIdOnceMore) {
  PillarRig::Ask ask = DeleteAsk(rig, "a", "hello");
  ask.body.mutable_delete_file_request()->clear_copies();
  ask.body.mutable_delete_file_request()->set_delete_everywhere("a");
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::OPERATION_COMPLETED);
}

TEST_F(Delete, OnlyGoodProofsOfOtherPillarsCount) {
  const base::Digest sha256 = Sha256Of("hello");
  struct Row {
    const char* what;
    wire::CopyProof proof;
    uint32_t counts;
  };
  wire::CopyProof md5 = ProofOf("p2", "hello", now());
  *md5.mutable_digest() = WireDigestOf(wire::MD5, "hello");
  for (const Row& row :
       {Row{"good", ProofOf("p2", "hello", now()), 1},
        Row{"of this pillar", ProofOf("p1", "hello", now()), 0},
        Row{"of other bytes", ProofOf("p2", "HELLO", now()), 0},
        Row{"of another algorithm", md5, 0},
        Row{"as old as may be", ProofOf("p2", "hello", now() - requests::kCopyProofTerm), 1},
        Row{"older", ProofOf("p2", "hello", now() - requests::kCopyProofTerm - absl::Seconds(1)),
            0},
        Row{"of a clock ahead", ProofOf("p2", "hello", now() + requests::kClockAhead), 1},
        Row{"of the future",
            ProofOf("p2", "hello", now() + requests::kClockAhead + absl::Seconds(1)), 0}}) {
    wire::DeleteFileRequest request;
    *request.add_copies() = row.proof;
    *request.add_copies() = row.proof;  // twice is once
    EXPECT_EQ(requests::CountCopies(request, sha256, "p1", now()), row.counts) << row.what;
  }
}

TEST(DeleteWithMinCopies, EachCollectionHasItsOwn) {
  RigOptions options;
  options.min_copies = {{Photos(), 2}, {*base::CollectionId::Parse("sounds"), 0}};
  PillarRig rig(options);
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  PillarRig::Ask ask = DeleteAsk(rig, "a", "hello");
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::DENIED) << "one proof, two are needed";
  *ask.body.mutable_delete_file_request()->add_copies() =
      ProofOf("p3", "hello", rig.loop.clock().WallNow());
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::OPERATION_COMPLETED);

  PillarRig::Ask put = PutAsk("a", "hello");
  put.collection = "sounds";
  ASSERT_EQ(rig.Code(SendWithBytes(rig, put, "hello")), wire::OPERATION_COMPLETED);
  PillarRig::Ask without = DeleteAsk(rig, "a", "hello");
  without.collection = "sounds";
  without.body.mutable_delete_file_request()->clear_copies();
  EXPECT_EQ(rig.Code(Send(rig, without)), wire::OPERATION_COMPLETED);
}

// Case H-42: a fault in the middle of the work.
TEST_F(Delete, AStoreThatFailsIsAnAlarmAndThePillarGoesOn) {
  rig.store.fail_remove = absl::InternalError("a bug");
  const Envelope asked = Send(rig, DeleteAsk(rig, "a", "hello"));
  EXPECT_EQ(rig.Code(asked), wire::FAILURE);
  EXPECT_THAT(rig.Alarms(), ElementsAre("store-failed"));
  EXPECT_EQ(LastAudited(rig), "DELETE_FILE FAILURE");
  rig.store.fail_remove = absl::OkStatus();
  EXPECT_EQ(rig.Code(Send(rig, DeleteAsk(rig, "a", "hello"))), wire::OPERATION_COMPLETED);
}

TEST_F(Delete, AStoreThatStopsWritingIsNoSuccessAndAnAlarm) {
  rig.store.fail_remove = absl::UnavailableError("fsync failed");
  const Envelope asked = Send(rig, DeleteAsk(rig, "a", "hello"));
  EXPECT_EQ(rig.Code(asked), wire::FAILURE);
  EXPECT_THAT(rig.Reply(asked)->response().text(), HasSubstr("not known"));
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-failing"));
}

// ---- one effect

TEST_F(Delete, ARepeatGetsTheSameFinalAcrossARestartAndHasNoSecondEffect) {
  const Envelope asked = Send(rig, DeleteAsk(rig, "a", "hello"));
  const std::string first = rig.Final(asked)->body_bytes;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED) << "it comes again";
  rig.Send(asked);
  rig.Run();
  rig.Restart();
  rig.Send(asked);
  rig.Run();
  EXPECT_EQ(rig.Finals(asked), 3);
  EXPECT_EQ(rig.Final(asked)->body_bytes, first);
  EXPECT_EQ(rig.Stored("a"), "hello") << "and is not deleted by the old request";
  EXPECT_EQ(rig.store.Audited("DELETE_FILE", "OPERATION_COMPLETED"), 1);
}

TEST_F(Delete, ARefusalIsRepeatedToo) {
  const Envelope asked = Send(rig, DeleteAsk(rig, "nobody", "hello"));
  rig.Restart();
  ASSERT_EQ(rig.PutFile("nobody", "hello"), wire::OPERATION_COMPLETED);
  rig.heard.clear();
  rig.Send(asked);
  rig.Run();
  EXPECT_EQ(rig.Code(asked), wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_EQ(rig.Stored("nobody"), "hello");
}

TEST_F(Delete, OtherBytesUnderTheSameIdsAreAConflict) {
  const Envelope asked = Send(rig, DeleteAsk(rig, "a", "hello"));
  PillarRig::Ask other = DeleteAsk(rig, "b", "hello");
  other.conversation = asked.conversation();
  other.message_id = asked.message_id();
  EXPECT_EQ(rig.Code(Send(rig, other)), wire::CONFLICT);
}

TEST_F(Delete, TheSameIdsOfAnotherPrincipalAreAnotherRequest) {
  const Envelope asked = Send(rig, DeleteAsk(rig, "a", "hello"));
  PillarRig::Ask other;
  other.operation = wire::DELETE_FILE;
  other.body = asked.body;
  other.conversation = asked.conversation();
  other.message_id = asked.message_id();
  other.principal = "bob";
  const Envelope of_bob = Send(rig, other);
  EXPECT_TRUE(Final(of_bob).already_gone());
}

// ---- time, and withdrawal

TEST_F(Delete, PastItsTimeIsRefusedAndInTheTrail) {
  PillarRig::Ask ask = DeleteAsk(rig, "a", "hello");
  ask.issued = now() - absl::Seconds(2);
  ask.expires = ask.issued + absl::Seconds(1);
  EXPECT_EQ(rig.Code(Send(rig, ask)), wire::EXPIRED);
  rig.Run(absl::Seconds(2));
  EXPECT_EQ(rig.store.Audited("DELETE_FILE", "EXPIRED"), 1);
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST_F(Delete, ACancelAtAnyMomentLeavesOneFinalThatIsTrue) {
  for (int milliseconds = 0; milliseconds < 8; ++milliseconds) {
    PillarRig fresh;
    ASSERT_EQ(fresh.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
    PillarRig::Ask ask = DeleteAsk(fresh, "a", "hello");
    ask.body.mutable_delete_file_request()->mutable_checksums()->add_algorithms(wire::MD5);
    const Envelope asked = fresh.Request(ask);
    fresh.Send(asked);
    fresh.Run(absl::Milliseconds(milliseconds));
    const int before = fresh.Finals(asked);
    fresh.Send(fresh.CancelOf(asked));
    fresh.Run();
    EXPECT_EQ(fresh.Finals(asked), before + 1) << milliseconds;
    const bool gone = fresh.Stored("a").empty();
    EXPECT_EQ(fresh.Code(asked), gone ? wire::OPERATION_COMPLETED : wire::CANCELLED)
        << milliseconds;
  }
}

TEST_F(Delete, AReadingThatTakesLongTellsHowFarItIsAndCanBeWithdrawn) {
  const std::string bytes(40 << 20, 'x');
  const Envelope put = SendWithBytes(rig, PutAsk("large", bytes), bytes);
  rig.Run(absl::Seconds(2));
  ASSERT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  rig.workers.piece = absl::Seconds(2);
  PillarRig::Ask ask = DeleteAsk(rig, "large", bytes);
  ask.body.mutable_delete_file_request()->mutable_checksums()->add_algorithms(wire::MD5);
  const Envelope asked = rig.Request(ask);
  rig.Send(asked);
  rig.Run(absl::Seconds(9));  // looked up, looked at, and two slices of three
  ASSERT_THAT(rig.Progress(asked), Not(IsEmpty()));
  EXPECT_EQ(rig.Progress(asked).back().body.progress().phase(), wire::READING);
  EXPECT_EQ(rig.Progress(asked).back().body.progress().bytes_total(), bytes.size());
  EXPECT_GT(rig.Progress(asked).back().body.progress().bytes_done(), 0u);
  rig.Send(rig.CancelOf(asked));
  rig.Run(absl::Seconds(10));
  EXPECT_EQ(rig.Code(asked), wire::CANCELLED);
  EXPECT_EQ(rig.Finals(asked), 1);
  EXPECT_OK(rig.store.Find(Photos(), File("large")));
}

}  // namespace
}  // namespace bitrepo::pillar
