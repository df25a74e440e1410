// SPDX-License-Identifier: Apache-2.0
// One generation of a file as the store in memory keeps it.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "pillar/store/memory_file_store.h"

namespace bitrepo::store {

// Sequence number of what has not happened.
inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// Lives from created_seq, lies in quarantine from removed_seq, has left it at gone_seq: purged, or
// restored as a newer generation with the same content. What is gone is kept for lists that go on.
struct MemoryFileStore::Generation {
  enum class State { kHeld, kMissing, kDamaged };
  struct Content {
    std::string bytes;
    std::string block_digests;
    State state = State::kHeld;
  };

  FileRecord record;  // without its trouble
  std::shared_ptr<Content> content;
  uint64_t created_seq = 0;
  uint64_t removed_seq = kNever;
  uint64_t gone_seq = kNever;

  bool live() const { return removed_seq == kNever; }
  bool in_quarantine() const { return !live() && gone_seq == kNever; }
  bool held() const { return content->state == State::kHeld; }
  FileRecord Record() const {
    FileRecord now = record;
    now.trouble = held() ? "" : content->state == State::kMissing ? "missing" : "damaged";
    return now;
  }
};

}  // namespace bitrepo::store
