// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/alarm_desk.h"

#include "base/check.h"

namespace bitrepo::watch {
namespace {

bool IsAsked(const wire::GetAlarmsRequest& asked, const wire::AlarmItem& item) {
  const wire::TimeWindow& at = asked.at();
  return (asked.code().empty() || asked.code() == item.alarm().code()) &&
         (asked.from().empty() || asked.from() == item.from()) &&
         (!at.has_from_us() || item.last_us() >= at.from_us()) &&
         (!at.has_until_us() || item.first_us() <= at.until_us());
}

}  // namespace

void AlarmDesk::OnCopy(const protocol::Envelope& copy, absl::Time wall_now) {
  if (copy.header.kind() != wire::ALARM) {
    return;
  }
  const wire::Alarm& alarm = copy.body.alarm();
  const std::string& from = copy.header.from();
  const Key key{from, alarm.code(), alarm.file_id()};
  if (!alarms_.contains(key)) {
    if (counts_[from] >= limits_.of_one_component_max) {
      Forget(OldestOf(&from));
    } else if (alarms_.size() >= limits_.alarms_max) {
      Forget(OldestOf(nullptr));
    }
    ++counts_[from];
  }
  Placed& kept = alarms_[key];
  by_place_.erase(kept.place);
  kept.place = next_place_++;
  by_place_.emplace(kept.place, key);
  wire::AlarmItem& item = kept.item;
  *item.mutable_alarm() = alarm;
  item.set_from(from);
  item.set_collection_id(copy.header.collection_id());
  item.set_last_us(absl::ToUnixMicros(wall_now));
  if (item.count() == 0) {
    item.set_first_us(item.last_us());
  }
  item.set_count(item.count() + 1);
}

AlarmDesk::Key AlarmDesk::OldestOf(const std::string* from) const {
  for (const auto& [place, key] : by_place_) {
    if (from == nullptr || std::get<0>(key) == *from) {
      return key;
    }
  }
  BITREPO_CHECK(false, "one is only sought where there is one");
  return {};
}

void AlarmDesk::Forget(const Key& key) {
  const auto found = alarms_.find(key);
  by_place_.erase(found->second.place);
  const auto count = counts_.find(std::get<0>(key));
  if (--count->second == 0) {
    counts_.erase(count);
  }
  alarms_.erase(found);
}

std::vector<AlarmDesk::Placed> AlarmDesk::List(const wire::GetAlarmsRequest& asked, uint64_t place,
                                               size_t count) const {
  std::vector<Placed> listed;
  for (auto it = by_place_.lower_bound(place); it != by_place_.begin() && listed.size() < count;) {
    --it;
    const Placed& kept = alarms_.at(it->second);
    if (IsAsked(asked, kept.item)) {
      listed.push_back(kept);
    }
  }
  return listed;
}

}  // namespace bitrepo::watch
