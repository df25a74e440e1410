// SPDX-License-Identifier: Apache-2.0
#include "tests/system/bus_asker.h"

#include <gtest/gtest.h>

#include <utility>

#include "bus/zmq_spoke_link.h"
#include "tests/base/runtime/run_until.h"

namespace bitrepo::system_test {
namespace {

constexpr int kSockets = 8;
constexpr char kPrincipal[] = "asker";
constexpr char kSession[] = "asker.1";

}  // namespace

BusAsker::BusAsker(const std::string& endpoint) : context_(/*io_threads=*/1, kSockets) {
  bus::Membership membership;
  membership.repository_id = "rig";
  membership.principal = kPrincipal;
  membership.session = kSession;
  bus_ = std::make_unique<bus::Bus>(
      membership, loop_, std::make_unique<bus::ZmqSpokeLink>(loop_, context_, endpoint, random_),
      random_);
  EXPECT_TRUE(bus_->Start(*this).ok());
  EXPECT_TRUE(testing_support::RunUntil(loop_, [this] { return bus_->up(); }));
}

BusAsker::~BusAsker() = default;

wire::Body BusAsker::Ask(wire::Operation operation, wire::Body body) {
  const absl::Time now = loop_.clock().WallNow();
  wire::Header header;
  header.set_repository_id("rig");
  header.set_conversation_id(base::ConversationId::Make(now, random_).ToBytes());
  header.set_message_id(base::MessageId::Make(now, random_).ToBytes());
  header.set_kind(wire::REQUEST);
  header.set_operation(operation);
  header.set_from(kPrincipal);
  header.set_reply_to(kSession);
  asked_ = header.message_id();
  final_.reset();
  const auto request = protocol::SealEnvelope({protocol::Destination::Kind::kCoordinator, ""},
                                              std::move(header), std::move(body), "");
  EXPECT_TRUE(request.ok()) << request.status().ToString();
  EXPECT_TRUE(bus_->Publish(*request).ok());
  EXPECT_TRUE(testing_support::RunUntil(loop_, [this] { return final_.has_value(); }));
  return final_.value_or(wire::Body());
}

void BusAsker::OnEnvelope(protocol::Envelope envelope) {
  if (envelope.header.kind() == wire::FINAL && envelope.header.answers() == asked_) {
    final_ = envelope.body;
  }
}

void BusAsker::OnRefused(const wire::ResponseInfo& why) { ADD_FAILURE() << why.text(); }
void BusAsker::OnFault(const protocol::EnvelopeFault& fault) { ADD_FAILURE() << fault.text; }

}  // namespace bitrepo::system_test
