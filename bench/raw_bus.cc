// SPDX-License-Identifier: Apache-2.0
// What a bus of bare ZeroMQ costs, with nothing checked, named or recorded: a hub that passes
// frames on, a worker that echoes, and an asker that counts.
//
//   raw_bus hub                          prints where it listens, and runs until it is ended
//   raw_bus worker ENDPOINT              says "ready", then answers what the hub passes on
//   raw_bus ask ENDPOINT COUNT WINDOW BYTES TRIPS
//                                        COUNT times TRIPS round trips one after the other, WINDOW
//                                        of them under way at once
#include <zmq.h>

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "bench/latencies.h"

namespace bitrepo::bench {
namespace {

constexpr char kWorkerGreeting[] = "worker";
constexpr int kFrameBytesMax = 4096;

int Complain(absl::string_view what) {
  std::fprintf(stderr, "raw_bus: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
               zmq_strerror(zmq_errno()));
  return 1;
}

// A context and its only socket. Whoever uses it waits.
class Waiting {
 public:
  explicit Waiting(int type) : context_(zmq_ctx_new()), socket_(zmq_socket(context_, type)) {}
  ~Waiting() {
    const int no_linger = 0;
    zmq_setsockopt(socket_, ZMQ_LINGER, &no_linger, sizeof(no_linger));
    zmq_close(socket_);
    zmq_ctx_term(context_);
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

  void* socket() const { return socket_; }
  bool Connect(const char* endpoint) const { return zmq_connect(socket_, endpoint) == 0; }
  bool Send(absl::string_view frame, bool more = false) const {
    return zmq_send(socket_, frame.data(), frame.size(), more ? ZMQ_SNDMORE : 0) >= 0;
  }
  // The frame, or nothing that can be gone on with.
  bool Receive(std::string& frame) const {
    frame.resize(kFrameBytesMax);
    const int size = zmq_recv(socket_, frame.data(), frame.size(), 0);
    frame.resize(size < 0 || size > kFrameBytesMax ? 0 : static_cast<size_t>(size));
    return size >= 0;
  }

 private:
  void* context_;
  void* socket_;
};

// Frames come as [peer][payload] from askers and as [worker][asker][payload] from the worker.
int RunHub() {
  const Waiting hub(ZMQ_ROUTER);
  if (zmq_bind(hub.socket(), "tcp://127.0.0.1:*") != 0) return Complain("bind");
  char endpoint[256];
  size_t size = sizeof(endpoint);
  zmq_getsockopt(hub.socket(), ZMQ_LAST_ENDPOINT, endpoint, &size);
  std::printf("%s\n", endpoint);
  std::fflush(stdout);
  std::string peer;
  std::string worker;
  std::string first;
  std::string payload;
  while (hub.Receive(peer) && hub.Receive(first)) {
    if (first == kWorkerGreeting) {
      worker = peer;
      if (!hub.Send(worker, true) || !hub.Send(first)) break;
    } else if (peer == worker) {
      if (!hub.Receive(payload) || !hub.Send(first, true) || !hub.Send(payload)) break;
    } else if (!hub.Send(worker, true) || !hub.Send(peer, true) || !hub.Send(first)) {
      break;
    }
  }
  return Complain("hub");
}

int RunWorker(const char* endpoint) {
  const Waiting worker(ZMQ_DEALER);
  if (!worker.Connect(endpoint) || !worker.Send(kWorkerGreeting)) return Complain(endpoint);
  std::string asker;
  std::string payload;
  if (!worker.Receive(payload)) return Complain("greeting");
  std::puts("ready");
  std::fflush(stdout);
  while (worker.Receive(asker) && worker.Receive(payload)) {
    if (!worker.Send(asker, true) || !worker.Send(payload)) break;
  }
  return Complain("worker");
}

int Ask(const char* endpoint, size_t count, size_t window, size_t bytes, int trips) {
  const Waiting asker(ZMQ_DEALER);
  if (!asker.Connect(endpoint)) return Complain(endpoint);
  const std::string request(bytes, 'r');
  std::string reply;
  // Warm: the connection is there and the worker has been met.
  if (!asker.Send(request) || !asker.Receive(reply)) return Complain("warm");

  struct Asked {
    absl::Time at;
    int trips_left;
  };
  Latencies latencies;
  std::deque<Asked> under_way;  // answers keep the order of their requests
  size_t asked = 0;
  const absl::Time begin = absl::Now();
  while (latencies.count() < count) {
    while (asked < count && under_way.size() < window) {
      under_way.push_back({absl::Now(), trips - 1});
      ++asked;
      if (!asker.Send(request)) return Complain("send");
    }
    if (!asker.Receive(reply)) return Complain("receive");
    Asked answered = under_way.front();
    under_way.pop_front();
    if (answered.trips_left == 0) {
      latencies.Add(absl::Now() - answered.at);
    } else {
      under_way.push_back({answered.at, answered.trips_left - 1});
      if (!asker.Send(request)) return Complain("send");
    }
  }
  latencies.Print(absl::Now() - begin);
  return 0;
}

int Main(int argc, char** argv) {
  const absl::string_view role = argc > 1 ? argv[1] : "";
  if (role == "hub" && argc == 2) return RunHub();
  if (role == "worker" && argc == 3) return RunWorker(argv[2]);
  size_t count = 0;
  size_t window = 0;
  size_t bytes = 0;
  int trips = 0;
  if (role == "ask" && argc == 7 && absl::SimpleAtoi(argv[3], &count) && count > 0 &&
      absl::SimpleAtoi(argv[4], &window) && window > 0 && absl::SimpleAtoi(argv[5], &bytes) &&
      bytes <= kFrameBytesMax && absl::SimpleAtoi(argv[6], &trips) && trips > 0) {
    return Ask(argv[2], count, window, bytes, trips);
  }
  std::fputs("raw_bus hub | worker ENDPOINT | ask ENDPOINT COUNT WINDOW BYTES TRIPS\n", stderr);
  return 2;
}

}  // namespace
}  // namespace bitrepo::bench

int main(int argc, char** argv) { return bitrepo::bench::Main(argc, argv); }
