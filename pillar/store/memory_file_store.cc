// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/memory_file_store.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status.h"
#include "pillar/store/content_digests.h"
#include "pillar/store/list_cursor.h"

namespace bitrepo::store {
namespace {

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

}  // namespace

struct MemoryFileStore::Generation {
  enum class State { kHeld, kMissing, kDamaged };
  FileRecord record;
  std::string bytes = {};
  std::string block_digests = {};
  State state = State::kHeld;
  uint64_t created_seq = 0;
  uint64_t removed_seq = kNever;

  absl::string_view Trouble() const {
    return state == State::kHeld ? "" : state == State::kMissing ? "missing" : "damaged";
  }
  absl::Status Held() const {
    if (state == State::kHeld) {
      return absl::OkStatus();
    }
    return absl::DataLossError(absl::StrCat(record.file_id.text(), ": the file is ", Trouble()));
  }
};

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
    digests_.Arrived(range, bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<Facts> Seal(uint64_t size_bytes) override {
    if (facts_.has_value()) {
      return absl::FailedPreconditionError("the staged file is sealed");
    }
    BITREPO_RETURN_IF_ERROR(digests_.CheckComplete(size_bytes));
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
    generation.bytes = std::move(bytes_);
    generation.block_digests = std::move(block_digests_);
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

class MemoryFileStore::Stored final : public StoredFile {
 public:
  Stored(MemoryFileStore& store, std::shared_ptr<Generation> generation)
      : store_(store), generation_(std::move(generation)), record_(generation_->record) {}
  const FileRecord& record() const override { return record_; }

  absl::StatusOr<base::Buffer> Read(base::ByteRange range) override {
    if (range.length() > kReadBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("a read of more than ", kReadBytesMax, " bytes"));
    }
    BITREPO_RETURN_IF_ERROR(
        base::ByteRange::Within(record_.size_bytes, range.offset(), range.length()).status());
    base::MutexLock lock(store_.mutex_);
    const auto bytes = std::as_bytes(std::span(generation_->bytes));
    for (uint64_t index = range.offset() / kBlockBytes; index * kBlockBytes < range.end();
         ++index) {
      const uint64_t begin = index * kBlockBytes;
      const uint64_t end = std::min<uint64_t>(begin + kBlockBytes, bytes.size());
      if (begin >= end ||
          !BlockMatches(generation_->block_digests, index, bytes.subspan(begin, end - begin))) {
        generation_->state = Generation::State::kDamaged;
        return absl::DataLossError(
            absl::StrCat(record_.file_id.text(), ": block ", index, " is damaged"));
      }
    }
    return base::Buffer::Copy(bytes.subspan(range.offset(), range.length()));
  }

 private:
  MemoryFileStore& store_;
  const std::shared_ptr<Generation> generation_;
  const FileRecord record_;
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

absl::StatusOr<std::shared_ptr<MemoryFileStore::Generation>> MemoryFileStore::FindLive(
    const base::CollectionId& collection, const base::FileId& file_id) {
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(collection));
  const auto found = files->find(file_id.text());
  if (found == files->end() || found->second.back()->removed_seq != kNever) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such file"));
  }
  return found->second.back();
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

// The staged files die with `group`, after the lock.
std::vector<absl::StatusOr<FileRecord>> MemoryFileStore::Publish(std::vector<Publication> group) {
  base::MutexLock lock(mutex_);
  std::vector<absl::StatusOr<FileRecord>> results;
  results.reserve(group.size());
  for (Publication& publication : group) {
    results.push_back(PublishOne(publication));
  }
  return results;
}

absl::StatusOr<FileRecord> MemoryFileStore::PublishOne(Publication& publication) {
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(publication.collection));
  auto* const staged = dynamic_cast<Staged*>(publication.staged.get());
  if (staged == nullptr || !staged->facts().has_value()) {
    return absl::FailedPreconditionError("a file is sealed before it is published");
  }
  if (HasFinal(publication.answer.key)) {
    return absl::FailedPreconditionError("the request has its final already");
  }
  Generations& generations = (*files)[publication.file_id.text()];
  Generation* const before = generations.empty() ? nullptr : generations.back().get();
  if (before != nullptr && before->removed_seq == kNever) {
    if (before->state == Generation::State::kHeld ||
        before->record.sha256 != staged->facts()->sha256 ||
        before->record.size_bytes != staged->facts()->size_bytes) {
      return absl::AlreadyExistsError(
          absl::StrCat(publication.file_id.text(), ": there is a file of this id"));
    }
  }
  Audit(publication.audit);
  if (before != nullptr && before->removed_seq == kNever) {
    before->removed_seq = audit_.size();
  }
  auto generation = std::make_shared<Generation>(
      Generation{.record = FileRecord{.file_id = publication.file_id,
                                      .number = before == nullptr ? 1 : before->record.number + 1,
                                      .generation = publication.generation,
                                      .size_bytes = staged->facts()->size_bytes,
                                      .sha256 = staged->facts()->sha256,
                                      .stored_at = publication.stored_at,
                                      .verified_at = publication.stored_at}});
  generation->created_seq = audit_.size();
  staged->MoveInto(*generation);
  answers_.insert_or_assign(publication.answer.key, publication.answer);
  generations.push_back(generation);
  return generation->record;
}

absl::StatusOr<FileRecord> MemoryFileStore::Find(const base::CollectionId& collection,
                                                 const base::FileId& file_id) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const std::shared_ptr<Generation> live, FindLive(collection, file_id));
  BITREPO_RETURN_IF_ERROR(live->Held());
  return live->record;
}

absl::StatusOr<std::unique_ptr<StoredFile>> MemoryFileStore::Open(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const std::shared_ptr<Generation> live, FindLive(collection, file_id));
  if (!generation.is_zero() && live->record.generation != generation) {
    return absl::NotFoundError(
        absl::StrCat(file_id.text(), ": no generation ", generation.ToString()));
  }
  if (live->state == Generation::State::kMissing) {
    return live->Held();
  }
  return std::make_unique<Stored>(*this, live);
}

absl::StatusOr<RecordPage> MemoryFileStore::List(const ListQuery& query, uint32_t limit,
                                                 absl::string_view cursor) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const Collection* const files, FindCollection(query.collection));
  ListCursor position{.as_of = audit_.size()};
  auto next = files->lower_bound(query.only.has_value() ? query.only->text() : query.prefix);
  if (!cursor.empty()) {
    BITREPO_ASSIGN_OR_RETURN(position, DecodeCursor(store_id(), query, cursor));
    next = files->upper_bound(position.last_id);
  }
  RecordPage page;
  for (; next != files->end() && absl::StartsWith(next->first, query.prefix); ++next) {
    if (query.only.has_value() && next->first != query.only->text()) {
      break;
    }
    for (const std::shared_ptr<Generation>& generation : next->second) {
      if (generation->created_seq > position.as_of || generation->removed_seq <= position.as_of) {
        continue;
      }
      if (page.records.size() == std::min(limit, kPageRecordsMax)) {
        position.last_id = page.records.back().file_id.text();
        page.next_cursor = EncodeCursor(store_id(), query, position);
        return page;
      }
      page.records.push_back(generation->record);
      page.records.back().trouble = std::string(generation->Trouble());
    }
  }
  return page;
}

bool MemoryFileStore::HasFinal(const AnswerKey& key) const {
  const auto found = answers_.find(key);
  return found != answers_.end() && !found->second.final_body.empty();
}

absl::StatusOr<std::optional<Answer>> MemoryFileStore::FindAnswer(const AnswerKey& key) {
  base::MutexLock lock(mutex_);
  const auto found = answers_.find(key);
  return found == answers_.end() ? std::nullopt : std::optional<Answer>(found->second);
}

absl::Status MemoryFileStore::OpenAnswer(const Answer& answer) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  const auto [place, fresh] = answers_.try_emplace(answer.key, answer);
  if (!fresh && place->second.body_sha256 != answer.body_sha256) {
    return absl::AlreadyExistsError("another request was made under the same ids");
  }
  place->second.interrupted = false;
  return absl::OkStatus();
}

absl::Status MemoryFileStore::CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  for (auto& [answer, event] : closed) {
    if (!HasFinal(answer.key)) {
      answer.interrupted = false;
      answers_.insert_or_assign(answer.key, answer);
    }
    Audit(std::move(event));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Answer>> MemoryFileStore::InterruptedAnswers(absl::Duration age) {
  base::MutexLock lock(mutex_);
  const absl::Time now = clock_.WallNow();
  std::vector<Answer> interrupted;
  for (auto next = answers_.begin(); next != answers_.end();) {
    const Answer& answer = next->second;
    const absl::Duration old = now - answer.recorded_at;
    if (answer.interrupted && old >= age) {
      interrupted.push_back(answer);
    }
    next =
        !answer.final_body.empty() && old > kAnswersKept ? answers_.erase(next) : std::next(next);
  }
  return interrupted;
}

absl::Status MemoryFileStore::AppendAudit(std::vector<AuditEvent> events) {
  base::MutexLock lock(mutex_);
  BITREPO_RETURN_IF_ERROR(CheckWritable());
  for (AuditEvent& event : events) {
    Audit(std::move(event));
  }
  return absl::OkStatus();
}

void MemoryFileStore::Audit(AuditEvent event) {
  const std::string before = audit_.empty() ? ChainStart() : audit_.back().hash;
  audit_.push_back(NextRecord(audit_.size() + 1, before, clock_.WallNow(), std::move(event)));
}

absl::StatusOr<StoreReport> MemoryFileStore::Check() {
  base::MutexLock lock(mutex_);
  StoreReport report;
  report.writable = trouble_.empty();
  report.trouble = std::string(CheckWritable().message());
  report.total_bytes = options_.capacity_bytes;
  report.free_bytes = options_.capacity_bytes - used_bytes_;
  for (const auto& [id, files] : collections_) {
    CollectionCount count{.collection = id};
    for (const auto& [name, generations] : files) {
      const Generation& last = *generations.back();
      if (last.removed_seq != kNever) {
        continue;
      }
      const bool held = last.state == Generation::State::kHeld;
      count.files += held ? 1 : 0;
      count.bytes += held ? last.record.size_bytes : 0;
      count.missing_files += last.state == Generation::State::kMissing ? 1 : 0;
      count.damaged_files += last.state == Generation::State::kDamaged ? 1 : 0;
    }
    report.collections.push_back(std::move(count));
  }
  return report;
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
  char& byte = FindLive(collection, file_id).value()->bytes.at(offset);
  byte = static_cast<char>(byte ^ 1);
}

void MemoryFileStore::Lose(const base::CollectionId& collection, const base::FileId& file_id) {
  base::MutexLock lock(mutex_);
  FindLive(collection, file_id).value()->state = Generation::State::kMissing;
}

std::vector<AuditRecord> MemoryFileStore::audit() const {
  base::MutexLock lock(mutex_);
  return audit_;
}

std::vector<absl::StatusOr<FileRecord>> MemoryFileStore::Remove(std::vector<Removal> group) {
  return std::vector<absl::StatusOr<FileRecord>>(group.size(), absl::UnimplementedError("STUB"));
}
absl::StatusOr<FileRecord> MemoryFileStore::Restore(Restoration) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<uint64_t> MemoryFileStore::PurgeQuarantine(absl::Time, uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> MemoryFileStore::FindMany(
    const base::CollectionId&, std::span<const base::FileId>) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<FileRecord> MemoryFileStore::FindRemoved(const base::CollectionId&,
                                                        const base::FileId&) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<std::vector<Answer>> MemoryFileStore::AnswersOf(const base::ConversationId&,
                                                               uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::StatusOr<AuditPage> MemoryFileStore::ReadAudit(const AuditQuery&, uint32_t) {
  return absl::UnimplementedError("STUB");
}
absl::Status MemoryFileStore::VerifyAudit() { return absl::UnimplementedError("STUB"); }

}  // namespace bitrepo::store
