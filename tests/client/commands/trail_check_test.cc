// SPDX-License-Identifier: Apache-2.0
#include "client/commands/trail_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/escaping.h"
#include "base/audit_chain.h"
#include "client/commands/anchor_file.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::commands {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

// A trail of so many records as a pillar has it.
wire::GetAuditTrailsFinal Trail(uint64_t records) {
  wire::GetAuditTrailsFinal trail;
  std::string hash = base::ChainStart();
  for (uint64_t i = 1; i <= records; ++i) {
    wire::AuditItem& item = *trail.add_items();
    item.set_sequence(i);
    item.set_at_us(static_cast<int64_t>(1'000'000 * i));
    item.set_action("PUT_FILE");
    item.set_collection_id("photos");
    item.set_file_id("a\tb");
    item.set_principal("alice");
    item.set_result("OPERATION_COMPLETED");
    hash = base::ChainHash(hash, base::LineOf({.sequence = i,
                                               .at_us = item.at_us(),
                                               .action = item.action(),
                                               .collection = item.collection_id(),
                                               .file_id = item.file_id(),
                                               .principal = item.principal(),
                                               .conversation = "",
                                               .result = item.result(),
                                               .detail = ""}));
    item.set_hash(hash);
  }
  trail.set_end_sequence(records);
  trail.set_end_hash(hash);
  return trail;
}

TrailAnchor AnchorAt(const wire::GetAuditTrailsFinal& trail, int sequence) {
  return {"demo", "p1", static_cast<uint64_t>(sequence), trail.items(sequence - 1).hash(),
          absl::FromUnixSeconds(1'700'000'000)};
}

TrailCheck Checked(const wire::GetAuditTrailsFinal& trail,
                   std::optional<TrailAnchor> anchor = std::nullopt) {
  TrailCheck check(std::move(anchor));
  check.Begin(trail);
  for (const wire::AuditItem& item : trail.items()) check.Add(item);
  check.Finish();
  return check;
}

// Makes the records from `first` on follow one another again, as a forger would.
void ChainAnew(wire::GetAuditTrailsFinal& trail, int first) {
  std::string hash = first == 1 ? base::ChainStart() : trail.items(first - 2).hash();
  for (int i = first - 1; i < trail.items_size(); ++i) {
    wire::AuditItem& item = *trail.mutable_items(i);
    hash = base::ChainHash(hash, base::LineOf({.sequence = item.sequence(),
                                               .at_us = item.at_us(),
                                               .action = item.action(),
                                               .collection = item.collection_id(),
                                               .file_id = item.file_id(),
                                               .principal = item.principal(),
                                               .conversation = item.conversation_id(),
                                               .result = item.result(),
                                               .detail = item.detail()}));
    item.set_hash(hash);
  }
  trail.set_end_hash(hash);
  trail.set_end_sequence(static_cast<uint64_t>(trail.items_size()));
}

TEST(TrailCheck, AWholeTrailIsWholeAndTellsHowFarItGoes) {
  const wire::GetAuditTrailsFinal trail = Trail(5);
  const TrailCheck check = Checked(trail, AnchorAt(trail, 3));
  EXPECT_OK(check.status());
  EXPECT_EQ(check.records(), 5u);
  EXPECT_EQ(check.hash(), trail.end_hash());
  EXPECT_EQ(check.first_bad(), 0u);
}

// [S-41] The two records of docs/spec/60-audit-trail.md.
TEST(TrailCheck, MakesTheHashesOfTheSpecificationsExample) {
  wire::AuditItem first;
  first.set_sequence(1);
  first.set_at_us(1'767'225'600'000'000);
  first.set_action("PUT_FILE");
  first.set_collection_id("photos");
  first.set_file_id("a.txt");
  first.set_principal("alice");
  first.set_result("OPERATION_COMPLETED");
  first.set_hash(
      absl::HexStringToBytes("7e67ca4c6987e3bf53282d0c075ef4742f5553796e419f6d5a847feecb0fe3ab"));
  wire::AuditItem second = first;
  second.set_sequence(2);
  second.set_at_us(1'767'225'601'000'000);
  second.set_action("DELETE_FILE");
  second.set_principal("bob");
  second.set_result("DENIED");
  second.set_detail("it said \"no\"");
  second.set_hash(
      absl::HexStringToBytes("e2c3277ca73f72abb4eed3b9ff1641db873bcf2445a9a14680ed3eb23845cf19"));
  wire::GetAuditTrailsFinal trail;
  *trail.add_items() = first;
  *trail.add_items() = second;
  trail.set_end_sequence(2);
  trail.set_end_hash(second.hash());
  EXPECT_OK(Checked(trail).status());
}

TEST(TrailCheck, AnEmptyTrailIsWhole) { EXPECT_OK(Checked(Trail(0)).status()); }

// [S-43]
TEST(TrailCheck, AChangedRecordIsNamed) {
  wire::GetAuditTrailsFinal trail = Trail(5);
  trail.mutable_items(2)->set_principal("mallory");
  const TrailCheck check = Checked(trail);
  EXPECT_THAT(check.status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("record 3")));
  EXPECT_EQ(check.first_bad(), 3u);
  EXPECT_EQ(check.records(), 2u);
}

TEST(TrailCheck, ARecordThatWasTakenOutIsNamed) {
  wire::GetAuditTrailsFinal trail = Trail(5);
  trail.mutable_items()->DeleteSubrange(1, 1);
  EXPECT_EQ(Checked(trail).first_bad(), 2u);
}

// [S-44]
TEST(TrailCheck, ATrailThatEndsBeforeItSaysIsCut) {
  wire::GetAuditTrailsFinal trail = Trail(5);
  trail.mutable_items()->RemoveLast();
  const TrailCheck check = Checked(trail);
  EXPECT_EQ(check.first_bad(), 5u);
  EXPECT_THAT(check.status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("goes to 5")));
}

// [S-45]
TEST(TrailCheck, AForgedChainIsFoundByWhatWasSeenBefore) {
  const wire::GetAuditTrailsFinal seen = Trail(5);
  wire::GetAuditTrailsFinal forged = seen;
  forged.mutable_items(1)->set_principal("mallory");
  ChainAnew(forged, 2);
  EXPECT_OK(Checked(forged).status()) << "nothing shows it without what was seen";
  EXPECT_EQ(Checked(forged, AnchorAt(seen, 4)).first_bad(), 4u);
}

TEST(TrailCheck, ATailThatWasCutOffIsFoundByWhatWasSeenBefore) {
  const wire::GetAuditTrailsFinal seen = Trail(5);
  wire::GetAuditTrailsFinal cut = seen;
  cut.mutable_items()->DeleteSubrange(3, 2);
  ChainAnew(cut, 1);
  EXPECT_OK(Checked(cut).status());
  const TrailCheck check = Checked(cut, AnchorAt(seen, 5));
  EXPECT_EQ(check.first_bad(), 4u);
  EXPECT_THAT(check.status(), StatusIs(absl::StatusCode::kDataLoss, HasSubstr("was cut")));
}

TEST(TrailCheck, WhatGrewWhileItWasReadIsNoFault) {
  const wire::GetAuditTrailsFinal trail = Trail(5);
  wire::GetAuditTrailsFinal first_page = Trail(3);
  TrailCheck check(std::nullopt);
  check.Begin(first_page);
  for (const wire::AuditItem& item : trail.items()) check.Add(item);
  check.Finish();
  EXPECT_OK(check.status());
}

TEST(AnchorFile, RemembersTheNewestOfEachContributorForThisUserAlone) {
  const testing_support::TempDir directory;
  const std::string path = directory.Path("state/bitrepo/audit-anchors");
  auto anchors = AnchorFile::Read(path);
  ASSERT_OK(anchors.status());
  EXPECT_FALSE(anchors->Find("demo", "p1").has_value());
  const wire::GetAuditTrailsFinal trail = Trail(5);
  anchors->Set(AnchorAt(trail, 2));
  anchors->Set(AnchorAt(trail, 5));
  ASSERT_OK(anchors->Write());
  struct stat facts {};
  ASSERT_EQ(stat(path.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600u);
  const auto again = AnchorFile::Read(path);
  ASSERT_OK(again.status());
  ASSERT_TRUE(again->Find("demo", "p1").has_value());
  EXPECT_EQ(again->Find("demo", "p1")->sequence, 5u);
  EXPECT_EQ(again->Find("demo", "p1")->hash, trail.end_hash());
  EXPECT_FALSE(again->Find("other", "p1").has_value());
}

TEST(AnchorFile, ALineThatIsNoneIsNamed) {
  const testing_support::TempDir directory;
  for (const char* line : {"demo p1 five", "demo p1 5 zz 2026-01-31T12:00:00Z", "garbage"}) {
    std::ofstream(directory.Path("anchors")) << line << "\n";
    EXPECT_THAT(AnchorFile::Read(directory.Path("anchors")).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no anchor")))
        << line;
  }
}

}  // namespace
}  // namespace bitrepo::commands
