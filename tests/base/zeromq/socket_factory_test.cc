// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/socket_factory.h"

#include <gtest/gtest.h>
#include <zmq.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::zeromq {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing_support::StatusIs;

template <typename T>
T Option(const Socket& socket, int option) {
  T value{};
  size_t size = sizeof value;
  EXPECT_EQ(zmq_getsockopt(socket.handle(), option, &value, &size), 0) << option;
  return value;
}

struct Role {
  std::string name;
  std::function<absl::StatusOr<Socket>(Context&, base::Random&)> make;
  int type;
  int64_t frame_bytes_max;
  int messages_max;
  int linger_ms;
  enum { kListens, kDialsOnce, kDialsAgain } side;
};

std::vector<Role> Roles() {
  const auto plain = [](absl::StatusOr<Socket> (*make)(Context&)) {
    return [make](Context& context, base::Random&) { return make(context); };
  };
  return {
      {"control hub", plain(MakeControlHub), ZMQ_ROUTER, 262144, 256, 2000, Role::kListens},
      {"control spoke", MakeControlSpoke, ZMQ_DEALER, 262144, 256, 2000, Role::kDialsAgain},
      {"watch publisher", plain(MakeWatchPublisher), ZMQ_PUB, 4096, 256, 0, Role::kListens},
      {"watch subscriber", MakeWatchSubscriber, ZMQ_SUB, 262144, 16384, 0, Role::kDialsAgain},
      {"data hub", plain(MakeDataHub), ZMQ_ROUTER, 1052672, 16, 2000, Role::kListens},
      {"data spoke", plain(MakeDataSpoke), ZMQ_DEALER, 1052672, 16, 2000, Role::kDialsOnce},
  };
}

TEST(SocketFactory, EveryRoleHasAllItsLimits) {
  Context context(1, 64);
  base::SystemRandom random;
  for (const Role& role : Roles()) {
    SCOPED_TRACE(role.name);
    ASSERT_OK_AND_ASSIGN(const Socket socket, role.make(context, random));
    EXPECT_EQ(Option<int>(socket, ZMQ_TYPE), role.type);
    EXPECT_EQ(Option<int64_t>(socket, ZMQ_MAXMSGSIZE), role.frame_bytes_max);
    EXPECT_EQ(Option<int>(socket, ZMQ_SNDHWM), role.messages_max);
    EXPECT_EQ(Option<int>(socket, ZMQ_RCVHWM), role.messages_max);
    EXPECT_EQ(Option<int>(socket, ZMQ_LINGER), role.linger_ms);
    EXPECT_EQ(Option<int>(socket, ZMQ_SNDTIMEO), 0);
    EXPECT_EQ(Option<int>(socket, ZMQ_RCVTIMEO), 0);
    EXPECT_EQ(Option<int>(socket, ZMQ_IMMEDIATE), 1);
    EXPECT_EQ(Option<int>(socket, ZMQ_HANDSHAKE_IVL), 5000);
    EXPECT_EQ(Option<int>(socket, ZMQ_HEARTBEAT_IVL), 5000);
    EXPECT_EQ(Option<int>(socket, ZMQ_HEARTBEAT_TIMEOUT), 15000);
    EXPECT_EQ(Option<int>(socket, ZMQ_HEARTBEAT_TTL), 20000);
    // Left to the kernel, which tunes them by itself.
    EXPECT_EQ(Option<int>(socket, ZMQ_SNDBUF), -1);
    EXPECT_EQ(Option<int>(socket, ZMQ_RCVBUF), -1);
    char routing_id[256];
    size_t size = sizeof routing_id;
    ASSERT_EQ(zmq_getsockopt(socket.handle(), ZMQ_ROUTING_ID, routing_id, &size), 0);
    EXPECT_EQ(size, 0u) << "the hub names its peers, they do not name themselves";
    if (role.side == Role::kListens) {
      EXPECT_EQ(Option<int>(socket, ZMQ_BACKLOG), 512);
    } else {
      EXPECT_EQ(Option<int>(socket, ZMQ_CONNECT_TIMEOUT), 5000);
    }
  }
}

TEST(SocketFactory, ADataSpokeNeverDialsAgain) {
  Context context(1, 64);
  ASSERT_OK_AND_ASSIGN(const Socket socket, MakeDataSpoke(context));
  EXPECT_EQ(Option<int>(socket, ZMQ_RECONNECT_IVL), -1);
}

TEST(SocketFactory, PausesBetweenDialsLieAroundTheirConstantsAndDiffer) {
  Context context(1, 64);
  base::SeededRandom random(7);
  std::vector<int> first;
  for (int i = 0; i < 8; ++i) {
    ASSERT_OK_AND_ASSIGN(const Socket spoke, MakeControlSpoke(context, random));
    ASSERT_OK_AND_ASSIGN(const Socket watcher, MakeWatchSubscriber(context, random));
    for (const Socket* socket : {&spoke, &watcher}) {
      first.push_back(Option<int>(*socket, ZMQ_RECONNECT_IVL));
      EXPECT_GE(first.back(), 80);
      EXPECT_LE(first.back(), 120);
      EXPECT_GE(Option<int>(*socket, ZMQ_RECONNECT_IVL_MAX), 1600);
      EXPECT_LE(Option<int>(*socket, ZMQ_RECONNECT_IVL_MAX), 2400);
    }
  }
  std::sort(first.begin(), first.end());
  EXPECT_LT(first.front(), first.back());
}

TEST(Socket, ListensOnAnyPortAndSaysWhich) {
  Context context(1, 64);
  ASSERT_OK_AND_ASSIGN(Socket socket, MakeControlHub(context));
  ASSERT_OK_AND_ASSIGN(const std::string endpoint, socket.Bind("tcp://127.0.0.1:0"));
  EXPECT_THAT(endpoint, MatchesRegex("tcp://127.0.0.1:[1-9][0-9]+"));
}

TEST(Socket, ListensOnIpVersion6WhereThereIsOne) {
  Context context(1, 64);
  ASSERT_OK_AND_ASSIGN(Socket socket, MakeControlHub(context));
  const absl::StatusOr<std::string> endpoint = socket.Bind("tcp://[::1]:0");
  if (!endpoint.ok()) {
    GTEST_SKIP() << "this machine has no ::1: " << endpoint.status();
  }
  EXPECT_THAT(*endpoint, HasSubstr("[::1]:"));
}

TEST(Socket, SaysWhichEndpointIsTaken) {
  Context context(1, 64);
  ASSERT_OK_AND_ASSIGN(Socket first, MakeControlHub(context));
  ASSERT_OK_AND_ASSIGN(const std::string endpoint, first.Bind("tcp://127.0.0.1:0"));
  ASSERT_OK_AND_ASSIGN(Socket second, MakeControlHub(context));
  EXPECT_THAT(second.Bind(endpoint),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(endpoint)));
}

TEST(Socket, PassesNoForbiddenEndpointOn) {
  Context context(1, 64);
  ASSERT_OK_AND_ASSIGN(Socket socket, MakeControlHub(context));
  EXPECT_THAT(socket.Bind("pgm://eth0;239.192.1.1:5555"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(socket.Connect("udp://127.0.0.1:5555"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SocketFactory, SaysWhenThereAreTooManySockets) {
  Context context(1, 2);
  std::vector<Socket> sockets;
  absl::Status refused;
  while (refused.ok() && sockets.size() < 10) {
    absl::StatusOr<Socket> socket = MakeDataSpoke(context);
    refused = socket.status();
    if (socket.ok()) {
      sockets.push_back(*std::move(socket));
    }
  }
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace bitrepo::zeromq
