// SPDX-License-Identifier: Apache-2.0
// A bare client over ZeroMQ for tests with real daemons: sends the envelopes it is told to, byte
// for byte.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "base/random.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/context.h"
#include "bus/bus.h"
#include "channel/channel.h"
#include "channel/zmq_channel_link.h"
#include "tests/channel/memory_ends.h"

namespace bitrepo::pillar {

// Loop-confined: everything happens inside Until, on the test's thread. The repository is "demo",
// the collection "photos", the principal "alice".
class Asker final : private bus::Bus::Handler {
 public:
  explicit Asker(const std::string& coordinator);
  ~Asker() override;

  // Runs until `holds`, which is asked whenever something happened; false after `within`.
  bool Until(absl::FunctionRef<bool()> holds, absl::Duration within = absl::Seconds(20));

  // Makes a request to the pillar "p1"; nothing is sent.
  protocol::Envelope Request(wire::Operation operation, wire::Body body);
  protocol::Envelope Put(const std::string& file_id, uint64_t size);
  protocol::Envelope Get(const std::string& file_id);
  // Sends it, and again every second, until `holds`.
  bool SendUntil(const protocol::Envelope& request, absl::FunctionRef<bool()> holds,
                 absl::Duration within = absl::Seconds(20));
  const protocol::Envelope* Final(const protocol::Envelope& request) const;
  std::string Token(const protocol::Envelope& request) const;

  // Moves bytes by the token; the status is there when it has ended.
  std::shared_ptr<std::optional<absl::Status>> Push(const std::string& token,
                                                    std::shared_ptr<channel::Source> source);
  std::shared_ptr<std::optional<absl::Status>> Fetch(const std::string& token,
                                                     std::shared_ptr<channel::TextSink> sink);

  std::vector<protocol::Envelope> heard;

 private:
  void OnBusUp(const wire::Welcome& welcome) override;
  void OnBusDown() override {}
  void OnEnvelope(protocol::Envelope envelope) override;
  void OnRefused(const wire::ResponseInfo& why) override;
  void OnFault(const protocol::EnvelopeFault& fault) override;
  void Look();
  channel::TransferEvents EndsIn(std::shared_ptr<std::optional<absl::Status>> end);

  base::SystemRandom random_;
  runtime::SystemEventLoop loop_;
  zeromq::Context context_{1, 16};
  transfer::TokenMint mint_{random_.Bytes(32), random_.Bytes(16)};
  channel::ZmqChannelLink link_{loop_, ""};
  channel::Channel channel_;
  bus::Bus bus_;
  bool up_ = false;
  absl::FunctionRef<bool()>* holds_ = nullptr;
};

}  // namespace bitrepo::pillar
