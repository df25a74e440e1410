// SPDX-License-Identifier: Apache-2.0
// Chance as a seam: ids, tokens and jitter come from it, so that a simulation can repeat them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/time/time.h"

namespace bitrepo::base {

// Thread-safe where the implementation says so: SystemRandom is; SeededRandom is loop-confined.
class Random {
 public:
  virtual ~Random() = default;
  virtual void Fill(std::span<std::byte> bytes) = 0;
  uint64_t NextU64();
  // Uniform in [0, bound). Requires: bound > 0.
  uint64_t Below(uint64_t bound);
  std::string Bytes(size_t count);
  // `duration` times a factor in [0.8, 1.2): what keeps reconnects and resends apart.
  absl::Duration Jitter(absl::Duration duration);
};

// The kernel's (getrandom); good for secrets.
class SystemRandom final : public Random {
 public:
  void Fill(std::span<std::byte> bytes) override;
};

// Repeats for one seed (xoshiro256**, Blackman and Vigna); never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(uint64_t seed);
  void Fill(std::span<std::byte> bytes) override;

 private:
  uint64_t Step();
  uint64_t state_[4];
};

}  // namespace bitrepo::base
