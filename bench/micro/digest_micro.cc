// SPDX-License-Identifier: Apache-2.0
// What digesting and sealing one segment costs: every byte of every file passes through these.
#include <benchmark/benchmark.h>

#include <span>
#include <string>

#include "base/checksum.h"
#include "channel/transfer/frame.h"

namespace bitrepo::bench {
namespace {

const std::string& Segment() {
  static const std::string kSegment(transfer::kSegmentBytesMax, 's');
  return kSegment;
}

void CountBytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * Segment().size()));
}

void DigestOfSegment(benchmark::State& state) {
  const auto algorithm = static_cast<base::Algorithm>(state.range(0));
  state.SetLabel(std::string(base::AlgorithmName(algorithm)));
  base::Hasher hasher(algorithm);
  for (auto unused : state) hasher.Update(Segment());
  CountBytes(state);
}
BENCHMARK(DigestOfSegment)
    ->Arg(static_cast<int>(base::Algorithm::kSha256))
    ->Arg(static_cast<int>(base::Algorithm::kSha512))
    ->Arg(static_cast<int>(base::Algorithm::kMd5));

void DigestOfBlock(benchmark::State& state) {
  const auto block = std::as_bytes(std::span(Segment()));
  for (auto unused : state) benchmark::DoNotOptimize(base::DigestBlock(block));
  CountBytes(state);
}
BENCHMARK(DigestOfBlock);

void SealFrame(benchmark::State& state) {
  const auto payload = std::as_bytes(std::span(Segment()));
  transfer::FrameHeader header;
  header.type = transfer::FrameType::kData;
  header.stream = 1;
  for (auto unused : state) {
    ++header.sequence;
    benchmark::DoNotOptimize(transfer::SerializeHeader(header, payload));
  }
  CountBytes(state);
}
BENCHMARK(SealFrame);

void CheckFrame(benchmark::State& state) {
  const auto payload = std::as_bytes(std::span(Segment()));
  transfer::FrameHeader header;
  header.type = transfer::FrameType::kData;
  header.stream = 1;
  const std::string sealed = transfer::SerializeHeader(header, payload);
  const auto bytes = std::as_bytes(std::span(sealed));
  for (auto unused : state) {
    if (!transfer::ParseHeader(bytes).ok() || !transfer::CheckHolds(bytes, payload)) {
      state.SkipWithError("the frame does not hold");
    }
  }
  CountBytes(state);
}
BENCHMARK(CheckFrame);

}  // namespace
}  // namespace bitrepo::bench
