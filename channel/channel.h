// SPDX-License-Identifier: Apache-2.0
// The data channel of one process: serves tokens that it granted, and fetches or pushes by tokens
// of others.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/byte_range.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/rate_table.h"
#include "base/runtime/event_loop.h"
#include "channel/link.h"
#include "channel/sink.h"
#include "channel/source.h"
#include "channel/transfer/rate_limiter.h"
#include "channel/transfer/token.h"
#include "proto/channel.pb.h"

namespace bitrepo::channel {

inline constexpr size_t kSegmentBytes =
    1024 * 1024;  // of a full segment; the last of a range is shorter
inline constexpr uint64_t kWindowBytes = 16 * 1024 * 1024;  // most that is under way on one stream

struct ChannelOptions {
  std::string node;  // who this is, for the peer's log
  uint64_t memory_bytes_max =
      64 * 1024 * 1024;  // received and not yet written, over all streams; credit stops there
  uint32_t streams_per_session_max = 256;
  bool unasked_credit = true;             // promised to stores; else each waits for its OPEN_OK
  std::vector<transfer::RateRule> rates;  // of what comes, from the start
  base::RateTable pace;                   // of what is sent; empty: as the receivers will have it
  absl::Duration silence =
      absl::Seconds(15);  // a session that says nothing (PING unanswered) for this long is dead
  absl::Duration first_word = absl::Seconds(10);  // an accepted connection without HELLO is closed
};

// A peer broke the protocol, and its session was cut for it.
struct Violation {
  std::string peer;  // who it says it is, not proved; before it has said so a number
  absl::Status why;
  uint64_t untold = 0;  // more of them, of any peer, since the last that was told
};
inline constexpr int kViolationsToldMax = 10;  // within kViolationsWindow
inline constexpr absl::Duration kViolationsWindow = absl::Minutes(1);

enum class TransferId : uint64_t { kNone = 0 };

// How the bytes of one transfer under way are told; on the channel's loop.
struct TransferEvents {
  absl::AnyInvocable<void(uint64_t bytes_done)>
      on_progress;  // written at the receiver, as far as is known; what was held there included
  // Of a grant: a stream has been opened, or the one that was open broke and may be opened again.
  absl::AnyInvocable<void(bool open)> on_stream;
  // The sender has no credit and waits for it, by a rate or for want of memory at the receiver; or
  // that is over.
  absl::AnyInvocable<void(bool paused)> on_paused;
  // Exactly once, the last event. OK: the receiver verified all (a store: durable and recorded
  // there too).
  absl::AnyInvocable<void(absl::Status how)> on_end;
};

// Threads:  thread-safe: calls are posted to the channel's loop, where everything lives; a channel
// on the caller's own loop is fine too. Lifetime: loop, link and random outlive it; destroy it on
// its loop, or when the loop no longer runs, and the link in the same turn. One session for each
// (process, peer endpoint) carries all streams; the side that dialled ends it when idle (60 s) or
// at Close.
class Channel {
 public:
  Channel(ChannelOptions options, runtime::EventLoop& loop, Link& link, transfer::TokenMint& mint,
          base::Random& random);
  ~Channel();
  absl::Status Start();  // on the channel's loop, or before it runs

  // Serving. From now on the holder of the token may store into `sink`, or fetch from `source`;
  // until Revoke or its expiry. A token serves one stream at a time; when its stream broke before
  // COMMIT, it may be opened again. `on_end` is called once: when a stream has come to an end
  // (success, refusal, or ABORT of either side), at Revoke, or at expiry. A stream that is open
  // when the token expires goes on while bytes move. Once Commit was asked of the sink, its answer
  // alone decides.
  void GrantStore(const wire::TokenBody& token, std::shared_ptr<Sink> sink, TransferEvents events);
  void GrantFetch(const wire::TokenBody& token, std::shared_ptr<Source> source,
                  TransferEvents events);
  void Revoke(const base::TokenId& token, absl::Status why);

  // By a token of another. Endpoints in the token are tried in order; where the connection is cut
  // after bytes have moved it is dialled once more at once, and only what is missing moves again.
  // kUnavailable: no endpoint could be reached, the peer fell silent, or the outcome of a COMMIT is
  // not known; the same token may be used again.
  TransferId Push(std::string token, std::shared_ptr<Source> source, TransferEvents events);
  // `ranges` within the token's; empty: all that it grants and the sink does not hold. Segments
  // come in order of the ranges.
  // What comes in the `background` yields to all other bytes that come to this channel.
  // `window_bytes`: most that is under way, from kSegmentBytes to kWindowBytes.
  TransferId Fetch(std::string token, std::vector<base::ByteRange> ranges,
                   std::shared_ptr<Sink> sink, TransferEvents events, bool background = false,
                   uint64_t window_bytes = kWindowBytes);
  void Cancel(TransferId transfer, absl::Status why);
  // As Cancel, but the peer is not told: for it the stream breaks with the session, and the token
  // may be used again, also by another process.
  void Abandon(TransferId transfer);

  // Asks the issuer of a token of either verb what has become of its transmission; that spends
  // nothing, and disturbs no stream. `done` is run once, on the channel's loop. kInvalidArgument:
  // altered, or not known there any more; kDeadlineExceeded: expired, and forgotten since;
  // kUnavailable: no endpoint could be reached.
  void Inquire(std::string token,
               absl::AnyInvocable<void(absl::StatusOr<wire::TransferReport>)> done);

  // From now on `tell` hears of violations, on the channel's loop; of very many only of some.
  void TellViolations(absl::AnyInvocable<void(Violation)> tell);

  // How fast bytes may come, from the next grant on: each rule replaces the one of its level and
  // name. What comes under a store token is of its principal as the partner, under a fetch token of
  // its issuer. `tell` gets all rules that there are before and then; on the channel's loop, soon.
  // kResourceExhausted, and nothing set: there would be more than kRateRulesMax.
  using RateUses = std::vector<wire::RateUse>;
  void SetRates(std::vector<transfer::RateRule> rules,
                absl::AnyInvocable<void(absl::Status how, RateUses before, RateUses after)> tell);
  void TellRates(absl::AnyInvocable<void(RateUses)> tell);

  // What the link has refused or cut by itself, by cause; told on the channel's loop, soon.
  void TellDropCounts(absl::AnyInvocable<void(std::map<std::string, uint64_t>)> tell);

  // Says BYE on dialled sessions and GOAWAY on accepted ones, ends all transfers.
  void Close();
  std::string endpoint() const;  // thread-safe after Start

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bitrepo::channel
