// SPDX-License-Identifier: Apache-2.0
// A dialling peer that says whatever a test wants, frame by frame, on a link.
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

// Loop-confined. Dies after its link.
class RawDialler final : public Link::Handler {
 public:
  explicit RawDialler(Link& link) : link_(link) { EXPECT_OK(link_.Start(*this)); }

  void Dial(const std::string& endpoint) { connection_ = link_.Dial(endpoint).value(); }
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
  void SayHello() {
    wire::SessionHello hello;
    hello.set_node("raw-peer");
    hello.set_version(transfer::kSessionVersion);
    hello.set_segment_bytes_max(transfer::kSegmentBytesMax);
    Say(transfer::FrameType::kHello, 0, hello.SerializeAsString());
  }
  void SayOpen(uint32_t stream, const std::string& token, int verb,
               std::vector<base::ByteRange> ranges = {}) {
    Say(transfer::FrameType::kOpen, stream, transfer::WriteOpen({token, verb, std::move(ranges)}));
  }

  // "WELCOME OPEN_OK ..." of what was heard, with the code of what ends something.
  std::string Heard() const { return heard_; }
  bool cut() const { return cut_; }
  bool connected() const { return connected_; }
  uint64_t next_sequence = 0;

 private:
  void OnAccepted(ConnectionNumber) override {}
  void OnDialled(ConnectionNumber) override { connected_ = true; }
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
  std::string heard_;
  bool connected_ = false;
  bool cut_ = false;
};

}  // namespace bitrepo::channel
