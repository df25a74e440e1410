// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/stream_state.h"

#include "base/check.h"

namespace bitrepo::transfer {
namespace {

using A = StreamAction;
using E = StreamEvent;
using S = StreamState;

// What is not here: ABORT and a break end every stream, what follows the end is ignored, and any
// other frame is out of place. What this side does in another state says nothing.
struct Row {
  S state;
  E event;
  StreamCell cell;
};
constexpr Row kRows[] = {
    {S::kOffering, E::kOpenOk, {A::kBegin, S::kStoring}},
    {S::kOffering, E::kOpenRefused, {A::kRefused, S::kEnded}},
    {S::kStoring, E::kCredit, {A::kTake, S::kStoring}},
    {S::kStoring, E::kStored, {A::kTake, S::kStoring}},
    {S::kStoring, E::kNack, {A::kTake, S::kStoring}},
    {S::kStoring, E::kCommitSaid, {A::kIgnore, S::kCommitted}},
    {S::kCommitted, E::kCredit, {A::kTake, S::kCommitted}},
    {S::kCommitted, E::kStored, {A::kTake, S::kCommitted}},
    {S::kCommitted, E::kNack, {A::kTake, S::kCommitted}},
    {S::kCommitted, E::kCommitOk, {A::kEnd, S::kEnded}},

    {S::kTaking, E::kData, {A::kTake, S::kTaking}},
    {S::kTaking, E::kCommit, {A::kTake, S::kClosing}},
    {S::kClosing, E::kData, {A::kTake, S::kClosing}},

    {S::kAsking, E::kOpenOk, {A::kBegin, S::kFetching}},
    {S::kAsking, E::kOpenRefused, {A::kRefused, S::kEnded}},
    {S::kFetching, E::kAck, {A::kTake, S::kFetching}},
    {S::kFetching, E::kData, {A::kTake, S::kFetching}},
    {S::kFetching, E::kAllCame, {A::kIgnore, S::kComplete}},

    {S::kGiving, E::kCredit, {A::kTake, S::kGiving}},
    {S::kGiving, E::kStored, {A::kTake, S::kGiving}},
    {S::kGiving, E::kNack, {A::kTake, S::kGiving}},
    {S::kGiving, E::kAllSent, {A::kIgnore, S::kGiven}},
    {S::kGiven, E::kCredit, {A::kTake, S::kGiven}},
    {S::kGiven, E::kStored, {A::kTake, S::kGiven}},
    {S::kGiven, E::kNack, {A::kTake, S::kGiven}},
    {S::kGiven, E::kDone, {A::kEnd, S::kEnded}},

    {S::kInquiring, E::kOpenOk, {A::kBegin, S::kEnded}},
    {S::kInquiring, E::kOpenRefused, {A::kRefused, S::kEnded}},
};

struct Table {
  StreamCell cells[kStreamStates][kStreamEvents];
};

constexpr Table MakeTable() {
  Table table{};
  for (size_t i = 0; i < kStreamStates; ++i) {
    const S state = static_cast<S>(i);
    for (size_t j = 0; j < kStreamEvents; ++j) {
      const E event = static_cast<E>(j);
      StreamCell& cell = table.cells[i][j];
      if (state == S::kEnded) {
        cell = {A::kIgnore, state};
      } else if (event == E::kAbort || event == E::kEndSaid) {
        cell = {A::kEnd, S::kEnded};
      } else if (event == E::kBroke) {
        cell = {A::kBreak, S::kEnded};
      } else if (event < E::kAbort) {
        cell = {A::kCut, S::kEnded};
      } else {
        cell = {A::kIgnore, state};
      }
    }
  }
  for (const Row& row : kRows) {
    table.cells[static_cast<size_t>(row.state)][static_cast<size_t>(row.event)] = row.cell;
  }
  return table;
}
constexpr Table kTable = MakeTable();

constexpr absl::string_view kStateNames[kStreamStates] = {
    "Offering", "Storing",  "Committed", "Taking", "Closing",   "Asking",
    "Fetching", "Complete", "Giving",    "Given",  "Inquiring", "Ended"};
constexpr absl::string_view kEventNames[kStreamEvents] = {
    "OPEN_OK",  "OPEN_REFUSED", "DATA",      "CREDIT", "STORED", "ACK",
    "NACK",     "COMMIT",       "COMMIT_OK", "DONE",   "ABORT",  "COMMIT said",
    "all came", "all sent",     "end said",  "broke"};
constexpr absl::string_view kActionNames[] = {"-",   "take",  "begin", "refused",
                                              "end", "break", "cut"};

}  // namespace

StreamCell StreamTransition(StreamState state, StreamEvent event) {
  return kTable.cells[static_cast<size_t>(state)][static_cast<size_t>(event)];
}

StreamEvent StreamEventOf(FrameType type) {
  switch (type) {
    case FrameType::kOpenOk:
      return E::kOpenOk;
    case FrameType::kOpenRefused:
      return E::kOpenRefused;
    case FrameType::kData:
      return E::kData;
    case FrameType::kCredit:
      return E::kCredit;
    case FrameType::kStored:
      return E::kStored;
    case FrameType::kAck:
      return E::kAck;
    case FrameType::kNack:
      return E::kNack;
    case FrameType::kCommit:
      return E::kCommit;
    case FrameType::kCommitOk:
      return E::kCommitOk;
    case FrameType::kDone:
      return E::kDone;
    case FrameType::kAbort:
      return E::kAbort;
    default:
      BITREPO_CHECK(false, "a stream hears frames of streams, and OPEN once");
      return E::kAbort;
  }
}

absl::string_view StreamStateName(StreamState state) {
  return kStateNames[static_cast<size_t>(state)];
}
absl::string_view StreamEventName(StreamEvent event) {
  return kEventNames[static_cast<size_t>(event)];
}
absl::string_view StreamActionName(StreamAction action) {
  return kActionNames[static_cast<size_t>(action)];
}

}  // namespace bitrepo::transfer
