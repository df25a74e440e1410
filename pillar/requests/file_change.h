// SPDX-License-Identifier: Apache-2.0
// A change of one file: it stands in line for the file, looks before it acts, and is told when its
// final is on record.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "pillar/requests/digest_reader.h"
#include "pillar/requests/digest_wish.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// A change that lasts longer than this is noted as under way, so that a death of the pillar leaves
// a trace of it. A shorter one is only ever recorded with its final.
inline constexpr absl::Duration kNoteAfter = absl::Seconds(1);

// Of two changes of one file the later waits for its turn this long, and is then refused CONFLICT.
inline constexpr absl::Duration kTurnPatience = absl::Seconds(15);

// What put, replace, delete and undelete have in common. Every final is on record, with its audit
// row, before it is told: of a change that was made in the commit of the change itself.
class FileChange : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() final;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 protected:
  struct Target {
    base::CollectionId collection;
    base::FileId file_id;
  };
  enum class Stage {
    kWaiting,     // for its turn
    kLooking,     // a worker looks: when it is withdrawn now, it ends as the worker comes back
    kReading,     // digests of what stands there
    kReceiving,   // bytes come in
    kArchiving,   // they go on to slow media
    kCommitting,  // too late: the final says what became of it
  };

  // Takes over what the request says beyond the file. kInvalidArgument: it cannot be understood.
  virtual absl::Status ReadRequest() = 0;
  // What it brings; asked once, after ReadRequest.
  virtual FileLine::Burden Brings() const { return {}; }
  // Nothing else changes the file from now on until this one has finished.
  virtual void OnTurn() = 0;

  const Target& target() const { return *target_; }
  Stage stage() const { return stage_; }
  void Enter(Stage stage) { stage_ = stage; }
  bool others_wait() const { return place_->others_wait(); }
  const FileLine::Burden* twin_behind() const { return place_->twin_behind(); }
  absl::Time WallNow() const { return parts_.loop.clock().WallNow(); }

  // To be asked first when a worker comes back: false when the request was withdrawn meanwhile,
  // which ends it.
  bool GoesOn();

  // The generation that stands there, with its trouble if it has any. Blocks.
  static absl::StatusOr<std::optional<store::FileRecord>> FindLive(store::FileStore& store,
                                                                   const Target& target);

  // Proves that what stands there is what `wish` names and computes what it wants of it, reading
  // the file only where its record does not suffice; `then` gets what was wanted. What the record
  // proves is accepted before it is read, unless a token is to say so. Refuses the
  // change otherwise: EXISTING_FILE_CHECKSUM_FAILURE (with an alarm), DATA_LOSS, BUSY,
  // REQUEST_NOT_SUPPORTED where no bytes are kept. The true digest is never told.
  using Proved = absl::AnyInvocable<void(std::vector<wire::Digest>)>;
  void Prove(const store::FileRecord& live, const DigestWish& wish, Proved then);

  store::Answer FinalAnswer(const wire::Body& final) const;
  store::AuditEvent Audit(const wire::Body& final) const;

  // Ends with a final that changed nothing: recorded, then told.
  void Close(wire::Body final);
  // The same, with nothing done; but BUSY is not recorded: the same request may come again.
  void Refuse(wire::ResponseCode code, absl::string_view text);
  // The code of what the store says, and an alarm when the store or its disk is at fault.
  void RefuseFor(const absl::Status& status);
  // Of what would have destroyed something, or looks like it: the operators are told.
  void RefuseAndWarn(wire::ResponseCode code, absl::string_view text);
  // The store has stopped, and only its next start tells which way the change went: nothing more
  // can be recorded.
  void TellUnknown(const absl::Status& why);
  // Tells the final, which is on record. Nothing may follow.
  virtual void Tell(wire::Body final);

 private:
  void RefuseOther();

  std::optional<Target> target_;
  Stage stage_ = Stage::kWaiting;
  std::unique_ptr<FileLine::Place> place_;  // in the line of the changes of this file
  std::shared_ptr<DigestReader> reader_;
  std::optional<wire::ResponseInfo> withdrawn_;  // to end with, when a worker comes back
  bool noted_ = false;
};

}  // namespace bitrepo::requests
