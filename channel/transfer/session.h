// SPDX-License-Identifier: Apache-2.0
// The session on one connection as a machine: identity first, then successive streams of either
// verb, ended by who dialled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "channel/transfer/frame.h"

namespace bitrepo::transfer {

enum class SessionState : uint8_t {
  kDialling,  // who dialled: not connected yet
  kGreeting,  // HELLO said
  kReady,     // streams may begin
  kDraining,  // GOAWAY heard: what is open is finished, nothing begins
  kAwaiting,  // who accepted: HELLO not heard yet
  kServing,
  kLeaving,  // GOAWAY said: nothing is served any more
  kEnded,
};
inline constexpr size_t kSessionStates = 8;

enum class SessionEvent : uint8_t {
  kConnected,
  kHello,
  kWelcome,
  kOpen,
  kStream,  // every other frame of a stream
  kPing,
  kPong,
  kGoaway,
  kBye,
  kFault,    // a frame that breaks the grammar, the sequence or its check
  kSilence,  // nothing was heard for too long
  kIdle,     // no stream for too long
  kDrained,  // the last stream has ended
  kLeave,    // the host wants to end
  kLost,     // the connection is gone
};
inline constexpr size_t kSessionEvents = 15;

enum class SessionAction : uint8_t {
  kIgnore,
  kSayHello,
  kSayWelcome,  // and the session is up
  kUp,
  kOpenStream,
  kRefuseStream,
  kDeliver,
  kSayPong,
  kNoteGoaway,
  kSayGoaway,
  kSayBye,      // and close
  kCut,         // the peer broke the protocol: told, where it serves, and closed
  kTurnedAway,  // the peer refuses the session: close
  kPeerLeft,    // close
  kDrop,        // close without a word
  kEnd,         // nothing is left to close
};

struct SessionCell {
  SessionAction action;
  SessionState next;
};
// The whole behaviour: docs/spec/40-data-channel.md shows this table.
const SessionCell& SessionTransition(SessionState state, SessionEvent event);
absl::string_view SessionStateName(SessionState state);
absl::string_view SessionEventName(SessionEvent event);
absl::string_view SessionActionName(SessionAction action);

inline constexpr int kPingsPerSilence = 3;  // a PING goes out after silence / 3 of hearing nothing
inline constexpr absl::Duration kLeavingGrace = absl::Seconds(2);  // for the other side to say BYE

struct SessionSpec {
  bool dialled = false;
  std::string node;             // who this is; a component or session id
  uint64_t initial_credit = 0;  // who serves: a STORE stream may send as much before any CREDIT
  absl::Duration silence;
  absl::Duration first_word;  // until the greeting is done
  absl::Duration idle;        // who dialled: no stream for so long ends it
};

// What the host is to do, in this order.
struct SayFrame {
  FrameType type = FrameType::kPing;
  uint32_t stream = 0;
  std::string payload;
};
struct SessionUp {
  std::string node;             // of the peer, not proved
  uint64_t initial_credit = 0;  // the peer's
  uint32_t segment_bytes_max = 0;
};
struct OpenStream {};    // the frame at hand is an OPEN of a new stream
struct DeliverFrame {};  // the frame at hand belongs to a stream, which may have ended
struct SessionDraining {
  absl::Status why;
};
struct SessionEnded {
  absl::Status why;    // kOk: as it should
  bool close = false;  // the connection is still there
  // The peer broke the protocol: no version of it that is not known here, and no damage on the way.
  bool violation = false;
};
using SessionEffect =
    std::variant<SayFrame, SessionUp, OpenStream, DeliverFrame, SessionDraining, SessionEnded>;
using SessionOutbox = std::vector<SessionEffect>;

// Pure; loop-confined. Any event in any state is legal.
class Session {
 public:
  Session(SessionSpec spec, absl::Time now, SessionOutbox& outbox);
  void OnConnected(absl::Time now, SessionOutbox& outbox);
  // `header` as ParseHeader took it; `intact`: its check holds. A damaged DATA is delivered as
  // such.
  void OnFrame(const FrameHeader& header, absl::string_view payload, bool intact, absl::Time now,
               SessionOutbox& outbox);
  // What came is no frame, or a stream says that its peer breaks the protocol.
  void OnFault(const absl::Status& why, absl::Time now, SessionOutbox& outbox);
  void OnLost(const absl::Status& why, absl::Time now, SessionOutbox& outbox);
  void OnStreams(size_t open, absl::Time now, SessionOutbox& outbox);  // how many there are now
  void OnLeave(absl::Time now, SessionOutbox& outbox);
  void OnTime(absl::Time now, SessionOutbox& outbox);
  absl::Time WakeAt() const;

  uint64_t NextSequence() { return next_out_++; }   // of a frame that goes out
  uint32_t NextStream() { return ++last_stream_; }  // of a stream that this side opens
  SessionState state() const { return state_; }
  bool done() const { return state_ == SessionState::kEnded; }
  const absl::Status& outcome() const { return outcome_; }

 private:
  SessionEvent EventOf(const FrameHeader& header, absl::string_view payload, bool intact);
  void Step(SessionEvent event, const FrameHeader* header, absl::Time now, SessionOutbox& outbox);
  void Act(SessionAction action, const FrameHeader* header, SessionOutbox& outbox);
  void End(absl::Status why, bool close, SessionOutbox& outbox, bool violation = false);
  absl::Time SilentAt() const;

  const SessionSpec spec_;
  SessionState state_;
  absl::Status outcome_;
  absl::Status why_;  // what the event at hand says
  SessionUp peer_;
  uint64_t next_in_ = 0;
  uint64_t next_out_ = 0;
  uint32_t last_stream_ = 0;  // the highest number a stream has had
  size_t streams_ = 0;
  absl::Time started_at_;
  absl::Time heard_at_;
  absl::Time pinged_at_;
  absl::Time idle_since_;
  absl::Time leaving_since_;
};

}  // namespace bitrepo::transfer
