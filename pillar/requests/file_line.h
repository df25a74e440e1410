// SPDX-License-Identifier: Apache-2.0
// Changes of one file stand in line, so that one at a time is under way.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "base/ids.h"
#include "base/runtime/event_loop.h"

namespace bitrepo::requests {

// Why: an asker has its put accepted by the first pillar before it asks the rest. That keeps two
// askers that race for one id from splitting the pillars only if the first pillar takes up one of
// them at a time.
// Threads:  loop-confined.
// Lifetime: outlives its places.
class FileLine {
 public:
  // What a change brings: two of one mark bring the same bytes from the same asker. Empty: unlike
  // any other.
  struct Burden {
    std::string mark = {};
    std::string conversation = {};  // text form, of who brings it
  };

  // A place in the line of one file; it is left when this dies, and the next one's turn comes.
  class Place {
   public:
    ~Place();
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    bool is_first() const;
    bool others_wait() const;
    // The first of those behind that brings the same; nullptr when none does.
    const Burden* twin_behind() const;

   private:
    friend class FileLine;
    using Key = std::pair<base::CollectionId, base::FileId>;
    Place(FileLine& line, Key key, Burden burden, absl::AnyInvocable<void()> turn);

    FileLine& line_;
    const Key key_;
    const Burden burden_;
    std::shared_ptr<absl::AnyInvocable<void()>> turn_;  // posted calls die with the place
  };

  explicit FileLine(runtime::EventLoop& loop) : loop_(loop) {}

  // Joins at the end. `turn` is called on the loop, once, when those before it have left; never for
  // one that is first at once, and not after the place died.
  std::unique_ptr<Place> Join(const base::CollectionId& collection, const base::FileId& file_id,
                              Burden burden, absl::AnyInvocable<void()> turn);

 private:
  void Leave(const Place& place);

  runtime::EventLoop& loop_;
  absl::btree_map<Place::Key, std::list<const Place*>> lines_;  // never an empty one
};

}  // namespace bitrepo::requests
