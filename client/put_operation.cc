// SPDX-License-Identifier: Apache-2.0
#include "client/put_operation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/wire_words.h"

namespace bitrepo::client {

// The caller's source, which tells the operation when it fails: then no pillar can be served.
class PutOperation::WatchedSource final : public channel::Source {
 public:
  using Report = std::function<void(absl::Status)>;
  WatchedSource(std::shared_ptr<channel::Source> source, Report report)
      : source_(std::move(source)), report_(std::move(report)) {}

  uint64_t size_bytes() const override { return source_->size_bytes(); }
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override {
    source_->Read(range, [report = report_,
                          done = std::move(done)](absl::StatusOr<base::Buffer> bytes) mutable {
      if (!bytes.ok()) report(bytes.status());
      done(std::move(bytes));
    });
  }
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override {
    source_->Facts([report = report_,
                    done = std::move(done)](absl::StatusOr<channel::CommitFacts> facts) mutable {
      if (!facts.ok()) report(facts.status());
      done(std::move(facts));
    });
  }
  void Finished(const absl::Status& how) override { source_->Finished(how); }

 private:
  const std::shared_ptr<channel::Source> source_;
  const Report report_;
};

PutOperation::PutOperation(Surroundings surroundings, base::ConversationId id, PutFileSpec spec,
                           EndHandler<PutFileResult> end)
    : OngoingOperation(surroundings, id, spec.events),
      spec_(std::move(spec)),
      end_(std::move(end)) {}

PutOperation::~PutOperation() {
  for (auto& [pillar, push] : pushes_) StopPush(push);
}

namespace {

// What identify and request of both operations say of the new file.
template <typename Message>
void FillNewFile(const PutFileSpec& spec, Message& message) {
  message.set_file_id(spec.file_id.text());
  if (spec.size_bytes) message.set_size_bytes(*spec.size_bytes);
  if (spec.digest) *message.mutable_digest() = ToWire(*spec.digest);
}

}  // namespace

wire::Body PutOperation::Identify(const PutFileSpec& spec) {
  wire::Body body;
  FillNewFile(spec, *body.mutable_put_file_identify());
  return body;
}

wire::Body PutOperation::Request(const PutFileSpec& spec) {
  wire::Body body;
  body.set_reason(spec.reason);
  FillNewFile(spec, *body.mutable_put_file_request());
  body.mutable_put_file_request()->set_background(spec.background);
  body.mutable_put_file_request()->set_from_source(!spec.source_tokens.empty());
  if (spec.checksums) *body.mutable_put_file_request()->mutable_checksums() = *spec.checksums;
  body.mutable_put_file_request()->set_source_stamp(spec.source_stamp);
  return body;
}

wire::Body PutOperation::Identify(const ReplaceFileSpec& spec) {
  wire::Body body;
  FillNewFile(spec.file, *body.mutable_replace_file_identify());
  *body.mutable_replace_file_identify()->mutable_old_digest() = ToWire(spec.old_digest);
  return body;
}

wire::Body PutOperation::Request(const ReplaceFileSpec& spec) {
  wire::Body body;
  body.set_reason(spec.file.reason);
  wire::ReplaceFileRequest& request = *body.mutable_replace_file_request();
  FillNewFile(spec.file, request);
  request.set_background(spec.file.background);
  request.set_from_source(!spec.file.source_tokens.empty());
  *request.mutable_old_digest() = ToWire(spec.old_digest);
  if (spec.file.checksums) *request.mutable_checksums() = *spec.file.checksums;
  request.set_source_stamp(spec.file.source_stamp);
  return body;
}

void PutOperation::OnNews(const protocol::ConversationEvent& event) {
  const auto pillar = base::ComponentId::Parse(event.component);
  if (!pillar.ok()) return;
  if (event.kind == protocol::EventKind::kProgress && event.message != nullptr) {
    const wire::Body& body = event.message->body;
    const uint64_t held = body.has_replace_file_progress()
                              ? body.replace_file_progress().held_bytes()
                              : body.put_file_progress().held_bytes();
    if (held > 0) resumed_[*pillar] = held;
    if (!event.message->secret.empty()) OnToken(*pillar, event.message->secret);
    // Of bytes that come to it from elsewhere the pillar alone can tell.
    if (!spec_.source_tokens.empty() && events_.on_transfer) {
      events_.on_transfer(*pillar, body.progress().bytes_done(), spec_.size_bytes.value_or(0));
    }
  }
  if (event.kind == protocol::EventKind::kComponentComplete ||
      event.kind == protocol::EventKind::kComponentFailed) {
    if (const auto it = pushes_.find(*pillar); it != pushes_.end()) StopPush(it->second);
  }
}

void PutOperation::OnToken(const base::ComponentId& pillar, const std::string& token) {
  if (!source_.ok() || !spec_.source_tokens.empty()) return;
  Push& push = pushes_[pillar];
  if (push.token != token) {
    StopPush(push);
    push = Push();
    push.token = token;
  } else if (push.running || push.delivered || push.attempts >= kPushesPerTokenMax) {
    return;
  }
  StartPush(pillar, push);
}

void PutOperation::StartPush(const base::ComponentId& pillar, Push& push) {
  here_.loop.CancelTimer(push.timer);
  push.timer = runtime::TimerId::kNone;
  push.running = true;
  push.number = ++push_count_;
  ++push.attempts;
  runtime::EventLoop& loop = here_.loop;
  const std::weak_ptr<OngoingOperation> weak = weak_from_this();
  auto source =
      std::make_shared<WatchedSource>(spec_.source(pillar), [&loop, weak](absl::Status what) {
        PostTo<PutOperation>(loop, weak, [what = std::move(what)](PutOperation& self) {
          self.OnSourceTrouble(what);
        });
      });
  channel::TransferEvents events;
  events.on_progress = [&loop, weak, pillar, number = push.number](uint64_t bytes) {
    PostTo<PutOperation>(loop, weak, [pillar, number, bytes](PutOperation& self) {
      self.OnPushProgress(pillar, number, bytes);
    });
  };
  events.on_end = [&loop, weak, pillar, number = push.number](absl::Status how) {
    PostTo<PutOperation>(loop, weak, [pillar, number, how = std::move(how)](PutOperation& self) {
      self.OnPushEnd(pillar, number, how);
    });
  };
  push.transfer = here_.channel.Push(push.token, std::move(source), std::move(events));
}

void PutOperation::StopPush(Push& push) {
  here_.loop.CancelTimer(push.timer);
  push.timer = runtime::TimerId::kNone;
  push.number = 0;
  if (!std::exchange(push.running, false)) return;
  here_.channel.Cancel(push.transfer, absl::CancelledError("the pillar's final has come"));
}

void PutOperation::OnPushProgress(const base::ComponentId& pillar, uint64_t number,
                                  uint64_t bytes) {
  const auto it = pushes_.find(pillar);
  if (it == pushes_.end() || it->second.number != number) return;
  here_.desk.Activity(id_, pillar);
  if (events_.on_transfer) events_.on_transfer(pillar, bytes, spec_.size_bytes.value_or(0));
}

void PutOperation::OnPushEnd(const base::ComponentId& pillar, uint64_t number,
                             const absl::Status& how) {
  const auto it = pushes_.find(pillar);
  if (it == pushes_.end() || it->second.number != number) return;
  Push& push = it->second;
  push.running = false;
  if (how.ok()) {
    push.delivered = true;  // the final follows on the bus
    here_.desk.Activity(id_, pillar);
    return;
  }
  // A lost session is tried again with the same token, which grants it while the pillar runs.
  if (absl::IsUnavailable(how) && push.attempts < kPushesPerTokenMax) {
    const absl::Duration pause = kPushAgainFirst * (1 << (push.attempts - 1));
    push.timer = here_.loop.RunAfter(pause, [this, weak = weak_from_this(), pillar] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      if (const auto again = pushes_.find(pillar); again != pushes_.end()) {
        StartPush(pillar, again->second);
      }
    });
    return;
  }
  push.timer = here_.loop.RunAfter(kWordAfterPush, [this, weak = weak_from_this(), pillar, how] {
    if (const auto self = weak.lock()) here_.desk.TransferFailed(id_, pillar, how);
  });
}

void PutOperation::OnSourceTrouble(const absl::Status& what) {
  if (!source_.ok()) return;
  source_ = what;
  here_.desk.Cancel(id_, absl::StrCat("the source failed: ", what.message()));
}

std::optional<protocol::ConversationRemains> PutOperation::Leave() {
  for (auto& [pillar, push] : pushes_) {
    push.number = 0;
    if (std::exchange(push.running, false)) here_.channel.Abandon(push.transfer);
  }
  return OngoingOperation::Leave();
}

// A replace tells what a put tells, and what went.
void PutOperation::TakeFinal(const base::ComponentId& pillar, const wire::Body& body,
                             PutFileResult& result) {
  wire::PutFileFinal& final = result.finals[pillar];
  if (!body.has_replace_file_final()) {
    final = body.put_file_final();
    return;
  }
  const wire::ReplaceFileFinal& told = body.replace_file_final();
  *final.mutable_file() = told.file();
  final.set_already_held(told.already_held());
  *final.mutable_digests() = told.digests();
  if (told.has_replaced()) result.replaced[pillar] = told.replaced();
}

void PutOperation::OnConversationDone(const protocol::Outcome& outcome) {
  for (auto& [pillar, push] : pushes_) StopPush(push);
  PutFileResult result;
  result.conversation = id_;
  result.outcome = outcome;
  result.source = source_;
  result.resumed = resumed_;
  if (absl::IsAborted(source_) && outcome.verdict == protocol::Verdict::kCancelled) {
    result.outcome.code = wire::SOURCE_CHANGED;  // why it was withdrawn
    result.outcome.text = std::string(source_.message());
  }
  for (const auto& [pillar, contributor] : outcome.contributors) {
    if (contributor.state != protocol::ContributorResult::State::kDone) continue;
    wire::PutFileFinal& final = result.finals[pillar];
    if (contributor.final != nullptr) {
      TakeFinal(pillar, contributor.final->body, result);
    } else if (contributor.identify_reply != nullptr) {  // held already: nothing had to be asked
      const wire::Body& reply = contributor.identify_reply->body;
      *final.mutable_file() = reply.has_replace_file_identify_reply()
                                  ? reply.replace_file_identify_reply().existing()
                                  : reply.put_file_identify_reply().existing();
      final.set_already_held(true);
    }
  }
  end_(std::move(result));
}

}  // namespace bitrepo::client
