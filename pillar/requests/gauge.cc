// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/gauge.h"

#include <algorithm>

namespace bitrepo::requests {
namespace {

constexpr double kFade = 0.95;        // what is left of the past after one more measurement
constexpr double kStartWeight = 0.2;  // of the newest start in the smoothed one

}  // namespace

void Gauge::Rate::Add(uint64_t more, absl::Duration took) {
  bytes = bytes * kFade + static_cast<double>(more);
  seconds = seconds * kFade + std::max(0.0, absl::ToDoubleSeconds(took));
}

uint64_t Gauge::Rate::PerSecond() const {
  return seconds > 0 ? static_cast<uint64_t>(bytes / seconds) : 0;
}

void Gauge::AddRead(uint64_t bytes, absl::Duration took) {
  base::MutexLock lock(mutex_);
  read_.Add(bytes, took);
}

void Gauge::AddSent(uint64_t bytes) {
  base::MutexLock lock(mutex_);
  out_bytes_ += bytes;
}

void Gauge::AddWrite(uint64_t bytes, absl::Duration took) {
  base::MutexLock lock(mutex_);
  write_.Add(bytes, took);
  in_bytes_ += bytes;
}

void Gauge::AddStart(absl::Duration took) {
  base::MutexLock lock(mutex_);
  took = std::max(took, absl::ZeroDuration());
  start_ = started_ ? start_ * (1 - kStartWeight) + took * kStartWeight : took;
  started_ = true;
}

Gauge::Reading Gauge::Read() const {
  base::MutexLock lock(mutex_);
  Reading reading;
  reading.read_bytes_per_second = read_.PerSecond();
  reading.write_bytes_per_second = write_.PerSecond();
  reading.start = start_;
  reading.in_bytes_per_second = in_rate_;
  reading.out_bytes_per_second = out_rate_;
  return reading;
}

void Gauge::Tick(absl::Time now) {
  base::MutexLock lock(mutex_);
  const double seconds = ticked_ == absl::InfinitePast() ? 0 : absl::ToDoubleSeconds(now - ticked_);
  if (seconds > 0) {
    in_rate_ = static_cast<uint64_t>(static_cast<double>(in_bytes_) / seconds);
    out_rate_ = static_cast<uint64_t>(static_cast<double>(out_bytes_) / seconds);
  }
  in_bytes_ = 0;
  out_bytes_ = 0;
  ticked_ = now;
}

}  // namespace bitrepo::requests
