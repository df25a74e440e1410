// SPDX-License-Identifier: Apache-2.0
// What a list request asks for: which files, what of each, and how its items are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/byte_range.h"
#include "bus/protocol/envelope.h"
#include "google/protobuf/message_lite.h"
#include "pillar/store/file_store.h"

namespace bitrepo::requests {

// One answer of a list: a file, or one block of it.
struct ListEntry {
  base::FileId file_id;
  absl::StatusOr<store::FileRecord> record;  // kNotFound: named, and not held
  base::ByteRange range = {};                // to be digested
  uint64_t block = 0;                        // number of it
};

// What was found out about an entry.
struct Finding {
  const ListEntry& entry;
  std::vector<wire::Digest> digests;  // as asked for; empty with trouble, or when none are
  absl::Time calculated_at;           // wall clock
  absl::Status trouble;               // why there are no digests, or no file
};

// Adds the item of a finding to the final that `body` holds; returns it.
using AddItem = const google::protobuf::MessageLite& (*)(Finding&& finding, wire::Body& body);

// The words of one request, checked. Immutable once it is made.
struct ListOrder {
  wire::Operation operation = wire::OPERATION_UNSPECIFIED;
  base::CollectionId collection;
  wire::FileSelection files;
  wire::PageSpec page;
  // A digest of all that is asked, but which page: a cursor is good for the same question only.
  std::string question = {};
  store::Window stored = {};
  store::Window verified = {};
  bool removed = false;  // the generations in quarantine

  std::vector<wire::DigestAlgorithm> algorithms = {};  // empty: no digests are made
  std::string salt = {};
  bool fresh = false;
  uint64_t offset_bytes = 0;
  std::optional<uint64_t> length_bytes = {};
  uint64_t block_bytes = 0;  // 0: no blocks

  AddItem add_item = nullptr;
  size_t item_fields_bytes = 0;  // tags, lengths and numbers of an item on the wire, at most

  // Of an item on the wire, at most. `sound`: it is known to have no trouble.
  size_t ItemBytes(absl::string_view file_id, bool sound) const;

  bool has_range() const { return offset_bytes > 0 || length_bytes.has_value(); }
  // Bytes must be read: what is on record does not answer it.
  bool reads() const;
  // It holds for the record what the windows say.
  bool Admits(const store::FileRecord& record) const {
    return stored.Holds(record.stored_at) && verified.Holds(record.verified_at);
  }
};

// The order for the operation of `request`; `default_algorithm` is asked for where it names none.
// kInvalidArgument: not understood; kUnimplemented: not supported.
absl::StatusOr<ListOrder> OrderOf(const protocol::Envelope& request,
                                  wire::DigestAlgorithm default_algorithm);

// What the operations' own readers share: collection, files, page and question of `request`.
absl::StatusOr<ListOrder> BeginOrder(const protocol::Envelope& request,
                                     const wire::FileSelection& files,
                                     const google::protobuf::MessageLite& asked);
// Takes over which digests are asked for.
void AskDigests(const wire::ChecksumSpec& spec, wire::DigestAlgorithm default_algorithm,
                ListOrder& order);
store::Window WindowOf(const wire::TimeWindow& window);
// Of the item that says why: short enough for a list.
wire::ResponseInfo TroubleOf(const absl::Status& why);
// The record of an entry as it is told, or its id alone where it is not held.
wire::FileInfo ListedInfo(const Finding& finding);

inline constexpr size_t kTroubleTextBytesMax = 200;

}  // namespace bitrepo::requests
