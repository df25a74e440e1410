// SPDX-License-Identifier: Apache-2.0
// Membership: from a peer's first frames to its end.
#include "coordinator/broker/bus_broker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bitrepo::broker {
namespace {

using protocol::Destination;
using protocol::Envelope;
using protocol::EnvelopeFault;

constexpr absl::Duration kSweepEvery = absl::Milliseconds(250);
constexpr absl::string_view kFarewell = "farewell";
constexpr absl::string_view kRefusals = "refusals ";  // no component's id

wire::ResponseInfo Response(wire::ResponseCode code, std::string text) {
  wire::ResponseInfo response;
  response.set_code(code);
  response.set_text(std::move(text));
  return response;
}

// The same connection of the same component says HELLO again.
bool IsSameMember(const wire::Hello& a, const wire::Hello& b) {
  return a.component_id() == b.component_id() && a.session_id() == b.session_id() &&
         a.kind() == b.kind() && a.store_id() == b.store_id() && a.incarnation() == b.incarnation();
}

// Where the sender of a header hears, as far as the header tells: a pillar's session is its id.
Destination AddressOf(const wire::Header& header) {
  if (header.reply_to().empty() || header.reply_to() == header.from()) {
    return {Destination::Kind::kPillar, header.from()};
  }
  return {Destination::Kind::kClient, header.reply_to()};
}

BrokerNote MemberNote(base::LogLevel level, std::string event, const wire::Hello& hello) {
  return {level,
          std::move(event),
          {{"component", hello.component_id()},
           {"session", hello.session_id()},
           {"kind", hello.kind() == wire::PILLAR ? "pillar" : "client"}}};
}

base::AuditLine MemberEvent(absl::string_view action, wire::ResponseCode result,
                            const wire::Hello& hello) {
  base::AuditLine event;
  event.action = std::string(action);
  event.principal = hello.component_id();
  event.result = wire::ResponseCode_Name(result);
  event.detail = absl::StrCat(hello.kind() == wire::PILLAR ? "pillar" : "client", ", session ",
                              hello.session_id());
  return event;
}

}  // namespace

BusBroker::BusBroker(BrokerSpec spec, absl::Time now, base::Random& random)
    : spec_(std::move(spec)),
      start_(now),
      notices_(spec_, now, random),
      roster_(spec_.collections),
      waiting_(spec_.limits),
      next_sweep_(now + kSweepEvery),
      window_end_(now + spec_.times.alarm_window) {}

absl::Time BusBroker::WakeAt() const { return std::min(next_sweep_, next_retry_); }

void BusBroker::OnFrames(PeerNumber peer, Frames frames, absl::Time now, BrokerOutbox& out) {
  if (leaving_.count(peer) > 0) {
    Count("after-farewell");
    return;
  }
  Member* member = roster_.Find(peer);
  if (member == nullptr) {
    OnStranger(peer, std::move(frames), now, out);
  } else {
    member->last_heard = now;
    OnMember(*member, std::move(frames), now, out);
  }
  EndDoomed(now, out);
}

void BusBroker::OnStranger(PeerNumber peer, Frames frames, absl::Time now, BrokerOutbox& out) {
  EnvelopeFault fault;
  const absl::StatusOr<Envelope> envelope = OpenForRouting(std::move(frames), fault);
  if (envelope.ok() && envelope->header.kind() == wire::HELLO) {
    Join(peer, *envelope, now, out);
    return;
  }
  if (!envelope.ok() && fault.header_usable && fault.header.kind() == wire::HELLO) {
    Count(fault.cause);
    RefuseHello(peer, fault.header, AddressOf(fault.header), Response(fault.code, fault.text), now,
                out);
    return;
  }
  Count("before-hello");
  if (strangers_.count(peer) == 0 && strangers_.size() >= spec_.limits.strangers_max) {
    Cut(peer, "too-many-strangers", out);
    return;
  }
  strangers_.emplace(peer, now + spec_.times.hello_within);
}

wire::ResponseInfo BusBroker::Judge(PeerNumber peer, const Envelope& envelope) {
  const wire::Header& header = envelope.header;
  const wire::Hello& hello = envelope.body.hello();
  const std::string& id = hello.component_id();
  if (header.repository_id() != spec_.repository_id) {
    return Response(wire::DENIED, absl::StrCat("this is the repository ", spec_.repository_id,
                                               ", not ", header.repository_id()));
  }
  if (header.reply_to() != hello.session_id()) {
    return Response(wire::DENIED, "header.reply_to is not the session of the hello");
  }
  if (hello.kind() == wire::COORDINATOR) {
    return Response(wire::REQUEST_NOT_SUPPORTED, "a coordinator is no member of the bus");
  }
  const auto is_taken = [&](const std::string& name) {
    return name == spec_.coordinator_id ||
           (hello.kind() == wire::CLIENT &&
            (roster_.IsExpected(name) || roster_.FindPillar(name) != nullptr)) ||
           (hello.kind() == wire::PILLAR && roster_.FindSession(name) != nullptr);
  };
  for (const std::string& name : {id, hello.session_id()}) {
    if (is_taken(name)) {
      return Response(wire::CONFLICT,
                      absl::StrCat("the id ", name, " belongs to another component"));
    }
  }
  if (const Member* same_peer = roster_.Find(peer)) {
    return IsSameMember(same_peer->hello, hello)
               ? wire::ResponseInfo()
               : Response(wire::CONFLICT, "another hello was said on this connection");
  }
  const Member* holder = roster_.Holder(hello);
  if (holder == nullptr) {
    return roster_.members().size() < spec_.limits.members_max
               ? wire::ResponseInfo()
               : Response(wire::BUSY, absl::StrCat("the coordinator has ", spec_.limits.members_max,
                                                   " members"));
  }
  if (holder->hello.component_id() != id || holder->hello.store_id() != hello.store_id() ||
      hello.store_id().empty()) {
    return Response(wire::CONFLICT,
                    hello.kind() == wire::PILLAR
                        ? absl::StrCat("another store is connected as ", id)
                        : absl::StrCat("the session ", hello.session_id(), " is in use"));
  }
  if (hello.incarnation() < holder->hello.incarnation()) {
    return Response(wire::CONFLICT, absl::StrCat("a later start of ", id, " is connected"));
  }
  return {};
}

void BusBroker::Join(PeerNumber peer, const Envelope& envelope, absl::Time now, BrokerOutbox& out) {
  const wire::Hello& hello = envelope.body.hello();
  const wire::ResponseInfo objection = Judge(peer, envelope);
  if (objection.code() != wire::RESPONSE_CODE_UNSPECIFIED) {
    Count("hello-refused");
    const Member* holder =
        hello.kind() == wire::PILLAR ? roster_.FindPillar(hello.component_id()) : nullptr;
    const bool other_store = objection.code() == wire::CONFLICT && holder != nullptr &&
                             holder->peer != peer && holder->hello.store_id() != hello.store_id();
    RefuseHello(peer, envelope.header, AddressOf(hello), objection, now, out);
    if (other_store) {
      RaiseAlarm("store-conflict", objection.text(), now, out);
    }
    return;
  }
  Member* member = roster_.Find(peer);
  if (member == nullptr) {
    if (const Member* holder = roster_.Holder(hello)) {
      const PeerNumber old = holder->peer;
      Lose(old, "superseded", now, out);
      Cut(old, "superseded", out);
    }
    strangers_.erase(peer);
    member = &roster_.Add(peer, hello, now);
    out.greeted.push_back(peer);
    BrokerNote note = MemberNote(base::LogLevel::kInfo, "member-joined", hello);
    note.fields.emplace_back("version", hello.program_version());
    note.fields.emplace_back("collections", absl::StrJoin(hello.collections(), ","));
    out.notes.push_back(std::move(note));
    out.events.push_back(MemberEvent("MEMBER_JOINED", wire::OPERATION_COMPLETED, hello));
    absl::StrAppend(&out.events.back().detail, ", version ", hello.program_version());
    out.copies.push_back(
        {envelope.destination.ToString(), envelope.header_bytes, envelope.body_bytes});
  } else {
    member->hello = hello;
  }
  if (hello.kind() == wire::PILLAR) {
    for (const std::string& collection : roster_.LackedBy(hello)) {
      out.notes.push_back(MemberNote(base::LogLevel::kWarning, "pillar-lacks-collection", hello));
      out.notes.back().fields.emplace_back("collection", collection);
    }
    for (const std::string& collection : roster_.StrangeOf(hello)) {
      out.notes.push_back(MemberNote(base::LogLevel::kWarning, "pillar-not-expected", hello));
      out.notes.back().fields.emplace_back("collection", collection);
    }
  }
  DeliverNotice(peer, notices_.Welcome(envelope.header, AddressOf(hello), now), false, now, out);
}

void BusBroker::RefuseHello(PeerNumber peer, const wire::Header& header, const Destination& to,
                            const wire::ResponseInfo& why, absl::Time now, BrokerOutbox& out) {
  if (roster_.Find(peer) != nullptr) {
    Lose(peer, "hello-refused", now, out);
  }
  strangers_.erase(peer);
  if (leaving_.size() >= spec_.limits.strangers_max) {
    Cut(peer, "too-many-strangers", out);
    return;
  }
  if (Notices::Notice notice = notices_.Refused(header, to, why.code(), why.text(), now)) {
    out.sends.push_back({peer, *std::move(notice), now});
  }
  leaving_.emplace(peer, now + spec_.times.farewell);
  if (MaySay(kRefusals, now)) {
    RecordRefusal("HELLO_REFUSED", header.from(), header, why.code(), why.text(), now, out);
    out.notes.push_back({base::LogLevel::kWarning,
                         "hello-refused",
                         {{"component", header.from()}, {"reason", why.text()}}});
  }
}

void BusBroker::OnHeartbeat(Member& member, const Envelope& envelope, absl::Time now,
                            BrokerOutbox& out) {
  member.load = envelope.body.heartbeat().load();
  if (!waiting_.IsBlocked(member.peer)) {
    DeliverNotice(member.peer, notices_.Heartbeat(AddressOf(member.hello), now), false, now, out);
  }
}

void BusBroker::Leave(Member& member, const Envelope& envelope, absl::Time now, BrokerOutbox& out) {
  const PeerNumber peer = member.peer;
  const std::string id = member.hello.component_id();
  out.notes.push_back(MemberNote(base::LogLevel::kInfo, "member-left", member.hello));
  out.events.push_back(MemberEvent("MEMBER_LEFT", wire::OPERATION_COMPLETED, member.hello));
  out.copies.push_back(
      {envelope.destination.ToString(), envelope.header_bytes, envelope.body_bytes});
  roster_.Remove(peer);
  leaving_.emplace(peer, now + spec_.times.farewell);
  for (const Delivery& delivery : waiting_.Take(peer)) {
    TellGone(delivery.frames, id, now, out);
  }
}

void BusBroker::OnPeerLost(PeerNumber peer, absl::Time now, BrokerOutbox& out) {
  strangers_.erase(peer);
  leaving_.erase(peer);
  Lose(peer, "disconnected", now, out);
  EndDoomed(now, out);
}

void BusBroker::Lose(PeerNumber peer, absl::string_view cause, absl::Time now, BrokerOutbox& out) {
  const Member* member = roster_.Find(peer);
  if (member == nullptr) {
    return;
  }
  const std::string id = member->hello.component_id();
  const bool is_pillar = member->hello.kind() == wire::PILLAR;
  BrokerNote note = MemberNote(is_pillar ? base::LogLevel::kWarning : base::LogLevel::kInfo,
                               "member-lost", member->hello);
  note.fields.emplace_back("cause", std::string(cause));
  out.notes.push_back(std::move(note));
  out.events.push_back(MemberEvent("MEMBER_LOST", wire::GONE, member->hello));
  absl::StrAppend(&out.events.back().detail, ": ", cause);
  roster_.Remove(peer);
  if (is_pillar && cause != "superseded" && roster_.IsExpected(id)) {
    RaiseAlarm("pillar-lost", absl::StrCat(id, " is no longer connected: ", std::string(cause)),
               now, out);
  }
  for (const Delivery& delivery : waiting_.Take(peer)) {
    TellGone(delivery.frames, id, now, out);
  }
}

void BusBroker::Cut(PeerNumber peer, absl::string_view cause, BrokerOutbox& out) {
  if (cause != kFarewell) {
    Count(cause);
  }
  out.cuts.emplace_back(peer, std::string(cause));
}

void BusBroker::EndDoomed(absl::Time now, BrokerOutbox& out) {
  while (!doomed_.empty()) {
    const PeerNumber peer = doomed_.back();
    doomed_.pop_back();
    if (roster_.Find(peer) != nullptr) {
      Lose(peer, "blocked", now, out);
      Cut(peer, "blocked", out);
    }
  }
}

void BusBroker::OnBlocked(Delivery delivery, absl::Time now, BrokerOutbox& out) {
  const Member* member = roster_.Find(delivery.peer);
  if (member == nullptr) {
    Count("unsent");
    return;
  }
  next_retry_ = std::min(next_retry_, now + spec_.times.retry_blocked);
  if (!waiting_.Add(delivery)) {
    doomed_.push_back(delivery.peer);
    TellGone(delivery.frames, member->hello.component_id(), now, out);
    EndDoomed(now, out);
  }
}

void BusBroker::OnGone(const Delivery& delivery, absl::Time now, BrokerOutbox& out) {
  const Member* member = roster_.Find(delivery.peer);
  const std::string id = member == nullptr ? std::string() : member->hello.component_id();
  Lose(delivery.peer, "disconnected", now, out);
  TellGone(delivery.frames, id, now, out);
  EndDoomed(now, out);
}

void BusBroker::OnTime(absl::Time now, BrokerOutbox& out) {
  if (now >= next_retry_) {
    Retry(now, out);
  }
  if (now >= next_sweep_) {
    Sweep(now, out);
    next_sweep_ = now + kSweepEvery;
  }
  EndDoomed(now, out);
}

void BusBroker::Retry(absl::Time now, BrokerOutbox& out) {
  next_retry_ = absl::InfiniteFuture();  // OnBlocked sets it again
  for (const PeerNumber peer : waiting_.peers()) {
    if (now - waiting_.WaitingSince(peer) >= spec_.times.blocked_longest) {
      doomed_.push_back(peer);
      continue;
    }
    for (Delivery& delivery : waiting_.Take(peer)) {
      out.sends.push_back(std::move(delivery));
    }
  }
}

void BusBroker::Sweep(absl::Time now, BrokerOutbox& out) {
  std::vector<PeerNumber> silent;
  for (const auto& [peer, member] : roster_.members()) {
    if (now - member.last_heard >= spec_.times.gone_after) {
      silent.push_back(peer);
    }
  }
  for (const PeerNumber peer : silent) {
    Lose(peer, "silent", now, out);
    Cut(peer, "silent", out);
  }
  for (auto* ending : {&strangers_, &leaving_}) {
    for (auto it = ending->begin(); it != ending->end();) {
      if (it->second > now) {
        ++it;
        continue;
      }
      Cut(it->first, ending == &strangers_ ? absl::string_view("no-hello") : kFarewell, out);
      it = ending->erase(it);
    }
  }
}

bool BusBroker::MaySay(absl::string_view source, absl::Time now) {
  if (now >= window_end_) {
    window_end_ = now + spec_.times.alarm_window;
    said_in_window_.clear();
  }
  return ++said_in_window_[std::string(source)] <= spec_.limits.alarms_max;
}

}  // namespace bitrepo::broker
