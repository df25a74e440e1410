// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/put_file.h"

#include <utility>

#include "pillar/requests/replies.h"

namespace bitrepo::requests {

absl::Status PutFile::ReadRequest() { return ReadOrder(request().body.put_file_request()); }

void PutFile::Look() {
  Enter(Stage::kLooking);
  const absl::Status taken = RunThen(
      runtime::Lane::kWrite,
      [store = &parts_.store, target = target(), order = order()] {
        Prepared prepared;
        absl::StatusOr<store::FileRecord> existing = store->Find(target.collection, target.file_id);
        if (existing.ok()) {
          prepared.existing = *std::move(existing);
          if (Compare(*prepared.existing, order) != Likeness::kUnknown) return prepared;
        } else if (!absl::IsNotFound(existing.status()) && !absl::IsDataLoss(existing.status())) {
          // A file that is recorded but missing or damaged may come again: the store takes the
          // same bytes in its place.
          prepared.status = existing.status();
          return prepared;
        }
        MakePlace(*store, target, order, prepared);
        return prepared;
      },
      &PutFile::OnPrepared);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to write");
}

void PutFile::OnPrepared(Prepared prepared) {
  if (!GoesOn()) return;
  if (!prepared.status.ok()) {
    RefuseFor(prepared.status);
  } else if (prepared.staged == nullptr) {
    EndTaken(*prepared.existing, Compare(*prepared.existing, order()) == Likeness::kSame);
  } else {
    existing_ = std::move(prepared.existing);
    Receive(std::move(prepared.staged));
  }
}

void PutFile::OnArrived() {
  if (existing_) {
    EndTaken(*existing_, existing_->sha256 == facts().sha256);
  } else {
    Publish(std::nullopt);
  }
}

void PutFile::OnNotPublished(const absl::Status& why) {
  if (!absl::IsAlreadyExists(why)) {
    RefuseFor(why);
    return;
  }
  // The id is recorded, and what is recorded is not what came.
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, target = target()] {
        return store->Find(target.collection, target.file_id);
      },
      &PutFile::OnFoundOther);
  if (!taken.ok()) Refuse(wire::BUSY, "the pillar has too much to read");
}

void PutFile::OnFoundOther(absl::StatusOr<store::FileRecord> existing) {
  if (!existing.ok()) {
    // Recorded and damaged here; were these its bytes, the store would have taken them.
    Refuse(absl::IsDataLoss(existing.status()) ? wire::DUPLICATE_FILE_FAILURE
                                               : CodeOfStore(existing.status()),
           existing.status().message());
    return;
  }
  EndTaken(*existing,
           existing->size_bytes == facts().size_bytes && existing->sha256 == facts().sha256);
}

void PutFile::EndTaken(const store::FileRecord& existing, bool same) {
  if (same) {
    EndHeld(existing);
    return;
  }
  DropArrived();
  wire::Body final = Completed(InfoOf(existing), false, {});
  *final.mutable_response() =
      MakeResponse(wire::DUPLICATE_FILE_FAILURE, "the id is taken by a file with other bytes");
  Close(std::move(final));
}

wire::Body PutFile::Accepted(bool digest_only, uint64_t held_bytes) const {
  wire::Body body = AcceptedBody(wire::PUT_FILE);
  body.mutable_put_file_progress()->set_digest_only(digest_only);
  body.mutable_put_file_progress()->set_held_bytes(held_bytes);
  return body;
}

wire::Body PutFile::Completed(const wire::FileInfo& file, bool already_held,
                              std::vector<wire::Digest> digests) const {
  wire::Body body =
      FinalBody(wire::PUT_FILE, wire::OPERATION_COMPLETED, already_held ? kAlreadySo : "");
  wire::PutFileFinal& final = *body.mutable_put_file_final();
  *final.mutable_file() = file;
  final.set_already_held(already_held);
  for (wire::Digest& digest : digests) *final.add_digests() = std::move(digest);
  return body;
}

}  // namespace bitrepo::requests
