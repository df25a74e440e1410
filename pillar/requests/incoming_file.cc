// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/incoming_file.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/response_code.h"
#include "pillar/requests/grant.h"
#include "pillar/requests/replies.h"
#include "pillar/requests/slow_steps.h"

namespace bitrepo::requests {

namespace {

// What the bytes are known by: a digest says it best.
std::string MarkOf(const std::optional<base::Digest>& digest, absl::string_view source_stamp) {
  if (digest) return digest->ToString();
  return source_stamp.empty() ? "" : absl::StrCat("stamp:", absl::BytesToHexString(source_stamp));
}

}  // namespace

template <typename Request>
absl::Status IncomingFile::ReadOrder(const Request& asked) {
  if (asked.has_size_bytes()) order_.size_bytes = asked.size_bytes();
  order_.background = asked.background();
  std::optional<base::Digest> digest;
  if (asked.has_digest()) {
    BITREPO_ASSIGN_OR_RETURN(digest, FromWire(asked.digest()));
  }
  order_.wish = DigestWish(asked.has_checksums() ? &asked.checksums() : nullptr, digest);
  if (asked.from_source()) {
    BITREPO_ASSIGN_OR_RETURN(source_, SourceToken::Read(request().secret, asked.size_bytes()));
  }
  order_.key = {request().header.from(), MarkOf(digest, asked.source_stamp()),
                request().conversation().ToString()};
  return absl::OkStatus();
}
template absl::Status IncomingFile::ReadOrder(const wire::PutFileRequest& asked);
template absl::Status IncomingFile::ReadOrder(const wire::ReplaceFileRequest& asked);

FileLine::Burden IncomingFile::Brings() const {
  const store::StagingKey& key = order_.key;
  if (key.mark.empty() || !order_.size_bytes) return {};
  return {absl::StrCat(key.principal, " ", *order_.size_bytes, " ", key.mark), key.conversation};
}

void IncomingFile::OnTurn() {
  if (order_.size_bytes.value_or(0) > bytes_max()) {
    Refuse(wire::NO_SPACE, absl::StrCat(*order_.size_bytes, " bytes: a file of the collection ",
                                        target().collection.text(), " has at most ", bytes_max()));
    return;
  }
  const std::optional<base::Digest>& digest = order_.wish.named();
  const bool named = digest && digest->algorithm() == base::Algorithm::kSha256;
  if (!parts_.store.keeps_bytes() && parts_.intake == ChecksumIntake::kNever) {
    if (!named || !order_.size_bytes) {
      RefuseAndWarn(wire::NEW_FILE_CHECKSUM_FAILURE,
                    "this pillar takes no bytes: name the SHA-256 and the size of the file");
      return;
    }
    if (!order_.wish.computed().empty()) {
      Refuse(wire::REQUEST_NOT_SUPPORTED, "this pillar takes no bytes: ask for SHA-256 alone");
      return;
    }
  }
  Look();
}

uint64_t IncomingFile::bytes_max() const {
  return parts_.TermsOf(target().collection).file_bytes_max;
}

bool IncomingFile::CanTakeDigestOnly() const {
  const std::optional<base::Digest>& digest = order_.wish.named();
  return !parts_.store.keeps_bytes() && parts_.intake != ChecksumIntake::kAlways && digest &&
         digest->algorithm() == base::Algorithm::kSha256 && order_.wish.computed().empty();
}

IncomingFile::Likeness IncomingFile::Compare(const store::FileRecord& existing,
                                             const Order& order) {
  if (order.size_bytes && *order.size_bytes != existing.size_bytes) return Likeness::kOther;
  const std::optional<base::Digest>& digest = order.wish.named();
  if (!digest || digest->algorithm() != base::Algorithm::kSha256) return Likeness::kUnknown;
  return *digest == existing.sha256 ? Likeness::kSame : Likeness::kOther;
}

void IncomingFile::MakePlace(store::FileStore& store, const Target& target, const Order& order,
                             Prepared& prepared) {
  absl::StatusOr<std::unique_ptr<store::StagedFile>> staged =
      store.StageAgain(target.collection, target.file_id, order.size_bytes, order.key);
  prepared.status = staged.status();
  if (staged.ok()) prepared.staged = *std::move(staged);
}

void IncomingFile::Receive(std::unique_ptr<store::StagedFile> staged) {
  if (source_ && parts_.source_fetches >= kSourceFetchesMax) {
    Refuse(wire::BUSY, absl::StrCat(kSourceFetchesMax, " files are being fetched already"));
    return;
  }
  Enter(Stage::kReceiving);
  const bool digest_only = CanTakeDigestOnly();
  held_bytes_ = digest_only ? 0 : staged->held().bytes();
  sink_ = std::make_shared<StagedSink>(
      std::move(staged), order_.size_bytes, order_.wish, digest_only, parts_.workers,
      parts_.loop.clock(), parts_.gauge,
      [weak = weak_from_this(), loop = &parts_.loop](SealedFile sealed) {
        loop->Post([weak, sealed = std::move(sealed)]() mutable {
          const std::shared_ptr<RequestHandler> self = weak.lock();
          if (self != nullptr) {
            static_cast<IncomingFile*>(self.get())->OnSealed(std::move(sealed));
          } else {
            sealed.done(MakeResponse(wire::CANCELLED, "the request has ended"));
          }
        });
      });
  parts_.gauge->AddStart(parts_.loop.Now() - context_.arrived());
  if (source_) {
    FetchAll(digest_only);
  } else {
    GrantAll(digest_only);
  }
  if (parts_.slow != nullptr) TellPhase(wire::RESERVE);
}

void IncomingFile::GrantAll(bool digest_only) {
  wire::TokenBody token = TokenFor(parts_, request(), wire::STORE);
  token.set_file_id(target().file_id.text());
  if (order_.size_bytes) token.set_length(*order_.size_bytes);
  token.set_max_bytes(order_.size_bytes.value_or(bytes_max()));
  if (order_.wish.named()) *token.mutable_digest() = ToWire(*order_.wish.named());
  token.set_digest_only(digest_only);
  token.set_held_bytes(held_bytes_);
  token.set_background(order_.background);
  auto grant = std::make_unique<Grant>(parts_, std::move(token), order_.size_bytes,
                                       [this](const absl::Status& how) { OnTransferEnded(how); });
  parts_.channel.GrantStore(grant->token(), sink_, grant->Events());
  context_.Accepted(Accepted(digest_only, held_bytes_), grant->text());
  transfer_ = std::move(grant);
}

void IncomingFile::FetchAll(bool digest_only) {
  context_.Accepted(Accepted(digest_only, held_bytes_), "");
  transfer_ =
      std::make_unique<SourceFetch>(parts_, *source_, digest_only, order_.background, sink_,
                                    [this](const absl::Status& how) { OnTransferEnded(how); });
}

void IncomingFile::TellPhase(wire::Phase phase) {
  wire::Progress progress;
  progress.set_phase(phase);
  progress.set_bytes_done(facts_ ? facts_->size_bytes : 0);
  progress.set_bytes_total(facts_ ? facts_->size_bytes : order_.size_bytes.value_or(0));
  if (parts_.slow != nullptr) {
    context_.Phase(std::move(progress));
  } else {
    context_.Progress(std::move(progress));
  }
}

void IncomingFile::OnTransferEnded(const absl::Status& how) {
  // Otherwise the bytes are here, or the request has ended: all is known.
  if (stage() != Stage::kReceiving || facts_) return;
  if (absl::IsDeadlineExceeded(how)) {
    Refuse(wire::EXPIRED, "the token expired before all bytes had come");
  } else if (absl::IsResourceExhausted(how)) {
    RefuseFor(how);
  } else {
    Refuse(wire::FILE_TRANSFER_FAILURE,
           how.ok() ? "the transfer ended without a commit" : how.message());
  }
}

void IncomingFile::OnSealed(SealedFile sealed) {
  if (stage() != Stage::kReceiving || facts_) {
    sealed.done(MakeResponse(wire::CANCELLED, "the request has ended"));
    return;
  }
  tell_sender_ = std::move(sealed.done);
  if (sealed.status.ok()) sink_.reset();
  const absl::Status judged = sealed.status.ok() ? Judge(sealed) : sealed.status;
  if (absl::IsFailedPrecondition(sealed.status)) {
    Refuse(wire::FILE_TRANSFER_FAILURE, sealed.status.message());
  } else if (!sealed.status.ok()) {
    RefuseFor(sealed.status);
  } else if (!judged.ok()) {
    sealed.staged->Discard();
    Refuse(wire::NEW_FILE_CHECKSUM_FAILURE,
           held_bytes_ == 0 ? judged.message()
                            : absl::StrCat(judged.message(), "; ", held_bytes_,
                                           " bytes of it had come earlier, and nothing is kept: "
                                           "run the same command again, it begins anew"));
  } else {
    staged_ = std::move(sealed.staged);
    facts_ = std::move(sealed.facts);
    computed_ = std::move(sealed.computed);
    OnArrived();
  }
}

absl::Status IncomingFile::Judge(const SealedFile& sealed) const {
  const store::StagedFile::Facts& facts = *sealed.facts;
  if (!sealed.committed_sha256) {
    return absl::DataLossError("the sender names no digest of what it sent");
  }
  if (facts.size_bytes != sealed.committed_size_bytes || facts.sha256 != *sealed.committed_sha256) {
    return absl::DataLossError(absl::StrCat("what came is ", facts.sha256.ToString(),
                                            ", what was sent is ",
                                            sealed.committed_sha256->ToString()));
  }
  if (order_.size_bytes && *order_.size_bytes != facts.size_bytes) {
    return absl::DataLossError(
        absl::StrCat(facts.size_bytes, " bytes came, the request says ", *order_.size_bytes));
  }
  if (!order_.wish.Agrees(facts.sha256, sealed.computed)) {
    return absl::DataLossError(absl::StrCat("what came has not the digest that the request says, ",
                                            order_.wish.named()->ToString()));
  }
  return absl::OkStatus();
}

void IncomingFile::Publish(std::optional<base::Digest> replaces) {
  if (parts_.slow != nullptr) {
    Archive(std::move(replaces));
  } else {
    Commit(std::move(replaces));
  }
}

// The medium has the bytes, and they were read from it again, before anything is recorded.
void IncomingFile::Archive(std::optional<base::Digest> replaces) {
  Enter(Stage::kArchiving);
  TellPhase(wire::RECEIVING);  // a small file is here before anybody was told
  TellPhase(wire::VERIFYING);
  archiving_ = parts_.slow->Archive(
      *staged_, request().conversation(),
      [this](const store::MediumStep& step) { context_.Phase(ProgressOf(step)); },
      [this, replaces = std::move(replaces)](const absl::Status& how) mutable {
        OnArchived(how, std::move(replaces));
      });
}

void IncomingFile::OnArchived(const absl::Status& how, std::optional<base::Digest> replaces) {
  archiving_.reset();
  if (how.ok()) {
    Commit(std::move(replaces));
  } else if (absl::IsDataLoss(how)) {
    // Nothing that was kept is lost: the file did not come to be.
    parts_.host.RaiseAlarm("medium-failing", how.message(), target().file_id.text());
    Refuse(wire::FAILURE, how.message());
  } else {
    RefuseFor(how);
  }
}

void IncomingFile::Commit(std::optional<base::Digest> replaces) {
  Enter(Stage::kCommitting);
  const absl::Time wall_now = WallNow();
  const store::FileRecord record{
      target().file_id, 0,       request().conversation(), facts_->size_bytes, facts_->sha256,
      wall_now,         wall_now};
  final_ = Completed(InfoOf(record), false, order_.wish.Answer(facts_->sha256, computed_));
  store::Publication publication{
      target().collection, target().file_id, request().conversation(), wall_now, std::move(staged_),
      FinalAnswer(final_), Audit(final_),    std::move(replaces)};
  TellPhase(parts_.slow != nullptr ? wire::INDEXING : wire::STORING);
  parts_.commits.Publish(std::move(publication), [weak = weak_from_this()](
                                                     absl::StatusOr<store::FileRecord> published) {
    const std::shared_ptr<RequestHandler> self = weak.lock();
    if (self != nullptr) {
      static_cast<IncomingFile*>(self.get())->OnPublished(std::move(published));
    }
  });
}

void IncomingFile::OnPublished(absl::StatusOr<store::FileRecord> record) {
  if (record.ok()) {
    Tell(std::move(final_));
  } else if (absl::IsUnavailable(record.status())) {
    TellUnknown(record.status());
  } else {
    OnNotPublished(record.status());
  }
}

void IncomingFile::EndHeld(const store::FileRecord& existing) {
  DropArrived();
  if (facts_) {
    Close(Completed(InfoOf(existing), true, order_.wish.Answer(facts_->sha256, computed_)));
    return;
  }
  Prove(existing, order_.wish, [this, existing](std::vector<wire::Digest> digests) {
    Close(Completed(InfoOf(existing), true, std::move(digests)));
  });
}

void IncomingFile::DropArrived() {
  if (staged_ == nullptr) return;
  staged_->Discard();
  staged_.reset();
}

// What came is kept before the place in the line is left: who comes next goes on with it.
void IncomingFile::Tell(wire::Body final) {
  if (tell_sender_ != nullptr) {
    tell_sender_(final.response());
    tell_sender_ = nullptr;
  }
  staged_.reset();
  if (sink_ == nullptr) {
    FileChange::Tell(std::move(final));
    return;
  }
  const std::shared_ptr<StagedSink> sink = std::exchange(sink_, nullptr);
  sink->Release([weak = weak_from_this(), loop = &parts_.loop, final = std::move(final)]() mutable {
    loop->Post([weak, final = std::move(final)]() mutable {
      const std::shared_ptr<RequestHandler> self = weak.lock();
      if (self != nullptr) static_cast<IncomingFile*>(self.get())->Tell(std::move(final));
    });
  });
}

void IncomingFile::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (stage() == Stage::kReceiving) transfer_->Revoke(protocol::StatusWith(code, reason));
  archiving_.reset();
  FileChange::Cancel(code, reason);
}

void IncomingFile::OnTime(absl::Time now) {
  FileChange::OnTime(now);
  if (archiving_ != nullptr) context_.Phase(ProgressOf(archiving_->step()));
  if (stage() != Stage::kReceiving) return;
  wire::Progress progress;
  const absl::Duration still = transfer_->StillFor(now);
  const bool all_here = order_.size_bytes && transfer_->bytes_done() >= *order_.size_bytes;
  progress.set_phase(all_here                        ? wire::VERIFYING
                     : transfer_->waits_for_credit() ? wire::WAITING_FOR_CREDIT
                                                     : wire::RECEIVING);
  progress.set_bytes_done(transfer_->bytes_done());
  progress.set_bytes_total(order_.size_bytes.value_or(0));
  context_.Progress(progress);
  if (sink_->sealing() || GaveWay(now) || still < parts_.transfer_idle) return;
  transfer_->Revoke(absl::DeadlineExceededError("nothing came for too long"));
  Refuse(wire::FILE_TRANSFER_FAILURE,
         absl::StrCat("no byte came for ", absl::FormatDuration(parts_.transfer_idle)));
}

bool IncomingFile::GaveWay(absl::Time now) {
  const absl::Duration still = transfer_->StillFor(now);
  const FileLine::Burden* const twin = twin_behind();
  wire::ResponseInfo why;
  if (transfer_->WithoutStreamFor(now) >= kGiveWayToTwinAfter && twin != nullptr) {
    why = MakeResponse(wire::CANCELLED,
                       absl::StrCat("the same put was asked for again, and nobody was sending for "
                                    "this one: it goes on as ",
                                    twin->conversation));
  } else if (still >= kGiveWayAfter && others_wait()) {
    why = MakeResponse(wire::CONFLICT,
                       "its bytes stood still, and another change of the file was waiting");
  } else {
    return false;
  }
  transfer_->Revoke(protocol::StatusWith(why.code(), why.text()));
  Refuse(why.code(), why.text());
  return true;
}

}  // namespace bitrepo::requests
