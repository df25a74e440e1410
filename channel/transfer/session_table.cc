// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/session.h"

namespace bitrepo::transfer {
namespace {

using A = SessionAction;
using S = SessionState;

constexpr SessionCell kIgnoreDialling = {A::kIgnore, S::kDialling};
constexpr SessionCell kIgnoreGreeting = {A::kIgnore, S::kGreeting};
constexpr SessionCell kIgnoreReady = {A::kIgnore, S::kReady};
constexpr SessionCell kIgnoreDraining = {A::kIgnore, S::kDraining};
constexpr SessionCell kIgnoreAwaiting = {A::kIgnore, S::kAwaiting};
constexpr SessionCell kIgnoreServing = {A::kIgnore, S::kServing};
constexpr SessionCell kIgnoreLeaving = {A::kIgnore, S::kLeaving};
constexpr SessionCell kIgnoreEnded = {A::kIgnore, S::kEnded};
constexpr SessionCell kCut = {A::kCut, S::kEnded};
constexpr SessionCell kDrop = {A::kDrop, S::kEnded};
constexpr SessionCell kEnd = {A::kEnd, S::kEnded};
constexpr SessionCell kBye = {A::kSayBye, S::kEnded};
constexpr SessionCell kPeerLeft = {A::kPeerLeft, S::kEnded};

// Columns in the order of SessionEvent.
constexpr SessionCell kTable[kSessionStates][kSessionEvents] = {
    // kDialling
    {{A::kSayHello, S::kGreeting},
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kDrop,
     kIgnoreDialling,
     kIgnoreDialling,
     kDrop,
     kEnd},
    // kGreeting
    {kIgnoreGreeting,
     kCut,
     {A::kUp, S::kReady},
     kCut,
     kCut,
     kCut,
     kCut,
     {A::kTurnedAway, S::kEnded},
     kCut,
     kCut,
     kDrop,
     kIgnoreGreeting,
     kIgnoreGreeting,
     kDrop,
     kEnd},
    // kReady
    {kIgnoreReady,
     kCut,
     kCut,
     kCut,
     {A::kDeliver, S::kReady},
     {A::kSayPong, S::kReady},
     kIgnoreReady,
     {A::kNoteGoaway, S::kDraining},
     kCut,
     kCut,
     kDrop,
     kBye,
     kIgnoreReady,
     kBye,
     kEnd},
    // kDraining
    {kIgnoreDraining,
     kCut,
     kCut,
     kCut,
     {A::kDeliver, S::kDraining},
     {A::kSayPong, S::kDraining},
     kIgnoreDraining,
     kIgnoreDraining,
     kCut,
     kCut,
     kDrop,
     kIgnoreDraining,
     kBye,
     kBye,
     kEnd},
    // kAwaiting
    {kIgnoreAwaiting,
     {A::kSayWelcome, S::kServing},
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kCut,
     kDrop,
     kIgnoreAwaiting,
     kIgnoreAwaiting,
     kDrop,
     kEnd},
    // kServing
    {kIgnoreServing,
     kCut,
     kCut,
     {A::kOpenStream, S::kServing},
     {A::kDeliver, S::kServing},
     {A::kSayPong, S::kServing},
     kIgnoreServing,
     kCut,
     kPeerLeft,
     kCut,
     kDrop,
     kIgnoreServing,
     kIgnoreServing,
     {A::kSayGoaway, S::kLeaving},
     kEnd},
    // kLeaving
    {kIgnoreLeaving,
     kCut,
     kCut,
     {A::kRefuseStream, S::kLeaving},
     kIgnoreLeaving,
     {A::kSayPong, S::kLeaving},
     kIgnoreLeaving,
     kCut,
     kPeerLeft,
     kCut,
     kDrop,
     kIgnoreLeaving,
     kIgnoreLeaving,
     kIgnoreLeaving,
     kEnd},
    // kEnded
    {kIgnoreEnded, kIgnoreEnded, kIgnoreEnded, kIgnoreEnded, kIgnoreEnded, kIgnoreEnded,
     kIgnoreEnded, kIgnoreEnded, kIgnoreEnded, kIgnoreEnded, kIgnoreEnded, kIgnoreEnded,
     kIgnoreEnded, kIgnoreEnded, kIgnoreEnded},
};

constexpr absl::string_view kStateNames[kSessionStates] = {
    "Dialling", "Greeting", "Ready", "Draining", "Awaiting", "Serving", "Leaving", "Ended"};
constexpr absl::string_view kEventNames[kSessionEvents] = {
    "connected", "HELLO", "WELCOME", "OPEN", "stream frame", "PING",  "PONG", "GOAWAY",
    "BYE",       "fault", "silence", "idle", "drained",      "leave", "lost"};
constexpr absl::string_view kActionNames[] = {
    "-",           "say HELLO", "say WELCOME", "up",         "open stream",    "refuse stream",
    "deliver",     "say PONG",  "note GOAWAY", "say GOAWAY", "say BYE, close", "cut",
    "turned away", "peer left", "drop",        "end"};

}  // namespace

const SessionCell& SessionTransition(SessionState state, SessionEvent event) {
  return kTable[static_cast<size_t>(state)][static_cast<size_t>(event)];
}

absl::string_view SessionStateName(SessionState state) {
  return kStateNames[static_cast<size_t>(state)];
}
absl::string_view SessionEventName(SessionEvent event) {
  return kEventNames[static_cast<size_t>(event)];
}
absl::string_view SessionActionName(SessionAction action) {
  return kActionNames[static_cast<size_t>(action)];
}

}  // namespace bitrepo::transfer
