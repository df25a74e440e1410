// SPDX-License-Identifier: Apache-2.0
// What the design note of 2006 asks of the session between two hosts, where time, memory or hostile
// input decide: each test is called by the number of what it holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "absl/strings/numbers.h"
#include "tests/channel/channel_pair.h"
#include "tests/channel/raw_dialler.h"
#include "tests/channel/transfer_runs.h"
#include "tests/support/status_matchers.h"

namespace bitrepo::channel {
namespace {

using transfer::FrameType;

constexpr char kEndpoint[] = "memory://pillar";

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

// `fallback` unless the environment says otherwise.
uint64_t CountFrom(const char* variable, uint64_t fallback) {
  const char* text = std::getenv(variable);
  uint64_t count = 0;
  return text != nullptr && absl::SimpleAtoi(text, &count) ? count : fallback;
}

uint64_t ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t all = 0;
  uint64_t resident = 0;
  statm >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

// A serving and a dialling channel without anything between that keeps what passes.
struct PlainPair {
  explicit PlainPair(size_t frames_under_way_max = MemoryChannelNet::kFramesUnderWayMax)
      : net(frames_under_way_max) {
    EXPECT_OK(serving.Start());
    EXPECT_OK(dialling.Start());
  }
  absl::Time Later() { return loop.Now() + absl::Hours(1); }

  testing_support::ManualEventLoop loop;
  base::SeededRandom random{7};
  MemoryChannelNet net;
  MemoryChannelLink serving_link{net, loop, kEndpoint};
  MemoryChannelLink dialling_link{net, loop, ""};
  TestMint mint{kEndpoint};
  Channel serving{Node("pillar-1"), loop, serving_link, mint.mint, random};
  Channel dialling{Node("client-1"), loop, dialling_link, mint.mint, random};
};

// Frames that are well-formed, of every type and in any order, some of them bent. Whatever they
// say, nothing is kept that was not proved, and who comes next is served.
TEST(SessionRequirements, A20_NoSequenceOfFramesDoesHarm) {
  const uint64_t frames = CountFrom("BITREPO_FUZZ_FRAMES", 5'000);
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  base::SeededRandom random(1);
  std::vector<std::shared_ptr<StoreRun>> stores;
  for (uint64_t said = 0; said < frames;) {
    auto store = std::make_shared<StoreRun>(pair.mint, pair.Later(), SomeBytes(100), 100);
    FetchRun fetch(pair.mint, pair.Later(), SomeBytes(100));
    store->Grant(*pair.serving);
    fetch.Grant(*pair.serving);
    stores.push_back(store);
    MemoryChannelLink link(pair.net, pair.loop, "");
    RawDialler peer(link);
    peer.Dial(kEndpoint);
    pair.loop.RunReady();
    if (random.Below(10) != 0) {
      peer.SayHello();
    }
    for (uint64_t i = random.Below(50) + 1; i > 0 && !peer.cut(); --i, ++said) {
      const auto type = static_cast<FrameType>(random.Below(20));
      const auto stream = static_cast<uint32_t>(random.Below(4));
      if (type == FrameType::kOpen && stream != 0) {
        peer.SayOpen(stream, stream == 1 ? store->token : fetch.token,
                     static_cast<int>(random.Below(5)));
      } else {
        transfer::FrameHeader header;
        header.type = type;
        header.stream = stream;
        header.number = random.Below(3);
        header.offset = random.Below(20) == 0 ? ~uint64_t{0} : random.Below(120);
        header.sequence = peer.next_sequence++;
        const std::string payload = type == FrameType::kData
                                        ? store->text.substr(0, random.Below(101))
                                        : random.Bytes(static_cast<size_t>(random.Below(30)));
        std::string bytes = transfer::SerializeHeader(
            header, std::as_bytes(std::span<const char>(payload.data(), payload.size())));
        if (random.Below(20) == 0) {
          char& byte = bytes[random.Below(bytes.size())];
          byte = static_cast<char>(byte ^ (1 << random.Below(8)));
        }
        peer.SayRaw(bytes, payload);
      }
      pair.loop.RunReady();
    }
    pair.net.CutAll();
    pair.loop.RunReady();
    ASSERT_EQ(store->sink->commits, 0) << "nothing that came had a digest that was right";
    pair.serving_link.sent.clear();
  }
  pair.loop.Advance(absl::Hours(2));
  for (const std::shared_ptr<StoreRun>& store : stores) {
    ASSERT_EQ(store->granted->ends.size(), 1u);
  }
  StoreRun next(pair.mint, pair.Later(), SomeBytes(3'000'000), 3'000'000);
  next.Grant(*pair.serving);
  next.Push(*pair.dialling);
  pair.loop.RunReady();
  EXPECT_OK(next.pushed->end());
}

// [D-33] From WELCOME to the last COMMIT_OK two round trips, however many there are.
TEST(SessionRequirements, A22_AHundredSmallStoresTakeTwoRoundTrips) {
  constexpr absl::Duration kWay = absl::Milliseconds(50);
  PlainPair pair(1000);
  pair.net.SetDelay(kWay);
  std::vector<StoreRun> runs;
  for (int i = 0; i < 100; ++i) {
    runs.emplace_back(pair.mint, pair.Later(), SomeBytes(1000), 1000);
    runs.back().Grant(pair.serving);
    runs.back().Push(pair.dialling);
  }
  pair.loop.Advance(3 * kWay);  // the dial, HELLO and WELCOME
  EXPECT_FALSE(runs.front().pushed->ended());
  pair.loop.Advance(4 * kWay);
  for (StoreRun& run : runs) {
    EXPECT_OK(run.pushed->end());
    EXPECT_EQ(run.sink->text, run.text);
  }
}

// [D-17] [D-19]
TEST(SessionRequirements, A24_ASessionThatIsIdleForTenMinutesServes) {
  ChannelPair pair;
  ASSERT_OK(pair.Start());
  MemoryChannelLink link(pair.net, pair.loop, "");
  RawDialler peer(link);
  peer.Dial(kEndpoint);
  pair.loop.RunReady();
  peer.SayHello();
  for (int seconds = 0; seconds < 600; seconds += 5) {
    pair.loop.Advance(absl::Seconds(5));
    peer.Say(FrameType::kPong, 0);
  }
  EXPECT_FALSE(peer.cut());
  EXPECT_EQ(pair.serving_link.closes, 0);
  StoreRun store(pair.mint, pair.Later(), "0123456789", 10);
  store.Grant(*pair.serving);
  peer.SayOpen(1, store.token, wire::STORE);
  peer.Say(FrameType::kData, 1, store.text);
  peer.Say(FrameType::kCommit, 1,
           transfer::WriteCommit({10, base::Hasher::Of(base::Algorithm::kSha256, store.text)}));
  pair.loop.RunReady();
  EXPECT_THAT(peer.Heard(), testing::HasSubstr("COMMIT_OK:OPERATION_COMPLETED"));
}

// BITREPO_BLOCKS: how many, each stored or restored.
TEST(SessionRequirements, A25_OneConnectionServesAHundredThousandBlocksInFlatMemory) {
  constexpr uint64_t kGrowthMax = 5 * 1024 * 1024;
  const uint64_t blocks = CountFrom("BITREPO_BLOCKS", kSanitized ? 10'000 : 100'000);
  const uint64_t warm = std::min<uint64_t>(
      4'000, blocks / 2);  // what is remembered of ended transfers is full by then
  PlainPair pair;
  uint64_t resident = 0;
  for (uint64_t i = 0; i < blocks; ++i) {
    if (i == warm) {
      resident = ResidentBytes();
    }
    const std::string bytes = absl::StrCat("block ", i, std::string(i % 500, 'x'));
    if (i % 2 == 0) {
      StoreRun store(pair.mint, pair.Later(), bytes, bytes.size());
      store.Grant(pair.serving);
      store.Push(pair.dialling);
      pair.loop.RunReady();
      ASSERT_OK(store.pushed->end());
      ASSERT_EQ(store.sink->text, bytes);
    } else {
      FetchRun fetch(pair.mint, pair.Later(), bytes);
      fetch.Grant(pair.serving);
      fetch.Fetch(pair.dialling);
      pair.loop.RunReady();
      ASSERT_OK(fetch.fetched->end());
      ASSERT_EQ(fetch.sink->text, bytes);
    }
    ASSERT_EQ(pair.net.connection_count(), 1u);
  }
  if (!kSanitized) {
    EXPECT_LT(ResidentBytes() - std::min(resident, ResidentBytes()), kGrowthMax);
  }
}

}  // namespace
}  // namespace bitrepo::channel
