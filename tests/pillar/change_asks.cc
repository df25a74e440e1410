// SPDX-License-Identifier: Apache-2.0
#include "tests/pillar/change_asks.h"

#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pillar/requests/file_digester.h"

namespace bitrepo::pillar {

using protocol::Envelope;

wire::Digest WireSha256Of(absl::string_view bytes) { return WireDigestOf(wire::SHA256, bytes); }

wire::Digest WireDigestOf(wire::DigestAlgorithm algorithm, absl::string_view bytes,
                          absl::string_view salt) {
  requests::FileDigester digester = *requests::FileDigester::Make({algorithm}, salt);
  digester.Update(std::as_bytes(std::span(bytes.data(), bytes.size())));
  return digester.Finish().front();
}

PillarRig::Ask ReplaceAsk(absl::string_view file_id, absl::string_view new_bytes,
                          std::optional<absl::string_view> old_bytes) {
  PillarRig::Ask ask;
  ask.operation = wire::REPLACE_FILE;
  wire::ReplaceFileRequest* replace = ask.body.mutable_replace_file_request();
  replace->set_file_id(std::string(file_id));
  replace->set_size_bytes(new_bytes.size());
  *replace->mutable_digest() = WireSha256Of(new_bytes);
  if (old_bytes) *replace->mutable_old_digest() = WireSha256Of(*old_bytes);
  return ask;
}

PillarRig::Ask PutAsk(absl::string_view file_id, absl::string_view bytes) {
  PillarRig::Ask ask;
  ask.operation = wire::PUT_FILE;
  wire::PutFileRequest* put = ask.body.mutable_put_file_request();
  put->set_file_id(std::string(file_id));
  put->set_size_bytes(bytes.size());
  *put->mutable_digest() = WireSha256Of(bytes);
  return ask;
}

PillarRig::Ask DeleteAsk(const PillarRig& rig, absl::string_view file_id,
                         std::optional<absl::string_view> bytes) {
  PillarRig::Ask ask;
  ask.operation = wire::DELETE_FILE;
  wire::DeleteFileRequest* remove = ask.body.mutable_delete_file_request();
  remove->set_file_id(std::string(file_id));
  if (bytes) {
    *remove->mutable_digest() = WireSha256Of(*bytes);
    *remove->add_copies() = ProofOf("p2", *bytes, rig.loop.clock().WallNow());
  }
  return ask;
}

PillarRig::Ask UndeleteAsk(absl::string_view file_id, std::optional<absl::string_view> old_bytes) {
  PillarRig::Ask ask;
  ask.operation = wire::UNDELETE_FILE;
  wire::UndeleteFileRequest* undelete = ask.body.mutable_undelete_file_request();
  undelete->set_file_id(std::string(file_id));
  if (old_bytes) *undelete->mutable_old_digest() = WireSha256Of(*old_bytes);
  return ask;
}

wire::CopyProof ProofOf(absl::string_view pillar, absl::string_view bytes, absl::Time at) {
  wire::CopyProof proof;
  proof.set_pillar_id(std::string(pillar));
  *proof.mutable_digest() = WireSha256Of(bytes);
  proof.set_calculated_at_us(absl::ToUnixMicros(at));
  return proof;
}

Envelope Send(PillarRig& rig, PillarRig::Ask ask) {
  const Envelope request = rig.Request(std::move(ask));
  rig.Send(request);
  rig.Run();
  return request;
}

Envelope SendWithBytes(PillarRig& rig, PillarRig::Ask ask, const std::string& bytes) {
  const Envelope request = Send(rig, std::move(ask));
  if (rig.Token(request).empty()) return request;
  rig.Push(rig.Token(request), bytes);
  rig.Run();
  return request;
}

Envelope SendIdentify(PillarRig& rig, wire::Operation operation, wire::Body body) {
  PillarRig::Ask ask;
  ask.operation = operation;
  ask.body = std::move(body);
  const Envelope identify = rig.Identify(std::move(ask));
  rig.Send(identify);
  rig.Run();
  return identify;
}

std::string LastAudited(const PillarRig& rig) {
  const std::vector<store::AuditRecord> trail = rig.store.memory.audit();
  if (trail.empty()) return "";
  return absl::StrCat(trail.back().event.action, " ", trail.back().event.result);
}

}  // namespace bitrepo::pillar
