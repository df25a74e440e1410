// SPDX-License-Identifier: Apache-2.0
// The format, all numbers little-endian:
//   header  "bitrange" | version 4 | boot id length 4 | identity length 4 | 0 4 | boot id |
//   identity
//           | XXH3-64 of all before it, 8
//   record  kind 4 | number, from 0, 4 | offset 8 | length 8 | XXH3-64 of boot id and all before, 8
// A record of a sync has in `length` how many records it covers.
#include "base/runtime/range_log.h"

#include <algorithm>
#include <fstream>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"

namespace bitrepo::runtime {
namespace {

constexpr char kMagic[] = "bitrange";
constexpr size_t kMagicBytes = sizeof(kMagic) - 1;
constexpr uint32_t kVersion = 1;
constexpr size_t kFixedHeaderBytes = kMagicBytes + 4 * sizeof(uint32_t);
constexpr size_t kRecordBytes = 32;
constexpr size_t kCheckBytes = 8;
constexpr uint32_t kWritten = 1;
constexpr uint32_t kSynced = 2;
constexpr size_t kReadRecords = 4096;  // at once

void Put(std::string& out, uint64_t value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

uint64_t Get(absl::string_view in, size_t at, size_t bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= static_cast<uint64_t>(static_cast<uint8_t>(in[at + i])) << (8 * i);
  }
  return value;
}

std::span<const std::byte> Bytes(absl::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

uint64_t Check(absl::string_view salt, absl::string_view text) {
  return base::FrameCheck(Bytes(salt), Bytes(text));
}

std::string Header(absl::string_view boot_id, absl::string_view identity) {
  std::string header(kMagic);
  Put(header, kVersion, 4);
  Put(header, boot_id.size(), 4);
  Put(header, identity.size(), 4);
  Put(header, 0, 4);
  absl::StrAppend(&header, boot_id, identity);
  Put(header, Check("", header), kCheckBytes);
  return header;
}

std::string Record(absl::string_view boot_id, uint32_t kind, uint64_t number, uint64_t offset,
                   uint64_t length) {
  std::string record;
  Put(record, kind, 4);
  Put(record, number, 4);
  Put(record, offset, 8);
  Put(record, length, 8);
  Put(record, Check(boot_id, record), kCheckBytes);
  return record;
}

// As many bytes as there are, up to `bytes`.
absl::StatusOr<std::string> ReadText(DiskFile& file, uint64_t offset, size_t bytes) {
  std::string text(bytes, '\0');
  BITREPO_ASSIGN_OR_RETURN(const size_t got,
                           file.ReadAt(offset, std::as_writable_bytes(std::span(text))));
  text.resize(got);
  return text;
}

std::string DirectoryOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? "" : std::string(path.substr(0, slash));
}

absl::Status Damaged(absl::string_view path) {
  return absl::DataLossError(absl::StrCat(path, " is no log of ranges, or it is damaged"));
}

}  // namespace

absl::StatusOr<std::string> SystemBootId() {
  constexpr char kPath[] = "/proc/sys/kernel/random/boot_id";
  std::ifstream file(kPath);
  std::string id;
  file >> id;
  if (id.empty() || id.size() > kBootIdBytesMax) {
    return absl::UnavailableError(absl::StrCat(kPath, " does not tell the boot of this system"));
  }
  return id;
}

// What a log says, as it lies there.
struct RangeLog::Content {
  std::string boot_id;
  std::string identity;
  uint64_t end = 0;
  uint64_t records = 0;
  base::RangeSet synced;
  std::vector<Unsynced> unsynced;

  bool Take(absl::string_view record);
};

// What came later over the same bytes is not synced by a sync before it.
template <typename Covered>
void RangeLog::MoveSynced(std::vector<Unsynced>& unsynced, Covered covered,
                          base::RangeSet& synced) {
  const auto rest = std::find_if_not(unsynced.begin(), unsynced.end(), covered);
  for (auto one = unsynced.begin(); one != rest; ++one) {
    synced.Add(one->range);
  }
  unsynced.erase(unsynced.begin(), rest);
  for (const Unsynced& one : unsynced) {
    synced.Remove(one.range);
  }
}

RangeLog::RangeLog(Disk& disk, std::string path, std::string boot_id, std::string identity,
                   absl::Time now)
    : disk_(disk),
      path_(std::move(path)),
      boot_id_(std::move(boot_id)),
      identity_(std::move(identity)),
      synced_at_(now) {}

absl::StatusOr<std::unique_ptr<RangeLog>> RangeLog::Create(Disk& disk, absl::string_view path,
                                                           absl::string_view boot_id,
                                                           absl::string_view identity,
                                                           absl::Time now) {
  if (identity.size() > kLogIdentityBytesMax || boot_id.size() > kBootIdBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a log of ranges with an identity of ", identity.size(), " bytes and a boot ", "id of ",
        boot_id.size(), ": at most ", kLogIdentityBytesMax, " and ", kBootIdBytesMax));
  }
  std::unique_ptr<RangeLog> log(
      new RangeLog(disk, std::string(path), std::string(boot_id), std::string(identity), now));
  BITREPO_ASSIGN_OR_RETURN(log->file_, disk.Create(path));
  BITREPO_RETURN_IF_ERROR(log->WriteHeader());
  return log;
}

absl::StatusOr<std::unique_ptr<RangeLog>> RangeLog::Open(Disk& disk, absl::string_view path,
                                                         absl::string_view boot_id,
                                                         absl::Time now) {
  absl::StatusOr<std::unique_ptr<DiskFile>> file = disk.OpenWrite(path);
  if (absl::IsNotFound(file.status()) && disk.Stat(RewrittenName(path)).ok()) {
    // The old one was removed, the new one not yet renamed: it is whole.
    BITREPO_RETURN_IF_ERROR(disk.Rename(RewrittenName(path), path));
    file = disk.OpenWrite(path);
  }
  BITREPO_RETURN_IF_ERROR(file.status());
  BITREPO_ASSIGN_OR_RETURN(Content content, Read(**file, path));
  const bool same_boot = content.boot_id == boot_id;
  std::unique_ptr<RangeLog> log(new RangeLog(disk, std::string(path), std::string(boot_id),
                                             std::move(content.identity), now));
  log->file_ = *std::move(file);
  log->synced_ = std::move(content.synced);
  log->ranges_ = log->synced_;
  if (!same_boot) {
    BITREPO_RETURN_IF_ERROR(log->Rewrite());
    return log;
  }
  for (const Unsynced& one : content.unsynced) {
    log->ranges_.Add(one.range);
    log->unsynced_bytes_ += one.range.length();
  }
  log->unsynced_ = std::move(content.unsynced);
  log->end_ = content.end;
  log->records_ = content.records;
  log->noted_ = content.records;
  BITREPO_RETURN_IF_ERROR(log->file_->Truncate(log->end_));
  return log;
}

absl::Status RangeLog::Remove(Disk& disk, absl::string_view path) {
  for (const std::string& name : {RewrittenName(path), std::string(path)}) {
    if (const absl::Status removed = disk.Remove(name);
        !removed.ok() && !absl::IsNotFound(removed)) {
      return removed;
    }
  }
  return absl::OkStatus();
}

std::string RangeLog::RewrittenName(absl::string_view path) { return absl::StrCat(path, ".new"); }

absl::StatusOr<RangeLog::Content> RangeLog::Read(DiskFile& file, absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(
      const std::string header,
      ReadText(file, 0, kFixedHeaderBytes + kBootIdBytesMax + kLogIdentityBytesMax + kCheckBytes));
  if (header.size() < kFixedHeaderBytes || header.substr(0, kMagicBytes) != kMagic) {
    return Damaged(path);
  }
  if (const uint64_t version = Get(header, kMagicBytes, 4); version > kVersion) {
    return absl::UnimplementedError(
        absl::StrCat(path, " has version ", version, " of the format: a later program made it"));
  }
  const uint64_t boot_bytes = Get(header, kMagicBytes + 4, 4);
  const uint64_t identity_bytes = Get(header, kMagicBytes + 8, 4);
  if (boot_bytes > kBootIdBytesMax || identity_bytes > kLogIdentityBytesMax) {
    return Damaged(path);
  }
  Content content;
  content.boot_id = header.substr(kFixedHeaderBytes, boot_bytes);
  if (header.size() < kFixedHeaderBytes + boot_bytes + identity_bytes + kCheckBytes) {
    return Damaged(path);
  }
  content.identity = header.substr(kFixedHeaderBytes + boot_bytes, identity_bytes);
  const std::string right = Header(content.boot_id, content.identity);
  if (header.substr(0, right.size()) != right) {
    return Damaged(path);
  }
  content.end = right.size();

  std::string records;
  size_t at = 0;
  while (content.records < kLogRecordsMax) {
    if (at == records.size()) {
      BITREPO_ASSIGN_OR_RETURN(records, ReadText(file, content.end, kReadRecords * kRecordBytes));
      at = 0;
    }
    if (!content.Take(absl::string_view(records).substr(at, kRecordBytes))) {
      break;
    }
    at += kRecordBytes;
  }
  return content;
}

// False: the log ends before this one.
bool RangeLog::Content::Take(absl::string_view record) {
  if (record.size() < kRecordBytes) {
    return false;
  }
  const auto kind = static_cast<uint32_t>(Get(record, 0, 4));
  const uint64_t offset = Get(record, 8, 8);
  const uint64_t length = Get(record, 16, 8);
  const absl::StatusOr<base::ByteRange> range = base::ByteRange::Make(offset, length);
  if (record != Record(boot_id, kind, records, offset, length) || !range.ok()) {
    return false;
  }
  if (kind == kWritten) {
    synced.Remove(*range);
    unsynced.push_back({records, records, *range});
  } else if (kind == kSynced) {
    MoveSynced(
        unsynced, [length](const Unsynced& one) { return one.record < length; }, synced);
  } else {
    return false;
  }
  ++records;
  end += kRecordBytes;
  return true;
}

absl::Status RangeLog::WriteHeader() {
  const std::string header = Header(boot_id_, identity_);
  BITREPO_RETURN_IF_ERROR(file_->WriteAt(0, Bytes(header)));
  end_ = header.size();
  records_ = 0;
  return absl::OkStatus();
}

absl::Status RangeLog::Append(uint32_t kind, uint64_t offset, uint64_t length) {
  const std::string record = Record(boot_id_, kind, records_, offset, length);
  BITREPO_RETURN_IF_ERROR(file_->WriteAt(end_, Bytes(record)));
  end_ += kRecordBytes;
  ++records_;
  return absl::OkStatus();
}

absl::Status RangeLog::AppendWritten(const base::ByteRange& range) {
  BITREPO_RETURN_IF_ERROR(Append(kWritten, range.offset(), range.length()));
  unsynced_.push_back({noted_++, records_ - 1, range});
  return absl::OkStatus();
}

absl::Status RangeLog::NoteWritten(const base::ByteRange& range) {
  if (range.empty()) {
    return absl::OkStatus();
  }
  ranges_.Add(range);
  if (ranges_.range_count() > kLogPiecesMax) {
    return absl::ResourceExhaustedError(absl::StrCat(path_, ": what was written lies in more than ",
                                                     kLogPiecesMax, " pieces: write in order"));
  }
  synced_.Remove(range);
  unsynced_bytes_ += range.length();
  // One place is kept for the record of a sync.
  if (records_ + 1 >= kLogRecordsMax) {
    BITREPO_RETURN_IF_ERROR(Rewrite());
  }
  return AppendWritten(range);
}

bool RangeLog::SyncDue(absl::Time now) const {
  return !unsynced_.empty() && (unsynced_bytes_ >= kSyncBytes || now - synced_at_ >= kSyncAfter);
}

absl::Status RangeLog::NoteSynced(uint64_t mark, absl::Time now) {
  if (!named_) {
    BITREPO_RETURN_IF_ERROR(disk_.SyncDirectory(DirectoryOf(path_)));
    named_ = true;
  }
  const auto covered = [mark](const Unsynced& one) { return one.note < mark; };
  const auto rest = std::find_if_not(unsynced_.begin(), unsynced_.end(), covered);
  BITREPO_RETURN_IF_ERROR(Append(kSynced, 0, rest == unsynced_.end() ? records_ : rest->record));
  BITREPO_RETURN_IF_ERROR(file_->Sync());
  MoveSynced(unsynced_, covered, synced_);
  unsynced_bytes_ = 0;
  for (const Unsynced& one : unsynced_) {
    unsynced_bytes_ += one.range.length();
  }
  synced_at_ = now;
  return absl::OkStatus();
}

// The shortest log that says the same; the old one stands until the new one is durable. What is not
// synced is noted anew: a sync under way does not cover it.
absl::Status RangeLog::Rewrite() {
  const std::string rewritten = RewrittenName(path_);
  if (const absl::Status gone = disk_.Remove(rewritten); !gone.ok() && !absl::IsNotFound(gone)) {
    return gone;
  }
  BITREPO_ASSIGN_OR_RETURN(file_, disk_.Create(rewritten));
  BITREPO_RETURN_IF_ERROR(WriteHeader());
  for (const base::ByteRange& range : synced_.ranges()) {
    BITREPO_RETURN_IF_ERROR(Append(kWritten, range.offset(), range.length()));
  }
  BITREPO_RETURN_IF_ERROR(Append(kSynced, 0, records_));
  base::RangeSet rest;
  for (const Unsynced& one : std::exchange(unsynced_, {})) {
    rest.Add(one.range);
  }
  for (const base::ByteRange& range : rest.ranges()) {
    BITREPO_RETURN_IF_ERROR(AppendWritten(range));
  }
  if (records_ + 2 >= kLogRecordsMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path_, ": what was written lies in too many pieces: write in order"));
  }
  BITREPO_RETURN_IF_ERROR(file_->Sync());
  BITREPO_RETURN_IF_ERROR(disk_.SyncDirectory(DirectoryOf(path_)));
  BITREPO_RETURN_IF_ERROR(disk_.Remove(path_));
  return disk_.Rename(rewritten, path_);
}

}  // namespace bitrepo::runtime
