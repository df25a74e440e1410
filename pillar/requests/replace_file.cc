// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/replace_file.h"

#include <utility>

#include "base/status.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {

absl::Status ReplaceFile::ReadRequest() {
  const wire::ReplaceFileRequest& asked = request().body.replace_file_request();
  std::optional<base::Digest> old_digest;
  if (asked.has_old_digest()) {
    BITREPO_ASSIGN_OR_RETURN(old_digest, FromWire(asked.old_digest()));
  }
  old_wish_ = DigestWish(asked.has_old_checksums() ? &asked.old_checksums() : nullptr, old_digest);
  return ReadOrder(asked);
}

void ReplaceFile::Look() {
  if (!old_wish_.named()) {
    RefuseAndWarn(wire::EXISTING_FILE_CHECKSUM_FAILURE,
                  "the request does not name the digest of the file to be replaced");
    return;
  }
  Enter(Stage::kLooking);
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, target = target()] { return FindLive(*store, target); },
      &ReplaceFile::OnFound);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to read");
}

void ReplaceFile::OnFound(absl::StatusOr<std::optional<store::FileRecord>> live) {
  if (!GoesOn()) return;
  if (!live.ok()) {
    RefuseFor(live.status());
    return;
  }
  if (!*live) {
    Refuse(wire::FILE_NOT_FOUND_FAILURE, "there is no such file to be replaced: put it");
    return;
  }
  old_ = **std::move(live);
  // Before the old digest is judged: the replace may have been made by an earlier request.
  if (old_->trouble.empty() && Compare(*old_, order()) == Likeness::kSame) {
    EndHeld(*old_);
    return;
  }
  Prove(*old_, old_wish_,
        [this](std::vector<wire::Digest> old_digests) { MakeRoom(std::move(old_digests)); });
}

void ReplaceFile::MakeRoom(std::vector<wire::Digest> old_digests) {
  old_digests_ = std::move(old_digests);
  const absl::Status taken = RunThen(
      runtime::Lane::kWrite,
      [store = &parts_.store, target = target(), order = order()] {
        Prepared prepared;
        MakePlace(*store, target, order, prepared);
        return prepared;
      },
      &ReplaceFile::OnPrepared);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to write");
}

void ReplaceFile::OnPrepared(Prepared prepared) {
  if (!GoesOn()) return;
  if (prepared.status.ok()) {
    Receive(std::move(prepared.staged));
  } else {
    RefuseFor(prepared.status);
  }
}

void ReplaceFile::OnArrived() {
  if (old_->trouble.empty() && old_->sha256 == facts().sha256) {
    EndHeld(*old_);
  } else {
    Publish(old_->sha256);
  }
}

void ReplaceFile::OnNotPublished(const absl::Status& why) { RefuseFor(why); }

wire::Body ReplaceFile::Accepted(bool digest_only, uint64_t held_bytes) const {
  wire::Body body = AcceptedBody(wire::REPLACE_FILE);
  body.mutable_replace_file_progress()->set_digest_only(digest_only);
  body.mutable_replace_file_progress()->set_held_bytes(held_bytes);
  return body;
}

wire::Body ReplaceFile::Completed(const wire::FileInfo& file, bool already_held,
                                  std::vector<wire::Digest> digests) const {
  wire::Body body =
      FinalBody(wire::REPLACE_FILE, wire::OPERATION_COMPLETED, already_held ? kAlreadySo : "");
  wire::ReplaceFileFinal& final = *body.mutable_replace_file_final();
  *final.mutable_file() = file;
  final.set_already_held(already_held);
  for (wire::Digest& digest : digests) *final.add_digests() = std::move(digest);
  if (already_held) return body;
  *final.mutable_replaced() = InfoOf(*old_);
  for (const wire::Digest& digest : old_digests_) *final.add_old_digests() = digest;
  return body;
}

}  // namespace bitrepo::requests
