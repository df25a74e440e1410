// SPDX-License-Identifier: Apache-2.0
// The store of a nearline pillar: records in a catalogue, bytes on slow media, and a cache on disk
// through which they pass.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "pillar/store/medium.h"
#include "pillar/store/record_store.h"
#include "pillar/store/slow_store.h"
#include "pillar/store/stage_cache.h"

namespace bitrepo::store {

inline constexpr char kFailedCopies[] = "kept";

struct NearlineOptions {
  uint64_t cache_bytes = 10ull << 30;  // copies that stay after use
  bool keep_written = false;           // the copy of a put stays in the cache, too
};

// What the seam of the medium stands on: all of it outlives the store.
struct NearlineParts {
  runtime::EventLoop& loop;
  runtime::WorkerPool& workers;
  Medium& medium;
};

// Beside the records: in staging/ what comes, and the copies of the cache; in kept/ what came and
// could not be read back from the medium.
// A file is held once it was read back from the medium and recorded. Publish and Open wait for the
// medium where Archive and Recall did not come first: call them from workers, not of the lane
// kHash. Threads: FileStore's calls thread-safe, SlowStore's on the loop.
class NearlineStore final : public RecordStore, public SlowStore {
 public:
  // As DiskFileStore::Open. Files that are recorded and not on the medium are marked as missing.
  static absl::StatusOr<std::unique_ptr<NearlineStore>> Open(
      RecordStoreOptions records, NearlineOptions options, runtime::Disk& disk,
      const base::Clock& clock, base::Random& random, NearlineParts parts);
  ~NearlineStore() override;

  absl::StatusOr<std::unique_ptr<StagedFile>> Stage(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes) override;
  absl::StatusOr<std::unique_ptr<StagedFile>> StageAgain(const base::CollectionId& collection,
                                                         const base::FileId& file_id,
                                                         std::optional<uint64_t> announced_bytes,
                                                         const StagingKey& key) override;
  std::vector<StagedPart> StagedFiles() override { return parts_.List(); }
  uint64_t GiveUpStaged() override { return parts_.GiveUpOld(clock_.WallNow()); }
  absl::StatusOr<std::unique_ptr<StoredFile>> Open(const base::CollectionId& collection,
                                                   const base::FileId& file_id,
                                                   const base::GenerationId& generation) override;
  absl::StatusOr<StoreReport> Check() override;

  std::unique_ptr<Work> Recall(const base::CollectionId& collection, const base::FileId& file_id,
                               const base::GenerationId& generation, OnStep on_step,
                               absl::AnyInvocable<void(Opened)> on_end) override;
  std::unique_ptr<Work> Archive(StagedFile& staged, const base::GenerationId& generation,
                                OnStep on_step,
                                absl::AnyInvocable<void(absl::Status)> on_end) override;
  Outlook OutlookToRead(const base::CollectionId& collection, const FileRecord& record) override;
  Outlook OutlookToWrite(uint64_t size_bytes) override;
  void Close() override;

  const StageCache& cache() const { return *cache_; }

 private:
  class Staged;
  class Reader;
  class RecallWork;
  class ArchiveWork;
  struct Recalling;
  struct Listener;
  // A generation, and its copy where there is one, else a file for it to come to.
  struct Wanted {
    base::CollectionId collection;
    GenerationRow row;
    std::shared_ptr<CachedCopy> copy;
    std::shared_ptr<IncomingFile> incoming;
  };
  using Brought = absl::StatusOr<std::shared_ptr<CachedCopy>>;

  NearlineStore(RecordStoreOptions records, NearlineOptions options, runtime::Disk& disk,
                const base::Clock& clock, NearlineParts parts);
  absl::Status CheckRoom(const base::CollectionId& collection,
                         std::optional<uint64_t> announced_bytes);
  absl::Status PrepareCache();
  absl::Status MatchMedium();
  absl::Status MatchCollection(const base::CollectionId& collection);
  absl::Status ForgetFailedCopies();

  absl::StatusOr<Settled> Settle(Publication& publication) override;
  void Recorded(Publication& publication) override;
  absl::Status CheckReturn(const base::CollectionId& collection, const FileRecord& record) override;
  absl::Status Discard(const base::CollectionId& collection, const FileRecord& record) override;

  absl::StatusOr<GenerationRow> FindGeneration(const base::CollectionId& collection,
                                               const base::FileId& file_id,
                                               const base::GenerationId& generation);
  absl::StatusOr<Wanted> Want(const base::CollectionId& collection, const base::FileId& file_id,
                              const base::GenerationId& generation);
  absl::StatusOr<std::unique_ptr<StoredFile>> MakeReader(const Wanted& wanted);
  absl::Status ArchiveAndWait(StagedFile& staged, const base::GenerationId& generation);
  absl::Status ClearWay(const base::CollectionId& collection, const base::FileId& file_id,
                        const base::GenerationId& generation);
  std::string KeepFailedCopy(const std::string& name, IncomingFile& incoming);

  // On the loop. Joins a recall of the same that is under way.
  void Bring(const Wanted& wanted, const std::shared_ptr<Listener>& listener);
  void OnRecalled(const std::string& name, const absl::Status& how);
  void EndRecall(const std::string& name, const Brought& brought);
  void DropUnheard(const std::string& name);

  const NearlineOptions nearline_;
  runtime::EventLoop& loop_;
  runtime::WorkerPool& workers_;
  Medium& medium_;
  const std::shared_ptr<StageCache> cache_;
  absl::btree_map<std::string, std::shared_ptr<Recalling>> recalls_;  // on the loop
  std::atomic<bool> closed_{false};
  const std::shared_ptr<NearlineStore*> self_;  // for what comes back to the loop
};

}  // namespace bitrepo::store
