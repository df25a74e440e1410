// SPDX-License-Identifier: Apache-2.0
#include "base/zeromq/message.h"

#include <cstring>
#include <memory>
#include <utility>

#include "base/check.h"

namespace bitrepo::zeromq {

Frame::Frame() { zmq_msg_init(&message_); }

Frame::~Frame() { zmq_msg_close(&message_); }

Frame::Frame(Frame&& other) noexcept : Frame() { zmq_msg_move(&message_, &other.message_); }

Frame& Frame::operator=(Frame&& other) noexcept {
  if (this != &other) {
    zmq_msg_move(&message_, &other.message_);
  }
  return *this;
}

Frame Frame::Copy(absl::string_view bytes) {
  Frame frame;
  BITREPO_CHECK(zmq_msg_init_size(&frame.message_, bytes.size()) == 0, "there is memory");
  if (!bytes.empty()) {
    std::memcpy(zmq_msg_data(&frame.message_), bytes.data(), bytes.size());
  }
  return frame;
}

Frame Frame::Of(base::Buffer buffer) {
  if (buffer.size() <= kCopiedBytesMax) {
    return Copy(buffer.text());
  }
  auto held = std::make_unique<base::Buffer>(std::move(buffer));
  // ZeroMQ wants a pointer to non-const, and does not write through it.
  void* data = const_cast<std::byte*>(held->bytes().data());
  const size_t size = held->size();
  Frame frame;
  const int result = zmq_msg_init_data(
      &frame.message_, data, size,
      [](void*, void* hint) { delete static_cast<base::Buffer*>(hint); }, held.get());
  BITREPO_CHECK(result == 0, "there is memory");
  // The callback has it now.
  [[maybe_unused]] const base::Buffer* taken = held.release();
  return frame;
}

absl::string_view Frame::text() const {
  return {static_cast<const char*>(zmq_msg_data(&message_)), size()};
}

std::span<const std::byte> Frame::bytes() const {
  return {static_cast<const std::byte*>(zmq_msg_data(&message_)), size()};
}

size_t Frame::size() const { return zmq_msg_size(&message_); }

base::Buffer Frame::ToBuffer() && {
  if (size() <= kCopiedBytesMax) {
    const Frame taken = std::move(*this);
    return base::Buffer::Copy(taken.bytes());
  }
  auto owner = std::make_shared<Frame>(std::move(*this));
  const std::span<const std::byte> bytes = owner->bytes();
  return base::Buffer(bytes, std::move(owner));
}

int Frame::source_descriptor() const { return zmq_msg_get(&message_, ZMQ_SRCFD); }

}  // namespace bitrepo::zeromq
