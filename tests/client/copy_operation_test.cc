// SPDX-License-Identifier: Apache-2.0
// Copies from pillar to pillar, by tokens that the client hands on.
#include "client/copy_operation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/memory_repository.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using protocol::Verdict;
using ::testing::HasSubstr;
using testing_support::StatusIs;

constexpr size_t kLongBytes = 8 << 20;

// p1 alone has the file.
class CopyFile : public ::testing::Test {
 protected:
  CopyFile() {
    repository_.StoreAt("p1", "file", bytes_);
    repository_.Run(absl::Minutes(2));  // idle connections are gone
    EXPECT_EQ(repository_.net.connection_count(), 0u);
  }

  static CopyFileSpec Spec(std::vector<base::ComponentId> to = {PillarId("p2"), PillarId("p3")}) {
    return {.collection = Photos(), .file_id = File("file"), .from = PillarId("p1"), .to = to};
  }
  PutFileResult End(const ToldPut& copy) {
    EXPECT_TRUE(repository_.RunToEnd(copy));
    return copy->result.value_or(PutFileResult());
  }

  const std::string bytes_ = Noise(kLongBytes);
  MemoryRepository repository_{3};
};

TEST_F(CopyFile, BringsTheFileToTheOthersAndNoByteThroughTheClient) {
  const ToldPut copy = repository_.Copy(Spec());
  ASSERT_TRUE(repository_.RunUntil([&] { return repository_.net.connection_count() > 0; }));
  size_t connections = 0;
  EXPECT_TRUE(repository_.RunUntil([&] {
    connections = std::max(connections, repository_.net.connection_count());
    return copy->ends > 0;
  }));
  EXPECT_EQ(copy->result->outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(repository_.HasBytes("p2", "file", bytes_));
  EXPECT_TRUE(repository_.HasBytes("p3", "file", bytes_));
  EXPECT_EQ(connections, 2u) << "from p2 and from p3 to p1: the client has none";
  EXPECT_EQ(copy->result->finals.size(), 2u);
  repository_.Run(absl::Seconds(1));
  EXPECT_EQ(repository_.store("p1").Audited("GET_FILE", "OPERATION_COMPLETED"), 2);
}

TEST_F(CopyFile, WhoHoldsItAlreadyIsDone) {
  ASSERT_EQ(End(repository_.Copy(Spec({PillarId("p2")}))).outcome.verdict, Verdict::kSuccess);
  const PutFileResult result = End(repository_.Copy(Spec()));
  EXPECT_EQ(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(result.finals.at(PillarId("p2")).already_held());
  EXPECT_FALSE(result.finals.at(PillarId("p3")).already_held());
  repository_.Run(absl::Minutes(1));
  EXPECT_EQ(repository_.store("p1").Audited("GET_FILE", "CANCELLED"), 1) << "the token not used";
}

TEST_F(CopyFile, AnIdThatIsTakenByOtherBytesStaysAsItWas) {
  repository_.StoreAt("p2", "file", "other");
  const PutFileResult result = End(repository_.Copy(Spec()));
  EXPECT_NE(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_EQ(result.outcome.code, wire::DUPLICATE_FILE_FAILURE);
  EXPECT_TRUE(repository_.HasBytes("p2", "file", "other"));
}

TEST_F(CopyFile, ASourceWithoutTheFileSaysSo) {
  CopyFileSpec spec = Spec();
  spec.file_id = File("no/such");
  const PutFileResult result = End(repository_.Copy(std::move(spec)));
  EXPECT_EQ(result.outcome.verdict, Verdict::kFailed);
  EXPECT_EQ(result.outcome.code, wire::FILE_NOT_FOUND_FAILURE);
  EXPECT_TRUE(result.finals.empty());
}

TEST_F(CopyFile, ADamagedSourceIsNotCopied) {
  repository_.store("p1").memory.FlipBit(Photos(), File("file"), kLongBytes / 2);
  const PutFileResult result = End(repository_.Copy(Spec()));
  EXPECT_NE(result.outcome.verdict, Verdict::kSuccess);
  EXPECT_FALSE(repository_.Has("p2", "file"));
  EXPECT_FALSE(repository_.Has("p3", "file"));
}

TEST_F(CopyFile, ASourceThatLiesIsFoundOutAtTheOthers) {
  repository_.store("p1").lies = true;
  const PutFileResult result = End(repository_.Copy(Spec()));
  EXPECT_EQ(result.outcome.code, wire::NEW_FILE_CHECKSUM_FAILURE);
  EXPECT_FALSE(repository_.Has("p2", "file"));
}

TEST_F(CopyFile, WhenTheSourceDiesItEndsAndTheSameCopyCompletesIt) {
  const ToldPut copy = repository_.Copy(Spec());
  ASSERT_TRUE(repository_.RunUntil([&] { return repository_.net.connection_count() == 2; }));
  repository_.KillPillar("p1");
  const PutFileResult result = End(copy);
  EXPECT_NE(result.outcome.verdict, Verdict::kSuccess);
  repository_.StartPillar("p1");
  repository_.Run(absl::Seconds(30));
  EXPECT_EQ(End(repository_.Copy(Spec())).outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(repository_.HasBytes("p3", "file", bytes_));
}

TEST_F(CopyFile, ADeadTargetMakesItPartial) {
  repository_.KillPillar("p3");
  repository_.Run(absl::Seconds(10));
  const PutFileResult result = End(repository_.Copy(Spec()));
  EXPECT_EQ(result.outcome.verdict, Verdict::kPartial);
  EXPECT_TRUE(repository_.HasBytes("p2", "file", bytes_));
}

TEST_F(CopyFile, CutConnectionsAreDialledAgain) {
  const ToldPut copy = repository_.Copy(Spec());
  ASSERT_TRUE(repository_.RunUntil([&] { return repository_.net.connection_count() == 2; }));
  repository_.Run(absl::Milliseconds(5));
  repository_.net.CutAll();
  EXPECT_EQ(End(copy).outcome.verdict, Verdict::kSuccess);
  EXPECT_TRUE(repository_.HasBytes("p2", "file", bytes_));
}

TEST_F(CopyFile, CancelledNothingIsKeptAndTheTokensAreWithdrawn) {
  const ToldPut copy = repository_.Copy(Spec());
  ASSERT_TRUE(repository_.RunUntil([&] { return repository_.net.connection_count() == 2; }));
  copy->operation.Cancel("stopped");
  EXPECT_EQ(End(copy).outcome.verdict, Verdict::kCancelled);
  repository_.Run(absl::Seconds(5));
  EXPECT_FALSE(repository_.Has("p2", "file"));
}

TEST_F(CopyFile, ToNobodyOrToItselfIsRefusedAtOnce) {
  EXPECT_THAT(repository_.Copy(Spec({}))->begun, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(repository_.Copy(Spec({PillarId("p2"), PillarId("p1")}))->begun,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("p1")));
}

}  // namespace
}  // namespace bitrepo::client
