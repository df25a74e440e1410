// SPDX-License-Identifier: Apache-2.0
// Merges the audit trails of several contributors into one by time; pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "proto/operations.pb.h"

namespace bitrepo::commands {

// Records of one contributor stay in their order, also where its clock was set back.
// Loop-confined.
class TrailMerge {
 public:
  void Expect(const std::string& contributor) { trails_[contributor]; }
  void Push(const std::string& contributor, wire::AuditItem record) {
    trails_[contributor].records.push_back(std::move(record));
  }
  // No more comes of this contributor.
  void End(const std::string& contributor) { trails_[contributor].ended = true; }
  bool Empty(const std::string& contributor) const {
    const auto trail = trails_.find(contributor);
    return trail == trails_.end() || trail->second.records.empty();
  }

  struct Next {
    std::string contributor;
    wire::AuditItem record;
  };
  // The oldest of what is next; nothing while some contributor has yet to say what it has.
  std::optional<Next> Take() {
    std::pair<const std::string, Trail>* oldest = nullptr;
    for (auto& entry : trails_) {
      if (entry.second.records.empty()) {
        if (!entry.second.ended) return std::nullopt;
        continue;
      }
      if (oldest == nullptr ||
          entry.second.records.front().at_us() < oldest->second.records.front().at_us()) {
        oldest = &entry;
      }
    }
    if (oldest == nullptr) return std::nullopt;
    Next next{oldest->first, std::move(oldest->second.records.front())};
    oldest->second.records.pop_front();
    return next;
  }

 private:
  struct Trail {
    std::deque<wire::AuditItem> records;
    bool ended = false;
  };
  std::map<std::string, Trail> trails_;
};

}  // namespace bitrepo::commands
