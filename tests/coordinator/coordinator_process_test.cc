// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/random.h"
#include "base/runtime/settings.h"
#include "base/runtime/system_event_loop.h"
#include "base/zeromq/context.h"
#include "bus/bus.h"
#include "bus/zmq_spoke_link.h"
#include "bus/zmq_watch.h"
#include "tests/base/runtime/run_until.h"
#include "tests/base/zeromq/raw_peer.h"
#include "tests/support/child_process.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::coordinator {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing_support::ChildProcess;
using testing_support::TempDir;

#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kMemoryMax = UINT64_MAX;  // the sanitizer takes several times as much itself
#else
constexpr uint64_t kMemoryMax = 256 * 1024 * 1024;
#endif

// The most memory that a process has held (VmHWM); 0 when it has ended.
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

// A client that asks the coordinator how it is.
class Asker final : public bus::Bus::Handler {
 public:
  Asker(runtime::EventLoop& loop, zeromq::Context& context, base::Random& random,
        const std::string& endpoint)
      : random_(random) {
    bus::Membership membership;
    membership.repository_id = "demo";
    membership.principal = "alice";
    membership.session = "alice.1";
    bus_ = std::make_unique<bus::Bus>(
        membership, loop, std::make_unique<bus::ZmqSpokeLink>(loop, context, endpoint, random),
        random);
    EXPECT_OK(bus_->Start(*this));
  }
  void OnBusUp(const wire::Welcome& welcome) override { runs.push_back(welcome.coordinator_run()); }
  void OnBusDown() override {}
  void OnEnvelope(protocol::Envelope envelope) override {
    if (envelope.header.kind() == wire::FINAL) {
      status = envelope.body.get_status_final();
      ++answers;
    }
  }
  void OnRefused(const wire::ResponseInfo& why) override { ADD_FAILURE() << why.text(); }
  void OnFault(const protocol::EnvelopeFault& fault) override { ADD_FAILURE() << fault.text; }
  void Ask() {
    wire::Header header;
    header.set_repository_id("demo");
    header.set_conversation_id(std::string(16, 'v'));
    header.set_message_id(base::MessageId::Make(absl::UnixEpoch(), random_).ToBytes());
    header.set_kind(wire::REQUEST);
    header.set_operation(wire::GET_STATUS);
    header.set_from("alice");
    header.set_reply_to("alice.1");
    wire::Body body;
    body.mutable_get_status_request();
    const auto request = protocol::SealEnvelope({protocol::Destination::Kind::kCoordinator, ""},
                                                std::move(header), std::move(body), "");
    ASSERT_OK(request);
    ASSERT_OK(bus_->Publish(*request));
  }
  bool up() const { return bus_->up(); }

  std::vector<std::string> runs;  // of the coordinators that welcomed it
  wire::GetStatusFinal status;
  int answers = 0;

 private:
  base::Random& random_;
  std::unique_ptr<bus::Bus> bus_;
};

class CoordinatorProcessTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = directory_.Path(absl::StrCat("c", ++files_, ".toml"));
    std::ofstream(path) << text;
    return path;
  }
  std::string Settings(const std::string& listen = "tcp://127.0.0.1:0",
                       const std::string& watch = "tcp://127.0.0.1:0") {
    return Write(absl::StrCat("repository = \"demo\"\n[coordinator]\nlisten = \"", listen,
                              "\"\nwatch_listen = \"", watch, "\"\nruntime_file = \"",
                              RuntimeFile(), "\"\n[collections.default]\npillars = [\"p1\"]\n"));
  }
  std::string RuntimeFile() const { return directory_.Path("runtime.toml"); }
  using Environment = std::vector<std::pair<std::string, std::string>>;
  std::unique_ptr<ChildProcess> Run(const std::vector<std::string>& flags,
                                    const Environment& environment = {}) {
    std::vector<std::string> words = {BITREPO_COORDINATOR};
    words.insert(words.end(), flags.begin(), flags.end());
    return std::make_unique<ChildProcess>(words, directory_.Path(absl::StrCat("log", ++files_)),
                                          environment);
  }
  // Runs, and learns where it listens.
  void Start(const std::string& config, const Environment& environment = {}) {
    std::filesystem::remove(RuntimeFile());
    daemon_ = Run({"--config", config}, environment);
    ASSERT_TRUE(Until([&] {
      return std::filesystem::exists(RuntimeFile()) || daemon_->Wait(absl::ZeroDuration());
    }));
    ASSERT_OK_AND_ASSIGN(auto runtime, runtime::Settings::Load(RuntimeFile()));
    bus_ = runtime.RequireString("bus");
    watch_ = runtime.RequireString("watch");
    EXPECT_EQ(runtime.GetInt("pid", 0, 0, INT64_MAX), daemon_->pid());
    ASSERT_OK(runtime.Finish());
  }
  std::unique_ptr<Asker> Join() {
    auto asker = std::make_unique<Asker>(loop_, context_, random_, bus_);
    EXPECT_TRUE(Until([&] { return asker->up(); }));
    return asker;
  }
  bool Until(const std::function<bool()>& condition, absl::Duration patience = absl::Seconds(30)) {
    return testing_support::RunUntil(loop_, condition, patience);
  }

  TempDir directory_;
  int files_ = 0;
  runtime::SystemEventLoop loop_;
  base::SeededRandom random_{1};
  zeromq::Context context_{1, 64};
  std::string bus_;
  std::string watch_;
  std::unique_ptr<ChildProcess> daemon_;
};

TEST_F(CoordinatorProcessTest, SaysWhereItListensAndStopsCleanlyWhenTold) {
  for (const int signal : {SIGTERM, SIGINT}) {
    Start(Settings());
    EXPECT_TRUE(Until([&] {
      return absl::StrContains(daemon_->Log(), absl::StrCat("ready bus=", bus_, " watch=", watch_));
    }));
    const auto asker = Join();
    daemon_->Signal(signal);
    EXPECT_EQ(daemon_->Wait(), 0);
    EXPECT_THAT(daemon_->Log(), HasSubstr("info stopped"));
    EXPECT_FALSE(std::filesystem::exists(RuntimeFile()));
  }
}

TEST_F(CoordinatorProcessTest, TellsTheServiceManager) {
  testing_support::ReadyListener listener(directory_.Path("notify"));
  Start(Settings(), {listener.environment()});
  EXPECT_TRUE(listener.Hear("READY=1"));
  daemon_->Signal(SIGTERM);
  EXPECT_TRUE(listener.Hear("STOPPING=1"));
  EXPECT_EQ(daemon_->Wait(), 0);
}

TEST_F(CoordinatorProcessTest, LogsAsJsonWhenAsked) {
  daemon_ = Run({"--config", Settings(), "--log-format", "json"});
  ASSERT_TRUE(Until([&] { return std::filesystem::exists(RuntimeFile()); }));
  EXPECT_TRUE(Until([&] { return absl::StrContains(daemon_->Log(), "\"event\":\"ready\""); }));
}

TEST_F(CoordinatorProcessTest, ASecondOneOnATakenPortEndsWithAClearErrorAndTheFirstGoesOn) {
  Start(Settings());
  const auto asker = Join();
  for (const std::string& config : {Settings(bus_), Settings("tcp://127.0.0.1:0", watch_)}) {
    const auto second = Run({"--config", config});
    EXPECT_EQ(second->Wait(), 1);
    EXPECT_THAT(second->Log(),
                AllOf(HasSubstr("bitrepo-coordinator: cannot listen on tcp://127.0.0.1:"),
                      HasSubstr("Address already in use")));
  }
  EXPECT_TRUE(std::filesystem::exists(RuntimeFile())) << "it is the first one's";
  asker->Ask();
  EXPECT_TRUE(Until([&] { return asker->answers == 1; }));
}

TEST_F(CoordinatorProcessTest, ThreeMistakesAreReportedAtOnceWithTheirLines) {
  const std::string config = Write(
      "repository = \"demo\"\n[coordinator]\nlisten = \"7100\"\ncolour = \"red\"\n"
      "[collections.default]\npillars = []\n");
  for (const bool only_check : {true, false}) {
    std::vector<std::string> flags = {"--config", config};
    if (only_check) {
      flags.push_back("--check-config");
    }
    const auto daemon = Run(flags);
    EXPECT_EQ(daemon->Wait(), 2);
    EXPECT_THAT(daemon->Log(),
                AllOf(HasSubstr(config + ":3: coordinator.listen is wrong"),
                      HasSubstr(config + ":4: unknown setting \"coordinator.colour\""),
                      HasSubstr(config + ":6: collections.default.pillars must name")));
  }
}

TEST_F(CoordinatorProcessTest, FlagsAreChecked) {
  EXPECT_EQ(Run({"--config", Settings(), "--check-config"})->Wait(), 0);
  EXPECT_EQ(Run({"--config", directory_.Path("none")})->Wait(), 2);
  EXPECT_EQ(Run({"--config", directory_.path()})->Wait(), 2);
  EXPECT_EQ(Run({})->Wait(), 2);
  EXPECT_EQ(Run({"--daemonize"})->Wait(), 2);
  const auto version = Run({"--version"});
  EXPECT_EQ(version->Wait(), 0);
  EXPECT_THAT(version->Log(), ::testing::StartsWith("bitrepo-coordinator "));
}

TEST_F(CoordinatorProcessTest, AMemberComesBackToACoordinatorThatWasKilledAndStartedAgain) {
  Start(Settings());
  const auto asker = Join();
  daemon_->Signal(SIGKILL);
  EXPECT_EQ(daemon_->Wait(), -SIGKILL);
  ASSERT_TRUE(Until([&] { return !asker->up(); }));
  Start(Settings(bus_, watch_));
  ASSERT_TRUE(Until([&] { return asker->up(); }));
  ASSERT_EQ(asker->runs.size(), 2u);
  EXPECT_NE(asker->runs[0], asker->runs[1]);
  asker->Ask();
  EXPECT_TRUE(Until([&] { return asker->answers == 1; }));
}

TEST_F(CoordinatorProcessTest, GarbageOnEitherPortIsSurvivedAndItsMembersAreServed) {
  Start(Settings());
  const auto asker = Join();
  const std::string null_greeting("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL", 16);
  const std::vector<std::string> openings = {
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
      std::string(1000, '\0'),
      std::string(1000, '\xff'),
      random_.Bytes(5000),
      random_.Bytes(100'000),
      std::string("\x01\0", 2),                     // ZMTP/1.0, anonymous
      std::string("\x01\0\x05\0hello\x02\0x", 11),  // and a message
      null_greeting,                                // a greeting that stops half-way
      null_greeting + std::string(48, '\0') + "\x04\x05READX",
      std::string("\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x7f", 10),  // the longest length there is
  };
  std::vector<std::unique_ptr<zeromq::RawPeer>> peers;
  for (const std::string& endpoint : {bus_, watch_}) {
    for (const std::string& opening : openings) {
      peers.push_back(std::make_unique<zeromq::RawPeer>(endpoint));
      peers.back()->Send(opening);
    }
  }
  for (int i = 1; i <= 20; ++i) {
    asker->Ask();
    ASSERT_TRUE(Until([&] { return asker->answers == i; }));
  }
  EXPECT_GT(asker->status.connections(), 1u);
  peers.clear();
  // A handshake well done, and then no HELLO.
  zeromq::RawPeer stranger(bus_);
  ASSERT_TRUE(stranger.ShakeHands("DEALER"));
  EXPECT_TRUE(stranger.SendFrame("what is this", false));
  EXPECT_TRUE(Until([&] {
    asker->Ask();
    const auto dropped = asker->status.dropped_frames();
    return dropped.contains("before-hello") && dropped.contains("no-hello");
  }));
  EXPECT_TRUE(asker->up());
  EXPECT_EQ(asker->runs.size(), 1u);
  EXPECT_FALSE(daemon_->Wait(absl::ZeroDuration()).has_value());
}

TEST_F(CoordinatorProcessTest, AnEndlessMessageOnEitherPortTakesLittleMemoryAndHoldsNobody) {
  for (const bool at_watch : {false, true}) {
    // What is freed goes back at once where a sanitizer would keep it.
    Start(Settings(), {{"ASAN_OPTIONS", "quarantine_size_mb=8"}});
    const auto asker = Join();
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> bytes{0};
    std::thread flooder([&] {
      const std::string frame(4000, 'x');
      while (!stop) {
        zeromq::RawPeer peer(at_watch ? watch_ : bus_);
        if (!peer.ShakeHands(at_watch ? "SUB" : "DEALER")) {
          continue;
        }
        while (!stop && peer.SendFrame(frame, true)) {
          bytes += frame.size();
        }
      }
    });
    const absl::Time end = loop_.Now() + absl::Seconds(3);
    int asked = 0;
    while (loop_.Now() < end) {
      asker->Ask();
      ++asked;
      ASSERT_TRUE(Until([&] { return asker->answers == asked; }, absl::Seconds(10)));
    }
    stop = true;
    flooder.join();
    EXPECT_GT(bytes, 50u * 1024 * 1024) << "it was no flood";
    EXPECT_LT(PeakMemoryBytes(daemon_->pid()), kMemoryMax);
    EXPECT_EQ(asker->runs.size(), 1u);
    RecordProperty(at_watch ? "watch_peak_bytes" : "bus_peak_bytes",
                   std::to_string(PeakMemoryBytes(daemon_->pid())));
  }
}

TEST_F(CoordinatorProcessTest, AWatcherSeesWhatIsSaid) {
  struct Eyes final : bus::WatchSubscriber::Handler {
    void OnWatchConnected() override {}
    void OnWatchCopy(const bus::WatchCopy& copy) override { seen.push_back(copy.header.kind()); }
    void OnWatchDisconnected() override {}
    std::vector<wire::Kind> seen;
  } eyes;
  Start(Settings());
  bus::ZmqWatchSubscriber watcher(loop_, context_, watch_, random_);
  ASSERT_OK(watcher.Start(eyes));
  const auto asker = Join();
  EXPECT_TRUE(Until([&] {
    asker->Ask();
    return std::find(eyes.seen.begin(), eyes.seen.end(), wire::FINAL) != eyes.seen.end();
  }));
  EXPECT_EQ(watcher.malformed(), 0u);
}

}  // namespace
}  // namespace bitrepo::coordinator
