// SPDX-License-Identifier: Apache-2.0
// The sending side of one stream as a machine: which segment is read next, which is sent, which is
// sent again.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/range_set.h"
#include "channel/transfer/credit.h"

namespace bitrepo::transfer {

inline constexpr size_t kReadsUnderWayMax =
    4;  // of one stream: hides the disk, bounds what waits in memory
inline constexpr int kSegmentTriesMax = 3;

struct SenderSpec {
  std::vector<base::ByteRange> ranges;  // sent in this order, each in segments
  uint64_t credit = 0;
  uint32_t segment_bytes = 0;
};

// What the host is to do, in this order.
struct ReadSegment {
  uint64_t number = 0;
  base::ByteRange range;
};
struct SendSegment {
  uint64_t number = 0;
  base::ByteRange range;
  base::Buffer bytes;
};
// It will not come: told to the receiver before the failure is.
struct RefuseSegment {
  uint64_t number = 0;
  base::ByteRange range;
  absl::Status why;
};
struct AllSent {};  // once; segments may still be sent again afterwards
struct SenderFailed {
  absl::Status why;
  bool violation = false;  // the peer broke the protocol
};
using SenderEffect = std::variant<ReadSegment, SendSegment, RefuseSegment, AllSent, SenderFailed>;
using SenderOutbox = std::vector<SenderEffect>;

// Pure; loop-confined. Has no time of its own. After a failure it does nothing more.
// Segments are numbered from 0 and go out in that order; a refused one goes out again under its
// number.
class Sender {
 public:
  Sender(SenderSpec spec, SenderOutbox& outbox);
  void OnCredit(uint64_t limit, SenderOutbox& outbox);
  // What the receiver lacks, as of its OPEN_OK: all else of the ranges need not be sent.
  void OnMissing(const std::vector<base::ByteRange>& missing, SenderOutbox& outbox);
  void OnRead(uint64_t number, absl::StatusOr<base::Buffer> bytes, SenderOutbox& outbox);
  void OnNack(uint64_t number, SenderOutbox& outbox);
  // Whether the connection takes frames now: nothing is read while it does not.
  void OnBlocked(bool blocked, SenderOutbox& outbox);
  bool done() const { return failed_; }
  bool all_sent() const { return told_all_sent_; }
  // It has something to send, and no credit for it.
  bool wants_credit() const;
  uint64_t reads_under_way() const { return reads_; }

 private:
  struct Segment {
    base::ByteRange range;
    int tries = 0;
    bool reading = false;
    std::optional<base::Buffer> bytes;  // read, and waiting for those before it
    uint64_t credit_end = 0;            // credit spent when it was last planned
  };
  void Pump(SenderOutbox& outbox);
  bool PlanAgain(SenderOutbox& outbox);
  bool PlanNext(SenderOutbox& outbox);
  void StartRead(uint64_t number, Segment& segment, SenderOutbox& outbox);
  void SendInOrder(SenderOutbox& outbox);
  void Send(uint64_t number, Segment& segment, SenderOutbox& outbox);
  void Forget();
  void Fail(absl::Status why, bool violation, SenderOutbox& outbox);

  const uint32_t segment_bytes_;
  CreditLimit credit_;
  std::deque<base::ByteRange> remaining_;
  base::RangeSet planned_;                       // of this stream: read, on the way or sent
  absl::btree_map<uint64_t, Segment> segments_;  // planned, and not known to have arrived
  std::deque<uint64_t> again_;                   // refused, not yet being read again
  uint64_t next_planned_ = 0;
  uint64_t next_sent_ = 0;
  size_t reads_ = 0;
  bool blocked_ = false;
  bool told_all_sent_ = false;
  bool failed_ = false;
};

}  // namespace bitrepo::transfer
