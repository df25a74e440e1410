// SPDX-License-Identifier: Apache-2.0
#include "coordinator/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "bus/bus.h"
#include "bus/memory_link.h"
#include "bus/protocol/primitive.h"
#include "tests/support/manual_event_loop.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::coordinator {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A component: its bus, and what it heard.
class Component final : public bus::Bus::Handler {
 public:
  Component(runtime::EventLoop& loop, bus::MemoryAddress& address, base::Random& random,
            wire::ComponentKind kind, const std::string& session)
      : random_(random), session_(session), principal_(session.substr(0, session.find('.'))) {
    bus::Membership membership;
    membership.repository_id = "demo";
    membership.kind = kind;
    membership.principal = principal_;
    membership.session = session;
    if (kind == wire::PILLAR) {
      membership.collections = {"books"};
      membership.store_id = std::string(16, 's');
    }
    bus_ = std::make_unique<bus::Bus>(membership, loop, address.NewSpoke(session), random);
    EXPECT_OK(bus_->Start(*this));
  }
  void OnBusUp(const wire::Welcome& welcome) override { watch_endpoint = welcome.watch_endpoint(); }
  void OnBusDown() override { ++downs; }
  void OnEnvelope(protocol::Envelope envelope) override { heard.push_back(std::move(envelope)); }
  void OnRefused(const wire::ResponseInfo& why) override { refused = why.text(); }
  void OnFault(const protocol::EnvelopeFault& fault) override { ADD_FAILURE() << fault.text; }

  absl::Status Ask(wire::Kind kind, wire::Operation operation, const std::string& destination,
                   uint64_t number = 0) {
    wire::Header header;
    header.set_repository_id("demo");
    header.set_conversation_id(std::string(16, 'v'));
    header.set_message_id(base::MessageId::Make(absl::UnixEpoch(), random_).ToBytes());
    header.set_kind(kind);
    header.set_operation(operation);
    header.set_from(principal_);
    header.set_reply_to(session_);
    wire::Body body;
    const auto to = protocol::Destination::Parse(destination);
    if (to->kind == protocol::Destination::Kind::kPillar) {
      header.set_to(to->id);
    }
    if (to->kind == protocol::Destination::Kind::kCoordinator) {
      protocol::SetEmptyContent(body, protocol::ContentOf(kind, operation));
    } else if (kind == wire::IDENTIFY) {
      header.set_collection_id("books");
      body.mutable_put_file_identify()->set_file_id("f");
    } else {
      header.set_collection_id("books");
      body.mutable_put_file_request()->set_file_id("f");
      body.mutable_put_file_request()->set_size_bytes(number);
      body.mutable_put_file_request()->mutable_digest()->set_algorithm(wire::SHA256);
      body.mutable_put_file_request()->mutable_digest()->set_value(std::string(32, 'd'));
    }
    const bool asks = kind == wire::REQUEST && operation == wire::PUT_FILE;
    if (asks) {
      body.mutable_put_file_request()->set_from_source(true);
    }
    const std::string secret = asks ? "the-token" : "";
    const auto sealed = protocol::SealEnvelope(*to, std::move(header), std::move(body), secret);
    EXPECT_OK(sealed);
    return bus_->Publish(*sealed);
  }
  std::vector<std::string> TakeKinds() {
    std::vector<std::string> kinds;
    for (const protocol::Envelope& envelope : heard) {
      kinds.push_back(wire::Kind_Name(envelope.header.kind()));
    }
    heard.clear();
    return kinds;
  }
  bool up() const { return bus_->up(); }
  void Stop() { bus_->Stop(); }

  std::vector<protocol::Envelope> heard;
  std::string watch_endpoint;
  std::string refused;
  int downs = 0;

 private:
  base::Random& random_;
  const std::string session_;
  const std::string principal_;
  std::unique_ptr<bus::Bus> bus_;
};

class Copies final : public bus::WatchPublisher {
 public:
  void Publish(const bus::Frames& message) override {
    wire::Header header;
    EXPECT_TRUE(header.ParseFromString(message.at(1)));
    kinds.push_back(wire::Kind_Name(header.kind()));
  }
  uint64_t published() const override { return kinds.size(); }
  std::map<std::string, uint64_t> DropCounts() const override { return {{"slow", 5}}; }
  std::string endpoint() const override { return "memory://watch"; }
  std::vector<std::string> kinds;
};

// Remembers who its owner says is known.
class RememberingHub final : public bus::HubLink {
 public:
  explicit RememberingHub(std::unique_ptr<bus::HubLink> below) : below_(std::move(below)) {}
  absl::Status Start(Handler& handler) override { return below_->Start(handler); }
  bus::SendResult Send(bus::PeerNumber peer, const bus::Frames& frames) override {
    return below_->Send(peer, frames);
  }
  void Cut(bus::PeerNumber peer) override { below_->Cut(peer); }
  void MarkGreeted(bus::PeerNumber peer) override { greeted.push_back(peer); }
  std::map<std::string, uint64_t> DropCounts() const override { return below_->DropCounts(); }
  std::string endpoint() const override { return below_->endpoint(); }
  uint64_t connection_count() const override { return below_->connection_count(); }
  std::vector<bus::PeerNumber> greeted;

 private:
  std::unique_ptr<bus::HubLink> below_;
};

class CoordinatorTest : public ::testing::Test {
 protected:
  CoordinatorTest() {
    options_.repository_id = "demo";
    options_.program_version = "1.2.3";
    options_.collections = {{"books", {"p1", "p2"}}};
  }
  void StartCoordinator() {
    link_ = address_.NewHub();
    coordinator_ = std::make_unique<Coordinator>(options_, loop_, *link_, &copies_, random_);
    ASSERT_OK(coordinator_->Start());
  }
  // As SIGKILL does.
  void KillCoordinator() {
    coordinator_.reset();
    link_.reset();
  }
  std::unique_ptr<Component> Start(wire::ComponentKind kind, const std::string& session) {
    auto component = std::make_unique<Component>(loop_, address_, random_, kind, session);
    loop_.RunReady();
    return component;
  }

  testing_support::ManualEventLoop loop_;
  base::SeededRandom random_{9};
  bus::MemoryAddress address_{loop_, random_};
  Copies copies_;
  CoordinatorOptions options_;
  std::unique_ptr<bus::HubLink> link_;
  std::unique_ptr<Coordinator> coordinator_;
};

TEST_F(CoordinatorTest, CarriesMessagesBetweenItsMembers) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  ASSERT_TRUE(p1->up());
  ASSERT_TRUE(alice->up());
  EXPECT_EQ(alice->watch_endpoint, "memory://watch");
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1"));
  loop_.RunReady();
  ASSERT_THAT(p1->heard, SizeIs(1));
  EXPECT_EQ(p1->heard[0].secret, "the-token");
  EXPECT_THAT(copies_.kinds, ElementsAre("HELLO", "HELLO", "REQUEST"));
}

TEST_F(CoordinatorTest, TellsItsLinkWhoHasBecomeAMemberAndNobodyElse) {
  RememberingHub hub(address_.NewHub());
  Coordinator coordinator(options_, loop_, hub, nullptr, random_);
  ASSERT_OK(coordinator.Start());
  struct Ears final : bus::SpokeLink::Handler {
    void OnConnected() override {}
    void OnFrames(bus::Frames /*frames*/) override {}
    void OnWritable() override {}
    void OnDisconnected() override {}
  } ears;
  const auto stranger = address_.NewSpoke("stranger");
  ASSERT_OK(stranger->Start(ears));
  loop_.RunReady();
  EXPECT_EQ(stranger->Send({"garbage"}), bus::SendResult::kSent);
  loop_.RunReady();
  EXPECT_THAT(hub.greeted, IsEmpty());
  const auto p1 = Start(wire::PILLAR, "p1");
  ASSERT_TRUE(p1->up());
  EXPECT_THAT(hub.greeted, SizeIs(1));
  loop_.Advance(absl::Seconds(3));
  EXPECT_THAT(hub.greeted, SizeIs(1));
}

TEST_F(CoordinatorTest, MembersStayAsLongAsTheyLiveAndTheirEndIsNoticed) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  auto alice = Start(wire::CLIENT, "alice.1");
  loop_.Advance(absl::Minutes(20));
  EXPECT_TRUE(p1->up());
  EXPECT_EQ(p1->downs, 0);
  alice.reset();
  loop_.RunReady();
  EXPECT_THAT(coordinator_->broker().roster().members(), SizeIs(1));
  address_.SetSilent("p1", true);
  loop_.Advance(absl::Seconds(6));
  EXPECT_THAT(coordinator_->broker().roster().members(), IsEmpty());
  EXPECT_THAT(copies_.kinds, Contains("ALARM"));
}

// [H-14]
TEST_F(CoordinatorTest, AfterARestartMembersComeBackAndConversationsGoOn) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  KillCoordinator();
  loop_.RunReady();
  EXPECT_FALSE(alice->up());
  EXPECT_FALSE(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1").ok());
  loop_.Advance(absl::Seconds(20));
  StartCoordinator();
  loop_.Advance(absl::Seconds(2.4));
  EXPECT_TRUE(alice->up());
  EXPECT_TRUE(p1->up());
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1"));
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p2"));
  loop_.RunReady();
  EXPECT_THAT(p1->TakeKinds(), ElementsAre("REQUEST"));
  EXPECT_THAT(alice->TakeKinds(), IsEmpty()) << "p2 may come in a moment";
  loop_.Advance(absl::Seconds(5));
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p2"));
  loop_.RunReady();
  EXPECT_THAT(alice->TakeKinds(), ElementsAre("UNDELIVERED"));
}

TEST_F(CoordinatorTest, AnswersForItsStatusWithWhatLinkAndStreamCount) {
  StartCoordinator();
  const auto alice = Start(wire::CLIENT, "alice.1");
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::GET_STATUS, "coordinator"));
  loop_.RunReady();
  ASSERT_THAT(alice->heard, SizeIs(1));
  const wire::GetStatusFinal& status = alice->heard[0].body.get_status_final();
  EXPECT_EQ(status.version(), "1.2.3");
  EXPECT_EQ(status.connections(), 1u);
  EXPECT_EQ(status.dropped_frames().at("watch-slow"), 5u);
}

TEST_F(CoordinatorTest, TellsWhatItHasSeenOfItsBus) {
  StartCoordinator();
  auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  loop_.Advance(absl::Seconds(5));
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1"));
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p2"));
  loop_.RunReady();
  p1.reset();
  loop_.RunReady();
  alice->TakeKinds();
  for (const auto operation : {wire::GET_CONVERSATION, wire::GET_ALARMS, wire::GET_AUDIT_TRAILS}) {
    EXPECT_OK(alice->Ask(wire::REQUEST, operation, "coordinator"));
  }
  loop_.RunReady();
  ASSERT_THAT(alice->heard, SizeIs(3));
  const wire::GetConversationFinal& seen = alice->heard[0].body.get_conversation_final();
  ASSERT_THAT(seen.observed(), SizeIs(1));
  EXPECT_EQ(seen.observed(0).file_id(), "f");
  EXPECT_THAT(seen.observed(0).owed_by(), ElementsAre("p1"));
  EXPECT_THAT(seen.observed(0).failed_at(), ElementsAre("p2")) << "it is not connected";
  const wire::GetAlarmsFinal& alarms = alice->heard[1].body.get_alarms_final();
  ASSERT_THAT(alarms.items(), SizeIs(1));
  EXPECT_EQ(alarms.items(0).alarm().code(), "pillar-lost");
  EXPECT_EQ(alarms.items(0).from(), "coordinator");
  std::vector<std::string> actions;
  for (const wire::AuditItem& item : alice->heard[2].body.get_audit_trails_final().items()) {
    actions.push_back(item.action());
  }
  EXPECT_THAT(actions, ElementsAre("BUS_STARTED", "MEMBER_JOINED", "MEMBER_JOINED", "MEMBER_LOST"));
}

TEST_F(CoordinatorTest, NothingOfWhatItHasSeenHoldsASecret) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1"));
  loop_.RunReady();
  ASSERT_EQ(p1->heard.at(0).secret, "the-token");
  const auto observed =
      coordinator_->observer().timeline().Describe(p1->heard.at(0).conversation());
  ASSERT_TRUE(observed.has_value());
  EXPECT_THAT(observed->SerializeAsString(), ::testing::Not(::testing::HasSubstr("the-token")));
}

TEST_F(CoordinatorTest, AskersOfACollectionAreToldWhoWasAsked) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  loop_.Advance(absl::Seconds(5));
  EXPECT_OK(alice->Ask(wire::IDENTIFY, wire::PUT_FILE, "collection:books"));
  loop_.RunReady();
  EXPECT_THAT(p1->TakeKinds(), ElementsAre("IDENTIFY"));
  ASSERT_THAT(alice->heard, SizeIs(1));
  EXPECT_THAT(alice->heard[0].body.routed().sent_to(), ElementsAre("p1"));
  EXPECT_THAT(alice->heard[0].body.routed().away(), ElementsAre("p2"));
}

TEST_F(CoordinatorTest, APillarThatReadsNothingForAWhileGetsAllInOrder) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  address_.SetReading("p1", false);
  constexpr uint64_t kCount = 4 * bus::kMemoryPipeFrames;
  for (uint64_t i = 0; i < kCount; ++i) {
    ASSERT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1", i));
    loop_.RunReady();
  }
  loop_.Advance(absl::Seconds(2));
  address_.SetReading("p1", true);
  loop_.Advance(absl::Seconds(1));
  ASSERT_THAT(p1->heard, SizeIs(kCount));
  for (uint64_t i = 0; i < kCount; ++i) {
    EXPECT_EQ(p1->heard[i].body.put_file_request().size_bytes(), i);
  }
  EXPECT_THAT(alice->TakeKinds(), IsEmpty());
  EXPECT_TRUE(p1->up());
}

TEST_F(CoordinatorTest, APillarThatReadsNothingForLongIsCutAndItsAskersAreTold) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  address_.SetReading("p1", false);
  constexpr size_t kWaiting = 10;
  for (size_t i = 0; i < bus::kMemoryPipeFrames + kWaiting; ++i) {
    ASSERT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1"));
    loop_.RunReady();
  }
  loop_.Advance(absl::Seconds(6));
  EXPECT_EQ(alice->TakeKinds().size(), kWaiting);
  EXPECT_GE(p1->downs, 1);
}

TEST_F(CoordinatorTest, OneWhoIsRefusedHearsWhy) {
  StartCoordinator();
  const auto alice = Start(wire::CLIENT, "p1.1");
  loop_.Advance(absl::Seconds(3));
  EXPECT_THAT(alice->refused, ::testing::HasSubstr("belongs to another component"));
}

TEST_F(CoordinatorTest, OnceStoppedItPassesNothingOn) {
  StartCoordinator();
  const auto p1 = Start(wire::PILLAR, "p1");
  const auto alice = Start(wire::CLIENT, "alice.1");
  coordinator_->Stop();
  EXPECT_OK(alice->Ask(wire::REQUEST, wire::PUT_FILE, "pillar:p1"));
  loop_.Advance(absl::Seconds(1));
  EXPECT_THAT(p1->heard, IsEmpty());
}

TEST_F(CoordinatorTest, ASecondOneAtOneAddressDoesNotStart) {
  StartCoordinator();
  const auto link = address_.NewHub();
  Coordinator second(options_, loop_, *link, nullptr, random_);
  EXPECT_FALSE(second.Start().ok());
}

}  // namespace
}  // namespace bitrepo::coordinator
