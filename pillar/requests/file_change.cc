// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/file_change.h"

#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/primitive.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {

void FileChange::Start() {
  const auto collection = base::CollectionId::Parse(request().header.collection_id());
  const auto file_id = base::FileId::Parse(FileNamedIn(request().body));
  absl::Status parsed = collection.ok() ? file_id.status() : collection.status();
  if (parsed.ok()) parsed = ReadRequest();
  if (!parsed.ok()) {
    Refuse(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, parsed.message());
    return;
  }
  target_.emplace(Target{*collection, *file_id});
  place_ = parts_.line.Join(*collection, *file_id, Brings(), [this] {
    if (stage_ == Stage::kWaiting) OnTurn();
  });
  if (place_->is_first()) OnTurn();
}

bool FileChange::GoesOn() {
  if (!withdrawn_) return true;
  Refuse(withdrawn_->code(), withdrawn_->text());
  return false;
}

absl::StatusOr<std::optional<store::FileRecord>> FileChange::FindLive(store::FileStore& store,
                                                                      const Target& target) {
  const std::array<base::FileId, 1> ids = {target.file_id};
  BITREPO_ASSIGN_OR_RETURN(std::vector<absl::StatusOr<store::FileRecord>> found,
                           store.FindMany(target.collection, ids));
  if (found.size() == 1 && found.front().ok()) return *std::move(found.front());
  if (found.size() == 1 && !absl::IsNotFound(found.front().status())) return found.front().status();
  return std::nullopt;
}

void FileChange::Prove(const store::FileRecord& live, const DigestWish& wish, Proved then) {
  const bool told_by_record = wish.named() && wish.named()->algorithm() == base::Algorithm::kSha256;
  if (told_by_record && !wish.Agrees(live.sha256, {})) {
    RefuseOther();
    return;
  }
  if (wish.computed().empty() && !wish.fresh()) {
    then(wish.Answer(live.sha256, {}));
    return;
  }
  if (!parts_.store.keeps_bytes()) {
    Refuse(wire::REQUEST_NOT_SUPPORTED,
           "this pillar keeps digests only: name the SHA-256 of the file, and ask for no other");
    return;
  }
  stage_ = Stage::kReading;
  // It may take long. Where bytes are to move the token says that it is accepted, later.
  if (told_by_record &&
      protocol::FindOperation(request().header.operation())->moves == protocol::Moves::kNothing) {
    context_.Accepted(AcceptedBody(request().header.operation()), "");
  }
  reader_ = DigestReader::Start(parts_, target_->collection, live, wish,
                                [this, sha256 = live.sha256, wish, then = std::move(then)](
                                    absl::StatusOr<std::vector<wire::Digest>> computed) mutable {
                                  stage_ = Stage::kLooking;
                                  if (absl::IsResourceExhausted(computed.status())) {
                                    Refuse(wire::BUSY, computed.status().message());
                                  } else if (!computed.ok()) {
                                    RefuseFor(computed.status());
                                  } else if (!wish.Agrees(sha256, *computed)) {
                                    RefuseOther();
                                  } else {
                                    then(wish.Answer(sha256, *computed));
                                  }
                                });
}

void FileChange::RefuseOther() {
  RefuseAndWarn(wire::EXISTING_FILE_CHECKSUM_FAILURE,
                "the file that stands here has not the digest that the request names");
}

store::Answer FileChange::FinalAnswer(const wire::Body& final) const {
  store::Answer answer = AnswerFor(request(), WallNow());
  answer.final_body = final.SerializeAsString();
  return answer;
}

store::AuditEvent FileChange::Audit(const wire::Body& final) const {
  return AuditOf(request(), final.response());
}

void FileChange::Refuse(wire::ResponseCode code, absl::string_view text) {
  if (code == wire::BUSY) {  // nothing is decided: no answer and no trace
    stage_ = Stage::kCommitting;
    reader_.reset();
    Tell(FinalBody(request().header.operation(), code, text));
    return;
  }
  Close(FinalBody(request().header.operation(), code, text));
}

void FileChange::RefuseFor(const absl::Status& status) {
  const wire::ResponseCode code = CodeOfStore(status);
  if (code == wire::NO_SPACE) {
    parts_.host.RaiseAlarm("no-space", status.message(), "");
  } else if (code == wire::DATA_LOSS) {
    parts_.host.RaiseAlarm("data-loss", status.message(), FileNamedIn(request().body));
  } else if (code == wire::FAILURE) {
    parts_.host.RaiseAlarm("store-failed", status.message(), FileNamedIn(request().body));
  }
  Refuse(code, status.message());
}

void FileChange::RefuseAndWarn(wire::ResponseCode code, absl::string_view text) {
  const std::string word = protocol::OperationWord(request().header.operation());
  parts_.host.RaiseAlarm(
      absl::StrCat("refused-", word),
      absl::StrCat("a ", word, " of ", request().header.from(), " was refused: ", text),
      FileNamedIn(request().body));
  Refuse(code, text);
}

void FileChange::Close(wire::Body final) {
  stage_ = Stage::kCommitting;
  reader_.reset();
  store::Answer answer = FinalAnswer(final);
  store::AuditEvent audit = Audit(final);
  parts_.commits.Close(
      std::move(answer), std::move(audit),
      [weak = weak_from_this(), final = std::move(final)](const absl::Status& /*how*/) mutable {
        // When it cannot be recorded it is told all the same: nothing has
        // changed.
        const std::shared_ptr<RequestHandler> self = weak.lock();
        if (self == nullptr) return;
        static_cast<FileChange*>(self.get())->Tell(std::move(final));
      });
}

void FileChange::TellUnknown(const absl::Status& why) {
  parts_.host.RaiseAlarm("disk-failing", why.message(), FileNamedIn(request().body));
  Tell(FinalBody(request().header.operation(), wire::FAILURE,
                 absl::StrCat("it is not known whether the change was made: ", why.message())));
}

void FileChange::Tell(wire::Body final) {
  place_.reset();
  context_.Finished(std::move(final));
}

void FileChange::Cancel(wire::ResponseCode code, absl::string_view reason) {
  switch (stage_) {
    case Stage::kWaiting:
    case Stage::kReading:
    case Stage::kReceiving:
    case Stage::kArchiving:
      Refuse(code, reason);
      return;
    case Stage::kLooking:
      withdrawn_ = MakeResponse(code, reason);
      return;
    case Stage::kCommitting:
      return;
  }
}

void FileChange::OnTime(absl::Time now) {
  const bool works = stage_ != Stage::kWaiting && stage_ != Stage::kCommitting;
  if (!noted_ && works && now - context_.arrived() >= kNoteAfter) {
    noted_ = true;
    parts_.commits.Open(AnswerFor(request(), WallNow()));
  }
  if (stage_ == Stage::kWaiting && now - context_.arrived() >= kTurnPatience) {
    Refuse(wire::CONFLICT, "another change of this file is under way");
  }
  if (stage_ == Stage::kReading) {
    wire::Progress progress;
    progress.set_phase(wire::READING);
    progress.set_bytes_done(reader_->bytes_done());
    progress.set_bytes_total(reader_->bytes_total());
    context_.Progress(progress);
  }
}

}  // namespace bitrepo::requests
