// SPDX-License-Identifier: Apache-2.0
// One end of one stream as a table: which frames have a place in which state; what they say is
// judged by Sender and Receiver.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "channel/transfer/frame.h"

namespace bitrepo::transfer {

enum class StreamState : uint8_t {
  kOffering,   // a store, who dialled: OPEN said, DATA may follow
  kOffered,    // COMMIT said behind it
  kStoring,    // OPEN_OK heard
  kCommitted,  // both
  kTaking,     // a store, who serves: OPEN_OK said
  kClosing,    // COMMIT heard
  kAsking,     // a fetch, who dialled: OPEN said
  kFetching,   // OPEN_OK heard
  kComplete,   // everything has come
  kGiving,     // a fetch, who serves: OPEN_OK said
  kGiven,      // everything was sent
  kInquiring,  // OPEN said
  kEnded,
};
inline constexpr size_t kStreamStates = 13;

enum class StreamEvent : uint8_t {
  // Heard.
  kOpenOk,
  kOpenRefused,
  kData,
  kCredit,
  kStored,
  kAck,
  kNack,
  kCommit,
  kCommitOk,
  kDone,
  kAbort,
  // Of this side.
  kCommitSaid,
  kAllCame,
  kAllSent,
  kEndSaid,  // COMMIT_OK, DONE, ABORT
  kBroke,    // with the session
};
inline constexpr size_t kStreamEvents = 16;

enum class StreamAction : uint8_t {
  kIgnore,
  kTake,     // the frame is handed on
  kBegin,    // the stream is granted
  kRefused,  // it is not
  kEnd,      // the transfer has ended
  kBreak,    // the stream has, not the transfer
  kCut,      // the peer broke the protocol
};

struct StreamCell {
  StreamAction action;
  StreamState next;
};
// The whole order of frames: docs/spec/40-data-channel.md shows this table.
StreamCell StreamTransition(StreamState state, StreamEvent event);
// Requires: a type that is heard on a stream which is open, so any but OPEN.
StreamEvent StreamEventOf(FrameType type);
absl::string_view StreamStateName(StreamState state);
absl::string_view StreamEventName(StreamEvent event);
absl::string_view StreamActionName(StreamAction action);

}  // namespace bitrepo::transfer
