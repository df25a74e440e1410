// SPDX-License-Identifier: Apache-2.0
// PutFile: takes the bytes of a new file under a token, proves them, and publishes them whole or
// not at all.
#pragma once

#include <memory>
#include <optional>

#include "pillar/requests/grant.h"
#include "pillar/requests/request_handler.h"
#include "pillar/requests/staged_sink.h"

namespace bitrepo::requests {

// A put that lasts longer than this is noted as under way, so that a death of the pillar leaves a
// trace of it. A shorter
// one is only ever recorded with its final.
inline constexpr absl::Duration kNoteAfter = absl::Seconds(1);

// Of two puts of one id the later waits for its turn this long, and is then refused CONFLICT. One
// whose bytes have stood still so long gives way: its asker has probably died, and the same put
// comes again.
inline constexpr absl::Duration kTurnPatience = absl::Seconds(15);
inline constexpr absl::Duration kGiveWayAfter = absl::Seconds(10);

// Ends with one of: OPERATION_COMPLETED (durable, or already held with these bytes),
// DUPLICATE_FILE_FAILURE, CONFLICT (another put of the id is under way),
// NEW_FILE_CHECKSUM_FAILURE, NO_SPACE, FILE_TRANSFER_FAILURE, EXPIRED, CANCELLED, BUSY, FAILURE.
// Nothing is stored but in the first.
// Every final is on record before it is told.
class PutFile final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 private:
  enum class Stage { kWaiting, kPreparing, kReceiving, kPublishing, kComparing, kClosing };
  // What a worker found out before anything is promised.
  struct Prepared {
    absl::Status status;
    std::optional<store::FileRecord> existing;
    std::unique_ptr<store::StagedFile> staged;  // nothing when the existing file decides it
  };
  struct Order {
    base::CollectionId collection;
    base::FileId file_id;
    std::optional<uint64_t> size_bytes;
    std::optional<base::Digest> digest;
  };
  enum class Likeness { kSame, kOther, kUnknown };

  absl::StatusOr<Order> Parse() const;
  void OnTurn();
  static Prepared Prepare(store::FileStore& store, const Order& order);
  static Likeness Compare(const store::FileRecord& existing, const Order& order);
  void OnPrepared(Prepared prepared);
  void Receive(std::unique_ptr<store::StagedFile> staged);
  void OnTransferEnded(const absl::Status& how);
  void OnSealed(SealedPut put);
  // What is wrong with the bytes that came; OK when nothing is.
  absl::Status Judge(const SealedPut& put) const;
  void Publish(SealedPut put);
  void OnPublished(absl::StatusOr<store::FileRecord> record);
  void OnFoundOther(absl::StatusOr<store::FileRecord> existing);
  // The id is taken: by these bytes (success) or by others.
  void EndTaken(const store::FileRecord& existing, bool same);
  wire::Body Completed(const wire::FileInfo& file, bool already_held) const;
  void Refuse(wire::ResponseCode code, absl::string_view text);
  // Records a final that changed nothing, then tells it.
  void Close(wire::Body final);
  void Tell(wire::Body final);

  std::optional<Order> order_;
  Stage stage_ = Stage::kWaiting;
  std::unique_ptr<FileLine::Place> place_;  // in the line of the puts of this id
  std::optional<store::FileRecord>
      existing_;  // taken before the bytes came; only they can tell whether it is the same
  std::unique_ptr<Grant> grant_;
  std::optional<store::StagedFile::Facts> facts_;             // of the bytes being published
  wire::Body final_;                                          // recorded, to be told
  absl::AnyInvocable<void(wire::ResponseInfo)> tell_sender_;  // of its COMMIT
  std::optional<wire::ResponseInfo> withdrawn_;  // to end with, when a worker comes back
  bool noted_ = false;
};

}  // namespace bitrepo::requests
