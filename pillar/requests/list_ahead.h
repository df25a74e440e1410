// SPDX-License-Identifier: Apache-2.0
// The next pages of lists, made while the pages before them are on their way: an asker that has
// turned one page will turn the next.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "pillar/requests/list_work.h"

namespace bitrepo::requests {

inline constexpr size_t kPagesAheadMax = 8;  // kept for all askers; of one the newest
inline constexpr absl::Duration kPageAheadKept = absl::Seconds(5);

// A page is as the store was when it was made, at most kPageAheadKept ago; what is lost by a full
// lane or a forgotten page is only the start: the request makes its page itself.
// Threads:  loop-confined. Lifetime: loop, workers and what the work stands on outlive it.
class ListAhead {
 public:
  // The work, done or failed as its last slice says.
  using Ready = absl::AnyInvocable<void(std::shared_ptr<ListWork> work, ListWork::Slice slice)>;

  ListAhead(runtime::EventLoop& loop, runtime::WorkerPool& workers)
      : loop_(loop), workers_(workers) {}
  ListAhead(const ListAhead&) = delete;
  ListAhead& operator=(const ListAhead&) = delete;

  // Begins the page behind the one that `work` has just given away; `key` says who will ask for
  // it, and how. Requires: no files are read for the list.
  void Make(std::string key, std::shared_ptr<ListWork> work);
  // True: that page is made or being made, and `ready` is called with it on the loop, never from
  // inside this call.
  bool Take(const std::string& key, Ready ready);
  size_t pages() const { return pages_.size(); }

 private:
  struct Page {
    std::string key;
    std::shared_ptr<ListWork> work;
    absl::Time made_at = absl::InfiniteFuture();
    ListWork::Slice slice;
    Ready ready;  // of the request that waits for it
  };
  void Run(const std::shared_ptr<Page>& page);
  void OnSlice(const std::shared_ptr<Page>& page, ListWork::Slice slice);
  void GiveOut(const std::shared_ptr<Page>& page);
  void ForgetOld();

  runtime::EventLoop& loop_;
  runtime::WorkerPool& workers_;
  std::list<std::shared_ptr<Page>> pages_;  // the oldest first; none that was taken
  const std::shared_ptr<ListAhead*> self_ = std::make_shared<ListAhead*>(this);
};

}  // namespace bitrepo::requests
