// SPDX-License-Identifier: Apache-2.0
// Every operation of the disk fails, kills the process, or ends the power while a file comes in;
// whatever the next one then goes on with are the bytes that came [B31].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "pillar/store/staged_parts.h"
#include "tests/pillar/store/store_machine.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

using testing_support::Blow;
using testing_support::StoreMachine;

constexpr uint64_t kPiece = 1 << 20;
constexpr uint64_t kSize = kResumableBytes + kPiece / 2;

class ResumeSweepTest : public ::testing::TestWithParam<Blow> {
 protected:
  static absl::StatusOr<std::unique_ptr<StagedFile>> StageAgain(StoreMachine& machine) {
    return machine.store().StageAgain(StoreMachine::books(), StoreMachine::Id("f"), kSize,
                                      {"alice", "stamp:01", "conversation"});
  }
  // Piece by piece, synced after the second; the first error ends it.
  absl::Status Bring(StagedFile& staged) {
    const base::RangeSet held = staged.held();
    uint64_t pieces = 0;
    for (const base::ByteRange& range : held.Missing(base::ByteRange::Whole(kSize)).ranges()) {
      for (uint64_t at = range.offset(); at < range.end(); at += kPiece) {
        const uint64_t length = std::min(kPiece, range.end() - at);
        BITREPO_RETURN_IF_ERROR(
            staged.Write(at, StoreMachine::Span(absl::string_view(bytes_).substr(at, length))));
        if (++pieces == 2) staged.sync()->Run();
      }
    }
    return absl::OkStatus();
  }
  static absl::Status Finish(StoreMachine& machine, std::unique_ptr<StagedFile> staged) {
    BITREPO_RETURN_IF_ERROR(staged->Seal(kSize).status());
    return machine.PublishOne(machine.Publish("f", std::move(staged))).status();
  }
  void CheckHeld(StagedFile& staged) {
    for (const base::ByteRange& range : staged.held().ranges()) {
      std::string out(range.length(), ' ');
      ASSERT_OK(staged.ReadBack(range.offset(), std::as_writable_bytes(std::span(out))));
      ASSERT_TRUE(out == absl::string_view(bytes_).substr(range.offset(), range.length()))
          << range.ToString() << " is held and has other bytes";
    }
  }

  std::string bytes_ = base::SeededRandom(5).Bytes(kSize);
};

TEST_P(ResumeSweepTest, WhatIsHeldIsWhatCame) {
  StoreMachine begun;
  ASSERT_OK(begun.Open());
  begun.Close();
  uint64_t held_most = 0;
  for (uint64_t number = 1;; ++number) {
    SCOPED_TRACE(absl::StrCat("at operation ", number));
    StoreMachine machine(begun);
    ASSERT_OK(machine.Open());
    machine.StrikeAt(number, GetParam());
    absl::Status put;
    if (auto staged = StageAgain(machine); staged.ok()) {
      put = Bring(**staged);
      if (put.ok()) put = Finish(machine, *std::move(staged));
    }
    const bool struck = machine.struck();
    machine.EndBlow();
    ASSERT_OK(machine.Open());
    if (!machine.Find("f").ok()) {
      ASSERT_OK_AND_ASSIGN(auto staged, StageAgain(machine));
      held_most = std::max(held_most, staged->held().bytes());
      CheckHeld(*staged);
      ASSERT_OK(Bring(*staged));
      ASSERT_OK(Finish(machine, std::move(staged)));
    }
    ASSERT_TRUE(machine.Get("f") == bytes_);
    for (const std::string& file : machine.medium().Files()) {
      EXPECT_EQ(file.find("books/staging/"), std::string::npos) << file << " is left";
    }
    if (!struck) break;
  }
  // It would hold as well if nothing were ever kept.
  EXPECT_GE(held_most, GetParam() == Blow::kNoSpace || GetParam() == Blow::kError ? 0 : 2 * kPiece);
}

INSTANTIATE_TEST_SUITE_P(Blows, ResumeSweepTest,
                         ::testing::Values(Blow::kError, Blow::kNoSpace, Blow::kKill,
                                           Blow::kPowerCut, Blow::kPowerTears));

TEST(StagedPartsOnAFullDiskTest, GiveWayToWhatComesTheOldestFirst) {
  StoreMachine machine;
  ASSERT_OK(machine.Open());
  const auto leave = [&](absl::string_view id) {
    ASSERT_OK_AND_ASSIGN(auto staged,
                         machine.store().StageAgain(StoreMachine::books(), StoreMachine::Id(id),
                                                    20 << 20, {"alice", "stamp:01", ""}));
    ASSERT_OK(staged->Write(0, StoreMachine::Span(std::string(19 << 20, 'x'))));
  };
  leave("oldest");
  machine.Wait(absl::Seconds(1));
  leave("newer");
  // 64 MiB in all, of which 38 are taken.
  ASSERT_OK_AND_ASSIGN(
      auto coming, machine.store().Stage(StoreMachine::books(), StoreMachine::Id("g"), 40 << 20));
  const std::vector<StagedPart> parts = machine.store().StagedFiles();
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].file_id.text(), "newer");
  EXPECT_THAT(machine.store().Stage(StoreMachine::books(), StoreMachine::Id("h"), 40 << 20),
              testing_support::StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_TRUE(machine.store().StagedFiles().empty());
}

}  // namespace
}  // namespace bitrepo::store
