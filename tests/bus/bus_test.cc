// SPDX-License-Identifier: Apache-2.0
#include "bus/bus.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <tuple>
#include <utility>

#include "tests/bus/scripted_broker.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::bus {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing_support::StatusIs;

// What the handler was told, as words.
class Ears final : public Bus::Handler {
 public:
  void OnBusUp(const wire::Welcome& welcome) override {
    words.push_back("up " + welcome.coordinator_id());
  }
  void OnBusDown() override { words.push_back("down"); }
  void OnEnvelope(protocol::Envelope envelope) override {
    words.push_back("heard " + wire::Kind_Name(envelope.header.kind()));
  }
  void OnRefused(const wire::ResponseInfo& why) override {
    words.push_back("refused " + wire::ResponseCode_Name(why.code()));
    if (on_refused) {
      on_refused();
    }
  }
  void OnFault(const protocol::EnvelopeFault& fault) override {
    words.push_back("fault " + fault.cause);
  }
  std::vector<std::string> Take() { return std::exchange(words, {}); }

  std::vector<std::string> words;
  std::function<void()> on_refused;
};

Membership Pillar() {
  Membership membership = Alice();
  membership.kind = wire::PILLAR;
  membership.principal = membership.session = "p1";
  membership.collections = {"books"};
  membership.store_id = std::string(16, 's');
  membership.incarnation = 3;
  return membership;
}

class BusTest : public ::testing::Test {
 protected:
  void Make(Membership membership) {
    bus_ = std::make_unique<Bus>(std::move(membership), loop_, address_.NewSpoke("a"), random_);
    ASSERT_OK(bus_->Start(ears_));
    loop_.RunReady();
  }
  // Brings a bus to a state; each begins where the one before ended.
  void Dialling() { Make(Alice()); }
  void Joining() {
    broker_.Start();
    Make(Alice());
    ASSERT_THAT(broker_.TakeKinds(), ElementsAre(wire::HELLO));
    hello_ = broker_.last.header.message_id();
  }
  void Up() {
    Joining();
    broker_.Welcome(hello_);
    loop_.RunReady();
    ASSERT_THAT(ears_.Take(), ElementsAre("up hub"));
    ASSERT_TRUE(bus_->up());
  }
  void Waiting() {
    Joining();
    broker_.Refuse(hello_, wire::BUSY);
    loop_.RunReady();
    ASSERT_THAT(ears_.Take(), IsEmpty());
  }
  void Ended() {
    Joining();
    broker_.Refuse(hello_, wire::CONFLICT);
    loop_.RunReady();
    ASSERT_THAT(ears_.Take(), ElementsAre("refused CONFLICT"));
  }
  // Time passes while the broker lives.
  void AdvanceWithHeartbeats(absl::Duration by) {
    for (absl::Duration gone; gone < by; gone += absl::Seconds(1)) {
      loop_.Advance(absl::Seconds(1));
      broker_.Heartbeat();
      loop_.RunReady();
    }
  }

  testing_support::ManualEventLoop loop_;
  base::SeededRandom random_{1};
  MemoryAddress address_{loop_, random_};
  ScriptedBroker broker_{address_};
  Ears ears_;
  std::unique_ptr<Bus> bus_;
  std::string hello_;  // message id of the HELLO of this connection
};

// [H-3]
TEST_F(BusTest, SaysWhoItIs) {
  broker_.Start();
  Make(Pillar());
  ASSERT_THAT(broker_.TakeKinds(), ElementsAre(wire::HELLO));
  const protocol::Envelope& hello = broker_.last;
  EXPECT_EQ(hello.header.from(), "p1");
  EXPECT_EQ(hello.header.reply_to(), "p1");
  EXPECT_EQ(hello.header.repository_id(), "demo");
  EXPECT_EQ(hello.body.hello().component_id(), "p1");
  EXPECT_EQ(hello.body.hello().session_id(), "p1");
  EXPECT_EQ(hello.body.hello().kind(), wire::PILLAR);
  EXPECT_THAT(hello.body.hello().collections(), ElementsAre("books"));
  EXPECT_EQ(hello.body.hello().program_version(), "9");
  EXPECT_EQ(hello.body.hello().store_id(), std::string(16, 's'));
  EXPECT_EQ(hello.body.hello().incarnation(), 3u);
}

TEST_F(BusTest, AClientTellsItsSessionFromAnotherOfThatNameByAnIdOfItsOwn) {
  Up();
  const std::string id = broker_.last.body.hello().store_id();
  EXPECT_EQ(id.size(), 16u);
  broker_.Cut();
  loop_.RunReady();
  EXPECT_THAT(broker_.TakeKinds(), ElementsAre(wire::HELLO));
  EXPECT_EQ(broker_.last.body.hello().store_id(), id) << "the same when it comes back";
}

TEST_F(BusTest, AMembershipThatCannotBeSaidIsRefusedAtStart) {
  Membership membership = Alice();
  membership.principal = "Not An Id";
  Bus bus(membership, loop_, address_.NewSpoke("b"), random_);
  EXPECT_THAT(bus.Start(ears_), StatusIs(absl::StatusCode::kInvalidArgument));
}

// [H-2]
TEST_F(BusTest, AnUnansweredHelloIsSaidAgainByteForByteAndThenDialledAfresh) {
  Joining();
  const std::string said = broker_.last.header_bytes + broker_.last.body_bytes;
  loop_.Advance(absl::Seconds(4));
  ASSERT_GE(broker_.heard.size(), 3u);
  for (const protocol::Envelope& again : broker_.heard) {
    EXPECT_EQ(again.header_bytes + again.body_bytes, said);
  }
  EXPECT_EQ(broker_.lost, 0);
  broker_.TakeKinds();
  loop_.Advance(absl::Seconds(3));
  EXPECT_EQ(broker_.lost, 1);
  broker_.TakeKinds();
  EXPECT_NE(broker_.last.header.message_id(), hello_) << "a new connection, a new HELLO";
  EXPECT_THAT(ears_.Take(), IsEmpty());
}

// [H-6]
TEST_F(BusTest, HeartbeatsGoOutAsOftenAsWelcomeSaysAndCarryTheLoadOfAPillar) {
  broker_.Start();
  Make(Pillar());
  broker_.TakeKinds();
  wire::Body body;
  wire::Welcome& welcome = *body.mutable_welcome();
  welcome.set_coordinator_id("hub");
  welcome.set_heartbeat_ms(200);
  welcome.set_gone_after_ms(60'000);
  welcome.set_coordinator_run(std::string(16, 'r'));
  broker_.Say(wire::WELCOME, body, broker_.last.header.message_id(),
              {protocol::Destination::Kind::kPillar, "p1"});
  wire::Load load;
  load.set_state(wire::LOAD_READ_ONLY);
  load.set_free_bytes(42);
  bus_->SetLoad(load);
  loop_.Advance(absl::Seconds(10));
  const std::vector<wire::Kind> kinds = broker_.TakeKinds();
  EXPECT_GE(kinds.size(), 40u);  // jitter: 160 to 240 ms
  EXPECT_LE(kinds.size(), 63u);
  EXPECT_THAT(kinds, ::testing::Each(wire::HEARTBEAT));
  EXPECT_EQ(broker_.last.body.heartbeat().load().free_bytes(), 42u);

  // It asks too, and its session is its id.
  wire::Body answer;
  answer.mutable_undelivered()->set_to("p2");
  answer.mutable_response()->set_code(wire::UNREACHABLE);
  broker_.Say(wire::UNDELIVERED, answer, std::string(16, 'm'),
              {protocol::Destination::Kind::kClient, "p1"});
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("up hub", "heard UNDELIVERED"));
}

TEST_F(BusTest, HeartbeatsAreNotRegular) {
  Up();
  std::vector<absl::Duration> gaps;
  for (int i = 0; i < 10; ++i) {
    const absl::Time before = loop_.Now();
    while (broker_.heard.empty()) {
      loop_.Advance(absl::Milliseconds(1));
    }
    gaps.push_back(loop_.Now() - before);
    broker_.TakeKinds();
    broker_.Heartbeat();
    loop_.RunReady();
  }
  EXPECT_NE(*std::min_element(gaps.begin(), gaps.end()),
            *std::max_element(gaps.begin(), gaps.end()));
  EXPECT_GE(*std::min_element(gaps.begin(), gaps.end()), absl::Milliseconds(799));
  EXPECT_LE(*std::max_element(gaps.begin(), gaps.end()), absl::Milliseconds(1201));
}

TEST_F(BusTest, StaysUpWhileTheCoordinatorAnswers) {
  Up();
  AdvanceWithHeartbeats(absl::Minutes(2));
  EXPECT_TRUE(bus_->up());
  EXPECT_EQ(broker_.lost, 0);
  EXPECT_THAT(ears_.Take(), IsEmpty());
}

// [H-6]
TEST_F(BusTest, ACoordinatorThatIsSilentThoughConnectedIsDialledAfresh) {
  Up();
  address_.SetSilent("a", true);
  loop_.Advance(absl::Milliseconds(4900));
  EXPECT_TRUE(bus_->up());
  loop_.Advance(absl::Seconds(2));
  EXPECT_FALSE(bus_->up());
  EXPECT_THAT(ears_.Take(), ElementsAre("down"));
  address_.SetSilent("a", false);
  loop_.Advance(absl::Seconds(2));
  broker_.TakeKinds();
  broker_.Welcome(broker_.last.header.message_id());
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("up hub"));
}

// [H-7]
TEST_F(BusTest, ComesBackToACoordinatorThatIsStartedAgain) {
  Up();
  broker_.Stop();
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("down"));
  loop_.Advance(absl::Seconds(30));
  broker_.TakeKinds();
  broker_.Start();
  loop_.Advance(absl::Seconds(2.4));
  ASSERT_FALSE(broker_.heard.empty());
  broker_.TakeKinds();
  broker_.Welcome(broker_.last.header.message_id());
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("up hub"));
}

// [H-4]
TEST_F(BusTest, AfterBusyItDialsAgainFromTimeToTime) {
  Waiting();
  broker_.TakeKinds();
  loop_.Advance(absl::Seconds(3));
  EXPECT_THAT(broker_.TakeKinds(), IsEmpty());
  loop_.Advance(absl::Seconds(4));
  ASSERT_FALSE(broker_.heard.empty());
  EXPECT_EQ(broker_.heard.front().header.kind(), wire::HELLO);
  broker_.TakeKinds();
  broker_.Welcome(broker_.last.header.message_id());
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("up hub"));
}

// [H-4]
TEST_F(BusTest, OnceRefusedItIsNeverDialledAgain) {
  Ended();
  EXPECT_EQ(broker_.lost, 1) << "its connection is closed";
  loop_.Advance(absl::Hours(1));
  EXPECT_THAT(broker_.TakeKinds(), IsEmpty());
}

TEST_F(BusTest, TheHandlerMayStopItFromWithinACall) {
  Joining();
  ears_.on_refused = [this] { bus_->Stop(); };
  broker_.Refuse(hello_, wire::DENIED);
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("refused DENIED"));
}

TEST_F(BusTest, PublishesOnlyWhileUp) {
  Joining();
  EXPECT_THAT(bus_->Publish(Request()), StatusIs(absl::StatusCode::kUnavailable));
  broker_.Welcome(hello_);
  loop_.RunReady();
  EXPECT_OK(bus_->Publish(Request()));
  loop_.RunReady();
  EXPECT_THAT(broker_.TakeKinds(), ElementsAre(wire::REQUEST));
  broker_.Stop();
  EXPECT_THAT(bus_->Publish(Request()), StatusIs(absl::StatusCode::kUnavailable));
  loop_.RunReady();
  EXPECT_THAT(bus_->Publish(Request()), StatusIs(absl::StatusCode::kUnavailable));
}

// [H-8]
TEST_F(BusTest, StopSaysByeAndIsSilentAfterwards) {
  Up();
  bus_->Stop();
  loop_.RunReady();
  EXPECT_THAT(broker_.TakeKinds(), ElementsAre(wire::BYE));
  EXPECT_EQ(broker_.lost, 1);
  loop_.Advance(absl::Hours(1));
  EXPECT_THAT(ears_.Take(), IsEmpty());
  EXPECT_THAT(broker_.TakeKinds(), IsEmpty());
  EXPECT_FALSE(bus_->up());
}

TEST_F(BusTest, HearsWhatIsForItAndNothingElse) {
  Up();
  using Kind = protocol::Destination::Kind;
  wire::Body undelivered;
  undelivered.mutable_undelivered()->set_to("p1");
  undelivered.mutable_response()->set_code(wire::UNREACHABLE);
  broker_.Say(wire::UNDELIVERED, undelivered, std::string(16, 'm'));
  broker_.Refuse(std::string(16, 'm'), wire::DENIED);
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("heard UNDELIVERED", "heard REFUSED"));

  broker_.Say(wire::UNDELIVERED, undelivered, std::string(16, 'm'), {Kind::kClient, "bob.1"});
  broker_.Say(wire::UNDELIVERED, undelivered, std::string(16, 'm'), {Kind::kPillar, "alice"});
  broker_.Welcome(hello_);  // once more
  broker_.SayFrames({"garbage"});
  broker_.SaySealed(Request());  // for the coordinator
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), IsEmpty());
  EXPECT_EQ(bus_->drop_counts().at("misaddressed"), 3u);
  EXPECT_EQ(bus_->drop_counts().at("frame-count"), 1u);
}

TEST_F(BusTest, FaultsThatCanBeAnsweredGoToTheHandler) {
  Up();
  wire::Body body;
  body.mutable_undelivered();
  body.mutable_response()->set_code(wire::GONE);
  wire::Header header;
  header.set_repository_id("demo");
  header.set_version(7);
  header.set_min_version(7);
  header.set_message_id(std::string(16, 'm'));
  header.set_kind(wire::UNDELIVERED);
  header.set_from("hub");
  header.set_to("alice.1");
  header.set_answers(std::string(16, 'a'));
  broker_.SayFrames(
      {"client:alice.1", header.SerializeAsString(), body.SerializeAsString(), "", ""});
  loop_.RunReady();
  EXPECT_THAT(ears_.Take(), ElementsAre("fault version"));
}

// Every state with every event: what the handler hears, and whether the bus is up afterwards.
class BusTable : public BusTest {
 public:
  enum Event { kConnected, kWelcomed, kRefused, kBusy, kMessage, kCut, kSilence, kStopped };
  void Cause(Event event) {
    wire::Body undelivered;
    undelivered.mutable_undelivered()->set_to("p1");
    undelivered.mutable_response()->set_code(wire::GONE);
    switch (event) {
      case kConnected:
        address_.Break("a");
        loop_.Advance(absl::Seconds(3));
        return;
      case kWelcomed:
        broker_.Welcome(hello_);
        break;
      case kRefused:
        broker_.Refuse(hello_, wire::CONFLICT);
        break;
      case kBusy:
        broker_.Refuse(hello_, wire::BUSY);
        break;
      case kMessage:
        broker_.Say(wire::UNDELIVERED, undelivered, std::string(16, 'm'));
        break;
      case kCut:
        broker_.Cut();
        break;
      case kSilence:
        loop_.Advance(absl::Seconds(7));
        return;
      case kStopped:
        bus_->Stop();
        break;
    }
    loop_.RunReady();
  }
  void Expect(Event event, const std::vector<std::string>& heard, bool up) {
    Cause(event);
    EXPECT_EQ(ears_.Take(), heard) << "event " << event;
    EXPECT_EQ(bus_->up(), up) << "event " << event;
  }
};

TEST_F(BusTable, WhileJoining) {
  const std::vector<std::tuple<Event, std::vector<std::string>, bool>> row = {
      {kConnected, {}, false},
      {kWelcomed, {"up hub"}, true},
      {kRefused, {"refused CONFLICT"}, false},
      {kBusy, {}, false},
      {kMessage, {}, false},
      {kCut, {}, false},
      {kSilence, {}, false},
      {kStopped, {}, false}};
  for (const auto& [event, heard, up] : row) {
    bus_.reset();
    broker_.Stop();
    broker_.heard.clear();
    Joining();
    Expect(event, heard, up);
  }
}

TEST_F(BusTable, WhileUp) {
  const std::vector<std::tuple<Event, std::vector<std::string>, bool>> row = {
      {kConnected, {"down"}, false},
      {kWelcomed, {}, true},
      {kRefused, {"down", "refused CONFLICT"}, false},
      {kBusy, {"down"}, false},
      {kMessage, {"heard UNDELIVERED"}, true},
      {kCut, {"down"}, false},
      {kSilence, {"down"}, false},
      {kStopped, {}, false}};
  for (const auto& [event, heard, up] : row) {
    bus_.reset();
    broker_.Stop();
    broker_.heard.clear();
    Up();
    Expect(event, heard, up);
  }
}

TEST_F(BusTable, WhileWaitingAfterBusy) {
  for (const Event event : {kConnected, kWelcomed, kRefused, kBusy, kMessage, kCut, kStopped}) {
    bus_.reset();
    broker_.Stop();
    broker_.heard.clear();
    Waiting();
    Expect(event, {}, false);
  }
}

TEST_F(BusTable, WhileDialling) {
  Dialling();
  Expect(kSilence, {}, false);
  Expect(kConnected, {}, false);
  Expect(kStopped, {}, false);
}

TEST_F(BusTable, OnceEnded) {
  Ended();
  Expect(kConnected, {}, false);
  Expect(kSilence, {}, false);
  Expect(kStopped, {}, false);
}

}  // namespace
}  // namespace bitrepo::bus
