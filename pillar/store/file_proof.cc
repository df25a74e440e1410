// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/file_proof.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/store/content_digests.h"

namespace bitrepo::store {
namespace {

// What the name alone says of the file, if it lies where a file of that name belongs.
std::optional<base::FileId> FileIdAt(const LeafPlace& place, const LeafName& name) {
  std::optional<base::FileId> file_id = FileIdOfName(name.name);
  if (file_id.has_value() && ShardName(*file_id) != place.shard) {
    file_id.reset();
  }
  return file_id;
}

struct Content {
  uint64_t size_bytes = 0;
  ContentDigests::Result digests;
};

absl::StatusOr<Content> ReadThrough(runtime::DiskFile& file) {
  std::vector<std::byte> block(kBlockBytes);
  ContentDigests digests;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const size_t got, file.ReadAt(digests.digested_bytes(), block));
    digests.Digest(std::span(block).first(got));
    if (got < block.size()) {
      const uint64_t size = digests.digested_bytes();
      return Content{size, digests.Finish()};
    }
  }
}

// Without digests that any block could agree with.
GenerationRow DamagedRow(FileRecord record) {
  const uint64_t blocks = BlockCount(record.size_bytes);
  const uint64_t number = record.number;
  return GenerationRow{.record = std::move(record),
                       .name_number = number,
                       .block_digests = std::string(blocks * kBlockDigestBytes, '\0'),
                       .state = FileState::kDamaged};
}

absl::StatusOr<GenerationRow> ProveAgainst(const FileIdentity& identity, uint64_t number,
                                           absl::Time stored_at, absl::Time wall_now,
                                           runtime::DiskFile& file) {
  FileRecord record{.file_id = identity.file_id,
                    .number = number,
                    .generation = identity.generation,
                    .size_bytes = identity.size_bytes,
                    .sha256 = identity.sha256,
                    .stored_at = stored_at,
                    .verified_at = wall_now};
  BITREPO_ASSIGN_OR_RETURN(const uint64_t size, file.Size());
  if (size != identity.size_bytes) {
    return DamagedRow(std::move(record));
  }
  absl::StatusOr<Content> content = ReadThrough(file);
  if (absl::IsDataLoss(content.status())) {
    return DamagedRow(std::move(record));
  }
  BITREPO_RETURN_IF_ERROR(content.status());
  if (content->size_bytes != identity.size_bytes || content->digests.sha256 != identity.sha256) {
    return DamagedRow(std::move(record));
  }
  return GenerationRow{.record = std::move(record),
                       .name_number = number,
                       .block_digests = std::move(content->digests.block_digests)};
}

}  // namespace

absl::StatusOr<FileIdentity> IdentityAt(const CollectionHome& home, const LeafPlace& place) {
  const std::optional<LeafName> name = ParseLeaf(place.leaf);
  BITREPO_ASSIGN_OR_RETURN(FileIdentity identity,
                           ReadIdentity(home.disk(), home.Path(place.Path())));
  if (!name.has_value() || PathIn(place.place, identity.file_id, name->number) != place.Path()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place.Path(), ": its record is that of ", identity.file_id.text()));
  }
  return identity;
}

namespace {

absl::StatusOr<std::optional<GenerationRow>> ProveOnce(const CollectionHome& home,
                                                       const LeafPlace& place, absl::Time wall_now,
                                                       base::Random& random) {
  const std::optional<LeafName> name = ParseLeaf(place.leaf);
  if (!name.has_value() || name->is_record || name->number == 0) {
    return std::nullopt;
  }
  const std::string path = home.Path(place.Path());
  auto file = home.disk().OpenRead(path);
  if (absl::IsFailedPrecondition(file.status())) {
    return std::nullopt;  // not a plain file
  }
  BITREPO_RETURN_IF_ERROR(file.status());
  BITREPO_ASSIGN_OR_RETURN(const runtime::FileStat stat, home.disk().Stat(path));
  const absl::StatusOr<FileIdentity> identity = IdentityAt(home, place);
  if (identity.ok()) {
    return ProveAgainst(*identity, name->number, stat.modified, wall_now, **file);
  }
  if (absl::IsInvalidArgument(identity.status())) {
    return std::nullopt;
  }
  if (!absl::IsNotFound(identity.status()) && !absl::IsDataLoss(identity.status())) {
    return identity.status();
  }
  const std::optional<base::FileId> file_id = FileIdAt(place, *name);
  if (!file_id.has_value() || stat.size_bytes > kFileBytesMax) {
    return std::nullopt;
  }
  absl::StatusOr<Content> content = ReadThrough(**file);
  if (absl::IsDataLoss(content.status())) {
    return std::nullopt;  // neither a record nor bytes
  }
  BITREPO_RETURN_IF_ERROR(content.status());
  return GenerationRow{
      .record = FileRecord{.file_id = *file_id,
                           .number = name->number,
                           .generation = base::GenerationId::Make(wall_now, random),
                           .size_bytes = content->size_bytes,
                           .sha256 = std::move(content->digests.sha256),
                           .stored_at = stat.modified,
                           .verified_at = absl::UnixEpoch()},
      .name_number = name->number,
      .block_digests = std::move(content->digests.block_digests),
      .state = FileState::kUnproven};
}

}  // namespace

absl::StatusOr<std::optional<GenerationRow>> ProveFile(const CollectionHome& home,
                                                       const LeafPlace& place, absl::Time wall_now,
                                                       base::Random& random) {
  BITREPO_ASSIGN_OR_RETURN(std::optional<GenerationRow> row,
                           ProveOnce(home, place, wall_now, random));
  if (row.has_value() && row->state == FileState::kHeld) {
    return row;
  }
  // Twice before blame: the first time may have been the memory's fault, or the bus's.
  return ProveOnce(home, place, wall_now, random);
}

}  // namespace bitrepo::store
