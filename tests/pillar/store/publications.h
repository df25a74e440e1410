// SPDX-License-Identifier: Apache-2.0
// What tests of file stores say again and again: put, get, list, count, with ids and answers made
// up.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/checksum.h"
#include "base/random.h"
#include "pillar/store/file_store.h"

namespace bitrepo::testing_support {

// A base of fixtures; the store has the collections "books" (meant unless told) and "maps".
// Loop-confined.
class Publications {
 public:
  virtual ~Publications() = default;
  virtual store::FileStore& store() = 0;
  virtual absl::Time wall_now() = 0;

  static base::CollectionId Collection(absl::string_view name) {
    return base::CollectionId::Parse(name).value();
  }
  static base::CollectionId books() { return Collection("books"); }
  static base::CollectionId maps() { return Collection("maps"); }
  static base::FileId Id(absl::string_view text) { return base::FileId::Parse(text).value(); }
  static std::span<const std::byte> Span(absl::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  }
  std::string Bytes(size_t count) { return random_.Bytes(count); }
  base::ConversationId NewConversation() { return base::ConversationId::Make(wall_now(), random_); }

  // With a final.
  store::Answer NewAnswer() {
    return store::Answer{.key = {.principal = "alice",
                                 .conversation = NewConversation(),
                                 .message_id = base::MessageId::Make(wall_now(), random_)},
                         .body_sha256 = random_.Bytes(32),
                         .final_body = "the final",
                         .recorded_at = wall_now()};
  }
  absl::StatusOr<std::unique_ptr<store::StagedFile>> Stage(std::optional<uint64_t> announced,
                                                           absl::string_view collection = "books") {
    return store().Stage(Collection(collection), Id("staged"), announced);
  }
  store::Publication Publish(absl::string_view id, std::unique_ptr<store::StagedFile> staged,
                             absl::string_view collection = "books") {
    store::Answer answer = NewAnswer();
    return store::Publication{.collection = Collection(collection),
                              .file_id = Id(id),
                              .generation = answer.key.conversation,
                              .stored_at = wall_now(),
                              .staged = std::move(staged),
                              .answer = answer,
                              .audit = {.action = "PUT_FILE",
                                        .collection = std::string(collection),
                                        .file_id = std::string(id),
                                        .principal = answer.key.principal,
                                        .conversation = answer.key.conversation.ToString(),
                                        .result = "COMPLETED",
                                        .detail = {}}};
  }
  // Staged, written and sealed; or why not.
  absl::StatusOr<store::Publication> TrySealed(absl::string_view id, absl::string_view bytes,
                                               absl::string_view collection = "books") {
    absl::StatusOr<std::unique_ptr<store::StagedFile>> staged = Stage(bytes.size(), collection);
    if (!staged.ok()) return staged.status();
    if (absl::Status written = (*staged)->Write(0, Span(bytes)); !written.ok()) return written;
    if (auto sealed = (*staged)->Seal(bytes.size()); !sealed.ok()) return sealed.status();
    return Publish(id, *std::move(staged), collection);
  }
  store::Publication Sealed(absl::string_view id, absl::string_view bytes,
                            absl::string_view collection = "books") {
    return TrySealed(id, bytes, collection).value();
  }
  absl::StatusOr<store::FileRecord> PublishOne(store::Publication publication) {
    std::vector<store::Publication> group;
    group.push_back(std::move(publication));
    return store().Publish(std::move(group)).at(0);
  }
  absl::StatusOr<store::FileRecord> Put(absl::string_view id, absl::string_view bytes,
                                        absl::string_view collection = "books") {
    absl::StatusOr<store::Publication> publication = TrySealed(id, bytes, collection);
    if (!publication.ok()) return publication.status();
    return PublishOne(*std::move(publication));
  }
  static base::Digest Sha256(absl::string_view bytes) {
    return base::Hasher::Of(base::Algorithm::kSha256, bytes);
  }
  // In place of the file whose bytes are `old_bytes`.
  absl::StatusOr<store::FileRecord> Replace(absl::string_view id, absl::string_view old_bytes,
                                            absl::string_view bytes) {
    absl::StatusOr<store::Publication> publication = TrySealed(id, bytes);
    if (!publication.ok()) return publication.status();
    publication->replaces = Sha256(old_bytes);
    publication->audit.action = "REPLACE_FILE";
    return PublishOne(*std::move(publication));
  }
  store::AuditEvent Event(absl::string_view action, absl::string_view id,
                          const store::Answer& answer, absl::string_view collection = "books") {
    return {.action = std::string(action),
            .collection = std::string(collection),
            .file_id = std::string(id),
            .principal = answer.key.principal,
            .conversation = answer.key.conversation.ToString(),
            .result = "COMPLETED",
            .detail = {}};
  }
  store::Removal Removing(absl::string_view id, absl::string_view bytes,
                          absl::string_view collection = "books") {
    const store::Answer answer = NewAnswer();
    return {.collection = Collection(collection),
            .file_id = Id(id),
            .sha256 = Sha256(bytes),
            .removed_at = wall_now(),
            .answer = answer,
            .audit = Event("DELETE_FILE", id, answer, collection)};
  }
  absl::StatusOr<store::FileRecord> RemoveOne(store::Removal removal) {
    std::vector<store::Removal> group;
    group.push_back(std::move(removal));
    return store().Remove(std::move(group)).at(0);
  }
  // The file whose bytes are `bytes`.
  absl::StatusOr<store::FileRecord> Remove(absl::string_view id, absl::string_view bytes,
                                           absl::string_view collection = "books") {
    return RemoveOne(Removing(id, bytes, collection));
  }
  store::Restoration Restoring(absl::string_view id) {
    const store::Answer answer = NewAnswer();
    return {.collection = books(),
            .file_id = Id(id),
            .generation = {},
            .restored_at = wall_now(),
            .answer = answer,
            .audit = Event("UNDELETE_FILE", id, answer)};
  }
  absl::StatusOr<store::FileRecord> Restore(absl::string_view id) {
    return store().Restore(Restoring(id));
  }
  absl::StatusOr<store::FileRecord> FindRemoved(absl::string_view id) {
    return store().FindRemoved(books(), Id(id));
  }
  // Each with one byte.
  void PutAll(const std::vector<std::string>& ids) {
    std::vector<store::Publication> group;
    for (const std::string& id : ids) group.push_back(Sealed(id, "x"));
    for (const auto& result : store().Publish(std::move(group))) {
      ASSERT_TRUE(result.ok()) << result.status();
    }
  }
  absl::StatusOr<store::FileRecord> Find(absl::string_view id) {
    return store().Find(books(), Id(id));
  }
  absl::StatusOr<std::unique_ptr<store::StoredFile>> Open(absl::string_view id) {
    return store().Open(books(), Id(id), base::GenerationId());
  }
  absl::StatusOr<std::string> TryGet(absl::string_view id) {
    absl::StatusOr<std::unique_ptr<store::StoredFile>> file = Open(id);
    if (!file.ok()) return file.status();
    absl::StatusOr<base::Buffer> read =
        (*file)->Read(base::ByteRange::Whole((*file)->record().size_bytes));
    if (!read.ok()) return read.status();
    return std::string(read->text());
  }
  std::string Get(absl::string_view id) { return TryGet(id).value(); }

  static store::ListQuery Query(absl::string_view prefix) {
    return {.collection = books(), .prefix = std::string(prefix), .only = std::nullopt};
  }
  // All that is recorded, each with its trouble.
  std::vector<std::pair<std::string, std::string>> Troubles() {
    std::vector<std::pair<std::string, std::string>> all;
    const store::RecordPage page = store().List(Query(""), 100, "").value();
    for (const store::FileRecord& record : page.records) {
      all.emplace_back(record.file_id.text(), record.trouble);
    }
    return all;
  }
  // All pages of a list.
  std::vector<store::FileRecord> ListAll(const store::ListQuery& query, uint32_t limit) {
    std::vector<store::FileRecord> records;
    std::string cursor;
    do {
      const store::RecordPage page = store().List(query, limit, cursor).value();
      EXPECT_LE(page.records.size(), limit);
      records.insert(records.end(), page.records.begin(), page.records.end());
      cursor = page.next_cursor;
    } while (!cursor.empty());
    return records;
  }
  std::vector<std::string> IdsOf(const store::ListQuery& query, uint32_t limit) {
    std::vector<std::string> ids;
    for (const store::FileRecord& record : ListAll(query, limit)) {
      ids.push_back(record.file_id.text());
    }
    return ids;
  }
  std::vector<std::string> Ids(absl::string_view prefix, uint32_t limit) {
    return IdsOf(Query(prefix), limit);
  }
  static store::CollectionCount CountOf(const store::StoreReport& report, absl::string_view name) {
    for (const store::CollectionCount& count : report.collections) {
      if (count.collection.text() == name) return count;
    }
    ADD_FAILURE() << "no collection " << name;
    return {.collection = Collection(name)};
  }

 private:
  base::SeededRandom random_{1};
};

}  // namespace bitrepo::testing_support
