// SPDX-License-Identifier: Apache-2.0
// What the store in memory tells: files, lists, answers, the audit trail.
#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/audit_query.h"
#include "pillar/store/content_digests.h"
#include "pillar/store/list_cursor.h"
#include "pillar/store/memory_file_store.h"
#include "pillar/store/memory_generation.h"

namespace bitrepo::store {
namespace {

absl::Status NoSuchFile(const base::FileId& file_id) {
  return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such file"));
}

absl::Status CheckHeld(const FileRecord& record) {
  return record.trouble.empty() ? absl::OkStatus()
                                : absl::DataLossError(absl::StrCat(
                                      record.file_id.text(), ": the file is ", record.trouble));
}

}  // namespace

class MemoryFileStore::Stored final : public StoredFile {
 public:
  Stored(MemoryFileStore& store, const Generation& generation)
      : store_(store), content_(generation.content), record_(generation.record) {}
  const FileRecord& record() const override { return record_; }

  absl::StatusOr<base::Buffer> Read(base::ByteRange range) override {
    if (range.length() > kReadBytesMax) {
      return absl::InvalidArgumentError(
          absl::StrCat("a read of more than ", kReadBytesMax, " bytes"));
    }
    BITREPO_RETURN_IF_ERROR(
        base::ByteRange::Within(record_.size_bytes, range.offset(), range.length()).status());
    base::MutexLock lock(store_.mutex_);
    const auto bytes = std::as_bytes(std::span(content_->bytes));
    for (uint64_t index = range.offset() / kBlockBytes; index * kBlockBytes < range.end();
         ++index) {
      const uint64_t begin = index * kBlockBytes;
      const uint64_t end = std::min<uint64_t>(begin + kBlockBytes, bytes.size());
      if (begin >= end ||
          !BlockMatches(content_->block_digests, index, bytes.subspan(begin, end - begin))) {
        content_->state = Generation::State::kDamaged;
        return absl::DataLossError(
            absl::StrCat(record_.file_id.text(), ": block ", index, " is damaged"));
      }
    }
    return base::Buffer::Copy(bytes.subspan(range.offset(), range.length()));
  }

 private:
  MemoryFileStore& store_;
  const std::shared_ptr<Generation::Content> content_;
  const FileRecord record_;
};

absl::StatusOr<FileRecord> MemoryFileStore::Find(const base::CollectionId& collection,
                                                 const base::FileId& file_id) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(collection));
  const std::shared_ptr<Generation> live = LiveOf(*files, file_id);
  if (live == nullptr) {
    return NoSuchFile(file_id);
  }
  FileRecord record = live->Record();
  BITREPO_RETURN_IF_ERROR(CheckHeld(record));
  return record;
}

absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> MemoryFileStore::FindMany(
    const base::CollectionId& collection, std::span<const base::FileId> file_ids) {
  if (file_ids.size() > kFindManyMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(file_ids.size(), " ids at once: at most ", kFindManyMax));
  }
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(collection));
  std::vector<absl::StatusOr<FileRecord>> found;
  found.reserve(file_ids.size());
  for (const base::FileId& file_id : file_ids) {
    const std::shared_ptr<Generation> live = LiveOf(*files, file_id);
    if (live == nullptr) {
      found.emplace_back(NoSuchFile(file_id));
    } else {
      found.emplace_back(live->Record());
    }
  }
  return found;
}

absl::StatusOr<FileRecord> MemoryFileStore::FindRemoved(const base::CollectionId& collection,
                                                        const base::FileId& file_id) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(collection));
  const std::shared_ptr<Generation> removed = RemovedOf(*files, file_id, base::GenerationId());
  if (removed == nullptr) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": nothing of it is in quarantine"));
  }
  return removed->Record();
}

absl::StatusOr<std::unique_ptr<StoredFile>> MemoryFileStore::Open(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(Collection* const files, FindCollection(collection));
  std::shared_ptr<Generation> found = LiveOf(*files, file_id);
  if (!generation.is_zero() && (found == nullptr || found->record.generation != generation)) {
    found = RemovedOf(*files, file_id, generation);
  }
  if (found == nullptr) {
    return generation.is_zero() ? NoSuchFile(file_id)
                                : absl::NotFoundError(absl::StrCat(
                                      file_id.text(), ": no generation ", generation.ToString()));
  }
  if (found->content->state == Generation::State::kMissing) {
    return CheckHeld(found->Record());
  }
  return std::make_unique<Stored>(*this, *found);
}

absl::StatusOr<RecordPage> MemoryFileStore::List(const ListQuery& query, uint32_t limit,
                                                 absl::string_view cursor) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  base::MutexLock lock(mutex_);
  BITREPO_ASSIGN_OR_RETURN(const Collection* const files, FindCollection(query.collection));
  ListCursor position{.as_of = audit_.size()};
  if (!cursor.empty()) {
    BITREPO_ASSIGN_OR_RETURN(position, DecodeCursor(store_id(), query, cursor));
  }
  const std::string first =
      std::max(query.only.has_value() ? query.only->text() : query.prefix, position.last_id);
  RecordPage page;
  for (auto next = files->lower_bound(first); next != files->end(); ++next) {
    if (!absl::StartsWith(next->first, query.prefix) ||
        (query.only.has_value() && next->first != query.only->text())) {
      break;
    }
    for (const std::shared_ptr<Generation>& generation : next->second) {
      const FileRecord& record = generation->record;
      const bool shown_before =
          next->first == position.last_id && record.number <= position.last_number;
      if (shown_before || !Shows(query, position.as_of, *generation)) {
        continue;
      }
      if (page.records.size() == std::min(limit, kPageRecordsMax)) {
        position.last_id = page.records.back().file_id.text();
        position.last_number = page.records.back().number;
        page.next_cursor = EncodeCursor(store_id(), query, position);
        return page;
      }
      page.records.push_back(generation->Record());
      if (!query.removed) {
        page.records.back().removed_at.reset();  // it was not, at the first page
      }
    }
  }
  return page;
}

bool MemoryFileStore::Shows(const ListQuery& query, uint64_t as_of, const Generation& generation) {
  const uint64_t from = query.removed ? generation.removed_seq : generation.created_seq;
  const uint64_t until = query.removed ? generation.gone_seq : generation.removed_seq;
  return from <= as_of && as_of < until && query.stored.Holds(generation.record.stored_at) &&
         query.verified.Holds(generation.record.verified_at);
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

absl::StatusOr<std::vector<Answer>> MemoryFileStore::AnswersOf(
    const base::ConversationId& conversation, uint32_t limit) {
  base::MutexLock lock(mutex_);
  std::vector<Answer> found;
  for (const auto& [key, answer] : answers_) {
    if (key.conversation == conversation) {
      found.push_back(answer);
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const Answer& a, const Answer& b) {
    return a.key.message_id < b.key.message_id;
  });
  found.resize(std::min<size_t>(found.size(), limit));
  return found;
}

absl::StatusOr<AuditPage> MemoryFileStore::ReadAudit(const AuditQuery& query, uint32_t limit) {
  if (limit == 0) {
    return absl::InvalidArgumentError("a page of no records");
  }
  base::MutexLock lock(mutex_);
  AuditPage page{.records = {},
                 .next_sequence = 0,
                 .end_sequence = audit_.size(),
                 .end_hash = audit_.empty() ? ChainStart() : audit_.back().hash};
  const uint64_t first = std::max<uint64_t>(query.first_sequence, 1);
  const uint64_t last = std::min<uint64_t>(query.last_sequence, audit_.size());
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    if (page.records.size() == std::min(limit, kAuditPageMax) ||
        sequence - first == kAuditLookMax) {
      page.next_sequence = sequence;
      break;
    }
    if (const AuditRecord& record = audit_[sequence - 1]; Matches(query, record)) {
      page.records.push_back(record);
    }
  }
  return page;
}

absl::Status MemoryFileStore::VerifyAudit() {
  base::MutexLock lock(mutex_);
  std::string hash = ChainStart();
  for (const AuditRecord& record : audit_) {
    if (record.hash != ChainHash(hash, RecordLine(record))) {
      return absl::DataLossError(
          absl::StrCat("audit record ", record.sequence, " does not follow from the one before"));
    }
    hash = record.hash;
  }
  return absl::OkStatus();
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
    for (const auto& [file_id, generations] : files) {
      for (const std::shared_ptr<Generation>& each : generations) {
        CountIn(*each, count);
      }
    }
    report.collections.push_back(std::move(count));
  }
  return report;
}

void MemoryFileStore::CountIn(const Generation& generation, CollectionCount& count) {
  if (!generation.live()) {
    count.quarantined_files += generation.in_quarantine() ? 1 : 0;
    return;
  }
  switch (generation.content->state) {
    case Generation::State::kHeld:
      ++count.files;
      count.bytes += generation.record.size_bytes;
      return;
    case Generation::State::kMissing:
      ++count.missing_files;
      return;
    case Generation::State::kDamaged:
      ++count.damaged_files;
      return;
  }
}

}  // namespace bitrepo::store
