// SPDX-License-Identifier: Apache-2.0
// A message of ZeroMQ as a list of frames, which move in and out without being copied.
#pragma once

#include <zmq.h>

#include <cstdint>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/buffer.h"

namespace bitrepo::zeromq {

// Movable value; owns its bytes, or shares them with a Buffer.
class Frame {
 public:
  // Up to this many bytes a copy costs less than sharing.
  static constexpr size_t kCopiedBytesMax = 512;

  Frame();  // empty
  ~Frame();
  Frame(Frame&& other) noexcept;
  Frame& operator=(Frame&& other) noexcept;
  static Frame Copy(absl::string_view bytes);
  // Shares the buffer's bytes until ZeroMQ has handed them to the kernel (not: until they arrived);
  // then the share is dropped on an I/O thread.
  static Frame Of(base::Buffer buffer);

  absl::string_view text() const;
  std::span<const std::byte> bytes() const;
  size_t size() const;
  // The bytes as a buffer that owns them; uncopied beyond kCopiedBytesMax. The frame is empty then.
  base::Buffer ToBuffer() &&;
  // The descriptor of the connection it came by; -1 for a frame that was not received from a
  // network.
  int source_descriptor() const;
  zmq_msg_t* handle() { return &message_; }

 private:
  // libzmq's own functions take what they only read by a pointer to non-const.
  mutable zmq_msg_t message_;
};

using Message = std::vector<Frame>;

// The most a frame of so many bytes takes on a connection: a peer may use ZMTP's long header for
// any.
constexpr uint64_t WireBytes(uint64_t frame_bytes) { return frame_bytes + 9; }
// What libzmq sends for one: ZMTP 3's short header where the length fits a byte.
constexpr uint64_t SentWireBytes(uint64_t frame_bytes) {
  return frame_bytes + (frame_bytes > 255 ? 9 : 2);
}

}  // namespace bitrepo::zeromq
