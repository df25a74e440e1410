// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/file_line.h"

#include <algorithm>
#include <iterator>

namespace bitrepo::requests {

FileLine::Place::Place(FileLine& line, Key key, Burden burden, absl::AnyInvocable<void()> turn)
    : line_(line),
      key_(std::move(key)),
      burden_(std::move(burden)),
      turn_(std::make_shared<absl::AnyInvocable<void()>>(std::move(turn))) {}

FileLine::Place::~Place() { line_.Leave(*this); }

bool FileLine::Place::is_first() const { return line_.lines_.at(key_).front() == this; }

bool FileLine::Place::others_wait() const { return line_.lines_.at(key_).back() != this; }

const FileLine::Burden* FileLine::Place::twin_behind() const {
  if (burden_.mark.empty()) return nullptr;
  const std::list<const Place*>& places = line_.lines_.at(key_);
  const auto me = std::find(places.begin(), places.end(), this);
  const auto twin = std::find_if(std::next(me), places.end(), [this](const Place* other) {
    return other->burden_.mark == burden_.mark;
  });
  return twin == places.end() ? nullptr : &(*twin)->burden_;
}

std::unique_ptr<FileLine::Place> FileLine::Join(const base::CollectionId& collection,
                                                const base::FileId& file_id, Burden burden,
                                                absl::AnyInvocable<void()> turn) {
  std::unique_ptr<Place> place(
      new Place(*this, {collection, file_id}, std::move(burden), std::move(turn)));
  lines_[place->key_].push_back(place.get());
  return place;
}

void FileLine::Leave(const Place& place) {
  const auto line = lines_.find(place.key_);
  const bool was_first = line->second.front() == &place;
  line->second.remove(&place);
  if (line->second.empty()) {
    lines_.erase(line);
  } else if (was_first) {
    loop_.Post([turn = std::weak_ptr(line->second.front()->turn_)] {
      if (const auto alive = turn.lock()) (*alive)();
    });
  }
}

}  // namespace bitrepo::requests
