// SPDX-License-Identifier: Apache-2.0
#include "tests/bus/overheard.h"

#include <gtest/gtest.h>

#include <utility>

#include "bus/protocol/primitive.h"
#include "bus/protocol/subject.h"

namespace bitrepo::bus_test {
namespace {

using protocol::Destination;
using protocol::Envelope;

constexpr char kSession[] = "alice.5f03";
const Destination kAlice{Destination::Kind::kClient, kSession};

}  // namespace

Envelope Overheard::Seal(const Destination& to, wire::Header header, wire::Body body) {
  if (to.kind != Destination::Kind::kCollection) {
    header.set_to(to.id);
  }
  auto sealed = protocol::SealEnvelope(to, std::move(header), std::move(body), "");
  EXPECT_TRUE(sealed.ok()) << sealed.status().ToString();
  return sealed.ok() ? *std::move(sealed) : Envelope();
}

base::ConversationId Overheard::NewConversation() {
  return base::ConversationId::Make(absl::FromUnixSeconds(1'700'000'000 + made_++), random_);
}

wire::Header Overheard::HeaderOf(wire::Kind kind, const std::string& from) {
  wire::Header header;
  header.set_repository_id("demo");
  header.set_message_id(
      base::MessageId::Make(absl::FromUnixSeconds(1'700'000'000), random_).ToBytes());
  header.set_kind(kind);
  header.set_from(from);
  return header;
}

wire::Header Overheard::ReplyTo(const Envelope& asked, wire::Kind kind, const std::string& from) {
  wire::Header header = HeaderOf(kind, from);
  header.set_conversation_id(asked.header.conversation_id());
  header.set_operation(asked.header.operation());
  header.set_collection_id(asked.header.collection_id());
  header.set_answers(asked.header.message_id());
  return header;
}

Envelope Overheard::Identify(const base::ConversationId& id, const std::string& file,
                             wire::Operation operation) {
  wire::Header header = HeaderOf(wire::IDENTIFY, "alice");
  header.set_reply_to(kSession);
  header.set_conversation_id(id.ToBytes());
  header.set_operation(operation);
  header.set_collection_id("books");
  wire::Body body;
  if (operation == wire::GET_FILE) {
    body.mutable_get_file_identify()->mutable_range()->set_file_id(file);
  } else {
    body.mutable_put_file_identify()->set_file_id(file);
  }
  return Seal({Destination::Kind::kCollection, "books"}, std::move(header), std::move(body));
}

Envelope Overheard::Routed(const Envelope& identify, const std::vector<std::string>& sent_to,
                           const std::vector<std::string>& away) {
  wire::Body body;
  body.mutable_routed()->mutable_sent_to()->Add(sent_to.begin(), sent_to.end());
  body.mutable_routed()->mutable_away()->Add(away.begin(), away.end());
  return Seal(kAlice, ReplyTo(identify, wire::ROUTED, "hub"), std::move(body));
}

Envelope Overheard::IdentifyReply(const Envelope& identify, const std::string& pillar,
                                  wire::ResponseCode code) {
  wire::Body body;
  protocol::SetEmptyContent(body,
                            protocol::ContentOf(wire::IDENTIFY_REPLY, identify.header.operation()));
  body.mutable_response()->set_code(code);
  return Seal(kAlice, ReplyTo(identify, wire::IDENTIFY_REPLY, pillar), std::move(body));
}

Envelope Overheard::Request(const base::ConversationId& id, const std::string& pillar,
                            const std::string& file, wire::Operation operation) {
  wire::Header header = HeaderOf(wire::REQUEST, "alice");
  header.set_reply_to(kSession);
  header.set_conversation_id(id.ToBytes());
  header.set_operation(operation);
  header.set_collection_id("books");
  wire::Body body;
  if (operation == wire::GET_FILE) {
    body.mutable_get_file_request()->mutable_range()->set_file_id(file);
  } else {
    body.mutable_put_file_request()->set_file_id(file);
  }
  return Seal({Destination::Kind::kPillar, pillar}, std::move(header), std::move(body));
}

Envelope Overheard::Progress(const Envelope& request, wire::Phase phase, uint64_t done,
                             uint64_t total) {
  wire::Body body;
  protocol::SetEmptyContent(body, protocol::ContentOf(wire::PROGRESS, request.header.operation()));
  body.mutable_response()->set_code(wire::OPERATION_PROGRESS);
  body.mutable_progress()->set_sequence(1);
  body.mutable_progress()->set_phase(phase);
  body.mutable_progress()->set_bytes_done(done);
  body.mutable_progress()->set_bytes_total(total);
  return Seal(kAlice, ReplyTo(request, wire::PROGRESS, request.destination.id), std::move(body));
}

Envelope Overheard::Final(const Envelope& request, wire::ResponseCode code,
                          const std::string& text) {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_response()->set_text(text);
  if (code == wire::OPERATION_COMPLETED) {
    wire::FileInfo& file = request.header.operation() == wire::GET_FILE
                               ? *body.mutable_get_file_final()->mutable_file()
                               : *body.mutable_put_file_final()->mutable_file();
    file.set_file_id(protocol::FileIdOf(request.body));
    file.mutable_digest()->set_algorithm(wire::SHA256);
    file.mutable_digest()->set_value(std::string(32, 'd'));
    file.set_generation_id(request.header.conversation_id());
  }
  return Seal(kAlice, ReplyTo(request, wire::FINAL, request.destination.id), std::move(body));
}

Envelope Overheard::Undelivered(const Envelope& request, wire::ResponseCode code) {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_undelivered()->set_to(request.destination.id);
  return Seal(kAlice, ReplyTo(request, wire::UNDELIVERED, "hub"), std::move(body));
}

Envelope Overheard::Refused(const Envelope& request, wire::ResponseCode code) {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_refused();
  return Seal(kAlice, ReplyTo(request, wire::REFUSED, "hub"), std::move(body));
}

Envelope Overheard::StatusRequest(const base::ConversationId& id) {
  wire::Header header = HeaderOf(wire::REQUEST, "alice");
  header.set_reply_to(kSession);
  header.set_conversation_id(id.ToBytes());
  header.set_operation(wire::GET_STATUS);
  wire::Body body;
  body.mutable_get_status_request();
  return Seal({Destination::Kind::kCoordinator, ""}, std::move(header), std::move(body));
}

Envelope Overheard::StatusFinal(const Envelope& request) {
  wire::Body body;
  body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  body.mutable_get_status_final();
  return Seal(kAlice, ReplyTo(request, wire::FINAL, "hub"), std::move(body));
}

Envelope Overheard::Alarm(const std::string& from, const std::string& code, const std::string& file,
                          const std::string& text) {
  wire::Body body;
  body.mutable_alarm()->set_code(code);
  body.mutable_alarm()->set_file_id(file);
  body.mutable_alarm()->set_text(text);
  return Seal({Destination::Kind::kOperators, ""}, HeaderOf(wire::ALARM, from), std::move(body));
}

protocol::Frames FramesOf(const Envelope& envelope) {
  return {envelope.destination.ToString(), envelope.header_bytes, envelope.body_bytes};
}

bus::WatchCopy CopyOf(const Envelope& envelope, uint64_t sequence, uint64_t missed) {
  return {sequence, missed, envelope.destination, envelope.header, envelope.body};
}

}  // namespace bitrepo::bus_test
