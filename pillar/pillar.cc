// SPDX-License-Identifier: Apache-2.0
#include "pillar/pillar.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "bus/bus.h"
#include "bus/protocol/contribution.h"
#include "bus/protocol/primitive.h"
#include "channel/channel.h"
#include "pillar/alarm_bell.h"
#include "pillar/request_table.h"
#include "pillar/requests/file_line.h"
#include "pillar/requests/gauge.h"
#include "pillar/requests/group_commit.h"
#include "pillar/requests/identify.h"
#include "pillar/requests/list_ahead.h"
#include "pillar/requests/replies.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::pillar {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr absl::Duration kDrainPoll = absl::Milliseconds(10);
constexpr absl::Duration kCommitGrace =
    absl::Seconds(5);  // for the group that is being written at the end
constexpr absl::Duration kInterruptedSweep = absl::Hours(1);
constexpr absl::Duration kPurgeEvery = absl::Hours(1);

bus::Membership MembershipFor(const PillarOptions& options, const store::FileStore& store) {
  bus::Membership membership;
  membership.repository_id = options.repository_id;
  membership.kind = wire::PILLAR;
  membership.principal = options.id.text();
  membership.session = options.id.text();
  for (const base::CollectionId& collection : options.collections) {
    membership.collections.push_back(collection.text());
  }
  membership.program_version = options.program_version;
  membership.store_id = store.store_id().ToBytes();
  membership.incarnation = store.incarnation();
  membership.pillar_kind = options.kind;
  return membership;
}

std::string NotKept(const std::string& collection_id) {
  return absl::StrCat("the collection ", collection_id, " is not kept here");
}

}  // namespace

struct Pillar::State final : bus::Bus::Handler,
                             requests::Host,
                             std::enable_shared_from_this<Pillar::State> {
  State(PillarOptions options_in, PillarParts parts_in)
      : options(std::move(options_in)),
        parts(std::move(parts_in)),
        bus(MembershipFor(options, parts.store), parts.loop, std::move(parts.link), parts.random),
        commits(parts.loop, parts.workers, parts.store),
        line(parts.loop),
        ahead(parts.loop, parts.workers),
        request_parts{parts.loop,
                      parts.channel,
                      parts.mint,
                      parts.store,
                      parts.workers,
                      parts.random,
                      commits,
                      line,
                      ahead,
                      gauge,
                      *this,
                      options.id.text(),
                      options.program_version,
                      options.data_endpoints,
                      options.keep_free_bytes,
                      options.transfer_idle,
                      options.kind,
                      options.intake,
                      options.min_copies,
                      options.terms,
                      parts.slow},
        spec{options.repository_id, options.id, parts.loop.clock().WallNow()},
        table({options.requests_max, options.requests_per_principal_max, options.finished_kept_max,
               options.finished_kept_for},
              spec, request_parts, [this](const protocol::Envelope& reply) { Publish(reply); }),
        bell(options.repository_id, options.id.text(), parts.random),
        started(parts.loop.Now()) {}

  // ---- bus
  void OnBusUp(const wire::Welcome& welcome) override {
    base::LogLine(base::LogLevel::kInfo, "bus-up").With("coordinator", welcome.coordinator_id());
    if (events.on_ready != nullptr) events.on_ready();
  }
  void OnBusDown() override { base::LogLine(base::LogLevel::kWarning, "bus-down"); }
  void OnRefused(const wire::ResponseInfo& why) override {
    base::LogLine(base::LogLevel::kError, "refused-by-the-coordinator")
        .With("code", wire::ResponseCode_Name(why.code()))
        .With("why", why.text());
    if (events.on_refused == nullptr) return;
    events.on_refused(absl::FailedPreconditionError(
        absl::StrCat("the coordinator refuses ", options.id.text(), ": ", why.text())));
  }
  void OnFault(const protocol::EnvelopeFault& fault) override {
    base::LogLine(base::LogLevel::kDebug, "message-not-valid").With("cause", fault.cause);
    if (fault.header_usable && fault.header.kind() == wire::REQUEST &&
        requests::ChangesFiles(fault.header.operation())) {
      commits.Audit(requests::AuditOfFault(fault));
    }
    auto refusal = protocol::MakeRefusal(spec, fault, parts.loop.clock().WallNow(), parts.random);
    if (refusal.ok()) Publish(*refusal);
  }
  void OnEnvelope(protocol::Envelope envelope) override;
  void OnIdentify(std::shared_ptr<const protocol::Envelope> identify);
  bool Keeps(const std::string& collection_id) const;
  // The bus may be down or full: the asker asks again.
  void Publish(const protocol::Envelope& envelope) {
    if (!bus.Publish(envelope).ok()) ++replies_dropped;
  }

  // ---- what requests ask of the pillar
  Vitals vitals() const override;
  void RaiseAlarm(absl::string_view code, absl::string_view text,
                  absl::string_view file_id) override {
    // Of a disk that is full and stays so it is told once, not to each who finds no room.
    if (code == "no-space" && nearly_full && std::exchange(no_space_told, true)) return;
    const auto alarm =
        bell.Ring(code, text, file_id, parts.loop.Now(), parts.loop.clock().WallNow());
    if (alarm) Publish(*alarm);
  }
  std::vector<wire::RequestRecord> RequestsOf(
      const base::ConversationId& conversation) const override {
    return table.RequestsOf(conversation);
  }
  void OnReport(const store::StoreReport& fresh) override;

  void OnDataViolation(const channel::Violation& violation);

  // ---- time
  void Tick();
  void TellLoad();
  void CheckStore();
  void PurgeQuarantine();
  void SweepInterrupted();
  void OnInterrupted(const absl::StatusOr<std::vector<store::Answer>>& interrupted);
  void Drain(absl::Time deadline);

  // Calls back on the loop while this lives.
  template <typename Callback>
  auto IfAlive(Callback callback) {
    return [weak = weak_from_this(), callback = std::move(callback)]() mutable {
      const std::shared_ptr<State> self = weak.lock();
      if (self != nullptr) callback(*self);
    };
  }

  const PillarOptions options;
  PillarParts parts;
  PillarEvents events;
  bus::Bus bus;
  const std::shared_ptr<requests::Gauge> gauge = std::make_shared<requests::Gauge>();
  requests::GroupCommit commits;
  requests::FileLine line;
  requests::ListAhead ahead;
  requests::RequestParts request_parts;
  protocol::ContributionSpec spec;
  RequestTable table;
  AlarmBell bell;
  std::optional<store::StoreReport> report;
  const absl::Time started;
  size_t enquiries = 0;
  uint64_t replies_dropped = 0;
  std::map<std::string, uint64_t> data_drops;  // of the data channel, a moment ago
  bool nearly_full = false;                    // at the last self-check
  bool no_space_told = false;                  // since it is
  bool checking = false;
  bool check_failed = false;
  absl::Time check_at = absl::InfinitePast();
  absl::Time sweep_at = absl::InfinitePast();
  absl::Time purge_at = absl::InfinitePast();
  bool stopping = false;
  bool stopped = false;
  absl::AnyInvocable<void()> on_stopped;
};

// True where no collection is named, or one that is kept here. All else that makes a message one
// for this pillar the bus has seen to.
bool Pillar::State::Keeps(const std::string& collection_id) const {
  return collection_id.empty() ||
         std::any_of(options.collections.begin(), options.collections.end(),
                     [&](const auto& kept) { return kept.text() == collection_id; });
}

void Pillar::State::OnEnvelope(protocol::Envelope envelope) {
  if (stopped) return;
  switch (envelope.header.kind()) {
    case wire::IDENTIFY:
      OnIdentify(std::make_shared<const protocol::Envelope>(std::move(envelope)));
      return;
    case wire::REQUEST:
      if (Keeps(envelope.header.collection_id())) {
        table.OnRequest(envelope);
      } else {
        table.Refuse(envelope, wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                     NotKept(envelope.header.collection_id()));
      }
      return;
    case wire::CANCEL:
      table.OnCancel(envelope);
      return;
    default:
      return;  // replies to what this pillar has told: nobody waits for them
  }
}

void Pillar::State::OnIdentify(std::shared_ptr<const protocol::Envelope> identify) {
  const auto reply = [this, identify](wire::Body body) {
    Publish(protocol::MakeReply(spec, *identify, wire::IDENTIFY_REPLY, std::move(body), "",
                                parts.loop.clock().WallNow(), parts.random));
  };
  const wire::Operation operation = identify->header.operation();
  if (!Keeps(identify->header.collection_id())) {
    reply(requests::IdentifyReplyBody(operation, wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                                      NotKept(identify->header.collection_id())));
    return;
  }
  if (stopping) {
    reply(requests::IdentifyReplyBody(operation, wire::IDENTIFICATION_NEGATIVE,
                                      "the pillar is stopping"));
    return;
  }
  if (enquiries >= kEnquiriesMax || table.under_way() >= options.requests_max) {
    reply(requests::IdentifyReplyBody(operation, wire::BUSY, "the pillar has too much to do"));
    return;
  }
  ++enquiries;
  requests::AnswerIdentify(request_parts, *identify,
                           [reply, weak = weak_from_this()](wire::Body body) {
                             const std::shared_ptr<State> self = weak.lock();
                             if (self == nullptr || self->stopped) return;
                             --self->enquiries;
                             reply(std::move(body));
                           });
}

requests::Host::Vitals Pillar::State::vitals() const {
  Vitals vitals;
  vitals.queue = static_cast<uint32_t>(table.under_way());
  vitals.bus_up = bus.up();
  vitals.started = started;
  vitals.report = report;
  vitals.dropped_frames = bus.drop_counts();
  if (replies_dropped > 0) vitals.dropped_frames["reply-while-bus-down"] = replies_dropped;
  for (const auto& [cause, count] : data_drops) {
    if (count > 0) vitals.dropped_frames[absl::StrCat("data-", cause)] = count;
  }
  return vitals;
}

void Pillar::State::Tick() {
  if (stopped) return;
  const absl::Time now = parts.loop.Now();
  gauge->Tick(now);
  table.OnTime(now);
  TellLoad();
  parts.channel.TellDropCounts(
      [loop = &parts.loop, weak = weak_from_this()](std::map<std::string, uint64_t> counts) {
        loop->Post([weak, counts = std::move(counts)]() mutable {
          const std::shared_ptr<State> self = weak.lock();
          if (self != nullptr) self->data_drops = std::move(counts);
        });
      });
  if (now >= check_at && !checking) CheckStore();
  if (now >= sweep_at) SweepInterrupted();
  if (now >= purge_at) PurgeQuarantine();
  parts.loop.RunAfter(kTick, IfAlive([](State& self) { self.Tick(); }));
}

void Pillar::State::TellLoad() {
  const requests::Gauge::Reading reading = gauge->Read();
  wire::Load load;
  const bool read_only = report && !report->writable;
  load.set_state(check_failed ? wire::LOAD_FAILING
                 : read_only  ? wire::LOAD_READ_ONLY
                              : wire::LOAD_READY);
  load.set_queue(static_cast<uint32_t>(table.under_way()));
  load.set_in_bytes_per_second(reading.in_bytes_per_second);
  load.set_out_bytes_per_second(reading.out_bytes_per_second);
  load.set_free_bytes(report ? report->free_bytes : 0);
  bus.SetLoad(std::move(load));
}

void Pillar::State::CheckStore() {
  checking = true;
  check_at = parts.loop.Now() + options.check_every;
  const absl::Status taken =
      parts.workers.Submit(runtime::Lane::kWrite, runtime::StrandId::kNone,
                           [store = &parts.store, loop = &parts.loop, weak = weak_from_this()] {
                             loop->Post([weak, checked = store->Check()] {
                               const std::shared_ptr<State> self = weak.lock();
                               if (self == nullptr) return;
                               self->checking = false;
                               if (checked.ok()) {
                                 self->OnReport(*checked);
                               } else {
                                 self->RaiseAlarm("disk-failing", checked.status().message(), "");
                               }
                               self->TellLoad();
                             });
                           });
  if (!taken.ok()) checking = false;
}

void Pillar::State::OnDataViolation(const channel::Violation& violation) {
  store::AuditEvent event;
  event.action = "DATA_VIOLATION";
  event.principal = violation.peer;
  event.result = wire::ResponseCode_Name(wire::REQUEST_NOT_UNDERSTOOD_FAILURE);
  event.detail = std::string(violation.why.message());
  if (violation.untold > 0) {
    absl::StrAppend(&event.detail, "; and ", violation.untold, " more before it");
  }
  RaiseAlarm("data-violation", absl::StrCat(violation.peer, " was cut: ", event.detail), "");
  commits.Audit(std::move(event));
}

void Pillar::State::OnReport(const store::StoreReport& fresh) {
  report = fresh;
  if (!fresh.writable) RaiseAlarm("disk-failing", fresh.trouble, "");
  // Once for each time that it becomes so.
  const bool now_nearly_full = fresh.free_bytes <= options.keep_free_bytes;
  if (now_nearly_full && !nearly_full) {
    RaiseAlarm("disk-nearly-full",
               absl::StrCat(fresh.free_bytes, " bytes are free, ", options.keep_free_bytes,
                            " are to be kept free: give the store more room"),
               "");
  }
  nearly_full = now_nearly_full;
  no_space_told = no_space_told && nearly_full;
}

// What lies in quarantine longer than its term goes for good, and what was staged longer than its
// own.
void Pillar::State::PurgeQuarantine() {
  purge_at = parts.loop.Now() + kPurgeEvery;
  const absl::Time removed_before = parts.loop.clock().WallNow() - options.quarantine_term;
  // A full lane leaves it to the next time.
  parts.workers
      .Submit(runtime::Lane::kWrite, runtime::StrandId::kNone,
              [store = &parts.store, loop = &parts.loop, removed_before, weak = weak_from_this()] {
                store->GiveUpStaged();
                loop->Post([weak, purged = store->PurgeQuarantine(removed_before, kPurgeMax)] {
                  const std::shared_ptr<State> self = weak.lock();
                  if (self == nullptr || self->stopping) return;
                  if (!purged.ok()) {
                    base::LogLine(base::LogLevel::kError, "purge-failed")
                        .With("why", purged.status().ToString());
                  } else if (*purged >= kPurgeMax) {
                    self->PurgeQuarantine();
                  }
                });
              })
      .IgnoreError();
}

void Pillar::State::SweepInterrupted() {
  sweep_at = parts.loop.Now() + kInterruptedSweep;
  // A full lane leaves it to the next sweep.
  parts.workers
      .Submit(runtime::Lane::kWrite, runtime::StrandId::kNone,
              [store = &parts.store, loop = &parts.loop, term = options.interrupted_term,
               weak = weak_from_this()] {
                loop->Post([weak, interrupted = store->InterruptedAnswers(term)] {
                  const std::shared_ptr<State> self = weak.lock();
                  if (self != nullptr) self->OnInterrupted(interrupted);
                });
              })
      .IgnoreError();
}

void Pillar::State::OnInterrupted(const absl::StatusOr<std::vector<store::Answer>>& interrupted) {
  if (!interrupted.ok()) {
    base::LogLine(base::LogLevel::kError, "sweep-failed")
        .With("why", interrupted.status().ToString());
    return;
  }
  for (store::Answer answer : *interrupted) {
    if (table.IsUnderWay({answer.key.principal, answer.key.conversation, answer.key.message_id})) {
      continue;
    }
    wire::Body final;
    *final.mutable_response() = requests::MakeResponse(
        wire::FAILURE, "the pillar died while this was under way, and nobody asked again");
    answer.final_body = final.SerializeAsString();
    store::AuditEvent event;
    event.action = "INTERRUPTED";
    event.principal = answer.key.principal;
    event.conversation = answer.key.conversation.ToString();
    event.result = wire::ResponseCode_Name(wire::FAILURE);
    commits.Close(std::move(answer), std::move(event), [](const absl::Status&) {});
  }
}

void Pillar::State::Drain(absl::Time deadline) {
  const absl::Time now = parts.loop.Now();
  commits.Flush();
  if (now >= deadline && table.under_way() > 0) table.Abandon();
  const bool drained = table.under_way() == 0 && commits.idle();
  if (!drained && now < deadline + kCommitGrace) {
    parts.loop.RunAfter(kDrainPoll, IfAlive([deadline](State& self) { self.Drain(deadline); }));
    return;
  }
  stopped = true;
  bus.Stop();
  if (on_stopped != nullptr) on_stopped();
}

Pillar::Pillar(PillarOptions options, PillarParts parts)
    : state_(std::make_shared<State>(std::move(options), std::move(parts))) {}

Pillar::~Pillar() = default;

absl::Status Pillar::Start(PillarEvents events) {
  state_->events = std::move(events);
  if (absl::Status started = state_->bus.Start(*state_); !started.ok()) return started;
  state_->parts.channel.TellViolations(
      [loop = &state_->parts.loop,
       weak = std::weak_ptr<State>(state_)](channel::Violation violation) {
        loop->Post([weak, violation = std::move(violation)] {
          const std::shared_ptr<State> self = weak.lock();
          if (self != nullptr && !self->stopped) self->OnDataViolation(violation);
        });
      });
  state_->Tick();
  return absl::OkStatus();
}

void Pillar::Stop(absl::AnyInvocable<void()> done) {
  state_->stopping = true;
  state_->on_stopped = std::move(done);
  state_->table.StopTaking();
  state_->parts.loop.Post(
      state_->IfAlive([deadline = state_->parts.loop.Now() + state_->options.grace](State& self) {
        self.Drain(deadline);
      }));
}

size_t Pillar::requests_under_way() const { return state_->table.under_way(); }

}  // namespace bitrepo::pillar
