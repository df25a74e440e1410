// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/recovery.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/file_identity.h"
#include "pillar/store/file_name.h"

namespace bitrepo::store {
namespace {

constexpr uint32_t kRowsAtOnce = 2000;
constexpr size_t kChangesAtOnce = 1000;
constexpr char kNotRecorded[] = "not in the catalogue";

}  // namespace

absl::StatusOr<RecoveryFindings> Recovery::Run() {
  findings_ = RecoveryFindings();
  BITREPO_ASSIGN_OR_RETURN(const uint64_t unrecorded, quarantine_.RecordUnrecorded());
  findings_.quarantined += unrecorded;
  BITREPO_ASSIGN_OR_RETURN(std::vector<std::string> names,
                           home_.disk().List(home_.Path(kFilesDirectory)));
  const auto foreign = std::stable_partition(
      names.begin(), names.end(), [](const std::string& name) { return IsShardName(name); });
  std::vector<std::string> strangers;
  for (auto name = foreign; name != names.end(); ++name) {
    strangers.push_back(JoinPath(kFilesDirectory, *name));
  }
  names.erase(foreign, names.end());
  if (!strangers.empty()) {
    BITREPO_RETURN_IF_ERROR(quarantine_.Take(strangers, kNotRecorded));
    findings_.quarantined += strangers.size();
  }
  // Every shard that could be: records whose shard is gone are missing too.
  std::vector<std::string> owed;
  for (int shard = 0xFF; shard >= 0; --shard) {
    owed.push_back(absl::StrCat(absl::Hex(shard, absl::kZeroPad2)));
  }
  while (!owed.empty()) {
    BITREPO_ASSIGN_OR_RETURN(Shards shards, ListShards(names, owed));
    BITREPO_RETURN_IF_ERROR(MatchRecords(shards));
    BITREPO_RETURN_IF_ERROR(TakeUnrecorded(shards));
  }
  return findings_;
}

// Takes shards off the end of `owed` until enough names are in memory.
absl::StatusOr<Recovery::Shards> Recovery::ListShards(const std::vector<std::string>& there,
                                                      std::vector<std::string>& owed) {
  Shards shards;
  size_t names = 0;
  while (!owed.empty() && names < names_at_once_) {
    Shard shard{.name = std::move(owed.back()), .leaves = {}, .recorded = {}};
    owed.pop_back();
    if (std::binary_search(there.begin(), there.end(), shard.name)) {
      BITREPO_ASSIGN_OR_RETURN(
          shard.leaves, home_.disk().List(home_.Path(JoinPath(kFilesDirectory, shard.name))));
    }
    shard.recorded.resize(shard.leaves.size());
    names += shard.leaves.size();
    shards.push_back(std::move(shard));
  }
  return shards;
}

absl::Status Recovery::MatchRecords(Shards& shards) {
  std::vector<Change> changes;
  std::string last_id;
  uint64_t last_number = 0;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const std::vector<GenerationTable::NameRow> rows,
                             catalogue_.Names(home_.id(), last_id, last_number, kRowsAtOnce));
    for (const GenerationTable::NameRow& row : rows) {
      if (row.live) {
        BITREPO_RETURN_IF_ERROR(MatchRecord(row, shards, changes));
      }
    }
    BITREPO_RETURN_IF_ERROR(Flush(changes, kChangesAtOnce));
    if (rows.size() < kRowsAtOnce) {
      return Flush(changes, 1);
    }
    last_id = rows.back().file_id;
    last_number = rows.back().number;
  }
}

absl::Status Recovery::MatchRecord(const GenerationTable::NameRow& row, Shards& shards,
                                   std::vector<Change>& changes) {
  BITREPO_ASSIGN_OR_RETURN(const base::FileId file_id, base::FileId::Parse(row.file_id));
  const std::string shard_name = ShardName(file_id);
  const auto shard =
      std::lower_bound(shards.begin(), shards.end(), shard_name,
                       [](const Shard& a, const std::string& name) { return a.name < name; });
  if (shard == shards.end() || shard->name != shard_name) {
    return absl::OkStatus();  // another pass has it
  }
  const std::string leaf = LeafOf(file_id, row.number);
  const auto mark = [&](const std::string& name) {
    const auto found = std::lower_bound(shard->leaves.begin(), shard->leaves.end(), name);
    const bool there = found != shard->leaves.end() && *found == name;
    if (there) {
      shard->recorded[static_cast<size_t>(found - shard->leaves.begin())] = true;
    }
    return there;
  };
  const bool there = mark(leaf);
  if (there) {
    mark(absl::StrCat(leaf, kIdentitySuffix));
    ++findings_.files;
  }
  if (row.state == FileState::kUnproven) {
    return there ? absl::OkStatus() : FreeUnproven(file_id, row, changes);
  }
  if (there == (row.state != FileState::kMissing)) {
    return absl::OkStatus();
  }
  ++(there ? findings_.found : findings_.missing);
  Change change;
  change.audit = AuditEvent{.action = there ? "FILE_FOUND" : "FILE_MISSING",
                            .collection = home_.id().text(),
                            .file_id = row.file_id,
                            .principal = {},
                            .conversation = {},
                            .result = {},
                            .detail = GenerationPath(file_id, row.number)};
  change.collection = home_.id();
  change.state = Change::NewState{.file_id = file_id,
                                  .number = row.number,
                                  .size_bytes = row.size_bytes,
                                  .before = row.state,
                                  .after = there ? FileState::kHeld : FileState::kMissing};
  changes.push_back(std::move(change));
  base::LogLine(base::LogLevel::kWarning, there ? "file-found" : "file-missing")
      .With("collection", home_.id().text())
      .With("file", row.file_id);
  return absl::OkStatus();
}

// Someone took it away. It is not missing, as nobody knows what it should have been: to be held, it
// comes in again like any other.
absl::Status Recovery::FreeUnproven(const base::FileId& file_id,
                                    const GenerationTable::NameRow& row,
                                    std::vector<Change>& changes) {
  Change change;
  change.audit = AuditEvent{.action = "UNPROVEN_FILE_GONE",
                            .collection = home_.id().text(),
                            .file_id = row.file_id,
                            .principal = {},
                            .conversation = {},
                            .result = {},
                            .detail = GenerationPath(file_id, row.number)};
  change.collection = home_.id();
  BITREPO_ASSIGN_OR_RETURN(change.superseded, catalogue_.Newest(home_.id(), file_id));
  changes.push_back(std::move(change));
  return absl::OkStatus();
}

absl::Status Recovery::TakeUnrecorded(const Shards& shards) {
  for (const Shard& shard : shards) {
    std::vector<std::string> paths;
    for (size_t i = 0; i < shard.leaves.size(); ++i) {
      if (!shard.recorded[i]) {
        paths.push_back(absl::StrCat(kFilesDirectory, "/", shard.name, "/", shard.leaves[i]));
      }
    }
    if (!paths.empty()) {
      BITREPO_RETURN_IF_ERROR(quarantine_.Take(paths, kNotRecorded));
      findings_.quarantined += paths.size();
    }
  }
  return absl::OkStatus();
}

absl::Status Recovery::Flush(std::vector<Change>& changes, size_t at_least) {
  if (changes.size() < at_least) {
    return absl::OkStatus();
  }
  return catalogue_.Commit(std::exchange(changes, {}), /*durable=*/true);
}

}  // namespace bitrepo::store
