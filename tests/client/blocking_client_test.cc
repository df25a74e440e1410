// SPDX-License-Identifier: Apache-2.0
#include "client/blocking_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "base/check.h"
#include "base/runtime/system_event_loop.h"
#include "base/runtime/thread_worker_pool.h"
#include "bus/memory_link.h"
#include "channel/memory_channel_link.h"
#include "coordinator/coordinator.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::client {
namespace {

using ::testing::HasSubstr;
using testing_support::StatusIs;

// A coordinator that lives on the client's own loop, in memory.
struct Neighbour {
  Neighbour(runtime::EventLoop& loop, base::Random& random) : address(loop, random) {}
  void Open(runtime::EventLoop& loop, base::Random& random) {
    coordinator::CoordinatorOptions options;
    options.repository_id = "demo";
    options.program_version = "1.0";
    hub = address.NewHub();
    coordinator.emplace(options, loop, *hub, nullptr, random);
    BITREPO_CHECK(coordinator->Start().ok(), "the coordinator starts");
  }
  bus::MemoryAddress address;
  std::unique_ptr<bus::HubLink> hub;
  std::optional<coordinator::Coordinator> coordinator;
  channel::MemoryChannelNet net;
};

std::unique_ptr<BlockingClient> StartClient(bool with_coordinator) {
  ClientMachinery machinery;
  machinery.random = std::make_shared<base::SystemRandom>();
  machinery.loop = std::make_unique<runtime::SystemEventLoop>();
  machinery.channel_loop = std::make_unique<runtime::SystemEventLoop>();
  machinery.workers =
      std::make_unique<runtime::ThreadWorkerPool>(runtime::ThreadWorkerPool::LaneThreads{1, 1, 1});
  const auto neighbour = std::make_shared<Neighbour>(*machinery.loop, *machinery.random);
  if (with_coordinator) neighbour->Open(*machinery.loop, *machinery.random);
  machinery.spoke_link = neighbour->address.NewSpoke("alice");
  machinery.channel_link =
      std::make_unique<channel::MemoryChannelLink>(neighbour->net, *machinery.channel_loop, "");
  machinery.attached = neighbour;
  ClientOptions options;
  options.repository_id = "demo";
  options.principal = "alice";
  options.session = "alice.1";
  options.program_version = "1.0";
  auto client = BlockingClient::Start(std::move(options), std::move(machinery));
  BITREPO_CHECK(client.ok(), client.status().message());
  return *std::move(client);
}

TEST(BlockingClient, WaitsForItsResult) {
  const auto client = StartClient(true);
  const auto welcome = client->WaitUntilUp(absl::Seconds(30));
  ASSERT_OK(welcome);
  EXPECT_EQ(welcome->coordinator_id(), "coordinator");
  const auto roster = client->GetRoster({});
  ASSERT_OK(roster);
  EXPECT_EQ(roster->outcome.verdict, protocol::Verdict::kSuccess);
}

TEST(BlockingClient, RefusesToWaitOnItsOwnLoop) {
  const auto client = StartClient(true);
  ASSERT_OK(client->WaitUntilUp(absl::Seconds(30)));
  std::promise<std::pair<absl::Status, absl::Status>> said;
  client->Post([&](Client&) {
    said.set_value(
        {client->GetRoster({}).status(), client->WaitUntilUp(absl::Milliseconds(1)).status()});
  });
  const auto [asked, waited] = said.get_future().get();
  EXPECT_THAT(asked, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("own loop")));
  EXPECT_THAT(waited, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("own loop")));
  EXPECT_OK(client->GetRoster({})) << "and goes on elsewhere";
}

TEST(BlockingClient, ACoordinatorThatDoesNotAnswerIsUnavailable) {
  const auto client = StartClient(false);
  EXPECT_THAT(client->WaitUntilUp(absl::Milliseconds(20)),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(BlockingClient, CancelEndsACallThatWaitsAndRefusesLaterOnes) {
  const auto client = StartClient(false);
  auto call = std::async(std::launch::async, [&] { return client->GetRoster({}); });
  client->Cancel("enough");
  const auto result = call.get();
  EXPECT_TRUE(absl::IsCancelled(result.status()) ||
              (result.ok() && result->outcome.verdict == protocol::Verdict::kCancelled))
      << result.status();
  EXPECT_THAT(client->GetRoster({}), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(client->WaitUntilUp(absl::Hours(1)), StatusIs(absl::StatusCode::kUnavailable));
}

TEST(BlockingClient, DiesWithOperationsUnderWayWithoutTelling) {
  const auto client = StartClient(false);
  std::promise<void> begun;
  client->Post([&](Client& inner) {
    EXPECT_OK(inner.GetRoster({}, [](GetRosterResult) { ADD_FAILURE() << "told"; }));
    begun.set_value();
  });
  begun.get_future().get();
}

}  // namespace
}  // namespace bitrepo::client
