// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace bitrepo::base {

uint64_t Random::NextU64() {
  uint64_t value = 0;
  Fill(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

uint64_t Random::Below(uint64_t bound) {
  BITREPO_CHECK(bound > 0, "the bound is positive");
  const uint64_t first_fair = (uint64_t{0} - bound) % bound;  // 2^64 mod bound
  for (;;) {
    const uint64_t value = NextU64();
    if (value >= first_fair) {
      return value % bound;
    }
  }
}

std::string Random::Bytes(size_t count) {
  std::string bytes(count, '\0');
  Fill(std::as_writable_bytes(std::span(bytes)));
  return bytes;
}

absl::Duration Random::Jitter(absl::Duration duration) {
  constexpr uint64_t kSteps = 1u << 20;
  return duration * (0.8 + 0.4 * static_cast<double>(Below(kSteps)) / double{kSteps});
}

void SystemRandom::Fill(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = getrandom(bytes.data(), bytes.size(), 0);
    if (got < 0) {
      BITREPO_CHECK(errno == EINTR, "the kernel gives random bytes");
      continue;
    }
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

// splitmix64 spreads the seed over the state, as the authors of xoshiro advise.
SeededRandom::SeededRandom(uint64_t seed) {
  for (uint64_t& word : state_) {
    seed += 0x9e3779b97f4a7c15;
    uint64_t mixed = seed;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    word = mixed ^ (mixed >> 31);
  }
}

uint64_t SeededRandom::Step() {
  const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::Fill(std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const uint64_t word = Step();
    const size_t count = std::min(bytes.size(), sizeof word);
    std::memcpy(bytes.data(), &word, count);
    bytes = bytes.subspan(count);
  }
}

}  // namespace bitrepo::base
