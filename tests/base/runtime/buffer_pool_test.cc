// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/buffer_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace bitrepo::runtime {
namespace {

TEST(BufferPool, GivesNoMoreThanItsLimitUntilOneComesBack) {
  BufferPool pool(4096, 2);
  std::optional<BufferPool::Block> first = pool.Take();
  std::optional<BufferPool::Block> second = pool.Take();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(pool.in_use(), 2u);
  EXPECT_FALSE(pool.Take());
  first.reset();
  EXPECT_EQ(pool.in_use(), 1u);
  EXPECT_TRUE(pool.Take());
}

TEST(BufferPool, ASharedBlockComesBackWithItsLastBuffer) {
  BufferPool pool(4096, 1);
  std::optional<BufferPool::Block> block = pool.Take();
  std::memcpy(block->bytes().data(), "hello", 5);
  base::Buffer buffer = std::move(*block).Share(5);
  block.reset();
  base::Buffer part = buffer.Part(1, 2);
  buffer = base::Buffer();
  EXPECT_EQ(part.text(), "el");
  EXPECT_FALSE(pool.Take());
  part = base::Buffer();
  EXPECT_TRUE(pool.Take());
}

TEST(BufferPool, BlocksAreAlignedToPagesWhateverTheirSize) {
  BufferPool pool(1000, 3);
  for (int i = 0; i < 3; ++i) {
    std::optional<BufferPool::Block> block = pool.Take();
    EXPECT_EQ(block->bytes().size(), 1000u);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block->bytes().data()) % 4096, 0u);
    std::memset(block->bytes().data(), 0xff, block->bytes().size());
  }
  EXPECT_EQ(pool.block_bytes(), 1000u);
}

TEST(BufferPool, MemoryIsUsedAgain) {
  BufferPool pool(4096, 4);
  const std::byte* first = pool.Take()->bytes().data();
  EXPECT_EQ(pool.Take()->bytes().data(), first);
}

TEST(BufferPool, ABlockMayOutliveThePool) {
  auto pool = std::make_unique<BufferPool>(4096, 1);
  std::optional<BufferPool::Block> block = pool->Take();
  std::memcpy(block->bytes().data(), "late", 4);
  const base::Buffer buffer = std::move(*block).Share(4);
  pool.reset();
  EXPECT_EQ(buffer.text(), "late");
}

TEST(BufferPool, ThreadsShareItsLimit) {
  BufferPool pool(4096, 3);
  std::atomic<int> taken{0};
  std::atomic<bool> too_many{false};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        if (std::optional<BufferPool::Block> block = pool.Take()) {
          if (++taken > 3) {
            too_many = true;
          }
          const base::Buffer buffer = std::move(*block).Share(1);
          --taken;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_FALSE(too_many);
  EXPECT_EQ(pool.in_use(), 0u);
}

TEST(BufferPoolDeathTest, NoMoreIsSharedThanThereIs) {
  BufferPool pool(4096, 1);
  std::optional<BufferPool::Block> block = pool.Take();
  EXPECT_DEATH(std::move(*block).Share(4097), "no more is shared");
}

}  // namespace
}  // namespace bitrepo::runtime
