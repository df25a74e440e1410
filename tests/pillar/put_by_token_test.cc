// SPDX-License-Identifier: Apache-2.0
// A put whose bytes the pillar gets by itself, by the token of another component.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "base/runtime/system_disk.h"
#include "channel/transfer/receiver.h"
#include "pillar/requests/source_fetch.h"
#include "pillar/store/disk_file_store.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::pillar {
namespace {

using ::testing::HasSubstr;

constexpr size_t kBytes = 5 << 20;

std::string Text(size_t size) {
  std::string text = base::SeededRandom(3).Bytes(4096);
  while (text.size() < size) text += text;
  text.resize(size);
  return text;
}

channel::ChannelOptions SourceNode() {
  channel::ChannelOptions options;
  options.node = "p2";
  return options;
}

// A component that grants what a test says, beside the pillar.
class PutByToken : public ::testing::Test {
 protected:
  explicit PutByToken(RigOptions options = {}) : rig_(std::move(options)) {
    EXPECT_TRUE(channel_.Start().ok());
  }

  struct Offer {
    std::string text;
    std::shared_ptr<channel::TextSource> source;
    std::optional<absl::Status> end;
  };
  // A token of the whole of `bytes`, after `change`.
  Offer& Grant(const std::string& bytes,
               const std::function<void(wire::TokenBody&)>& change = nullptr) {
    wire::TokenBody body;
    body.set_token_id(base::TokenId::Make(rig_.loop.clock().WallNow(), rig_.random).ToBytes());
    body.set_conversation_id(
        base::ConversationId::Make(rig_.loop.clock().WallNow(), rig_.random).ToBytes());
    body.set_issuer("p2");
    body.add_endpoints("memory://p2");
    body.set_verb(wire::FETCH);
    body.set_collection_id("photos");
    body.set_file_id("a");
    body.set_offset(0);
    body.set_length(bytes.size());
    body.set_file_size(bytes.size());
    body.mutable_digest()->set_algorithm(wire::SHA256);
    body.mutable_digest()->set_value(base::Hasher::Of(base::Algorithm::kSha256, bytes).bytes());
    if (change) change(body);
    Offer& offer = offers_.emplace_back();
    offer.text = mint_.Seal(body, rig_.loop.Now() + absl::Hours(1));
    offer.source = std::make_shared<channel::TextSource>(bytes);
    if (body.verb() == wire::FETCH) {
      channel::TransferEvents events;
      events.on_end = [&offer](absl::Status how) { offer.end = std::move(how); };
      channel_.GrantFetch(body, offer.source, std::move(events));
    }
    return offer;
  }
  protocol::Envelope Put(const std::string& token, const std::string& bytes,
                         const std::string& file_id = "a") {
    PillarRig::Ask ask;
    ask.operation = wire::PUT_FILE;
    wire::PutFileRequest& put = *ask.body.mutable_put_file_request();
    put.set_file_id(file_id);
    put.set_size_bytes(bytes.size());
    put.mutable_digest()->set_algorithm(wire::SHA256);
    put.mutable_digest()->set_value(base::Hasher::Of(base::Algorithm::kSha256, bytes).bytes());
    put.set_from_source(true);
    ask.secret = token;
    protocol::Envelope request = rig_.Request(std::move(ask));
    rig_.Send(request);
    return request;
  }
  std::string TextOf(const protocol::Envelope& asked) const {
    const wire::Body* reply = rig_.Reply(asked);
    return reply == nullptr ? "" : reply->response().text();
  }

  const std::string bytes_ = Text(kBytes);
  std::deque<Offer> offers_;  // told of their ends also when the channel dies
  PillarRig rig_;
  transfer::TokenMint mint_{std::string(32, 's'), std::string(16, 's')};
  channel::MemoryChannelLink link_{rig_.net(), rig_.loop, "memory://p2"};
  channel::Channel channel_{SourceNode(), rig_.loop, link_, mint_, rig_.random};
};

// [D-72]
TEST_F(PutByToken, FetchesTheFileKeepsItAndTellsTheSourceWhenItIsDurable) {
  Offer& offer = Grant(bytes_);
  const protocol::Envelope put = Put(offer.text, bytes_);
  ASSERT_TRUE(rig_.Progress(put).empty());
  rig_.Run(absl::Seconds(3));
  EXPECT_EQ(rig_.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig_.Stored("a"), bytes_);
  ASSERT_TRUE(offer.end.has_value());
  EXPECT_TRUE(offer.end->ok());
  EXPECT_EQ(offer.source->read_bytes, kBytes);
  ASSERT_FALSE(rig_.Progress(put).empty());
  EXPECT_EQ(rig_.Progress(put)[0].body.response().code(), wire::OPERATION_ACCEPTED_PROGRESS);
  for (const protocol::Envelope& progress : rig_.Progress(put)) {
    EXPECT_TRUE(progress.secret.empty()) << "there is nothing to be pushed";
  }
}

TEST_F(PutByToken, AnEmptyFileComesToo) {
  const protocol::Envelope put = Put(Grant("").text, "");
  rig_.Run(absl::Seconds(1));
  EXPECT_EQ(rig_.Code(put), wire::OPERATION_COMPLETED);
}

TEST_F(PutByToken, WhatIsHeldAlreadyIsNotFetched) {
  ASSERT_EQ(rig_.PutFile("a", bytes_), wire::OPERATION_COMPLETED);
  Offer& offer = Grant(bytes_);
  const protocol::Envelope put = Put(offer.text, bytes_);
  rig_.Run(absl::Seconds(1));
  EXPECT_EQ(rig_.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_TRUE(rig_.Reply(put)->put_file_final().already_held());
  EXPECT_EQ(offer.source->read_bytes, 0u);
}

// [D-71]
TEST_F(PutByToken, ATokenThatDoesNotGrantTheWholeFileIsRefusedBeforeAnythingIsDialled) {
  const struct {
    const char* what;
    std::function<void(wire::TokenBody&)> change;
  } kCases[] = {
      {"a store", [](wire::TokenBody& body) { body.set_verb(wire::STORE); }},
      {"a list", [](wire::TokenBody& body) { body.set_content(wire::LIST); }},
      {"a tail", [](wire::TokenBody& body) { body.set_offset(1); }},
      {"a part", [](wire::TokenBody& body) { body.set_length(kBytes - 1); }},
      {"another size",
       [](wire::TokenBody& body) {
         body.set_file_size(kBytes + 1);
         body.set_length(kBytes + 1);
       }},
      {"no digest", [](wire::TokenBody& body) { body.clear_digest(); }},
  };
  for (const auto& row : kCases) {
    const protocol::Envelope put = Put(Grant(bytes_, row.change).text, bytes_);
    rig_.Run(absl::Seconds(1));
    EXPECT_EQ(rig_.Code(put), wire::REQUEST_NOT_UNDERSTOOD_FAILURE) << row.what;
  }
  const protocol::Envelope garbage = Put("brt1_nothing", bytes_);
  rig_.Run(absl::Seconds(1));
  EXPECT_EQ(rig_.Code(garbage), wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  EXPECT_EQ(rig_.net().connection_count(), 0u);
  EXPECT_EQ(rig_.Stored("a"), "");
}

// [D-73]
TEST_F(PutByToken, ASourceThatIsNotThereEndsItAndIsNamed) {
  const protocol::Envelope put = Put(Grant(bytes_,
                                           [](wire::TokenBody& body) {
                                             body.clear_endpoints();
                                             body.add_endpoints("memory://nobody");
                                           })
                                         .text,
                                     bytes_);
  rig_.Run(absl::Minutes(1));
  EXPECT_EQ(rig_.Code(put), wire::FILE_TRANSFER_FAILURE);
  EXPECT_THAT(TextOf(put), HasSubstr("p2"));
  EXPECT_EQ(rig_.Stored("a"), "");
}

// [D-73]
TEST_F(PutByToken, ASourceThatFindsItsCopyDamagedEndsItAndNothingIsKept) {
  Offer& offer = Grant(bytes_);
  offer.source->fail_at = *base::ByteRange::Make(kBytes / 2, 1);
  const protocol::Envelope put = Put(offer.text, bytes_);
  rig_.Run(absl::Seconds(5));
  EXPECT_EQ(rig_.Code(put), wire::FILE_TRANSFER_FAILURE);
  EXPECT_THAT(TextOf(put), HasSubstr("damaged"));
  EXPECT_EQ(rig_.Stored("a"), "");
}

// [D-72]
TEST_F(PutByToken, WrongBytesAreRefusedAtBothEnds) {
  std::string wrong = bytes_;
  wrong[kBytes / 3] ^= 1;
  Offer& offer = Grant(wrong, [this](wire::TokenBody& body) {
    body.mutable_digest()->set_value(base::Hasher::Of(base::Algorithm::kSha256, bytes_).bytes());
  });
  const protocol::Envelope put = Put(offer.text, bytes_);
  rig_.Run(absl::Seconds(5));
  EXPECT_EQ(rig_.Code(put), wire::NEW_FILE_CHECKSUM_FAILURE);
  ASSERT_TRUE(offer.end.has_value());
  EXPECT_FALSE(offer.end->ok());
  EXPECT_EQ(rig_.Stored("a"), "");
}

TEST_F(PutByToken, OtherBytesThanTheRequestNamesAreRefused) {
  std::string other = bytes_;
  other.back() ^= 1;
  const protocol::Envelope put = Put(Grant(other).text, bytes_);
  rig_.Run(absl::Seconds(5));
  EXPECT_EQ(rig_.Code(put), wire::NEW_FILE_CHECKSUM_FAILURE);
  EXPECT_EQ(rig_.Stored("a"), "");
}

TEST_F(PutByToken, ACutConnectionIsDialledAgainForWhatIsMissing) {
  Offer& offer = Grant(bytes_);
  offer.source->hold = true;
  const protocol::Envelope put = Put(offer.text, bytes_);
  rig_.Run(absl::Milliseconds(100));
  offer.source->hold = false;
  offer.source->ReleaseAll();
  rig_.Run(absl::Milliseconds(3));
  ASSERT_EQ(rig_.Final(put), nullptr);
  rig_.net().CutAll();
  rig_.Run(absl::Seconds(10));
  EXPECT_EQ(rig_.Code(put), wire::OPERATION_COMPLETED);
  EXPECT_EQ(rig_.Stored("a"), bytes_);
}

TEST_F(PutByToken, WithdrawnItStopsFetching) {
  Offer& offer = Grant(bytes_);
  offer.source->hold = true;
  const protocol::Envelope put = Put(offer.text, bytes_);
  rig_.Run(absl::Milliseconds(100));
  rig_.Send(rig_.CancelOf(put));
  rig_.Run(absl::Seconds(1));
  EXPECT_EQ(rig_.Code(put), wire::CANCELLED);
  ASSERT_TRUE(offer.end.has_value());
  EXPECT_FALSE(offer.end->ok());
}

// [D-73]
TEST_F(PutByToken, SoManyAtOnceAndNoMore) {
  std::vector<protocol::Envelope> puts;
  for (uint32_t i = 0; i <= requests::kSourceFetchesMax; ++i) {
    const std::string id = "a" + std::to_string(i);
    Offer& offer = Grant(bytes_, [&id](wire::TokenBody& body) { body.set_file_id(id); });
    offer.source->hold = true;
    puts.push_back(Put(offer.text, bytes_, id));
  }
  rig_.Run(absl::Seconds(1));
  for (uint32_t i = 0; i < requests::kSourceFetchesMax; ++i) {
    EXPECT_EQ(rig_.Final(puts[i]), nullptr) << i;
  }
  EXPECT_EQ(rig_.Code(puts.back()), wire::BUSY);
  for (Offer& offer : offers_) {
    offer.source->hold = false;
    offer.source->ReleaseAll();
  }
  rig_.Run(absl::Seconds(20));
  EXPECT_EQ(rig_.Code(puts.front()), wire::OPERATION_COMPLETED);
  const protocol::Envelope again = Put(Grant(bytes_).text, bytes_);
  rig_.Run(absl::Seconds(5));
  EXPECT_EQ(rig_.Code(again), wire::OPERATION_COMPLETED);
}

TEST_F(PutByToken, APillarThatKeepsDigestsOnlyFetchesNoByte) {
  RigOptions options;
  options.kind = wire::CHECKSUM_PILLAR;
  PillarRig checksums(options);
  checksums.store.keeps = false;
  Offer& offer = Grant(bytes_);
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  wire::PutFileRequest& put = *ask.body.mutable_put_file_request();
  put.set_file_id("a");
  put.set_size_bytes(bytes_.size());
  put.mutable_digest()->set_algorithm(wire::SHA256);
  put.mutable_digest()->set_value(base::Hasher::Of(base::Algorithm::kSha256, bytes_).bytes());
  put.set_from_source(true);
  ask.secret = offer.text;
  const protocol::Envelope request = checksums.Request(std::move(ask));
  checksums.Send(request);
  checksums.Run(absl::Seconds(2));
  ASSERT_FALSE(checksums.Progress(request).empty());
  EXPECT_TRUE(checksums.Progress(request).front().body.put_file_progress().digest_only());
  // The digest alone has come to the store, and the one of this rig wants bytes.
  EXPECT_EQ(checksums.Code(request), wire::REQUEST_NOT_SUPPORTED);
  EXPECT_EQ(offer.source->read_bytes, 0u);
}

// A store that keeps what came of a file in part.
class DiskHome {
 protected:
  RigOptions Options() {
    RigOptions options;
    options.open_store = [this](PillarRig& rig) {
      disk_ = runtime::SystemDisk::Open(directory_.path()).value();
      store::DiskStoreOptions of_store;
      of_store.collections = {{Photos(), nullptr}};
      of_store.keep_free_bytes = 0;
      store_ = store::DiskFileStore::Open(of_store, *disk_, rig.loop.clock(), random_).value();
      return RigStore{store_.get(), nullptr};
    };
    options.close_store = [this] { store_.reset(); };
    return options;
  }

  testing_support::TempDir directory_;
  base::SeededRandom random_{5};
  std::unique_ptr<runtime::SystemDisk> disk_;
  std::unique_ptr<store::DiskFileStore> store_;
};

class ResumedPutByToken : private DiskHome, public PutByToken {
 protected:
  static constexpr uint64_t kPieceBytes = 4096;
  ResumedPutByToken() : PutByToken(Options()) {}

  // So many pieces of the file came earlier, a hole behind each.
  void Leave(size_t pieces) {
    const store::StagingKey key{"alice", Sha256Of(bytes_).ToString(), "earlier"};
    const auto staged = store_->StageAgain(Photos(), File("a"), kBytes, key).value();
    for (uint64_t i = 0; i < pieces; ++i) {
      const uint64_t at = 2 * i * kPieceBytes;
      const std::span<const char> piece = std::span(bytes_).subspan(at, kPieceBytes);
      ASSERT_TRUE(staged->Write(at, std::as_bytes(piece)).ok());
    }
  }
  uint64_t BytesDone(const protocol::Envelope& put) const {
    uint64_t done = 0;
    for (const protocol::Envelope& told : rig_.Progress(put)) {
      done = std::max<uint64_t>(done, told.body.progress().bytes_done());
    }
    return done;
  }
  // `comes`: what of the file the source is read for.
  void ExpectGoesOn(size_t pieces, uint64_t comes) {
    Leave(pieces);
    Offer& offer = Grant(bytes_);
    offer.source->hold = true;
    const protocol::Envelope put = Put(offer.text, bytes_);
    rig_.Run(absl::Seconds(3));
    EXPECT_EQ(BytesDone(put), pieces * kPieceBytes);
    offer.source->hold = false;
    offer.source->ReleaseAll();
    rig_.Run(absl::Seconds(3));
    EXPECT_EQ(rig_.Code(put), wire::OPERATION_COMPLETED) << TextOf(put);
    EXPECT_EQ(offer.source->read_bytes, comes);
    EXPECT_TRUE(rig_.GetFile("a").second == bytes_);
  }
};

// [S-60]
TEST_F(ResumedPutByToken, OnlyWhatIsMissingIsFetched) { ExpectGoesOn(1, kBytes - kPieceBytes); }

TEST_F(ResumedPutByToken, AlsoWhereItHasAsManyHolesAsAReceiverHasPieces) {
  ExpectGoesOn(transfer::kFragmentsMax, kBytes - transfer::kFragmentsMax * kPieceBytes);
}

TEST_F(ResumedPutByToken, OfOneMoreTheLastPieceComesAgain) {
  ExpectGoesOn(transfer::kFragmentsMax + 1, kBytes - transfer::kFragmentsMax * kPieceBytes);
}

}  // namespace
}  // namespace bitrepo::pillar
