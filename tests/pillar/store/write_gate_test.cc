// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/write_gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/pillar/store/store_machine.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::store {
namespace {

using ::testing::HasSubstr;
using testing_support::IsOk;
using testing_support::Publications;
using testing_support::StatusIs;
using testing_support::TroubledDisk;

TEST(WriteGateTest, TheFirstReasonStays) {
  WriteGate gate;
  EXPECT_OK(gate.Check());
  EXPECT_EQ(gate.reason(), "");
  EXPECT_THAT(gate.Close("a stored file", absl::DataLossError("input/output error")),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("a stored file: input/output error; see to the disk")));
  EXPECT_THAT(gate.Close("the ledger", absl::DataLossError("later")),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("a stored file")));
  EXPECT_EQ(gate.reason(), "a stored file: input/output error");
}

TEST(WriteGateTest, OnlyWhatCastsDoubtOnTheMediumClosesIt) {
  for (int code = 0; code <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "x");
    static const std::set<absl::StatusCode> kHarmless = {absl::StatusCode::kOk,
                                                         absl::StatusCode::kResourceExhausted,
                                                         absl::StatusCode::kNotFound,
                                                         absl::StatusCode::kAlreadyExists,
                                                         absl::StatusCode::kInvalidArgument,
                                                         absl::StatusCode::kFailedPrecondition};
    WriteGate gate;
    const absl::Status judged = gate.Judge("a file", status);
    const bool harmless = kHarmless.count(status.code()) > 0;
    EXPECT_EQ(gate.Check().ok(), harmless) << status;
    EXPECT_EQ(judged.code(), harmless ? status.code() : absl::StatusCode::kUnavailable) << status;
  }
}

// A store over a disk whose n-th sync fails, for every n: of that file, and of that whole disk, no
// sync is asked for again, and what was kept stays readable.
class FailedSyncTest : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(Ways, FailedSyncTest, ::testing::Bool());

TEST_P(FailedSyncTest, IsNeverRetriedAndTheStoreStaysReadable) {
  for (int n = 1;; ++n) {
    SCOPED_TRACE(absl::StrCat("sync ", n));
    int syncs = 0;
    std::string failed;
    testing_support::StoreMachine machine;  // whose disk syncs to its very end
    if (GetParam()) machine.options().sync_policy = {.files = 1000, .others_bytes = 0};
    ASSERT_OK(machine.Open());
    ASSERT_OK(machine.Put("before", "some bytes"));
    machine.disk().SetTrouble([&](const testing_support::DiskOperation& operation) -> absl::Status {
      if (!absl::StartsWith(operation.name, "Sync")) return absl::OkStatus();
      if (!failed.empty()) {
        ADD_FAILURE() << operation.name << " " << operation.path << " after that of " << failed;
      }
      if (++syncs != n) return absl::OkStatus();
      failed = absl::StrCat(operation.name, " ", operation.path);
      return absl::DataLossError("input/output error");
    });
    const absl::StatusOr<FileRecord> put = machine.Put("during", "bytes");
    if (failed.empty()) {
      EXPECT_OK(put);
      EXPECT_GT(n, 1) << "no sync at all";
      return;
    }
    EXPECT_THAT(put, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("stopped writing")));
    EXPECT_THAT(machine.Put("after", "bytes"), StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(machine.store().AppendAudit({AuditEvent{.action = "GET_FILE"}}),
                StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(machine.store().CloseAnswers({{machine.NewAnswer(), AuditEvent{}}}),
                StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_EQ(machine.Get("before"), "some bytes");
    EXPECT_FALSE(machine.store().Check().value().writable);
    machine.Close();
    // The next process looks at what is there.
    ASSERT_OK(machine.Open());
    EXPECT_EQ(machine.Get("before"), "some bytes");
    EXPECT_OK(machine.Put("after", "bytes"));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace bitrepo::store
