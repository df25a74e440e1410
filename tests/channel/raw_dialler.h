// SPDX-License-Identifier: Apache-2.0
// Peers that say whatever a test wants, frame by frame, on a link: one that dials, one that serves.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "channel/link.h"
#include "channel/transfer/control_payload.h"
#include "channel/transfer/frame.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {

// Of one connection. Loop-confined. Dies after its link.
class RawPeer : public Link::Handler {
 public:
  explicit RawPeer(Link& link) : link_(link) { EXPECT_OK(link_.Start(*this)); }

  // A well-formed frame of the next sequence, unless `header` is bent by the test.
  void Say(transfer::FrameHeader header, const std::string& payload = "") {
    header.sequence = next_sequence++;
    SayRaw(transfer::SerializeHeader(
               header, std::as_bytes(std::span<const char>(payload.data(), payload.size()))),
           payload);
  }
  void SayRaw(std::string header, const std::string& payload) {
    EXPECT_TRUE(
        link_.Send(connection_, {base::Buffer::Of(std::move(header)), base::Buffer::Of(payload)}));
  }
  void Say(transfer::FrameType type, uint32_t stream, const std::string& payload = "",
           uint64_t number = 0, uint64_t offset = 0) {
    transfer::FrameHeader header;
    header.type = type;
    header.stream = stream;
    header.number = number;
    header.offset = offset;
    Say(header, payload);
  }

  // "WELCOME OPEN_OK ..." of what was heard, with the code of what ends something.
  std::string Heard() const { return heard_; }
  bool cut() const { return cut_; }
  uint64_t next_sequence = 0;

 protected:
  void OnAccepted(ConnectionNumber) override {}
  void OnDialled(ConnectionNumber) override {}
  void OnFrame(ConnectionNumber, LinkFrame frame) override {
    absl::StatusOr<transfer::FrameHeader> header = transfer::ParseHeader(frame.header.bytes());
    ASSERT_OK(header);
    absl::StrAppend(&heard_, heard_.empty() ? "" : " ", transfer::FrameName(header->type));
    switch (header->type) {
      case transfer::FrameType::kOpenRefused:
      case transfer::FrameType::kAbort:
      case transfer::FrameType::kCommitOk: {
        absl::StatusOr<wire::ResponseInfo> end = transfer::ReadStreamEnd(frame.payload.text());
        ASSERT_OK(end);
        absl::StrAppend(&heard_, ":", wire::ResponseCode_Name(end->code()));
        break;
      }
      default:
        break;
    }
  }
  void OnWritable(ConnectionNumber) override {}
  void OnClosed(ConnectionNumber, absl::Status) override { cut_ = true; }

  Link& link_;
  ConnectionNumber connection_ = 0;

 private:
  std::string heard_;
  bool cut_ = false;
};

class RawDialler final : public RawPeer {
 public:
  using RawPeer::RawPeer;
  void Dial(const std::string& endpoint) { connection_ = link_.Dial(endpoint).value(); }
  void SayHello() {
    wire::SessionHello hello;
    hello.set_node("raw-peer");
    hello.set_version(transfer::kSessionVersion);
    hello.set_segment_bytes_max(transfer::kSegmentBytesMax);
    Say(transfer::FrameType::kHello, 0, hello.SerializeAsString());
  }
  void SayOpen(uint32_t stream, const std::string& token, int verb,
               std::vector<base::ByteRange> ranges = {}) {
    Say(transfer::FrameType::kOpen, stream,
        transfer::WriteOpen({token, verb, std::move(ranges), false}));
  }
  bool connected() const { return connected_; }

 private:
  void OnDialled(ConnectionNumber) override { connected_ = true; }

  bool connected_ = false;
};

// Answers HELLO; all else is the test's to say.
class RawServer final : public RawPeer {
 public:
  using RawPeer::RawPeer;
  uint64_t initial_credit = 0;

 private:
  void OnAccepted(ConnectionNumber connection) override { connection_ = connection; }
  void OnFrame(ConnectionNumber connection, LinkFrame frame) override {
    const bool hello =
        transfer::ParseHeader(frame.header.bytes()).value().type == transfer::FrameType::kHello;
    RawPeer::OnFrame(connection, std::move(frame));
    if (hello) {
      wire::SessionWelcome welcome;
      welcome.set_node("raw-server");
      welcome.set_version(transfer::kSessionVersion);
      welcome.set_segment_bytes_max(transfer::kSegmentBytesMax);
      welcome.set_initial_credit(initial_credit);
      Say(transfer::FrameType::kWelcome, 0, welcome.SerializeAsString());
    }
  }
};

}  // namespace bitrepo::channel
