// SPDX-License-Identifier: Apache-2.0
// What may stand under ids whose content one user changes over and over: replaced, deleted, brought
// back.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "bus/protocol/conversation.h"

namespace bitrepo::simulation {

// A digest in hex; nothing: there is no such file.
using Standing = std::optional<std::string>;

// Each id is changed by one user, one operation after another. A pillar that has done the last one
// holds what it says, and one that may have done it, or may yet do it, holds that or what stood
// there before.
// Loop-confined.
class ChangingFiles {
 public:
  // An operation ended that was to leave `standing` under the id at `pillars`.
  void Ended(const std::string& file_id, const std::vector<std::string>& pillars,
             const protocol::Outcome& outcome, const Standing& standing);
  // An operation ended that was to leave at each pillar something of what stood there once: it told
  // at which it did, and what.
  void Returned(const std::string& file_id, const std::vector<std::string>& pillars,
                const std::map<std::string, std::string>& told);
  // What the user of the id would name as standing there now: what the most pillars surely hold.
  Standing Likely(const std::string& file_id) const;
  // Whether the pillar may hold this, by all that was told.
  bool MayStand(const std::string& pillar, const std::string& file_id,
                const Standing& standing) const;
  // Every id that was ever changed, sorted.
  std::vector<std::string> Ids() const;
  // Pairs of pillar and id of which it is known for certain what stands there.
  size_t certain() const;

 private:
  struct Place {
    Standing last;               // of the last operation that was done for certain
    std::set<Standing> perhaps;  // effects that may have come about, or may yet come
    std::set<Standing> ever;     // all that any operation was to leave
  };
  std::map<std::string, std::map<std::string, Place>> places_;  // id, pillar
};

}  // namespace bitrepo::simulation
