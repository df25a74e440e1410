// SPDX-License-Identifier: Apache-2.0
// A file store that counts what it is asked to make durable, and fails when a test says so.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pillar/store/memory_file_store.h"

namespace bitrepo::pillar {

// Reads with a bit changed that no check of the store has seen; `in_memory`: the medium has it
// right.
class LyingFile final : public store::StoredFile {
 public:
  LyingFile(std::unique_ptr<store::StoredFile> file, bool in_memory)
      : file_(std::move(file)), in_memory_(in_memory) {}
  const store::FileRecord& record() const override { return file_->record(); }
  absl::StatusOr<base::Buffer> Read(base::ByteRange range) override {
    absl::StatusOr<base::Buffer> bytes = file_->Read(range);
    if (!bytes.ok() || range.empty()) return bytes;
    std::string wrong(bytes->text());
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    return base::Buffer::Of(std::move(wrong));
  }
  absl::StatusOr<base::Buffer> ReadFresh(base::ByteRange range) override {
    return in_memory_ ? file_->ReadFresh(range) : Read(range);
  }

 private:
  const std::unique_ptr<store::StoredFile> file_;
  const bool in_memory_;
};

// Thread-safe as what it stands before; its own members are the test's.
class StoreSpy final : public store::FileStore {
 public:
  StoreSpy(store::MemoryStoreOptions options, const base::Clock& clock)
      : memory(std::move(options), clock) {}

  base::StoreId store_id() const override { return memory.store_id(); }
  uint64_t incarnation() const override { return memory.incarnation(); }
  bool keeps_bytes() const override { return keeps; }
  absl::StatusOr<std::unique_ptr<store::StagedFile>> Stage(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes) override {
    ++stages;
    return memory.Stage(collection, file_id, announced_bytes);
  }
  std::vector<absl::StatusOr<store::FileRecord>> Publish(
      std::vector<store::Publication> group) override {
    group_sizes.push_back(group.size());
    if (!fail_publish.ok()) {
      return std::vector<absl::StatusOr<store::FileRecord>>(group.size(), fail_publish);
    }
    return memory.Publish(std::move(group));
  }
  std::vector<absl::StatusOr<store::FileRecord>> Remove(
      std::vector<store::Removal> group) override {
    removal_sizes.push_back(group.size());
    if (!fail_remove.ok()) {
      return std::vector<absl::StatusOr<store::FileRecord>>(group.size(), fail_remove);
    }
    return memory.Remove(std::move(group));
  }
  absl::StatusOr<store::FileRecord> Restore(store::Restoration restoration) override {
    if (!fail_restore.ok()) return fail_restore;
    return memory.Restore(std::move(restoration));
  }
  absl::StatusOr<uint64_t> PurgeQuarantine(absl::Time removed_before, uint32_t limit) override {
    purged_before.push_back(removed_before);
    if (!purge_results.empty()) {
      const uint64_t purged = purge_results.front();
      purge_results.erase(purge_results.begin());
      return purged;
    }
    return memory.PurgeQuarantine(removed_before, limit);
  }
  absl::StatusOr<std::vector<absl::StatusOr<store::FileRecord>>> FindMany(
      const base::CollectionId& collection, std::span<const base::FileId> file_ids) override {
    return memory.FindMany(collection, file_ids);
  }
  absl::StatusOr<store::FileRecord> FindRemoved(const base::CollectionId& collection,
                                                const base::FileId& file_id) override {
    return memory.FindRemoved(collection, file_id);
  }
  absl::StatusOr<std::vector<store::Answer>> AnswersOf(const base::ConversationId& conversation,
                                                       uint32_t limit) override {
    return memory.AnswersOf(conversation, limit);
  }
  absl::StatusOr<store::AuditPage> ReadAudit(const store::AuditQuery& query,
                                             uint32_t limit) override {
    ++audit_looks;
    if (audit_looks <= empty_audit_looks) {
      store::AuditPage page;
      page.next_sequence = std::max<uint64_t>(1, query.first_sequence);
      return page;
    }
    return memory.ReadAudit(query, limit);
  }
  absl::Status VerifyAudit() override { return memory.VerifyAudit(); }
  absl::StatusOr<store::FileRecord> Find(const base::CollectionId& collection,
                                         const base::FileId& file_id) override {
    return memory.Find(collection, file_id);
  }
  absl::StatusOr<std::unique_ptr<store::StoredFile>> Open(
      const base::CollectionId& collection, const base::FileId& file_id,
      const base::GenerationId& generation) override {
    absl::StatusOr<std::unique_ptr<store::StoredFile>> file =
        memory.Open(collection, file_id, generation);
    if (!(lies || memory_lies) || !file.ok()) return file;
    return std::unique_ptr<store::StoredFile>(
        std::make_unique<LyingFile>(*std::move(file), memory_lies));
  }
  absl::StatusOr<store::RecordPage> List(const store::ListQuery& query, uint32_t limit,
                                         absl::string_view cursor) override {
    ++lists;
    return memory.List(query, limit, cursor);
  }
  absl::StatusOr<std::optional<store::Answer>> FindAnswer(const store::AnswerKey& key) override {
    ++lookups;
    return memory.FindAnswer(key);
  }
  absl::Status OpenAnswer(const store::Answer& answer) override {
    ++opens;
    return memory.OpenAnswer(answer);
  }
  absl::Status CloseAnswers(
      std::vector<std::pair<store::Answer, store::AuditEvent>> closed) override {
    ++close_groups;
    return memory.CloseAnswers(std::move(closed));
  }
  absl::StatusOr<std::vector<store::Answer>> InterruptedAnswers(absl::Duration age) override {
    return memory.InterruptedAnswers(age);
  }
  absl::Time answers_since() const override { return answers_from; }
  absl::Status AppendAudit(std::vector<store::AuditEvent> events) override {
    return memory.AppendAudit(std::move(events));
  }
  absl::StatusOr<store::StoreReport> Check() override {
    ++checks;
    return memory.Check();
  }
  // How often `action` ended with `result`.
  int Audited(const std::string& action, const std::string& result) const {
    int count = 0;
    for (const store::AuditRecord& record : memory.audit()) {
      count += record.event.action == action && record.event.result == result ? 1 : 0;
    }
    return count;
  }

  store::MemoryFileStore memory;
  bool keeps = true;         // what it says of itself
  bool lies = false;         // what is opened from now on reads wrong
  bool memory_lies = false;  // as `lies`, unless it is read fresh
  absl::Status fail_publish;
  absl::Status fail_remove;
  absl::Status fail_restore;
  absl::Time answers_from = absl::InfinitePast();
  std::vector<size_t> group_sizes;        // of each Publish
  std::vector<size_t> removal_sizes;      // of each Remove
  std::vector<absl::Time> purged_before;  // of each PurgeQuarantine
  std::vector<uint64_t> purge_results;    // what the next ones return, instead of purging
  int empty_audit_looks = 0;              // so many looks at the trail find nothing yet
  int audit_looks = 0;
  int stages = 0;
  int lists = 0;
  int lookups = 0;
  int opens = 0;
  int close_groups = 0;
  int checks = 0;
};

}  // namespace bitrepo::pillar
