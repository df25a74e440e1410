// SPDX-License-Identifier: Apache-2.0
// The alarms that were raised lately, equal ones counted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/time/time.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::watch {

struct AlarmLimits {
  size_t alarms_max = 1024;
  size_t of_one_component_max = 256;  // whoever floods pushes its own out first
};

// A pure machine. An alarm is one code of one component about one file; its text is the last one.
// What was raised longest ago is forgotten first. Loop-confined.
class AlarmDesk {
 public:
  explicit AlarmDesk(AlarmLimits limits = {}) : limits_(limits) {}

  // A copy of an alarm; all else is passed over.
  void OnCopy(const protocol::Envelope& copy, absl::Time wall_now);

  // Those for which all of the set fields hold, last raised before `place`, the newest first, at
  // most `count`; each with its place.
  struct Placed {
    uint64_t place = 0;
    wire::AlarmItem item;
  };
  std::vector<Placed> List(const wire::GetAlarmsRequest& asked, uint64_t place, size_t count) const;
  size_t size() const { return alarms_.size(); }

 private:
  using Key = std::tuple<std::string, std::string, std::string>;  // from, code, file
  void Forget(const Key& key);
  // The one raised longest ago, of all or of one component.
  Key OldestOf(const std::string* from) const;

  const AlarmLimits limits_;
  absl::btree_map<Key, Placed> alarms_;
  absl::btree_map<uint64_t, Key> by_place_;
  absl::btree_map<std::string, size_t> counts_;  // by component
  uint64_t next_place_ = 1;
};

}  // namespace bitrepo::watch
