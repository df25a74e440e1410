// SPDX-License-Identifier: Apache-2.0
#include "channel/zmq_channel_link.h"

#include <gtest/gtest.h>

#include "base/runtime/system_event_loop.h"
#include "tests/conformance/channel_link_suite.h"

namespace bitrepo::conformance {
namespace {

class ZmqLinks final : public ChannelLinksUnderTest {
 public:
  runtime::EventLoop& loop() override { return loop_; }
  std::unique_ptr<channel::Link> NewServer() override {
    return std::make_unique<channel::ZmqChannelLink>(loop_, "tcp://127.0.0.1:0");
  }
  std::unique_ptr<channel::Link> NewDialler() override {
    return std::make_unique<channel::ZmqChannelLink>(loop_, "");
  }

 private:
  runtime::SystemEventLoop loop_;
};

INSTANTIATE_TEST_SUITE_P(Zmq, ChannelLinkSuite, ::testing::Values([] {
                           return std::unique_ptr<ChannelLinksUnderTest>(
                               std::make_unique<ZmqLinks>());
                         }));

}  // namespace
}  // namespace bitrepo::conformance
