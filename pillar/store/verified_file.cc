// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/verified_file.h"

#include <algorithm>
#include <memory>
#include <span>

#include "absl/strings/str_cat.h"
#include "base/runtime/direct_file.h"
#include "base/status.h"
#include "pillar/store/content_digests.h"

namespace bitrepo::store {

absl::StatusOr<base::Buffer> VerifiedFile::Read(base::ByteRange range) {
  return ReadBy(&runtime::DiskFile::ReadAt, range);
}

absl::StatusOr<base::Buffer> VerifiedFile::ReadFresh(base::ByteRange range) {
  return ReadBy(&runtime::DiskFile::ReadFreshAt, range);
}

absl::StatusOr<base::Buffer> VerifiedFile::ReadBy(ReadCall read, base::ByteRange range) {
  if (range.length() > kReadBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a read of ", range.length(), " bytes: at most ", kReadBytesMax));
  }
  const uint64_t size = row_.record.size_bytes;
  BITREPO_RETURN_IF_ERROR(base::ByteRange::Within(size, range.offset(), range.length()).status());
  if (range.empty()) {
    return base::Buffer();
  }
  const uint64_t first_block = range.offset() / kBlockBytes;
  const uint64_t begin = first_block * kBlockBytes;
  const uint64_t end = std::min<uint64_t>(size, BlockCount(range.end()) * kBlockBytes);
  // Not initialised: all of it is read, or none of it is given on. Aligned, so that a direct read
  // needs no other memory.
  const size_t room = end - begin + runtime::kDirectAlignment;
  const std::shared_ptr<std::byte[]> memory(new std::byte[room]);
  void* aligned = memory.get();
  size_t left = room;
  std::align(runtime::kDirectAlignment, end - begin, aligned, left);
  auto* const bytes = static_cast<std::byte*>(aligned);
  absl::Status status = ReadBlocks(read, first_block, {bytes, end - begin});
  if (absl::IsDataLoss(status)) {
    // Twice before blame: the first time may have been the memory's fault, or the bus's.
    status = ReadBlocks(read, first_block, {bytes, end - begin});
  }
  if (absl::IsDataLoss(status)) {
    on_damage_(status.message());
  }
  BITREPO_RETURN_IF_ERROR(base::Annotate(status, row_.record.file_id.text()));
  return base::Buffer({bytes + (range.offset() - begin), range.length()}, memory);
}

// Fills `out`, which begins with a block and ends with one, or with the file.
absl::Status VerifiedFile::ReadBlocks(ReadCall read, uint64_t first_block,
                                      std::span<std::byte> out) {
  BITREPO_ASSIGN_OR_RETURN(const size_t got, ((*file_).*read)(first_block * kBlockBytes, out));
  if (got != out.size()) {
    return absl::DataLossError(absl::StrCat(
        "the file ends at byte ", first_block * kBlockBytes + got, " of ", row_.record.size_bytes));
  }
  for (uint64_t block = first_block; !out.empty(); ++block) {
    const std::span<std::byte> bytes = out.first(std::min<size_t>(out.size(), kBlockBytes));
    if (!BlockMatches(row_.block_digests, block, bytes)) {
      return absl::DataLossError(
          absl::StrCat("the block at byte ", block * kBlockBytes, " is not what was stored"));
    }
    out = out.subspan(bytes.size());
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
