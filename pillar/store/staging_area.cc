// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/staging_area.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/runtime/range_log.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

constexpr char kWhat[] = "a staged file";
constexpr size_t kReadBackBytes = 1 << 20;

void PreferDirectFor(std::optional<uint64_t> size_bytes, runtime::DiskFile& file) {
  if (size_bytes.value_or(kDirectFileBytes) >= kDirectFileBytes) {
    file.PreferDirect();
  }
}

}  // namespace

IncomingFile::IncomingFile(StagingArea& area, Start start)
    : area_(area),
      path_(std::move(start.path)),
      file_(std::move(start.file)),
      announced_bytes_(start.announced_bytes),
      reservation_(std::move(start.reservation)),
      held_(std::move(start.held)),
      arrival_(std::move(start.arrival)),
      log_(std::move(start.log)) {
  digests_.Hold(held_);
}

IncomingFile::~IncomingFile() {
  const bool keep = WorthKeeping();
  if (log_ != nullptr) {
    log_->Close();
  }
  if (keep) {
    area_.parts_.Park({arrival_->identity(), &home().disk(), &home().space(), path_,
                       digests_.arrived_bytes(), area_.clock_.WallNow()});
    return;
  }
  absl::Status removed = named_ ? home().disk().Remove(path_) : absl::OkStatus();
  if (log_ != nullptr && removed.ok()) {
    removed = runtime::RangeLog::Remove(home().disk(), RangeLogPath(path_));
  }
  if (!removed.ok()) {
    // The next start removes it.
    base::LogLine(base::LogLevel::kWarning, "staged-file-left").With("cause", removed.message());
  }
}

// Behind a closed gate what the log says is in doubt.
bool IncomingFile::WorthKeeping() const {
  return named_ && !unwanted_ && log_ != nullptr && log_->whole() && area_.gate_.Check().ok() &&
         digests_.arrived_bytes() > 0;
}

CollectionHome& IncomingFile::home() const { return area_.home_; }

absl::Status IncomingFile::CheckWrite(const base::ByteRange& range) {
  BITREPO_RETURN_IF_ERROR(area_.gate_.Check());
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
  return announced_bytes_.has_value() ? absl::OkStatus() : area_.CheckRoom(more_bytes);
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
    unwanted_ = unwanted_ || !absl::IsResourceExhausted(written);
    return area_.gate_.Judge(kWhat, written);
  }
  if (log_ != nullptr) {
    log_->NoteWritten(range);
  }
  digests_.Arrived(range);
  reservation_.Arrived(digests_.arrived_bytes() - before);
  if (arrival_ != nullptr) {
    arrival_->SetBytes(digests_.arrived_bytes(), area_.clock_.WallNow());
  }
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

StagingArea::StagingArea(CollectionHome& home, WriteGate& gate, StagedParts& parts,
                         const base::Clock& clock, std::string boot_id, uint64_t incarnation)
    : home_(home),
      gate_(gate),
      parts_(parts),
      clock_(clock),
      boot_id_(std::move(boot_id)),
      incarnation_(incarnation) {}

std::string StagingArea::NextName() {
  return absl::StrCat(incarnation_, ".", next_.fetch_add(1, std::memory_order_relaxed));
}

// What waits gives way to what comes.
absl::StatusOr<SpaceAccount::Reservation> StagingArea::Reserve(uint64_t bytes) {
  for (;;) {
    absl::StatusOr<SpaceAccount::Reservation> reservation = home_.space().Reserve(bytes);
    if (!absl::IsResourceExhausted(reservation.status()) || !parts_.GiveUpOldest(home_.space())) {
      return reservation;
    }
  }
}

absl::Status StagingArea::CheckRoom(uint64_t bytes) {
  for (;;) {
    absl::Status room = home_.space().CheckRoom(bytes);
    if (!absl::IsResourceExhausted(room) || !parts_.GiveUpOldest(home_.space())) {
      return room;
    }
  }
}

absl::StatusOr<std::unique_ptr<IncomingFile>> StagingArea::Stage(
    std::optional<uint64_t> announced_bytes) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  return Begin(announced_bytes, std::nullopt);
}

absl::StatusOr<std::unique_ptr<IncomingFile>> StagingArea::Stage(StagingIdentity identity) {
  BITREPO_RETURN_IF_ERROR(gate_.Check());
  if (parts_.Keeps(identity)) {
    if (std::optional<StagedParts::Parked> parked = parts_.TakeUp(identity); parked.has_value()) {
      absl::StatusOr<std::unique_ptr<IncomingFile>> file = GoOn(*parked, identity);
      if (absl::IsResourceExhausted(file.status())) {
        parts_.Park(*std::move(parked));  // for when there is room
      }
      if (file.ok() || !absl::IsNotFound(file.status())) {
        return file;
      }
      BITREPO_RETURN_IF_ERROR(gate_.Judge(kWhat, RemovePart(parked->path)));
    }
  }
  const std::optional<uint64_t> announced_bytes = identity.size_bytes;
  return Begin(announced_bytes, std::move(identity));
}

absl::StatusOr<std::unique_ptr<IncomingFile>> StagingArea::GoOn(const StagedParts::Parked& parked,
                                                                const StagingIdentity& identity) {
  auto file = home_.disk().OpenWrite(parked.path);
  auto log =
      runtime::RangeLog::Open(home_.disk(), RangeLogPath(parked.path), boot_id_, clock_.Now());
  for (const absl::Status& status : {file.status(), log.status()}) {
    if (absl::IsResourceExhausted(status)) {
      return status;
    }
    if (!status.ok()) {
      base::LogLine(base::LogLevel::kWarning, "staged-part-lost").With("cause", status.message());
      return absl::NotFoundError(status.message());
    }
  }
  PreferDirectFor(identity.size_bytes, **file);
  base::RangeSet held = (*log)->ranges();
  BITREPO_ASSIGN_OR_RETURN(SpaceAccount::Reservation reservation,
                           Reserve(*identity.size_bytes - held.bytes()));
  const std::shared_ptr<runtime::DiskFile> shared = *std::move(file);
  auto arrival =
      std::make_unique<StagedParts::Arrival>(parts_, identity, held.bytes(), parked.written_at);
  return std::make_unique<IncomingFile>(
      *this,
      IncomingFile::Start{parked.path, shared, identity.size_bytes, std::move(reservation),
                          std::move(held), std::move(arrival),
                          std::make_shared<StagingLog>(*std::move(log), shared, clock_, gate_)});
}

absl::StatusOr<std::unique_ptr<IncomingFile>> StagingArea::Begin(
    std::optional<uint64_t> announced_bytes, std::optional<StagingIdentity> identity) {
  if (announced_bytes.value_or(0) > kFileBytesMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat("a file of ", *announced_bytes, " bytes: at most ", kFileBytesMax));
  }
  BITREPO_ASSIGN_OR_RETURN(SpaceAccount::Reservation reservation,
                           Reserve(announced_bytes.value_or(0)));
  const std::string path = home_.Path(JoinPath(kStagingDirectory, NextName()));
  auto file = home_.disk().Create(path);
  if (!file.ok()) {
    return gate_.Judge(kWhat, file.status());
  }
  PreferDirectFor(announced_bytes, **file);
  IncomingFile::Start start{path, *std::move(file), announced_bytes, std::move(reservation)};
  if (identity.has_value() && parts_.Keeps(*identity)) {
    auto log = runtime::RangeLog::Create(home_.disk(), RangeLogPath(path), boot_id_,
                                         EncodeStagingIdentity(*identity), clock_.Now());
    if (!log.ok()) {
      RemovePart(path).IgnoreError();
      return gate_.Judge(kWhat, log.status());
    }
    start.log = std::make_shared<StagingLog>(*std::move(log), start.file, clock_, gate_);
  }
  if (identity.has_value()) {
    start.arrival =
        std::make_unique<StagedParts::Arrival>(parts_, *std::move(identity), 0, clock_.WallNow());
  }
  return std::make_unique<IncomingFile>(*this, std::move(start));
}

absl::Status StagingArea::RemovePart(const std::string& path) {
  if (const absl::Status removed = home_.disk().Remove(path);
      !removed.ok() && !absl::IsNotFound(removed)) {
    return removed;
  }
  return runtime::RangeLog::Remove(home_.disk(), RangeLogPath(path));
}

absl::Status StagingArea::Recover() {
  const std::string directory = home_.Path(kStagingDirectory);
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, home_.disk().List(directory));
  absl::btree_set<std::string> parts;
  for (const std::string& name : names) {
    parts.insert(name.substr(0, name.find(".ranges")));
  }
  for (const std::string& name : parts) {
    BITREPO_RETURN_IF_ERROR(RecoverPart(JoinPath(directory, name)));
  }
  parts_.GiveUpOld(clock_.WallNow());
  return absl::OkStatus();
}

absl::Status StagingArea::RecoverPart(const std::string& path) {
  const absl::StatusOr<runtime::FileStat> stat = home_.disk().Stat(path);
  const auto log =
      runtime::RangeLog::Open(home_.disk(), RangeLogPath(path), boot_id_, clock_.Now());
  for (const absl::Status& status : {stat.status(), log.status()}) {
    if (!status.ok() && !absl::IsNotFound(status) && !absl::IsDataLoss(status) &&
        !absl::IsUnimplemented(status)) {
      return status;
    }
  }
  if (stat.ok() && log.ok() && !(*log)->ranges().empty()) {
    const base::RangeSet& ranges = (*log)->ranges();
    absl::StatusOr<StagingIdentity> identity = ParseStagingIdentity((*log)->identity());
    if (identity.ok() && parts_.Keeps(*identity) &&
        ranges.ranges().back().end() <= std::min(*identity->size_bytes, stat->size_bytes)) {
      parts_.Park({*std::move(identity), &home_.disk(), &home_.space(), path, ranges.bytes(),
                   stat->modified});
      return absl::OkStatus();
    }
  }
  return RemovePart(path);
}

std::string BootIdFor(absl::string_view given, uint64_t incarnation) {
  if (!given.empty()) {
    return std::string(given);
  }
  absl::StatusOr<std::string> of_system = runtime::SystemBootId();
  return of_system.ok() ? *std::move(of_system) : absl::StrCat("incarnation ", incarnation);
}

}  // namespace bitrepo::store
