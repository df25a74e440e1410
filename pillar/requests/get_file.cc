// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"
#include "pillar/requests/replies.h"
#include "pillar/requests/slow_steps.h"
#include "pillar/requests/stored_source.h"

namespace bitrepo::requests {

void GetFile::Start() {
  const wire::GetFileRequest& asked = request().body.get_file_request();
  auto collection = base::CollectionId::Parse(request().header.collection_id());
  auto file_id = base::FileId::Parse(asked.range().file_id());
  base::GenerationId generation;
  absl::Status understood = collection.ok() ? file_id.status() : collection.status();
  if (understood.ok() && !asked.generation_id().empty()) {
    auto named = base::GenerationId::FromBytes(asked.generation_id());
    understood = named.status();
    if (named.ok()) generation = *named;
  }
  if (!understood.ok()) {
    End(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, understood.message());
    return;
  }
  if (parts_.slow != nullptr) {
    Recall(*collection, *file_id, generation);
    return;
  }
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, collection = *std::move(collection), file_id = *std::move(file_id),
       generation]() -> Opened { return store->Open(collection, file_id, generation); },
      &GetFile::OnOpened);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to read");
}

// What is on disk already is there without a word; of all else the asker hears that it is accepted,
// and how far it is, long before there is a token.
void GetFile::Recall(const base::CollectionId& collection, const base::FileId& file_id,
                     const base::GenerationId& generation) {
  stage_ = Stage::kRecalling;
  recall_ = parts_.slow->Recall(
      collection, file_id, generation,
      [this](const store::MediumStep& step) {
        if (!std::exchange(told_of_recall_, true)) {
          context_.Accepted(AcceptedBody(wire::GET_FILE), "");
        }
        context_.Phase(ProgressOf(step));
      },
      [this](Opened file) {
        recall_.reset();
        OnOpened(std::move(file));
      });
}

void GetFile::OnOpened(Opened file) {
  if (stage_ != Stage::kOpening && stage_ != Stage::kRecalling) return;
  if (withdrawn_) {
    End(withdrawn_->code(), withdrawn_->text());
    return;
  }
  if (!file.ok()) {
    if (absl::IsDataLoss(file.status())) {
      parts_.host.RaiseAlarm("data-loss", file.status().message(),
                             request().body.get_file_request().range().file_id());
    }
    End(CodeOfStore(file.status()), file.status().message());
    return;
  }
  const store::FileRecord& record = (*file)->record();
  const wire::FileRange& asked = request().body.get_file_request().range();
  file_ = InfoOf(record);
  const auto range = base::ByteRange::Within(
      record.size_bytes, asked.offset(),
      asked.has_length() ? std::optional<uint64_t>(asked.length()) : std::nullopt);
  if (!range.ok()) {
    End(wire::RANGE_ERROR, range.status().message());
    return;
  }
  range_ = *range;
  Serve(*std::move(file));
}

void GetFile::Serve(std::shared_ptr<store::StoredFile> file) {
  stage_ = Stage::kSending;
  wire::TokenBody token = TokenFor(parts_, request(), wire::FETCH);
  token.set_file_id(file_->file_id());
  token.set_generation_id(file_->generation_id());
  token.set_offset(range_.offset());
  token.set_length(range_.length());
  token.set_file_size(file_->size_bytes());
  *token.mutable_digest() = file_->digest();

  grant_ = std::make_unique<Grant>(parts_, std::move(token), range_.length(),
                                   [this](const absl::Status& how) { OnTransferEnded(how); });
  auto source = std::make_shared<StoredSource>(
      std::move(file), parts_.workers, parts_.loop.clock(), parts_.gauge,
      [weak = weak_from_this(), loop = &parts_.loop](const absl::Status& why) {
        loop->Post([weak, why] {
          const std::shared_ptr<RequestHandler> self = weak.lock();
          if (self != nullptr) static_cast<GetFile*>(self.get())->OnDamaged(why);
        });
      });
  parts_.channel.GrantFetch(grant_->token(), std::move(source), grant_->Events());
  wire::Body accepted = AcceptedBody(wire::GET_FILE);
  if (told_of_recall_) {
    accepted.mutable_progress()->set_phase(wire::SENDING);
  } else {
    parts_.gauge->AddStart(parts_.loop.Now() - context_.arrived());
  }
  *accepted.mutable_get_file_progress()->mutable_file() = *file_;
  context_.Accepted(std::move(accepted), grant_->text());
}

void GetFile::OnDamaged(const absl::Status& why) {
  if (stage_ != Stage::kSending) return;
  parts_.host.RaiseAlarm("data-loss", why.message(), file_->file_id());
  grant_->Revoke(protocol::StatusWith(wire::DATA_LOSS, why.message()));
  End(wire::DATA_LOSS, why.message());
}

void GetFile::OnTransferEnded(const absl::Status& how) {
  if (stage_ != Stage::kSending) return;
  if (how.ok()) {
    End(wire::OPERATION_COMPLETED, "");
  } else if (absl::IsDeadlineExceeded(how)) {
    End(wire::EXPIRED, "the token expired before all was fetched");
  } else {
    End(wire::FILE_TRANSFER_FAILURE, how.message());
  }
}

void GetFile::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (stage_ == Stage::kOpening) {
    withdrawn_ = MakeResponse(code, reason);
  } else if (stage_ == Stage::kRecalling) {
    recall_.reset();
    End(code, reason);
  } else if (stage_ == Stage::kSending) {
    grant_->Revoke(protocol::StatusWith(code, reason));
    End(code, reason);
  }
}

void GetFile::OnTime(absl::Time now) {
  if (stage_ == Stage::kRecalling && told_of_recall_) {
    context_.Phase(ProgressOf(recall_->step()));
  }
  if (stage_ != Stage::kSending) return;
  wire::Progress progress;
  const bool stood_still = grant_->StoodStill(now);
  progress.set_phase(grant_->waits_for_credit() ? wire::WAITING_FOR_CREDIT : wire::SENDING);
  progress.set_bytes_done(grant_->bytes_done());
  progress.set_bytes_total(range_.length());
  context_.Progress(progress);
  if (stood_still) {
    grant_->Revoke(absl::DeadlineExceededError("nothing was fetched for too long"));
    End(wire::EXPIRED,
        absl::StrCat("nothing was fetched for ", absl::FormatDuration(parts_.transfer_idle)));
  }
}

void GetFile::End(wire::ResponseCode code, absl::string_view text) {
  stage_ = Stage::kDone;
  wire::Body final = FinalBody(wire::GET_FILE, code, text);
  if (file_) *final.mutable_get_file_final()->mutable_file() = *file_;
  if (grant_ != nullptr) {
    final.mutable_get_file_final()->set_bytes_sent(grant_->bytes_done());
  }
  parts_.commits.Audit(AuditOf(request(), final.response()));
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests
