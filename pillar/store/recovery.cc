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

bool Recovery::Leaves::Mark(const std::string& name) {
  const auto found = std::lower_bound(names.begin(), names.end(), name);
  const bool there = found != names.end() && *found == name;
  if (there) {
    recorded[static_cast<size_t>(found - names.begin())] = true;
  }
  return there;
}

absl::StatusOr<RecoveryFindings> Recovery::Run() {
  findings_ = RecoveryFindings();
  BITREPO_ASSIGN_OR_RETURN(const uint64_t unrecorded, quarantine_.RecordUnrecorded());
  findings_.quarantined += unrecorded;
  BITREPO_ASSIGN_OR_RETURN(held_shards_, ShardsIn(Place::kFiles));
  BITREPO_ASSIGN_OR_RETURN(removed_shards_, ShardsIn(Place::kQuarantine));
  // Every shard that could be: records whose shard is gone are missing too.
  std::vector<std::string> owed;
  for (int shard = 0xFF; shard >= 0; --shard) {
    owed.push_back(absl::StrCat(absl::Hex(shard, absl::kZeroPad2)));
  }
  while (!owed.empty()) {
    BITREPO_ASSIGN_OR_RETURN(Shards shards, ListShards(owed));
    BITREPO_RETURN_IF_ERROR(MatchRecords(shards));
    BITREPO_RETURN_IF_ERROR(TakeUnrecorded(shards));
  }
  return findings_;
}

absl::StatusOr<std::vector<std::string>> Recovery::ShardsIn(Place place) {
  const std::string directory = DirectoryOf(place);
  BITREPO_ASSIGN_OR_RETURN(std::vector<std::string> names,
                           home_.disk().List(home_.Path(directory)));
  const auto foreign = std::stable_partition(
      names.begin(), names.end(), [](const std::string& name) { return IsShardName(name); });
  std::vector<std::string> strangers;
  for (auto name = foreign; name != names.end(); ++name) {
    strangers.push_back(JoinPath(directory, *name));
  }
  names.erase(foreign, names.end());
  if (!strangers.empty()) {
    BITREPO_RETURN_IF_ERROR(quarantine_.Take(strangers, kNotRecorded));
    findings_.quarantined += strangers.size();
  }
  return names;
}

// Takes shards off the end of `owed` until enough names are in memory.
absl::StatusOr<Recovery::Shards> Recovery::ListShards(std::vector<std::string>& owed) {
  Shards shards;
  size_t names = 0;
  while (!owed.empty() && names < names_at_once_) {
    Shard shard{.name = std::move(owed.back()), .held = {}, .removed = {}};
    owed.pop_back();
    BITREPO_ASSIGN_OR_RETURN(shard.held, ListLeaves(Place::kFiles, shard.name, held_shards_));
    BITREPO_ASSIGN_OR_RETURN(shard.removed,
                             ListLeaves(Place::kQuarantine, shard.name, removed_shards_));
    names += shard.held.names.size() + shard.removed.names.size();
    shards.push_back(std::move(shard));
  }
  return shards;
}

absl::StatusOr<Recovery::Leaves> Recovery::ListLeaves(Place place, const std::string& shard,
                                                      const std::vector<std::string>& there) {
  Leaves leaves;
  if (std::binary_search(there.begin(), there.end(), shard)) {
    BITREPO_ASSIGN_OR_RETURN(leaves.names,
                             home_.disk().List(home_.Path(JoinPath(DirectoryOf(place), shard))));
  }
  leaves.recorded.resize(leaves.names.size());
  return leaves;
}

absl::Status Recovery::MatchRecords(Shards& shards) {
  std::vector<Change> changes;
  std::string last_id;
  uint64_t last_number = 0;
  for (;;) {
    BITREPO_ASSIGN_OR_RETURN(const std::vector<GenerationTable::NameRow> rows,
                             catalogue_.Names(home_.id(), last_id, last_number, kRowsAtOnce));
    for (const GenerationTable::NameRow& row : rows) {
      BITREPO_RETURN_IF_ERROR(MatchRecord(row, shards, changes));
    }
    BITREPO_RETURN_IF_ERROR(moves_.Sync());
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
  BITREPO_ASSIGN_OR_RETURN(const bool there, Settle(file_id, row, *shard));
  findings_.files += there && row.live ? 1 : 0;
  if (row.state == FileState::kUnproven) {
    return there || !row.live ? absl::OkStatus() : FreeUnproven(file_id, row, changes);
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
                            .detail = GenerationPath(file_id, row.name_number)};
  change.collection = home_.id();
  change.state = Change::NewState{.file_id = file_id,
                                  .number = row.number,
                                  .size_bytes = row.size_bytes,
                                  .live = row.live,
                                  .before = row.state,
                                  .after = there ? FileState::kHeld : FileState::kMissing};
  changes.push_back(std::move(change));
  base::LogLine(base::LogLevel::kWarning, there ? "file-found" : "file-missing")
      .With("collection", home_.id().text())
      .With("file", row.file_id);
  return absl::OkStatus();
}

// A crash between a record and its move leaves a file, or only the record beside it, behind.
absl::StatusOr<bool> Recovery::Settle(const base::FileId& file_id,
                                      const GenerationTable::NameRow& row, Shard& shard) {
  const Place place = row.live ? Place::kFiles : Place::kQuarantine;
  const std::string leaf = LeafOf(file_id, row.name_number);
  for (const std::string& name : {leaf, absl::StrCat(leaf, kIdentitySuffix)}) {
    bool is_there = shard.in(place).Mark(name);
    if (!is_there && shard.in(OtherPlace(place)).Mark(name)) {
      BITREPO_RETURN_IF_ERROR(moves_.MoveLeafTo(place, shard.name, name));
      is_there = true;
    }
    if (name == leaf && !is_there) {
      return false;
    }
  }
  return true;
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
                            .detail = GenerationPath(file_id, row.name_number)};
  change.collection = home_.id();
  BITREPO_ASSIGN_OR_RETURN(change.removed, catalogue_.Newest(home_.id(), file_id));
  change.removed->record.removed_at = wall_now_;
  changes.push_back(std::move(change));
  return absl::OkStatus();
}

absl::Status Recovery::TakeUnrecorded(const Shards& shards) {
  for (const Shard& shard : shards) {
    for (const Place place : {Place::kFiles, Place::kQuarantine}) {
      const Leaves& leaves = shard.in(place);
      std::vector<std::string> paths;
      for (size_t i = 0; i < leaves.names.size(); ++i) {
        if (!leaves.recorded[i]) {
          paths.push_back(absl::StrCat(DirectoryOf(place), "/", shard.name, "/", leaves.names[i]));
        }
      }
      if (!paths.empty()) {
        BITREPO_RETURN_IF_ERROR(quarantine_.Take(paths, kNotRecorded));
        findings_.quarantined += paths.size();
      }
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
