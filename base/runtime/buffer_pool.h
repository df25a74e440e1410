// SPDX-License-Identifier: Apache-2.0
// Reusable aligned blocks for bytes in flight, with a hard limit on how many there are.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "base/buffer.h"

namespace bitrepo::runtime {

// Threads:  thread-safe; a block returns to the pool on whichever thread drops its last Buffer.
// Lifetime: blocks may outlive the pool.
class BufferPool {
 public:
  // At most `block_limit` blocks of `block_bytes` (page-aligned) exist at once; made when first
  // needed.
  BufferPool(size_t block_bytes, size_t block_limit);
  ~BufferPool();

  // A block being filled by one owner; Share() makes it a Buffer of its first `size` bytes.
  class Block {
   public:
    std::span<std::byte> bytes() const { return bytes_; }
    base::Buffer Share(size_t size) &&;

   private:
    friend class BufferPool;
    std::span<std::byte> bytes_;
    std::shared_ptr<void> owner_;
  };
  // Nothing when the limit is reached: try again when one has come back.
  std::optional<Block> Take();
  size_t block_bytes() const { return block_bytes_; }
  size_t in_use() const;

 private:
  struct Shared;
  size_t block_bytes_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace bitrepo::runtime
