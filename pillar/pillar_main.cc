// SPDX-License-Identifier: Apache-2.0
// bitrepo-pillar: reads its settings, opens its store and its sockets, and runs until it is told to
// stop.
#include <google/protobuf/stubs/logging.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/runtime/daemon_flags.h"
#include "base/runtime/direct_file.h"
#include "base/runtime/features.h"
#include "base/runtime/runtime_file.h"
#include "base/runtime/settings.h"
#include "base/runtime/signals.h"
#include "base/runtime/system_disk.h"
#include "base/runtime/system_event_loop.h"
#include "base/runtime/thread_worker_pool.h"
#include "base/status.h"
#include "base/zeromq/context.h"
#include "base/zeromq/endpoint.h"
#include "bus/zmq_spoke_link.h"
#include "channel/channel.h"
#include "channel/zmq_channel_link.h"
#include "pillar/pillar.h"
#include "pillar/pillar_options.h"
#include "pillar/store/digest_store.h"
#include "pillar/store/disk_file_store.h"
#include "pillar/store/manifest.h"
#include "pillar/store/nearline_store.h"
#include "pillar/store/rebuild.h"
#include "pillar/store/simulated_medium.h"

namespace bitrepo {
namespace {

constexpr int kExitIntegrity = 6;  // the store is damaged in a way that needs a person
constexpr int kExitRefused = 7;    // the store is in use, or not this pillar's; the id is taken
constexpr int kExitDisk = 10;      // the local disk
constexpr char kExitCodes[] =
    ", 6 the store is damaged,\n"
    "7 the store is in use or the id is taken, 10 the disk cannot be used";

constexpr char kRebuildFlag[] = "--rebuild";
constexpr char kManifestFlag[] = "--manifest";

constexpr int kBusSockets = 16;  // one, with its monitor, and room

// What it ends with, and why.
struct Ending {
  int exit_code = runtime::kExitDone;
  absl::Status why;
};

int ExitCodeOfStore(const absl::Status& status) {
  if (absl::IsFailedPrecondition(status)) return kExitRefused;
  return absl::IsDataLoss(status) ? kExitIntegrity : kExitDisk;
}

void Complain(const absl::Status& status) {
  std::fputs(absl::StrCat("bitrepo-pillar: ", std::string(status.message()), "\n").c_str(), stderr);
}

absl::StatusOr<pillar::PillarSettings> ReadSettings(const std::string& path) {
  BITREPO_ASSIGN_OR_RETURN(runtime::Settings file, runtime::Settings::Load(path));
  BITREPO_ASSIGN_OR_RETURN(
      pillar::PillarSettings settings,
      pillar::ReadPillarSettings(file, {&zeromq::CheckBindEndpoint, &zeromq::CheckDialEndpoint}));
  settings.host.program_version = BITREPO_VERSION;
  const char* variable = std::getenv(runtime::kFeaturesVariable);
  BITREPO_ASSIGN_OR_RETURN(
      settings.features,
      runtime::FeaturesOr(settings.features, variable == nullptr
                                                 ? std::nullopt
                                                 : std::optional<std::string>(variable)));
  return settings;
}

// The store, and the disks and media that it lies on.
struct OpenStore {
  base::SystemClock clock;
  std::unique_ptr<runtime::SystemDisk> disk;
  std::map<std::string, std::unique_ptr<runtime::SystemDisk>> collection_disks;
  std::unique_ptr<runtime::SystemDisk> media_disk;
  std::unique_ptr<store::Medium> medium;
  std::unique_ptr<store::FileStore> store;
  store::SlowStore* slow = nullptr;  // the store, where it is one
};

absl::StatusOr<store::DiskStoreOptions> OpenDisks(const pillar::PillarSettings& settings,
                                                  OpenStore& open) {
  BITREPO_ASSIGN_OR_RETURN(open.disk, runtime::SystemDisk::Open(settings.store_directory));
  store::DiskStoreOptions options;
  options.keep_free_bytes = settings.host.keep_free_bytes;
  options.staging.kept = settings.host.staging_term;
  for (const base::CollectionId& collection : settings.host.collections) {
    options.collections[collection] = nullptr;
    const auto own = settings.collection_directories.find(collection.text());
    if (own == settings.collection_directories.end()) continue;
    BITREPO_ASSIGN_OR_RETURN(std::unique_ptr<runtime::SystemDisk> disk,
                             runtime::SystemDisk::Open(own->second));
    options.collections[collection] = disk.get();
    open.collection_disks[own->second] = std::move(disk);
  }
  return options;
}

absl::Status OpenFull(const pillar::PillarSettings& settings, base::Random& random,
                      OpenStore& open) {
  BITREPO_ASSIGN_OR_RETURN(store::DiskStoreOptions options, OpenDisks(settings, open));
  BITREPO_ASSIGN_OR_RETURN(
      open.store, store::DiskFileStore::Open(std::move(options), *open.disk, open.clock, random));
  return absl::OkStatus();
}

store::RecordStoreOptions RecordOptions(const pillar::PillarSettings& settings) {
  store::RecordStoreOptions options;
  options.collections = settings.host.collections;
  options.keep_free_bytes = settings.host.keep_free_bytes;
  options.staging.kept = settings.host.staging_term;
  return options;
}

absl::Status OpenChecksum(const pillar::PillarSettings& settings, base::Random& random,
                          OpenStore& open) {
  BITREPO_ASSIGN_OR_RETURN(open.disk, runtime::SystemDisk::Open(settings.store_directory));
  BITREPO_ASSIGN_OR_RETURN(open.store, store::DigestStore::Open(RecordOptions(settings), *open.disk,
                                                                open.clock, random));
  return absl::OkStatus();
}

absl::Status OpenNearline(const pillar::PillarSettings& settings, base::Random& random,
                          runtime::EventLoop& loop, runtime::WorkerPool& workers, OpenStore& open) {
  const pillar::NearlineSettings& nearline = settings.nearline;
  BITREPO_ASSIGN_OR_RETURN(open.disk, runtime::SystemDisk::Open(settings.store_directory));
  BITREPO_ASSIGN_OR_RETURN(open.media_disk, runtime::SystemDisk::Open(nearline.media_directory));
  BITREPO_ASSIGN_OR_RETURN(
      open.medium, store::SimulatedMedium::Open(nearline.medium, *open.media_disk, loop, workers));
  BITREPO_ASSIGN_OR_RETURN(
      std::unique_ptr<store::NearlineStore> opened,
      store::NearlineStore::Open(RecordOptions(settings), nearline.store, *open.disk, open.clock,
                                 random, {loop, workers, *open.medium}));
  open.slow = opened.get();
  open.store = std::move(opened);
  return absl::OkStatus();
}

absl::Status Open(const pillar::PillarSettings& settings, base::Random& random,
                  runtime::EventLoop& loop, runtime::WorkerPool& workers, OpenStore& open) {
  switch (settings.host.kind) {
    case wire::CHECKSUM_PILLAR:
      return OpenChecksum(settings, random, open);
    case wire::NEARLINE_PILLAR:
      return OpenNearline(settings, random, loop, workers, open);
    default:
      return OpenFull(settings, random, open);
  }
}

// The flags that look at files on disk are of no use to pillars that have none there.
absl::Status CheckKeepsFiles(const pillar::PillarSettings& settings, absl::string_view flag) {
  if (settings.host.kind == wire::FULL_PILLAR) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(flag, " is for full pillars; this one is ",
                                                 pillar::KindName(settings.host.kind)));
}

// Makes the catalogue again, says what it found, and ends.
Ending Rebuild(const pillar::PillarSettings& settings) {
  if (absl::Status fits = CheckKeepsFiles(settings, kRebuildFlag); !fits.ok()) {
    return {runtime::kExitUsage, std::move(fits)};
  }
  base::SystemRandom random;
  OpenStore disks;
  const auto options = OpenDisks(settings, disks);
  if (!options.ok()) return {ExitCodeOfStore(options.status()), options.status()};
  const auto found = store::RebuildCatalogue(*options, *disks.disk, disks.clock, random);
  if (!found.ok()) return {ExitCodeOfStore(found.status()), found.status()};
  std::fputs(absl::StrCat(settings.store_directory, "/", store::kCatalogueFile, ": ",
                          found->ToString(), "\n")
                 .c_str(),
             stdout);
  return {};
}

// Writes the list of a collection to standard output, and ends; beside a running pillar as well.
Ending WriteManifest(const pillar::PillarSettings& settings, const std::string& name) {
  if (absl::Status fits = CheckKeepsFiles(settings, kManifestFlag); !fits.ok()) {
    return {runtime::kExitUsage, std::move(fits)};
  }
  const auto collection = base::CollectionId::Parse(name);
  if (!collection.ok()) return {runtime::kExitUsage, collection.status()};
  const auto own = settings.collection_directories.find(name);
  const bool has_own = own != settings.collection_directories.end();
  const auto disk = runtime::SystemDisk::Open(has_own ? own->second : settings.store_directory);
  if (!disk.ok()) return {kExitDisk, disk.status()};
  const auto found =
      store::WriteManifest(**disk, has_own ? "" : name, *collection, [](absl::string_view lines) {
        return std::fwrite(lines.data(), 1, lines.size(), stdout) == lines.size()
                   ? absl::OkStatus()
                   : base::ErrnoStatus(errno, "standard output");
      });
  if (!found.ok()) return {ExitCodeOfStore(found.status()), found.status()};
  if (std::fflush(stdout) != 0) {
    return {runtime::kExitFailed, base::ErrnoStatus(errno, "standard output")};
  }
  if (found->without_record == 0) return {};
  return {kExitIntegrity,
          absl::DataLossError(absl::StrCat(found->without_record, " files of ", name,
                                           " do not say what they should be, and are not listed"))};
}

// The data channel on a thread of its own, so that bytes never delay messages. Its sockets are
// made, used and closed there.
class DataThread {
 public:
  DataThread(runtime::SystemEventLoop& loop, const pillar::PillarSettings& settings,
             transfer::TokenMint& mint, base::Random& random)
      : loop_(loop) {
    std::promise<absl::Status> started;
    std::future<absl::Status> status = started.get_future();
    thread_ = std::thread([&, started = std::move(started)]() mutable {
      channel::ZmqChannelLink link(loop_, settings.data_listen);
      channel::ChannelOptions options;
      options.node = settings.host.id.text();
      options.memory_bytes_max = settings.transfer_memory_bytes;
      options.unasked_credit = settings.features.unasked_credit;
      options.rates = settings.rates;
      channel::Channel channel(options, loop_, link, mint, random);
      channel_ = &channel;
      const absl::Status how = channel.Start();
      started.set_value(how);
      if (how.ok()) loop_.Run();
    });
    status_ = status.get();
  }
  // Ends all transfers and waits for the thread.
  ~DataThread() {
    if (status_.ok()) {
      channel_->Close();
      loop_.Post([this] { loop_.Stop(); });
    }
    thread_.join();
  }
  const absl::Status& status() const { return status_; }
  // Requires: status() is OK.
  channel::Channel& channel() { return *channel_; }

 private:
  runtime::SystemEventLoop& loop_;
  channel::Channel* channel_ = nullptr;  // on the thread's stack
  absl::Status status_;
  std::thread thread_;
};

void TellReady(const pillar::PillarSettings& settings, const std::string& data_endpoint) {
  base::LogLine(base::LogLevel::kInfo, "ready")
      .With("pillar", settings.host.id.text())
      .With("kind", pillar::KindName(settings.host.kind))
      .With("data", data_endpoint)
      .With("coordinator", settings.coordinator)
      .With("store", settings.store_directory)
      .With("version", settings.host.program_version);
  runtime::NotifyServiceManager("READY=1");
}

Ending Run(const pillar::PillarSettings& settings) {
  if (const auto descriptors = runtime::RaiseDescriptorLimit(); !descriptors.ok()) {
    return {runtime::kExitFailed, descriptors.status()};
  }
  // What is declared later is gone sooner: the host, the data channel, the work that they gave
  // away, then the loops that it came back to, then the store.
  base::SystemRandom random;
  OpenStore opened;
  runtime::SystemEventLoop loop;
  runtime::SystemEventLoop data_loop;
  pillar::Pillar* running = nullptr;
  const auto signals =
      runtime::Signals::Watch(loop, {SIGTERM, SIGINT}, [&, stopping = false](int) mutable {
        runtime::NotifyServiceManager("STOPPING=1");
        if (std::exchange(stopping, true)) {
          loop.Stop();  // told twice: at once
        } else {
          running->Stop([&loop] { loop.Stop(); });
        }
      });
  if (!signals.ok()) return {runtime::kExitFailed, signals.status()};

  // The last lane is that of slow media: a thread for each drive.
  runtime::ThreadWorkerPool workers({settings.read_workers, settings.write_workers,
                                     static_cast<int>(settings.nearline.medium.drives)});
  if (const absl::Status status = Open(settings, random, loop, workers, opened); !status.ok()) {
    return {ExitCodeOfStore(status), status};
  }
  transfer::TokenMint mint(random.Bytes(32), random.Bytes(16));
  DataThread data(data_loop, settings, mint, random);
  if (!data.status().ok()) return {runtime::kExitFailed, data.status()};
  const std::string data_endpoint = data.channel().endpoint();
  zeromq::Context bus_context(/*io_threads=*/1, kBusSockets);
  pillar::Pillar host(
      settings.host,
      {loop, std::make_unique<bus::ZmqSpokeLink>(loop, bus_context, settings.coordinator, random),
       data.channel(), mint, *opened.store, workers, random, opened.slow});
  running = &host;

  Ending ending;
  pillar::PillarEvents events;
  events.on_refused = [&](absl::Status why) {
    ending = {kExitRefused, std::move(why)};
    loop.Stop();
  };
  if (const absl::Status status = host.Start(std::move(events)); !status.ok()) {
    return {runtime::kExitFailed, status};
  }
  if (!settings.runtime_file.empty()) {
    const absl::Status written = runtime::WriteRuntimeFile(
        settings.runtime_file, {{"pillar", settings.host.id.text()}, {"data", data_endpoint}});
    if (!written.ok()) return {kExitDisk, written};
  }
  TellReady(settings, data_endpoint);
  loop.Run();
  if (opened.slow != nullptr) opened.slow->Close();
  if (!settings.runtime_file.empty()) runtime::RemoveRuntimeFile(settings.runtime_file);
  base::LogLine(base::LogLevel::kInfo, "stopped");
  return ending;
}

int Main(int argc, const char* const* argv) {
  runtime::TuneProcess();
  google::protobuf::SetLogHandler(nullptr);  // what cannot be read, its reader tells
  const auto flags = runtime::ParseDaemonFlags(
      argc, argv,
      {"bitrepo-pillar",
       BITREPO_VERSION,
       "keeps files of a bit repository",
       kExitCodes,
       {{kRebuildFlag, "", "make a lost catalogue again from the files and the ledger, and end"},
        {kManifestFlag, "COLLECTION", "print a list of its files for sha256sum -c, and end"}}});
  if (!flags.ok()) {
    Complain(flags.status());
    return runtime::kExitUsage;
  }
  if (!flags->print.empty()) {
    std::fputs(flags->print.c_str(), stdout);
    return runtime::kExitDone;
  }
  const auto settings = ReadSettings(flags->config);
  if (!settings.ok()) {
    std::fputs(absl::StrCat(std::string(settings.status().message()), "\n").c_str(), stderr);
    return runtime::kExitUsage;
  }
  if (flags->check_config) {
    std::fputs(absl::StrCat(flags->config, ": no problems\n").c_str(), stdout);
    return runtime::kExitDone;
  }
  base::ConfigureLog(base::LogLevel::kInfo, flags->log_format);
  if (!settings->features.direct_writes) runtime::DirectFile::TurnOff();
  const auto manifest = flags->more.find(kManifestFlag);
  const Ending ending = manifest != flags->more.end() ? WriteManifest(*settings, manifest->second)
                        : flags->more.contains(kRebuildFlag) ? Rebuild(*settings)
                                                             : Run(*settings);
  if (!ending.why.ok()) Complain(ending.why);
  return ending.exit_code;
}

}  // namespace
}  // namespace bitrepo

int main(int argc, char** argv) { return bitrepo::Main(argc, argv); }
