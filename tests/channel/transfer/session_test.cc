// SPDX-License-Identifier: Apache-2.0
#include "channel/transfer/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "absl/strings/str_split.h"
#include "channel/transfer/control_payload.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::transfer {
namespace {

using testing_support::IsOk;
using testing_support::StatusIs;

SessionSpec Spec(bool dialled) {
  SessionSpec spec;
  spec.dialled = dialled;
  spec.node = dialled ? "client-1" : "pillar-1";
  spec.initial_credit = dialled ? 0 : 4096;
  spec.silence = absl::Seconds(15);
  spec.first_word = absl::Seconds(10);
  spec.idle = absl::Seconds(60);
  return spec;
}

// A session and what it wanted since it was last asked.
class Bench {
 public:
  explicit Bench(bool dialled) : session(Spec(dialled), now, outbox) {}

  void Frame(FrameType type, uint32_t stream = 0, const std::string& payload = "",
             bool intact = true) {
    FrameHeader header;
    header.type = type;
    header.stream = stream;
    header.sequence = sequence_in++;
    header.length = static_cast<uint32_t>(payload.size());
    session.OnFrame(header, payload, intact, now, outbox);
  }
  void Greeting(FrameType type) {
    wire::SessionWelcome words;  // a HELLO is its first three fields
    words.set_node("peer-1");
    words.set_version(1);
    words.set_segment_bytes_max(kSegmentBytesMax);
    if (type == FrameType::kWelcome) {
      words.set_initial_credit(1234);
    }
    Frame(type, 0, words.SerializeAsString());
  }
  void Ending(FrameType type, uint32_t stream = 0) {
    wire::ResponseInfo response;
    response.set_code(wire::GONE);
    response.set_text("going");
    Frame(type, stream, WriteStreamEnd(response));
  }
  // What it wants, in words.
  std::vector<std::string> Wants() {
    std::vector<std::string> words;
    for (const SessionEffect& effect : std::exchange(outbox, {})) {
      if (const auto* say = std::get_if<SayFrame>(&effect)) {
        words.push_back(absl::StrCat("say ", FrameName(say->type)));
      } else if (std::holds_alternative<SessionUp>(effect)) {
        words.push_back("up");
      } else if (std::holds_alternative<OpenStream>(effect)) {
        words.push_back("open");
      } else if (std::holds_alternative<DeliverFrame>(effect)) {
        words.push_back("deliver");
      } else if (std::holds_alternative<SessionDraining>(effect)) {
        words.push_back("draining");
      } else if (const auto* end = std::get_if<SessionEnded>(&effect)) {
        words.push_back(
            absl::StrCat(end->why.ok() ? "end well" : "end badly", end->close ? ", close" : ""));
      }
    }
    return words;
  }
  // Brings a fresh session into that state, by ordinary events.
  void Reach(SessionState state) {
    switch (state) {
      case SessionState::kDialling:
      case SessionState::kAwaiting:
        break;
      case SessionState::kGreeting:
        session.OnConnected(now, outbox);
        break;
      case SessionState::kReady:
        Reach(SessionState::kGreeting);
        Greeting(FrameType::kWelcome);
        session.NextStream();
        session.OnStreams(1, now, outbox);
        break;
      case SessionState::kDraining:
        Reach(SessionState::kReady);
        Ending(FrameType::kGoaway);
        break;
      case SessionState::kServing:
        Greeting(FrameType::kHello);
        Frame(FrameType::kOpen, 1, "x");
        session.OnStreams(1, now, outbox);
        break;
      case SessionState::kLeaving:
        Reach(SessionState::kServing);
        session.OnLeave(now, outbox);
        break;
      case SessionState::kEnded:
        session.OnLost(absl::UnavailableError("gone"), now, outbox);
        break;
    }
    EXPECT_EQ(session.state(), state);
    Wants();
  }
  void Happen(SessionEvent event) {
    switch (event) {
      case SessionEvent::kConnected:
        return session.OnConnected(now, outbox);
      case SessionEvent::kHello:
        return Greeting(FrameType::kHello);
      case SessionEvent::kWelcome:
        return Greeting(FrameType::kWelcome);
      case SessionEvent::kOpen:
        return Frame(FrameType::kOpen, 2, "x");
      case SessionEvent::kStream:
        return Frame(FrameType::kData, 1, "x");
      case SessionEvent::kPing:
        return Frame(FrameType::kPing);
      case SessionEvent::kPong:
        return Frame(FrameType::kPong);
      case SessionEvent::kGoaway:
        return Ending(FrameType::kGoaway);
      case SessionEvent::kBye:
        return Frame(FrameType::kBye);
      case SessionEvent::kFault:
        return session.OnFault(absl::InvalidArgumentError("no frame"), now, outbox);
      case SessionEvent::kSilence:
        now += absl::Seconds(20);
        return session.OnTime(now, outbox);
      case SessionEvent::kIdle: {
        // Idle is the absence of streams for long, while the peer is heard.
        if (session.state() == SessionState::kReady) {
          session.OnStreams(0, now, outbox);
          for (int i = 0; i < 12; ++i) {
            now += absl::Seconds(5);
            Frame(FrameType::kPong);
          }
        }
        session.OnTime(now, outbox);
        return;
      }
      case SessionEvent::kDrained:
        return session.OnStreams(0, now, outbox);
      case SessionEvent::kLeave:
        return session.OnLeave(now, outbox);
      case SessionEvent::kLost:
        return session.OnLost(absl::UnavailableError("gone"), now, outbox);
    }
  }

  absl::Time now = absl::UnixEpoch() + absl::Hours(1);
  uint64_t sequence_in = 0;
  SessionOutbox outbox;
  Session session;
};

constexpr bool IsDialled(SessionState state) {
  return state == SessionState::kDialling || state == SessionState::kGreeting ||
         state == SessionState::kReady || state == SessionState::kDraining;
}

// What every cell must do, written down a second time and by hand: state, then for each event what
// is wanted and the state that follows. '.' stands for nothing, and the state stays. X cuts.
struct Row {
  SessionState state;
  const char* cells;
};
constexpr Row kRows[] = {
    {SessionState::kDialling,
     "say HELLO>Greeting|X|X|X|X|X|X|X|X|X|end badly, close>Ended|.|.|end well, close>Ended|"
     "end badly>Ended"},
    {SessionState::kGreeting,
     ".|X|up>Ready|X|X|X|X|end badly, close>Ended|X|X|end badly, close>Ended|.|.|"
     "end well, close>Ended|end badly>Ended"},
    {SessionState::kReady,
     ".|X|X|X|deliver>Ready|say PONG>Ready|.|draining>Draining|X|X|end badly, close>Ended|"
     "say BYE+end well, close>Ended|.|say BYE+end well, close>Ended|end badly>Ended"},
    {SessionState::kDraining,
     ".|X|X|X|deliver>Draining|say PONG>Draining|.|.|X|X|end badly, close>Ended|.|"
     "say BYE+end well, close>Ended|say BYE+end well, close>Ended|end badly>Ended"},
    {SessionState::kAwaiting,
     ".|say WELCOME+up>Serving|X|X|X|X|X|X|X|X|end badly, close>Ended|.|.|"
     "end well, close>Ended|end badly>Ended"},
    {SessionState::kServing,
     ".|X|X|open>Serving|deliver>Serving|say PONG>Serving|.|X|end well, close>Ended|X|"
     "end badly, close>Ended|.|.|say GOAWAY>Leaving|end badly>Ended"},
    {SessionState::kLeaving,
     ".|X|X|say OPEN_REFUSED>Leaving|.|say PONG>Leaving|.|X|end well, close>Ended|X|"
     "end badly, close>Ended|.|.|.|end badly>Ended"},
    {SessionState::kEnded, ".|.|.|.|.|.|.|.|.|.|.|.|.|.|."},
};

// [D-11]
TEST(Session, EveryCellOfTheTableDoesWhatItMust) {
  ASSERT_EQ(std::size(kRows), kSessionStates);
  for (const Row& row : kRows) {
    const std::vector<std::string> cells = absl::StrSplit(row.cells, '|');
    ASSERT_EQ(cells.size(), kSessionEvents) << SessionStateName(row.state);
    for (size_t i = 0; i < kSessionEvents; ++i) {
      const auto event = static_cast<SessionEvent>(i);
      SCOPED_TRACE(absl::StrCat(SessionStateName(row.state), " / ", SessionEventName(event)));
      for (const bool ended_dialled : {true, false}) {
        const bool dialled =
            row.state == SessionState::kEnded ? ended_dialled : IsDialled(row.state);
        Bench bench(dialled);
        bench.Reach(row.state);
        bench.Happen(event);
        std::vector<std::string> wants;
        std::string next(SessionStateName(row.state));
        if (cells[i] == "X") {
          next = "Ended";
          wants = dialled ? std::vector<std::string>{"end badly, close"}
                          : std::vector<std::string>{"say GOAWAY", "end badly, close"};
        } else if (cells[i] != ".") {
          const std::vector<std::string> parts = absl::StrSplit(cells[i], '>');
          wants = absl::StrSplit(parts[0], '+');
          next = parts[1];
        }
        EXPECT_EQ(bench.Wants(), wants);
        EXPECT_EQ(SessionStateName(bench.session.state()), next);
        EXPECT_EQ(SessionStateName(SessionTransition(row.state, event).next), next);
      }
    }
  }
}

TEST(Session, TellsWhoThePeerIsAndWhatItGrants) {
  Bench dialled(true);
  dialled.session.OnConnected(dialled.now, dialled.outbox);
  dialled.Wants();
  dialled.Greeting(FrameType::kWelcome);
  const auto* up = std::get_if<SessionUp>(&dialled.outbox.at(0));
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->node, "peer-1");
  EXPECT_EQ(up->initial_credit, 1234u);
}

// [D-12]
TEST(Session, AGreetingThatIsNoneCutsIt) {
  Bench bench(false);
  bench.Frame(FrameType::kHello, 0, "garbage");
  EXPECT_EQ(bench.session.state(), SessionState::kEnded);
}

// [D-15]
TEST(Session, AFrameOutOfSequenceCutsIt) {
  Bench bench(false);
  bench.Reach(SessionState::kServing);
  ++bench.sequence_in;
  bench.Frame(FrameType::kPing);
  EXPECT_THAT(bench.session.outcome(), StatusIs(absl::StatusCode::kDataLoss));
}

// [D-5]
TEST(Session, ADamagedControlFrameCutsItAndDamagedDataIsDelivered) {
  Bench bench(false);
  bench.Reach(SessionState::kServing);
  bench.Frame(FrameType::kData, 1, "x", false);
  EXPECT_EQ(bench.Wants(), std::vector<std::string>{"deliver"});
  bench.Frame(FrameType::kCommit, 1, "x", false);
  EXPECT_EQ(bench.session.state(), SessionState::kEnded);
}

// [D-7]
TEST(Session, AFrameOfAnUnknownTypeIsPassedOver) {
  Bench bench(false);
  bench.Reach(SessionState::kServing);
  bench.Frame(static_cast<FrameType>(99));
  EXPECT_TRUE(bench.Wants().empty());
  bench.Frame(FrameType::kPing);
  EXPECT_EQ(bench.Wants(), std::vector<std::string>{"say PONG"});
}

// [D-16]
TEST(Session, StreamNumbersRiseAndNoneIsUsedBeforeItIsOpened) {
  Bench again(false);
  again.Reach(SessionState::kServing);
  again.Frame(FrameType::kOpen, 1, "x");
  EXPECT_EQ(again.session.state(), SessionState::kEnded);
  Bench early(false);
  early.Reach(SessionState::kServing);
  early.Frame(FrameType::kData, 2, "x");
  EXPECT_EQ(early.session.state(), SessionState::kEnded);
  Bench at_dialler(true);
  at_dialler.Reach(SessionState::kReady);
  at_dialler.Frame(FrameType::kCredit, 2);
  EXPECT_EQ(at_dialler.session.state(), SessionState::kEnded);
}

TEST(Session, GoawayWithoutStreamsIsAnsweredWithByeAtOnce) {
  Bench bench(true);
  bench.Reach(SessionState::kReady);
  bench.session.OnStreams(0, bench.now, bench.outbox);
  bench.Wants();
  bench.Ending(FrameType::kGoaway);
  EXPECT_EQ(bench.Wants(), (std::vector<std::string>{"draining", "say BYE", "end well, close"}));
}

// [D-17]
TEST(Session, PingsWhoIsSilentAndEndsWhenNothingComes) {
  for (const bool dialled : {true, false}) {
    Bench bench(dialled);
    bench.Reach(dialled ? SessionState::kReady : SessionState::kServing);
    const absl::Time start = bench.now;
    int pings = 0;
    while (!bench.session.done()) {
      bench.now = bench.session.WakeAt();
      ASSERT_LE(bench.now, start + absl::Seconds(15));
      bench.session.OnTime(bench.now, bench.outbox);
      const std::vector<std::string> wants = bench.Wants();
      pings += wants == std::vector<std::string>{"say PING"} ? 1 : 0;
    }
    EXPECT_EQ(bench.now, start + absl::Seconds(15));
    EXPECT_EQ(pings, kPingsPerSilence - 1);
    EXPECT_THAT(bench.session.outcome(), StatusIs(absl::StatusCode::kUnavailable));
  }
}

// [D-17]
TEST(Session, AnAnsweredPingKeepsItAlive) {
  Bench bench(false);
  bench.Reach(SessionState::kServing);
  for (int i = 0; i < 100; ++i) {
    bench.now = bench.session.WakeAt();
    bench.session.OnTime(bench.now, bench.outbox);
    EXPECT_EQ(bench.Wants(), std::vector<std::string>{"say PING"});
    bench.Frame(FrameType::kPong);
  }
  EXPECT_EQ(bench.session.state(), SessionState::kServing);
}

// [D-18]
TEST(Session, WhoSaysNoHelloInTimeIsDropped) {
  Bench bench(false);
  EXPECT_EQ(bench.session.WakeAt(), bench.now + absl::Seconds(10));
  bench.now += absl::Seconds(10) - absl::Nanoseconds(1);
  bench.session.OnTime(bench.now, bench.outbox);
  EXPECT_EQ(bench.session.state(), SessionState::kAwaiting);
  bench.now += absl::Nanoseconds(1);
  bench.session.OnTime(bench.now, bench.outbox);
  EXPECT_EQ(bench.session.state(), SessionState::kEnded);
}

// [D-19]
TEST(Session, OnlyWhoDialledEndsAnIdleSession) {
  Bench dialled(true);
  dialled.Reach(SessionState::kReady);
  dialled.Happen(SessionEvent::kIdle);
  EXPECT_EQ(dialled.Wants(), (std::vector<std::string>{"say BYE", "end well, close"}));
  Bench serving(false);
  serving.Reach(SessionState::kServing);
  serving.session.OnStreams(0, serving.now, serving.outbox);
  for (int i = 0; i < 1000; ++i) {
    serving.now = serving.session.WakeAt();
    serving.session.OnTime(serving.now, serving.outbox);
    serving.Frame(FrameType::kPong);
  }
  EXPECT_EQ(serving.session.state(), SessionState::kServing);
}

TEST(Session, ALeavingSideWaitsForByeNoLongerThanItsGrace) {
  Bench bench(false);
  bench.Reach(SessionState::kLeaving);
  EXPECT_EQ(bench.session.WakeAt(), bench.now + kLeavingGrace);
  bench.now += kLeavingGrace;
  bench.session.OnTime(bench.now, bench.outbox);
  EXPECT_EQ(bench.Wants(), std::vector<std::string>{"end badly, close"});
}

}  // namespace
}  // namespace bitrepo::transfer
