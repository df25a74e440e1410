// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/list_ahead.h"

#include <algorithm>

namespace bitrepo::requests {

void ListAhead::Make(std::string key, std::shared_ptr<ListWork> work) {
  ForgetOld();
  if (pages_.size() == kPagesAheadMax) pages_.pop_front();
  auto page = std::make_shared<Page>();
  page->key = std::move(key);
  page->work = std::move(work);
  page->work->TurnPage();
  pages_.push_back(page);
  Run(page);
}

void ListAhead::Run(const std::shared_ptr<Page>& page) {
  const absl::Status taken = workers_.Submit(
      runtime::Lane::kRead, runtime::StrandId::kNone,
      [loop = &loop_, self = std::weak_ptr(self_), page]() mutable {
        auto slice = std::make_shared<ListWork::Slice>(page->work->Run());
        loop->Post([self = std::move(self), page = std::move(page), slice = std::move(slice)] {
          if (const auto alive = self.lock()) (*alive)->OnSlice(page, std::move(*slice));
        });
      });
  if (taken.ok()) return;
  ListWork::Slice refused;
  refused.status = taken;
  OnSlice(page, std::move(refused));
}

void ListAhead::OnSlice(const std::shared_ptr<Page>& page, ListWork::Slice slice) {
  const bool kept = std::find(pages_.begin(), pages_.end(), page) != pages_.end();
  if (!kept && !page->ready) return;  // for newer ones it was forgotten
  for (auto& loss : page->slice.losses) slice.losses.push_back(std::move(loss));
  page->slice = std::move(slice);
  if (page->slice.status.ok() && !page->slice.done) {
    Run(page);
    return;
  }
  page->made_at = loop_.Now();
  if (page->ready) {
    GiveOut(page);
  } else if (!page->slice.status.ok()) {
    pages_.remove(page);
  } else {
    loop_.RunAfter(kPageAheadKept, [self = std::weak_ptr(self_)] {
      if (const auto alive = self.lock()) (*alive)->ForgetOld();
    });
  }
}

bool ListAhead::Take(const std::string& key, Ready ready) {
  ForgetOld();
  const auto found = std::find_if(pages_.begin(), pages_.end(),
                                  [&key](const auto& page) { return page->key == key; });
  if (found == pages_.end()) return false;
  const std::shared_ptr<Page> page = *found;
  pages_.erase(found);
  page->ready = std::move(ready);
  if (page->made_at != absl::InfiniteFuture()) GiveOut(page);
  return true;
}

void ListAhead::GiveOut(const std::shared_ptr<Page>& page) {
  loop_.Post([page] { page->ready(std::move(page->work), std::move(page->slice)); });
}

void ListAhead::ForgetOld() {
  const absl::Time now = loop_.Now();
  pages_.remove_if([now](const auto& page) { return now - page->made_at >= kPageAheadKept; });
}

}  // namespace bitrepo::requests
