// SPDX-License-Identifier: Apache-2.0
// The receiving side of one transfer as a machine: what has come, what is written, what credit the
// sender has.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/range_set.h"
#include "channel/transfer/control_payload.h"
#include "channel/transfer/credit.h"
#include "channel/transfer/frame.h"

namespace bitrepo::transfer {

inline constexpr size_t kFragmentsMax = 500;  // pieces that what has come may lie in
inline constexpr size_t kWantedRangesMax =
    500;                                   // of one fetch; with the fragments they fit kRangesMax
inline constexpr size_t kRefusedMax = 64;  // damaged segments that wait to come again
inline constexpr size_t kSegmentsComparedMax =
    1024;  // the last of a stream, told apart if repeated
inline constexpr uint64_t kStoredStepBytes = 4 * 1024 * 1024;  // STORED is told at least this often

struct ReceiverSpec {
  std::vector<base::ByteRange> wanted;  // what may come; at most kWantedRangesMax
  bool store =
      false;  // ended by COMMIT; else an ACK precedes each segment and the last byte ends it
  bool size_known = true;    // false: a store whose COMMIT says how much of `wanted` there is
  bool digest_only = false;  // a store: COMMIT alone is to come, of as many bytes as `wanted` has
  // What is written already, of `wanted`; of more than kFragmentsMax pieces the later ones come
  // again.
  base::RangeSet held;
  uint64_t window_bytes = kStreamWindowBytes;  // most that is under way
};

// What the host is to do, in this order.
struct WriteSegment {
  uint64_t write = 0;  // named in OnWritten
  base::ByteRange range;
  base::Buffer bytes;
};
struct NackSegment {
  uint64_t number = 0;
  base::ByteRange range;
};
struct RaiseCredit {
  uint64_t limit = 0;
};
struct TellStored {
  uint64_t bytes = 0;  // of what is wanted, over all streams
};
struct CommitSegments {  // once: everything has come and is written
  uint64_t size_bytes = 0;
  std::optional<base::Digest> sha256;  // a store: as the sender committed to it
};
struct ReceiverFailed {
  absl::Status why;
  bool violation = false;  // the peer broke the protocol
};
// A damaged frame that fits no segment: this stream cannot be read on, another one may.
struct StreamUnreadable {
  absl::Status why;
};
using ReceiverEffect = std::variant<WriteSegment, NackSegment, RaiseCredit, TellStored,
                                    CommitSegments, StreamUnreadable, ReceiverFailed>;
using ReceiverOutbox = std::vector<ReceiverEffect>;

// Pure; loop-confined. Outlives its streams: what has come stays, counters begin anew with each
// stream. Lifetime: the pool outlives it; what it holds of the pool goes back with it.
class Receiver {
 public:
  Receiver(ReceiverSpec spec, CreditPool& pool);
  // A stream begins on which `unasked` bytes may come before any CREDIT. False: the pool has no
  // room for them. A fetch grants its first credit here, behind its OPEN; a store in OnGranted,
  // behind its OPEN_OK.
  // `flow`: the rates that this stream is under; it outlives the stream.
  bool OnOpened(uint64_t unasked, ReceiverOutbox& outbox, RateFlow* flow = nullptr);
  // OPEN_OK has passed: a fetch of nothing has come whole.
  void OnGranted(ReceiverOutbox& outbox);
  // The stream has ended; writes under way go on. What the peer broke the protocol with is over.
  void OnClosed();
  void OnAck(uint64_t number, uint64_t offset, const AckPayload& ack, ReceiverOutbox& outbox);
  // `intact` is false when the check of the frame does not hold.
  void OnData(const FrameHeader& header, base::Buffer bytes, bool intact, ReceiverOutbox& outbox);
  void OnWritten(uint64_t write, const absl::Status& how, ReceiverOutbox& outbox);
  void OnCommit(CommitRequest commit, ReceiverOutbox& outbox);
  void OnPoolFreed(ReceiverOutbox& outbox);  // its turn, now that memory has come free
  void OnRateTurn(ReceiverOutbox& outbox);   // its turn, now that time has passed

  std::vector<base::ByteRange> Missing() const;  // in the order wanted
  uint64_t wanted_bytes() const { return wanted_.bytes(); }
  uint64_t held_bytes() const { return have_.bytes(); }
  uint64_t written_bytes() const { return written_bytes_; }
  uint64_t credit_limit() const { return window_.limit(); }
  uint64_t committed_credit() const { return window_.committed(); }
  bool hungry() const { return window_.hungry(); }
  // It waits for its turn under a rate.
  bool slowed() const { return open_ && !done() && window_.slowed(); }
  // All that was granted has come, and more is granted only later: the sender can only wait.
  bool grants_none() const {
    return open_ && !done() && (hungry() || window_.slowed()) && window_.ahead() == 0;
  }
  bool commit_pending() const {
    return commit_.has_value() && !done();
  }  // COMMIT has come, writes go on
  bool done() const { return complete_ || failed_; }

 private:
  void Hold(const base::RangeSet& held);
  // One segment as it is being written, in as many parts as were missing of it.
  struct Segment {
    uint64_t length = 0;
    size_t parts_left = 0;
  };
  struct Part {
    uint64_t segment = 0;
    uint64_t length = 0;
  };
  void TakeIntact(base::ByteRange range, base::Buffer bytes, ReceiverOutbox& outbox);
  void Refuse(uint64_t number, base::ByteRange range, ReceiverOutbox& outbox);
  absl::Status JudgeSegment(uint64_t number, const base::ByteRange& range) const;
  // True when bytes of it have come on this stream already.
  bool Overlaps(const base::ByteRange& range) const;
  // Passes over a segment that came before with these very bytes; else the sender contradicts
  // itself.
  void TakeAgain(const base::ByteRange& range, const base::Buffer& bytes, ReceiverOutbox& outbox);
  void KeepToCompare(const FrameHeader& header);
  uint64_t to_come() const;
  void GrantMore(bool turn, ReceiverOutbox& outbox);
  void EndWhenComplete(ReceiverOutbox& outbox);
  void Complete(uint64_t size, ReceiverOutbox& outbox);
  void Fail(absl::Status why, bool violation, ReceiverOutbox& outbox);

  const ReceiverSpec spec_;
  base::RangeSet wanted_;
  base::RangeSet have_;  // handed to the host for writing
  uint64_t written_bytes_ = 0;
  uint64_t told_stored_ = 0;
  uint64_t next_write_ = 1;
  absl::btree_map<uint64_t, Part> writes_;       // under way, by their name
  absl::btree_map<uint64_t, Segment> segments_;  // being written, by their first write
  std::optional<CommitRequest> commit_;
  bool complete_ = false;
  bool failed_ = false;
  bool violated_ = false;  // so it has failed

  // Of the present stream.
  bool open_ = false;
  struct Refused {
    base::ByteRange range;
    int times = 0;
  };
  base::RangeSet held_before_;
  absl::btree_map<uint64_t, FrameHeader> came_;  // by offset
  std::deque<uint64_t> came_in_order_;
  uint64_t next_number_ = 0;
  absl::btree_map<uint64_t, Refused> refused_;
  std::optional<std::pair<uint64_t, base::ByteRange>> announced_;  // by ACK

  CreditWindow window_;
};

}  // namespace bitrepo::transfer
