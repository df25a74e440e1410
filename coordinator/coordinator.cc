// SPDX-License-Identifier: Apache-2.0
#include "coordinator/coordinator.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/status.h"

namespace bitrepo::coordinator {
namespace {

using broker::BrokerOutbox;

broker::BrokerSpec SpecOf(const CoordinatorOptions& options, const bus::WatchPublisher* watch,
                          const std::string& run, absl::Time wall_now) {
  broker::BrokerSpec spec;
  spec.repository_id = options.repository_id;
  spec.coordinator_id = options.coordinator_id;
  spec.program_version = options.program_version;
  if (watch != nullptr) {
    spec.watch_endpoint = options.watch_public.empty() ? watch->endpoint() : options.watch_public;
  }
  spec.run = run;
  spec.wall_start = wall_now;
  spec.collections = options.collections;
  spec.limits.members_max = options.members_max;
  spec.times.heartbeat = options.heartbeat;
  spec.times.gone_after = options.gone_after;
  spec.times.settle = options.settle;
  return spec;
}

watch::ObserverSpec ObserverSpecOf(const CoordinatorOptions& options, const std::string& run) {
  watch::ObserverSpec spec;
  spec.coordinator_id = options.coordinator_id;
  spec.run = run;
  return spec;
}

void Log(const broker::BrokerNote& note) {
  base::LogLine line(note.level, note.event);
  for (const auto& [key, value] : note.fields) {
    line.With(key, value);
  }
}

bool IsEmpty(const BrokerOutbox& out) {
  return out.sends.empty() && out.cuts.empty() && out.greeted.empty() && out.copies.empty() &&
         out.notes.empty() && out.events.empty() && out.questions.empty();
}

}  // namespace

Coordinator::Coordinator(CoordinatorOptions options, runtime::EventLoop& loop, bus::HubLink& link,
                         bus::WatchPublisher* watch, base::Random& random)
    : loop_(loop),
      link_(link),
      watch_(watch),
      run_(base::MessageId::Make(loop.clock().WallNow(), random).ToBytes()),
      broker_(SpecOf(options, watch, run_, loop.clock().WallNow()), loop.Now(), random),
      observer_(ObserverSpecOf(options, run_), loop.clock().WallNow()) {}

Coordinator::~Coordinator() { Stop(); }

absl::Status Coordinator::Start() {
  BITREPO_RETURN_IF_ERROR(link_.Start(*this));
  running_ = true;
  SetTimer();
  return absl::OkStatus();
}

void Coordinator::Stop() {
  running_ = false;
  loop_.CancelTimer(timer_);
}

void Coordinator::OnFrames(bus::PeerNumber peer, bus::Frames frames) {
  if (running_) {
    BrokerOutbox out;
    broker_.OnFrames(peer, std::move(frames), loop_.Now(), out);
    CarryOut(std::move(out));
  }
}

void Coordinator::OnPeerLost(bus::PeerNumber peer) {
  if (running_) {
    BrokerOutbox out;
    broker_.OnPeerLost(peer, loop_.Now(), out);
    CarryOut(std::move(out));
  }
}

void Coordinator::CarryOut(BrokerOutbox out) {
  while (!IsEmpty(out)) {
    BrokerOutbox next;
    Send(out, next);
    for (const auto& [peer, cause] : out.cuts) {
      link_.Cut(peer);
    }
    for (const bus::PeerNumber peer : out.greeted) {
      link_.MarkGreeted(peer);
    }
    for (const broker::BrokerNote& note : out.notes) {
      Log(note);
    }
    if (watch_ != nullptr) {
      for (const bus::Frames& copy : out.copies) {
        watch_->Publish(copy);
      }
    }
    Observe(out);
    for (const protocol::Envelope& question : out.questions) {
      Answer(question, next);
    }
    out = std::move(next);
  }
  SetTimer();
}

void Coordinator::Observe(BrokerOutbox& out) {
  const absl::Time wall_now = loop_.clock().WallNow();
  for (bus::Frames& copy : out.copies) {
    observer_.OnCopy(std::move(copy), wall_now);
  }
  for (const base::AuditLine& event : out.events) {
    observer_.OnEvent(event, wall_now);
  }
}

void Coordinator::Answer(const protocol::Envelope& question, BrokerOutbox& next) {
  if (watch::BusObserver::Answers(question.header.operation())) {
    broker_.OnAnswer(question, observer_.Answer(question), loop_.Now(), next);
  } else {
    broker_.OnStatus(question, Facts(), loop_.Now(), next);
  }
}

// Once a peer has been blocked, what else is for it goes back untried: its messages stay in order.
void Coordinator::Send(BrokerOutbox& out, BrokerOutbox& next) {
  for (broker::Delivery& delivery : out.sends) {
    const bus::SendResult result = broker_.IsBlocked(delivery.peer)
                                       ? bus::SendResult::kBlocked
                                       : link_.Send(delivery.peer, delivery.frames);
    if (result == bus::SendResult::kBlocked) {
      broker_.OnBlocked(std::move(delivery), loop_.Now(), next);
    } else if (result == bus::SendResult::kGone) {
      broker_.OnGone(delivery, loop_.Now(), next);
    }
  }
}

broker::HostFacts Coordinator::Facts() const {
  broker::HostFacts facts;
  facts.connections = link_.connection_count();
  facts.link_drops = link_.DropCounts();
  if (watch_ != nullptr) {
    for (const auto& [cause, count] : watch_->DropCounts()) {
      facts.link_drops[absl::StrCat("watch-", cause)] += count;
    }
  }
  return facts;
}

void Coordinator::SetTimer() {
  const absl::Time wake_at = broker_.WakeAt();
  if (timer_ != runtime::TimerId::kNone && timer_at_ == wake_at) {
    return;
  }
  loop_.CancelTimer(timer_);
  timer_at_ = wake_at;
  timer_ = loop_.RunAt(wake_at, [this] {
    timer_ = runtime::TimerId::kNone;
    BrokerOutbox out;
    broker_.OnTime(loop_.Now(), out);
    CarryOut(std::move(out));
  });
}

}  // namespace bitrepo::coordinator
