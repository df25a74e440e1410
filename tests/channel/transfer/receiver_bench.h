// SPDX-License-Identifier: Apache-2.0
// A receiver on an open stream, fed by a test that looks at what it wants.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "channel/transfer/receiver.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {

inline constexpr uint64_t kMiB = 1024 * 1024;

inline base::ByteRange Range(uint64_t offset, uint64_t length) {
  return base::ByteRange::Make(offset, length).value();
}
inline ReceiverSpec Store(uint64_t length) { return {{Range(0, length)}, true, true, false, {}}; }
inline ReceiverSpec StoreOfUnknownLength(uint64_t most) {
  return {{Range(0, most)}, true, false, false, {}};
}
inline ReceiverSpec Fetch(std::vector<base::ByteRange> ranges) {
  return {std::move(ranges), false, true, false, {}};
}

// Of the frame as it would have come, with a sequence of its own.
inline FrameHeader HeaderOf(uint64_t number, uint64_t offset, const std::string& bytes) {
  static uint64_t sequence = 0;
  FrameHeader header;
  header.type = FrameType::kData;
  header.stream = 1;
  header.number = number;
  header.offset = offset;
  header.sequence = ++sequence;
  const std::string sealed =
      SerializeHeader(header, std::as_bytes(std::span<const char>(bytes.data(), bytes.size())));
  return ParseHeader(std::as_bytes(std::span<const char>(sealed.data(), sealed.size())))
      .value_or(header);
}

// A receiver on an open stream, and what it wanted since it was last asked.
class Bench {
 public:
  explicit Bench(ReceiverSpec spec, uint64_t unasked = 4 * kMiB)
      : is_store_(spec.store), receiver(std::move(spec), pool) {
    Open(unasked);
  }
  void Open(uint64_t unasked) {
    next_ = 0;
    EXPECT_TRUE(receiver.OnOpened(unasked, outbox));
    receiver.OnGranted(outbox);
    Sort();
  }
  // The next segment, behind its acknowledgement where one is due.
  void Data(uint64_t offset, uint64_t length, bool intact = true) {
    Segment(next_++, offset, length, intact);
  }
  void Segment(uint64_t number, uint64_t offset, uint64_t length, bool intact = true,
               char filled_with = 'x') {
    const std::string bytes(length, filled_with);
    if (!is_store_) {
      receiver.OnAck(number, offset, {length, wire::OPERATION_COMPLETED}, outbox);
    }
    receiver.OnData(HeaderOf(number, offset, bytes), base::Buffer::Of(bytes), intact, outbox);
    Sort();
  }
  void Commit(uint64_t size) {
    receiver.OnCommit({size, base::Hasher::Of(base::Algorithm::kSha256, "")}, outbox);
    Sort();
  }
  void WriteAll() {
    for (const uint64_t write : std::exchange(open_writes, {})) {
      receiver.OnWritten(write, absl::OkStatus(), outbox);
    }
    Sort();
  }
  std::vector<base::ByteRange> Writes() { return std::exchange(writes, {}); }
  absl::Status failure() const { return failed.empty() ? absl::OkStatus() : failed.front().why; }
  bool violated() const { return !failed.empty() && failed.front().violation; }

  CreditPool pool{64 * kMiB};
  std::vector<base::ByteRange> writes;
  std::vector<uint64_t> open_writes;
  std::vector<uint64_t> nacks;
  std::vector<uint64_t> credits;
  std::vector<uint64_t> stored;
  std::vector<uint64_t> commits;
  std::vector<ReceiverFailed> failed;
  std::vector<absl::Status> unreadable;
  ReceiverOutbox outbox;

 private:
  void Sort() {
    for (ReceiverEffect& effect : outbox) {
      if (auto* write = std::get_if<WriteSegment>(&effect)) {
        EXPECT_EQ(write->bytes.size(), write->range.length());
        writes.push_back(write->range);
        open_writes.push_back(write->write);
      } else if (auto* nack = std::get_if<NackSegment>(&effect)) {
        nacks.push_back(nack->number);
      } else if (auto* credit = std::get_if<RaiseCredit>(&effect)) {
        credits.push_back(credit->limit);
      } else if (auto* told = std::get_if<TellStored>(&effect)) {
        stored.push_back(told->bytes);
      } else if (auto* all = std::get_if<CommitSegments>(&effect)) {
        commits.push_back(all->size_bytes);
      } else if (auto* cannot = std::get_if<StreamUnreadable>(&effect)) {
        unreadable.push_back(cannot->why);
      } else if (auto* failure = std::get_if<ReceiverFailed>(&effect)) {
        failed.push_back(*failure);
      }
    }
    outbox.clear();
  }
  bool is_store_;
  uint64_t next_ = 0;

 public:
  Receiver receiver;
};

}  // namespace bitrepo::transfer
