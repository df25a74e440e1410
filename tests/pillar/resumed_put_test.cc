// SPDX-License-Identifier: Apache-2.0
// A put that was cut short goes on where it stopped, whoever died [S-60] [S-61] [S-62] [B31]; what
// came does not go again [D-60].
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/runtime/system_disk.h"
#include "bus/protocol/response_code.h"
#include "pillar/requests/incoming_file.h"
#include "pillar/store/disk_file_store.h"
#include "tests/pillar/change_asks.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::pillar {
namespace {

using protocol::Envelope;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kSize = 6 * kMiB;
constexpr uint64_t kCame = 4 * kMiB;  // before it is cut
constexpr absl::Duration kTerm = absl::Hours(1);

// Gives no byte from `until` on, and counts what it gives.
class CutSource final : public channel::Source {
 public:
  CutSource(std::string text, uint64_t until) : text_(std::move(text)), until_(until) {}
  uint64_t size_bytes() const override { return text_.size(); }
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override {
    if (range.end() > until_) {
      waiting_.push_back(std::move(done));
      return;
    }
    given += range.length();
    done(base::Buffer::Of(text_.substr(range.offset(), range.length())));
  }
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override {
    done(channel::CommitFacts{text_.size(), Sha256Of(text_)});
  }
  void Finished(const absl::Status& /*how*/) override {
    for (auto& done : waiting_) done(absl::CancelledError("over"));
    waiting_.clear();
  }

  uint64_t given = 0;

 private:
  const std::string text_;
  const uint64_t until_;
  std::vector<absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)>> waiting_;
};

class ResumedPutTest : public ::testing::Test {
 protected:
  ResumedPutTest() {
    RigOptions options;
    options.open_store = [this](PillarRig& at) {
      disk_ = runtime::SystemDisk::Open(directory_.path()).value();
      store::DiskStoreOptions of_store;
      of_store.collections = {{Photos(), nullptr}, {*base::CollectionId::Parse("sounds"), nullptr}};
      of_store.keep_free_bytes = 0;
      of_store.staging.kept = kTerm;
      store_ = store::DiskFileStore::Open(of_store, *disk_, at.loop.clock(), random_).value();
      return RigStore{store_.get(), nullptr};
    };
    options.close_store = [this] { store_.reset(); };
    rig_ = std::make_unique<PillarRig>(std::move(options));
  }

  Envelope NewPut(absl::string_view stamp = "stamp", absl::string_view principal = "alice") {
    PillarRig::Ask ask;
    ask.operation = wire::PUT_FILE;
    ask.principal = std::string(principal);
    wire::PutFileRequest& request = *ask.body.mutable_put_file_request();
    request.set_file_id("f");
    request.set_size_bytes(kSize);
    request.set_source_stamp(std::string(stamp));
    return rig_->Request(ask);
  }
  // Asked, and looked at once it was told what to do.
  Envelope Ask(const Envelope& put) {
    rig_->Send(put);
    rig_->Run(absl::Seconds(1));
    return put;
  }
  std::shared_ptr<CutSource> Push(const Envelope& put, uint64_t until = kSize) {
    return PushText(put, bytes_, until);
  }
  std::shared_ptr<CutSource> PushText(const Envelope& put, const std::string& text,
                                      uint64_t until = kSize) {
    auto source = std::make_shared<CutSource>(text, until);
    rig_->Push(rig_->Token(put), source);
    rig_->Run(absl::Seconds(2));
    return source;
  }
  // Part of it came, and the stream is open.
  Envelope BeginPut() {
    const Envelope put = Ask(NewPut());
    EXPECT_EQ(Push(put, kCame)->given, kCame);
    return put;
  }
  uint64_t Held(const Envelope& put) const {
    uint64_t held = 0;
    for (const Envelope& told : rig_->Progress(put)) {
      held = std::max<uint64_t>(held, told.body.put_file_progress().held_bytes());
    }
    return held;
  }
  void ExpectGoesOn(const Envelope& put) {
    EXPECT_EQ(Held(put), kCame);
    EXPECT_EQ(Push(put)->given, kSize - kCame);
    EXPECT_EQ(rig_->Code(put), wire::OPERATION_COMPLETED);
    EXPECT_EQ(rig_->GetFile("f"), std::make_pair(wire::OPERATION_COMPLETED, bytes_));
    EXPECT_TRUE(std::filesystem::is_empty(directory_.Path("photos/staging")));
  }

  testing_support::TempDir directory_;
  base::SeededRandom random_{5};
  const std::string bytes_ = random_.Bytes(kSize);
  std::unique_ptr<runtime::SystemDisk> disk_;
  std::unique_ptr<store::DiskFileStore> store_;
  std::unique_ptr<PillarRig> rig_;  // dies first
};

TEST_F(ResumedPutTest, TheSamePutAgainGoesOnWhenItsClientHasDied) {
  const Envelope first = BeginPut();
  rig_->RestartClient();
  const Envelope second = Ask(NewPut());
  rig_->Run(absl::Seconds(2));
  EXPECT_EQ(rig_->Code(first), wire::CANCELLED);
  EXPECT_THAT(rig_->Final(first)->body.response().text(),
              HasSubstr(second.conversation().ToString()));
  ExpectGoesOn(second);
}

TEST_F(ResumedPutTest, TheSamePutAgainGoesOnWhenThePillarHasDied) {
  BeginPut();
  rig_->Restart();
  ExpectGoesOn(Ask(NewPut()));
}

TEST_F(ResumedPutTest, ARepeatedRequestGoesOnWithAFreshTokenWhenThePillarHasDied) {
  const Envelope put = BeginPut();
  const std::string token = rig_->Token(put);
  rig_->Restart();
  Ask(put);
  EXPECT_NE(rig_->Token(put), token);
  ExpectGoesOn(put);
}

TEST_F(ResumedPutTest, AWithdrawnPutGoesOn) {
  const Envelope first = BeginPut();
  rig_->Send(rig_->CancelOf(first));
  rig_->Run(absl::Seconds(1));
  EXPECT_EQ(rig_->Code(first), wire::CANCELLED);
  ExpectGoesOn(Ask(NewPut()));
}

TEST_F(ResumedPutTest, OneThatIsSentForDoesNotGiveWayToTheSame) {
  const Envelope first = BeginPut();
  const Envelope second = Ask(NewPut());
  rig_->Run(absl::Seconds(5));
  EXPECT_EQ(rig_->Finals(first), 0);
  EXPECT_THAT(rig_->Token(second), IsEmpty());
}

TEST_F(ResumedPutTest, OneThatNobodySendsForGivesWayOnlyToTheSameBytesOfTheSameAsker) {
  const Envelope first = BeginPut();
  rig_->RestartClient();
  const Envelope other = Ask(NewPut("another stamp"));
  const Envelope of_bob = Ask(NewPut("stamp", "bob"));
  rig_->Run(absl::Seconds(5));
  EXPECT_EQ(rig_->Finals(first), 0);
  EXPECT_THAT(rig_->Token(other), IsEmpty());
  EXPECT_THAT(rig_->Token(of_bob), IsEmpty());
}

TEST_F(ResumedPutTest, OneThatWasJustAcceptedDoesNotGiveWay) {
  const Envelope first = NewPut();
  rig_->Send(first);
  rig_->Run();
  Ask(NewPut());
  EXPECT_EQ(rig_->Finals(first), 0);
  EXPECT_EQ(Push(first)->given, kSize);
  EXPECT_EQ(rig_->Code(first), wire::OPERATION_COMPLETED);
}

TEST_F(ResumedPutTest, OtherBytesUnderTheSameMarkAreRefusedAndNothingIsKept) {
  const Envelope first = BeginPut();
  rig_->Send(rig_->CancelOf(first));
  rig_->Run(absl::Seconds(1));
  const Envelope second = Ask(NewPut());
  std::string other = bytes_;
  other[0] = static_cast<char>(other[0] ^ 1);  // of what came before
  PushText(second, other);
  EXPECT_EQ(rig_->Code(second), wire::NEW_FILE_CHECKSUM_FAILURE);
  EXPECT_THAT(rig_->Final(second)->body.response().text(), HasSubstr("run the same command again"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_.Path("photos/staging")));
  const Envelope third = Ask(NewPut());
  EXPECT_EQ(Held(third), 0u);
  EXPECT_EQ(PushText(third, other)->given, kSize);
  EXPECT_EQ(rig_->Code(third), wire::OPERATION_COMPLETED);
}

TEST_F(ResumedPutTest, OneWithoutAMarkBeginsAnew) {
  rig_->Send(rig_->CancelOf([&] {
    const Envelope put = Ask(NewPut(""));
    Push(put, kCame);
    return put;
  }()));
  rig_->Run(absl::Seconds(1));
  EXPECT_EQ(Held(Ask(NewPut(""))), 0u);
}

TEST_F(ResumedPutTest, TheDigestIsAMarkToo) {
  const auto with_digest = [&] {
    PillarRig::Ask ask;
    ask.operation = wire::PUT_FILE;
    wire::PutFileRequest& request = *ask.body.mutable_put_file_request();
    request.set_file_id("f");
    request.set_size_bytes(kSize);
    request.mutable_digest()->set_algorithm(wire::SHA256);
    request.mutable_digest()->set_value(Sha256Of(bytes_).bytes());
    return rig_->Request(ask);
  };
  const Envelope first = Ask(with_digest());
  Push(first, kCame);
  rig_->Send(rig_->CancelOf(first));
  rig_->Run(absl::Seconds(1));
  ExpectGoesOn(Ask(with_digest()));
}

TEST_F(ResumedPutTest, AReplaceGoesOnToo) {
  ASSERT_EQ(rig_->PutFile("f", "old"), wire::OPERATION_COMPLETED);
  const auto replace = [&] {
    PillarRig::Ask ask;
    ask.operation = wire::REPLACE_FILE;
    wire::ReplaceFileRequest& request = *ask.body.mutable_replace_file_request();
    request.set_file_id("f");
    request.set_size_bytes(kSize);
    request.set_source_stamp("stamp");
    request.mutable_old_digest()->set_algorithm(wire::SHA256);
    request.mutable_old_digest()->set_value(Sha256Of("old").bytes());
    return rig_->Request(ask);
  };
  const Envelope first = Ask(replace());
  Push(first, kCame);
  rig_->Restart();
  const Envelope second = Ask(replace());
  uint64_t held = 0;
  for (const Envelope& told : rig_->Progress(second)) {
    held = std::max<uint64_t>(held, told.body.replace_file_progress().held_bytes());
  }
  EXPECT_EQ(held, kCame);
  EXPECT_EQ(Push(second)->given, kSize - kCame);
  EXPECT_EQ(rig_->Code(second), wire::OPERATION_COMPLETED);
}

TEST_F(ResumedPutTest, StatusTellsWhatComesInAndWhatWaits) {
  const auto staged = [&] {
    PillarRig::Ask ask;
    ask.operation = wire::GET_STATUS;
    ask.body.mutable_get_status_request();
    const Envelope asked = Ask(rig_->Request(ask));
    const wire::GetStatusFinal& status = rig_->Final(asked)->body.get_status_final();
    EXPECT_EQ(status.staged_files(), 1u);
    EXPECT_EQ(status.staged_bytes(), kCame);
    return status.staged_size() == 1 ? status.staged(0) : wire::StagedBytes();
  };
  const Envelope put = BeginPut();
  const wire::StagedBytes coming = staged();
  EXPECT_EQ(coming.collection_id(), "photos");
  EXPECT_EQ(coming.file_id(), "f");
  EXPECT_EQ(coming.principal(), "alice");
  EXPECT_EQ(coming.bytes_done(), kCame);
  EXPECT_EQ(coming.bytes_total(), kSize);
  EXPECT_EQ(coming.kept_until_us(), 0);
  rig_->Send(rig_->CancelOf(put));
  rig_->Run(absl::Seconds(1));
  const absl::Duration kept =
      absl::FromUnixMicros(staged().kept_until_us()) - rig_->loop.clock().WallNow();
  EXPECT_GT(kept, kTerm - absl::Minutes(1));
  EXPECT_LE(kept, kTerm);
}

TEST_F(ResumedPutTest, WhatWaitsIsGivenUpAfterItsTerm) {
  const Envelope put = BeginPut();
  rig_->Send(rig_->CancelOf(put));
  rig_->Run(absl::Seconds(1));
  rig_->Run(kTerm - absl::Minutes(1));
  EXPECT_FALSE(std::filesystem::is_empty(directory_.Path("photos/staging")));
  rig_->Run(absl::Hours(1) + absl::Minutes(2));  // the next look
  EXPECT_TRUE(std::filesystem::is_empty(directory_.Path("photos/staging")));
}

}  // namespace
}  // namespace bitrepo::pillar
