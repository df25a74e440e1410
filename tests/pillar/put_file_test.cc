// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string Bytes(size_t count, uint64_t seed = 1) {
  base::SeededRandom random(seed);
  return random.Bytes(count);
}

TEST(PutFile, StoresTheBytesAndSaysWhatIsStored) {
  PillarRig rig;
  const std::string bytes = Bytes(3'000'000);
  const Envelope put = rig.Put("a.txt", bytes.size(), Sha256Of(bytes));
  rig.Send(put);
  rig.Run();
  ASSERT_THAT(rig.Token(put), Not(IsEmpty()));
  EXPECT_EQ(rig.Progress(put).front().body.response().code(), wire::OPERATION_ACCEPTED_PROGRESS);
  EXPECT_EQ(rig.Final(put), nullptr);
  const auto push = rig.Push(rig.Token(put), bytes);
  rig.Run();
  ASSERT_TRUE(push->end.has_value());
  EXPECT_OK(*push->end);
  ASSERT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  const wire::PutFileFinal& final = rig.Final(put)->body.put_file_final();
  EXPECT_FALSE(final.already_held());
  EXPECT_EQ(final.file().file_id(), "a.txt");
  EXPECT_EQ(final.file().size_bytes(), bytes.size());
  EXPECT_EQ(final.file().digest().value(), Sha256Of(bytes).bytes());
  EXPECT_EQ(final.file().generation_id(), put.header.conversation_id());
  EXPECT_EQ(rig.Stored("a.txt"), bytes);
  EXPECT_EQ(rig.store.Audited("PUT_FILE", "OPERATION_COMPLETED"), 1);
  EXPECT_EQ(rig.pillar->requests_under_way(), 0u);
}

TEST(PutFile, StoresAnEmptyFile) {
  PillarRig rig;
  EXPECT_EQ(rig.PutFile("empty", ""), wire::OPERATION_COMPLETED);
  EXPECT_OK(rig.store.Find(Photos(), File("empty")));
}

TEST(PutFile, TakesAStreamOfUnknownLength) {
  PillarRig rig;
  const std::string bytes = Bytes(2'500'000);
  const Envelope put = rig.Put("stream");
  rig.Send(put);
  rig.Run();
  rig.Push(rig.Token(put), bytes);
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("stream"), bytes);
}

// ---- the same request again

TEST(PutFile, ARepeatWhileItWorksGetsTheTokenAgain) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run();
  const std::string token = rig.Token(put);
  rig.heard.clear();
  rig.Send(put);
  rig.Run();
  EXPECT_EQ(rig.Token(put), token);
  EXPECT_EQ(rig.store.stages, 1);
}

TEST(PutFile, ARepeatAfterTheFinalGetsTheFinalAgainAndHasNoSecondEffect) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run();
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  const std::string first = rig.Final(put)->body_bytes;
  rig.Send(put);
  rig.Run();
  EXPECT_EQ(rig.Finals(put), 2);
  EXPECT_EQ(rig.Final(put)->body_bytes, first);
  EXPECT_EQ(rig.store.stages, 1);
  EXPECT_THAT(rig.store.group_sizes, ElementsAre(1));
}

TEST(PutFile, ARepeatAfterARestartGetsTheRecordedFinal) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run();
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  const std::string first = rig.Final(put)->body_bytes;
  rig.Restart();
  rig.heard.clear();
  rig.Send(put);
  rig.Run();
  ASSERT_NE(rig.Final(put), nullptr);
  EXPECT_EQ(rig.Final(put)->body_bytes, first);
  EXPECT_EQ(rig.store.stages, 1);
}

TEST(PutFile, ARepeatAfterARestartInTheMiddleBeginsAgainWithAFreshToken) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run(absl::Seconds(3));
  EXPECT_EQ(rig.store.opens, 1) << "a put that lasts is noted";
  const std::string old_token = rig.Token(put);
  rig.Restart();
  rig.heard.clear();
  rig.Send(put);
  rig.Run();
  ASSERT_THAT(rig.Token(put), Not(IsEmpty()));
  EXPECT_NE(rig.Token(put), old_token);
  const auto with_old = rig.Push(old_token, "hello");
  rig.Run();
  EXPECT_THAT(*with_old->end, Not(testing_support::IsOk()));
  rig.Push(rig.Token(put), "hello");
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST(PutFile, OfFiftyCopiesOfOneRequestOneIsDone) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  for (int i = 0; i < 50; ++i) rig.Send(put);
  rig.Run();
  EXPECT_EQ(rig.store.stages, 1);
  EXPECT_EQ(rig.store.lookups, 1);
  EXPECT_EQ(rig.pillar->requests_under_way(), 1u);
}

TEST(PutFile, OtherBytesUnderTheSameIdsAreAConflict) {
  PillarRig rig;
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.conversation = base::ConversationId::Make(rig.loop.clock().WallNow(), rig.random);
  ask.message_id = base::MessageId::Make(rig.loop.clock().WallNow(), rig.random);
  ask.body.mutable_put_file_request()->set_file_id("a");
  const Envelope first = rig.Request(ask);
  ask.body.mutable_put_file_request()->set_file_id("b");
  const Envelope second = rig.Request(ask);

  rig.Send(first);
  rig.Send(second);  // while the first is being looked up
  rig.Run();
  EXPECT_EQ(rig.Code(second), wire::CONFLICT);
  rig.Send(second);  // while the first works
  rig.Run();
  EXPECT_EQ(rig.Finals(second), 2);
  rig.Push(rig.Token(first), "x");
  rig.Run();
  EXPECT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
  rig.Restart();  // known from the record only
  rig.Send(second);
  rig.Run();
  EXPECT_EQ(rig.Code(second), wire::CONFLICT);
  rig.Send(first);
  rig.Run();
  EXPECT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("b"), "");
}

TEST(PutFile, TheSameIdsFromAnotherPrincipalAreAnotherRequest) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  ask.principal = "bob";
  ask.conversation = put.conversation();
  ask.message_id = put.message_id();
  ask.body = put.body;
  rig.Send(put);
  rig.Send(rig.Request(ask));
  rig.Run();
  EXPECT_EQ(rig.pillar->requests_under_way(), 2u);
}

// ---- an id that is taken

// [S-3]
TEST(PutFile, AnExistingFileWithTheNamedDigestIsAlreadyHeldWithoutATransfer) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope put = rig.Put("a", 5, Sha256Of("hello"));
  rig.Send(put);
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(rig.Final(put)->body.put_file_final().already_held());
  EXPECT_THAT(rig.Token(put), IsEmpty());
}

// [S-3]
TEST(PutFile, AnExistingFileWithAnotherDigestOrSizeIsADuplicate) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  for (const Envelope& put :
       {rig.Put("a", 5, Sha256Of("HELLO")), rig.Put("a", 6), rig.Put("a", 0)}) {
    rig.Send(put);
    rig.Run();
    EXPECT_EQ(rig.Code(put), wire::DUPLICATE_FILE_FAILURE);
    EXPECT_EQ(rig.Final(put)->body.put_file_final().file().digest().value(),
              Sha256Of("hello").bytes());
  }
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST(PutFile, WithoutADigestTheBytesDecideWhetherItIsHeldAlready) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  const Envelope same = rig.Put("a", 5);
  rig.Send(same);
  rig.Run();
  const auto push_same = rig.Push(rig.Token(same), "hello");
  rig.Run();
  const Envelope other = rig.Put("a", 5, base::Hasher::Of(base::Algorithm::kMd5, "HELLO"));
  rig.Send(other);
  rig.Run();
  const auto push_other = rig.Push(rig.Token(other), "HELLO");
  rig.Run();
  EXPECT_EQ(rig.Code(same), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(rig.Final(same)->body.put_file_final().already_held());
  EXPECT_OK(*push_same->end);
  EXPECT_EQ(rig.Code(other), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_THAT(*push_other->end, Not(testing_support::IsOk()));
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST(PutFile, ADamagedFileIsReplacedByItsOwnBytesOnly) {
  PillarRig rig;
  ASSERT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  rig.store.memory.Lose(Photos(), File("a"));
  EXPECT_EQ(rig.PutFile("a", "HELLO"), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_EQ(rig.PutFile("a", "hello"), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "hello");
}

// ---- bytes that are not what was said

TEST(PutFile, BytesWithoutTheNamedDigestAreNotStoredWhateverTheAlgorithm) {
  PillarRig rig;
  for (const base::Algorithm algorithm :
       {base::Algorithm::kMd5, base::Algorithm::kSha1, base::Algorithm::kSha256,
        base::Algorithm::kSha384, base::Algorithm::kSha512}) {
    const std::string id = absl::StrCat("wrong-", std::string(base::AlgorithmName(algorithm)));
    const Envelope put = rig.Put(id, 5, base::Hasher::Of(algorithm, "HELLO"));
    rig.Send(put);
    rig.Run();
    const auto push = rig.Push(rig.Token(put), "hello");
    rig.Run();
    EXPECT_EQ(rig.Code(put), wire::NEW_FILE_CHECKSUM_FAILURE) << id;
    EXPECT_THAT(*push->end, Not(testing_support::IsOk())) << id;
    EXPECT_THAT(rig.store.Find(Photos(), File(id)),
                testing_support::StatusIs(absl::StatusCode::kNotFound));
  }
  EXPECT_THAT(rig.store.group_sizes, IsEmpty());
}

TEST(PutFile, BytesWithTheNamedDigestAreStoredWhateverTheAlgorithm) {
  PillarRig rig;
  const std::string bytes = Bytes(2'200'000);
  for (const base::Algorithm algorithm : {base::Algorithm::kMd5, base::Algorithm::kSha1,
                                          base::Algorithm::kSha384, base::Algorithm::kSha512}) {
    const std::string id(base::AlgorithmName(algorithm));
    const Envelope put = rig.Put(id, bytes.size(), base::Hasher::Of(algorithm, bytes));
    rig.Send(put);
    rig.Run();
    rig.Push(rig.Token(put), bytes);
    rig.Run();
    EXPECT_EQ(rig.Code(put), wire::OPERATION_COMPLETED) << id;
    EXPECT_EQ(rig.Stored(id), bytes);
  }
}

TEST(PutFile, ASourceThatChangedIsNotStored) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run();
  auto source = std::make_shared<channel::TextSource>("hello");
  source->changed = absl::AbortedError("the file changed while it was read");
  const auto push = rig.Push(rig.Token(put), source);
  rig.Run();
  EXPECT_THAT(*push->end, testing_support::StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(rig.Stored("a"), "");
  EXPECT_NE(rig.Code(put), wire::OPERATION_COMPLETED);
}

// ---- space, and a store that fails

TEST(PutFile, WithoutSpaceItIsRefusedAndNothingIsKept) {
  RigOptions options;
  options.capacity_bytes = 1'000'000;
  PillarRig rig(options);
  const Envelope announced = rig.Put("a", 1'000'001);
  rig.Send(announced);
  rig.Run();
  EXPECT_EQ(rig.Code(announced), wire::NO_SPACE);
  const Envelope stream = rig.Put("b");
  rig.Send(stream);
  rig.Run();
  rig.Push(rig.Token(stream), Bytes(1'000'001));
  rig.Run();
  EXPECT_EQ(rig.Code(stream), wire::NO_SPACE);
  EXPECT_EQ(rig.PutFile("fits", Bytes(1'000'000)), wire::OPERATION_COMPLETED);
}

TEST(PutFile, AStoreThatStopsWritingIsAnAlarmAndNoSuccess) {
  PillarRig rig;
  const Envelope put = rig.Put("a", 5);
  rig.Send(put);
  rig.Run();
  rig.store.fail_publish = absl::UnavailableError("fsync failed");
  const auto push = rig.Push(rig.Token(put), "hello");
  rig.Run();
  EXPECT_EQ(rig.Code(put), wire::FAILURE);
  EXPECT_THAT(*push->end, Not(testing_support::IsOk()));
  EXPECT_THAT(rig.Alarms(), ElementsAre("disk-failing"));
}

// ---- withdrawn

}  // namespace
}  // namespace bitrepo::pillar
