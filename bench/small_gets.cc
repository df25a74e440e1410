// SPDX-License-Identifier: Apache-2.0
// Gets one file into memory again and again, one get at a time, in one process over warm
// connections: small_gets COORDINATOR REPOSITORY COLLECTION FILE COUNT. Says "ready", waits for a
// line on standard input, gets, and prints what it took.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/buffer.h"
#include "base/random.h"
#include "base/runtime/signals.h"
#include "base/runtime/system_event_loop.h"
#include "base/runtime/thread_worker_pool.h"
#include "base/status.h"
#include "base/zeromq/context.h"
#include "bench/latencies.h"
#include "bus/zmq_spoke_link.h"
#include "channel/zmq_channel_link.h"
#include "client/blocking_client.h"

namespace bitrepo::bench {
namespace {

constexpr int kSockets = 8;
constexpr size_t kSuffixBytes = 8;
constexpr int kWarmUps = 20;
constexpr absl::Duration kWelcomeWithin = absl::Seconds(10);

// Takes a file and proves it: what a client that needs the bytes at once would do.
class Memory final : public channel::Sink {
 public:
  explicit Memory(uint64_t size) : bytes_(size, '\0') {}
  void Write(base::ByteRange range, base::Buffer bytes,
             absl::AnyInvocable<void(absl::Status)> done) override {
    bytes_.replace(range.offset(), range.length(), bytes.text().data(), bytes.size());
    done(absl::OkStatus());
  }
  void Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override {
    wire::ResponseInfo verdict;
    const bool right = size_bytes == bytes_.size() && sha256 &&
                       base::Hasher::Of(base::Algorithm::kSha256, bytes_) == *sha256;
    verdict.set_code(right ? wire::OPERATION_COMPLETED : wire::FAILURE);
    done(std::move(verdict));
  }
  void Aborted(const absl::Status& /*why*/) override {}

 private:
  std::string bytes_;
};

// So that many of these can be connected at once.
std::string Suffix(base::Random& random) {
  return absl::BytesToHexString(random.Bytes(kSuffixBytes));
}

struct What {
  base::CollectionId collection;
  base::FileId file_id;
};

absl::Status GetOnce(client::BlockingClient& client, const What& what) {
  client::GetFileSpec spec{
      .collection = what.collection,
      .file_id = what.file_id,
      .sink = [](const wire::FileInfo& /*file*/,
                 base::ByteRange range) -> absl::StatusOr<std::shared_ptr<channel::Sink>> {
        return std::make_shared<Memory>(range.length());
      }};
  BITREPO_ASSIGN_OR_RETURN(const client::GetFileResult result, client.GetFile(std::move(spec)));
  if (result.outcome.verdict == protocol::Verdict::kSuccess) return absl::OkStatus();
  return absl::InternalError("the get failed");
}

absl::Status Run(client::BlockingClient& client, const What& what, size_t count) {
  BITREPO_RETURN_IF_ERROR(client.WaitUntilUp(kWelcomeWithin).status());
  for (int i = 0; i < kWarmUps; ++i) BITREPO_RETURN_IF_ERROR(GetOnce(client, what));
  std::puts("ready");
  std::fflush(stdout);
  if (std::getchar() == EOF) return absl::CancelledError("nobody says that it may begin");
  Latencies latencies;
  const absl::Time begin = absl::Now();
  while (latencies.count() < count) {
    const absl::Time asked = absl::Now();
    BITREPO_RETURN_IF_ERROR(GetOnce(client, what));
    latencies.Add(absl::Now() - asked);
  }
  latencies.Print(absl::Now() - begin);
  return absl::OkStatus();
}

absl::Status Start(char** argv, size_t count) {
  BITREPO_ASSIGN_OR_RETURN(const base::CollectionId collection, base::CollectionId::Parse(argv[3]));
  BITREPO_ASSIGN_OR_RETURN(const base::FileId file_id, base::FileId::Parse(argv[4]));
  zeromq::Context context(/*io_threads=*/1, kSockets);
  client::ClientMachinery machinery;
  machinery.random = std::make_shared<base::SystemRandom>();
  machinery.loop = std::make_unique<runtime::SystemEventLoop>();
  machinery.channel_loop = std::make_unique<runtime::SystemEventLoop>();
  machinery.workers = std::make_unique<runtime::ThreadWorkerPool>(
      runtime::ThreadWorkerPool::LaneThreads{.read = 1, .write = 1, .hash = 1});
  machinery.spoke_link =
      std::make_unique<bus::ZmqSpokeLink>(*machinery.loop, context, argv[1], *machinery.random);
  machinery.channel_link = std::make_unique<channel::ZmqChannelLink>(*machinery.channel_loop, "");
  client::ClientOptions options;
  options.repository_id = argv[2];
  options.principal = "bench";
  options.session = absl::StrCat("bench.", Suffix(*machinery.random));
  options.program_version = "bench";
  BITREPO_ASSIGN_OR_RETURN(const std::unique_ptr<client::BlockingClient> client,
                           client::BlockingClient::Start(std::move(options), std::move(machinery)));
  return Run(*client, {collection, file_id}, count);
}

}  // namespace
}  // namespace bitrepo::bench

int main(int argc, char** argv) {
  size_t count = 0;
  if (argc != 6 || !absl::SimpleAtoi(argv[5], &count) || count == 0) {
    std::fputs("small_gets COORDINATOR REPOSITORY COLLECTION FILE COUNT\n", stderr);
    return 2;
  }
  bitrepo::runtime::TuneProcess();
  const absl::Status status = bitrepo::bench::Start(argv, count);
  if (status.ok()) return 0;
  std::fprintf(stderr, "small_gets: %s\n", status.ToString().c_str());
  return 1;
}
