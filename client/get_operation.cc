// SPDX-License-Identifier: Apache-2.0
#include "client/get_operation.h"

#include "absl/strings/str_cat.h"
#include "client/wire_words.h"

namespace bitrepo::client {

GetOperation::GetOperation(Surroundings surroundings, base::ConversationId id, GetFileSpec spec,
                           EndHandler<GetFileResult> end)
    : OngoingOperation(surroundings, id, spec.events),
      spec_(std::move(spec)),
      end_(std::move(end)) {}

GetOperation::~GetOperation() {
  here_.loop.CancelTimer(final_timer_);
  if (!attempt_) return;
  here_.loop.CancelTimer(attempt_->timer);
  if (attempt_->running) {
    here_.channel.Cancel(attempt_->transfer, absl::CancelledError("the client stops"));
  }
}

wire::Body GetOperation::Identify(const GetFileSpec& spec) {
  wire::Body body;
  wire::FileRange& range = *body.mutable_get_file_identify()->mutable_range();
  range.set_file_id(spec.file_id.text());
  range.set_offset(spec.offset);
  if (spec.length) range.set_length(*spec.length);
  return body;
}

wire::Body GetOperation::Request(const base::FileId& file_id, uint64_t offset,
                                 std::optional<uint64_t> length) {
  wire::Body body;
  wire::FileRange& range = *body.mutable_get_file_request()->mutable_range();
  range.set_file_id(file_id.text());
  range.set_offset(offset);
  if (length) range.set_length(*length);
  return body;
}

void GetOperation::OnNews(const protocol::ConversationEvent& event) {
  const auto pillar = base::ComponentId::Parse(event.component);
  if (!pillar.ok()) return;
  switch (event.kind) {
    case protocol::EventKind::kComponentIdentified:
      if (event.code == wire::IDENTIFICATION_POSITIVE) candidates_.insert(*pillar);
      break;
    case protocol::EventKind::kProgress:
      if (event.message != nullptr && !event.message->secret.empty()) {
        OnAccepted(
            {*pillar, event.message->secret, event.message->body.get_file_progress().file()});
      }
      break;
    case protocol::EventKind::kComponentFailed:
      candidates_.erase(*pillar);
      if (attempt_ && attempt_->accepted.pillar == *pillar) {
        here_.loop.CancelTimer(attempt_->timer);
        if (attempt_->running)
          here_.channel.Cancel(attempt_->transfer, absl::CancelledError(event.text));
      }
      break;
    default:
      break;
  }
}

void GetOperation::OnAccepted(Acceptance accepted) {
  if (!sink_.ok() || outcome_ || (target_ != nullptr && target_->committed())) return;
  if (attempt_ && attempt_->accepted.token == accepted.token) {
    // A repeat of the last word. It says nothing new, unless the fetches with it have all ended.
    if (attempt_->running || attempt_->fetches >= kFetchesPerTokenMax) return;
    here_.loop.CancelTimer(attempt_->timer);
    Fetch();
    return;
  }
  if (attempt_ && attempt_->running) {
    next_ = std::move(accepted);
    here_.channel.Cancel(attempt_->transfer, absl::CancelledError("another fetch takes over"));
    return;
  }
  Begin(std::move(accepted));
}

void GetOperation::Begin(Acceptance accepted) {
  if (absl::Status ready = Prepare(accepted); !ready.ok()) {
    if (sink_.ok()) here_.desk.TransferFailed(id_, accepted.pillar, std::move(ready));
    return;
  }
  if (!attempt_ || attempt_->accepted.pillar != accepted.pillar) ++pillars_tried_;
  attempt_.emplace(Attempt{.accepted = std::move(accepted)});
  Fetch();
}

// The place for the bytes; what came before stays when this pillar holds the same content.
absl::Status GetOperation::Prepare(const Acceptance& accepted) {
  const wire::FileInfo& file = accepted.file;
  const auto digest = FromWire(file.digest());
  if (!digest.ok()) {
    return absl::DataLossError(
        absl::StrCat(accepted.pillar.text(), " has no digest on record of ", file.file_id()));
  }
  if (target_ != nullptr) {
    if (file.size_bytes() == file_->size_bytes() &&
        file.digest().value() == file_->digest().value()) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat(accepted.pillar.text(), " holds other bytes than the pillar before it"));
  }
  const auto range = base::ByteRange::Within(file.size_bytes(), spec_.offset, spec_.length);
  if (!range.ok()) return range.status();
  auto sink = spec_.sink(file, *range);
  if (!sink.ok()) {
    OnSinkTrouble(sink.status());
    return sink.status();
  }
  const bool whole = *range == base::ByteRange::Whole(file.size_bytes());
  target_ = std::make_shared<FetchTarget>(
      *std::move(sink), *range, whole ? std::optional<base::Digest>(*digest) : std::nullopt);
  file_ = file;
  return absl::OkStatus();
}

void GetOperation::Fetch() {
  Attempt& attempt = *attempt_;
  attempt.number = ++attempts_;
  attempt.running = true;
  ++attempt.fetches;
  runtime::EventLoop& loop = here_.loop;
  const std::weak_ptr<OngoingOperation> weak = weak_from_this();
  attempt.sink = std::make_shared<AttemptSink>(
      target_, [&loop, weak](wire::ResponseInfo why, absl::AnyInvocable<void()> go_on) {
        PostTo<GetOperation>(
            loop, weak,
            [why = std::move(why), go_on = std::move(go_on)](GetOperation& self) mutable {
              self.OnMismatch(std::move(why), std::move(go_on));
            });
      });
  channel::TransferEvents events;
  events.on_progress = [&loop, weak, number = attempt.number](uint64_t) {
    PostTo<GetOperation>(loop, weak,
                         [number](GetOperation& self) { self.OnFetchProgress(number); });
  };
  events.on_end = [&loop, weak, number = attempt.number,
                   sink = attempt.sink](absl::Status how) mutable {
    // What is owed is known only when every write under way has ended.
    sink->WhenIdle([&loop, weak, number, how = std::move(how)]() mutable {
      PostTo<GetOperation>(loop, weak, [number, how = std::move(how)](GetOperation& self) mutable {
        self.OnFetchEnd(number, std::move(how));
      });
    });
  };
  attempt.transfer = here_.channel.Fetch(attempt.accepted.token, target_->Owed().ranges(),
                                         attempt.sink, std::move(events), spec_.background);
}

void GetOperation::OnFetchProgress(uint64_t number) {
  if (!attempt_ || attempt_->number != number) return;
  here_.desk.Activity(id_, attempt_->accepted.pillar);
  AskForOwed();
  if (events_.on_transfer) {
    events_.on_transfer(attempt_->accepted.pillar, target_->written_bytes(),
                        target_->range().length());
  }
}

void GetOperation::OnFetchEnd(uint64_t number, absl::Status how) {
  if (!attempt_ || attempt_->number != number) return;
  attempt_->running = false;
  if (target_ != nullptr && target_->committed()) {
    from_ = attempt_->accepted.pillar;
    next_.reset();
    if (outcome_) {
      Finish();
      return;
    }
    here_.desk.Activity(id_, *from_);
    final_timer_ = here_.loop.RunAfter(kFinalAfterFetch, [this, weak = weak_from_this()] {
      if (const auto self = weak.lock()) here_.desk.Cancel(id_, "all bytes have come");
    });
    return;
  }
  if (outcome_) {
    Finish();
    return;
  }
  if (target_ != nullptr && !target_->trouble().ok()) {
    OnSinkTrouble(target_->trouble());
    return;
  }
  if (next_) {
    Acceptance next = *std::exchange(next_, std::nullopt);
    Begin(std::move(next));
    return;
  }
  OnFetchLost(how.ok() ? absl::DataLossError("the fetch ended before its time") : how);
}

void GetOperation::OnFetchLost(const absl::Status& how) {
  AskForOwed();
  // A lost session is tried again with the same token when nobody else could go on.
  if (absl::IsUnavailable(how) && target_ != nullptr && !OthersMayServe() &&
      attempt_->fetches < kFetchesPerTokenMax) {
    const absl::Duration pause = kFetchAgainFirst * (1 << (attempt_->fetches - 1));
    attempt_->timer = here_.loop.RunAfter(pause, [this, weak = weak_from_this()] {
      if (const auto self = weak.lock()) Fetch();
    });
    return;
  }
  here_.desk.TransferFailed(id_, attempt_->accepted.pillar, how);
}

// The bytes do not have the digest on record: all must come anew, from another pillar.
void GetOperation::OnMismatch(wire::ResponseInfo why, absl::AnyInvocable<void()> go_on) {
  mismatch_ = true;
  if (target_ != nullptr) target_->Abandon(absl::DataLossError(std::string(why.text())));
  target_.reset();
  file_.reset();
  AskForOwed();
  here_.desk.TransferFailed(id_, attempt_->accepted.pillar,
                            absl::DataLossError(std::string(why.text())));
  go_on();
}

void GetOperation::OnSinkTrouble(absl::Status what) {
  sink_ = std::move(what);
  here_.desk.Cancel(id_, absl::StrCat("the bytes cannot be written: ", sink_.message()));
}

void GetOperation::AskForOwed() {
  if (target_ == nullptr) {
    here_.desk.SetRequest(id_, Request(spec_.file_id, spec_.offset, spec_.length));
    return;
  }
  const std::vector<base::ByteRange> owed = target_->Owed().ranges();
  const uint64_t offset = owed.empty() ? target_->range().end() : owed.front().offset();
  here_.desk.SetRequest(id_, Request(spec_.file_id, offset, target_->range().end() - offset));
}

bool GetOperation::OthersMayServe() const {
  if (!spec_.fail_over) return false;
  for (const base::ComponentId& candidate : candidates_) {
    if (candidate != attempt_->accepted.pillar) return true;
  }
  return false;
}

std::optional<protocol::ConversationRemains> GetOperation::Leave() {
  if (attempt_ && std::exchange(attempt_->running, false)) {
    attempt_->number = 0;
    here_.channel.Abandon(attempt_->transfer);
  }
  return OngoingOperation::Leave();
}

void GetOperation::OnConversationDone(const protocol::Outcome& outcome) {
  outcome_ = outcome;
  here_.loop.CancelTimer(final_timer_);
  if (attempt_ && attempt_->running) {
    // A final may overtake the last word of the data channel; anything else ends the fetch.
    if (outcome.verdict != protocol::Verdict::kSuccess) {
      here_.channel.Cancel(attempt_->transfer, absl::CancelledError("the operation has ended"));
    }
    here_.lingering[id_] = shared_from_this();
    return;
  }
  Finish();
}

void GetOperation::Finish() {
  const auto keep = shared_from_this();
  here_.lingering.erase(id_);
  if (attempt_) here_.loop.CancelTimer(attempt_->timer);
  GetFileResult result;
  result.conversation = id_;
  result.outcome = *std::move(outcome_);
  const bool complete = target_ != nullptr && target_->committed();
  if (complete) {
    result.outcome.verdict = protocol::Verdict::kSuccess;  // proved here, whatever was heard since
  } else {
    if (target_ != nullptr) target_->Abandon(absl::CancelledError("the get has ended"));
    if (result.outcome.verdict == protocol::Verdict::kSuccess) {
      result.outcome.verdict = protocol::Verdict::kFailed;
      result.outcome.code = wire::FILE_TRANSFER_FAILURE;
      result.outcome.text = "the pillar said that all was sent, but not all has come";
    }
  }
  result.sink = sink_;
  result.from = from_;
  result.file = file_;
  result.bytes = complete ? target_->range().length() : 0;
  result.failovers = pillars_tried_ > 0 ? pillars_tried_ - 1 : 0;
  result.mismatch = mismatch_;
  end_(std::move(result));
}

}  // namespace bitrepo::client
