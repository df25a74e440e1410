// SPDX-License-Identifier: Apache-2.0
// The phases of a conversation: each cell of their table, and any order of events whatever.
#include "bus/protocol/conversation_table.h"

#include <gtest/gtest.h>

#include "tests/bus/protocol/asking_bench.h"

namespace bitrepo::protocol {
namespace {

using samples::AskingBench;
using samples::Final;
using samples::IdentifyReply;
using samples::Name;
using samples::PageFinal;
using samples::Progress;
using samples::Refused;
using samples::Routed;
using samples::SpecFor;
using samples::Undelivered;

void Reach_(AskingBench& bench, Phase phase) {
  if (phase == Phase::kIdentifying) {
    return;
  }
  bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
  bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
  bench.Wait(absl::Seconds(3));  // p-2 does not answer in time
  if (phase == Phase::kClosing) {
    bench.Cancel();
  }
  if (phase == Phase::kEnded) {
    bench.Enough();
    bench.Hear(Final(bench.request("p-1"), "p-1", wire::OPERATION_COMPLETED));
  }
}

// False where the event cannot come about in that phase.
bool Do(AskingBench& bench, Phase phase, PhaseEvent event) {
  switch (event) {
    case PhaseEvent::kIdentifyReply:
      bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
      return true;
    case PhaseEvent::kRouted:
      bench.Hear(Routed(bench.identify(), {"p-1", "p-2"}));
      return true;
    case PhaseEvent::kUndelivered:
      bench.Hear(Undelivered(bench.identify()));
      return true;
    case PhaseEvent::kTurnedAway:
      bench.Hear(Refused(bench.identify(), wire::DENIED));
      return true;
    case PhaseEvent::kPostponed:
      bench.Hear(Refused(bench.identify(), wire::BUSY));
      return true;
    case PhaseEvent::kAllAnswered:
      if (phase != Phase::kIdentifying) {
        return false;
      }
      bench.Hear(Routed(bench.identify(), {"p-1"}));
      bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
      return true;
    case PhaseEvent::kIdentifyTimeout:
      if (phase != Phase::kIdentifying) {
        return false;  // ListensForOthers in conversation_choice_test drives it where it is asking
      }
      bench.Hear(IdentifyReply(bench.identify(), "p-1", wire::IDENTIFICATION_POSITIVE));
      bench.Wait(absl::Seconds(3));
      return true;
    case PhaseEvent::kResendDue:
      if (phase != Phase::kIdentifying) {
        return false;
      }
      bench.Wait(absl::Milliseconds(1300));
      return true;
    case PhaseEvent::kLegMoved:
      if (phase == Phase::kIdentifying || phase == Phase::kEnded) {
        return false;
      }
      bench.Hear(Progress(bench.request("p-1"), "p-1", 1, wire::SENDING, wire::OPERATION_PROGRESS));
      return true;
    case PhaseEvent::kBusUp:
      bench.BusUp();
      return true;
    case PhaseEvent::kBusAbsent:
      if (phase != Phase::kIdentifying) {
        return false;
      }
      bench.BusDown();
      bench.Wait(absl::Seconds(30));
      return true;
    case PhaseEvent::kCancel:
      bench.Cancel();
      return true;
    case PhaseEvent::kAsk:
      if (phase == Phase::kAsking) {
        bench.Hear(IdentifyReply(bench.identify(), "p-2", wire::IDENTIFICATION_POSITIVE));
      }
      bench.Ask("p-2");
      return true;
    case PhaseEvent::kEnough:
      bench.Enough();
      return true;
  }
  return false;
}

void ExpectAction(PhaseAction action, PhaseEvent event, const AskingBench& bench) {
  const auto said = [&bench](wire::Kind kind) {
    return bench.said().size() == 1 && bench.said()[0].header.kind() == kind;
  };
  switch (action) {
    case PhaseAction::kIgnore:
    case PhaseAction::kNote:
      EXPECT_TRUE(bench.said().empty());
      EXPECT_EQ(bench.told().size(),
                action == PhaseAction::kNote && event == PhaseEvent::kIdentifyReply ? 1u : 0u);
      break;
    case PhaseAction::kNoteLate:
      EXPECT_EQ(bench.told().at(0).kind, EventKind::kComponentIdentified);
      break;
    case PhaseAction::kResend:
      EXPECT_TRUE(said(wire::IDENTIFY));
      break;
    case PhaseAction::kSelect:
    case PhaseAction::kSelectLate:
      EXPECT_EQ(bench.said().back().header.kind(), wire::REQUEST);
      EXPECT_EQ(bench.Count(EventKind::kIdentificationComplete), 1u);
      EXPECT_EQ(bench.Count(EventKind::kIdentifyTimeout),
                action == PhaseAction::kSelectLate ? 1u : 0u);
      break;
    case PhaseAction::kAskNamed:
      EXPECT_TRUE(said(wire::REQUEST));
      break;
    case PhaseAction::kListenNoMore:
    case PhaseAction::kProceed:
    case PhaseAction::kAskNoMore:
      EXPECT_FALSE(const_cast<AskingBench&>(bench).machine().done());
      break;
    case PhaseAction::kResendAll:
      EXPECT_EQ(bench.said().size(), 1u);
      break;
    case PhaseAction::kWithdrawAll:
      EXPECT_TRUE(said(wire::CANCEL));
      break;
    case PhaseAction::kWarn:
      EXPECT_EQ(bench.told().at(0).kind, EventKind::kWarning);
      break;
    case PhaseAction::kEnd:
      EXPECT_EQ(bench.all_told().back().kind, EventKind::kFailed);
      break;
  }
}

// [C-8] Each cell of the table that can come about.
TEST(PhaseTable, EachCellIsWhatTheConversationDoes) {
  size_t driven = 0;
  for (size_t p = 0; p < kPhases; ++p) {
    for (size_t e = 0; e < kPhaseEvents; ++e) {
      const auto phase = static_cast<Phase>(p);
      const auto event = static_cast<PhaseEvent>(e);
      SCOPED_TRACE(std::string(NameOf(phase)) + " x " + std::string(NameOf(event)));
      const PhaseCell cell = CellOf(phase, event);
      const bool by_asker = event == PhaseEvent::kAsk || event == PhaseEvent::kEnough;
      AskingBench bench(SpecFor(wire::GET_FILE, by_asker ? Reach::kSome : Reach::kOne));
      Reach_(bench, phase);
      ASSERT_EQ(bench.machine().phase(), phase);
      const uint64_t ignored = bench.machine().counters().ignored;
      if (!Do(bench, phase, event)) {
        continue;
      }
      ++driven;
      EXPECT_EQ(bench.machine().phase(), cell.next);
      const bool counted = cell.action == PhaseAction::kIgnore && event != PhaseEvent::kBusUp;
      EXPECT_EQ(bench.machine().counters().ignored - ignored, counted ? 1u : 0u);
      ExpectAction(cell.action, event, bench);
    }
  }
  // Timers of the identify when it is over, and legs where there are none.
  constexpr size_t kCannotComeAbout = 3 * 4 + 2;
  EXPECT_EQ(driven, kPhases * kPhaseEvents - kCannotComeAbout);
}

TEST(PhaseTable, HasNoWayBackAndNoWayOutOfTheEnd) {
  for (size_t p = 0; p < kPhases; ++p) {
    for (size_t e = 0; e < kPhaseEvents; ++e) {
      const auto phase = static_cast<Phase>(p);
      const PhaseCell cell = CellOf(phase, static_cast<PhaseEvent>(e));
      EXPECT_GE(static_cast<size_t>(cell.next), p);
      EXPECT_EQ(cell.action == PhaseAction::kEnd,
                cell.next == Phase::kEnded && phase != Phase::kEnded);
    }
  }
}

// Any soup of messages, real and false, late, twice, reordered, with a bus that comes and goes: it
// ends once, says nothing afterwards, and talks no more than its timers and its news allow.
class Soup {
 public:
  explicit Soup(uint64_t seed) : chance_(seed), bench_(Spec()) {}

  void Run() {
    const size_t steps = 20 + chance_.Below(150);
    for (size_t i = 0; i < steps; ++i) {
      const bool was_done = bench_.machine().done();
      const size_t told = bench_.all_told().size();
      const size_t said = bench_.all().size();
      Step();
      if (was_done) {
        ASSERT_EQ(bench_.all_told().size(), told);
        ASSERT_EQ(bench_.all().size(), said);
      }
      ASSERT_LE(bench_.all().size() - said, 12u) << "one step, a few messages";
    }
    // Calm: nothing more is heard. It ends by itself, after a paused list is taken up or left.
    bench_.Cancel();
    bench_.Wait(absl::Minutes(5));
    ASSERT_TRUE(bench_.machine().done());
    ASSERT_EQ(bench_.Count(EventKind::kComplete) + bench_.Count(EventKind::kFailed), 1u);
    const EventKind last = bench_.all_told().back().kind;
    ASSERT_TRUE(last == EventKind::kComplete || last == EventKind::kFailed);
    ASSERT_EQ(last == EventKind::kComplete, bench_.outcome().verdict == Verdict::kSuccess);
    ASSERT_EQ(bench_.machine().WakeAt(), absl::InfiniteFuture());
    for (const auto& [component, result] : bench_.outcome().contributors) {
      ASSERT_LE(bench_.Count(EventKind::kComponentComplete, component.text()) +
                    bench_.Count(EventKind::kComponentFailed, component.text()),
                1 + std::max<size_t>(1, bench_.Count(EventKind::kRequestSent, component.text())))
          << "no more than one end of its identify and one of each request";
    }
    for (const Envelope& message : bench_.all()) {
      EnvelopeFault fault;
      ASSERT_TRUE(OpenEnvelope(ToFrames(message), fault).ok()) << fault.text;
    }
  }

 private:
  ConversationSpec Spec() {
    constexpr wire::Operation kOperations[] = {wire::PUT_FILE, wire::GET_FILE, wire::GET_FILE_IDS};
    constexpr Reach kReaches[] = {Reach::kAll, Reach::kFirstThenRest, Reach::kOne, Reach::kSome};
    ConversationSpec spec = SpecFor(kOperations[chance_.Below(3)], kReaches[chance_.Below(4)]);
    if (chance_.Below(4) == 0) {
      spec.named = {Name("p-1"), Name("p-2")};
      spec.identify_first = chance_.Below(2) == 0;
    }
    if (chance_.Below(4) == 0) {
      spec.prefer = Name("p-2");
      spec.fail_over = chance_.Below(2) == 0;
    }
    spec.quorum = static_cast<uint32_t>(chance_.Below(3));
    return spec;
  }

  std::string Pillar() { return "p-" + std::to_string(1 + chance_.Below(4)); }
  wire::ResponseCode Code() {
    constexpr wire::ResponseCode kCodes[] = {wire::FAILURE,
                                             wire::NO_SPACE,
                                             wire::CONFLICT,
                                             wire::BUSY,
                                             wire::FILE_NOT_FOUND_FAILURE,
                                             wire::DUPLICATE_FILE_FAILURE};
    return kCodes[chance_.Below(std::size(kCodes))];
  }

  Envelope Something() {
    // Mostly news of what was said lately, sometimes of what was said long ago.
    const auto& all = bench_.all();
    const size_t back = chance_.Below(4) == 0 ? chance_.Below(all.size())
                                              : chance_.Below(std::min<size_t>(all.size(), 4));
    const Envelope& asked = all[all.size() - 1 - back];
    const std::string from =
        asked.header.to().empty() || chance_.Below(10) == 0 ? Pillar() : asked.header.to();
    const bool lists = asked.header.operation() == wire::GET_FILE_IDS;
    if (asked.header.kind() == wire::IDENTIFY) {
      switch (chance_.Below(6)) {
        case 0:
          return Routed(asked, {"p-1", "p-2", "p-3"}, {}, chance_.Below(4) == 0);
        case 1:
          return Routed(asked, {"p-1", "p-2"}, {"p-3"});
        case 2:
          return chance_.Below(3) == 0 ? Undelivered(asked) : Refused(asked, Code());
        case 3:
          return IdentifyReply(asked, from, Code());
        default:
          return IdentifyReply(asked, from, wire::IDENTIFICATION_POSITIVE, chance_.Below(1000));
      }
    }
    switch (chance_.Below(8)) {
      case 0:
        return Undelivered(asked, chance_.Below(2) == 0 ? wire::GONE : wire::UNREACHABLE);
      case 1:
        return Refused(asked, Code());
      case 2:
        return Final(asked, from, Code());
      case 3:
        return lists ? PageFinal(asked, from, chance_.Below(2) == 0 ? "more" : "")
                     : Final(asked, from, wire::OPERATION_COMPLETED);
      case 4:
        return Final(asked, from, wire::OPERATION_COMPLETED);
      default:
        return Progress(asked, from, static_cast<uint32_t>(chance_.Below(20)),
                        chance_.Below(2) == 0 ? wire::QUEUED : wire::SENDING,
                        wire::OPERATION_PROGRESS,
                        chance_.Below(2) == 0 ? "token-" + std::to_string(chance_.Below(5)) : "");
    }
  }

  void Step() {
    switch (chance_.Below(16)) {
      case 0:
        return bench_.BusDown();
      case 1:
        return bench_.BusUp();
      case 2:
        return chance_.Below(2) == 0 ? bench_.Ask(Pillar()) : bench_.Relieved(Pillar());
      case 3:
        return chance_.Below(4) == 0
                   ? bench_.TransferFailed(Pillar(), absl::UnavailableError("cut"))
                   : bench_.Activity(Pillar());
      case 4:
        return chance_.Below(8) != 0   ? bench_.NextPage(Pillar())
               : chance_.Below(2) == 0 ? bench_.Cancel()
                                       : bench_.Enough();
      case 5:
      case 6:
      case 7:
        return bench_.Wait(absl::Milliseconds(static_cast<int64_t>(chance_.Below(4000))));
      case 8:
        if (!heard_.empty()) {
          return bench_.Hear(heard_[chance_.Below(heard_.size())]);
        }
        [[fallthrough]];
      default:
        if (bench_.all().empty()) {
          return;
        }
        heard_.push_back(Something());
        return bench_.Hear(heard_.back());
    }
  }

  base::SeededRandom chance_;
  AskingBench bench_;
  std::vector<Envelope> heard_;
};

TEST(ConversationProperty, WhateverIsHeardItEndsOnce) {
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(seed);
    Soup(seed).Run();
    if (HasFatalFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace bitrepo::protocol
