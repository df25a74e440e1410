// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/nearline_store.h"

#include <chrono>
#include <future>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/file_name.h"
#include "pillar/store/list_cursor.h"
#include "pillar/store/nearline_work.h"

namespace bitrepo::store {
namespace {

constexpr char kKind[] = "nearline";
// How often a call that waits for the medium looks whether the pillar stops.
constexpr std::chrono::milliseconds kClosedPoll(100);

// Runs `start` on the loop, with what ends the wait, and waits for that.
template <typename Result>
Result WaitOnLoop(
    runtime::EventLoop& loop, const std::atomic<bool>& closed, Result when_closed,
    absl::AnyInvocable<std::unique_ptr<SlowStore::Work>(absl::AnyInvocable<void(Result)>)> start) {
  struct Wait {
    std::promise<Result> promise;
    std::unique_ptr<SlowStore::Work> work;
  };
  auto wait = std::make_shared<Wait>();
  std::future<Result> result = wait->promise.get_future();
  loop.Post([wait, loop_ptr = &loop, start = std::move(start)]() mutable {
    wait->work = start([wait, loop_ptr](Result ended) {
      wait->promise.set_value(std::move(ended));
      loop_ptr->Post([wait] { wait->work.reset(); });
    });
  });
  while (result.wait_for(kClosedPoll) != std::future_status::ready) {
    if (closed) return when_closed;
  }
  return result.get();
}

}  // namespace

absl::StatusOr<std::unique_ptr<NearlineStore>> NearlineStore::Open(
    RecordStoreOptions records, NearlineOptions options, runtime::Disk& disk,
    const base::Clock& clock, base::Random& random, NearlineParts parts) {
  std::unique_ptr<NearlineStore> store(
      new NearlineStore(std::move(records), options, disk, clock, parts));
  BITREPO_RETURN_IF_ERROR(store->Prepare(random));
  if (store->gate_.Check().ok()) {
    BITREPO_RETURN_IF_ERROR(store->PrepareCache());
    BITREPO_RETURN_IF_ERROR(store->FinishPurges());
    BITREPO_RETURN_IF_ERROR(store->MatchMedium());
  }
  return store;
}

NearlineStore::NearlineStore(RecordStoreOptions records, NearlineOptions options,
                             runtime::Disk& disk, const base::Clock& clock, NearlineParts parts)
    : RecordStore(std::move(records), kKind, disk, clock),
      nearline_(options),
      loop_(parts.loop),
      workers_(parts.workers),
      medium_(parts.medium),
      cache_(std::make_shared<StageCache>(options.cache_bytes)),
      self_(std::make_shared<NearlineStore*>(this)) {}

NearlineStore::~NearlineStore() = default;

absl::Status NearlineStore::PrepareCache() {
  BITREPO_RETURN_IF_ERROR(disk_.MakeDirectories(home_.Path(kFailedCopies)));
  return ForgetFailedCopies();
}

absl::Status NearlineStore::ForgetFailedCopies() {
  const std::string directory = home_.Path(kFailedCopies);
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, disk_.List(directory));
  for (const std::string& name : names) {
    const std::string path = JoinPath(directory, name);
    BITREPO_ASSIGN_OR_RETURN(const runtime::FileStat stat, disk_.Stat(path));
    if (clock_.WallNow() - stat.modified < kFailedCopyTerm) continue;
    BITREPO_RETURN_IF_ERROR(disk_.Remove(path));
    base::LogLine(base::LogLevel::kInfo, "failed-copy-removed").With("path", path);
  }
  return absl::OkStatus();
}

// Says of each file that is recorded whether the medium has it.
absl::Status NearlineStore::MatchMedium() {
  for (const base::CollectionId& collection : options_.collections) {
    BITREPO_RETURN_IF_ERROR(MatchCollection(collection));
  }
  return absl::OkStatus();
}

absl::Status NearlineStore::MatchCollection(const base::CollectionId& collection) {
  ListQuery query{.collection = collection};
  std::string cursor;
  do {
    BITREPO_ASSIGN_OR_RETURN(const RecordPage page, List(query, kPageRecordsMax, cursor));
    for (const FileRecord& record : page.records) {
      const auto item = medium_.Locate(ItemName(collection, record.file_id, record.generation));
      const bool there = item && item->size_bytes == record.size_bytes;
      if (!there && record.trouble.empty()) {
        MarkLost(collection, record, FileState::kMissing, "no volume has it");
      }
    }
    cursor = page.next_cursor;
  } while (!cursor.empty());
  return absl::OkStatus();
}

absl::Status NearlineStore::CheckRoom(const base::CollectionId& collection,
                                      std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_RETURN_IF_ERROR(CheckKept(collection));
  BITREPO_ASSIGN_OR_RETURN(const runtime::SpaceInfo room, medium_.Space());
  if (announced_bytes.value_or(0) > room.free_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "a file of ", *announced_bytes, " bytes: the medium has ", room.free_bytes, " free"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<StagedFile>> NearlineStore::Stage(
    const base::CollectionId& collection, const base::FileId& file_id,
    std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(CheckRoom(collection, announced_bytes));
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<IncomingFile> incoming,
                           staging_->Stage(announced_bytes));
  return std::make_unique<Staged>(collection, file_id, std::move(incoming), medium_);
}

absl::StatusOr<std::unique_ptr<StagedFile>> NearlineStore::StageAgain(
    const base::CollectionId& collection, const base::FileId& file_id,
    std::optional<uint64_t> announced_bytes, const StagingKey& key) {
  BITREPO_RETURN_IF_ERROR(CheckRoom(collection, announced_bytes));
  BITREPO_ASSIGN_OR_RETURN(
      std::unique_ptr<IncomingFile> incoming,
      staging_->Stage(StagingIdentity{collection, file_id, announced_bytes, key}));
  return std::make_unique<Staged>(collection, file_id, std::move(incoming), medium_);
}

absl::StatusOr<RecordStore::Settled> NearlineStore::Settle(Publication& publication) {
  auto* const staged = dynamic_cast<Staged*>(publication.staged.get());
  if (staged == nullptr || !staged->incoming().facts().has_value() ||
      staged->collection() != publication.collection) {
    return absl::FailedPreconditionError("a file is sealed before it is published");
  }
  const std::string name =
      ItemName(publication.collection, publication.file_id, publication.generation);
  if (staged->archived_as() != name) {
    staged->SetFileId(publication.file_id);
    BITREPO_RETURN_IF_ERROR(ArchiveAndWait(*staged, publication.generation));
  }
  return Settled{*staged->incoming().facts(), staged->incoming().block_digests()};
}

void NearlineStore::Recorded(Publication& publication) {
  auto* const staged = dynamic_cast<Staged*>(publication.staged.get());
  const std::string name = staged->TakeArchived();
  if (nearline_.keep_written) {
    cache_->Keep(name, std::make_shared<CachedCopy>(staged->incoming()));
  }
}

absl::Status NearlineStore::CheckReturn(const base::CollectionId& collection,
                                        const FileRecord& record) {
  const auto item = medium_.Locate(ItemName(collection, record.file_id, record.generation));
  if (item && item->size_bytes == record.size_bytes) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(record.file_id.text(), ": no volume has it"));
}

absl::Status NearlineStore::Discard(const base::CollectionId& collection,
                                    const FileRecord& record) {
  const std::string name = ItemName(collection, record.file_id, record.generation);
  cache_->Drop(name);
  const absl::Status removed = medium_.Remove(name);
  if (!removed.ok()) {
    base::LogLine(base::LogLevel::kWarning, "medium-item-left")
        .With("name", name)
        .With("cause", removed.message());
  }
  return removed;
}

absl::StatusOr<GenerationRow> NearlineStore::FindGeneration(const base::CollectionId& collection,
                                                            const base::FileId& file_id,
                                                            const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, FindNamed(collection, file_id, generation));
  if (row.state != FileState::kHeld) {
    return absl::DataLossError(
        absl::StrCat(file_id.text(), ": the file is ", FileStateName(row.state)));
  }
  return row;
}

absl::StatusOr<NearlineStore::Wanted> NearlineStore::Want(const base::CollectionId& collection,
                                                          const base::FileId& file_id,
                                                          const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(GenerationRow row, FindGeneration(collection, file_id, generation));
  const std::string name = ItemName(collection, file_id, row.record.generation);
  Wanted wanted{collection, std::move(row), cache_->Find(name), nullptr};
  if (wanted.copy == nullptr) {
    BITREPO_ASSIGN_OR_RETURN(wanted.incoming, staging_->Stage(wanted.row.record.size_bytes));
  }
  return wanted;
}

absl::StatusOr<std::unique_ptr<StoredFile>> NearlineStore::MakeReader(const Wanted& wanted) {
  BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<runtime::DiskFile> file,
                           disk_.OpenRead(wanted.copy->path()));
  return std::make_unique<Reader>(
      wanted.row, wanted.copy, std::move(file), cache_,
      ItemName(wanted.collection, wanted.row.record.file_id, wanted.row.record.generation));
}

absl::StatusOr<std::unique_ptr<StoredFile>> NearlineStore::Open(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(Wanted wanted, Want(collection, file_id, generation));
  if (wanted.copy == nullptr) {
    BITREPO_ASSIGN_OR_RETURN(
        wanted.copy, WaitOnLoop<Brought>(
                         loop_, closed_, absl::UnavailableError("the pillar is stopping"),
                         [this, wanted](absl::AnyInvocable<void(Brought)> on_end) {
                           auto listener = std::make_shared<Listener>(nullptr, std::move(on_end));
                           auto work = std::make_unique<RecallWork>(self_, listener);
                           Bring(wanted, listener);
                           return work;
                         }));
  }
  return MakeReader(wanted);
}

absl::Status NearlineStore::ArchiveAndWait(StagedFile& staged,
                                           const base::GenerationId& generation) {
  return WaitOnLoop<absl::Status>(
      loop_, closed_, absl::UnavailableError("the pillar is stopping"),
      [this, &staged, generation](absl::AnyInvocable<void(absl::Status)> on_end) {
        return Archive(staged, generation, nullptr, std::move(on_end));
      });
}

absl::StatusOr<StoreReport> NearlineStore::Check() {
  BITREPO_ASSIGN_OR_RETURN(StoreReport report, RecordStore::Check());
  BITREPO_ASSIGN_OR_RETURN(const runtime::SpaceInfo medium, medium_.Space());
  report.total_bytes = medium.total_bytes;
  report.free_bytes = medium.free_bytes;
  if (gate_.Check().ok()) BITREPO_RETURN_IF_ERROR(ForgetFailedCopies());
  return report;
}

void NearlineStore::Close() {
  closed_ = true;
  medium_.Close();
}

}  // namespace bitrepo::store
