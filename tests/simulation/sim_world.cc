// SPDX-License-Identifier: Apache-2.0
// The processes of the simulated world: how each is put together, and how it dies.
#include "tests/simulation/sim_world.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"
#include "bus/watch_stream.h"

namespace bitrepo::simulation {
namespace {

constexpr char kRepository[] = "sim";

// Every message that the broker passes is a line of the timeline.
class TimelineWatch final : public bus::WatchPublisher {
 public:
  explicit TimelineWatch(Timeline& timeline) : timeline_(timeline) {}
  void Publish(const bus::Frames& message) override {
    ++published_;
    wire::Header header;
    wire::Body body;
    if (!header.ParseFromString(message[1]) || !body.ParseFromString(message[2])) return;
    if (header.kind() == wire::HEARTBEAT) return;
    timeline_.Note(
        header.from(),
        absl::StrCat("-> ", message[0], " ", wire::Kind_Name(header.kind()), " ",
                     wire::Operation_Name(header.operation()), " ",
                     body.has_response() ? protocol::NameOf(body.response().code()) : ""));
  }
  uint64_t published() const override { return published_; }
  std::map<std::string, uint64_t> DropCounts() const override { return {}; }
  std::string endpoint() const override { return ""; }

 private:
  Timeline& timeline_;
  uint64_t published_ = 0;
};

absl::Duration WorkCost(base::Random& random) {
  return absl::Microseconds(20 + static_cast<int64_t>(random.Below(2000)));
}

channel::ChannelOptions ChannelOptionsOf(std::string node) {
  channel::ChannelOptions options;
  options.node = std::move(node);
  return options;
}

}  // namespace

struct SimCoordinator::Process {
  Process(SimUniverse& universe, const coordinator::CoordinatorOptions& options)
      : loop(universe.scheduler),
        link(universe.bus.NewHub()),
        watch(universe.timeline),
        coordinator(options, loop, *link, &watch, universe.random) {}
  ~Process() {
    loop.DropAll();
    link.reset();
  }
  SimEventLoop loop;
  std::unique_ptr<bus::HubLink> link;
  TimelineWatch watch;
  coordinator::Coordinator coordinator;
};

SimCoordinator::SimCoordinator(SimUniverse& universe, uint32_t pillars)
    : universe_(universe), pillars_(pillars) {}
SimCoordinator::~SimCoordinator() = default;

void SimCoordinator::Start() {
  coordinator::CoordinatorOptions options;
  options.repository_id = kRepository;
  options.program_version = "sim";
  for (uint32_t i = 1; i <= pillars_; ++i)
    options.collections["default"].insert(absl::StrCat("p", i));
  process_ = std::make_unique<Process>(universe_, options);
  const absl::Status started = process_->coordinator.Start();
  BITREPO_CHECK(started.ok(), started.ToString());
  universe_.timeline.Note("coordinator", "starts");
}

void SimCoordinator::Kill() {
  universe_.timeline.Note("coordinator", "dies");
  process_.reset();
}

SimStore::SimStore(SimUniverse& universe, const std::string& pillar, SimMedium& medium)
    : disk_(medium),
      vfs_(absl::StrCat("sim-", pillar), disk_, universe.scheduler, universe.random) {
  store::DiskStoreOptions options;
  options.collections[base::CollectionId::Parse("default").value()] = nullptr;
  options.keep_free_bytes = 1 << 20;
  options.sqlite_vfs = vfs_.name();
  options.staging.resumable_bytes = 64 * 1024;
  options.staging.boot_id = absl::StrCat("boot ", medium.boots());
  absl::StatusOr<std::unique_ptr<store::DiskFileStore>> opened =
      store::DiskFileStore::Open(std::move(options), disk_, universe.scheduler, universe.random);
  status_ = opened.status();
  if (opened.ok()) store_ = std::move(opened).value();
}

struct SimPillar::Process {
  Process(SimUniverse& universe, const std::string& id, SimMedium& medium)
      : loop(universe.scheduler),
        workers(loop, [&universe] { return WorkCost(universe.random); }),
        store(universe, id, medium),
        link(universe.channels.NewLink(absl::StrCat("sim://", id))),
        mint(universe.random.Bytes(32), universe.random.Bytes(16)),
        channel(ChannelOptionsOf(id), loop, *link, mint, universe.random) {}
  ~Process() {
    pillar.reset();
    loop.DropAll();
  }
  SimEventLoop loop;
  SimWorkerPool workers;
  SimStore store;
  std::unique_ptr<channel::Link> link;
  transfer::TokenMint mint;
  channel::Channel channel;
  std::unique_ptr<pillar::Pillar> pillar;
};

SimPillar::SimPillar(SimUniverse& universe, std::string id, uint64_t disk_bytes)
    : universe_(universe), id_(std::move(id)), medium_(universe.scheduler, disk_bytes) {}
SimPillar::~SimPillar() = default;

bool SimPillar::Start() {
  auto process = std::make_unique<Process>(universe_, id_, medium_);
  if (!process->store.status().ok()) {
    universe_.timeline.Note(id_,
                            absl::StrCat("does not start: ", process->store.status().ToString()));
    return false;
  }
  absl::Status started = process->channel.Start();
  BITREPO_CHECK(started.ok(), started.ToString());
  const base::ComponentId component = base::ComponentId::Parse(id_).value();
  pillar::PillarOptions options{.repository_id = kRepository, .id = component};
  options.collections.push_back(base::CollectionId::Parse("default").value());
  options.program_version = "sim";
  process->pillar = std::make_unique<pillar::Pillar>(
      options,
      pillar::PillarParts{process->loop, universe_.bus.NewSpoke(), process->channel, process->mint,
                          process->store.store(), process->workers, universe_.random});
  started = process->pillar->Start();
  BITREPO_CHECK(started.ok(), started.ToString());
  process_ = std::move(process);
  universe_.timeline.Note(id_, "starts");
  return true;
}

void SimPillar::Kill() {
  universe_.timeline.Note(id_, "is killed");
  medium_.ProcessDied();
  process_.reset();
}

void SimPillar::CutPower(double keep) {
  universe_.timeline.Note(id_, absl::StrCat("loses power, ", static_cast<int>(keep * 100),
                                            " % of the unsynced survives"));
  medium_.PowerCut(universe_.random, keep);
  process_.reset();
}

struct SimClient::Process {
  Process(SimUniverse& universe, WorkloadPlan plan)
      : loop(universe.scheduler),
        workers(loop, [&universe] { return WorkCost(universe.random); }),
        link(universe.channels.NewLink("")),
        mint(universe.random.Bytes(32), universe.random.Bytes(16)),
        channel(ChannelOptionsOf(plan.name), loop, *link, mint, universe.random),
        client(Options(plan.name), client::ClientParts{loop, universe.bus.NewSpoke(), channel,
                                                       workers, universe.random}),
        workload(plan, client, loop, universe.random, universe.truth, universe.timeline) {}
  ~Process() { loop.DropAll(); }
  static client::ClientOptions Options(const std::string& name) {
    client::ClientOptions options;
    options.repository_id = kRepository;
    options.principal = name;
    options.session = absl::StrCat(name, ".1");
    options.program_version = "sim";
    return options;
  }
  SimEventLoop loop;
  SimWorkerPool workers;
  std::unique_ptr<channel::Link> link;
  transfer::TokenMint mint;
  channel::Channel channel;
  client::Client client;
  Workload workload;
};

SimClient::SimClient(SimUniverse& universe, WorkloadPlan plan)
    : process_(std::make_unique<Process>(universe, std::move(plan))) {
  absl::Status started = process_->channel.Start();
  BITREPO_CHECK(started.ok(), started.ToString());
  started = process_->client.Start();
  BITREPO_CHECK(started.ok(), started.ToString());
  process_->workload.Start();
}
SimClient::~SimClient() = default;

bool SimClient::done() const { return process_->workload.done(); }

}  // namespace bitrepo::simulation
