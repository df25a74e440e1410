// SPDX-License-Identifier: Apache-2.0
// What a component says while its coordinator takes no messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bus/bus.h"
#include "bus/protocol/limits.h"
#include "tests/bus/scripted_broker.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::bus {
namespace {

using ::testing::ElementsAre;
using testing_support::StatusIs;

class Deaf final : public Bus::Handler {
 public:
  void OnBusUp(const wire::Welcome& /*welcome*/) override {}
  void OnBusDown() override {}
  void OnEnvelope(protocol::Envelope /*envelope*/) override {}
  void OnRefused(const wire::ResponseInfo& /*why*/) override {}
  void OnFault(const protocol::EnvelopeFault& /*fault*/) override {}
};

// A member of the bus.
class BusOutbox : public ::testing::Test {
 protected:
  BusOutbox() {
    broker_.Start();
    EXPECT_OK(bus_.Start(handler_));
    loop_.RunReady();
    EXPECT_THAT(broker_.TakeKinds(), ElementsAre(wire::HELLO));
    broker_.Welcome(broker_.last.header.message_id());
    loop_.RunReady();
    EXPECT_TRUE(bus_.up());
  }

  testing_support::ManualEventLoop loop_;
  base::SeededRandom random_{1};
  MemoryAddress address_{loop_, random_};
  ScriptedBroker broker_{address_};
  Deaf handler_;
  Bus bus_{Alice(), loop_, address_.NewSpoke("a"), random_};
};

TEST_F(BusOutbox, WhatIsSaidWhileTheCoordinatorTakesNothingWaitsInOrder) {
  constexpr size_t kMessages = 5 * kMemoryPipeFrames;
  std::vector<std::string> said;
  for (size_t i = 0; i < kMessages; ++i) {
    protocol::Envelope request = Request();
    request.header.set_message_id(absl::StrCat(100000 + i, "0123456789"));
    request.header_bytes = request.header.SerializeAsString();
    said.push_back(request.header.message_id());
    EXPECT_OK(bus_.Publish(request));
  }
  loop_.RunReady();
  std::vector<std::string> heard;
  for (const protocol::Envelope& envelope : broker_.heard) {
    heard.push_back(envelope.header.message_id());
  }
  EXPECT_EQ(heard, said);
}

TEST_F(BusOutbox, WhatWaitsHasALimitAndIsLostWithTheConnection) {
  protocol::Envelope large = Request();
  large.signature = std::string(protocol::kSignatureBytes, 's');
  const auto publish = [&] { return bus_.Publish(large); };
  for (size_t i = 0; i < kMemoryPipeFrames; ++i) ASSERT_OK(publish());
  size_t bytes = kOutboxMessageBytes;
  for (const std::string& frame : ToFrames(large)) bytes += frame.size();
  for (size_t i = 0; i < kOutboxBytesMax / bytes; ++i) ASSERT_OK(publish());
  EXPECT_THAT(publish(), StatusIs(absl::StatusCode::kUnavailable));
  broker_.Cut();
  loop_.RunReady();
  EXPECT_THAT(broker_.TakeKinds(), ElementsAre(wire::HELLO)) << "nothing of what waited";
  broker_.Welcome(broker_.last.header.message_id());
  loop_.RunReady();
  EXPECT_OK(publish());
  loop_.RunReady();
  EXPECT_THAT(broker_.TakeKinds(), ElementsAre(wire::REQUEST));
}

}  // namespace
}  // namespace bitrepo::bus
