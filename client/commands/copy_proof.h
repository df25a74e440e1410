// SPDX-License-Identifier: Apache-2.0
// Proof that other pillars hold a file, before it is taken from one: their digests, read from the
// bytes now.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/ids.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

struct CopyProofs {
  std::vector<wire::CopyProof> copies;           // that have the digest, by pillar
  std::map<std::string, std::string> otherwise;  // pillar -> what it said instead
};

// Asks every pillar of the collection but `without` to read the file. Nothing, and reported, when
// nobody could be asked.
std::optional<CopyProofs> ProveCopies(Session& session, client::BlockingClient& client,
                                      const base::FileId& file_id, const base::Digest& digest,
                                      const base::ComponentId& without);

}  // namespace bitrepo::commands
