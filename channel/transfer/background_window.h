// SPDX-License-Identifier: Apache-2.0
// How much a background transfer may have under way: as much as does not make others wait.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/time/time.h"

namespace bitrepo::transfer {

inline constexpr absl::Duration kBackgroundTarget = absl::Milliseconds(25);  // of delay it may add
inline constexpr uint64_t kBackgroundSegmentBytes = 64 * 1024;
// While bytes of others have come within this time it has one segment under way, and one in this
// time.
inline constexpr absl::Duration kBackgroundYield = absl::Milliseconds(100);

// A window at the receiver after RFC 6817 (LEDBAT): delay is the time from a grant to the arrival
// of its last byte, queueing is what of that is more than the least seen lately. The window grows
// by a segment in each turn while there is no queueing, less as that nears the target, and shrinks
// beyond it. Pure; loop-confined; `now` never falls.
class BackgroundWindow {
 public:
  void OnGranted(uint64_t bytes, absl::Time now);
  void OnArrived(uint64_t bytes, absl::Time now);
  // Bytes of others came.
  void OnOthers(absl::Time now);

  bool yields(absl::Time now) const { return now < yields_until_; }
  // What may be granted now; less than `segment` is none.
  uint64_t Room(uint64_t segment, absl::Time now) const;
  // When there may be room without an arrival; infinite when there is room only by that.
  absl::Time RoomAt(absl::Time now) const;
  uint64_t bytes() const { return bytes_; }

 private:
  void Adjust(uint64_t bytes, absl::Duration delay, absl::Time now);
  absl::Duration Queueing(absl::Duration delay, absl::Time now);

  struct Granted {
    uint64_t end = 0;  // of all that was granted until then
    absl::Time when;
  };
  // The least delay of each of the last minutes: a path may become longer.
  static constexpr size_t kMinutesKept = 10;
  static constexpr size_t kDelaysKept = 4;  // the least of the last few: one late one is chance
  uint64_t bytes_ = kBackgroundSegmentBytes;
  uint64_t granted_ = 0;
  uint64_t arrived_ = 0;
  std::deque<Granted> under_way_;
  std::deque<absl::Duration> least_;  // by minute, the present one last
  std::deque<absl::Duration> latest_;
  absl::Time minute_ends_ = absl::InfinitePast();
  absl::Time last_grant_ = absl::InfinitePast();
  absl::Time yields_until_ = absl::InfinitePast();
};

}  // namespace bitrepo::transfer
