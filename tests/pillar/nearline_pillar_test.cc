// SPDX-License-Identifier: Apache-2.0
// A nearline pillar as its askers see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/time.h>

#include "tests/pillar/nearline_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kBytes(1000, 'n');  // ten seconds of a drive

void SetModified(const std::string& path, absl::Time at) {
  const timeval both[2] = {absl::ToTimeval(at), absl::ToTimeval(at)};
  ASSERT_EQ(utimes(path.c_str(), both), 0) << path;
}

TEST(NearlinePillar, B14AGetTellsItsPhasesInOrder) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  ASSERT_EQ(nearline.Put("b", kBytes), wire::OPERATION_COMPLETED);
  nearline->Restart();  // the drive is empty
  nearline.BeginGet("b");
  const auto get = nearline.BeginGet("a");
  nearline->Run(absl::Minutes(3));
  EXPECT_THAT(nearline.Phases(get),
              ElementsAre(wire::ACCEPTED, wire::QUEUED, wire::LOCATING, wire::SEEKING,
                          wire::STAGING, wire::VERIFYING, wire::SENDING));
  const auto transfer = nearline->Fetch(nearline->Token(get));
  nearline->Run();
  EXPECT_EQ(transfer->sink->text, kBytes);
  EXPECT_EQ(nearline->Code(get), wire::OPERATION_COMPLETED);
}

TEST(NearlinePillar, B14AVolumeThatIsNotInADriveIsLoaded) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  nearline->Restart();
  const auto get = nearline.BeginGet("a");
  EXPECT_EQ(nearline->Token(get), "");
  nearline->Run(absl::Seconds(39));
  EXPECT_EQ(nearline->Token(get), "") << "20 s to load, 10 s to seek, 10 s to read";
  nearline->Run(absl::Seconds(2));
  EXPECT_NE(nearline->Token(get), "");
  EXPECT_THAT(nearline.Phases(get),
              ElementsAre(wire::ACCEPTED, wire::QUEUED, wire::LOCATING, wire::LOADING,
                          wire::SEEKING, wire::STAGING, wire::VERIFYING, wire::SENDING));
}

TEST(NearlinePillar, B15APutTellsItsPhasesInOrderAndIsDoneWhenItWasReadBack) {
  NearlineRig nearline;
  const auto put = nearline.BeginPut("a", kBytes);
  nearline->Run(absl::Seconds(58));
  EXPECT_EQ(nearline->Final(put), nullptr) << "20 + 10 to begin, 10 to write, 10 + 10 to read back";
  EXPECT_THAT(nearline.store().Find(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kNotFound));
  nearline->Run(absl::Seconds(4));
  EXPECT_EQ(nearline->Code(put), wire::OPERATION_COMPLETED);
  EXPECT_OK(nearline.store().Find(Photos(), File("a")));
  EXPECT_THAT(
      nearline.Phases(put),
      ElementsAre(wire::ACCEPTED, wire::RESERVE, wire::RECEIVING, wire::VERIFYING, wire::QUEUED,
                  wire::LOADING, wire::SEEKING, wire::WRITING, wire::READING_BACK, wire::INDEXING));
}

TEST(NearlinePillar, B14TheEstimateNeverRisesWhileThePlaceFalls) {
  NearlineRig nearline;
  for (const char* const id : {"a", "b", "c"}) {
    ASSERT_EQ(nearline.Put(id, kBytes), wire::OPERATION_COMPLETED);
  }
  nearline->Restart();
  std::vector<protocol::Envelope> gets;
  for (const char* const id : {"a", "b", "c"}) gets.push_back(nearline.BeginGet(id));
  nearline->Run(absl::Minutes(3));
  for (const protocol::Envelope& get : gets) {
    uint32_t place = 100;
    uint64_t eta_us = UINT64_MAX;
    for (const protocol::Envelope& told : nearline->Progress(get)) {
      const wire::Progress& progress = told.body.progress();
      if (progress.phase() == wire::ACCEPTED || progress.phase() == wire::SENDING) continue;
      EXPECT_LE(progress.queue_place(), place);
      EXPECT_LE(progress.eta_us(), eta_us);
      EXPECT_GT(progress.eta_us(), 0u) << "0 would be: not known";
      place = progress.queue_place();
      eta_us = progress.eta_us();
    }
    EXPECT_EQ(place, 0u);
    EXPECT_NE(nearline->Token(get), "");
  }
  EXPECT_EQ(nearline->Progress(gets[2])[1].body.progress().queue_place(), 2u);
}

TEST(NearlinePillar, B14IdentifyTellsHonestlyHowSoon) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  nearline->Restart();
  const auto ask = [&] {
    PillarRig::Ask asked;
    asked.operation = wire::GET_FILE;
    asked.body.mutable_get_file_identify()->mutable_range()->set_file_id("a");
    const auto identify = nearline->Identify(asked);
    nearline->Send(identify);
    nearline->Run();
    return nearline->Reply(identify)->get_file_identify_reply().time_to_deliver();
  };
  const wire::TimeToDeliver first = ask();
  EXPECT_EQ(first.pillar_kind(), wire::NEARLINE_PILLAR);
  EXPECT_GE(first.first_byte_us(), 40'000'000u);
  EXPECT_LT(first.first_byte_us(), 41'000'000u);
  const auto get = nearline.BeginGet("a");
  nearline->Run(absl::Seconds(20));
  EXPECT_LT(ask().first_byte_us(), 20'000'000u) << "it is on its way already";
  nearline->Run(absl::Seconds(30));
  nearline->Fetch(nearline->Token(get));
  nearline->Run();
  EXPECT_EQ(nearline->Code(get), wire::OPERATION_COMPLETED);
  EXPECT_LT(ask().first_byte_us(), first.first_byte_us()) << "it is in the cache";
}

TEST(NearlinePillar, AFileInTheCacheIsServedAtOnce) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  nearline.BeginGet("a");
  nearline->Run(absl::Minutes(2));
  const auto [code, bytes] = nearline->GetFile("a");
  EXPECT_EQ(code, wire::OPERATION_COMPLETED);
  EXPECT_EQ(bytes, kBytes);
}

TEST(NearlinePillar, TheCopyOfAPutStaysWhereItIsToldSo) {
  NearlineRig nearline({.cache_bytes = 1 << 20, .keep_written = true});
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  EXPECT_EQ(nearline->GetFile("a").second, kBytes);
}

TEST(NearlinePillar, TheCacheGivesUpTheLeastRecentlyUsed) {
  NearlineRig nearline({.cache_bytes = 2000, .keep_written = true});
  for (const char* const id : {"a", "b", "c"}) {
    ASSERT_EQ(nearline.Put(id, kBytes), wire::OPERATION_COMPLETED);
  }
  EXPECT_LE(nearline.store().cache().bytes(), 2000u);
  EXPECT_EQ(nearline->GetFile("b").second, kBytes);
  EXPECT_EQ(nearline->GetFile("c").second, kBytes);
  const auto get = nearline.BeginGet("a");
  EXPECT_EQ(nearline->Token(get), "") << "it comes from the medium";
  nearline->Run(absl::Minutes(2));
  nearline->Fetch(nearline->Token(get));
  nearline->Run();
  EXPECT_EQ(nearline->Code(get), wire::OPERATION_COMPLETED);
}

TEST(NearlinePillar, B15WhatIsReadBackOtherwiseIsAFailureThatNamesThePhase) {
  NearlineRig nearline;
  const auto put = nearline.BeginPut("a", kBytes);
  nearline->Run(absl::Seconds(32));
  ASSERT_THAT(nearline.FilesBelow("media"), SizeIs(1)) << "it is being written";
  NearlineRig::FlipBit(nearline.FilesBelow("media").front());
  nearline->Run(absl::Minutes(1));
  ASSERT_NE(nearline->Final(put), nullptr);
  EXPECT_EQ(nearline->Code(put), wire::FAILURE);
  EXPECT_THAT(nearline->Final(put)->body.response().text(), HasSubstr("READING_BACK"));
  EXPECT_THAT(nearline->Alarms(), ElementsAre("medium-failing"));
  EXPECT_THAT(nearline.FilesBelow("media"), IsEmpty());
  EXPECT_THAT(nearline.FilesBelow("store/kept"), SizeIs(1)) << "what came is kept";
  EXPECT_THAT(nearline.store().Find(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
}

TEST(NearlinePillar, ACopyThatWasKeptGoesWhenItsTermIsOver) {
  NearlineRig nearline;
  nearline.BeginPut("a", kBytes);
  nearline->Run(absl::Seconds(32));
  NearlineRig::FlipBit(nearline.FilesBelow("media").front());
  nearline->Run(absl::Minutes(1));
  ASSERT_THAT(nearline.FilesBelow("store/kept"), SizeIs(1));
  const std::string kept = nearline.FilesBelow("store/kept").front();
  const absl::Time now = nearline->loop.clock().WallNow();
  SetModified(kept, now - store::kFailedCopyTerm + absl::Minutes(1));
  EXPECT_OK(nearline.store().Check());
  EXPECT_THAT(nearline.FilesBelow("store/kept"), SizeIs(1));
  SetModified(kept, now - store::kFailedCopyTerm);
  EXPECT_OK(nearline.store().Check());
  EXPECT_THAT(nearline.FilesBelow("store/kept"), IsEmpty());
}

TEST(NearlinePillar, ACancelledGetLeavesTheQueue) {
  NearlineRig nearline;
  for (const char* const id : {"a", "b", "c"}) {
    ASSERT_EQ(nearline.Put(id, kBytes), wire::OPERATION_COMPLETED);
  }
  nearline->Restart();
  nearline.BeginGet("a");
  const auto second = nearline.BeginGet("b");
  const auto third = nearline.BeginGet("c");
  EXPECT_EQ(nearline.medium().queue(), 3u);
  nearline->Send(nearline->CancelOf(second));
  nearline->Run();
  EXPECT_EQ(nearline->Code(second), wire::CANCELLED);
  EXPECT_EQ(nearline.medium().queue(), 2u);
  nearline->Run(absl::Seconds(2));
  EXPECT_EQ(nearline->Progress(third).back().body.progress().queue_place(), 1u);
}

TEST(NearlinePillar, TwoGetsOfOneFileAreOneRecall) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  nearline->Restart();
  const auto first = nearline.BeginGet("a");
  const auto second = nearline.BeginGet("a");
  EXPECT_EQ(nearline.medium().queue(), 1u);
  nearline->Send(nearline->CancelOf(first));
  nearline->Run(absl::Minutes(1));
  EXPECT_EQ(nearline->Code(first), wire::CANCELLED);
  EXPECT_NE(nearline->Token(second), "");
}

TEST(NearlinePillar, ACancelledPutLeavesNothingOnTheMedium) {
  NearlineRig nearline;
  const auto put = nearline.BeginPut("a", kBytes);
  nearline->Run(absl::Seconds(32));
  nearline->Send(nearline->CancelOf(put));
  nearline->Run();
  EXPECT_EQ(nearline->Code(put), wire::CANCELLED);
  nearline->Run(absl::Minutes(1));
  EXPECT_THAT(nearline.FilesBelow("media"), IsEmpty());
  EXPECT_THAT(nearline.FilesBelow("store/staging"), IsEmpty());
  EXPECT_EQ(nearline.medium().queue(), 0u);
}

TEST(NearlinePillar, ADeathWhileItIsWrittenLosesNothing) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("before", kBytes), wire::OPERATION_COMPLETED);
  const auto put = nearline.BeginPut("a", kBytes);
  nearline->Run(absl::Seconds(15));
  nearline->Restart();
  EXPECT_THAT(nearline.FilesBelow("media"), SizeIs(1)) << "the part is gone";
  EXPECT_THAT(nearline.FilesBelow("store/staging"), IsEmpty());
  nearline->Send(put);  // the same request again: it is taken up
  nearline->Run();
  nearline->Push(nearline->Token(put), kBytes);
  nearline->Run(absl::Minutes(2));
  EXPECT_EQ(nearline->Code(put), wire::OPERATION_COMPLETED);
  EXPECT_OK(nearline.store().Find(Photos(), File("before")));
  EXPECT_OK(nearline.store().Find(Photos(), File("a")));
}

TEST(NearlinePillar, ADeathWhileItIsStagedLosesNothing) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  nearline->Restart();
  nearline.BeginGet("a");
  nearline->Run(absl::Seconds(35));
  nearline->Restart();
  EXPECT_THAT(nearline.FilesBelow("store/staging"), IsEmpty());
  const auto get = nearline.BeginGet("a");
  nearline->Run(absl::Minutes(1));
  EXPECT_NE(nearline->Token(get), "");
}

TEST(NearlinePillar, OtherBytesOnTheMediumAreDataLossAndNeverServed) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  NearlineRig::FlipBit(nearline.FilesBelow("media").front());
  const auto get = nearline.BeginGet("a");
  nearline->Run(absl::Minutes(1));
  EXPECT_EQ(nearline->Code(get), wire::DATA_LOSS);
  EXPECT_EQ(nearline->Token(get), "");
  EXPECT_THAT(nearline->Alarms(), ElementsAre("data-loss"));
  EXPECT_THAT(nearline.store().Find(Photos(), File("a")),
              testing_support::StatusIs(absl::StatusCode::kDataLoss));
  // The same bytes may come again.
  EXPECT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  EXPECT_OK(nearline.store().Find(Photos(), File("a")));
}

TEST(NearlinePillar, AMediumThatLostAFileIsNoticedAtTheStart) {
  NearlineRig nearline;
  ASSERT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED);
  std::filesystem::remove(nearline.FilesBelow("media").front());
  nearline->Restart();
  EXPECT_EQ(nearline->GetFile("a").first, wire::DATA_LOSS);
}

TEST(NearlinePillar, AFileThatFitsOnNoVolumeIsRefused) {
  store::SimulatedMediumOptions medium = RigMedium();
  medium.volume_bytes = 1000;
  NearlineRig nearline({}, medium);
  EXPECT_EQ(nearline.Put("a", kBytes), wire::OPERATION_COMPLETED) << "a whole volume";
  EXPECT_EQ(nearline.Put("b", kBytes + "x"), wire::NO_SPACE);
  EXPECT_EQ(nearline.Put("c", "c"), wire::OPERATION_COMPLETED) << "on the next volume";
  uint32_t volumes = 0;
  for (const store::MediumItem& item : nearline.medium().Items()) volumes += item.volume;
  EXPECT_EQ(volumes, 3u) << "one on the first, one on the second";
}

}  // namespace
}  // namespace bitrepo::pillar
