// SPDX-License-Identifier: Apache-2.0
#include "coordinator/broker/notices.h"

#include <utility>

#include "base/ids.h"
#include "bus/protocol/limits.h"

namespace bitrepo::broker {
namespace {

using protocol::Destination;

wire::Welcome WelcomeOf(const BrokerSpec& spec) {
  wire::Welcome welcome;
  welcome.set_coordinator_id(spec.coordinator_id);
  welcome.set_program_version(spec.program_version);
  welcome.set_watch_endpoint(spec.watch_endpoint);
  welcome.set_heartbeat_ms(static_cast<uint32_t>(absl::ToInt64Milliseconds(spec.times.heartbeat)));
  welcome.set_gone_after_ms(
      static_cast<uint32_t>(absl::ToInt64Milliseconds(spec.times.gone_after)));
  welcome.set_coordinator_run(spec.run);
  return welcome;
}

void SetResponse(wire::Body& body, wire::ResponseCode code, absl::string_view text) {
  body.mutable_response()->set_code(code);
  body.mutable_response()->set_text(std::string(text.substr(0, protocol::kTextBytesMax)));
}

}  // namespace

Destination AddressOf(const wire::Hello& hello) {
  return hello.kind() == wire::PILLAR
             ? Destination{Destination::Kind::kPillar, hello.component_id()}
             : Destination{Destination::Kind::kClient, hello.session_id()};
}

Notices::Notices(const BrokerSpec& spec, absl::Time now, base::Random& random)
    : repository_id_(spec.repository_id),
      welcome_(WelcomeOf(spec)),
      start_(now),
      wall_start_(spec.wall_start),
      random_(random) {}

wire::Header Notices::StartHeader(wire::Kind kind, absl::Time now) const {
  const absl::Time wall_now = wall_start_ + (now - start_);
  wire::Header header;
  header.set_repository_id(repository_id_);
  header.set_version(protocol::kProtocolVersion);
  header.set_min_version(protocol::kProtocolVersionMin);
  header.set_message_id(base::MessageId::Make(wall_now, random_).ToBytes());
  header.set_kind(kind);
  header.set_from(welcome_.coordinator_id());
  header.set_issued_at_us(absl::ToUnixMicros(wall_now));
  return header;
}

wire::Header Notices::AnswerHeader(wire::Kind kind, const wire::Header& asked,
                                   absl::Time now) const {
  wire::Header header = StartHeader(kind, now);
  header.set_answers(asked.message_id());
  header.set_conversation_id(asked.conversation_id());
  header.set_operation(asked.operation());
  header.set_collection_id(asked.collection_id());
  return header;
}

Notices::Notice Notices::Seal(const Destination& to, wire::Header header, wire::Body body) {
  header.set_to(to.id);
  const absl::StatusOr<protocol::Envelope> sealed =
      protocol::SealEnvelope(to, std::move(header), std::move(body), "");
  if (!sealed.ok()) {
    return std::nullopt;
  }
  return ToFrames(*sealed);
}

Notices::Notice Notices::Welcome(const wire::Header& hello, const Destination& to,
                                 absl::Time now) const {
  wire::Body body;
  *body.mutable_welcome() = welcome_;
  wire::Header header = StartHeader(wire::WELCOME, now);
  header.set_answers(hello.message_id());
  return Seal(to, std::move(header), std::move(body));
}

Notices::Notice Notices::Heartbeat(const Destination& to, absl::Time now) const {
  wire::Body body;
  body.mutable_heartbeat();
  return Seal(to, StartHeader(wire::HEARTBEAT, now), std::move(body));
}

Notices::Notice Notices::Refused(const wire::Header& asked, const Destination& to,
                                 wire::ResponseCode code, absl::string_view text,
                                 absl::Time now) const {
  wire::Body body;
  body.mutable_refused();
  SetResponse(body, code, text);
  return Seal(to, AnswerHeader(wire::REFUSED, asked, now), std::move(body));
}

Notices::Notice Notices::Routed(const wire::Header& asked, const Destination& to,
                                const std::vector<std::string>& sent_to,
                                const std::vector<std::string>& away, bool settling,
                                absl::Time now) const {
  wire::Body body;
  wire::Routed& routed = *body.mutable_routed();
  routed.mutable_sent_to()->Add(sent_to.begin(), sent_to.end());
  routed.mutable_away()->Add(away.begin(), away.end());
  routed.set_settling(settling);
  return Seal(to, AnswerHeader(wire::ROUTED, asked, now), std::move(body));
}

Notices::Notice Notices::Undelivered(const wire::Header& asked, const Destination& to,
                                     const std::string& absent, wire::ResponseCode code,
                                     absl::string_view text, absl::Time now) const {
  wire::Body body;
  body.mutable_undelivered()->set_to(absent);
  SetResponse(body, code, text);
  return Seal(to, AnswerHeader(wire::UNDELIVERED, asked, now), std::move(body));
}

Notices::Notice Notices::Final(const wire::Header& asked, const Destination& to, wire::Body body,
                               absl::Time now) const {
  return Seal(to, AnswerHeader(wire::FINAL, asked, now), std::move(body));
}

Notices::Notice Notices::Alarm(absl::string_view code, absl::string_view text,
                               absl::Time now) const {
  wire::Body body;
  body.mutable_alarm()->set_code(std::string(code));
  body.mutable_alarm()->set_text(std::string(text.substr(0, protocol::kTextBytesMax)));
  return Seal({Destination::Kind::kOperators, ""}, StartHeader(wire::ALARM, now), std::move(body));
}

}  // namespace bitrepo::broker
