// SPDX-License-Identifier: Apache-2.0
// What members say: refused, passed on, or answered by the coordinator itself.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/ids.h"
#include "bus/protocol/limits.h"
#include "bus/protocol/primitive.h"
#include "coordinator/broker/bus_broker.h"

namespace bitrepo::broker {
namespace {

using protocol::Destination;
using protocol::Envelope;
using protocol::EnvelopeFault;
using protocol::Speaker;

constexpr size_t kRosterBytesMax = 192 * 1024;  // a final with it fits the envelope
constexpr size_t kCollectionChecksMax = protocol::kChecksMax - 3;
constexpr absl::string_view kUnexpected = "unexpected ";  // who raises alarms; no component's id

bool IsSpokenBy(wire::Kind kind, Speaker speaker) {
  const protocol::KindRow* row = protocol::FindKind(kind);
  return row != nullptr && row->speaker == speaker;
}

Frames CopyOf(const Envelope& envelope) {
  return {envelope.destination.ToString(), envelope.header_bytes, envelope.body_bytes};
}

// Where replies go: to the session that asks, also where that is a pillar's.
Destination SessionOf(const wire::Hello& hello) {
  return {Destination::Kind::kClient, hello.session_id()};
}

// The sender a header names is the member; an asker's replies go to its session, nobody else's.
bool IsFrom(const Member& member, const wire::Header& header) {
  if (header.from() != member.hello.component_id()) {
    return false;
  }
  const bool must_reply = IsSpokenBy(header.kind(), Speaker::kAsker);
  return header.reply_to() == member.hello.session_id() ||
         (!must_reply && header.reply_to().empty());
}

void AddCheck(wire::GetStatusFinal& status, std::string name, wire::Health health,
              std::string text) {
  wire::HealthCheck& check = *status.add_checks();
  check.set_name(std::move(name));
  check.set_health(health);
  check.set_text(std::move(text));
  status.set_health(std::max(status.health(), health));
}

}  // namespace

void BusBroker::OnMember(Member& member, Frames frames, absl::Time now, BrokerOutbox& out) {
  EnvelopeFault fault;
  const absl::StatusOr<Envelope> envelope = OpenForRouting(std::move(frames), fault);
  if (!envelope.ok()) {
    OnFault(member, fault, now, out);
    return;
  }
  const wire::Header& header = envelope->header;
  if (header.kind() == wire::HELLO) {
    Join(member.peer, *envelope, now, out);
  } else if (!IsFrom(member, header)) {
    Refuse(member, header, "spoofed-sender", wire::DENIED,
           "header.from and header.reply_to must be those of the hello", now, out);
  } else if (header.repository_id() != spec_.repository_id) {
    Refuse(member, header, "other-repository", wire::DENIED,
           absl::StrCat("this is the repository ", spec_.repository_id), now, out);
  } else if (header.kind() == wire::HEARTBEAT) {
    OnHeartbeat(member, *envelope, now, out);
  } else if (header.kind() == wire::BYE) {
    Leave(member, *envelope, now, out);
  } else {
    Route(member, *envelope, now, out);
  }
}

void BusBroker::OnFault(const Member& member, const EnvelopeFault& fault, absl::Time now,
                        BrokerOutbox& out) {
  if (fault.header_usable) {
    Refuse(member, fault.header, fault.cause, fault.code, fault.text, now, out);
  } else {
    Count(fault.cause);
  }
}

// Of replies only that is told which nobody may say: else their senders wait for nothing.
void BusBroker::Refuse(const Member& from, const wire::Header& asked, absl::string_view cause,
                       wire::ResponseCode code, absl::string_view text, absl::Time now,
                       BrokerOutbox& out) {
  Count(cause);
  RecordRefusal("MESSAGE_REFUSED", from.hello.component_id(), asked, code,
                absl::StrCat(cause, ": ", text), now, out);
  const bool is_known = protocol::FindKind(asked.kind()) != nullptr;
  if (!is_known || IsSpokenBy(asked.kind(), Speaker::kAsker) || asked.kind() == wire::ALARM ||
      code == wire::DENIED || code == wire::NOT_AUTHORISED) {
    DeliverNotice(from.peer, notices_.Refused(asked, AddressOf(from.hello), code, text, now), true,
                  now, out);
  }
}

void BusBroker::Route(Member& from, const Envelope& envelope, absl::Time now, BrokerOutbox& out) {
  const wire::Header& header = envelope.header;
  const bool by_pillar = from.hello.kind() == wire::PILLAR;
  if (IsSpokenBy(header.kind(), Speaker::kAsker)) {
    RouteAsked(from, envelope, now, out);
  } else if (header.kind() == wire::ALARM) {
    OnAlarm(envelope, now, out);
  } else if (by_pillar && IsSpokenBy(header.kind(), Speaker::kContributor)) {
    out.copies.push_back(CopyOf(envelope));
    if (const Member* asker = roster_.FindAsker(envelope.destination.id)) {
      Deliver(asker->peer, ToFrames(envelope), now, out);
    } else {
      Count("reply-unclaimed");
    }
  } else {
    Refuse(from, header, "wrong-speaker", wire::NOT_AUTHORISED, "this component may not say that",
           now, out);
  }
}

void BusBroker::RouteAsked(Member& from, const Envelope& envelope, absl::Time now,
                           BrokerOutbox& out) {
  const Destination& destination = envelope.destination;
  const wire::Header& header = envelope.header;
  const std::string& collection = header.collection_id();
  out.copies.push_back(CopyOf(envelope));
  if (!collection.empty() && !roster_.HasCollection(collection)) {
    Refuse(from, header, "unknown-collection", wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
           absl::StrCat("there is no collection ", collection, " in ", spec_.repository_id), now,
           out);
    return;
  }
  if (destination.kind == Destination::Kind::kCollection) {
    FanOut(from, envelope, now, out);
    return;
  }
  if (destination.kind == Destination::Kind::kCoordinator) {
    AnswerAsked(from, envelope, now, out);
    return;
  }
  if (const Member* pillar = roster_.FindPillar(destination.id)) {
    Deliver(pillar->peer, ToFrames(envelope), now, out);
  } else if (Settling(now)) {
    Count("not-yet-here");  // it may come in a moment, and the asker asks again
  } else {
    Count("unreachable");
    DeliverNotice(
        from.peer,
        notices_.Undelivered(header, AddressOf(from.hello), destination.id, wire::UNREACHABLE,
                             absl::StrCat(destination.id, " is not connected"), now),
        true, now, out);
  }
}

void BusBroker::FanOut(Member& from, const Envelope& envelope, absl::Time now, BrokerOutbox& out) {
  Roster::Attendance attendance = roster_.Attend(envelope.destination.id);
  std::vector<std::string> sent_to;
  for (const Member* pillar : attendance.present) {
    sent_to.push_back(pillar->hello.component_id());
    Deliver(pillar->peer, ToFrames(envelope), now, out);
  }
  // Where all that are expected are here, nobody need wait for more.
  const bool settling = Settling(now) && (sent_to.empty() || !attendance.away.empty());
  if (settling) {
    attendance.away.clear();
  }
  DeliverNotice(from.peer,
                notices_.Routed(envelope.header, AddressOf(from.hello), sent_to, attendance.away,
                                settling, now),
                true, now, out);
}

void BusBroker::AnswerAsked(Member& from, const Envelope& envelope, absl::Time now,
                            BrokerOutbox& out) {
  EnvelopeFault fault;
  const absl::StatusOr<Envelope> request = OpenEnvelope(ToFrames(envelope), fault);
  if (!request.ok()) {
    OnFault(from, fault, now, out);
    return;
  }
  const wire::Header& header = request->header;
  if (header.kind() == wire::CANCEL) {
    // What is asked of the coordinator has been answered at once, if it has come.
    Count("late-cancel");
    wire::Header withdrawn = header;
    withdrawn.set_message_id(request->body.cancel().request_id());
    wire::Body body;
    body.mutable_response()->set_code(wire::CANCELLED);
    body.mutable_response()->set_text("the request was withdrawn");
    DeliverNotice(from.peer, notices_.Final(withdrawn, SessionOf(from.hello), std::move(body), now),
                  true, now, out);
  } else if (header.operation() == wire::GET_ROSTER) {
    wire::Body body;
    body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
    *body.mutable_roster_reply() = roster_.Describe(now, kRosterBytesMax);
    DeliverNotice(from.peer, notices_.Final(header, SessionOf(from.hello), std::move(body), now),
                  true, now, out);
  } else if (const auto* row = protocol::FindOperation(header.operation());
             row != nullptr && row->to_coordinator) {
    out.questions.push_back(*request);
  } else {
    Refuse(from, header, "not-supported", wire::REQUEST_NOT_SUPPORTED,
           absl::StrCat("the coordinator does not answer ",
                        protocol::OperationWord(header.operation())),
           now, out);
  }
}

void BusBroker::OnStatus(const Envelope& request, const HostFacts& facts, absl::Time now,
                         BrokerOutbox& out) {
  OnAnswer(request, DescribeStatus(facts, now), now, out);
}

void BusBroker::OnAnswer(const Envelope& request, wire::Body body, absl::Time now,
                         BrokerOutbox& out) {
  if (const Member* asker = roster_.FindAsker(request.header.reply_to())) {
    DeliverNotice(asker->peer,
                  notices_.Final(request.header, SessionOf(asker->hello), std::move(body), now),
                  true, now, out);
    EndDoomed(now, out);
  }
}

// The header may be that of a message which is not valid.
void BusBroker::RecordRefusal(absl::string_view action, const std::string& principal,
                              const wire::Header& asked, wire::ResponseCode code,
                              absl::string_view text, absl::Time now, BrokerOutbox& out) {
  if (!MaySay(absl::StrCat(action, " ", principal), now)) {
    return;
  }
  base::AuditLine& event = out.events.emplace_back();
  event.action = std::string(action);
  event.result = wire::ResponseCode_Name(code);
  event.detail = std::string(text);
  if (base::ComponentId::Parse(principal).ok()) {
    event.principal = principal;
  }
  if (base::CollectionId::Parse(asked.collection_id()).ok()) {
    event.collection = asked.collection_id();
  }
  if (const auto id = base::ConversationId::FromBytes(asked.conversation_id()); id.ok()) {
    event.conversation = id->ToString();
  }
}

wire::Body BusBroker::DescribeStatus(const HostFacts& facts, absl::Time now) {
  wire::Body body;
  body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  wire::GetStatusFinal& status = *body.mutable_get_status_final();
  status.set_uptime_us(static_cast<uint64_t>(absl::ToInt64Microseconds(now - start_)));
  status.set_version(spec_.program_version);
  status.set_connections(facts.connections);
  const size_t members = roster_.members().size();
  AddCheck(status, "members",
           members < spec_.limits.members_max ? wire::HEALTH_OK : wire::HEALTH_WARNING,
           absl::StrCat(members, " of at most ", spec_.limits.members_max));
  size_t unlisted = 0;
  for (const auto& [id, expected] : roster_.collections()) {
    const Roster::Attendance attendance = roster_.Attend(id);
    if (static_cast<size_t>(status.checks_size()) > kCollectionChecksMax) {
      ++unlisted;
      continue;
    }
    std::string text =
        absl::StrCat(attendance.present.size(), " of ", expected.size(), " pillars present");
    if (!attendance.away.empty()) {
      absl::StrAppend(&text, "; away: ", absl::StrJoin(attendance.away, ", "));
    }
    AddCheck(status, absl::StrCat("collection ", id),
             attendance.away.empty() || Settling(now) ? wire::HEALTH_OK : wire::HEALTH_WARNING,
             text.substr(0, protocol::kTextBytesMax));
  }
  if (unlisted > 0) {
    AddCheck(status, "collections", wire::HEALTH_OK, absl::StrCat(unlisted, " more not listed"));
  }
  for (const auto* counts : {&std::as_const(counts_), &facts.link_drops}) {
    for (const auto& [cause, count] : *counts) {
      if (static_cast<size_t>(status.dropped_frames_size()) < protocol::kDropCausesMax ||
          status.dropped_frames().contains(cause)) {
        (*status.mutable_dropped_frames())[cause] += count;
      }
    }
  }
  const std::map<std::string, uint64_t> dropped(status.dropped_frames().begin(),
                                                status.dropped_frames().end());
  AddCheck(status, "connections", wire::HEALTH_OK,
           absl::StrCat(
               facts.connections, " to the bus; dropped or cut so far: ",
               dropped.empty() ? "nothing" : absl::StrJoin(dropped, ", ", absl::PairFormatter(" ")))
               .substr(0, protocol::kTextBytesMax));
  return body;
}

void BusBroker::OnAlarm(const Envelope& envelope, absl::Time now, BrokerOutbox& out) {
  EnvelopeFault fault;
  const absl::StatusOr<Envelope> alarm = OpenEnvelope(ToFrames(envelope), fault);
  if (!alarm.ok()) {
    Count(fault.cause);
    return;
  }
  const std::string& from = alarm->header.from();
  if (!MaySay(roster_.IsExpected(from) ? absl::string_view(from) : kUnexpected, now)) {
    Count("alarm-suppressed");
    return;
  }
  out.copies.push_back(CopyOf(envelope));
  out.notes.push_back({base::LogLevel::kWarning,
                       "alarm",
                       {{"component", from},
                        {"code", alarm->body.alarm().code()},
                        {"text", alarm->body.alarm().text()}}});
}

void BusBroker::RaiseAlarm(absl::string_view code, absl::string_view text, absl::Time now,
                           BrokerOutbox& out) {
  if (!MaySay(absl::StrCat(spec_.coordinator_id, " ", code), now)) {
    Count("alarm-suppressed");
    return;
  }
  if (const Notices::Notice notice = notices_.Alarm(code, text, now)) {
    out.copies.push_back({(*notice)[0], (*notice)[1], (*notice)[2]});
  }
  out.notes.push_back({base::LogLevel::kWarning,
                       "alarm",
                       {{"component", spec_.coordinator_id},
                        {"code", std::string(code)},
                        {"text", std::string(text)}}});
}

void BusBroker::TellGone(const Frames& frames, const std::string& absent, absl::Time now,
                         BrokerOutbox& out) {
  EnvelopeFault fault;
  const absl::StatusOr<Envelope> lost = OpenForRouting(frames, fault);
  if (!lost.ok() || !IsSpokenBy(lost->header.kind(), Speaker::kAsker)) {
    Count("unsent");
    return;
  }
  const std::string& id = absent.empty() ? lost->destination.id : absent;
  Count("gone");
  if (const Member* asker = roster_.FindAsker(lost->header.reply_to())) {
    DeliverNotice(asker->peer,
                  notices_.Undelivered(lost->header, AddressOf(asker->hello), id, wire::GONE,
                                       absl::StrCat("the connection of ", id, " was lost"), now),
                  true, now, out);
  }
}

void BusBroker::DeliverNotice(PeerNumber peer, Notices::Notice notice, bool copied, absl::Time now,
                              BrokerOutbox& out) {
  if (!notice) {
    Count("unanswerable");
    return;
  }
  if (copied) {
    out.copies.push_back({(*notice)[0], (*notice)[1], (*notice)[2]});
  }
  Deliver(peer, *std::move(notice), now, out);
}

void BusBroker::Deliver(PeerNumber peer, Frames frames, absl::Time now, BrokerOutbox& out) {
  Delivery delivery{peer, std::move(frames), now};
  if (!waiting_.IsBlocked(peer)) {
    out.sends.push_back(std::move(delivery));
    return;
  }
  if (waiting_.Add(delivery)) {
    return;
  }
  doomed_.push_back(peer);
  const Member* member = roster_.Find(peer);
  TellGone(delivery.frames, member == nullptr ? std::string() : member->hello.component_id(), now,
           out);
}

}  // namespace bitrepo::broker
