// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/staging_area.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

constexpr char kWhat[] = "a staged file";
constexpr size_t kReadBackBytes = 1 << 20;

}  // namespace

IncomingFile::IncomingFile(CollectionHome& home, WriteGate& gate, std::string path,
                           std::unique_ptr<runtime::DiskFile> file,
                           std::optional<uint64_t> announced_bytes,
                           SpaceAccount::Reservation reservation)
    : home_(home),
      gate_(gate),
      path_(std::move(path)),
      file_(std::move(file)),
      announced_bytes_(announced_bytes),
      reservation_(std::move(reservation)) {}

IncomingFile::~IncomingFile() {
  if (path_.empty()) {
    return;
  }
  const absl::Status removed = home_.disk().Remove(path_);
  if (!removed.ok()) {
    // The next start removes it.
    base::LogLine(base::LogLevel::kWarning, "staged-file-left").With("cause", removed.message());
  }
}

absl::Status IncomingFile::CheckWrite(const base::ByteRange& range) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  if (failed_ || facts_.has_value()) {
    return absl::FailedPreconditionError(failed_ ? "an earlier write of the staged file failed"
                                                 : "the staged file is sealed");
  }
  const uint64_t size_max = announced_bytes_.value_or(kFileBytesMax);
  if (range.end() > size_max) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "bytes up to ", range.end(), " of a file that ",
        announced_bytes_.has_value() ? "was announced with " : "may have at most ", size_max));
  }
  return absl::OkStatus();
}

// Space for what was announced is promised already; the rest is asked for as it comes.
absl::Status IncomingFile::MakeRoom(uint64_t more_bytes) {
  return announced_bytes_.has_value() ? absl::OkStatus() : home_.space().CheckRoom(more_bytes);
}

absl::Status IncomingFile::Write(uint64_t offset, std::span<const std::byte> bytes) {
  BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range,
                           base::ByteRange::Make(offset, bytes.size()));
  BITREPO_RETURN_IF_ERROR(CheckWrite(range));
  const uint64_t before = digests_.arrived_bytes();
  if (before == 0 || before / kWriteBackBytes != (before + bytes.size()) / kWriteBackBytes) {
    BITREPO_RETURN_IF_ERROR(MakeRoom(bytes.size()));
  }
  const absl::Status written = file_->WriteAt(offset, bytes);
  if (!written.ok()) {
    failed_ = true;
    return gate_.Judge(kWhat, written);
  }
  digests_.Arrived(range);
  reservation_.Arrived(digests_.arrived_bytes() - before);
  if (range.end() >= handed_on_bytes_ + kWriteBackBytes) {
    file_->StartWriteBack(handed_on_bytes_, range.end() - handed_on_bytes_);
    handed_on_bytes_ = range.end();
  }
  return absl::OkStatus();
}

absl::StatusOr<StagedFile::Facts> IncomingFile::Seal(uint64_t size_bytes) {
  if (failed_ || facts_.has_value()) {
    return absl::FailedPreconditionError(failed_ ? "a write of the staged file failed"
                                                 : "the staged file is sealed");
  }
  BITREPO_RETURN_IF_ERROR(digests_.CheckComplete(size_bytes));
  digests_.Settle();
  BITREPO_RETURN_IF_ERROR(DigestRest(size_bytes));
  ContentDigests::Result result = digests_.Finish();
  facts_ = Facts{size_bytes, std::move(result.sha256)};
  block_digests_ = std::move(result.block_digests);
  return *facts_;
}

// What did not come in order is read back once.
absl::Status IncomingFile::DigestRest(uint64_t size_bytes) {
  std::vector<std::byte> buffer(
      std::min<uint64_t>(kReadBackBytes, size_bytes - digests_.digested_bytes()));
  while (digests_.digested_bytes() < size_bytes) {
    const std::span<std::byte> part(
        buffer.data(), std::min<uint64_t>(buffer.size(), size_bytes - digests_.digested_bytes()));
    BITREPO_RETURN_IF_ERROR(ReadBack(digests_.digested_bytes(), part));
    digests_.Digest(part);
  }
  return absl::OkStatus();
}

absl::Status IncomingFile::ReadBack(uint64_t offset, std::span<std::byte> out) {
  BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range, base::ByteRange::Make(offset, out.size()));
  if (!digests_.HasArrived(range)) {
    return absl::OutOfRangeError(
        absl::StrCat("the bytes ", range.ToString(), " of the staged file have not all arrived"));
  }
  BITREPO_ASSIGN_OR_RETURN(const size_t got, file_->ReadAt(offset, out));
  return got == out.size()
             ? absl::OkStatus()
             : absl::DataLossError(absl::StrCat("a staged file ends at ", offset + got));
}

std::string StagingArea::NextName() {
  return absl::StrCat(incarnation_, ".", next_.fetch_add(1, std::memory_order_relaxed));
}

absl::StatusOr<std::unique_ptr<IncomingFile>> StagingArea::Stage(
    std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  if (announced_bytes.value_or(0) > kFileBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a file of ", *announced_bytes, " bytes: at most ", kFileBytesMax));
  }
  BITREPO_ASSIGN_OR_RETURN(SpaceAccount::Reservation reservation,
                           home_.space().Reserve(announced_bytes.value_or(0)));
  const std::string path = home_.Path(JoinPath(kStagingDirectory, NextName()));
  auto file = home_.disk().Create(path);
  if (!file.ok()) {
    return gate_.Judge(kWhat, file.status());
  }
  if (announced_bytes.value_or(kDirectFileBytes) >= kDirectFileBytes) {
    (*file)->PreferDirect();
  }
  return std::make_unique<IncomingFile>(home_, gate_, path, *std::move(file), announced_bytes,
                                        std::move(reservation));
}

absl::StatusOr<uint64_t> StagingArea::Clear() {
  const std::string directory = home_.Path(kStagingDirectory);
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, home_.disk().List(directory));
  for (const std::string& name : names) {
    BITREPO_RETURN_IF_ERROR(home_.disk().Remove(JoinPath(directory, name)));
  }
  return names.size();
}

}  // namespace bitrepo::store
