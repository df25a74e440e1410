// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/memory_file_store.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "pillar/store/audit_query.h"
#include "pillar/store/change_rules.h"
#include "pillar/store/content_digests.h"
#include "pillar/store/memory_generation.h"

namespace bitrepo::store {

class MemoryFileStore::Staged final : public StagedFile {
 public:
  Staged(MemoryFileStore& store, std::optional<uint64_t> announced_bytes)
      : store_(store),
        announced_bytes_(announced_bytes),
        held_bytes_(announced_bytes.value_or(0)) {}
  ~Staged() override {
    base::MutexLock lock(store_.mutex_);
    store_.used_bytes_ -= held_bytes_;
  }

  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override {
    base::MutexLock lock(store_.mutex_);
    BITREPO_RETURN_IF_ERROR(store_.CheckWritable());
    BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range,
                             base::ByteRange::Make(offset, bytes.size()));
    if (facts_.has_value()) {
      return absl::FailedPreconditionError("the staged file is sealed");
    }
    if (range.end() > announced_bytes_.value_or(kFileBytesMax)) {
      return absl::ResourceExhaustedError(absl::StrCat("bytes up to ", range.end(),
                                                       " of a file that was announced with ",
                                                       announced_bytes_.value_or(kFileBytesMax)));
    }
    const uint64_t more = range.end() > held_bytes_ ? range.end() - held_bytes_ : 0;
    if (more > store_.options_.capacity_bytes - store_.used_bytes_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("no space: ", more, " bytes needed, ",
                       store_.options_.capacity_bytes - store_.used_bytes_, " free"));
    }
    store_.used_bytes_ += more;
    held_bytes_ += more;
    if (bytes_.size() < range.end()) {
      bytes_.resize(range.end());
    }
    std::copy(bytes.begin(), bytes.end(),
              std::as_writable_bytes(std::span(bytes_)).begin() + offset);
    digests_.Arrived(range);
    return absl::OkStatus();
  }

  absl::StatusOr<Facts> Seal(uint64_t size_bytes) override {
    if (facts_.has_value()) {
      return absl::FailedPreconditionError("the staged file is sealed");
    }
    BITREPO_RETURN_IF_ERROR(digests_.CheckComplete(size_bytes));
    digests_.Settle();
    digests_.Digest(std::as_bytes(std::span(bytes_)).subspan(digests_.digested_bytes()));
    ContentDigests::Result result = digests_.Finish();
    facts_ = Facts{size_bytes, std::move(result.sha256)};
    block_digests_ = std::move(result.block_digests);
    return *facts_;
  }

  absl::Status ReadBack(uint64_t offset, std::span<std::byte> out) override {
    base::MutexLock lock(store_.mutex_);
    BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range,
                             base::ByteRange::Make(offset, out.size()));
    if (!digests_.HasArrived(range)) {
      return absl::OutOfRangeError(
          absl::StrCat("the bytes ", range.ToString(), " of the staged file have not all arrived"));
    }
    std::copy_n(std::as_bytes(std::span(bytes_)).begin() + offset, out.size(), out.begin());
    return absl::OkStatus();
  }

  const std::optional<Facts>& facts() const { return facts_; }

  // The bytes belong to the store now.
  void MoveInto(Generation& generation) {
    generation.content = std::make_shared<Generation::Content>(Generation::Content{
        .bytes = std::move(bytes_), .block_digests = std::move(block_digests_)});
    held_bytes_ = 0;
  }

 private:
  MemoryFileStore& store_;
  const std::optional<uint64_t> announced_bytes_;
  uint64_t held_bytes_;  // counted in used_bytes_
  std::string bytes_;
  ContentDigests digests_;
  std::string block_digests_;
  std::optional<Facts> facts_;
};

MemoryFileStore::MemoryFileStore(MemoryStoreOptions options, const base::Clock& clock)
    : options_(std::move(options)), clock_(clock) {
  base::MutexLock lock(mutex_);
  for (const base::CollectionId& collection : options_.collections) {
    collections_[collection];
  }
}

MemoryFileStore::~MemoryFileStore() = default;

uint64_t MemoryFileStore::incarnation() const {
  base::MutexLock lock(mutex_);
  return incarnation_;
}

absl::Status MemoryFileStore::CheckWritable() const {
  return trouble_.empty()
             ? absl::OkStatus()
             : absl::UnavailableError(absl::StrCat("the store stopped writing: ", trouble_));
}

absl::StatusOr<MemoryFileStore::Collection*> MemoryFileStore::FindCollection(
    const base::CollectionId& id) {
  const auto found = collections_.find(id);
  if (found == collections_.end()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the collection ", id.text(), " is not kept here"));
  }
  return &found->second;
}

MemoryFileStore::Generations* MemoryFileStore::GenerationsOf(Collection& files,
                                                             const base::FileId& file_id) {
  const auto found = files.find(file_id.text());
  return found == files.end() || found->second.empty() ? nullptr : &found->second;
}

std::shared_ptr<MemoryFileStore::Generation> MemoryFileStore::LiveOf(Collection& files,
                                                                     const base::FileId& file_id) {
  const Generations* const generations = GenerationsOf(files, file_id);
  return generations == nullptr || !generations->back()->live() ? nullptr : generations->back();
}

// The newest that is asked for; `generation` zero: any.
std::shared_ptr<MemoryFileStore::Generation> MemoryFileStore::RemovedOf(
    Collection& files, const base::FileId& file_id, const base::GenerationId& generation) {
  const Generations* const generations = GenerationsOf(files, file_id);
  if (generations == nullptr) {
    return nullptr;
  }
  const auto found = std::find_if(
      generations->rbegin(), generations->rend(), [&](const std::shared_ptr<Generation>& each) {
        return each->in_quarantine() &&
               (generation.is_zero() || each->record.generation == generation);
      });
  return found == generations->rend() ? nullptr : *found;
}

absl::StatusOr<std::unique_ptr<StagedFile>> MemoryFileStore::Stage(
    const base::CollectionId& collection, const base::FileId& /*file_id*/,
    std::optional<uint64_t> announced_bytes) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  BITREPO_RETURN_IF_ERROR(FindCollection(collection).status());
  const uint64_t free = options_.capacity_bytes - used_bytes_;
  if (announced_bytes.value_or(0) > free) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no space: ", *announced_bytes, " bytes needed, ", free, " free"));
  }
  used_bytes_ += announced_bytes.value_or(0);
  return std::make_unique<Staged>(*this, announced_bytes);
}

absl::Status MemoryFileStore::CheckNoFinal(const AnswerKey& key) const {
  return HasFinal(key) ? absl::FailedPreconditionError("the request has its final already")
                       : absl::OkStatus();
}

// The staged files die with `group`, after the lock.
std::vector<absl::StatusOr<FileRecord>> MemoryFileStore::Publish(std::vector<Publication> group) {
  base::MutexLock lock(mutex_);
  std::vector<absl::StatusOr<FileRecord>> results;
  results.reserve(group.size());
  Changed changed;
  for (Publication& publication : group) {
    results.push_back(PublishOne(publication, changed));
  }
  return results;
}

// The number of the audit record is that of the change.
template <typename FileChange>
void MemoryFileStore::Conclude(FileChange& change) {
  change.audit.collection = change.collection.text();
  change.audit.file_id = change.file_id.text();
  Audit(std::move(change.audit));
  const AnswerKey key = change.answer.key;
  answers_.insert_or_assign(key, std::move(change.answer));
}

absl::StatusOr<FileRecord> MemoryFileStore::PublishOne(Publication& publication, Changed& changed) {
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(publication.collection));
  auto* const staged = dynamic_cast<Staged*>(publication.staged.get());
  if (staged == nullptr || !staged->facts().has_value()) {
    return absl::FailedPreconditionError("a file is sealed before it is published");
  }
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(publication.answer.key));
  const base::FileId& file_id = publication.file_id;
  const std::shared_ptr<Generation> before = LiveOf(*files, file_id);
  if (changed.contains({publication.collection, file_id})) {
    return ChangedInTheSameGroup(file_id, publication.replaces);
  }
  const std::optional<FileRecord> live =
      before == nullptr ? std::nullopt : std::optional<FileRecord>(before->Record());
  BITREPO_RETURN_IF_ERROR(CheckPublication(file_id, live.has_value() ? &*live : nullptr,
                                           publication.replaces, *staged->facts()));
  Generation generation{.record = FileRecord{.file_id = file_id,
                                             .generation = publication.generation,
                                             .size_bytes = staged->facts()->size_bytes,
                                             .sha256 = staged->facts()->sha256,
                                             .stored_at = publication.stored_at,
                                             .verified_at = publication.stored_at},
                        .content = {}};
  staged->MoveInto(generation);
  changed.emplace(publication.collection, file_id);
  Conclude(publication);
  if (before != nullptr) {
    Retire(*before, publication.stored_at);
  }
  return Add(*files, std::move(generation));
}

void MemoryFileStore::Retire(Generation& live, absl::Time at) {
  live.removed_seq = audit_.size();
  live.record.removed_at = at;
}

FileRecord MemoryFileStore::Add(Collection& files, Generation generation) {
  Generations& generations = files[generation.record.file_id.text()];
  generation.record.number = generations.empty() ? 1 : generations.back()->record.number + 1;
  generation.created_seq = audit_.size();
  generations.push_back(std::make_shared<Generation>(std::move(generation)));
  return generations.back()->Record();
}

std::vector<absl::StatusOr<FileRecord>> MemoryFileStore::Remove(std::vector<Removal> group) {
  base::MutexLock lock(mutex_);
  std::vector<absl::StatusOr<FileRecord>> results;
  results.reserve(group.size());
  for (Removal& removal : group) {
    results.push_back(RemoveOne(removal));
  }
  return results;
}

absl::StatusOr<FileRecord> MemoryFileStore::RemoveOne(Removal& removal) {
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(removal.collection));
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(removal.answer.key));
  const std::shared_ptr<Generation> live = LiveOf(*files, removal.file_id);
  BITREPO_RETURN_IF_ERROR(
      CheckRemoval(removal.file_id, live == nullptr ? nullptr : &live->record, removal.sha256));
  Conclude(removal);
  Retire(*live, removal.removed_at);
  return live->Record();
}

absl::StatusOr<FileRecord> MemoryFileStore::Restore(Restoration restoration) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(restoration.collection));
  BITREPO_RETURN_IF_ERROR(CheckNoFinal(restoration.answer.key));
  const std::shared_ptr<Generation> live = LiveOf(*files, restoration.file_id);
  const std::shared_ptr<Generation> removed =
      RemovedOf(*files, restoration.file_id, restoration.generation);
  const std::optional<FileRecord> record =
      removed == nullptr ? std::nullopt : std::optional<FileRecord>(removed->Record());
  BITREPO_RETURN_IF_ERROR(
      CheckRestoration(restoration.file_id, live == nullptr ? nullptr : &live->record,
                       restoration.replaces, record.has_value() ? &*record : nullptr));
  Conclude(restoration);
  if (live != nullptr) {
    Retire(*live, restoration.restored_at);
  }
  removed->gone_seq = audit_.size();
  Generation restored{.record = removed->record, .content = removed->content};
  restored.record.stored_at = restoration.restored_at;
  restored.record.removed_at.reset();
  return Add(*files, std::move(restored));
}

absl::StatusOr<uint64_t> MemoryFileStore::PurgeQuarantine(absl::Time removed_before,
                                                          uint32_t limit) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  if (limit == 0) {
    return absl::InvalidArgumentError("a purge of no generations");
  }
  uint64_t purged = 0;
  for (auto& [collection, files] : collections_) {
    for (auto& [file_id, generations] : files) {
      const Generations there = generations;
      for (const std::shared_ptr<Generation>& each : there) {
        if (purged == limit) {
          return purged;
        }
        if (!each->in_quarantine() || *each->record.removed_at >= removed_before) {
          continue;
        }
        ++purged;
        used_bytes_ -= each->content->bytes.size();
        Audit(PurgeEvent(collection, each->record));
        // With it goes what it was restored from.
        generations.erase(std::remove_if(generations.begin(), generations.end(),
                                         [&](const std::shared_ptr<Generation>& other) {
                                           return other->content == each->content;
                                         }),
                          generations.end());
      }
    }
  }
  return purged;
}

void MemoryFileStore::Restart() {
  base::MutexLock lock(mutex_);
  ++incarnation_;
  trouble_.clear();
  for (auto& [key, answer] : answers_) {
    answer.interrupted = answer.final_body.empty();
  }
}

void MemoryFileStore::StopWriting(std::string reason) {
  base::MutexLock lock(mutex_);
  trouble_ = std::move(reason);
}

void MemoryFileStore::FlipBit(const base::CollectionId& collection, const base::FileId& file_id,
                              uint64_t offset) {
  base::MutexLock lock(mutex_);
  char& byte = LiveOf(collections_.at(collection), file_id)->content->bytes.at(offset);
  byte = static_cast<char>(byte ^ 1);
}

void MemoryFileStore::Lose(const base::CollectionId& collection, const base::FileId& file_id) {
  base::MutexLock lock(mutex_);
  LiveOf(collections_.at(collection), file_id)->content->state = Generation::State::kMissing;
}

std::vector<AuditRecord> MemoryFileStore::audit() const {
  base::MutexLock lock(mutex_);
  return audit_;
}

void MemoryFileStore::Audit(AuditEvent event) {
  const std::string before = audit_.empty() ? ChainStart() : audit_.back().hash;
  audit_.push_back(NextRecord(audit_.size() + 1, before, clock_.WallNow(), std::move(event)));
}

}  // namespace bitrepo::store
