// SPDX-License-Identifier: Apache-2.0
// What a contribution does in each state at each event: the table that the code runs, the tests
// walk and docs/spec/ shows.
#pragma once

#include <array>
#include <cstddef>

#include "absl/strings/string_view.h"

namespace bitrepo::protocol {

enum class ContributionState {
  kNew,       // the work is begun, not yet accepted
  kWorking,   // ACCEPTED was told
  kStopping,  // withdrawn by the asker; what became of it is not known yet
  kFinished,  // the final has been told
};
inline constexpr size_t kContributionStates = 4;

enum class ContributionEvent {
  kAccepted,    // the host accepts the work, or has a further token for it
  kProgress,    // the host reports
  kFinished,    // the host gives the final
  kRepeat,      // the same request again
  kConflict,    // the same ids with another body
  kCancel,      // the asker withdraws it
  kTimeToTell,  // a heartbeat, or a report that waited its turn
};
inline constexpr size_t kContributionEvents = 7;

enum class ContributionAction {
  kIgnore,    // counted, nothing else
  kKeep,      // the report is told when it is its turn
  kTell,      // a PROGRESS leaves now
  kEnd,       // the FINAL leaves now, and is the last word from here on
  kLastWord,  // the last word again, to whoever asks now
  kRefuse,    // FINAL CONFLICT to whoever asks now; the contribution is not touched
  kStop,      // the host is told to stop the work
};

struct ContributionCell {
  ContributionState next;
  ContributionAction action;
};

namespace contribution_table {
using S = ContributionState;
using A = ContributionAction;
using Row = std::array<ContributionCell, kContributionEvents>;

inline constexpr Row kOfNew = {{
    {S::kWorking, A::kTell},   // accepted
    {S::kNew, A::kKeep},       // progress
    {S::kFinished, A::kEnd},   // finished
    {S::kNew, A::kLastWord},   // repeat
    {S::kNew, A::kRefuse},     // conflict
    {S::kStopping, A::kStop},  // cancel
    {S::kNew, A::kTell},       // time to tell
}};
inline constexpr Row kOfWorking = {{
    {S::kWorking, A::kTell},      // accepted
    {S::kWorking, A::kKeep},      // progress
    {S::kFinished, A::kEnd},      // finished
    {S::kWorking, A::kLastWord},  // repeat
    {S::kWorking, A::kRefuse},    // conflict
    {S::kStopping, A::kStop},     // cancel
    {S::kWorking, A::kTell},      // time to tell
}};
inline constexpr Row kOfStopping = {{
    {S::kStopping, A::kIgnore},    // accepted
    {S::kStopping, A::kKeep},      // progress
    {S::kFinished, A::kEnd},       // finished
    {S::kStopping, A::kLastWord},  // repeat
    {S::kStopping, A::kRefuse},    // conflict
    {S::kStopping, A::kLastWord},  // cancel
    {S::kStopping, A::kTell},      // time to tell
}};
inline constexpr Row kOfFinished = {{
    {S::kFinished, A::kIgnore},    // accepted
    {S::kFinished, A::kIgnore},    // progress
    {S::kFinished, A::kIgnore},    // finished
    {S::kFinished, A::kLastWord},  // repeat
    {S::kFinished, A::kRefuse},    // conflict
    {S::kFinished, A::kLastWord},  // cancel
    {S::kFinished, A::kIgnore},    // time to tell
}};
inline constexpr std::array<Row, kContributionStates> kCells = {kOfNew, kOfWorking, kOfStopping,
                                                                kOfFinished};
}  // namespace contribution_table

constexpr ContributionCell CellOf(ContributionState state, ContributionEvent event) {
  return contribution_table::kCells[static_cast<size_t>(state)][static_cast<size_t>(event)];
}

// As docs/spec/ writes them.
constexpr absl::string_view NameOf(ContributionState state) {
  constexpr std::array<absl::string_view, kContributionStates> kNames = {"new", "working",
                                                                         "stopping", "finished"};
  return kNames[static_cast<size_t>(state)];
}
constexpr absl::string_view NameOf(ContributionEvent event) {
  constexpr std::array<absl::string_view, kContributionEvents> kNames = {
      "accepted", "progress", "finished", "repeat", "conflict", "cancel", "time to tell"};
  return kNames[static_cast<size_t>(event)];
}
constexpr absl::string_view NameOf(ContributionAction action) {
  constexpr std::array<absl::string_view, 7> kNames = {"ignore",    "keep",   "tell", "end",
                                                       "last word", "refuse", "stop"};
  return kNames[static_cast<size_t>(action)];
}

}  // namespace bitrepo::protocol
