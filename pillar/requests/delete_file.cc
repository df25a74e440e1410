// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/delete_file.h"

#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

uint32_t CopiesNeeded(const RequestParts& parts, const base::CollectionId& collection) {
  const auto set = parts.min_copies.find(collection);
  return set == parts.min_copies.end() ? kMinCopies : set->second;
}

}  // namespace

uint32_t CountCopies(const wire::DeleteFileRequest& request, const base::Digest& sha256,
                     absl::string_view self, absl::Time wall_now) {
  std::set<std::string> pillars;
  for (const wire::CopyProof& copy : request.copies()) {
    const absl::Time calculated_at = absl::FromUnixMicros(copy.calculated_at_us());
    if (copy.pillar_id() != self && copy.digest().algorithm() == wire::SHA256 &&
        copy.digest().value() == sha256.bytes() && wall_now - calculated_at <= kCopyProofTerm &&
        calculated_at - wall_now <= kClockAhead) {
      pillars.insert(copy.pillar_id());
    }
  }
  return static_cast<uint32_t>(pillars.size());
}

absl::Status DeleteFile::ReadRequest() {
  const wire::DeleteFileRequest& asked = request().body.delete_file_request();
  std::optional<base::Digest> digest;
  if (asked.has_digest()) {
    BITREPO_ASSIGN_OR_RETURN(digest, FromWire(asked.digest()));
  }
  wish_ = DigestWish(asked.has_checksums() ? &asked.checksums() : nullptr, digest);
  return absl::OkStatus();
}

void DeleteFile::OnTurn() {
  if (!wish_.named()) {
    RefuseAndWarn(wire::EXISTING_FILE_CHECKSUM_FAILURE,
                  "the request does not name the digest of the file to be deleted");
    return;
  }
  Enter(Stage::kLooking);
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, target = target()] { return Look(*store, target); },
      &DeleteFile::OnFound);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to read");
}

DeleteFile::Found DeleteFile::Look(store::FileStore& store, const Target& target) {
  Found found;
  absl::StatusOr<std::optional<store::FileRecord>> live = FindLive(store, target);
  found.status = live.status();
  if (!live.ok()) return found;
  found.live = *std::move(live);
  if (found.live) return found;
  absl::StatusOr<store::FileRecord> removed = store.FindRemoved(target.collection, target.file_id);
  if (removed.ok()) {
    found.removed = *std::move(removed);
  } else if (!absl::IsNotFound(removed.status())) {
    found.status = removed.status();
  }
  return found;
}

void DeleteFile::OnFound(Found found) {
  if (!GoesOn()) return;
  if (!found.status.ok()) {
    RefuseFor(found.status);
  } else if (found.live) {
    // What its record suffices to refuse is not read, and not accepted, first.
    if (wish_.named() == found.live->sha256 && RefusesForCopies(*found.live)) return;
    Prove(*found.live, wish_, [this, live = *found.live](std::vector<wire::Digest> digests) {
      if (!RefusesForCopies(live)) Remove(live, std::move(digests));
    });
  } else if (found.removed && found.removed->sha256 == *wish_.named()) {
    wire::Body final = FinalBody(wire::DELETE_FILE, wire::OPERATION_COMPLETED, kAlreadySo);
    *final.mutable_delete_file_final()->mutable_file() = InfoOf(*found.removed);
    final.mutable_delete_file_final()->set_already_gone(true);
    Close(std::move(final));
  } else {
    Refuse(wire::FILE_NOT_FOUND_FAILURE, "there is no such file");
  }
}

bool DeleteFile::RefusesForCopies(const store::FileRecord& live) {
  const wire::DeleteFileRequest& asked = request().body.delete_file_request();
  const uint32_t copies = CountCopies(asked, live.sha256, parts_.self, WallNow());
  const uint32_t needed = CopiesNeeded(parts_, target().collection);
  if (!asked.delete_everywhere().empty() || copies >= needed) return false;
  RefuseAndWarn(wire::DENIED,
                absl::StrCat("it is shown of ", copies, " other pillars that they keep the file,",
                             " and ", needed, " must: ask them for checksums that are fresh"));
  return true;
}

void DeleteFile::Remove(const store::FileRecord& live, std::vector<wire::Digest> digests) {
  Enter(Stage::kCommitting);
  final_ = FinalBody(wire::DELETE_FILE, wire::OPERATION_COMPLETED, "");
  *final_.mutable_delete_file_final()->mutable_file() = InfoOf(live);
  for (wire::Digest& digest : digests) {
    *final_.mutable_delete_file_final()->add_digests() = std::move(digest);
  }
  store::Removal removal{target().collection, target().file_id,    live.sha256,
                         WallNow(),           FinalAnswer(final_), Audit(final_)};
  parts_.commits.Remove(std::move(removal),
                        [weak = weak_from_this()](absl::StatusOr<store::FileRecord> removed) {
                          const std::shared_ptr<RequestHandler> self = weak.lock();
                          if (self == nullptr) return;
                          static_cast<DeleteFile*>(self.get())->OnRemoved(std::move(removed));
                        });
}

void DeleteFile::OnRemoved(absl::StatusOr<store::FileRecord> removed) {
  if (removed.ok()) {
    Tell(std::move(final_));
  } else if (absl::IsUnavailable(removed.status())) {
    TellUnknown(removed.status());
  } else {
    RefuseFor(removed.status());
  }
}

}  // namespace bitrepo::requests
