// SPDX-License-Identifier: Apache-2.0
// Loads the bus with small requests that one member asks and another answers: real envelopes
// through a real coordinator, each sealed, judged and opened as the bus does it, unsigned.
//
//   bus_load worker COORDINATOR REPOSITORY PILLAR COLLECTION    says "ready", then answers all
//   bus_load ask COORDINATOR REPOSITORY PILLAR COUNT WINDOW BYTES
//                                       COUNT requests of BYTES bytes, WINDOW under way at once
#include <cstdio>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "base/runtime/signals.h"
#include "base/runtime/system_event_loop.h"
#include "base/status.h"
#include "base/zeromq/context.h"
#include "bench/latencies.h"
#include "bus/bus.h"
#include "bus/protocol/contribution.h"
#include "bus/zmq_spoke_link.h"

namespace bitrepo::bench {
namespace {

constexpr int kSockets = 8;
constexpr char kAsker[] = "asker";
constexpr size_t kSuffixBytes = 8;

// One member of the bus on a loop of its own; Run ends when it says so, or goes wrong.
class Member : public bus::Bus::Handler {
 public:
  Member(const std::string& endpoint, bus::Membership membership)
      : context_(/*io_threads=*/1, kSockets),
        bus_(std::move(membership), loop_,
             std::make_unique<bus::ZmqSpokeLink>(loop_, context_, endpoint, random_), random_) {}

  absl::Status Run() {
    BITREPO_RETURN_IF_ERROR(bus_.Start(*this));
    loop_.Run();
    return status_;
  }

 protected:
  void End(absl::Status status) {
    if (status_.ok()) status_ = std::move(status);
    loop_.Stop();
  }
  void Publish(const absl::StatusOr<protocol::Envelope>& envelope) {
    const absl::Status sent = envelope.ok() ? bus_.Publish(*envelope) : envelope.status();
    if (!sent.ok()) End(sent);
  }

  base::SystemRandom random_;
  zeromq::Context context_;
  runtime::SystemEventLoop loop_;

 private:
  void OnBusDown() override { End(absl::UnavailableError("the coordinator is lost")); }
  void OnRefused(const wire::ResponseInfo& why) override {
    End(absl::PermissionDeniedError(why.text()));
  }
  void OnFault(const protocol::EnvelopeFault& fault) override {
    End(absl::InternalError(fault.text));
  }

  absl::Status status_;
  bus::Bus bus_;  // dies before its loop
};

// Answers every request with an empty final.
class Worker final : public Member {
 public:
  Worker(const std::string& endpoint, const bus::Membership& membership,
         const base::ComponentId& self)
      : Member(endpoint, membership), spec_{membership.repository_id, self, absl::Now()} {}

 private:
  void OnBusUp(const wire::Welcome& /*welcome*/) override {
    std::puts("ready");
    std::fflush(stdout);
  }
  void OnEnvelope(protocol::Envelope envelope) override {
    if (envelope.header.kind() != wire::REQUEST) return;
    wire::Body body;
    body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
    body.mutable_get_status_final();
    Publish(protocol::MakeReply(spec_, envelope, wire::FINAL, std::move(body), "", absl::Now(),
                                random_));
  }

  const protocol::ContributionSpec spec_;
};

struct Load {
  size_t count = 0;
  size_t window = 0;
  size_t bytes = 0;
};

class Asker final : public Member {
 public:
  Asker(const std::string& endpoint, const bus::Membership& membership, std::string pillar,
        Load load)
      : Member(endpoint, membership),
        repository_(membership.repository_id),
        session_(membership.session),
        pillar_(std::move(pillar)),
        load_(load) {}

 private:
  void OnBusUp(const wire::Welcome& /*welcome*/) override {
    // The reason pads the request to its size.
    const auto bare = Seal("");
    if (!bare.ok()) return End(bare.status());
    size_t bytes = 0;
    for (const std::string& frame : protocol::ToFrames(*bare)) bytes += frame.size();
    constexpr size_t kFieldBytes = 2;  // of a reason that is there
    if (load_.bytes > bytes + kFieldBytes) {
      padding_.assign(load_.bytes - bytes - kFieldBytes, 'r');
    }
    begin_ = absl::Now();
    AskOn();
  }

  absl::StatusOr<protocol::Envelope> Seal(const std::string& reason) {
    const absl::Time now = absl::Now();
    wire::Header header;
    header.set_repository_id(repository_);
    header.set_conversation_id(base::ConversationId::Make(now, random_).ToBytes());
    header.set_message_id(base::MessageId::Make(now, random_).ToBytes());
    header.set_kind(wire::REQUEST);
    header.set_operation(wire::GET_STATUS);
    header.set_from(kAsker);
    header.set_to(pillar_);
    header.set_reply_to(session_);
    header.set_issued_at_us(absl::ToUnixMicros(now));
    wire::Body body;
    body.set_reason(reason);
    body.mutable_get_status_request();
    return protocol::SealEnvelope({protocol::Destination::Kind::kPillar, pillar_},
                                  std::move(header), std::move(body), "");
  }

  void AskOn() {
    while (asked_ < load_.count && under_way_.size() < load_.window) {
      under_way_.push_back(absl::Now());
      ++asked_;
      Publish(Seal(padding_));
    }
  }

  void OnEnvelope(protocol::Envelope envelope) override {
    if (envelope.header.kind() != wire::FINAL || under_way_.empty()) {
      return End(absl::InternalError("something else than the answer came"));
    }
    latencies_.Add(absl::Now() - under_way_.front());  // answers keep the order of their requests
    under_way_.pop_front();
    AskOn();
    if (latencies_.count() < load_.count) return;
    latencies_.Print(absl::Now() - begin_);
    End(absl::OkStatus());
  }

  const std::string repository_;
  const std::string session_;
  const std::string pillar_;
  const Load load_;
  std::string padding_;
  std::deque<absl::Time> under_way_;
  size_t asked_ = 0;
  absl::Time begin_;
  Latencies latencies_;
};

absl::Status RunWorker(char** argv) {
  BITREPO_ASSIGN_OR_RETURN(const base::ComponentId self, base::ComponentId::Parse(argv[4]));
  base::SystemRandom random;
  bus::Membership membership;
  membership.repository_id = argv[3];
  membership.kind = wire::PILLAR;
  membership.principal = self.text();
  membership.session = self.text();
  membership.collections = {argv[5]};
  membership.program_version = "bench";
  membership.store_id = base::StoreId::Make(absl::Now(), random).ToBytes();
  membership.incarnation = 1;
  membership.pillar_kind = wire::FULL_PILLAR;
  return Worker(argv[2], membership, self).Run();
}

absl::Status RunAsker(char** argv, Load load) {
  base::SystemRandom random;
  bus::Membership membership;
  membership.repository_id = argv[3];
  membership.kind = wire::CLIENT;
  membership.principal = kAsker;
  // The coordinator may not have noticed yet that the asker of the run before has gone.
  membership.session =
      absl::StrCat(kAsker, ".", absl::BytesToHexString(random.Bytes(kSuffixBytes)));
  membership.program_version = "bench";
  return Asker(argv[2], membership, argv[4], load).Run();
}

int Main(int argc, char** argv) {
  runtime::TuneProcess();
  const absl::string_view role = argc > 1 ? argv[1] : "";
  Load load;
  absl::Status status;
  if (role == "worker" && argc == 6) {
    status = RunWorker(argv);
  } else if (role == "ask" && argc == 8 && absl::SimpleAtoi(argv[5], &load.count) &&
             load.count > 0 && absl::SimpleAtoi(argv[6], &load.window) && load.window > 0 &&
             absl::SimpleAtoi(argv[7], &load.bytes)) {
    status = RunAsker(argv, load);
  } else {
    std::fputs(
        "bus_load worker COORDINATOR REPOSITORY PILLAR COLLECTION\n"
        "bus_load ask COORDINATOR REPOSITORY PILLAR COUNT WINDOW BYTES\n",
        stderr);
    return 2;
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "bus_load: %s\n", status.ToString().c_str());
  return 1;
}

}  // namespace
}  // namespace bitrepo::bench

int main(int argc, char** argv) { return bitrepo::bench::Main(argc, argv); }
