// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/undelete_file.h"

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr uint32_t kGenerationsOfPage = 100;

// The generation of the file in quarantine; zero: the one that was removed last. Blocks.
absl::StatusOr<std::optional<store::FileRecord>> FindInQuarantine(
    store::FileStore& store, const base::CollectionId& collection, const base::FileId& file_id,
    const base::GenerationId& generation) {
  if (generation.is_zero()) {
    absl::StatusOr<store::FileRecord> removed = store.FindRemoved(collection, file_id);
    if (removed.ok()) return *std::move(removed);
    if (!absl::IsNotFound(removed.status())) return removed.status();
    return std::nullopt;
  }
  const store::ListQuery query{
      .collection = collection, .question = "undelete", .only = file_id, .removed = true};
  std::string cursor;
  do {
    BITREPO_ASSIGN_OR_RETURN(store::RecordPage page, store.List(query, kGenerationsOfPage, cursor));
    for (store::FileRecord& record : page.records) {
      if (record.generation == generation) return std::move(record);
    }
    cursor = std::move(page.next_cursor);
  } while (!cursor.empty());
  return std::nullopt;
}

}  // namespace

absl::Status UndeleteFile::ReadRequest() {
  const wire::UndeleteFileRequest& asked = request().body.undelete_file_request();
  if (!asked.generation_id().empty()) {
    BITREPO_ASSIGN_OR_RETURN(generation_, base::GenerationId::FromBytes(asked.generation_id()));
  }
  if (asked.has_old_digest()) {
    BITREPO_ASSIGN_OR_RETURN(base::Digest old_digest, FromWire(asked.old_digest()));
    old_wish_ = DigestWish(nullptr, std::move(old_digest));
  }
  return absl::OkStatus();
}

void UndeleteFile::OnTurn() {
  Enter(Stage::kLooking);
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, target = target(), generation = generation_] {
        return Look(*store, target, generation);
      },
      &UndeleteFile::OnFound);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to read");
}

UndeleteFile::Found UndeleteFile::Look(store::FileStore& store, const Target& target,
                                       const base::GenerationId& generation) {
  Found found;
  absl::StatusOr<std::optional<store::FileRecord>> live = FindLive(store, target);
  found.status = live.status();
  if (!live.ok()) return found;
  found.live = *std::move(live);
  absl::StatusOr<std::optional<store::FileRecord>> removed =
      FindInQuarantine(store, target.collection, target.file_id, generation);
  found.status = removed.status();
  if (removed.ok()) found.removed = *std::move(removed);
  return found;
}

void UndeleteFile::OnFound(Found found) {
  if (!GoesOn()) return;
  if (!found.status.ok()) {
    RefuseFor(found.status);
  } else if (found.live && found.live->generation == generation_) {
    wire::Body final = FinalBody(wire::UNDELETE_FILE, wire::OPERATION_COMPLETED, kAlreadySo);
    *final.mutable_undelete_file_final()->mutable_file() = InfoOf(*found.live);
    Close(std::move(final));
  } else if (!found.removed) {
    Refuse(wire::FILE_NOT_FOUND_FAILURE, "there is no such file in quarantine");
  } else if (found.live && !old_wish_.named()) {
    Refuse(wire::DUPLICATE_FILE_FAILURE,
           "a file stands under this id: name its digest to put it into quarantine in its turn");
  } else if (!found.live && old_wish_.named()) {
    Refuse(wire::FILE_NOT_FOUND_FAILURE,
           "no file stands under this id: ask again without an old digest");
  } else if (!found.live) {
    Restore(*found.removed, std::nullopt);
  } else {
    Prove(*found.live, old_wish_, [this, found](const std::vector<wire::Digest>& /*none*/) {
      Restore(*found.removed, found.live);
    });
  }
}

void UndeleteFile::Restore(const store::FileRecord& removed,
                           const std::optional<store::FileRecord>& live) {
  Enter(Stage::kCommitting);
  final_ = FinalBody(wire::UNDELETE_FILE, wire::OPERATION_COMPLETED, "");
  store::FileRecord restored = removed;
  restored.stored_at = WallNow();
  *final_.mutable_undelete_file_final()->mutable_file() = InfoOf(restored);
  if (live) *final_.mutable_undelete_file_final()->mutable_replaced() = InfoOf(*live);
  store::Restoration restoration{target().collection, target().file_id,    removed.generation, {},
                                 restored.stored_at,  FinalAnswer(final_), Audit(final_)};
  if (live) restoration.replaces = live->sha256;
  // Not with a group: the bytes are looked at before they stand there again, and that may last.
  const absl::Status taken = RunThen(
      runtime::Lane::kWrite,
      [store = &parts_.store, restoration = std::move(restoration)]() mutable {
        return store->Restore(std::move(restoration));
      },
      &UndeleteFile::OnRestored);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to write");
}

void UndeleteFile::OnRestored(absl::StatusOr<store::FileRecord> restored) {
  if (restored.ok()) {
    Tell(std::move(final_));
  } else if (absl::IsUnavailable(restored.status())) {
    TellUnknown(restored.status());
  } else {
    RefuseFor(restored.status());
  }
}

}  // namespace bitrepo::requests
