// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/contribution.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bus/protocol/limits.h"
#include "tests/bus/protocol/message_samples.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::protocol {
namespace {

using State = ContributionState;
using Event = ContributionEvent;
using Action = ContributionAction;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

ContributionSpec Spec() {
  return {samples::kRepository, *base::ComponentId::Parse(samples::kPillar),
          absl::FromUnixSeconds(1767225600)};
}

wire::Body Final(wire::ResponseCode code) {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_put_file_final()->set_already_held(code == wire::OPERATION_COMPLETED);
  return body;
}

// A contribution with its host: what it was told, and all that left it.
class Bench {
 public:
  explicit Bench(const std::string& sample = "put-file-request")
      : request_(samples::Seal(samples::ByName(sample))),
        machine_(Spec(), request_, now_, random_, out_) {}

  void Do(Event event) {
    out_ = {};
    switch (event) {
      case Event::kAccepted: {
        wire::Body body;
        body.mutable_put_file_progress();
        return machine_.OnAccepted(body, "token-1", now_, out_);
      }
      case Event::kProgress:
        return Progress(wire::RECEIVING, 100);
      case Event::kFinished:
        return machine_.OnFinished(Final(wire::OPERATION_COMPLETED), now_, out_);
      case Event::kRepeat:
        return machine_.OnRepeat(Repeat("alice.new"), now_, out_);
      case Event::kConflict:
        return machine_.OnRepeat(Other("mallory.1"), now_, out_);
      case Event::kCancel:
        return machine_.OnCancel(Cancel("alice.new"), now_, out_);
      case Event::kTimeToTell:
        now_ = std::max(now_, std::min(machine_.WakeAt(), now_ + absl::Minutes(1)));
        return machine_.OnTime(now_, out_);
    }
  }
  void Progress(wire::Phase phase, uint64_t bytes) {
    wire::Progress progress;
    progress.set_phase(phase);
    progress.set_bytes_done(bytes);
    machine_.OnProgress(progress, now_, out_);
  }
  void Reach(State state) {
    if (state == State::kWorking || state == State::kFinished) {
      Do(Event::kAccepted);
    }
    if (state == State::kStopping) {
      Do(Event::kAccepted);
      Do(Event::kCancel);
    }
    if (state == State::kFinished) {
      Do(Event::kFinished);
    }
    out_ = {};
  }
  Envelope Repeat(const std::string& reply_to) {
    samples::Sample sample = samples::ByName("put-file-request");
    sample.header.set_reply_to(reply_to);
    return samples::Seal(sample);
  }
  Envelope Other(const std::string& reply_to) {
    samples::Sample sample = samples::ByName("put-file-request");
    sample.header.set_reply_to(reply_to);
    sample.body.mutable_put_file_request()->set_size_bytes(1);
    return samples::Seal(sample);
  }
  Envelope Cancel(const std::string& reply_to) {
    samples::Sample sample = samples::ByName("put-file-cancel");
    sample.header.set_reply_to(reply_to);
    return samples::Seal(sample);
  }
  void Wait(absl::Duration duration) { now_ += duration; }
  void Tick() {
    out_ = {};
    machine_.OnTime(now_, out_);
  }

  Contribution& machine() { return machine_; }
  ContributionOutbox& out() { return out_; }
  const Envelope& only() {
    EXPECT_EQ(out_.messages.size(), 1u);
    return out_.messages.at(0);
  }
  absl::Time now() const { return now_; }

 private:
  absl::Time now_ = kStart;
  base::SeededRandom random_{7};
  ContributionOutbox out_;
  Envelope request_;
  Contribution machine_;
};

// [C-20] Each cell of the table: the machine is brought into the state, the event happens, and what
// the cell says follows.
TEST(ContributionTable, EachCellIsWhatTheMachineDoes) {
  for (size_t s = 0; s < kContributionStates; ++s) {
    for (size_t e = 0; e < kContributionEvents; ++e) {
      const auto state = static_cast<State>(s);
      const auto event = static_cast<Event>(e);
      SCOPED_TRACE(std::string(NameOf(state)) + " x " + std::string(NameOf(event)));
      const ContributionCell cell = CellOf(state, event);
      Bench bench;
      bench.Reach(state);
      ASSERT_EQ(bench.machine().state(), state);
      const uint64_t ignored = bench.machine().ignored();
      bench.Wait(absl::Milliseconds(1));
      bench.Do(event);
      EXPECT_EQ(bench.machine().state(), cell.next);
      const bool no_timer = state == State::kFinished && event == Event::kTimeToTell;
      EXPECT_EQ(bench.machine().ignored() - ignored,
                cell.action == Action::kIgnore && !no_timer ? 1u : 0u);
      EXPECT_FALSE(bench.out().start_work);
      EXPECT_EQ(bench.out().stop_work, cell.action == Action::kStop);
      switch (cell.action) {
        case Action::kIgnore:
        case Action::kKeep:
        case Action::kStop:
          EXPECT_TRUE(bench.out().messages.empty());
          break;
        case Action::kTell:
          EXPECT_EQ(bench.only().header.kind(), wire::PROGRESS);
          break;
        case Action::kEnd:
          EXPECT_EQ(bench.only().header.kind(), wire::FINAL);
          EXPECT_EQ(bench.only().body.response().code(), wire::OPERATION_COMPLETED);
          break;
        case Action::kLastWord:
          EXPECT_EQ(bench.only().header.kind(),
                    state == State::kFinished ? wire::FINAL : wire::PROGRESS);
          EXPECT_EQ(bench.only().header.to(), "alice.new");
          break;
        case Action::kRefuse:
          EXPECT_EQ(bench.only().body.response().code(), wire::CONFLICT);
          EXPECT_EQ(bench.only().header.to(), "mallory.1");
          break;
      }
    }
  }
}

TEST(Contribution, BeginsTheWorkOnce) {
  base::SeededRandom random(1);
  ContributionOutbox out;
  const Envelope request = samples::Seal(samples::ByName("put-file-request"));
  Contribution machine(Spec(), request, kStart, random, out);
  EXPECT_TRUE(out.start_work);
  EXPECT_TRUE(out.messages.empty());
  out = {};
  machine.OnRepeat(request, kStart, out);
  EXPECT_FALSE(out.start_work);
}

TEST(Contribution, RepliesAreAddressedToWhoAsked) {
  Bench bench;
  bench.Do(Event::kAccepted);
  const wire::Header& header = bench.only().header;
  EXPECT_EQ(bench.only().destination.ToString(), "client:alice.5f03");
  EXPECT_EQ(header.to(), "alice.5f03");
  EXPECT_EQ(header.from(), "pillar-1");
  EXPECT_EQ(header.answers(), bench.machine().request().header.message_id());
  EXPECT_EQ(header.conversation_id(), bench.machine().request().header.conversation_id());
  EXPECT_EQ(header.operation(), wire::PUT_FILE);
  EXPECT_EQ(header.collection_id(), "books");
}

TEST(Contribution, AcceptedSaysSoAndBringsTheToken) {
  Bench bench;
  bench.Do(Event::kAccepted);
  EXPECT_EQ(bench.only().body.response().code(), wire::OPERATION_ACCEPTED_PROGRESS);
  EXPECT_EQ(bench.only().body.progress().phase(), wire::ACCEPTED);
  EXPECT_EQ(bench.only().body.progress().sequence(), 1u);
  EXPECT_EQ(bench.only().secret, "token-1");
}

// [C-22]
TEST(Contribution, EveryProgressBringsTheTokenAgain) {
  Bench bench;
  bench.Do(Event::kAccepted);
  bench.Do(Event::kTimeToTell);
  EXPECT_EQ(bench.only().body.response().code(), wire::OPERATION_PROGRESS);
  EXPECT_EQ(bench.only().secret, "token-1");
}

// [C-22] A list by token: the way up for its parameters, then the way down for its items.
TEST(Contribution, AFurtherTokenTakesThePlaceOfTheOneBefore) {
  Bench bench("get-file-infos-request");
  bench.machine().OnAccepted({}, "the-way-up", bench.now(), bench.out());
  wire::Body reading;
  reading.mutable_progress()->set_bytes_done(40000000);
  bench.Wait(absl::Seconds(1));
  bench.out() = {};
  bench.machine().OnProgress(reading.progress(), bench.now(), bench.out());
  EXPECT_EQ(bench.only().secret, "the-way-up");
  bench.out() = {};
  bench.machine().OnAccepted({}, "the-way-down", bench.now(), bench.out());
  EXPECT_EQ(bench.only().secret, "the-way-down") << "at once";
  EXPECT_EQ(bench.only().body.response().code(), wire::OPERATION_PROGRESS);
  EXPECT_EQ(bench.only().body.progress().phase(), wire::SENDING);
  EXPECT_EQ(bench.only().body.progress().bytes_done(), 0u) << "other bytes are counted now";
  bench.Do(Event::kTimeToTell);
  EXPECT_EQ(bench.only().secret, "the-way-down");
}

// [C-21]
TEST(Contribution, WhileItWorksItTellsSoEveryTwoSeconds) {
  Bench bench;
  EXPECT_EQ(bench.machine().WakeAt(), kStart + absl::Seconds(2));
  bench.Wait(absl::Seconds(2) - absl::Milliseconds(1));
  bench.Tick();
  EXPECT_TRUE(bench.out().messages.empty());
  bench.Wait(absl::Milliseconds(1));
  bench.Tick();
  EXPECT_EQ(bench.only().body.progress().phase(), wire::QUEUED);
  EXPECT_EQ(bench.only().body.progress().sequence(), 1u);
  bench.Wait(absl::Seconds(2));
  bench.Tick();
  EXPECT_EQ(bench.only().body.progress().sequence(), 2u);
}

TEST(Contribution, ReportsLeaveAtMostOncePerSecondAndTheLastOneCounts) {
  Bench bench;
  bench.Do(Event::kAccepted);
  bench.out() = {};
  bench.Wait(absl::Milliseconds(100));
  bench.Progress(wire::RECEIVING, 100);
  bench.Wait(absl::Milliseconds(100));
  bench.Progress(wire::RECEIVING, 200);
  EXPECT_TRUE(bench.out().messages.empty());
  EXPECT_EQ(bench.machine().WakeAt(), kStart + absl::Seconds(1));
  bench.Wait(absl::Milliseconds(800));
  bench.Tick();
  EXPECT_EQ(bench.only().body.progress().bytes_done(), 200u);
  bench.out() = {};
  bench.Wait(absl::Seconds(1));
  bench.Progress(wire::RECEIVING, 300);
  EXPECT_EQ(bench.only().body.progress().bytes_done(), 300u);
}

TEST(Contribution, BytesNeverFallAndPhasesBeforeAcceptanceAreQueued) {
  Bench bench;
  bench.Wait(absl::Seconds(1));
  bench.Progress(wire::RECEIVING, 500);
  EXPECT_EQ(bench.only().body.progress().phase(), wire::QUEUED);
  bench.Do(Event::kAccepted);
  bench.Wait(absl::Seconds(1));
  bench.out() = {};
  bench.Progress(wire::RECEIVING, 400);
  bench.Wait(absl::Seconds(1));
  bench.out() = {};
  bench.Progress(wire::VERIFYING, 300);
  EXPECT_EQ(bench.only().body.progress().bytes_done(), 400u);
  EXPECT_EQ(bench.only().body.progress().phase(), wire::VERIFYING);
}

// [C-23]
TEST(Contribution, ARepeatGetsTheFinalAtItsNewAddress) {
  Bench bench;
  bench.Do(Event::kFinished);
  const std::string first = bench.only().body_bytes;
  for (int i = 0; i < 3; ++i) {
    bench.Do(Event::kRepeat);
    EXPECT_EQ(bench.only().body_bytes, first);
    EXPECT_EQ(bench.only().header.to(), "alice.new");
  }
}

TEST(Contribution, AfterARepeatNewsGoToTheNewAddress) {
  Bench bench;
  bench.Do(Event::kAccepted);
  bench.Do(Event::kRepeat);
  EXPECT_EQ(bench.only().secret, "token-1");
  bench.Do(Event::kFinished);
  EXPECT_EQ(bench.only().header.to(), "alice.new");
}

// [C-24]
TEST(Contribution, AConflictTouchesNothing) {
  Bench bench;
  bench.Do(Event::kAccepted);
  bench.Do(Event::kConflict);
  EXPECT_EQ(bench.only().header.kind(), wire::FINAL);
  EXPECT_EQ(bench.only().header.to(), "mallory.1");
  EXPECT_EQ(bench.machine().state(), State::kWorking);
  bench.Do(Event::kFinished);
  EXPECT_EQ(bench.only().header.to(), "alice.5f03");
  EXPECT_EQ(bench.only().body.response().code(), wire::OPERATION_COMPLETED);
}

TEST(Contribution, OnlyTheFirstFinalCounts) {
  Bench bench;
  bench.Do(Event::kFinished);
  ContributionOutbox out;
  bench.machine().OnFinished(Final(wire::FAILURE), bench.now() + absl::Seconds(1), out);
  EXPECT_TRUE(out.messages.empty());
  EXPECT_EQ(bench.machine().final_body().response().code(), wire::OPERATION_COMPLETED);
  EXPECT_EQ(bench.machine().finished_at(), bench.now());
  EXPECT_EQ(bench.machine().WakeAt(), absl::InfiniteFuture());
}

// [C-25]
TEST(Contribution, ACancelStopsTheWorkAndTheFinalSaysWhatBecameOfIt) {
  Bench bench;
  bench.Do(Event::kAccepted);
  bench.Do(Event::kCancel);
  EXPECT_TRUE(bench.out().stop_work);
  EXPECT_TRUE(bench.out().messages.empty());
  bench.out() = {};
  bench.machine().OnFinished(Final(wire::CANCELLED), bench.now(), bench.out());
  EXPECT_EQ(bench.only().body.response().code(), wire::CANCELLED);
  EXPECT_EQ(bench.only().header.answers(), samples::Id('m')) << "the request, not the cancel";
}

TEST(Contribution, ARecordedAnswerIsToldAndNothingIsDone) {
  base::SeededRandom random(1);
  ContributionOutbox out;
  const Envelope request = samples::Seal(samples::ByName("put-file-request"));
  const Contribution machine = Contribution::Recorded(
      Spec(), request, Final(wire::OPERATION_COMPLETED), kStart, random, out);
  EXPECT_FALSE(out.start_work);
  ASSERT_EQ(out.messages.size(), 1u);
  EXPECT_EQ(out.messages[0].header.kind(), wire::FINAL);
  EXPECT_TRUE(machine.done());
}

TEST(Contribution, AnAnswerThatCannotBeSentIsAFailureNotSilence) {
  Bench bench;
  wire::Body huge = Final(wire::OPERATION_COMPLETED);
  huge.mutable_put_file_final()->mutable_file()->set_file_id("../x");
  bench.out() = {};
  bench.machine().OnFinished(huge, bench.now(), bench.out());
  EXPECT_EQ(bench.only().body.response().code(), wire::FAILURE);
}

TEST(Contribution, OperationsWithoutProgressTellNone) {
  base::SeededRandom random(1);
  ContributionOutbox out;
  Contribution machine(Spec(), samples::Seal(samples::ByName("roster-request")), kStart, random,
                       out);
  machine.OnTime(kStart + absl::Seconds(2), out);
  EXPECT_TRUE(out.messages.empty());
  EXPECT_GT(machine.WakeAt(), kStart + absl::Seconds(2));
}

// [B-22] [B-5]
TEST(Refusal, IsAddressedWhereTheHeaderCouldBeRead) {
  base::SeededRandom random(1);
  for (const auto& [sample, kind] : {std::pair{"put-file-identify", wire::IDENTIFY_REPLY},
                                     std::pair{"put-file-request", wire::FINAL}}) {
    samples::Sample skewed = samples::ByName(sample);
    Frames frames = ToFrames(samples::Seal(skewed));
    skewed.header.set_version(2);
    skewed.header.set_min_version(2);
    frames[1] = skewed.header.SerializeAsString();
    EnvelopeFault fault;
    ASSERT_FALSE(OpenEnvelope(frames, fault).ok());
    ASSERT_OK_AND_ASSIGN(const Envelope refusal, MakeRefusal(Spec(), fault, kStart, random));
    EXPECT_EQ(refusal.header.kind(), kind);
    EXPECT_EQ(refusal.header.to(), "alice.5f03");
    EXPECT_EQ(refusal.header.answers(), samples::Id('m'));
    EXPECT_EQ(refusal.body.response().code(), wire::VERSION_NOT_SUPPORTED);
    EnvelopeFault none;
    EXPECT_OK(OpenEnvelope(ToFrames(refusal), none));
  }
}

TEST(Refusal, NobodyIsAnsweredWhoAskedNothing) {
  base::SeededRandom random(1);
  EnvelopeFault fault;
  EXPECT_THAT(MakeRefusal(Spec(), fault, kStart, random),
              testing_support::StatusIs(absl::StatusCode::kInvalidArgument));
  fault.header_usable = true;
  fault.header = samples::ByName("put-file-final").header;
  EXPECT_FALSE(MakeRefusal(Spec(), fault, kStart, random).ok());
}

// Any order of events, as often as may be: one beginning, one stop, one final body, bounded talk,
// and it ends when the host does.
TEST(ContributionProperty, WhateverHappensThereIsOneFinal) {
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    base::SeededRandom chance(seed);
    Bench bench;
    std::string final_body;
    uint32_t last_sequence = 0;
    int stops = 0;
    const int steps = 40;
    for (int step = 0; step < steps; ++step) {
      bench.Wait(absl::Milliseconds(static_cast<int64_t>(chance.Below(1500))));
      const auto event = static_cast<Event>(chance.Below(kContributionEvents));
      const bool was_done = bench.machine().done();
      bench.Do(event);
      ASSERT_FALSE(bench.out().start_work);
      stops += bench.out().stop_work ? 1 : 0;
      ASSERT_LE(stops, 1);
      ASSERT_LE(bench.out().messages.size(), 1u);
      for (const Envelope& message : bench.out().messages) {
        EnvelopeFault fault;
        ASSERT_TRUE(OpenEnvelope(ToFrames(message), fault).ok()) << fault.text;
        if (message.header.kind() == wire::PROGRESS) {
          ASSERT_FALSE(was_done);
          ASSERT_GT(message.body.progress().sequence(), last_sequence);
          last_sequence = message.body.progress().sequence();
        } else if (message.body.response().code() != wire::CONFLICT) {
          ASSERT_TRUE(final_body.empty() || final_body == message.body_bytes);
          final_body = message.body_bytes;
        }
      }
      ASSERT_TRUE(event != Event::kTimeToTell || bench.machine().WakeAt() > bench.now());
    }
    bench.Do(Event::kFinished);
    ASSERT_TRUE(bench.machine().done());
  }
}

}  // namespace
}  // namespace bitrepo::protocol
