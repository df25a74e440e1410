// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/endpoint.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/status_matchers.h"

namespace bitrepo::zeromq {
namespace {

using testing_support::StatusIs;

TEST(Endpoint, WhatCanBeDialledIsTaken) {
  for (const std::string& endpoint :
       {std::string("tcp://127.0.0.1:1"), std::string("tcp://127.0.0.1:65535"),
        std::string("tcp://pillar-1.example.org:5555"), std::string("tcp://[::1]:5555"),
        std::string("ipc:///run/bitrepo/bus"), std::string("inproc://bus-1"),
        "ipc:///" + std::string(106, 'x'), "inproc://" + std::string(255, 'x')}) {
    EXPECT_OK(CheckDialEndpoint(endpoint)) << endpoint;
    EXPECT_OK(CheckBindEndpoint(endpoint)) << endpoint;
  }
}

TEST(Endpoint, AnyAddressAndAnyPortAreForListenersOnly) {
  for (const char* endpoint : {"tcp://*:5555", "tcp://127.0.0.1:0", "tcp://*:0"}) {
    EXPECT_OK(CheckBindEndpoint(endpoint)) << endpoint;
    EXPECT_THAT(CheckDialEndpoint(endpoint), StatusIs(absl::StatusCode::kInvalidArgument))
        << endpoint;
  }
}

TEST(Endpoint, AllElseIsRefused) {
  for (const std::string& endpoint : {std::string(),
                                      std::string("127.0.0.1:5555"),
                                      std::string("tcp://"),
                                      std::string("tcp://host"),
                                      std::string("tcp://:5555"),
                                      std::string("tcp://host:"),
                                      std::string("tcp://host:65536"),
                                      std::string("tcp://host:-1"),
                                      std::string("tcp://host:*"),
                                      std::string("tcp://host:5555x"),
                                      std::string("tcp://a;b:5555"),
                                      std::string("tcp://a b:5555"),
                                      std::string("tcp://[::1:5555"),
                                      std::string("tcp://[]:5555"),
                                      std::string("tcp://host:+80"),
                                      std::string("ipc://relative"),
                                      std::string("ipc://@name"),
                                      std::string("ipc://*"),
                                      std::string("ipc:///tmp/a\nb"),
                                      std::string("inproc://"),
                                      std::string("inproc://a/b"),
                                      std::string("pgm://eth0;239.192.1.1:5555"),
                                      std::string("epgm://x"),
                                      std::string("vmci://1:2"),
                                      std::string("udp://host:1"),
                                      std::string("gssapi://x"),
                                      "tcp://host:1" + std::string(1, '\0'),
                                      "ipc:///" + std::string(107, 'x'),
                                      "inproc://" + std::string(256, 'x'),
                                      "tcp://" + std::string(254, 'x') + ":1"}) {
    EXPECT_THAT(CheckDialEndpoint(endpoint), StatusIs(absl::StatusCode::kInvalidArgument))
        << endpoint;
    EXPECT_THAT(CheckBindEndpoint(endpoint), StatusIs(absl::StatusCode::kInvalidArgument))
        << endpoint;
  }
}

}  // namespace
}  // namespace bitrepo::zeromq
