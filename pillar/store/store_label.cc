// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/store_label.h"

#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/checksum.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

constexpr char kName[] = "FORMAT";
constexpr char kNewName[] = "FORMAT.new";
constexpr char kLockFile[] = "LOCK";
constexpr char kTitle[] = "bitrepo store\n";
constexpr size_t kLabelBytesMax = 4096;

std::string CheckOf(absl::string_view text) {
  return absl::StrFormat("%016x",
                         base::FrameCheck(std::as_bytes(std::span(text.data(), text.size())), {}));
}

}  // namespace

std::string EncodeLabel(const StoreLabel& label) {
  std::string text =
      absl::StrCat(kTitle, "format ", kStoreFormat, "\nid ", label.store_id.ToString(), "\n");
  if (!label.collection.empty()) {
    absl::StrAppend(&text, "collection ", label.collection, "\n");
  }
  return absl::StrCat(text, "check ", CheckOf(text), "\n");
}

absl::StatusOr<StoreLabel> ParseLabel(absl::string_view text) {
  const absl::Status damaged = absl::DataLossError("the FORMAT file is damaged");
  const size_t check_at = text.rfind("check ");
  absl::string_view rest = text;
  if (check_at == absl::string_view::npos || !absl::ConsumePrefix(&rest, kTitle) ||
      text.substr(check_at) != absl::StrCat("check ", CheckOf(text.substr(0, check_at)), "\n")) {
    return damaged;
  }
  // The format stands first: what follows may be unknown to us.
  std::vector<absl::string_view> lines = absl::StrSplit(rest, '\n');
  int format = 0;
  if (!absl::ConsumePrefix(&lines[0], "format ") || !absl::SimpleAtoi(lines[0], &format)) {
    return damaged;
  }
  if (format > kStoreFormat) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store has format ", format, ", newer than ", kStoreFormat,
                     ", which this program understands: use the program that wrote it"));
  }
  StoreLabel label;
  for (absl::string_view line : lines) {
    if (absl::ConsumePrefix(&line, "id ")) {
      BITREPO_ASSIGN_OR_RETURN(label.store_id, base::StoreId::Parse(line));
    } else if (absl::ConsumePrefix(&line, "collection ")) {
      label.collection = std::string(line);
    }
  }
  return label.store_id.is_zero() ? absl::StatusOr<StoreLabel>(damaged) : label;
}

absl::StatusOr<std::optional<StoreLabel>> ReadLabel(runtime::Disk& disk,
                                                    absl::string_view directory) {
  const std::string path = JoinPath(directory, kName);
  auto file = disk.OpenRead(path);
  if (absl::IsNotFound(file.status())) {
    return std::nullopt;
  }
  BITREPO_RETURN_IF_ERROR(file.status());
  std::string text(kLabelBytesMax, '\0');
  BITREPO_ASSIGN_OR_RETURN(const size_t size,
                           (*file)->ReadAt(0, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  absl::StatusOr<StoreLabel> label = ParseLabel(text);
  if (!label.ok()) {
    return base::Annotate(label.status(), absl::StrCat(disk.root(), "/", path));
  }
  return *std::move(label);
}

absl::Status WriteLabel(runtime::Disk& disk, absl::string_view directory, const StoreLabel& label) {
  const std::string new_path = JoinPath(directory, kNewName);
  const absl::Status removed = disk.Remove(new_path);
  if (!removed.ok() && !absl::IsNotFound(removed)) {
    return removed;
  }
  BITREPO_ASSIGN_OR_RETURN(const auto file, disk.Create(new_path));
  const std::string text = EncodeLabel(label);
  BITREPO_RETURN_IF_ERROR(file->WriteAt(0, std::as_bytes(std::span(text))));
  BITREPO_RETURN_IF_ERROR(file->Sync());
  BITREPO_RETURN_IF_ERROR(disk.Rename(new_path, JoinPath(directory, kName)));
  return disk.SyncDirectory(directory);
}

absl::StatusOr<std::unique_ptr<runtime::DiskFile>> LockStore(runtime::Disk& disk) {
  auto lock = disk.Lock(kLockFile);
  if (absl::IsFailedPrecondition(lock.status())) {
    return absl::FailedPreconditionError(
        absl::StrCat("the store ", disk.root(), " is in use by another process, which holds ",
                     disk.root(), "/", kLockFile, ": a store has one pillar"));
  }
  return lock;
}

std::string JoinPath(absl::string_view directory, absl::string_view name) {
  if (directory.empty() || name.empty()) {
    return std::string(directory.empty() ? name : directory);
  }
  return absl::StrCat(directory, "/", name);
}

}  // namespace bitrepo::store
