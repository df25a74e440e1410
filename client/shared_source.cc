// SPDX-License-Identifier: Apache-2.0
#include "client/shared_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr uint64_t kSmallestBlockBytes = 4096;

// Small files take small blocks.
uint64_t BlockBytesFor(uint64_t size_bytes) {
  const uint64_t pages = (size_bytes + kSmallestBlockBytes - 1) / kSmallestBlockBytes;
  return std::clamp<uint64_t>(pages * kSmallestBlockBytes, kSmallestBlockBytes,
                              channel::kSegmentBytes);
}

class SourceView final : public channel::Source {
 public:
  explicit SourceView(std::shared_ptr<SharedSource> source) : source_(std::move(source)) {}
  uint64_t size_bytes() const override { return source_->size_bytes(); }
  void Read(base::ByteRange range,
            absl::AnyInvocable<void(absl::StatusOr<base::Buffer>)> done) override {
    source_->Read(range, std::move(done));
  }
  void Facts(absl::AnyInvocable<void(absl::StatusOr<channel::CommitFacts>)> done) override {
    source_->Facts(std::move(done));
  }
  void Finished(const absl::Status& /*how*/) override {}

 private:
  const std::shared_ptr<SharedSource> source_;
};

}  // namespace

// Keeps a block alive and tells the source when the last who held it has let go.
class SharedSource::Returning {
 public:
  Returning(std::weak_ptr<SharedSource> source, base::Buffer block)
      : source_(std::move(source)), block_(std::move(block)) {}
  ~Returning() {
    block_ = base::Buffer();
    if (const auto source = source_.lock()) source->OnBlockReturned();
  }
  Returning(const Returning&) = delete;
  Returning& operator=(const Returning&) = delete;

 private:
  std::weak_ptr<SharedSource> source_;
  base::Buffer block_;
};

std::shared_ptr<SharedSource> SharedSource::Make(std::unique_ptr<ReadableBytes> bytes,
                                                 runtime::WorkerPool& workers,
                                                 std::optional<base::Digest> expected) {
  return std::shared_ptr<SharedSource>(
      new SharedSource(std::move(bytes), workers, std::move(expected)));
}

SharedSource::SharedSource(std::unique_ptr<ReadableBytes> bytes, runtime::WorkerPool& workers,
                           std::optional<base::Digest> expected)
    : bytes_(std::move(bytes)),
      workers_(workers),
      expected_(std::move(expected)),
      size_bytes_(bytes_->size_bytes()),
      block_bytes_(BlockBytesFor(size_bytes_)),
      block_count_((size_bytes_ + block_bytes_ - 1) / block_bytes_),
      read_strand_(workers.NewStrand()),
      hash_strand_(workers.NewStrand()),
      pool_(block_bytes_, kBlocksInUseMax) {
  if (expected_ && expected_->algorithm() != base::Algorithm::kSha256) {
    other_.emplace(expected_->algorithm());
  }
}

std::shared_ptr<channel::Source> SharedSource::View() {
  return std::make_shared<SourceView>(shared_from_this());
}

void SharedSource::Read(base::ByteRange range, BlockDone done) {
  if (range.end() > size_bytes_) {
    done(absl::OutOfRangeError(absl::StrCat("the source has no bytes at ", range.ToString())));
    return;
  }
  if (range.empty()) {
    done(base::Buffer());
    return;
  }
  const uint64_t index = range.offset() / block_bytes_;
  const uint64_t within = range.offset() % block_bytes_;
  if (within + range.length() > block_bytes_) {
    ReadAcross(range, "", std::move(done));
    return;
  }
  ReadBlock(index, [within, length = range.length(),
                    done = std::move(done)](absl::StatusOr<base::Buffer> block) mutable {
    if (block.ok()) block = block->Part(within, length);
    done(std::move(block));
  });
}

// Segments need not begin where our blocks do: the parts are put together.
void SharedSource::ReadAcross(base::ByteRange range, std::string so_far, BlockDone done) {
  const uint64_t index = range.offset() / block_bytes_;
  const uint64_t within = range.offset() % block_bytes_;
  const uint64_t length = std::min(range.length(), block_bytes_ - within);
  ReadBlock(index, [this, self = shared_from_this(), range, within, length,
                    so_far = std::move(so_far),
                    done = std::move(done)](absl::StatusOr<base::Buffer> block) mutable {
    if (!block.ok()) {
      done(block.status());
      return;
    }
    const absl::string_view part = block->Part(within, length).text();
    so_far.append(part.data(), part.size());
    const auto rest = base::ByteRange::Within(range.end(), range.offset() + length, std::nullopt);
    if (rest->empty()) {
      done(base::Buffer::Of(std::move(so_far)));
    } else {
      ReadAcross(*rest, std::move(so_far), std::move(done));
    }
  });
}

void SharedSource::ReadBlock(uint64_t index, BlockDone done) {
  absl::StatusOr<base::Buffer> now = base::Buffer();
  std::shared_ptr<Load> load;
  {
    base::MutexLock lock(mutex_);
    if (!failed_.ok()) {
      now = failed_;
    } else if (const auto kept = ring_.find(index); kept != ring_.end()) {
      now = kept->second;
    } else if (const auto coming = loading_.find(index); coming != loading_.end()) {
      coming->second->waiters.push_back(std::move(done));
      return;
    } else {
      load = std::make_shared<Load>();
      load->index = index;
      load->shared = index >= frontier_;
      load->waiters.push_back(std::move(done));
      loading_[index] = load;
      frontier_ = std::max(frontier_, index + 1);
    }
  }
  if (load != nullptr) {
    Submit(std::move(load));
  } else {
    done(std::move(now));
  }
}

void SharedSource::Submit(std::shared_ptr<Load> load) {
  absl::Status taken =
      workers_.Submit(runtime::Lane::kRead, read_strand_,
                      [self = shared_from_this(), load = std::move(load)] { self->Run(load); });
  if (!taken.ok()) Fail(taken);
}

void SharedSource::Run(const std::shared_ptr<Load>& load) {
  std::optional<runtime::BufferPool::Block> block = TakeBlock();
  if (!block) {
    {
      base::MutexLock lock(mutex_);
      starved_.push_back(load);
    }
    // One may have come back before this load stood in the line.
    if (pool_.in_use() < kBlocksInUseMax) OnBlockReturned();
    return;
  }
  absl::StatusOr<base::Buffer> filled = Fill(*std::move(block), load->index);
  if (!filled.ok()) {
    Fail(filled.status());
    return;
  }
  std::vector<BlockDone> waiters;
  std::vector<base::Buffer> evicted;  // dropped when the lock is no longer held
  {
    base::MutexLock lock(mutex_);
    ++reads_;
    loading_.erase(load->index);
    waiters = std::move(load->waiters);
    if (load->shared) {
      ring_[load->index] = *filled;
      HashInOrder(load->index, *filled);
      while (ring_.size() > kRingBlocks) {
        evicted.push_back(std::move(ring_.begin()->second));
        ring_.erase(ring_.begin());
      }
    }
  }
  for (BlockDone& waiter : waiters) waiter(*filled);
}

// A free block; the ring gives up its oldest where there is none.
std::optional<runtime::BufferPool::Block> SharedSource::TakeBlock() {
  for (;;) {
    if (auto block = pool_.Take()) return block;
    base::Buffer oldest;
    base::MutexLock lock(mutex_);
    if (ring_.empty()) return std::nullopt;
    oldest = std::move(ring_.begin()->second);
    ring_.erase(ring_.begin());
  }
}

absl::StatusOr<base::Buffer> SharedSource::Fill(runtime::BufferPool::Block block, uint64_t index) {
  const uint64_t offset = index * block_bytes_;
  const size_t wanted = static_cast<size_t>(std::min(block_bytes_, size_bytes_ - offset));
  const auto got = bytes_->ReadAt(offset, block.bytes().first(wanted));
  if (!got.ok()) return got.status();
  if (*got < wanted) {
    const absl::Status changed = bytes_->CheckUnchanged();
    return changed.ok() ? absl::AbortedError("the source shrank while it was read") : changed;
  }
  const base::Buffer raw = std::move(block).Share(wanted);
  return base::Buffer(raw.bytes(), std::make_shared<Returning>(weak_from_this(), raw));
}

// Gives the hasher this block when it is the next one, and those after it that have come before.
void SharedSource::HashInOrder(uint64_t index, const base::Buffer& block) {
  base::Buffer next = block;
  while (index == hash_next_) {
    ++hash_next_;
    const absl::Status taken =
        workers_.Submit(runtime::Lane::kHash, hash_strand_, [self = shared_from_this(), next] {
          self->sha256_.Update(next.bytes());
          if (self->other_) self->other_->Update(next.bytes());
        });
    if (!taken.ok()) {
      failed_ = taken;
      return;
    }
    const auto following = ring_.find(hash_next_);
    if (following == ring_.end()) return;
    index = following->first;
    next = following->second;
  }
}

void SharedSource::Facts(FactsDone done) {
  {
    base::MutexLock lock(mutex_);
    facts_waiters_.push_back(std::move(done));
    if (std::exchange(catching_up_, true)) return;
  }
  CatchUp();
}

// Hashes what nobody has read, then settles the facts.
void SharedSource::CatchUp() {
  uint64_t index = 0;
  absl::Status failed;
  {
    base::MutexLock lock(mutex_);
    failed = failed_;
    index = hash_next_;
  }
  if (!failed.ok()) {
    Fail(failed);
    return;
  }
  if (index == block_count_) {
    absl::Status taken = workers_.Submit(runtime::Lane::kHash, hash_strand_,
                                         [self = shared_from_this()] { self->Settle(); });
    if (!taken.ok()) Fail(taken);
    return;
  }
  ReadBlock(index, [self = shared_from_this(), index](absl::StatusOr<base::Buffer> block) {
    if (block.ok()) {
      base::MutexLock lock(self->mutex_);
      self->HashInOrder(index, *block);
    }
    self->CatchUp();
  });
}

// On the hash strand, after every block.
void SharedSource::Settle() {
  if (!facts_) {
    const channel::CommitFacts facts{size_bytes_, sha256_.Finish()};
    facts_ = facts;
    if (expected_) {
      const base::Digest found = other_ ? other_->Finish() : facts.sha256;
      if (found != *expected_) {
        facts_ = absl::DataLossError(absl::StrCat("the source has ", found.ToString(), ", not ",
                                                  expected_->ToString(), " as given"));
      }
    }
  }
  absl::StatusOr<channel::CommitFacts> answer = *facts_;
  if (absl::Status unchanged = bytes_->CheckUnchanged(); !unchanged.ok()) answer = unchanged;
  if (!answer.ok()) {
    Fail(answer.status());
    return;
  }
  std::vector<FactsDone> waiters;
  {
    base::MutexLock lock(mutex_);
    catching_up_ = false;
    waiters = std::move(facts_waiters_);
    facts_waiters_.clear();
  }
  for (FactsDone& waiter : waiters) waiter(answer);
}

void SharedSource::Fail(const absl::Status& why) {
  std::vector<BlockDone> readers;
  std::vector<FactsDone> askers;
  absl::btree_map<uint64_t, base::Buffer> ring;
  absl::Status first = why;
  {
    base::MutexLock lock(mutex_);
    if (failed_.ok()) failed_ = why;
    first = failed_;
    for (auto& [index, load] : loading_) {
      for (BlockDone& waiter : load->waiters) readers.push_back(std::move(waiter));
      load->waiters.clear();
    }
    loading_.clear();
    starved_.clear();
    ring.swap(ring_);
    askers = std::move(facts_waiters_);
    facts_waiters_.clear();
    catching_up_ = false;
  }
  for (BlockDone& reader : readers) reader(first);
  for (FactsDone& asker : askers) asker(first);
}

void SharedSource::OnBlockReturned() {
  std::shared_ptr<Load> load;
  {
    base::MutexLock lock(mutex_);
    if (starved_.empty()) return;
    load = std::move(starved_.front());
    starved_.pop_front();
  }
  Submit(std::move(load));
}

uint64_t SharedSource::reads() const {
  base::MutexLock lock(mutex_);
  return reads_;
}

}  // namespace bitrepo::client
