// SPDX-License-Identifier: Apache-2.0
// Merges the lists of several pillars, page by page, into rows: in file id order, or in the order
// of the ids that were named; pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "base/ids.h"
#include "client/list_items.h"
#include "client/operation.h"

namespace bitrepo::client {

// One page of a pillar. The items lie in the message that they came in.
template <typename Item>
struct ListPage {
  std::shared_ptr<const google::protobuf::RepeatedPtrField<Item>> items;
  bool last = true;  // no other follows
};

// Use: Expect every pillar, then OnPage and OnEnd as they come, Take what is known, and ask Hungry
// pillars for more: at most two pages of each are held.
// Loop-confined. `Item` has the words of list_items.h.
template <typename Item>
class ListMerge {
 public:
  ListMerge() = default;
  // Lists that answer to these ids, one item for each, in their order.
  explicit ListMerge(std::vector<std::string> named) : named_(std::move(named)) {}
  // Lists that may have several items of one id, one behind the other: blocks, removed generations.
  static ListMerge WithSeveralOfOneId() {
    ListMerge merge;
    merge.several_of_one_id_ = true;
    return merge;
  }

  // A pillar whose pages belong to the list. Requires: before the first Take.
  void Expect(const base::ComponentId& pillar) { lists_[pillar]; }

  // The next page of a pillar. False when it is out of order: the
  // list of this pillar ends before what is.
  bool OnPage(const base::ComponentId& pillar, const ListPage<Item>& page) {
    List& list = lists_[pillar];
    if (list.ended) return true;
    list.asked = false;
    list.page_items = static_cast<size_t>(page.items->size());
    for (const Item& item : *page.items) {
      const std::optional<uint64_t> number = NextNumber(list, IdOf(item));
      if (!number) {
        list.ended = true;
        list.broken = true;
        return false;
      }
      list.begun = true;
      list.newest_id = IdOf(item);
      list.newest_number = *number;
      list.items.push_back({std::shared_ptr<const Item>(page.items, &item), *number});
    }
    list.ended = page.last;
    return true;
  }

  // No more comes of this pillar. When its last page has not come, its list broke off.
  void OnEnd(const base::ComponentId& pillar) {
    const auto it = lists_.find(pillar);
    if (it == lists_.end() || it->second.ended) return;
    it->second.ended = true;
    it->second.broken = true;
  }

  // The next rows, at most `limit`: those before which nothing else can come.
  std::vector<ListRow<Item>> Take(size_t limit) {
    std::vector<ListRow<Item>> rows;
    while (rows.size() < limit) {
      const Placed* lowest = Lowest();
      if (lowest == nullptr) break;
      ListRow<Item>& row = rows.emplace_back();
      row.file_id = IdOf(*lowest->item);
      row.number = named_ ? 0 : lowest->number;
      const Key key = named_ ? KeyOf(*lowest) : Key(row.file_id, row.number);
      for (auto& [pillar, list] : lists_) {
        if (!list.items.empty() && KeyOf(list.items.front()) == key) {
          std::shared_ptr<const Item> item = std::move(list.items.front().item);
          list.items.pop_front();
          if (IsNotHeld(*item)) {
            row.lacking.push_back(pillar);
          } else {
            row.pillars.emplace(pillar, std::move(item));
          }
        } else if (!named_ && (!list.items.empty() || !list.broken)) {
          row.lacking.push_back(pillar);
        }
      }
    }
    return rows;
  }

  // The pillars to be asked for their next page now; each is named once for each page.
  std::vector<base::ComponentId> Hungry() {
    std::vector<base::ComponentId> hungry;
    for (auto& [pillar, list] : lists_) {
      if (list.ended || list.asked || list.items.size() > list.page_items) continue;
      list.asked = true;
      hungry.push_back(pillar);
    }
    return hungry;
  }

 private:
  // An item and which one of its id it is (a block, a generation), or, of ids that were named, its
  // position.
  struct Placed {
    std::shared_ptr<const Item> item;
    uint64_t number = 0;
  };
  // Where an item stands; of ids that were named their position alone says it. Lives as the item.
  using Key = std::pair<absl::string_view, uint64_t>;
  struct List {
    std::deque<Placed> items;
    bool begun = false;  // there is a newest item
    std::string newest_id;
    uint64_t newest_number = 0;
    size_t page_items = 0;
    bool asked = true;  // a page is on its way; the first is asked for by the request itself
    bool ended = false;
    bool broken = false;  // ended before its last page
  };

  Key KeyOf(const Placed& placed) const {
    return {named_ ? absl::string_view() : absl::string_view(IdOf(*placed.item)), placed.number};
  }

  // The number of the item that comes next in `list`; nothing when its id may not come there.
  std::optional<uint64_t> NextNumber(const List& list, const std::string& id) const {
    if (named_) {
      const uint64_t position = list.begun ? list.newest_number + 1 : 0;
      if (position >= named_->size() || (*named_)[position] != id) return std::nullopt;
      return position;
    }
    if (!list.begun || list.newest_id < id) return 0;
    if (several_of_one_id_ && list.newest_id == id) return list.newest_number + 1;
    return std::nullopt;
  }

  // An item of the next row; nothing while some pillar has yet to say what it has, and at the end.
  const Placed* Lowest() const {
    const Placed* lowest = nullptr;
    for (const auto& [pillar, list] : lists_) {
      if (list.items.empty()) {
        if (!list.ended) return nullptr;
        continue;
      }
      const Placed& front = list.items.front();
      if (lowest == nullptr || KeyOf(front) < KeyOf(*lowest)) lowest = &front;
    }
    return lowest;
  }

  const std::optional<std::vector<std::string>> named_;
  bool several_of_one_id_ = false;
  absl::btree_map<base::ComponentId, List> lists_;
};

}  // namespace bitrepo::client
