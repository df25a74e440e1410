// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/background_window.h"

#include <algorithm>

#include "channel/transfer/credit.h"

namespace bitrepo::transfer {

void BackgroundWindow::OnGranted(uint64_t bytes, absl::Time now) {
  granted_ += bytes;
  last_grant_ = now;
  under_way_.push_back({granted_, now});
}

void BackgroundWindow::OnArrived(uint64_t bytes, absl::Time now) {
  arrived_ += bytes;
  absl::Time granted_at = absl::InfinitePast();
  while (!under_way_.empty() && under_way_.front().end <= arrived_) {
    granted_at = under_way_.front().when;
    under_way_.pop_front();
  }
  if (granted_at != absl::InfinitePast() && !yields(now)) Adjust(bytes, now - granted_at, now);
}

void BackgroundWindow::OnOthers(absl::Time now) {
  yields_until_ = now + kBackgroundYield;
  bytes_ = kBackgroundSegmentBytes;
}

void BackgroundWindow::Adjust(uint64_t bytes, absl::Duration delay, absl::Time now) {
  const double off_target =
      absl::FDivDuration(kBackgroundTarget - Queueing(delay, now), kBackgroundTarget);
  // By at most half at once: one late segment is no reason to begin anew.
  const auto window = static_cast<double>(bytes_);
  const double change = std::max(off_target, -1.0) * static_cast<double>(bytes) *
                        static_cast<double>(kBackgroundSegmentBytes) / window;
  const double next = std::max(window + change, window / 2);
  bytes_ = std::clamp(static_cast<uint64_t>(next), kBackgroundSegmentBytes, kStreamWindowBytes);
}

absl::Duration BackgroundWindow::Queueing(absl::Duration delay, absl::Time now) {
  if (now >= minute_ends_) {
    minute_ends_ = now + absl::Minutes(1);
    least_.push_back(delay);
    if (least_.size() > kMinutesKept) least_.pop_front();
  }
  least_.back() = std::min(least_.back(), delay);
  latest_.push_back(delay);
  if (latest_.size() > kDelaysKept) latest_.pop_front();
  return *std::min_element(latest_.begin(), latest_.end()) -
         *std::min_element(least_.begin(), least_.end());
}

uint64_t BackgroundWindow::Room(uint64_t segment, absl::Time now) const {
  const uint64_t under_way = granted_ - arrived_;
  if (yields(now)) {
    return under_way == 0 && now - last_grant_ >= kBackgroundYield ? segment : 0;
  }
  const uint64_t room = bytes_ - std::min(bytes_, under_way);
  return room >= segment ? room : 0;
}

absl::Time BackgroundWindow::RoomAt(absl::Time now) const {
  if (!yields(now)) return absl::InfiniteFuture();
  const bool may_have_one = granted_ == arrived_;
  return may_have_one ? std::min(yields_until_, last_grant_ + kBackgroundYield) : yields_until_;
}

}  // namespace bitrepo::transfer
