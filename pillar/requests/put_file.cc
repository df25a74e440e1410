// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/put_file.h"

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/response_code.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr absl::string_view kAction = "PUT_FILE";

}  // namespace

absl::StatusOr<PutFile::Order> PutFile::Parse() const {
  const wire::PutFileRequest& asked = request().body.put_file_request();
  BITREPO_ASSIGN_OR_RETURN(base::CollectionId collection,
                           base::CollectionId::Parse(request().header.collection_id()));
  BITREPO_ASSIGN_OR_RETURN(base::FileId file_id, base::FileId::Parse(asked.file_id()));
  Order order{std::move(collection), std::move(file_id), std::nullopt, std::nullopt};
  if (asked.has_size_bytes()) order.size_bytes = asked.size_bytes();
  if (asked.has_digest()) {
    BITREPO_ASSIGN_OR_RETURN(order.digest, FromWire(asked.digest()));
  }
  return order;
}

void PutFile::Start() {
  absl::StatusOr<Order> order = Parse();
  if (!order.ok()) {
    Refuse(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, order.status().message());
    return;
  }
  order_ = *std::move(order);
  place_ = parts_.line.Join(order_->collection, order_->file_id, [this] { OnTurn(); });
  if (place_->is_first()) OnTurn();
}

void PutFile::OnTurn() {
  if (stage_ != Stage::kWaiting) return;
  stage_ = Stage::kPreparing;
  const absl::Status taken = RunThen(
      runtime::Lane::kWrite,
      [store = &parts_.store, order = *order_] { return Prepare(*store, order); },
      &PutFile::OnPrepared);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to write");
}

PutFile::Likeness PutFile::Compare(const store::FileRecord& existing, const Order& order) {
  if (order.size_bytes && *order.size_bytes != existing.size_bytes) return Likeness::kOther;
  if (!order.digest || order.digest->algorithm() != base::Algorithm::kSha256) {
    return Likeness::kUnknown;
  }
  return *order.digest == existing.sha256 ? Likeness::kSame : Likeness::kOther;
}

PutFile::Prepared PutFile::Prepare(store::FileStore& store, const Order& order) {
  Prepared prepared;
  absl::StatusOr<store::FileRecord> existing = store.Find(order.collection, order.file_id);
  if (existing.ok()) {
    prepared.existing = *std::move(existing);
    if (Compare(*prepared.existing, order) != Likeness::kUnknown) return prepared;
  } else if (!absl::IsNotFound(existing.status()) && !absl::IsDataLoss(existing.status())) {
    // A file that is recorded but missing or damaged may come again: the store takes the same bytes
    // in its place.
    prepared.status = existing.status();
    return prepared;
  }
  absl::StatusOr<std::unique_ptr<store::StagedFile>> staged =
      store.Stage(order.collection, order.file_id, order.size_bytes);
  prepared.status = staged.status();
  if (staged.ok()) prepared.staged = *std::move(staged);
  return prepared;
}

void PutFile::OnPrepared(Prepared prepared) {
  if (stage_ != Stage::kPreparing) return;
  if (withdrawn_) {
    Refuse(withdrawn_->code(), withdrawn_->text());
  } else if (!prepared.status.ok()) {
    Refuse(CodeOfStore(prepared.status), prepared.status.message());
  } else if (prepared.staged == nullptr) {
    EndTaken(*prepared.existing, Compare(*prepared.existing, *order_) == Likeness::kSame);
  } else {
    existing_ = std::move(prepared.existing);
    Receive(std::move(prepared.staged));
  }
}

void PutFile::Receive(std::unique_ptr<store::StagedFile> staged) {
  stage_ = Stage::kReceiving;
  wire::TokenBody token = TokenFor(parts_, request(), wire::STORE);
  token.set_file_id(order_->file_id.text());
  if (order_->size_bytes) token.set_length(*order_->size_bytes);
  token.set_max_bytes(order_->size_bytes.value_or(store::kFileBytesMax));
  if (order_->digest) *token.mutable_digest() = ToWire(*order_->digest);

  const std::weak_ptr<RequestHandler> weak = weak_from_this();
  grant_ = std::make_unique<Grant>(parts_, std::move(token), order_->size_bytes,
                                   [this](const absl::Status& how) { OnTransferEnded(how); });
  std::optional<base::Algorithm> also;
  if (order_->digest && order_->digest->algorithm() != base::Algorithm::kSha256) {
    also = order_->digest->algorithm();
  }
  auto sink = std::make_shared<StagedSink>(
      std::move(staged), also, parts_.workers, parts_.loop.clock(), parts_.gauge,
      [weak, loop = &parts_.loop](SealedPut put) {
        loop->Post([weak, put = std::move(put)]() mutable {
          const std::shared_ptr<RequestHandler> self = weak.lock();
          if (self != nullptr) {
            static_cast<PutFile*>(self.get())->OnSealed(std::move(put));
          } else {
            put.done(MakeResponse(wire::CANCELLED, "the put has ended"));
          }
        });
      });
  parts_.channel.GrantStore(grant_->token(), std::move(sink), grant_->Events());
  parts_.gauge->AddStart(parts_.loop.Now() - context_.arrived());
  context_.Accepted(AcceptedBody(wire::PUT_FILE), grant_->text());
}

void PutFile::OnTransferEnded(const absl::Status& how) {
  if (stage_ != Stage::kReceiving)
    return;  // the bytes are here, or the put has ended: all is known
  if (absl::IsDeadlineExceeded(how)) {
    Refuse(wire::EXPIRED, "the token expired before all bytes had come");
  } else if (absl::IsResourceExhausted(how)) {
    Refuse(wire::NO_SPACE, how.message());
  } else {
    Refuse(wire::FILE_TRANSFER_FAILURE,
           how.ok() ? "the transfer ended without a commit" : how.message());
  }
}

void PutFile::OnSealed(SealedPut put) {
  if (stage_ != Stage::kReceiving) {
    put.done(MakeResponse(wire::CANCELLED, "the put has ended"));
    return;
  }
  tell_sender_ = std::move(put.done);
  const absl::Status judged = put.status.ok() ? Judge(put) : put.status;
  if (absl::IsFailedPrecondition(put.status)) {
    Refuse(wire::FILE_TRANSFER_FAILURE, put.status.message());
  } else if (!put.status.ok()) {
    Refuse(CodeOfStore(put.status), put.status.message());
  } else if (!judged.ok()) {
    Refuse(wire::NEW_FILE_CHECKSUM_FAILURE, judged.message());
  } else if (existing_) {
    EndTaken(*existing_, existing_->sha256 == put.facts->sha256);
  } else {
    Publish(std::move(put));
  }
}

absl::Status PutFile::Judge(const SealedPut& put) const {
  const store::StagedFile::Facts& facts = *put.facts;
  if (!put.committed_sha256) {
    return absl::DataLossError("the sender names no digest of what it sent");
  }
  if (facts.size_bytes != put.committed_size_bytes || facts.sha256 != *put.committed_sha256) {
    return absl::DataLossError(absl::StrCat("what came is ", facts.sha256.ToString(),
                                            ", what was sent is ",
                                            put.committed_sha256->ToString()));
  }
  if (order_->size_bytes && *order_->size_bytes != facts.size_bytes) {
    return absl::DataLossError(
        absl::StrCat(facts.size_bytes, " bytes came, the request says ", *order_->size_bytes));
  }
  if (!order_->digest) return absl::OkStatus();
  const base::Digest& found = put.also ? *put.also : facts.sha256;
  if (found != *order_->digest) {
    return absl::DataLossError(absl::StrCat("what came is ", found.ToString(),
                                            ", the request says ", order_->digest->ToString()));
  }
  return absl::OkStatus();
}

void PutFile::Publish(SealedPut put) {
  stage_ = Stage::kPublishing;
  const absl::Time wall_now = parts_.loop.clock().WallNow();
  store::FileRecord record{
      order_->file_id, 0,       request().conversation(), put.facts->size_bytes, put.facts->sha256,
      wall_now,        wall_now};
  final_ = Completed(InfoOf(record), false);
  facts_ = std::move(put.facts);
  store::Publication publication{
      order_->collection,
      order_->file_id,
      request().conversation(),
      wall_now,
      std::move(put.staged),
      AnswerFor(request(), wall_now),
      AuditOf(request(), kAction, order_->file_id.text(), final_.response())};
  publication.answer.final_body = final_.SerializeAsString();
  wire::Progress progress;
  progress.set_phase(wire::STORING);
  progress.set_bytes_done(facts_->size_bytes);
  progress.set_bytes_total(facts_->size_bytes);
  context_.Progress(progress);
  parts_.commits.Publish(std::move(publication),
                         [weak = weak_from_this()](absl::StatusOr<store::FileRecord> published) {
                           const std::shared_ptr<RequestHandler> self = weak.lock();
                           if (self != nullptr)
                             static_cast<PutFile*>(self.get())->OnPublished(std::move(published));
                         });
}

void PutFile::OnPublished(absl::StatusOr<store::FileRecord> record) {
  if (record.ok()) {
    Tell(std::move(final_));
    return;
  }
  if (absl::IsUnavailable(record.status())) {
    // The store has stopped, and only its next start tells which way this went: nothing more can be
    // recorded.
    parts_.host.RaiseAlarm("disk-failing", record.status().message(), order_->file_id.text());
    Tell(FinalBody(
        wire::PUT_FILE, wire::FAILURE,
        absl::StrCat("it is not known whether the file was stored: ", record.status().message())));
    return;
  }
  if (!absl::IsAlreadyExists(record.status())) {
    Refuse(CodeOfStore(record.status()), record.status().message());
    return;
  }
  // The id is recorded, and what is recorded is not what came.
  stage_ = Stage::kComparing;
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, order = *order_] {
        return store->Find(order.collection, order.file_id);
      },
      &PutFile::OnFoundOther);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to read");
}

void PutFile::OnFoundOther(absl::StatusOr<store::FileRecord> existing) {
  if (!existing.ok()) {
    // Recorded and damaged here; were these its bytes, the store would have taken them.
    Refuse(absl::IsDataLoss(existing.status()) ? wire::DUPLICATE_FILE_FAILURE
                                               : CodeOfStore(existing.status()),
           existing.status().message());
    return;
  }
  EndTaken(*existing,
           existing->size_bytes == facts_->size_bytes && existing->sha256 == facts_->sha256);
}

void PutFile::EndTaken(const store::FileRecord& existing, bool same) {
  wire::Body final = Completed(InfoOf(existing), same);
  if (!same) {
    *final.mutable_response() =
        MakeResponse(wire::DUPLICATE_FILE_FAILURE, "the id is taken by a file with other bytes");
  }
  Close(std::move(final));
}

wire::Body PutFile::Completed(const wire::FileInfo& file, bool already_held) const {
  wire::Body body = FinalBody(wire::PUT_FILE, wire::OPERATION_COMPLETED, "");
  *body.mutable_put_file_final()->mutable_file() = file;
  body.mutable_put_file_final()->set_already_held(already_held);
  return body;
}

void PutFile::Refuse(wire::ResponseCode code, absl::string_view text) {
  Close(FinalBody(wire::PUT_FILE, code, text));
}

void PutFile::Close(wire::Body final) {
  stage_ = Stage::kClosing;
  final_ = std::move(final);
  store::Answer answer = AnswerFor(request(), parts_.loop.clock().WallNow());
  answer.final_body = final_.SerializeAsString();
  store::AuditEvent audit =
      AuditOf(request(), kAction, request().body.put_file_request().file_id(), final_.response());
  parts_.commits.Close(std::move(answer), std::move(audit),
                       [weak = weak_from_this()](const absl::Status& /*how*/) {
                         // When it cannot be recorded it is told all the same: nothing has
                         // changed.
                         const std::shared_ptr<RequestHandler> self = weak.lock();
                         if (self == nullptr) return;
                         auto* put = static_cast<PutFile*>(self.get());
                         put->Tell(std::move(put->final_));
                       });
}

void PutFile::Tell(wire::Body final) {
  if (tell_sender_ != nullptr) {
    tell_sender_(final.response());
    tell_sender_ = nullptr;
  }
  place_.reset();
  context_.Finished(std::move(final));
}

void PutFile::Cancel(wire::ResponseCode code, absl::string_view reason) {
  switch (stage_) {
    case Stage::kWaiting:
      Refuse(code, reason);
      return;
    case Stage::kPreparing:
      withdrawn_ = MakeResponse(code, reason);
      return;
    case Stage::kReceiving:
      grant_->Revoke(protocol::StatusWith(code, reason));
      Refuse(code, reason);
      return;
    case Stage::kPublishing:
    case Stage::kComparing:
    case Stage::kClosing:
      return;  // too late: the final says what became of it
  }
}

void PutFile::OnTime(absl::Time now) {
  if (!noted_ && now - context_.arrived() >= kNoteAfter && stage_ == Stage::kReceiving) {
    noted_ = true;
    parts_.commits.Open(AnswerFor(request(), parts_.loop.clock().WallNow()));
  }
  if (stage_ == Stage::kWaiting && now - context_.arrived() >= kTurnPatience) {
    Refuse(wire::CONFLICT, "another put of this id is under way");
  }
  if (stage_ != Stage::kReceiving) return;
  wire::Progress progress;
  const bool all_here = order_->size_bytes && grant_->bytes_done() >= *order_->size_bytes;
  progress.set_phase(all_here ? wire::VERIFYING : wire::RECEIVING);
  progress.set_bytes_done(grant_->bytes_done());
  progress.set_bytes_total(order_->size_bytes.value_or(0));
  context_.Progress(progress);
  if (place_->others_wait() && grant_->StillFor(now) >= kGiveWayAfter) {
    const absl::string_view why = "its bytes stood still, and another put of the id was waiting";
    grant_->Revoke(protocol::StatusWith(wire::CONFLICT, why));
    Refuse(wire::CONFLICT, why);
  } else if (grant_->StoodStill(now)) {
    grant_->Revoke(absl::DeadlineExceededError("nothing came for too long"));
    Refuse(wire::FILE_TRANSFER_FAILURE,
           absl::StrCat("no byte came for ", absl::FormatDuration(parts_.transfer_idle)));
  }
}

}  // namespace bitrepo::requests
