// SPDX-License-Identifier: Apache-2.0
#include "bus/watch_stream.h"

#include <utility>

#include "base/check.h"

namespace bitrepo::bus {
namespace {

constexpr size_t kSequenceBytes = 8;

std::string EncodeSequence(uint64_t sequence) {
  std::string bytes(kSequenceBytes, '\0');
  for (char& byte : bytes) {
    byte = static_cast<char>(sequence & 0xff);
    sequence >>= 8;
  }
  return bytes;
}

uint64_t DecodeSequence(const std::string& bytes) {
  uint64_t sequence = 0;
  for (size_t i = kSequenceBytes; i > 0; --i) {
    sequence = (sequence << 8) | static_cast<unsigned char>(bytes[i - 1]);
  }
  return sequence;
}

}  // namespace

Frames WatchEncoder::Encode(const Frames& message) {
  BITREPO_CHECK(message.size() >= 3, "a watched message has destination, header and body");
  return {EncodeSequence(++sequence_), message[0], message[1], message[2]};
}

std::optional<WatchCopy> WatchDecoder::Decode(const Frames& frames) {
  if (frames.size() != kWatchFrames || frames[0].size() != kSequenceBytes ||
      DecodeSequence(frames[0]) == 0) {
    ++malformed_;
    return std::nullopt;
  }
  WatchCopy copy;
  copy.sequence = DecodeSequence(frames[0]);
  if (last_) {
    const uint64_t expected = copy.sequence > *last_ ? *last_ + 1 : 1;
    copy.missed = copy.sequence - expected;
  }
  last_ = copy.sequence;
  missed_ += copy.missed;
  protocol::EnvelopeFault fault;
  absl::StatusOr<protocol::Envelope> envelope =
      protocol::OpenCopy({frames[1], frames[2], frames[3], "", ""}, fault);
  if (!envelope.ok()) {
    ++malformed_;
    return std::nullopt;
  }
  copy.destination = std::move(envelope->destination);
  copy.header = std::move(envelope->header);
  copy.body = std::move(envelope->body);
  return copy;
}

}  // namespace bitrepo::bus
