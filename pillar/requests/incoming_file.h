// SPDX-License-Identifier: Apache-2.0
// Bytes that come in under a token, are proved, and are published whole or not at all: what a put
// and a replace have in common.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "pillar/requests/file_change.h"
#include "pillar/requests/source_fetch.h"
#include "pillar/requests/staged_sink.h"
#include "pillar/requests/transfer_watch.h"

namespace bitrepo::requests {

// A change whose bytes have stood still so long gives way to one that waits for the same file: its
// asker has probably died, and the same change comes again.
inline constexpr absl::Duration kGiveWayAfter = absl::Seconds(10);
// One whose connection is gone for so long gives way to one that brings the same bytes from the
// same asker: that one goes on with what has come.
inline constexpr absl::Duration kGiveWayToTwinAfter = absl::Seconds(1);

// What stood there before, and what that means, is decided by the change itself; all else is here.
// Where no bytes are kept, only the digest may come (ChecksumIntake).
class IncomingFile : public FileChange {
 public:
  using FileChange::FileChange;
  void OnTurn() final;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 protected:
  // What the request says of the new file.
  struct Order {
    std::optional<uint64_t> size_bytes;
    DigestWish wish;
    store::StagingKey key;
    bool background = false;  // its bytes yield to all others
  };
  enum class Likeness { kSame, kOther, kUnknown };

  // Its turn, and what it is to be told about its bytes is there.
  virtual void Look() = 0;
  // The bytes are here and are those that were announced.
  virtual void OnArrived() = 0;
  // They could not be published, for a reason that is not the store's own.
  virtual void OnNotPublished(const absl::Status& why) = 0;
  // `held_bytes` need not come: they came before.
  virtual wire::Body Accepted(bool digest_only, uint64_t held_bytes) const = 0;
  // The final for the new file as it is recorded, with `digests` of it.
  virtual wire::Body Completed(const wire::FileInfo& file, bool already_held,
                               std::vector<wire::Digest> digests) const = 0;

  template <typename Request>
  absl::Status ReadOrder(const Request& asked);
  const Order& order() const { return order_; }
  static Likeness Compare(const store::FileRecord& existing, const Order& order);
  // What a worker found before anything is promised.
  struct Prepared {
    absl::Status status;
    std::optional<store::FileRecord> existing;
    std::unique_ptr<store::StagedFile> staged;  // nothing when the existing file decides it
  };
  // A place for the bytes, or why there is none. Blocks.
  static void MakePlace(store::FileStore& store, const Target& target, const Order& order,
                        Prepared& prepared);

  // Asks for the bytes, or for their digest alone.
  void Receive(std::unique_ptr<store::StagedFile> staged);
  // Of the bytes that came. Requires: OnArrived was called.
  const store::StagedFile::Facts& facts() const { return *facts_; }
  // `replaces`: as in store::Publication.
  void Publish(std::optional<base::Digest> replaces);
  // What came is not needed.
  void DropArrived();
  // What stands there has these bytes: success, and nothing is changed.
  void EndHeld(const store::FileRecord& existing);
  void Tell(wire::Body final) override;

 private:
  FileLine::Burden Brings() const override;
  uint64_t bytes_max() const;  // of a file of this collection
  bool CanTakeDigestOnly() const;
  // Where the bytes come from: whoever holds a token of this pillar, or another component.
  void GrantAll(bool digest_only);
  void FetchAll(bool digest_only);
  void OnTransferEnded(const absl::Status& how);
  void OnSealed(SealedFile sealed);
  // What is wrong with the bytes that came; OK when nothing is.
  absl::Status Judge(const SealedFile& sealed) const;
  void TellPhase(wire::Phase phase);
  // True when it has given way to another change of the file.
  bool GaveWay(absl::Time now);
  void Archive(std::optional<base::Digest> replaces);
  void OnArchived(const absl::Status& how, std::optional<base::Digest> replaces);
  void Commit(std::optional<base::Digest> replaces);
  void OnPublished(absl::StatusOr<store::FileRecord> record);

  Order order_;
  std::optional<SourceToken> source_;          // where the bytes are, unless the asker sends them
  std::unique_ptr<TransferWatch> transfer_;    // from Receive on
  std::shared_ptr<StagedSink> sink_;           // until the file is sealed
  uint64_t held_bytes_ = 0;                    // that had come before
  std::unique_ptr<store::StagedFile> staged_;  // sealed
  std::unique_ptr<store::SlowStore::Work> archiving_;
  std::optional<store::StagedFile::Facts> facts_;
  std::vector<wire::Digest> computed_;
  wire::Body final_;                                          // being recorded with the bytes
  absl::AnyInvocable<void(wire::ResponseInfo)> tell_sender_;  // of its COMMIT
};

}  // namespace bitrepo::requests
