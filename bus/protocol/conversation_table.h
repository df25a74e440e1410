// SPDX-License-Identifier: Apache-2.0
// What the asking side does in each state at each event, for one primitive with one contributor (a
// leg) and for the conversation as a whole: the tables that the code runs, the tests walk and
// docs/spec/ shows.
#pragma once

#include <array>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace bitrepo::protocol {

// ---- one primitive with one contributor
enum class LegState {
  kAsked,      // the request was sent, no word yet
  kWorking,    // it has told progress
  kAway,       // it is not connected, and there is reason to think that it returns
  kPaged,      // its final had a next cursor; the asker has not asked for that page yet
  kWithdrawn,  // CANCEL was sent, the final is still owed
  kDone,
  kFailed,
  kUnknown,  // asked, and no final
};
inline constexpr size_t kLegStates = 8;

enum class LegEvent {
  kProgress,
  kCompleted,   // a final that says done
  kPage,        // a final that says done, with a next cursor
  kRefusal,     // a final that says anything else
  kBusy,        // a final that says BUSY of this copy: nothing was done, another may be taken
  kUnreached,   // not connected, and no copy of the request can have reached it
  kLost,        // not connected, and a copy may have reached it
  kAwayForNow,  // not connected, but it may well return
  kTurnedAway,  // the broker refused the message for good
  kPostponed,   // the broker refused it for now
  kActivity,    // its bytes move on the data channel
  kResendDue,
  kPatienceOver,
  kBusUp,
  kTransferFailed,  // the data plane gave up; what the final says still counts
  kFetchFailed,     // the data plane gave up, and bytes to the asker are all there is to it
  kCancel,
  kNextPage,
};
inline constexpr size_t kLegEvents = 18;

enum class LegAction {
  kIgnore,    // counted, nothing else
  kWait,      // nothing
  kReport,    // the progress is told
  kComplete,  // done
  kTurnPage,  // the page is told
  kFail,      // failed
  kLose,      // unknown
  kGiveUp,    // unknown, and CANCEL is sent in case it still hears
  kHold,      // asks again each second until it is back, or not expected back
  kPostpone,  // told; its patience begins anew, and it is asked again as after silence
  kWarn,      // told, nothing else
  kResend,    // the request, or its CANCEL, again byte for byte
  kWithdraw,  // CANCEL
  kDrop,      // CANCEL, and failed at once
  kAsk,       // a new request for the next page
};
inline constexpr size_t kLegActions = 15;

struct LegCell {
  LegState next;
  LegAction action;
};

namespace leg_table {
using S = LegState;
using A = LegAction;
using Row = std::array<LegCell, kLegEvents>;

// The two states in which it is asked and expected to answer differ only in their names.
constexpr Row Open(S self) {
  return {{{S::kWorking, A::kReport},      // progress
           {S::kDone, A::kComplete},       // completed
           {S::kPaged, A::kTurnPage},      // page
           {S::kFailed, A::kFail},         // refusal
           {S::kAsked, A::kPostpone},      // busy
           {S::kFailed, A::kFail},         // unreached
           {S::kUnknown, A::kLose},        // lost
           {S::kAway, A::kHold},           // away for now
           {S::kFailed, A::kFail},         // turned away
           {self, A::kWarn},               // postponed
           {self, A::kWait},               // activity
           {self, A::kResend},             // resend due
           {S::kUnknown, A::kGiveUp},      // patience over
           {self, A::kResend},             // bus up
           {S::kWithdrawn, A::kWithdraw},  // transfer failed
           {S::kFailed, A::kDrop},         // fetch failed
           {S::kWithdrawn, A::kWithdraw},  // cancel
           {self, A::kIgnore}}};           // next page
}
constexpr Row Away() {
  Row row = Open(S::kAway);
  row[static_cast<size_t>(LegEvent::kAwayForNow)] = {S::kAway, A::kWait};
  row[static_cast<size_t>(LegEvent::kPatienceOver)] = {S::kUnknown, A::kLose};
  return row;
}
constexpr Row Over(S self) {
  Row row{};
  for (LegCell& cell : row) {
    cell = {self, A::kIgnore};
  }
  row[static_cast<size_t>(LegEvent::kActivity)] = {self, A::kWait};
  row[static_cast<size_t>(LegEvent::kBusUp)] = {self, A::kWait};
  return row;
}
constexpr Row Paged() {
  Row row = Over(S::kPaged);
  row[static_cast<size_t>(LegEvent::kTransferFailed)] = {S::kFailed, A::kFail};
  row[static_cast<size_t>(LegEvent::kFetchFailed)] = {S::kFailed, A::kFail};
  row[static_cast<size_t>(LegEvent::kCancel)] = {S::kFailed, A::kFail};
  row[static_cast<size_t>(LegEvent::kNextPage)] = {S::kAsked, A::kAsk};
  return row;
}
constexpr Row Withdrawn() {
  constexpr S kSelf = S::kWithdrawn;
  return {{{kSelf, A::kWait},         // progress
           {S::kDone, A::kComplete},  // completed
           {S::kFailed, A::kFail},    // page
           {S::kFailed, A::kFail},    // refusal
           {kSelf, A::kWait},         // busy
           {S::kFailed, A::kFail},    // unreached
           {S::kUnknown, A::kLose},   // lost
           {kSelf, A::kWait},         // away for now
           {S::kUnknown, A::kLose},   // turned away
           {kSelf, A::kWarn},         // postponed
           {kSelf, A::kWait},         // activity
           {kSelf, A::kResend},       // resend due
           {S::kUnknown, A::kLose},   // patience over
           {kSelf, A::kResend},       // bus up
           {kSelf, A::kIgnore},       // transfer failed
           {kSelf, A::kIgnore},       // fetch failed
           {kSelf, A::kWait},         // cancel
           {kSelf, A::kIgnore}}};     // next page
}

inline constexpr std::array<Row, kLegStates> kCells = {
    Open(S::kAsked), Open(S::kWorking), Away(),           Paged(),
    Withdrawn(),     Over(S::kDone),    Over(S::kFailed), Over(S::kUnknown),
};
}  // namespace leg_table

constexpr LegCell CellOf(LegState state, LegEvent event) {
  return leg_table::kCells[static_cast<size_t>(state)][static_cast<size_t>(event)];
}
constexpr bool IsOver(LegState state) {
  return state == LegState::kDone || state == LegState::kFailed || state == LegState::kUnknown;
}

// ---- the conversation as a whole
enum class Phase {
  kIdentifying,
  kAsking,   // requests are under way
  kClosing,  // withdrawn; finals are still owed
  kEnded,
};
inline constexpr size_t kPhases = 4;

enum class PhaseEvent {
  kIdentifyReply,
  kRouted,
  kUndelivered,  // an identify to one component
  kTurnedAway,   // the broker refused the identify for good
  kPostponed,    // the broker refused the identify for now
  kAllAnswered,  // all that can answer the identify have
  kIdentifyTimeout,
  kResendDue,  // of the identify
  kLegMoved,   // something happened to a leg
  kBusUp,
  kBusAbsent,  // no coordinator for too long, or too often, to identify anyone
  kCancel,
  kAsk,     // the host names one more to be asked
  kEnough,  // the host has what it wanted
};
inline constexpr size_t kPhaseEvents = 14;

enum class PhaseAction {
  kIgnore,        // counted, nothing else
  kNote,          // remembered; it may be the last that was waited for
  kNoteLate,      // remembered where contributors are tried one after another
  kResend,        // the identify again, byte for byte, to those that have not answered
  kSelect,        // contributors are chosen and asked
  kSelectLate,    // the same without those that have not answered
  kListenNoMore,  // whoever has not identified by now is not waited for: goes on, or ends
  kProceed,       // asks whom it is the turn of, or ends
  kResendAll,     // each open request again, byte for byte
  kWithdrawAll,   // each open request is withdrawn; ends when nothing is owed
  kWarn,          // told, nothing else
  kEnd,           // ends
  kAskNamed,      // asks the one named, where it can be asked
  kAskNoMore,     // ends when nothing is owed
};
inline constexpr size_t kPhaseActions = 14;

struct PhaseCell {
  Phase next;
  PhaseAction action;
};

namespace phase_table {
using P = Phase;
using A = PhaseAction;
using Row = std::array<PhaseCell, kPhaseEvents>;

inline constexpr Row kIdentifying = {{
    {P::kIdentifying, A::kNote},    // identify reply
    {P::kIdentifying, A::kNote},    // routed
    {P::kIdentifying, A::kNote},    // undelivered
    {P::kEnded, A::kEnd},           // turned away
    {P::kIdentifying, A::kWarn},    // postponed
    {P::kAsking, A::kSelect},       // all answered
    {P::kAsking, A::kSelectLate},   // identify time-out
    {P::kIdentifying, A::kResend},  // resend due
    {P::kIdentifying, A::kIgnore},  // leg moved
    {P::kIdentifying, A::kResend},  // bus up
    {P::kEnded, A::kEnd},           // bus absent
    {P::kEnded, A::kEnd},           // cancel
    {P::kIdentifying, A::kIgnore},  // ask
    {P::kIdentifying, A::kIgnore},  // enough
}};
constexpr Row Later(P self, PhaseCell identify_reply, PhaseCell leg_moved, PhaseCell bus_up,
                    PhaseCell cancel) {
  Row row{};
  for (PhaseCell& cell : row) {
    cell = {self, A::kIgnore};
  }
  row[static_cast<size_t>(PhaseEvent::kIdentifyReply)] = identify_reply;
  row[static_cast<size_t>(PhaseEvent::kLegMoved)] = leg_moved;
  row[static_cast<size_t>(PhaseEvent::kBusUp)] = bus_up;
  row[static_cast<size_t>(PhaseEvent::kCancel)] = cancel;
  return row;
}

constexpr Row Asking() {
  Row row = Later(P::kAsking, {P::kAsking, A::kNoteLate}, {P::kAsking, A::kProceed},
                  {P::kAsking, A::kResendAll}, {P::kClosing, A::kWithdrawAll});
  row[static_cast<size_t>(PhaseEvent::kIdentifyTimeout)] = {P::kAsking, A::kListenNoMore};
  row[static_cast<size_t>(PhaseEvent::kResendDue)] = {P::kAsking, A::kResend};
  row[static_cast<size_t>(PhaseEvent::kAsk)] = {P::kAsking, A::kAskNamed};
  row[static_cast<size_t>(PhaseEvent::kEnough)] = {P::kAsking, A::kAskNoMore};
  return row;
}

inline constexpr std::array<Row, kPhases> kCells = {
    kIdentifying,
    Asking(),
    Later(P::kClosing, {P::kClosing, A::kIgnore}, {P::kClosing, A::kProceed},
          {P::kClosing, A::kResendAll}, {P::kClosing, A::kIgnore}),
    Later(P::kEnded, {P::kEnded, A::kIgnore}, {P::kEnded, A::kIgnore}, {P::kEnded, A::kIgnore},
          {P::kEnded, A::kIgnore}),
};
}  // namespace phase_table

constexpr PhaseCell CellOf(Phase phase, PhaseEvent event) {
  return phase_table::kCells[static_cast<size_t>(phase)][static_cast<size_t>(event)];
}

// ---- their names, as docs/spec/ writes them
constexpr absl::string_view NameOf(LegState state) {
  constexpr std::array<absl::string_view, kLegStates> kNames = {
      "asked", "working", "away", "paged", "withdrawn", "done", "failed", "unknown"};
  return kNames[static_cast<size_t>(state)];
}
constexpr absl::string_view NameOf(LegEvent event) {
  constexpr std::array<absl::string_view, kLegEvents> kNames = {
      "progress",     "completed",  "page",          "refusal",     "busy",
      "unreached",    "lost",       "away for now",  "turned away", "postponed",
      "activity",     "resend due", "patience over", "bus up",      "transfer failed",
      "fetch failed", "cancel",     "next page"};
  return kNames[static_cast<size_t>(event)];
}
constexpr absl::string_view NameOf(LegAction action) {
  constexpr std::array<absl::string_view, kLegActions> kNames = {
      "ignore", "wait",     "report", "complete", "turn page", "fail", "lose", "give up",
      "hold",   "postpone", "warn",   "resend",   "withdraw",  "drop", "ask"};
  return kNames[static_cast<size_t>(action)];
}
constexpr absl::string_view NameOf(Phase phase) {
  constexpr std::array<absl::string_view, kPhases> kNames = {"identifying", "asking", "closing",
                                                             "ended"};
  return kNames[static_cast<size_t>(phase)];
}
constexpr absl::string_view NameOf(PhaseEvent event) {
  constexpr std::array<absl::string_view, kPhaseEvents> kNames = {"identify reply",
                                                                  "routed",
                                                                  "undelivered",
                                                                  "turned away",
                                                                  "postponed",
                                                                  "all answered",
                                                                  "identify time-out",
                                                                  "resend due",
                                                                  "leg moved",
                                                                  "bus up",
                                                                  "bus absent",
                                                                  "cancel",
                                                                  "ask",
                                                                  "enough"};
  return kNames[static_cast<size_t>(event)];
}
constexpr absl::string_view NameOf(PhaseAction action) {
  constexpr std::array<absl::string_view, kPhaseActions> kNames = {
      "ignore",  "note",       "note late",    "resend", "select", "select late", "listen no more",
      "proceed", "resend all", "withdraw all", "warn",   "end",    "ask named",   "ask no more"};
  return kNames[static_cast<size_t>(action)];
}

}  // namespace bitrepo::protocol
