// SPDX-License-Identifier: Apache-2.0
// What the machines of a transfer cost for each segment, bytes and network aside.
#include <benchmark/benchmark.h>

#include <string>
#include <utility>
#include <variant>

#include "channel/transfer/receiver.h"
#include "channel/transfer/sender.h"

namespace bitrepo::bench {
namespace {

constexpr uint64_t kFileBytes = 1ull << 30;
constexpr uint64_t kPoolBytes = 256ull << 20;
constexpr uint32_t kSegmentBytes = transfer::kSegmentBytesMax;
constexpr int64_t kSegments = kFileBytes / kSegmentBytes;

base::Buffer SegmentBytes() {
  static const base::Buffer kBytes = base::Buffer::Of(std::string(kSegmentBytes, 's'));
  return kBytes;
}

void SendFile(benchmark::State& state) {
  for (auto unused : state) {
    transfer::SenderOutbox out;
    transfer::Sender sender({.ranges = {base::ByteRange::Whole(kFileBytes)},
                             .credit = kFileBytes,
                             .segment_bytes = kSegmentBytes},
                            out);
    while (!out.empty()) {
      const transfer::SenderOutbox effects = std::move(out);
      out.clear();
      for (const transfer::SenderEffect& effect : effects) {
        if (const auto* read = std::get_if<transfer::ReadSegment>(&effect)) {
          sender.OnRead(read->number, SegmentBytes(), out);
        }
      }
    }
    if (!sender.all_sent()) state.SkipWithError("not all was sent");
  }
  state.SetItemsProcessed(state.iterations() * kSegments);
}
BENCHMARK(SendFile)->Unit(benchmark::kMicrosecond);

void ReceiveFile(benchmark::State& state) {
  for (auto unused : state) {
    transfer::CreditPool pool(kPoolBytes);
    transfer::ReceiverSpec spec;
    spec.wanted = {base::ByteRange::Whole(kFileBytes)};
    spec.store = true;
    transfer::Receiver receiver(std::move(spec), pool);
    transfer::ReceiverOutbox out;
    if (!receiver.OnOpened(0, out)) state.SkipWithError("the pool has no room");
    receiver.OnGranted(out);
    transfer::FrameHeader header;
    header.type = transfer::FrameType::kData;
    header.length = kSegmentBytes;
    for (; header.offset < kFileBytes; header.offset += kSegmentBytes, ++header.number) {
      out.clear();
      receiver.OnData(header, SegmentBytes(), /*intact=*/true, out);
      const transfer::ReceiverOutbox effects = std::move(out);
      out.clear();
      for (const transfer::ReceiverEffect& effect : effects) {
        if (const auto* write = std::get_if<transfer::WriteSegment>(&effect)) {
          receiver.OnWritten(write->write, absl::OkStatus(), out);
        }
      }
    }
    if (receiver.written_bytes() != kFileBytes) state.SkipWithError("not all has come");
  }
  state.SetItemsProcessed(state.iterations() * kSegments);
}
BENCHMARK(ReceiveFile)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace bitrepo::bench
