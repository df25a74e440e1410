// SPDX-License-Identifier: Apache-2.0
// Merges the sorted lists of several pillars, page by page, into rows in file id order; pure.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "client/operation.h"

namespace bitrepo::client {

// Use: Expect every pillar, then OnPage and OnEnd as they come, Take what is known, and ask Hungry
// pillars for more: at most two pages of each are held.
// Loop-confined. `Item` has file_id().
template <typename Item>
class ListMerge {
 public:
  // A pillar whose pages belong to the list. Requires: before the first Take.
  void Expect(const base::ComponentId& pillar) { lists_[pillar]; }

  // The next page of a pillar; `last` when no other follows. False when its ids do not rise: the
  // list of this pillar ends before them.
  bool OnPage(const base::ComponentId& pillar, std::vector<Item> items, bool last) {
    List& list = lists_[pillar];
    if (list.ended) return true;
    list.asked = false;
    list.page_items = items.size();
    for (Item& item : items) {
      if (list.newest && item.file_id() <= *list.newest) {
        list.ended = true;
        list.broken = true;
        return false;
      }
      list.newest = item.file_id();
      list.items.push_back(std::move(item));
    }
    list.ended = last;
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
      const std::optional<std::string> id = Lowest();
      if (!id) break;
      ListRow<Item> row;
      row.file_id = *id;
      for (auto& [pillar, list] : lists_) {
        if (!list.items.empty() && list.items.front().file_id() == *id) {
          row.pillars.emplace(pillar, std::move(list.items.front()));
          list.items.pop_front();
        } else if (!list.items.empty() || !list.broken) {
          row.lacking.push_back(pillar);
        }
      }
      rows.push_back(std::move(row));
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
  struct List {
    std::deque<Item> items;
    std::optional<std::string> newest;
    size_t page_items = 0;
    bool asked = true;  // a page is on its way; the first is asked for by the request itself
    bool ended = false;
    bool broken = false;  // ended before its last page
  };

  // The id of the next row; nothing while some pillar has yet to say what it has.
  std::optional<std::string> Lowest() const {
    const std::string* lowest = nullptr;
    for (const auto& [pillar, list] : lists_) {
      if (list.items.empty()) {
        if (!list.ended) return std::nullopt;
        continue;
      }
      const std::string& id = list.items.front().file_id();
      if (lowest == nullptr || id < *lowest) lowest = &id;
    }
    return lowest == nullptr ? std::nullopt : std::optional<std::string>(*lowest);
  }

  absl::btree_map<base::ComponentId, List> lists_;
};

}  // namespace bitrepo::client
