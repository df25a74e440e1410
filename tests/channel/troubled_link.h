// SPDX-License-Identifier: Apache-2.0
// A link that passes every frame through a test's hands on its way out.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "channel/link.h"
#include "channel/transfer/frame.h"

namespace bitrepo::channel {

// Loop-confined. Outlived by the link below it.
class TroubledLink final : public Link {
 public:
  explicit TroubledLink(Link& below) : below_(below) {}
  absl::Status Start(Handler& handler) override { return below_.Start(handler); }
  absl::StatusOr<ConnectionNumber> Dial(absl::string_view endpoint) override {
    ++dials;
    return below_.Dial(endpoint);
  }
  bool Send(ConnectionNumber connection, LinkFrame frame) override {
    if (absl::StatusOr<transfer::FrameHeader> header = transfer::ParseHeader(frame.header.bytes());
        header.ok()) {
      sent.push_back(*header);
    }
    if (trouble) {
      trouble(frame);
    }
    return below_.Send(connection, std::move(frame));
  }
  void Close(ConnectionNumber connection) override {
    ++closes;
    below_.Close(connection);
  }
  std::string endpoint() const override { return below_.endpoint(); }
  std::map<std::string, uint64_t> DropCounts() const override { return counts; }

  size_t CountSent(transfer::FrameType type) const {
    size_t count = 0;
    for (const transfer::FrameHeader& header : sent) {
      count += header.type == type ? 1 : 0;
    }
    return count;
  }

  std::function<void(LinkFrame&)> trouble;
  std::vector<transfer::FrameHeader> sent;
  std::map<std::string, uint64_t> counts;  // what it says it has dropped
  int dials = 0;
  int closes = 0;

 private:
  Link& below_;
};

// Flips a bit of the payload of a frame.
inline void FlipPayloadBit(LinkFrame& frame) {
  std::string bytes(frame.payload.text());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  frame.payload = base::Buffer::Of(std::move(bytes));
}

}  // namespace bitrepo::channel
