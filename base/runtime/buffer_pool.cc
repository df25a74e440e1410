// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/buffer_pool.h"

#include <cstdlib>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/mutex.h"

namespace bitrepo::runtime {
namespace {

constexpr size_t kPageBytes = 4096;

}  // namespace

struct BufferPool::Shared {
  Shared(size_t bytes, size_t limit) : block_bytes(bytes), block_limit(limit) {}
  ~Shared() {
    for (void* block : idle) {
      std::free(block);
    }
  }

  void* TakeIdle() {
    base::MutexLock lock(mutex);
    if (in_use == block_limit) {
      return nullptr;
    }
    ++in_use;
    if (idle.empty()) {
      void* fresh = std::aligned_alloc(kPageBytes, block_bytes);
      BITREPO_CHECK(fresh != nullptr, "there is memory for a block");
      return fresh;
    }
    void* block = idle.back();
    idle.pop_back();
    return block;
  }

  void GiveBack(void* block) {
    base::MutexLock lock(mutex);
    --in_use;
    idle.push_back(block);
  }

  const size_t block_bytes;  // rounded up to whole pages
  const size_t block_limit;
  base::Mutex mutex;
  size_t in_use ABSL_GUARDED_BY(mutex) = 0;
  std::vector<void*> idle ABSL_GUARDED_BY(mutex);
};

BufferPool::BufferPool(size_t block_bytes, size_t block_limit)
    : block_bytes_(block_bytes),
      shared_(std::make_shared<Shared>((block_bytes + kPageBytes - 1) / kPageBytes * kPageBytes,
                                       block_limit)) {
  BITREPO_CHECK(block_bytes > 0 && block_limit > 0, "a pool has blocks of some size");
}

BufferPool::~BufferPool() = default;

std::optional<BufferPool::Block> BufferPool::Take() {
  void* memory = shared_->TakeIdle();
  if (memory == nullptr) {
    return std::nullopt;
  }
  Block block;
  block.bytes_ = std::span(static_cast<std::byte*>(memory), block_bytes_);
  // The block holds the pool's shared part, so that it has somewhere to return to.
  block.owner_ = std::shared_ptr<void>(
      memory, [shared = shared_](void* returned) { shared->GiveBack(returned); });
  return block;
}

base::Buffer BufferPool::Block::Share(size_t size) && {
  BITREPO_CHECK(size <= bytes_.size(), "no more is shared than the block has");
  return base::Buffer(std::exchange(bytes_, {}).first(size), std::move(owner_));
}

size_t BufferPool::in_use() const {
  base::MutexLock lock(shared_->mutex);
  return shared_->in_use;
}

}  // namespace bitrepo::runtime
