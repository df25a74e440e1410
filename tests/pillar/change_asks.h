// SPDX-License-Identifier: Apache-2.0
// What tests ask of a pillar that changes files, and of its record of changes.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/pillar/pillar_rig.h"

namespace bitrepo::pillar {

wire::Digest WireSha256Of(absl::string_view bytes);
wire::Digest WireDigestOf(wire::DigestAlgorithm algorithm, absl::string_view bytes,
                          absl::string_view salt = "");

// Of `new_bytes`, with their size and SHA-256; without `old_bytes` no old digest is named.
PillarRig::Ask ReplaceAsk(absl::string_view file_id, absl::string_view new_bytes,
                          std::optional<absl::string_view> old_bytes);
// A put that names size and SHA-256.
PillarRig::Ask PutAsk(absl::string_view file_id, absl::string_view bytes);
// Without `bytes` no digest is named. A proof that p2 keeps them comes with it, unless it names
// none.
PillarRig::Ask DeleteAsk(const PillarRig& rig, absl::string_view file_id,
                         std::optional<absl::string_view> bytes);
PillarRig::Ask UndeleteAsk(absl::string_view file_id,
                           std::optional<absl::string_view> old_bytes = std::nullopt);
wire::CopyProof ProofOf(absl::string_view pillar, absl::string_view bytes, absl::Time at);

// Sends it, and lets it run.
protocol::Envelope Send(PillarRig& rig, PillarRig::Ask ask);
// And brings the bytes when they are asked for.
protocol::Envelope SendWithBytes(PillarRig& rig, PillarRig::Ask ask, const std::string& bytes);
// The identify of the same operation, for the file alone unless `ask` has more of it.
protocol::Envelope SendIdentify(PillarRig& rig, wire::Operation operation, wire::Body body);

// The newest audit record of the pillar; its action and result, "" when there is none.
std::string LastAudited(const PillarRig& rig);

}  // namespace bitrepo::pillar
