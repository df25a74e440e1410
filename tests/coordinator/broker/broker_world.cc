// SPDX-License-Identifier: Apache-2.0
#include "tests/coordinator/broker/broker_world.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace bitrepo::broker {
namespace {

using protocol::Destination;
using protocol::Envelope;
using Kind = Destination::Kind;

Frames Seal(const Destination& to, wire::Header header, wire::Body body, std::string secret = "") {
  header.set_to(to.id);
  const auto sealed =
      protocol::SealEnvelope(to, std::move(header), std::move(body), std::move(secret));
  EXPECT_TRUE(sealed.ok()) << sealed.status().ToString();
  return sealed.ok() ? ToFrames(*sealed) : Frames();
}

}  // namespace

wire::Header Talker::Header(wire::Kind kind, base::Random& random) const {
  wire::Header header;
  header.set_repository_id("demo");
  header.set_message_id(base::MessageId::Make(absl::UnixEpoch(), random).ToBytes());
  header.set_kind(kind);
  header.set_from(hello.component_id());
  header.set_reply_to(hello.session_id());
  return header;
}

Talker MakePillar(PeerNumber peer, const std::string& id, char store, uint64_t incarnation) {
  Talker pillar;
  pillar.peer = peer;
  pillar.hello.set_component_id(id);
  pillar.hello.set_session_id(id);
  pillar.hello.set_kind(wire::PILLAR);
  pillar.hello.add_collections("books");
  if (id == "p1") {
    pillar.hello.add_collections("maps");
  }
  pillar.hello.set_program_version("1");
  pillar.hello.set_store_id(std::string(16, store));
  pillar.hello.set_incarnation(incarnation);
  return pillar;
}

Talker MakeClient(PeerNumber peer, const std::string& session, char store) {
  Talker client;
  client.peer = peer;
  client.hello.set_component_id(session.substr(0, session.find('.')));
  client.hello.set_session_id(session);
  client.hello.set_kind(wire::CLIENT);
  client.hello.set_program_version("1");
  client.hello.set_store_id(std::string(16, store));
  return client;
}

BrokerWorld::BrokerWorld() { Restart(Spec()); }

BrokerSpec BrokerWorld::Spec() const {
  BrokerSpec spec;
  spec.repository_id = "demo";
  spec.coordinator_id = "hub";
  spec.program_version = "1.2.3";
  spec.watch_endpoint = "tcp://127.0.0.1:7101";
  spec.run = std::string(16, 'r');
  spec.wall_start = absl::FromUnixSeconds(1'700'000'000);
  spec.collections = {{"books", {"p1", "p2", "p3"}}, {"maps", {"p1"}}};
  return spec;
}

void BrokerWorld::Restart(const BrokerSpec& spec) {
  broker_ = std::make_unique<BusBroker>(spec, now_, random_);
  out_ = BrokerOutbox();
}

Frames BrokerWorld::HelloOf(const Talker& talker) {
  wire::Body body;
  *body.mutable_hello() = talker.hello;
  return Seal({Kind::kCoordinator, ""}, talker.Header(wire::HELLO, random_), body);
}

Frames BrokerWorld::HeartbeatOf(const Talker& talker, uint32_t queue) {
  wire::Body body;
  body.mutable_heartbeat()->mutable_load()->set_queue(queue);
  return Seal({Kind::kCoordinator, ""}, talker.Header(wire::HEARTBEAT, random_), body);
}

Frames BrokerWorld::ByeOf(const Talker& talker) {
  wire::Body body;
  body.mutable_bye();
  return Seal({Kind::kCoordinator, ""}, talker.Header(wire::BYE, random_), body);
}

Frames BrokerWorld::AlarmOf(const Talker& talker, const std::string& code) {
  wire::Body body;
  body.mutable_alarm()->set_code(code);
  body.mutable_alarm()->set_text("look here");
  return Seal({Kind::kOperators, ""}, talker.Header(wire::ALARM, random_), body);
}

Frames BrokerWorld::IdentifyOf(const Talker& talker, const std::string& collection) {
  wire::Header header = talker.Header(wire::IDENTIFY, random_);
  header.set_conversation_id(std::string(16, 'v'));
  header.set_operation(wire::PUT_FILE);
  header.set_collection_id(collection);
  wire::Body body;
  body.mutable_put_file_identify()->set_file_id("f");
  const auto sealed =
      protocol::SealEnvelope({Kind::kCollection, collection}, header, std::move(body), "");
  EXPECT_TRUE(sealed.ok()) << sealed.status().ToString();
  return ToFrames(*sealed);
}

Frames BrokerWorld::RequestOf(const Talker& talker, const std::string& pillar, wire::Kind kind) {
  wire::Header header = talker.Header(kind, random_);
  header.set_conversation_id(std::string(16, 'v'));
  header.set_operation(wire::PUT_FILE);
  header.set_collection_id("books");
  wire::Body body;
  std::string secret;
  if (kind == wire::CANCEL) {
    body.mutable_cancel()->set_request_id(std::string(16, 'q'));
  } else if (kind == wire::IDENTIFY) {
    body.mutable_put_file_identify()->set_file_id("f");
  } else {
    wire::PutFileRequest& put = *body.mutable_put_file_request();
    put.set_file_id("f");
    put.set_size_bytes(1);
    put.mutable_digest()->set_algorithm(wire::SHA256);
    put.mutable_digest()->set_value(std::string(32, 'd'));
    put.set_from_source(true);
    secret = "the-secret";
  }
  return Seal({Kind::kPillar, pillar}, header, body, secret);
}

Frames BrokerWorld::StatusOf(const Talker& talker, wire::Operation operation) {
  wire::Header header = talker.Header(wire::REQUEST, random_);
  header.set_conversation_id(std::string(16, 'v'));
  header.set_operation(operation);
  wire::Body body;
  if (operation == wire::GET_ROSTER) {
    body.mutable_roster_request();
  } else {
    body.mutable_get_status_request();
  }
  return Seal({Kind::kCoordinator, ""}, header, body);
}

Frames BrokerWorld::ReplyOf(const Talker& pillar, const std::string& session, wire::Kind kind) {
  wire::Header header = pillar.Header(kind, random_);
  header.clear_reply_to();
  header.set_conversation_id(std::string(16, 'v'));
  header.set_operation(wire::PUT_FILE);
  header.set_collection_id("books");
  header.set_answers(std::string(16, 'm'));
  wire::Body body;
  body.mutable_response()->set_code(wire::FAILURE);
  if (kind == wire::FINAL) {
    body.mutable_put_file_final();
  } else if (kind == wire::IDENTIFY_REPLY) {
    body.mutable_put_file_identify_reply();
    body.mutable_response()->set_code(wire::IDENTIFICATION_NEGATIVE);
  } else {
    body.mutable_put_file_progress();
    body.mutable_progress()->set_sequence(1);
    body.mutable_progress()->set_phase(wire::ACCEPTED);
    body.mutable_response()->set_code(wire::OPERATION_PROGRESS);
  }
  return Seal({Kind::kClient, session}, header, body, kind == wire::PROGRESS ? "the-secret" : "");
}

void BrokerWorld::Say(const Talker& talker, Frames frames) {
  out_ = BrokerOutbox();
  broker_->OnFrames(talker.peer, std::move(frames), now_, out_);
}

void BrokerWorld::Lose(const Talker& talker) {
  out_ = BrokerOutbox();
  broker_->OnPeerLost(talker.peer, now_, out_);
}

void BrokerWorld::Advance(absl::Duration by) {
  out_ = BrokerOutbox();
  const absl::Time end = now_ + by;
  while (broker_->WakeAt() <= end) {
    now_ = std::max(now_, broker_->WakeAt());
    broker_->OnTime(now_, out_);
  }
  now_ = end;
}

void BrokerWorld::Join(const Talker& talker) {
  Say(talker, HelloOf(talker));
  EXPECT_EQ(KindsTo(talker), "WELCOME");
}

void BrokerWorld::Settle(const std::vector<Talker>& talkers) {
  for (int second = 0; second < 5; ++second) {
    Advance(absl::Seconds(1));
    for (const Talker& talker : talkers) {
      Say(talker, HeartbeatOf(talker));
    }
  }
  out_ = BrokerOutbox();
}

std::vector<Envelope> BrokerWorld::SentTo(const Talker& talker) const {
  std::vector<Envelope> sent;
  for (const Delivery& delivery : out_.sends) {
    if (delivery.peer == talker.peer) {
      protocol::EnvelopeFault fault;
      auto envelope = protocol::OpenEnvelope(delivery.frames, fault);
      EXPECT_TRUE(envelope.ok()) << envelope.status().ToString();
      sent.push_back(*std::move(envelope));
    }
  }
  return sent;
}

std::string BrokerWorld::KindsTo(const Talker& talker) const {
  std::vector<std::string> kinds;
  for (const Envelope& envelope : SentTo(talker)) {
    kinds.push_back(wire::Kind_Name(envelope.header.kind()));
  }
  return absl::StrJoin(kinds, ",");
}

std::vector<std::string> BrokerWorld::Cuts() const {
  std::vector<std::string> cuts;
  for (const auto& [peer, cause] : out_.cuts) {
    cuts.push_back(absl::StrCat(peer, " ", cause));
  }
  return cuts;
}

std::vector<std::string> BrokerWorld::Events() const {
  std::vector<std::string> events;
  for (const BrokerNote& note : out_.notes) {
    events.push_back(note.event);
  }
  return events;
}

std::vector<std::string> BrokerWorld::Recorded() const {
  std::vector<std::string> recorded;
  for (const base::AuditLine& event : out_.events) {
    recorded.push_back(absl::StrCat(event.action, " ", event.principal, " ", event.result));
  }
  return recorded;
}

std::vector<std::string> BrokerWorld::Copied() const {
  std::vector<std::string> kinds;
  for (const Frames& copy : out_.copies) {
    EXPECT_EQ(copy.size(), 3u) << "a copy has destination, header and body";
    wire::Header header;
    EXPECT_TRUE(header.ParseFromString(copy[1]));
    kinds.push_back(wire::Kind_Name(header.kind()));
  }
  return kinds;
}

uint64_t BrokerWorld::CountOf(const std::string& cause) const {
  const auto found = broker_->counts().find(cause);
  return found == broker_->counts().end() ? 0 : found->second;
}

}  // namespace bitrepo::broker
