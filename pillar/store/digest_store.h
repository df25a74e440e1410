// SPDX-License-Identifier: Apache-2.0
// The store of a checksum pillar: what files there are and their digests, and no byte of them.
#pragma once

#include <memory>

#include "pillar/store/record_store.h"

namespace bitrepo::store {

// What is staged is digested in order and forgotten, or vouched for. Threads, lifetime, errors: see
// RecordStore; Open is kUnimplemented.
class DigestStore final : public RecordStore {
 public:
  // As DiskFileStore::Open. kFailedPrecondition: the directory is that of another kind of store.
  static absl::StatusOr<std::unique_ptr<DigestStore>> Open(RecordStoreOptions options,
                                                           runtime::Disk& disk,
                                                           const base::Clock& clock,
                                                           base::Random& random);

  bool keeps_bytes() const override { return false; }
  absl::StatusOr<std::unique_ptr<StagedFile>> Stage(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes) override;
  absl::StatusOr<std::unique_ptr<StoredFile>> Open(const base::CollectionId& collection,
                                                   const base::FileId& file_id,
                                                   const base::GenerationId& generation) override;

 private:
  using RecordStore::RecordStore;
  absl::StatusOr<Settled> Settle(Publication& publication) override;
  absl::Status CheckReturn(const base::CollectionId&, const FileRecord&) override {
    return absl::OkStatus();
  }
  absl::Status Discard(const base::CollectionId&, const FileRecord&) override {
    return absl::OkStatus();
  }
};

}  // namespace bitrepo::store
