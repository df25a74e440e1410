// SPDX-License-Identifier: Apache-2.0
#include "client/transferred_lists.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "channel/transfer/token.h"
#include "client/stream_sink.h"
#include "client/wire_words.h"

namespace bitrepo::client {
namespace {

// One file, read by a source of its own; the file itself is shared.
class SharedBytes final : public ReadableBytes {
 public:
  explicit SharedBytes(std::shared_ptr<NamelessFile> file) : file_(std::move(file)) {}
  uint64_t size_bytes() const override { return file_->size_bytes(); }
  absl::StatusOr<size_t> ReadAt(uint64_t offset, std::span<std::byte> out) override {
    return file_->ReadAt(offset, out);
  }
  absl::Status CheckUnchanged() override { return absl::OkStatus(); }

 private:
  const std::shared_ptr<NamelessFile> file_;
};

}  // namespace

TransferredLists::TransferredLists(Surroundings surroundings, base::ConversationId id,
                                   OperationEvents events, std::shared_ptr<const IdList> ids)
    : OngoingOperation(surroundings, id, std::move(events)),
      ids_(std::move(ids)),
      source_(
          SharedSource::Make(std::make_unique<SharedBytes>(ids_->file()), surroundings.workers)) {}

TransferredLists::~TransferredLists() {
  for (auto& [pillar, exchange] : exchanges_) Stop(exchange);
}

void TransferredLists::OnNews(const protocol::ConversationEvent& event) {
  const auto pillar = base::ComponentId::Parse(event.component);
  if (!pillar.ok()) return;
  if (event.kind == protocol::EventKind::kProgress && event.message != nullptr &&
      !event.message->secret.empty()) {
    OnToken(*pillar, event.message->secret);
  }
  if (event.kind == protocol::EventKind::kComponentFailed) {
    if (const auto it = exchanges_.find(*pillar); it != exchanges_.end()) Stop(it->second);
  }
}

void TransferredLists::OnToken(const base::ComponentId& pillar, const std::string& token) {
  if (outcome_) return;
  Exchange& exchange = exchanges_[pillar];
  if (exchange.token == token) return;
  Stop(exchange);
  exchange = Exchange{.token = token};
  const absl::Status ready = Prepare(exchange);
  if (ready.ok()) {
    StartTransfer(pillar, exchange);
  } else {
    here_.desk.TransferFailed(id_, pillar, ready);
  }
}

absl::Status TransferredLists::Prepare(Exchange& exchange) const {
  BITREPO_ASSIGN_OR_RETURN(const wire::TokenBody token, transfer::ReadToken(exchange.token));
  exchange.fetching = token.verb() == wire::FETCH;
  if (!exchange.fetching) return absl::OkStatus();
  BITREPO_ASSIGN_OR_RETURN(base::Digest digest, FromWire(token.digest()));
  BITREPO_ASSIGN_OR_RETURN(exchange.file, NamelessFile::Create(ids_->directory()));
  const base::ByteRange whole = base::ByteRange::Whole(token.file_size());
  exchange.target = std::make_shared<FetchTarget>(
      std::make_shared<StreamSink>(exchange.file->descriptor(), here_.workers, whole, digest),
      whole, digest);
  return absl::OkStatus();
}

void TransferredLists::StartTransfer(const base::ComponentId& pillar, Exchange& exchange) {
  exchange.running = true;
  exchange.number = ++transfers_;
  ++exchange.attempts;
  if (!exchange.fetching) {
    exchange.transfer =
        here_.channel.Push(exchange.token, source_->View(), EventsOf(pillar, exchange, nullptr));
    return;
  }
  const base::RangeSet owed = exchange.target->Owed();
  auto sink = std::make_shared<AttemptSink>(
      exchange.target, owed,
      [](wire::ResponseInfo why, absl::AnyInvocable<void(wire::ResponseInfo)> answer) {
        answer(std::move(why));
      });
  exchange.transfer =
      here_.channel.Fetch(exchange.token, owed.ranges(), sink, EventsOf(pillar, exchange, sink));
}

channel::TransferEvents TransferredLists::EventsOf(const base::ComponentId& pillar,
                                                   const Exchange& exchange,
                                                   std::shared_ptr<AttemptSink> sink) {
  runtime::EventLoop& loop = here_.loop;
  const std::weak_ptr<OngoingOperation> weak = weak_from_this();
  channel::TransferEvents events;
  events.on_progress = [&loop, weak, pillar, number = exchange.number](uint64_t bytes) {
    PostTo<TransferredLists>(loop, weak, [pillar, number, bytes](TransferredLists& self) {
      self.OnProgress(pillar, number, bytes);
    });
  };
  auto ended = [&loop, weak, pillar, number = exchange.number](absl::Status how) {
    PostTo<TransferredLists>(loop, weak,
                             [pillar, number, how = std::move(how)](TransferredLists& self) {
                               self.OnTransferEnd(pillar, number, how);
                             });
  };
  events.on_end = [ended, sink = std::move(sink)](absl::Status how) {
    if (sink == nullptr) {
      ended(std::move(how));
    } else {  // what is owed is known only when every write under way has ended
      sink->WhenIdle([ended, how = std::move(how)] { ended(how); });
    }
  };
  return events;
}

void TransferredLists::OnProgress(const base::ComponentId& pillar, uint64_t number,
                                  uint64_t bytes) {
  const auto it = exchanges_.find(pillar);
  if (it == exchanges_.end() || it->second.number != number) return;
  here_.desk.Activity(id_, pillar);
  const Exchange& exchange = it->second;
  if (!events_.on_transfer) return;
  if (exchange.fetching) {
    events_.on_transfer(pillar, exchange.target->written_bytes(),
                        exchange.target->range().length());
  } else {
    events_.on_transfer(pillar, bytes, ids_->file()->size_bytes());
  }
}

void TransferredLists::OnTransferEnd(const base::ComponentId& pillar, uint64_t number,
                                     const absl::Status& how) {
  const auto it = exchanges_.find(pillar);
  if (it == exchanges_.end() || it->second.number != number) return;
  Exchange& exchange = it->second;
  exchange.running = false;
  const bool done = exchange.fetching ? exchange.target->committed() : how.ok();
  if (outcome_) {
    Finish();
  } else if (done) {
    here_.desk.Activity(id_, pillar);  // the next word comes on the bus
  } else if (absl::IsUnavailable(how) && exchange.attempts < kListTransfersPerTokenMax) {
    const absl::Duration pause = kListTransferAgainFirst * (1 << (exchange.attempts - 1));
    exchange.timer = here_.loop.RunAfter(pause, [this, weak = weak_from_this(), pillar, number] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      const auto again = exchanges_.find(pillar);
      if (again != exchanges_.end() && again->second.number == number) {
        StartTransfer(pillar, again->second);
      }
    });
  } else {
    here_.desk.TransferFailed(
        id_, pillar, how.ok() ? absl::DataLossError("the list ended before its time") : how);
  }
}

void TransferredLists::Stop(Exchange& exchange) {
  here_.loop.CancelTimer(exchange.timer);
  exchange.timer = runtime::TimerId::kNone;
  if (exchange.running) {
    here_.channel.Cancel(exchange.transfer, absl::CancelledError("the list has ended"));
  }
}

void TransferredLists::OnConversationDone(const protocol::Outcome& outcome) {
  outcome_ = outcome;
  here_.lingering[id_] = shared_from_this();
  for (auto& [pillar, exchange] : exchanges_) {
    // A final may overtake the last word of the data channel; anything else ends the transfer.
    const auto contributor = outcome.contributors.find(pillar);
    const bool complete = contributor != outcome.contributors.end() &&
                          contributor->second.state == protocol::ContributorResult::State::kDone;
    if (!complete || !exchange.fetching) Stop(exchange);
  }
  Finish();
}

void TransferredLists::Finish() {
  for (const auto& [pillar, exchange] : exchanges_) {
    if (exchange.running) return;
  }
  const auto keep = shared_from_this();
  Lists lists;
  for (auto& [pillar, exchange] : exchanges_) {
    protocol::ContributorResult& contributor = outcome_->contributors[pillar];
    if (contributor.state != protocol::ContributorResult::State::kDone) continue;
    absl::Status all_here = exchange.target != nullptr && exchange.target->committed()
                                ? exchange.file->TakeSize()
                                : absl::DataLossError("said that all was sent, not all has come");
    if (all_here.ok()) {
      lists[pillar] = exchange.file;
      continue;
    }
    contributor.state = protocol::ContributorResult::State::kFailed;
    contributor.code = wire::FILE_TRANSFER_FAILURE;
    contributor.text = std::string(all_here.message());
    outcome_->verdict = protocol::Verdict::kPartial;
  }
  OnLists(*std::exchange(outcome_, std::nullopt), std::move(lists));
}

}  // namespace bitrepo::client
