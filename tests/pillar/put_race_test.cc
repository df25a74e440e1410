// SPDX-License-Identifier: Apache-2.0
// Puts of one id at one time: a pillar takes up one of them, and the others wait their turn [S-7].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/pillar/pillar_rig.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::IsEmpty;
using ::testing::Not;

// Gives each piece that is asked for a second after the one before it.
class DrippingSource final : public channel::Source {
 public:
  DrippingSource(runtime::EventLoop& loop, uint64_t size_bytes) : loop_(loop), size_(size_bytes) {}
  uint64_t size_bytes() const override { return size_; }
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override {
    next_ = std::max(next_, loop_.Now()) + absl::Seconds(1);
    loop_.RunAt(next_, [range, done = std::move(done)]() mutable {
      done(base::Buffer::Of(std::string(range.length(), 'x')));
    });
  }
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override {
    done(channel::CommitFacts{size_, Sha256Of(std::string(size_, 'x'))});
  }
  void Finished(const absl::Status& /*how*/) override {}

 private:
  runtime::EventLoop& loop_;
  const uint64_t size_;
  absl::Time next_ = absl::InfinitePast();
};

struct PutRace : ::testing::Test {
  Envelope Ask() {
    Envelope put = rig.Put("a", 5);
    rig.Send(put);
    rig.Run();
    return put;
  }
  void Push(const Envelope& put, const std::string& bytes) {
    rig.Push(rig.Token(put), bytes);
    rig.Run();
  }
  PillarRig rig;
  const Envelope first = Ask();
  const Envelope second = Ask();
};

TEST_F(PutRace, TheLaterIsNotAcceptedBeforeTheFirstHasEnded) {
  EXPECT_THAT(rig.Token(first), Not(IsEmpty()));
  rig.Run(absl::Seconds(5));
  EXPECT_THAT(rig.Token(second), IsEmpty());
  EXPECT_EQ(rig.Finals(second), 0);
  Push(first, "hello");
  EXPECT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
  EXPECT_THAT(rig.Token(second), Not(IsEmpty()));
}

TEST_F(PutRace, TheLaterOfTheSameBytesFindsThemHeld) {
  Push(first, "hello");
  Push(second, "hello");
  EXPECT_EQ(rig.Code(second), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(rig.Final(second)->body.put_file_final().already_held());
  EXPECT_EQ(rig.Final(second)->body.put_file_final().file().generation_id(),
            first.header.conversation_id());
}

TEST_F(PutRace, TheLaterOfOtherBytesIsADuplicate) {
  Push(first, "hello");
  Push(second, "HELLO");
  EXPECT_EQ(rig.Code(second), wire::DUPLICATE_FILE_FAILURE);
  EXPECT_EQ(rig.Stored("a"), "hello");
}

TEST_F(PutRace, WhenTheFirstIsWithdrawnTheNextIsTakenUp) {
  const Envelope third = Ask();
  rig.Send(rig.CancelOf(second));  // leaves from the middle of the line
  rig.Send(rig.CancelOf(first));
  rig.Run();
  EXPECT_EQ(rig.Code(second), wire::CANCELLED);
  Push(third, "HELLO");
  EXPECT_EQ(rig.Code(third), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig.Stored("a"), "HELLO");
}

TEST_F(PutRace, OneWhoseBytesStandStillGivesWay) {
  rig.Run(absl::Seconds(12));
  EXPECT_EQ(rig.Code(first), wire::CONFLICT);
  Push(second, "hello");
  EXPECT_EQ(rig.Code(second), wire::OPERATION_COMPLETED);
}

TEST_F(PutRace, OneThatNobodyWaitsForMayStandStill) {
  rig.Send(rig.CancelOf(second));
  rig.Run(absl::Minutes(2));
  EXPECT_EQ(rig.Finals(first), 0);
  Push(first, "hello");
  EXPECT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
}

TEST(PutOfMovingBytes, IsNotDisturbedAndTheLaterIsRefusedWhenItsPatienceEnds) {
  PillarRig rig;
  constexpr uint64_t kSize = 30 << 20;
  const Envelope first = rig.Put("a", kSize);
  rig.Send(first);
  rig.Run();
  rig.Push(rig.Token(first), std::make_shared<DrippingSource>(rig.loop, kSize));
  const Envelope second = rig.Put("a", 5);
  rig.Send(second);
  rig.Run(absl::Seconds(14));
  EXPECT_EQ(rig.Finals(second), 0);
  rig.Run(absl::Seconds(3));
  EXPECT_EQ(rig.Code(second), wire::CONFLICT);
  rig.Run(absl::Minutes(1));
  EXPECT_EQ(rig.Code(first), wire::OPERATION_COMPLETED);
}

TEST(PutOfAnotherId, DoesNotWait) {
  PillarRig rig;
  for (const char* id : {"a", "b"}) {
    const Envelope put = rig.Put(id, 5);
    rig.Send(put);
    rig.Run();
    EXPECT_THAT(rig.Token(put), Not(IsEmpty())) << id;
  }
}

}  // namespace
}  // namespace bitrepo::pillar
