// SPDX-License-Identifier: Apache-2.0
#include "tests/pillar/asker.h"

#include <utility>

#include "base/check.h"
#include "bus/zmq_spoke_link.h"

namespace bitrepo::pillar {
namespace {

bus::Membership Alice() {
  bus::Membership membership;
  membership.repository_id = "demo";
  membership.principal = "alice";
  membership.session = "alice.1";
  membership.program_version = "1.0";
  return membership;
}

channel::ChannelOptions Node() {
  channel::ChannelOptions options;
  options.node = "alice.1";
  return options;
}

}  // namespace

Asker::Asker(const std::string& coordinator)
    : channel_(Node(), loop_, link_, mint_, random_),
      bus_(Alice(), loop_,
           std::make_unique<bus::ZmqSpokeLink>(loop_, context_, coordinator, random_), random_) {
  BITREPO_CHECK(channel_.Start().ok(), "the channel starts");
  BITREPO_CHECK(bus_.Start(*this).ok(), "the bus starts");
}

Asker::~Asker() { channel_.Close(); }

bool Asker::Until(absl::FunctionRef<bool()> holds, absl::Duration within) {
  if (holds()) return true;
  holds_ = &holds;
  const runtime::TimerId timer = loop_.RunAfter(within, [this] { loop_.Stop(); });
  loop_.Run();
  loop_.CancelTimer(timer);
  holds_ = nullptr;
  return holds();
}

void Asker::Look() {
  if (holds_ != nullptr && (*holds_)()) loop_.Stop();
}

protocol::Envelope Asker::Request(wire::Operation operation, wire::Body body) {
  const absl::Time wall_now = loop_.clock().WallNow();
  wire::Header header;
  header.set_repository_id("demo");
  header.set_conversation_id(base::ConversationId::Make(wall_now, random_).ToBytes());
  header.set_message_id(base::MessageId::Make(wall_now, random_).ToBytes());
  header.set_kind(wire::REQUEST);
  header.set_operation(operation);
  header.set_collection_id("photos");
  header.set_from("alice");
  header.set_to("p1");
  header.set_reply_to("alice.1");
  header.set_issued_at_us(absl::ToUnixMicros(wall_now));
  auto sealed = protocol::SealEnvelope({protocol::Destination::Kind::kPillar, "p1"},
                                       std::move(header), std::move(body), "");
  BITREPO_CHECK(sealed.ok(), sealed.status().message());
  return *std::move(sealed);
}

protocol::Envelope Asker::Put(const std::string& file_id, uint64_t size) {
  wire::Body body;
  body.mutable_put_file_request()->set_file_id(file_id);
  body.mutable_put_file_request()->set_size_bytes(size);
  return Request(wire::PUT_FILE, std::move(body));
}

protocol::Envelope Asker::Get(const std::string& file_id) {
  wire::Body body;
  body.mutable_get_file_request()->mutable_range()->set_file_id(file_id);
  return Request(wire::GET_FILE, std::move(body));
}

bool Asker::SendUntil(const protocol::Envelope& request, absl::FunctionRef<bool()> holds,
                      absl::Duration within) {
  const absl::Time deadline = loop_.Now() + within;
  while (loop_.Now() < deadline) {
    // Unsent while there is no coordinator: the next turn sends it.
    bus_.Publish(request).IgnoreError();
    if (Until(holds, absl::Seconds(1))) return true;
  }
  return holds();
}

const protocol::Envelope* Asker::Final(const protocol::Envelope& request) const {
  for (auto it = heard.rbegin(); it != heard.rend(); ++it) {
    if (it->answers() == request.message_id() && it->header.kind() == wire::FINAL) return &*it;
  }
  return nullptr;
}

std::string Asker::Token(const protocol::Envelope& request) const {
  for (auto it = heard.rbegin(); it != heard.rend(); ++it) {
    if (it->answers() == request.message_id() && !it->secret.empty()) return it->secret;
  }
  return "";
}

channel::TransferEvents Asker::EndsIn(std::shared_ptr<std::optional<absl::Status>> end) {
  channel::TransferEvents events;
  events.on_progress = [this](uint64_t) { Look(); };
  events.on_end = [this, end = std::move(end)](absl::Status how) {
    *end = std::move(how);
    Look();
  };
  return events;
}

std::shared_ptr<std::optional<absl::Status>> Asker::Push(const std::string& token,
                                                         std::shared_ptr<channel::Source> source) {
  auto end = std::make_shared<std::optional<absl::Status>>();
  channel_.Push(token, std::move(source), EndsIn(end));
  return end;
}

std::shared_ptr<std::optional<absl::Status>> Asker::Fetch(const std::string& token,
                                                          std::shared_ptr<channel::TextSink> sink) {
  auto end = std::make_shared<std::optional<absl::Status>>();
  channel_.Fetch(token, {}, std::move(sink), EndsIn(end));
  return end;
}

void Asker::OnBusUp(const wire::Welcome& /*welcome*/) { Look(); }

void Asker::OnEnvelope(protocol::Envelope envelope) {
  heard.push_back(std::move(envelope));
  Look();
}

void Asker::OnRefused(const wire::ResponseInfo& why) {
  base::CheckFailed(__FILE__, __LINE__, "alice is welcome: " + why.text());
}

void Asker::OnFault(const protocol::EnvelopeFault& fault) {
  base::CheckFailed(__FILE__, __LINE__, "what alice hears is valid: " + fault.text);
}

}  // namespace bitrepo::pillar
