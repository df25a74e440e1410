// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/credit.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "channel/transfer/frame.h"

namespace bitrepo::transfer {

void CreditLimit::Raise(uint64_t limit) { limit_ = std::max(limit_, limit); }

bool CreditLimit::Spend(uint64_t bytes) {
  if (bytes > left()) {
    return false;
  }
  spent_ += bytes;
  return true;
}

bool CreditPool::Take(uint64_t bytes) {
  if (bytes > free_) {
    return false;
  }
  free_ -= bytes;
  return true;
}

void CreditPool::Return(uint64_t bytes) {
  BITREPO_CHECK(bytes <= bytes_max_ - free_, "no more credit comes back than was taken");
  free_ += bytes;
}

CreditWindow::CreditWindow(CreditPool& pool, uint64_t window_bytes)
    : pool_(pool), window_bytes_(window_bytes) {
  BITREPO_CHECK(window_bytes >= kSegmentBytesMax && window_bytes <= kStreamWindowBytes,
                "a window takes a segment, and no more than a sender remembers");
}

CreditWindow::~CreditWindow() {
  SetHungry(false);
  pool_.Return(committed());
}

void CreditWindow::SetHungry(bool hungry) {
  if (hungry_ != hungry) {
    hungry_ = hungry;
    pool_.hungry_ += hungry ? 1 : -1;
  }
}

bool CreditWindow::Begin(uint64_t bytes, RateFlow* flow) {
  End();
  if (committed() + bytes > window_bytes_ || !pool_.Take(bytes)) {
    return false;
  }
  limit_ = bytes;
  flow_ = flow;
  if (flow_ != nullptr) {
    flow_->OnGranted(bytes);
  }
  return true;
}

void CreditWindow::End() {
  pool_.Return(limit_ - arrived_);
  limit_ = 0;
  arrived_ = 0;
  flow_ = nullptr;
  SetHungry(false);
}

absl::Status CreditWindow::Arrive(uint64_t bytes) {
  if (bytes > limit_ - arrived_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(bytes, " bytes came where credit was left for ", limit_ - arrived_));
  }
  arrived_ += bytes;
  held_ += bytes;
  if (flow_ != nullptr) {
    flow_->OnArrived(bytes);
  }
  return absl::OkStatus();
}

void CreditWindow::Complete() {
  if (flow_ != nullptr) {
    flow_->OnComplete();
  }
}

void CreditWindow::Release(uint64_t bytes) {
  BITREPO_CHECK(bytes <= held_, "no more is released than arrived");
  held_ -= bytes;
  pool_.Return(bytes);
}

std::optional<uint64_t> CreditWindow::Grow(uint64_t to_come, bool turn, uint64_t again) {
  const uint64_t needed = to_come > ahead() ? to_come - ahead() : 0;
  const uint64_t room = window_bytes_ - std::min(committed(), window_bytes_);
  uint64_t segment = kSegmentBytesMax;
  if (flow_ != nullptr) {
    flow_->StopWaiting();
  }
  if (limited()) {
    segment = std::max(flow_->segment_bytes(), again > ahead() ? again - ahead() : 0);
  }
  // Whole segments, or all that is needed: credit in crumbs would cut the file into crumbs.
  auto useful = [needed, segment](uint64_t bytes) {
    return bytes >= needed ? needed : bytes - bytes % segment;
  };
  const uint64_t wanted = useful(room);
  if (wanted == 0) {
    SetHungry(false);
    return std::nullopt;
  }
  const bool others_wait = pool_.hungry_ > (hungry_ ? 1U : 0U);
  const uint64_t kept = committed() == 0 ? 0 : std::min(pool_.free(), pool_.reserve());
  uint64_t step = others_wait && !turn ? 0 : useful(std::min(wanted, pool_.free() - kept));
  SetHungry(step == 0);
  if (limited() && step > 0) {
    step = flow_->Room(step, segment);
  }
  if (step == 0 || !pool_.Take(step)) {
    return std::nullopt;
  }
  limit_ += step;
  if (flow_ != nullptr) {
    flow_->OnGranted(step);
  }
  return limit_;
}

}  // namespace bitrepo::transfer
