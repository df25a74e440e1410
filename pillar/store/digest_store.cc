// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/digest_store.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

constexpr char kKind[] = "checksum";

// Digests what comes in order and keeps nothing of it.
class DigestedFile final : public StagedFile {
 public:
  DigestedFile(const WriteGate& gate, std::optional<uint64_t> announced_bytes)
      : gate_(gate), size_max_(announced_bytes.value_or(kFileBytesMax)) {}

  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override {
    BITREPO_RETURN_IF_ERROR(gate_.Check());
    BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range,
                             base::ByteRange::Make(offset, bytes.size()));
    if (facts_ || sealed_) return absl::FailedPreconditionError("the staged file is sealed");
    if (range.end() > size_max_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("bytes up to ", range.end(), " of a file of at most ", size_max_));
    }
    if (offset > digested_bytes_) {
      return absl::FailedPreconditionError(
          absl::StrCat("bytes at ", offset, " before those at ", digested_bytes_,
                       ": a checksum pillar keeps none and takes them in order"));
    }
    // What comes again was digested.
    const uint64_t known = std::min<uint64_t>(digested_bytes_ - offset, bytes.size());
    hasher_.Update(bytes.subspan(known));
    digested_bytes_ = std::max(digested_bytes_, range.end());
    return absl::OkStatus();
  }

  absl::Status Vouch(const Facts& facts) override {
    if (facts_ || sealed_ || digested_bytes_ > 0) {
      return absl::FailedPreconditionError("bytes of the file have come: they tell what it is");
    }
    if (facts.size_bytes > size_max_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("a file of ", facts.size_bytes, " bytes: at most ", size_max_));
    }
    facts_ = facts;
    return absl::OkStatus();
  }

  absl::StatusOr<Facts> Seal(uint64_t size_bytes) override {
    if (sealed_) return absl::FailedPreconditionError("the staged file is sealed");
    const uint64_t have = facts_ ? facts_->size_bytes : digested_bytes_;
    if (have != size_bytes) {
      return absl::FailedPreconditionError(
          absl::StrCat(have, " bytes are known, the file has ", size_bytes));
    }
    sealed_ = true;
    if (!facts_) facts_ = Facts{digested_bytes_, hasher_.Finish()};
    return *facts_;
  }

  absl::Status ReadBack(uint64_t /*offset*/, std::span<std::byte> /*out*/) override {
    return absl::UnimplementedError("a checksum pillar keeps no bytes");
  }

  const Facts* facts() const { return sealed_ ? &*facts_ : nullptr; }

 private:
  const WriteGate& gate_;
  const uint64_t size_max_;
  base::Hasher hasher_{base::Algorithm::kSha256};
  uint64_t digested_bytes_ = 0;
  std::optional<Facts> facts_;  // vouched for, or digested
  bool sealed_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<DigestStore>> DigestStore::Open(RecordStoreOptions options,
                                                               runtime::Disk& disk,
                                                               const base::Clock& clock,
                                                               base::Random& random) {
  std::unique_ptr<DigestStore> store(new DigestStore(std::move(options), kKind, disk, clock));
  BITREPO_RETURN_IF_ERROR(store->Prepare(random));
  return store;
}

absl::StatusOr<std::unique_ptr<StagedFile>> DigestStore::Stage(
    const base::CollectionId& collection, const base::FileId& /*file_id*/,
    std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  BITREPO_RETURN_IF_ERROR(CheckKept(collection));
  if (announced_bytes.value_or(0) > kFileBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a file of ", *announced_bytes, " bytes: at most ", kFileBytesMax));
  }
  BITREPO_RETURN_IF_ERROR(space_.CheckRoom(0));  // for its record
  return std::make_unique<DigestedFile>(gate_, announced_bytes);
}

absl::StatusOr<std::unique_ptr<StoredFile>> DigestStore::Open(
    const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& /*generation*/) {
  BITREPO_RETURN_IF_ERROR(FindLive(collection, file_id).status());
  return absl::UnimplementedError(
      absl::StrCat(file_id.text(), ": a checksum pillar keeps digests only; ask another pillar"));
}

absl::StatusOr<RecordStore::Settled> DigestStore::Settle(Publication& publication) {
  const auto* const staged = dynamic_cast<const DigestedFile*>(publication.staged.get());
  if (staged == nullptr || staged->facts() == nullptr) {
    return absl::FailedPreconditionError("a file is sealed before it is published");
  }
  return Settled{*staged->facts(), ""};
}

}  // namespace bitrepo::store
