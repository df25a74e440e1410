// SPDX-License-Identifier: Apache-2.0
// A broker that says what a test tells it to, at the other end of a memory link.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "bus/bus.h"
#include "bus/memory_link.h"
#include "bus/protocol/envelope.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::bus {

// A client of the repository "demo", in its session alice.1.
inline Membership Alice() {
  Membership membership;
  membership.repository_id = "demo";
  membership.principal = "alice";
  membership.session = "alice.1";
  membership.program_version = "9";
  return membership;
}

// What she asks of the coordinator.
inline protocol::Envelope Request() {
  wire::Header header;
  header.set_repository_id("demo");
  header.set_conversation_id(std::string(16, 'c'));
  header.set_message_id(std::string(16, 'm'));
  header.set_kind(wire::REQUEST);
  header.set_operation(wire::GET_ROSTER);
  header.set_from("alice");
  header.set_reply_to("alice.1");
  wire::Body body;
  body.mutable_roster_request();
  auto sealed = protocol::SealEnvelope({protocol::Destination::Kind::kCoordinator, ""},
                                       std::move(header), std::move(body), "");
  EXPECT_OK(sealed);
  return *sealed;
}

// Loop-confined.
class ScriptedBroker final : public HubLink::Handler {
 public:
  explicit ScriptedBroker(MemoryAddress& address) : address_(address) {}

  void Start() {
    link_ = address_.NewHub();
    ASSERT_OK(link_->Start(*this));
  }
  void Stop() { link_.reset(); }
  void OnFrames(PeerNumber peer, Frames frames) override {
    protocol::EnvelopeFault fault;
    auto envelope = protocol::OpenEnvelope(std::move(frames), fault);
    ASSERT_OK(envelope);
    peer_ = peer;
    heard.push_back(*std::move(envelope));
  }
  void OnPeerLost(PeerNumber /*peer*/) override { ++lost; }

  // The kinds heard since the last call.
  std::vector<wire::Kind> TakeKinds() {
    std::vector<wire::Kind> kinds;
    for (const protocol::Envelope& envelope : heard) {
      kinds.push_back(envelope.header.kind());
    }
    if (!heard.empty()) {
      last = heard.back();
    }
    heard.clear();
    return kinds;
  }

  // To the component that spoke last, as client:alice.1 unless `to` says otherwise.
  void Say(wire::Kind kind, wire::Body body, const std::string& answers,
           protocol::Destination to = {protocol::Destination::Kind::kClient, "alice.1"}) {
    wire::Header header;
    header.set_repository_id("demo");
    header.set_message_id(base::MessageId::Make(absl::UnixEpoch(), random_).ToBytes());
    header.set_kind(kind);
    header.set_from("hub");
    header.set_to(to.id);
    header.set_answers(answers);
    if (kind == wire::ROUTED || kind == wire::UNDELIVERED) {
      header.set_conversation_id(base::MessageId::Make(absl::UnixEpoch(), random_).ToBytes());
    }
    SaySealed(protocol::SealEnvelope(to, std::move(header), std::move(body), ""));
  }
  void SaySealed(const absl::StatusOr<protocol::Envelope>& envelope) {
    ASSERT_OK(envelope);
    SayFrames(ToFrames(*envelope));
  }
  void SayFrames(const Frames& frames) { EXPECT_EQ(link_->Send(peer_, frames), SendResult::kSent); }
  void Welcome(const std::string& answers, uint32_t heartbeat_ms = 1000,
               uint32_t gone_after_ms = 5000) {
    wire::Body body;
    wire::Welcome& welcome = *body.mutable_welcome();
    welcome.set_coordinator_id("hub");
    welcome.set_program_version("1");
    welcome.set_heartbeat_ms(heartbeat_ms);
    welcome.set_gone_after_ms(gone_after_ms);
    welcome.set_coordinator_run(std::string(16, 'r'));
    Say(wire::WELCOME, std::move(body), answers);
  }
  void Refuse(const std::string& answers, wire::ResponseCode code) {
    wire::Body body;
    body.mutable_refused();
    body.mutable_response()->set_code(code);
    body.mutable_response()->set_text("no");
    Say(wire::REFUSED, std::move(body), answers);
  }
  void Heartbeat() {
    wire::Body body;
    body.mutable_heartbeat();
    Say(wire::HEARTBEAT, std::move(body), "");
  }
  void Cut() { link_->Cut(peer_); }

  std::vector<protocol::Envelope> heard;
  protocol::Envelope last;
  int lost = 0;

 private:
  MemoryAddress& address_;
  base::SeededRandom random_{7};
  PeerNumber peer_ = 0;
  std::unique_ptr<HubLink> link_;
};

}  // namespace bitrepo::bus
