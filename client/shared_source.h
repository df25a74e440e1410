// SPDX-License-Identifier: Apache-2.0
// One reading of a file for many receivers: each block is read once, hashed once in order, and
// shared by all who keep up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/mutex.h"
#include "base/runtime/buffer_pool.h"
#include "base/runtime/worker_pool.h"
#include "channel/channel.h"
#include "channel/source.h"
#include "client/local_file.h"

namespace bitrepo::client {

inline constexpr size_t kRingBlocks = 16;      // most recent blocks kept for those a little behind
inline constexpr size_t kBlocksInUseMax = 48;  // of one source, the ring included; more must wait

// A reader that falls behind the ring reads again by itself and holds nobody; memory is bounded by
// kBlocksInUseMax blocks of at most channel::kSegmentBytes.
// Threads:  thread-safe.
// Lifetime: held by its views and by its own work; the pool of workers outlives all of them.
class SharedSource : public std::enable_shared_from_this<SharedSource> {
 public:
  // `expected`, where given, is what the bytes must have: else Facts is kDataLoss and nothing is
  // committed.
  static std::shared_ptr<SharedSource> Make(std::unique_ptr<ReadableBytes> bytes,
                                            runtime::WorkerPool& workers,
                                            std::optional<base::Digest> expected = std::nullopt);

  uint64_t size_bytes() const { return size_bytes_; }
  // True when all of it stays in the ring: its digest can be known before anything is sent, for
  // free.
  bool fits_ring() const { return block_count_ <= kRingBlocks; }
  // For one receiver.
  std::shared_ptr<channel::Source> View();

  using BlockDone = absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)>;
  using FactsDone = absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)>;
  // kAborted: the source changed. `done` comes on any thread, perhaps from inside the call.
  void Read(base::ByteRange range, BlockDone done);
  // Size and SHA-256 of all; reads what nobody has read yet.
  void Facts(FactsDone done);

  // How often bytes were read from the file: for tests of "once".
  uint64_t reads() const;

 private:
  struct Load {
    uint64_t index = 0;
    bool shared = false;  // its block goes into the ring
    std::vector<BlockDone> waiters;
  };
  class Returning;

  SharedSource(std::unique_ptr<ReadableBytes> bytes, runtime::WorkerPool& workers,
               std::optional<base::Digest> expected);
  void ReadBlock(uint64_t index, BlockDone done);
  void ReadAcross(base::ByteRange range, std::string so_far, BlockDone done);
  void Submit(std::shared_ptr<Load> load);
  void Run(const std::shared_ptr<Load>& load);
  absl::StatusOr<base::Buffer> Fill(runtime::BufferPool::Block block, uint64_t index);
  std::optional<runtime::BufferPool::Block> TakeBlock();
  void HashInOrder(uint64_t index, const base::Buffer& block) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CatchUp();
  void Settle();
  void Fail(const absl::Status& why);
  void OnBlockReturned();

  const std::unique_ptr<ReadableBytes> bytes_;
  runtime::WorkerPool& workers_;
  const std::optional<base::Digest> expected_;
  const uint64_t size_bytes_;
  const uint64_t block_bytes_;
  const uint64_t block_count_;
  const runtime::StrandId read_strand_;
  const runtime::StrandId hash_strand_;
  runtime::BufferPool pool_;

  mutable base::Mutex mutex_;
  absl::Status failed_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint64_t, base::Buffer> ring_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<uint64_t, std::shared_ptr<Load>> loading_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::shared_ptr<Load>> starved_ ABSL_GUARDED_BY(mutex_);  // wait for a free block
  uint64_t frontier_ ABSL_GUARDED_BY(mutex_) = 0;   // the next block that nobody has asked for
  uint64_t hash_next_ ABSL_GUARDED_BY(mutex_) = 0;  // the next block to give to the hasher
  uint64_t reads_ ABSL_GUARDED_BY(mutex_) = 0;
  bool catching_up_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<FactsDone> facts_waiters_ ABSL_GUARDED_BY(mutex_);
  // Touched only by work on the hash strand.
  base::Hasher sha256_{base::Algorithm::kSha256};
  std::optional<base::Hasher> other_;  // of the expected digest, where that is no SHA-256
  std::optional<absl::StatusOr<channel::CommitFacts>> facts_;
};

}  // namespace bitrepo::client
