// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/list_source.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "pillar/requests/page_cursor.h"

namespace bitrepo::requests {
namespace {

constexpr uint32_t kSampleRecords = 64;  // listed first, to see how many fill a page

absl::Status NotHeld(const store::FileRecord* record) {
  return absl::NotFoundError(record == nullptr ? "not held here" : "not in the window of time");
}

// How many items have room in so many bytes, but one.
class Room {
 public:
  Room(const ListOrder& order, size_t bytes) : order_(order), bytes_(bytes) {}
  // `record` nothing: not held.
  bool Takes(absl::string_view file_id, const store::FileRecord* record) {
    const bool sound = !order_.reads() && record != nullptr && record->trouble.empty();
    used_ += order_.ItemBytes(file_id, sound);
    if (used_ > bytes_ && items_ > 0) return false;
    ++items_;
    return true;
  }
  uint32_t items() const { return items_; }
  size_t used_bytes() const { return used_; }  // by them, and by the one that had no room

 private:
  const ListOrder& order_;
  const size_t bytes_;
  size_t used_ = 0;
  uint32_t items_ = 0;
};

// One entry; of a ranged or whole file.
class OneFile final : public ListSource {
 public:
  OneFile(store::FileStore& store, const ListOrder& order) : store_(store), order_(order) {}

  absl::StatusOr<EntryPage> Page(absl::string_view cursor,
                                 protocol::PageLimits /*limits*/) override {
    if (!cursor.empty()) {
      return absl::InvalidArgumentError("the list of one file has one page; ask without a cursor");
    }
    BITREPO_ASSIGN_OR_RETURN(const base::FileId file_id,
                             base::FileId::Parse(order_.files.file_id()));
    BITREPO_ASSIGN_OR_RETURN(store::FileRecord record, store_.Find(order_.collection, file_id));
    if (!order_.Admits(record)) return NotHeld(&record);
    BITREPO_ASSIGN_OR_RETURN(
        const base::ByteRange range,
        base::ByteRange::Within(record.size_bytes, order_.offset_bytes, order_.length_bytes));
    EntryPage page;
    page.entries.push_back({file_id, std::move(record), range});
    return page;
  }

 private:
  store::FileStore& store_;
  const ListOrder& order_;
};

// The blocks of one file, or of a range of it, by their number. Its cursor holds for the content
// that it was made of.
class BlocksOfFile final : public ListSource {
 public:
  BlocksOfFile(store::FileStore& store, const ListOrder& order)
      : store_(store), order_(order), file_(store, order) {}

  absl::StatusOr<EntryPage> Page(absl::string_view cursor, protocol::PageLimits limits) override {
    BITREPO_ASSIGN_OR_RETURN(EntryPage whole, file_.Page("", limits));
    const ListEntry& file = whole.entries.front();
    const std::string question = absl::StrCat(order_.question, file.record->generation.ToBytes());
    uint64_t block = 0;
    if (!cursor.empty()) {
      BITREPO_ASSIGN_OR_RETURN(block, OpenNumberCursor(store_.store_id(), question, cursor));
    }
    const uint64_t count =
        file.range.empty() ? 0 : (file.range.length() - 1) / order_.block_bytes + 1;
    const size_t item_bytes = order_.ItemBytes(file.file_id.text(), false);
    EntryPage page;
    for (; block < count && page.entries.size() < limits.items &&
           (page.entries.empty() || (page.entries.size() + 1) * item_bytes <= limits.bytes);
         ++block) {
      const uint64_t begin = block * order_.block_bytes;
      const uint64_t length = std::min(order_.block_bytes, file.range.length() - begin);
      BITREPO_ASSIGN_OR_RETURN(const base::ByteRange range,
                               base::ByteRange::Make(file.range.offset() + begin, length));
      page.entries.push_back({file.file_id, file.record, range, block});
    }
    if (block < count) page.next_cursor = SealCursor(store_.store_id(), question, block);
    return page;
  }

 private:
  store::FileStore& store_;
  const ListOrder& order_;
  OneFile file_;
};

// The ids in the request itself, in their order, as often as they are named.
class NamedFiles final : public ListSource {
 public:
  NamedFiles(store::FileStore& store, const ListOrder& order) : store_(store), order_(order) {}

  absl::StatusOr<EntryPage> Page(absl::string_view cursor, protocol::PageLimits limits) override {
    uint64_t position = 0;
    if (!cursor.empty()) {
      BITREPO_ASSIGN_OR_RETURN(position,
                               OpenNumberCursor(store_.store_id(), order_.question, cursor));
    }
    const auto& named = order_.files.list().file_ids();
    const auto count = static_cast<uint64_t>(named.size());
    const size_t items = std::min<size_t>(limits.items, store::kFindManyMax);
    std::vector<base::FileId> file_ids;
    for (uint64_t at = position; at < count && file_ids.size() < items; ++at) {
      BITREPO_ASSIGN_OR_RETURN(base::FileId file_id,
                               base::FileId::Parse(named.Get(static_cast<int>(at))));
      file_ids.push_back(std::move(file_id));
    }
    EntryPage page;
    BITREPO_ASSIGN_OR_RETURN(page.entries, LookUp(store_, order_, file_ids));
    Room room(order_, limits.bytes);
    for (const ListEntry& entry : page.entries) {
      if (!room.Takes(entry.file_id.text(), entry.record.ok() ? &*entry.record : nullptr)) break;
    }
    page.entries.erase(page.entries.begin() + room.items(), page.entries.end());
    position += room.items();
    if (position < count) {
      page.next_cursor = SealCursor(store_.store_id(), order_.question, position);
    }
    return page;
  }

 private:
  store::FileStore& store_;
  const ListOrder& order_;
};

// All, or those of a prefix, in the order of ids; or the removed generations of one id.
class QueriedFiles final : public ListSource {
 public:
  QueriedFiles(store::FileStore& store, const ListOrder& order)
      : store_(store),
        order_(order),
        query_{.collection = order.collection,
               .question = order.question,
               .prefix = order.files.prefix(),
               .stored = order.stored,
               .verified = order.verified,
               .removed = order.removed} {}

  absl::StatusOr<EntryPage> Page(absl::string_view cursor, protocol::PageLimits limits) override {
    if (order_.files.has_file_id()) {
      BITREPO_ASSIGN_OR_RETURN(query_.only, base::FileId::Parse(order_.files.file_id()));
    }
    BITREPO_ASSIGN_OR_RETURN(store::RecordPage found, Fitting(cursor, limits));
    if (query_.only && cursor.empty() && found.records.empty()) return NotHeld(nullptr);
    EntryPage page;
    page.entries.reserve(found.records.size());
    for (store::FileRecord& record : found.records) {
      base::FileId file_id = record.file_id;
      const base::ByteRange whole = base::ByteRange::Whole(record.size_bytes);
      page.entries.push_back({std::move(file_id), std::move(record), whole});
    }
    page.next_cursor = std::move(found.next_cursor);
    return page;
  }

 private:
  // A cursor stands behind the last record of its page. So what has room is guessed by the first
  // few; where the guess was too high, the page is asked for again, to end where it is full.
  absl::StatusOr<store::RecordPage> Fitting(absl::string_view cursor, protocol::PageLimits limits) {
    const bool all_fit =
        limits.items <=
        limits.bytes / order_.ItemBytes(std::string(base::kFileIdBytesMax, 'x'), false);
    uint32_t asked = limits.items;
    if (!all_fit && limits.items > kSampleRecords) {
      BITREPO_ASSIGN_OR_RETURN(store::RecordPage sample,
                               store_.List(query_, kSampleRecords, cursor));
      const Room room = Fill(sample, limits);
      if (room.items() == sample.records.size()) {
        if (sample.next_cursor.empty() || sample.records.empty()) return sample;
        asked = static_cast<uint32_t>(std::clamp<size_t>(
            limits.bytes / (room.used_bytes() / room.items()) * 15 / 16, 1, limits.items));
      } else {
        asked = room.items();
      }
    }
    for (;;) {
      BITREPO_ASSIGN_OR_RETURN(store::RecordPage found, store_.List(query_, asked, cursor));
      const Room room = Fill(found, limits);
      if (room.items() == found.records.size()) return found;
      asked = room.items();
    }
  }

  Room Fill(const store::RecordPage& page, const protocol::PageLimits& limits) const {
    Room room(order_, limits.bytes);
    for (const store::FileRecord& record : page.records) {
      if (!room.Takes(record.file_id.text(), &record)) break;
    }
    return room;
  }

  store::FileStore& store_;
  const ListOrder& order_;
  store::ListQuery query_;
};

}  // namespace

std::unique_ptr<ListSource> MakeListSource(store::FileStore& store, const ListOrder& order) {
  if (order.files.has_list()) return std::make_unique<NamedFiles>(store, order);
  if (!order.files.has_file_id() || order.removed) {
    return std::make_unique<QueriedFiles>(store, order);
  }
  if (order.block_bytes > 0) return std::make_unique<BlocksOfFile>(store, order);
  return std::make_unique<OneFile>(store, order);
}

absl::StatusOr<std::vector<ListEntry>> LookUp(store::FileStore& store, const ListOrder& order,
                                              const std::vector<base::FileId>& file_ids) {
  if (file_ids.empty()) return std::vector<ListEntry>();
  BITREPO_ASSIGN_OR_RETURN(auto found, store.FindMany(order.collection, file_ids));
  std::vector<ListEntry> entries;
  entries.reserve(file_ids.size());
  for (size_t i = 0; i < file_ids.size(); ++i) {
    absl::StatusOr<store::FileRecord>& record = found[i];
    if (!record.ok() && !absl::IsNotFound(record.status())) return record.status();
    base::ByteRange whole;
    if (!record.ok()) {
      record = NotHeld(nullptr);
    } else if (!order.Admits(*record)) {
      record = NotHeld(&*record);
    } else {
      whole = base::ByteRange::Whole(record->size_bytes);
    }
    entries.push_back({file_ids[i], std::move(record), whole});
  }
  return entries;
}

}  // namespace bitrepo::requests
