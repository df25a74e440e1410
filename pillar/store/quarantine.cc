// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/quarantine.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/file_name.h"

namespace bitrepo::store {
namespace {

constexpr size_t kRecordsAtOnce = 1000;

std::string ParentOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? "" : std::string(path.substr(0, slash));
}

}  // namespace

std::string Quarantine::IdOf(absl::string_view path) {
  const size_t slash = path.rfind('/');
  const std::optional<LeafName> leaf =
      ParseLeaf(slash == absl::string_view::npos ? path : path.substr(slash + 1));
  const std::optional<base::FileId> id = leaf.has_value() ? FileIdOfName(leaf->name) : std::nullopt;
  return id.has_value() ? id->text() : "";
}

absl::Status Quarantine::Take(const std::vector<std::string>& paths, absl::string_view reason) {
  runtime::Disk& disk = home_.disk();
  const std::string turn = absl::StrCat(catalogue_.incarnation(), ".", next_turn_.fetch_add(1));
  std::set<std::string> targets;
  std::set<std::string> sources;
  std::vector<std::string> taken;
  for (const std::string& path : paths) {
    const std::string to_below =
        JoinPath(turn, absl::StripPrefix(path, absl::StrCat(kQuarantineDirectory, "/")));
    const std::string to = home_.Path(JoinPath(kQuarantineDirectory, to_below));
    const std::string from = home_.Path(path);
    if (targets.insert(ParentOf(to)).second) {
      BITREPO_RETURN_IF_ERROR(disk.MakeDirectories(ParentOf(to)));
    }
    BITREPO_RETURN_IF_ERROR(disk.Rename(from, to));
    sources.insert(ParentOf(from));
    taken.push_back(to_below);
  }
  // The new names first: were the old ones gone before, a power cut could take both.
  for (const auto* const directories : {&targets, &sources}) {
    for (const std::string& directory : *directories) {
      BITREPO_RETURN_IF_ERROR(disk.SyncDirectory(directory));
    }
  }
  return Record(taken, reason);
}

absl::Status Quarantine::Record(const std::vector<std::string>& paths, absl::string_view reason) {
  for (size_t begin = 0; begin < paths.size(); begin += kRecordsAtOnce) {
    std::vector<Change> changes;
    for (size_t i = begin; i < std::min(paths.size(), begin + kRecordsAtOnce); ++i) {
      Change change;
      change.audit = AuditEvent{.action = kQuarantinedAction,
                                .collection = home_.id().text(),
                                .file_id = IdOf(paths[i]),
                                .principal = {},
                                .conversation = {},
                                .result = {},
                                .detail = absl::StrCat(reason, ": ", paths[i])};
      change.collection = home_.id();
      change.taken = paths[i];
      changes.push_back(std::move(change));
      base::LogLine(base::LogLevel::kWarning, "file-quarantined")
          .With("collection", home_.id().text())
          .With("path", paths[i])
          .With("reason", reason);
    }
    BITREPO_RETURN_IF_ERROR(catalogue_.Commit(std::move(changes), /*durable=*/true));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> Quarantine::RecordUnrecorded() {
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> recorded,
                           catalogue_.TakenPaths(home_.id()));
  std::vector<std::string> unrecorded;
  BITREPO_RETURN_IF_ERROR(ListInto("", recorded, unrecorded));
  BITREPO_RETURN_IF_ERROR(Record(unrecorded, "moved, not recorded"));
  return unrecorded.size();
}

absl::Status Quarantine::Remove(const std::string& path) {
  const std::string top = home_.Path(kQuarantineDirectory);
  std::string at = JoinPath(top, path);
  BITREPO_RETURN_IF_ERROR(RemoveTree(at));
  while ((at = ParentOf(at)) != top) {
    const auto names = home_.disk().List(at);
    if (absl::IsNotFound(names.status())) {
      continue;
    }
    BITREPO_RETURN_IF_ERROR(names.status());
    if (!names->empty()) {
      break;
    }
    BITREPO_RETURN_IF_ERROR(home_.disk().Remove(at));
  }
  return home_.disk().SyncDirectory(at);
}

absl::Status Quarantine::RemoveTree(const std::string& path) {
  const absl::StatusOr<runtime::FileStat> stat = home_.disk().Stat(path);
  if (absl::IsNotFound(stat.status())) {
    return absl::OkStatus();
  }
  if (stat.ok() && stat->is_directory) {
    BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, home_.disk().List(path));
    for (const std::string& name : names) {
      BITREPO_RETURN_IF_ERROR(RemoveTree(JoinPath(path, name)));
    }
  }
  return home_.disk().Remove(path);
}

// Take moves TURN/files/SHARD/LEAF, or what it found beside the shards: a path that is recorded is
// not looked into, nor are the leaves.
absl::Status Quarantine::ListInto(const std::string& below,
                                  const std::vector<std::string>& recorded,
                                  std::vector<std::string>& unrecorded) {
  constexpr auto kLeafSlashes = 3;
  const std::string directory = home_.Path(JoinPath(kQuarantineDirectory, below));
  BITREPO_ASSIGN_OR_RETURN(const std::vector<std::string> names, home_.disk().List(directory));
  for (const std::string& name : names) {
    const std::string path = JoinPath(below, name);
    if (path == kFilesDirectory) {
      continue;  // what was removed, with its own records
    }
    if (std::binary_search(recorded.begin(), recorded.end(), path)) {
      continue;
    }
    if (std::count(path.begin(), path.end(), '/') < kLeafSlashes) {
      const absl::StatusOr<runtime::FileStat> stat = home_.disk().Stat(JoinPath(directory, name));
      if (stat.ok() && stat->is_directory) {
        BITREPO_RETURN_IF_ERROR(ListInto(path, recorded, unrecorded));
        continue;
      }
    }
    unrecorded.push_back(path);
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::store
