// SPDX-License-Identifier: Apache-2.0
#include "base/runtime/signals.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/runtime/system_event_loop.h"
#include "tests/base/runtime/run_until.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::runtime {
namespace {

using ::testing::ElementsAre;
using testing_support::IsOkAndHolds;
using testing_support::RunUntil;

TEST(Signals, ComeAsCallsOnTheLoop) {
  SystemEventLoop loop;
  std::vector<int> seen;
  ASSERT_OK_AND_ASSIGN(const auto signals,
                       Signals::Watch(loop, {SIGTERM, SIGHUP}, [&](int s) { seen.push_back(s); }));
  kill(getpid(), SIGHUP);
  ASSERT_TRUE(RunUntil(loop, [&] { return seen.size() == 1; }));
  kill(getpid(), SIGTERM);
  ASSERT_TRUE(RunUntil(loop, [&] { return seen.size() == 2; }));
  EXPECT_THAT(seen, ElementsAre(SIGHUP, SIGTERM));
}

TEST(Signals, APeerThatGoesAwayDoesNotEndTheProcess) {
  SystemEventLoop loop;
  ASSERT_OK_AND_ASSIGN(const auto signals, Signals::Watch(loop, {SIGTERM}, [](int) {}));
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  EXPECT_EQ(write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  close(ends[1]);
}

TEST(RaiseDescriptorLimit, ReachesTheHardLimit) {
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit lower = limit;
  lower.rlim_cur = 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  EXPECT_THAT(RaiseDescriptorLimit(), IsOkAndHolds(limit.rlim_max));
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &lower), 0);
  EXPECT_EQ(lower.rlim_cur, limit.rlim_max);
}

// A socket as the service manager has one; `text` is what it heard.
class NotifyServiceManagerTest : public ::testing::Test {
 protected:
  // `name` begins with '\0' for an abstract socket.
  void Listen(const std::string& name) {
    fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    ASSERT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
              0);
  }
  std::string Heard() {
    char text[64];
    const ssize_t got = recv(fd_, text, sizeof text, MSG_DONTWAIT);
    return std::string(text, got < 0 ? 0 : static_cast<size_t>(got));
  }
  ~NotifyServiceManagerTest() override {
    unsetenv("NOTIFY_SOCKET");
    close(fd_);
  }
  int fd_ = -1;
};

TEST_F(NotifyServiceManagerTest, IsHeardOnASocketWithAPath) {
  const testing_support::TempDir directory;
  Listen(directory.Path("notify"));
  setenv("NOTIFY_SOCKET", directory.Path("notify").c_str(), 1);
  NotifyServiceManager("READY=1");
  EXPECT_EQ(Heard(), "READY=1");
}

TEST_F(NotifyServiceManagerTest, IsHeardOnAnAbstractSocket) {
  const std::string name = "bitrepo-signals-test-" + std::to_string(getpid());
  Listen('\0' + name);
  setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
  NotifyServiceManager("STOPPING=1");
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(NotifyServiceManagerTest, DoesNothingWithoutOne) {
  NotifyServiceManager("READY=1");
  setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
  NotifyServiceManager("READY=1");
  setenv("NOTIFY_SOCKET", std::string(200, 'x').c_str(), 1);
  NotifyServiceManager("READY=1");
}

}  // namespace
}  // namespace bitrepo::runtime
