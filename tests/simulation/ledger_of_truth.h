// SPDX-License-Identifier: Apache-2.0
// What the clients of a simulated world were told, against which everything is checked in the end.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/operation.h"
#include "tests/simulation/changing_files.h"

namespace bitrepo::simulation {

// A promise that was broken, in words.
using Violation = std::string;

// Loop-confined.
class LedgerOfTruth {
 public:
  // Every content that any client ever offered under an id, by SHA-256 in hex.
  void Offered(const std::string& file_id, const std::string& content);
  // The end of a put: each pillar that is done has acknowledged.
  void PutEnded(const std::string& file_id, const std::string& content,
                const client::PutFileResult& result);
  // The end of a get that succeeded: bytes that were delivered for offset and length.
  void GetEnded(const std::string& file_id, uint64_t offset, std::optional<uint64_t> length,
                const client::GetFileResult& result, const std::string& delivered);
  // A list said that the pillar holds the id with this digest.
  void Listed(const std::string& pillar, const std::string& file_id, const std::string& digest_hex);

  void OperationBegan(const std::string& conversation);
  void OperationEnded(const std::string& conversation);

  struct Acknowledged {
    std::string pillar;
    std::string file_id;
    std::string digest_hex;
    bool operator<(const Acknowledged& other) const;
  };
  const std::set<Acknowledged>& acknowledged() const { return acknowledged_; }
  // Ids that some pillar has acknowledged, sorted.
  std::vector<std::string> AcknowledgedIds() const;
  // The content with that digest; nullptr when no client ever offered it.
  const std::string* Content(const std::string& digest_hex) const;
  // The digests of all that was ever offered under the id.
  const std::set<std::string>& OfferedUnder(const std::string& file_id) {
    return offered_[file_id];
  }
  ChangingFiles& changing() { return changing_; }
  const std::set<std::string>& running() const { return running_; }
  std::vector<Violation> TakeViolations() { return std::move(violations_); }
  size_t ended() const { return ended_.size(); }

 private:
  std::map<std::string, std::string> contents_;           // digest -> bytes
  std::map<std::string, std::set<std::string>> offered_;  // id -> digests
  std::set<Acknowledged> acknowledged_;
  ChangingFiles changing_;
  std::set<std::string> running_;
  std::set<std::string> ended_;
  std::vector<Violation> violations_;
};

}  // namespace bitrepo::simulation
