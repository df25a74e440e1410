// SPDX-License-Identifier: Apache-2.0
// Raw peers at every port of real daemons: nothing they send costs much memory, holds anyone else
// up, or ends a daemon.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "base/runtime/signals.h"
#include "tests/base/zeromq/raw_peer.h"
#include "tests/support/status_matchers.h"
#include "tests/system/repository_rig.h"

namespace bitrepo::system_test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using zeromq::RawPeer;

#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kMemoryMax = UINT64_MAX;  // the sanitizer takes several times as much itself
#elif defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kMemoryMax = 640 * 1024 * 1024;  // walls around pieces of 64 bytes, and a shadow
#else
constexpr uint64_t kMemoryMax = 256 * 1024 * 1024;
#endif
constexpr size_t kBusConnectionsMax = 256;
constexpr size_t kWatchersMax = 64;
constexpr size_t kDataConnectionsMax = 1024;
constexpr absl::Duration kPatience = absl::Seconds(30);

// The most memory that a process has held.
uint64_t PeakMemoryBytes(pid_t pid) {
  std::ifstream status(absl::StrCat("/proc/", pid, "/status"));
  uint64_t kib = 0;
  for (std::string line; std::getline(status, line);) {
    absl::string_view rest = line;
    if (absl::ConsumePrefix(&rest, "VmHWM:") && absl::ConsumeSuffix(&rest, " kB")) {
      EXPECT_TRUE(absl::SimpleAtoi(rest, &kib));
    }
  }
  return kib * 1024;
}

size_t OpenDescriptors(pid_t pid) {
  const std::filesystem::directory_iterator open(absl::StrCat("/proc/", pid, "/fd"));
  return static_cast<size_t>(std::distance(begin(open), end(open)));
}

// How long an endless peer goes on: until it was cut, and at least so long.
absl::Duration AttackLength() {
  const char* seconds = std::getenv("BITREPO_ENDLESS_SECONDS");
  double length = 0;
  return seconds != nullptr && absl::SimpleAtod(seconds, &length) ? absl::Seconds(length)
                                                                  : absl::Seconds(1);
}

struct Port {
  std::string name;
  std::string endpoint;
  std::string socket_type;  // of a peer that shakes hands there
  std::string cause_start;  // before the causes of this port in a status
  pid_t daemon = 0;
  size_t connections_max = 0;
};

// A coordinator and a pillar with one file, anew for each test.
class HostilePorts : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(runtime::RaiseDescriptorLimit());
    rig_.StartPillar("p1");
    ASSERT_TRUE(rig_.WaitForPillars());
    std::ofstream(rig_.Path("source")) << std::string(100'000, 'x');
    const RepositoryRig::Result put = rig_.Run({"put", rig_.Path("source"), "--id", "kept"});
    ASSERT_EQ(put.exit_code, 0) << put.log;
  }
  std::vector<Port> Ports() {
    const pid_t coordinator = rig_.coordinator().pid();
    return {{"bus", rig_.endpoint(), "DEALER", "", coordinator, kBusConnectionsMax},
            {"watch", rig_.watch_endpoint(), "SUB", "watch-", coordinator, kWatchersMax},
            {"data", rig_.data_endpoint(), "DEALER", "data-", rig_.pillar("p1").pid(),
             kDataConnectionsMax}};
  }
  // A client that comes now gets the file.
  void ExpectServed() {
    const std::string out = rig_.Path(absl::StrCat("out", ++gets_));
    const RepositoryRig::Result get = rig_.Run({"get", "kept", "-o", out});
    EXPECT_EQ(get.exit_code, 0) << get.log;
    std::error_code none;
    EXPECT_EQ(std::filesystem::file_size(out, none), 100'000u);
  }
  void ExpectDaemonsUp() {
    EXPECT_FALSE(rig_.coordinator().Wait(absl::ZeroDuration()).has_value())
        << rig_.coordinator().Log();
    EXPECT_FALSE(rig_.pillar("p1").Wait(absl::ZeroDuration()).has_value())
        << rig_.pillar("p1").Log();
  }
  // Until `bitrepo status -v` tells that so many of this cause were dropped.
  bool StatusTells(const std::string& cause, uint64_t at_least) {
    std::string log;
    for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end;) {
      log = rig_.Run({"status", "-v"}).log;
      const size_t at = log.find(absl::StrCat(" ", cause, " "));
      uint64_t count = 0;
      for (size_t digit = at + cause.size() + 2;
           at != std::string::npos && digit < log.size() && log[digit] >= '0' && log[digit] <= '9';
           ++digit) {
        count = 10 * count + static_cast<uint64_t>(log[digit] - '0');
      }
      if (count >= at_least) return true;
    }
    ADD_FAILURE() << "no " << cause << " in " << log;
    return false;
  }

  // What a sanitizer keeps back of freed memory is kept small, and what it adds to each allocation.
  RepositoryRig rig_{1,
                     absl::StrCat("[limits]\nconnections = ", kBusConnectionsMax, "\n"),
                     {{"ASAN_OPTIONS", "quarantine_size_mb=8:max_redzone=16"}}};
  int gets_ = 0;
};

// Sends frames of a message that never ends, and dials again each time it is cut.
class EndlessPeer {
 public:
  EndlessPeer(const Port& port, std::string frames)
      : thread_([this, port, frames = std::move(frames)] {
          while (!stop_) {
            RawPeer peer(port.endpoint);
            if (!peer.ShakeHands(port.socket_type)) continue;
            while (!stop_ && peer.Send(frames)) bytes_ += frames.size();
            cuts_ += stop_ ? 0 : 1;
          }
        }) {}
  ~EndlessPeer() {
    stop_ = true;
    thread_.join();
  }
  uint64_t bytes() const { return bytes_; }
  int cuts() const { return cuts_; }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> bytes_{0};
  std::atomic<int> cuts_{0};
  std::thread thread_;
};

// As many bytes as the largest frame there has, or as few as a frame can have: the first fill
// memory with bytes, the second with what is kept for each frame.
std::string Frames(size_t frame_bytes) {
  std::string frames;
  for (size_t i = 0; i < 60'000 / (frame_bytes + 9) + 1; ++i) {
    if (frame_bytes < 256) {
      frames.append({'\x01', static_cast<char>(frame_bytes)});
    } else {
      frames.append({'\x03', 0, 0, 0, 0, 0, 0, static_cast<char>(frame_bytes >> 8),
                     static_cast<char>(frame_bytes)});
    }
    frames.append(frame_bytes, 'x');
  }
  return frames;
}

TEST_F(HostilePorts, AMessageWithoutEndIsCutInLittleMemoryWhileOthersAreServed) {
  for (const Port& port : Ports()) {
    for (const size_t frame_bytes : {size_t{4000}, size_t{0}}) {
      SCOPED_TRACE(absl::StrCat(port.name, ", frames of ", frame_bytes));
      EndlessPeer peer(port, Frames(frame_bytes));
      const absl::Time begun = absl::Now();
      while (peer.bytes() == 0 && absl::Now() - begun < kPatience)
        absl::SleepFor(absl::Milliseconds(1));
      ASSERT_GT(peer.bytes(), 0u);
      do {
        ExpectServed();
      } while ((peer.cuts() == 0 || absl::Now() - begun < AttackLength()) &&
               absl::Now() - begun < kPatience);
      EXPECT_GT(peer.cuts(), 0);
      const uint64_t peak = PeakMemoryBytes(port.daemon);
      EXPECT_LT(peak, kMemoryMax);
      std::cout << port.name << ", frames of " << frame_bytes << " bytes, "
                << absl::FormatDuration(absl::Now() - begun) << ": VmHWM " << (peak >> 20)
                << " MiB, " << (peer.bytes() >> 20) << " MiB sent, cut " << peer.cuts()
                << " times\n";
    }
    StatusTells(absl::StrCat(port.cause_start,
                             port.name == "watch" ? "undelivered-bytes" : "endless-message"),
                2);
  }
  ExpectDaemonsUp();
}

// Each of these is dialled, said, and then nothing more comes.
std::vector<std::string> Openings() {
  const std::string greeting =
      std::string("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", 16) + std::string(48, '\0');
  const std::string ready(
      "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
      "DEALER",
      30);
  // At even places what every port is shown.
  std::vector<std::string> openings = {"GET / HTTP/1.1\r\nHost: bitrepo\r\n\r\n", "",
                                       base::SeededRandom(1).Bytes(4000), std::string(1000, '\0'),
                                       std::string("\x01\0", 2)};
  for (size_t length = 1; length < (greeting + ready).size(); ++length) {
    openings.push_back((greeting + ready).substr(0, length));
  }
  return openings;
}

// A port that takes few is shown every other one.
size_t StepAt(const Port& port, size_t openings) {
  return openings > port.connections_max / 2 ? 2 : 1;
}

TEST_F(HostilePorts, WhatIsNoPeerIsDroppedInTimeAndCounted) {
  const std::vector<std::string> openings = Openings();
  const auto watcher = rig_.Start({"watch"});
  std::vector<std::pair<std::string, std::unique_ptr<RawPeer>>> peers;
  for (const Port& port : Ports()) {
    for (size_t i = 0; i < openings.size(); i += StepAt(port, openings.size())) {
      peers.emplace_back(absl::StrCat(port.name, ", opening ", i),
                         std::make_unique<RawPeer>(port.endpoint));
      peers.back().second->Send(openings[i]);
    }
    // A frame that says it has 2^63 bytes.
    peers.emplace_back(absl::StrCat(port.name, ", 2^63"), std::make_unique<RawPeer>(port.endpoint));
    EXPECT_TRUE(peers.back().second->ShakeHands(port.socket_type));
    peers.back().second->Send(std::string("\x02\x80\0\0\0\0\0\0\0", 9));
  }
  ExpectServed();
  for (const auto& [what, peer] : peers) EXPECT_TRUE(peer->WaitForEnd(kPatience)) << what;
  for (const Port& port : Ports()) {
    StatusTells(absl::StrCat(port.cause_start, "handshake-failed"),
                openings.size() / StepAt(port, openings.size()) / 2);
  }
  EXPECT_THAT(watcher->Log(), AllOf(HasSubstr("identify"), Not(HasSubstr("broke off"))));
  ExpectServed();
  ExpectDaemonsUp();
}

TEST_F(HostilePorts, AFloodOfConnectionsStopsAtTheCapAndEndsWithItsPeers) {
  for (const Port& port : Ports()) {
    SCOPED_TRACE(port.name);
    std::vector<std::unique_ptr<RawPeer>> peers;
    const auto dial = [&](size_t count) {
      for (size_t i = 0; i < count; ++i) peers.push_back(std::make_unique<RawPeer>(port.endpoint));
    };
    // Below the cap a client still finds a place.
    dial(port.connections_max - 16);
    ExpectServed();
    dial(16 + 1);
    EXPECT_TRUE(peers.back()->WaitForEnd(kPatience)) << "it is one too many";
    peers.clear();
    StatusTells(absl::StrCat(port.cause_start, "too-many-connections"), 1);
    ExpectServed();
    EXPECT_LT(PeakMemoryBytes(port.daemon), kMemoryMax);
  }
  ExpectDaemonsUp();
}

// They are held open at this side all the time. Beyond the cap each is refused at once, below it
// dropped when it has said nothing for ten seconds.
TEST_F(HostilePorts, A16_TenThousandSilentConnectionsCostLittleAndHoldNobodyUp) {
  constexpr size_t kSilent = 10'000;
  constexpr size_t kDescriptorsBeside = 200;  // files, sockets of its own, what is being accepted
  rlimit descriptors{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &descriptors), 0);
  if (descriptors.rlim_cur < kSilent + 2'000) {
    GTEST_SKIP() << "no test: " << kSilent + 2'000 << " open files are needed and "
                 << descriptors.rlim_cur << " allowed; raise `ulimit -Hn`";
  }
  for (const Port& port : Ports()) {
    if (port.name == "watch") continue;
    SCOPED_TRACE(port.name);
    const absl::Time begun = absl::Now();
    std::vector<std::unique_ptr<RawPeer>> peers;
    for (size_t i = 0; i < kSilent; ++i) peers.push_back(std::make_unique<RawPeer>(port.endpoint));
    const absl::Time dialled = absl::Now();
    // What is beyond the cap is accepted before it is refused, so it may be more for a moment.
    const size_t settled = port.connections_max + kDescriptorsBeside;
    while (OpenDescriptors(port.daemon) > settled && absl::Now() - dialled < kPatience) {
      absl::SleepFor(absl::Milliseconds(20));
    }
    EXPECT_LE(OpenDescriptors(port.daemon), settled);
    int gets = 0;
    bool served = false;
    while (!served && absl::Now() - dialled < 2 * kPatience) {
      ++gets;
      served =
          rig_.Run({"get", "kept", "-o", rig_.Path(absl::StrCat("flood", ++gets_))}).exit_code == 0;
    }
    EXPECT_TRUE(served);
    std::ofstream(rig_.Path("new")) << "descriptors are left for files";
    EXPECT_EQ(rig_.Run({"put", rig_.Path("new"), "--id", absl::StrCat("flood/", gets_)}).exit_code,
              0);
    const uint64_t peak = PeakMemoryBytes(port.daemon);
    EXPECT_LT(peak, kMemoryMax);
    std::cout << port.name << ": " << kSilent << " connections dialled in "
              << absl::FormatDuration(dialled - begun) << ", get " << gets << " served after "
              << absl::FormatDuration(absl::Now() - dialled) << ", VmHWM " << (peak >> 20)
              << " MiB\n";
  }
  ExpectDaemonsUp();
}

}  // namespace
}  // namespace bitrepo::system_test
