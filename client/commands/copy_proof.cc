// SPDX-License-Identifier: Apache-2.0
#include "client/commands/copy_proof.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"
#include "client/commands/list_run.h"
#include "client/commands/pillar_choice.h"
#include "client/wire_words.h"

namespace bitrepo::commands {
namespace {

// SHA-256, which a proof carries, and with it the algorithm in which the file was named.
wire::ChecksumSpec FreshDigests(const base::Digest& digest) {
  wire::ChecksumSpec spec;
  spec.set_fresh(true);
  spec.add_algorithms(wire::SHA256);
  if (digest.algorithm() != base::Algorithm::kSha256) {
    spec.add_algorithms(client::ToWire(digest.algorithm()));
  }
  return spec;
}

void Weigh(const std::string& pillar, const wire::ChecksumItem& item, const base::Digest& digest,
           CopyProofs& proofs) {
  if (item.has_trouble() || item.digests_size() == 0) {
    proofs.otherwise[pillar] = std::string(protocol::NameOf(item.trouble().code()));
    return;
  }
  const auto named = client::FromWire(item.digests(item.digests_size() - 1));
  if (!named.ok() || !(*named == digest)) {
    proofs.otherwise[pillar] = "it has other bytes";
    return;
  }
  wire::CopyProof proof;
  proof.set_pillar_id(pillar);
  *proof.mutable_digest() = item.digests(0);
  proof.set_calculated_at_us(item.calculated_at_us());
  proofs.copies.push_back(std::move(proof));
}

}  // namespace

std::optional<CopyProofs> ProveCopies(Session& session, client::BlockingClient& client,
                                      const base::FileId& file_id, const base::Digest& digest,
                                      const base::ComponentId& without) {
  std::optional<std::vector<base::ComponentId>> others = AskForPillars(session, client);
  if (!others) return std::nullopt;
  std::erase(*others, without);
  CopyProofs proofs;
  if (others->empty()) return proofs;
  const ListEnd end = RunList<wire::ChecksumItem>(
      session, client, {},
      [&](client::RowHandler<wire::ChecksumItem> handler) {
        return client.GetChecksums({.scope = {.collection = session.collection(),
                                              .files = SelectOne(file_id),
                                              .pillars = *others},
                                    .checksums = FreshDigests(digest),
                                    .on_rows = std::move(handler)});
      },
      [&](const client::ChecksumRow& row) {
        for (const auto& [pillar, item] : row.pillars) Weigh(pillar.text(), *item, digest, proofs);
      });
  if (!end.result.ok()) {
    if (session.interrupted() == 0) {
      session.report().Error({.code = ExitCodeFor(end.result.status()),
                              .message = std::string(end.result.status().message())});
    }
    return std::nullopt;
  }
  for (const auto& [pillar, contributor] : end.result->outcome.contributors) {
    const bool proved =
        std::any_of(proofs.copies.begin(), proofs.copies.end(),
                    [&name = pillar.text()](const auto& copy) { return copy.pillar_id() == name; });
    if (proved || proofs.otherwise.count(pillar.text()) > 0) continue;
    proofs.otherwise[pillar.text()] =
        contributor.away ? "away"
        : contributor.state == protocol::ContributorResult::State::kDone
            ? "it has no such file"
            : std::string(protocol::NameOf(contributor.code));
  }
  return proofs;
}

}  // namespace bitrepo::commands
