// SPDX-License-Identifier: Apache-2.0
#include "client/copy_operation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/wire_words.h"

namespace bitrepo::client {

absl::StatusOr<Operation> CopyOperation::Start() {
  if (spec_.to.empty()) return absl::InvalidArgumentError("a copy goes to another pillar");
  for (const base::ComponentId& to : spec_.to) {
    if (to == spec_.from) {
      return absl::InvalidArgumentError(
          absl::StrCat(to.text(), " cannot be given what it is to give"));
    }
    if (absl::Status asked = AskForToken(to); !asked.ok()) {
      end_ = nullptr;
      Cancel(asked.message());
      return asked;
    }
  }
  return Operation(gets_.begin()->second.id(), weak_from_this());
}

absl::Status CopyOperation::AskForToken(const base::ComponentId& to) {
  GetFileSpec get{.collection = spec_.collection,
                  .file_id = spec_.file_id,
                  .prefer = spec_.from,
                  .fail_over = false,
                  .sink = {},
                  .patience = spec_.patience};
  get.events.on_event = [self = shared_from_this(), to](const protocol::ConversationEvent& event) {
    self->OnOffer(to, event);
  };
  BITREPO_ASSIGN_OR_RETURN(
      gets_[to], client_.GetFileToken(std::move(get),
                                      [self = shared_from_this(), to](const OutcomeResult& result) {
                                        self->OnGetEnd(to, result);
                                      }));
  return absl::OkStatus();
}

void CopyOperation::OnOffer(const base::ComponentId& to, const protocol::ConversationEvent& event) {
  if (put_ || !end_ || event.kind != protocol::EventKind::kProgress || event.message == nullptr ||
      event.message->secret.empty()) {
    return;
  }
  tokens_[to] = event.message->secret;
  file_ = event.message->body.get_file_progress().file();
  if (tokens_.size() == spec_.to.size()) PutByTokens();
}

// Before the put this is why nothing can be copied; after it the put says what became of it.
void CopyOperation::OnGetEnd(const base::ComponentId& to, const OutcomeResult& result) {
  gets_.erase(to);
  if (put_ || !end_) return;
  PutFileResult none;
  none.conversation = result.conversation;
  none.outcome = result.outcome;
  if (none.outcome.verdict == protocol::Verdict::kSuccess) {
    none.outcome.verdict = protocol::Verdict::kFailed;
    none.outcome.code = wire::FILE_TRANSFER_FAILURE;
    none.outcome.text = absl::StrCat(spec_.from.text(), " ended before its token was used");
  }
  End(std::move(none));
}

void CopyOperation::PutByTokens() {
  PutFileSpec put{.collection = spec_.collection,
                  .file_id = spec_.file_id,
                  .size_bytes = file_.size_bytes(),
                  .source = {},
                  .source_tokens = std::move(tokens_),
                  .pillars = spec_.to,
                  .quorum = spec_.quorum,
                  .reason = spec_.reason,
                  .patience = spec_.patience,
                  .events = spec_.events};
  absl::Status begun;
  if (auto digest = FromWire(file_.digest()); digest.ok()) {
    put.digest = *std::move(digest);
    auto operation = client_.PutFile(
        std::move(put),
        [self = shared_from_this()](PutFileResult result) { self->End(std::move(result)); });
    begun = operation.status();
    if (operation.ok()) put_ = *std::move(operation);
  } else {
    begun = absl::DataLossError(
        absl::StrCat(spec_.from.text(), " has no digest on record of ", spec_.file_id.text()));
  }
  if (begun.ok()) return;
  PutFileResult none;
  none.source = std::move(begun);
  End(std::move(none));
}

void CopyOperation::Cancel(absl::string_view reason) {
  if (put_) put_->Cancel(reason);
  auto gets = gets_;
  for (auto& [to, get] : gets) get.Cancel(reason);
}

void CopyOperation::End(PutFileResult result) {
  if (!end_) return;
  EndHandler<PutFileResult> end = std::exchange(end_, nullptr);
  Cancel("the copy has ended");
  end(std::move(result));
}

}  // namespace bitrepo::client
