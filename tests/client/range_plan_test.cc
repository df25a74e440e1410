// SPDX-License-Identifier: Apache-2.0
// Which pillar fetches which ranges: each cell of the table, and what becomes of a get whose
// sources are quick, slow, dead or silent.
#include "client/range_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/random.h"

namespace bitrepo::client {
namespace {

using Kind = RangeOrder::Kind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = uint64_t{1} << 20;
const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

base::ComponentId Source(int number) {
  return *base::ComponentId::Parse("p" + std::to_string(number));
}
base::RangeSet Whole(uint64_t bytes) {
  base::RangeSet all;
  all.Add(base::ByteRange::Whole(bytes));
  return all;
}

// A plan and the bytes that it is about.
struct Bench {
  Bench(uint64_t bytes, uint32_t sources_max)
      : owed(Whole(bytes)), plan(owed, sources_max, kStart) {}

  RangeOutbox Offer(int number) {
    RangeOutbox out;
    plan.OnOffered(Source(number), owed, now, out);
    return out;
  }
  RangeOutbox Accept(int number) {
    RangeOutbox out;
    plan.OnAccepted(Source(number), owed, now, out);
    return out;
  }
  RangeOutbox Done(int number) {
    RangeOutbox out;
    plan.OnDone(Source(number), owed, now, out);
    return out;
  }
  RangeOutbox Lose(int number) {
    RangeOutbox out;
    plan.OnLost(Source(number), owed, now, out);
    return out;
  }
  // So many bytes of its share are written, from the front.
  void Move(int number, uint64_t bytes) {
    plan.OnMoved(Source(number), bytes, now);
    for (const base::ByteRange& range : plan.share(Source(number), owed).ranges()) {
      const uint64_t taken = std::min(bytes, range.length());
      owed.Remove(*base::ByteRange::Make(range.offset(), taken));
      bytes -= taken;
    }
  }
  RangeOutbox MoveAll(int number) {
    Move(number, Share(number).bytes());
    return Done(number);
  }
  RangeOutbox Wait(absl::Duration time) {
    RangeOutbox out;
    now += time;
    plan.OnTime(owed, now, out);
    return out;
  }
  // Until all others stand still for too long.
  void MoveAlone(int number) {
    for (absl::Duration gone; gone <= kStalledAfter; gone += kPlanTick) {
      Move(number, kMiB);
      Wait(kPlanTick);
    }
  }
  base::RangeSet Share(int number) const { return plan.share(Source(number), owed); }
  SourceState State(int number) const { return plan.state(Source(number)); }

  base::RangeSet owed;
  absl::Time now = kStart;
  RangePlan plan;
};

// ---- the pieces

TEST(RangePlan, OneAloneGetsAllThatIsOwed) {
  Bench bench(5000 * kMiB, 1);
  EXPECT_THAT(bench.Accept(1), IsEmpty());
  EXPECT_EQ(bench.Share(1), bench.owed);
  EXPECT_THAT(bench.Offer(2), IsEmpty());
  EXPECT_EQ(bench.plan.WakeAt(), absl::InfiniteFuture());
}

TEST(RangePlan, APieceIsAnEighthOfAnEvenShareWithinItsBounds) {
  EXPECT_EQ(Bench(kSeveralSourcesFromBytes, 3).plan.piece_bytes(), kPieceBytesMin);
  EXPECT_EQ(Bench(24 * kPieceBytesMin + 24 * kMiB, 3).plan.piece_bytes(), kPieceBytesMin + kMiB);
  EXPECT_EQ(Bench(24 * kPieceBytesMax, 3).plan.piece_bytes(), kPieceBytesMax);
  EXPECT_EQ(Bench(25 * kPieceBytesMax, 3).plan.piece_bytes(), kPieceBytesMax);
}

TEST(RangePlan, ThreeGetDifferentPiecesAndWhoIsDoneTheNextOne) {
  Bench bench(1024 * kMiB, 3);
  bench.Accept(1);
  EXPECT_THAT(bench.Offer(2), ElementsAre(RangeOrder{Kind::kAsk, Source(2)}));
  EXPECT_THAT(bench.Offer(3), ElementsAre(RangeOrder{Kind::kAsk, Source(3)}));
  EXPECT_THAT(bench.Offer(4), IsEmpty()) << "three are enough";
  const uint64_t piece = bench.plan.piece_bytes();
  EXPECT_EQ(bench.Share(1).ToString(), "0+" + std::to_string(piece));
  EXPECT_EQ(bench.Share(2).ranges().front().offset(), piece);
  EXPECT_EQ(bench.Share(3).ranges().front().offset(), 2 * piece);
  EXPECT_THAT(bench.MoveAll(2), ElementsAre(RangeOrder{Kind::kAsk, Source(2)}));
  EXPECT_EQ(bench.Share(2).ranges().front().offset(), 3 * piece);
}

TEST(RangePlan, TheTokenOfOneThatHasAShareIsForThatShare) {
  Bench bench(1024 * kMiB, 3);
  bench.Accept(1);
  bench.Offer(2);
  const base::RangeSet share = bench.Share(2);
  EXPECT_THAT(bench.Accept(2), IsEmpty());
  EXPECT_EQ(bench.Share(2), share);
}

TEST(RangePlan, WhatIsHereAlreadyIsInNoShare) {
  Bench bench(1024 * kMiB, 3);
  bench.owed.Remove(*base::ByteRange::Make(0, 100 * kMiB));
  bench.Accept(1);
  EXPECT_EQ(bench.Share(1).ranges().front().offset(), 100 * kMiB);
}

TEST(RangePlan, APieceLiesInNoMoreRangesThanOneFetchCanName) {
  Bench bench(1024 * kMiB, 3);
  for (uint64_t i = 0; i < 2 * kPieceRangesMax; ++i) {
    bench.owed.Remove(*base::ByteRange::Make(i * 16384, 8192));
  }
  bench.Accept(1);
  EXPECT_EQ(bench.Share(1).range_count(), kPieceRangesMax);
}

// ---- trouble

TEST(RangePlan, TheShareOfADeadOneGoesToWhoeverIsFree) {
  Bench bench(1024 * kMiB, 2);
  bench.Accept(1);
  bench.Offer(2);
  bench.Offer(3);
  bench.Move(2, 10 * kMiB);
  const base::RangeSet rest = bench.Share(2);
  EXPECT_THAT(bench.Lose(2), ElementsAre(RangeOrder{Kind::kAsk, Source(3)}));
  EXPECT_EQ(bench.Share(3).ranges().front().offset(), rest.ranges().front().offset());
  EXPECT_TRUE(bench.Share(2).empty());
}

TEST(RangePlan, OneThatStandsStillWhileAnotherMovesGivesItsShareAway) {
  Bench bench(1024 * kMiB, 3);
  bench.Accept(1);
  bench.Offer(2);
  bench.Move(2, kMiB);
  for (absl::Duration gone; gone < kStalledAfter - kPlanTick; gone += kPlanTick) {
    EXPECT_THAT(bench.Wait(kPlanTick), IsEmpty()) << gone;
    bench.Move(1, kMiB);
  }
  EXPECT_THAT(bench.Wait(kPlanTick), ElementsAre(RangeOrder{Kind::kRelieve, Source(2)}));
  EXPECT_EQ(bench.State(2), SourceState::kSlow);
}

TEST(RangePlan, WhenNothingMovesAtAllNobodyIsToBlame) {
  Bench bench(1024 * kMiB, 3);
  bench.Accept(1);
  bench.Offer(2);
  for (int i = 0; i < 60; ++i) EXPECT_THAT(bench.Wait(kPlanTick), IsEmpty());
}

TEST(RangePlan, AtTheEndAFreeOneTakesOverFromOneThatIsMuchSlower) {
  Bench bench(2 * kPieceBytesMin, 2);
  bench.Accept(1);
  bench.Offer(2);
  for (int i = 0; i < 2; ++i) {
    bench.Move(1, 16 * kMiB);
    bench.Move(2, kMiB);
    EXPECT_THAT(bench.Wait(kPlanTick), IsEmpty());
  }
  const base::RangeSet rest = bench.Share(2);
  // To ask first: the slow one is not left before another has it.
  EXPECT_THAT(bench.Done(1), ElementsAre(RangeOrder{Kind::kAsk, Source(1)},
                                         RangeOrder{Kind::kRelieve, Source(2)}));
  EXPECT_EQ(bench.Share(1), rest);
  EXPECT_EQ(bench.State(2), SourceState::kSlow);
}

TEST(RangePlan, OneThatIsOnlySomewhatSlowerEndsWhatItHas) {
  Bench bench(2 * kPieceBytesMin, 2);
  bench.Accept(1);
  bench.Offer(2);
  for (int i = 0; i < 2; ++i) {
    bench.Move(1, 16 * kMiB);
    bench.Move(2, 6 * kMiB);
    EXPECT_THAT(bench.Wait(kPlanTick), IsEmpty());
  }
  EXPECT_THAT(bench.Done(1), IsEmpty());
  EXPECT_EQ(bench.State(1), SourceState::kFree);
}

TEST(RangePlan, ALittleThatIsLeftIsNotTakenOver) {
  for (const uint64_t left : {kTakenOverBytesMin, kTakenOverBytesMin - 1}) {
    Bench bench(2 * kPieceBytesMin, 2);
    bench.Accept(1);
    bench.Offer(2);
    bench.Move(2, kPieceBytesMin - left);
    bench.Wait(kPlanTick);
    for (int i = 0; i < 3; ++i) {
      bench.Move(1, kPieceBytesMin / 3 + 1);
      EXPECT_THAT(bench.Wait(kPlanTick), IsEmpty());
    }
    EXPECT_EQ(bench.Done(1).empty(), left < kTakenOverBytesMin) << left;
  }
}

TEST(RangePlan, ASlowOneServesAgainWhenItIsAllThereIs) {
  Bench bench(1024 * kMiB, 3);
  bench.Accept(1);
  bench.Offer(2);
  bench.MoveAlone(1);
  ASSERT_EQ(bench.State(2), SourceState::kSlow);
  EXPECT_THAT(bench.Lose(1), IsEmpty());
  bench.Accept(2);
  EXPECT_EQ(bench.State(2), SourceState::kBusy);
  EXPECT_FALSE(bench.Share(2).empty());
}

TEST(RangePlan, OneThatIsNotNeededGetsNothing) {
  Bench bench(64 * kMiB, 2);
  bench.Accept(1);
  bench.Offer(2);
  bench.Accept(3);
  EXPECT_TRUE(bench.Share(3).empty());
  EXPECT_EQ(bench.State(3), SourceState::kFree);
}

// ---- the table

// A source in this state, "p1", beside one that is busy, "p2".
void Reach(Bench& bench, SourceState state) {
  bench.Accept(2);
  switch (state) {
    case SourceState::kUnknown:
      return;
    case SourceState::kFree:
      bench.Accept(3);
      bench.Offer(1);
      return;
    case SourceState::kBusy:
      bench.Offer(1);
      return;
    case SourceState::kSlow:
      bench.Offer(1);
      bench.MoveAlone(2);
      return;
    case SourceState::kOut:
      bench.Offer(1);
      bench.Lose(1);
      return;
  }
}

// False where the event cannot come about in that state.
bool Do(Bench& bench, SourceState state, SourceEvent event) {
  switch (event) {
    case SourceEvent::kOffered:
      bench.Offer(1);
      return true;
    case SourceEvent::kAccepted:
      bench.Accept(1);
      return true;
    case SourceEvent::kMoved:
      bench.plan.OnMoved(Source(1), kMiB, bench.now);
      return true;
    case SourceEvent::kDone:
      bench.Done(1);
      return true;
    case SourceEvent::kLost:
      bench.Lose(1);
      return true;
    case SourceEvent::kStalled:
      bench.MoveAlone(2);
      return state == SourceState::kBusy;
    case SourceEvent::kOvertaken: {
      if (state != SourceState::kBusy) return false;
      bench.Move(1, kMiB);
      bench.Wait(kPlanTick);
      for (int i = 0; i < 3; ++i) {
        bench.Move(1, kMiB / 2);
        bench.Move(2, 100 * kMiB);
        bench.Wait(kPlanTick);
      }
      const base::RangeSet kept = bench.Share(1);
      bench.owed = kept;  // all else has come
      bench.Done(2);
      return true;
    }
  }
  return false;
}

TEST(SourceTable, EachCellIsWhatThePlanDoes) {
  for (size_t s = 0; s < kSourceStates; ++s) {
    for (size_t e = 0; e < kSourceEvents; ++e) {
      const auto state = static_cast<SourceState>(s);
      const auto event = static_cast<SourceEvent>(e);
      SCOPED_TRACE(std::string(NameOf(state)) + " x " + std::string(NameOf(event)));
      const SourceCell cell = CellOf(state, event);
      Bench bench(4096 * kMiB, 2);
      Reach(bench, state);
      ASSERT_EQ(bench.State(1), state);
      if (!Do(bench, state, event)) {
        EXPECT_EQ(cell.action, SourceAction::kIgnore);
        continue;
      }
      // A share makes it busy where one is to be had: not while two others have theirs.
      const bool place = state != SourceState::kFree;
      const bool given = cell.action == SourceAction::kGive && place;
      EXPECT_EQ(bench.State(1), given ? SourceState::kBusy : cell.next);
      EXPECT_EQ(bench.Share(1).empty(), bench.State(1) != SourceState::kBusy);
    }
  }
}

// ---- any course of events

// Whatever the sources do, shares never overlap, never go beyond what is owed, and as long as one
// source works, all comes.
TEST(RangePlanProperty, AllComesOnceFromWhoeverIsLeft) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    base::SeededRandom chance(seed);
    Bench bench((64 + chance.Below(2000)) * kMiB, 3);
    constexpr int kSources = 5;
    std::map<int, uint64_t> rate;  // bytes a tick; 0: silent
    std::map<int, int> silent;     // ticks
    bench.Accept(1);
    rate[1] = 10 * kMiB;  // this one works
    for (int i = 2; i <= kSources; ++i) {
      bench.Offer(i);
      rate[i] = chance.Below(3) == 0 ? 0 : chance.Below(60) * kMiB;
    }
    int ticks = 0;
    while (!bench.owed.empty()) {
      ASSERT_LT(++ticks, 2000);
      for (int i = 1; i <= kSources; ++i) {
        if (bench.State(i) != SourceState::kBusy) continue;
        const uint64_t step = std::min(rate[i], bench.Share(i).bytes());
        if (step > 0) bench.Move(i, step);
        silent[i] = step > 0 ? 0 : silent[i] + 1;
        if (silent[i] > 30) {  // its patience is over
          bench.Lose(i);
          continue;
        }
        if (bench.Share(i).empty()) {
          bench.Done(i);
        } else if (i != 1 && chance.Below(100) == 0) {
          bench.Lose(i);
        }
      }
      bench.Wait(kPlanTick);
      // Its connection asks for it again, as the conversation does when nobody else is left.
      bool any_busy = false;
      for (int i = 1; i <= kSources; ++i) any_busy |= bench.State(i) == SourceState::kBusy;
      if (!any_busy) bench.Accept(1);
      base::RangeSet taken;
      for (int i = 1; i <= kSources; ++i) {
        for (const base::ByteRange& range : bench.Share(i).ranges()) {
          ASSERT_FALSE(taken.Intersects(range)) << "two fetch the same";
          ASSERT_TRUE(bench.owed.Contains(range));
          taken.Add(range);
        }
      }
    }
  }
}

}  // namespace
}  // namespace bitrepo::client
