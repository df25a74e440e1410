// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/simulated_medium.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/store_label.h"
#include "pillar/store/volume_shelf.h"

namespace bitrepo::store {
namespace {

constexpr size_t kChunkBytes = 1 << 20;        // read or written at a time
constexpr uint64_t kPieceBytes = 16ull << 20;  // moved before the loop is asked again
constexpr absl::Duration kFullLanePause = absl::Milliseconds(20);
constexpr char kClosed[] = "the medium is closed: the pillar is stopping";

std::string ParentOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool MovesBytes(MediumPhase phase) {
  return phase == MediumPhase::kStaging || phase == MediumPhase::kWriting ||
         phase == MediumPhase::kReadingBack;
}

}  // namespace

// One job. What moves bytes is only touched by one piece of work at a time.
struct SimulatedMedium::Live {
  uint64_t id = 0;
  MediumItem item;
  bool write = false;
  Give give;
  Take take;                       // of a write: the check
  std::shared_ptr<Events> events;  // nothing once nobody listens; an event may withdraw the job
  MediumStep told;                 // last
  bool ended = false;              // its end was told, or it was withdrawn
  bool moving = false;             // a piece of work is under way

  std::unique_ptr<runtime::DiskFile> file;
  uint64_t offset = 0;

  absl::Status MovePiece(runtime::Disk& disk, MediumPhase phase);
  absl::Status MoveChunk(MediumPhase phase, std::span<std::byte> chunk);
  absl::Status Open(runtime::Disk& disk, MediumPhase phase);
};

absl::Status SimulatedMedium::Live::Open(runtime::Disk& disk, MediumPhase phase) {
  const std::string path = write ? VolumeShelf::PartPathOf(item) : VolumeShelf::PathOf(item);
  if (phase == MediumPhase::kWriting) {
    BITREPO_RETURN_IF_ERROR(disk.MakeDirectories(ParentOf(path)));
    BITREPO_ASSIGN_OR_RETURN(file, disk.Create(path));
  } else {
    BITREPO_ASSIGN_OR_RETURN(file, disk.OpenRead(path));
  }
  return absl::OkStatus();
}

absl::Status SimulatedMedium::Live::MoveChunk(MediumPhase phase, std::span<std::byte> chunk) {
  if (phase == MediumPhase::kWriting) {
    BITREPO_RETURN_IF_ERROR(give(offset, chunk));
    return file->WriteAt(offset, chunk);
  }
  BITREPO_ASSIGN_OR_RETURN(const size_t got, file->ReadAt(offset, chunk));
  if (got < chunk.size()) {
    return absl::DataLossError(absl::StrCat(item.name, ": the volume ends at ", offset + got));
  }
  return take(offset, chunk);
}

absl::Status SimulatedMedium::Live::MovePiece(runtime::Disk& disk, MediumPhase phase) {
  if (file == nullptr) BITREPO_RETURN_IF_ERROR(Open(disk, phase));
  const uint64_t end = std::min(item.size_bytes, offset + kPieceBytes);
  std::vector<std::byte> chunk(std::min<uint64_t>(kChunkBytes, end - offset));
  while (offset < end) {
    const std::span<std::byte> part(chunk.data(), std::min<uint64_t>(chunk.size(), end - offset));
    BITREPO_RETURN_IF_ERROR(MoveChunk(phase, part));
    offset += part.size();
  }
  if (offset < item.size_bytes) return absl::OkStatus();
  if (phase == MediumPhase::kWriting) BITREPO_RETURN_IF_ERROR(file->Sync());
  file.reset();
  if (phase == MediumPhase::kReadingBack) {
    const std::string path = VolumeShelf::PathOf(item);
    BITREPO_RETURN_IF_ERROR(disk.Rename(VolumeShelf::PartPathOf(item), path));
    BITREPO_RETURN_IF_ERROR(disk.SyncDirectory(ParentOf(path)));
  }
  return absl::OkStatus();
}

struct SimulatedMedium::State : std::enable_shared_from_this<State> {
  State(SimulatedMediumOptions options_in, runtime::Disk& disk_in, runtime::EventLoop& loop_in,
        runtime::WorkerPool& workers_in)
      : options(options_in),
        disk(disk_in),
        loop(loop_in),
        workers(workers_in),
        shelf(disk_in, options_in.volume_bytes),
        drives(options_in.speed, options_in.drives) {}

  void Start(const std::shared_ptr<Live>& live) {
    live->id = ++last_id;
    jobs[live->id] = live;
    DriveQueue::Steps steps;
    drives.Add({live->id, live->item.volume, live->item.size_bytes, live->write}, loop.Now(),
               steps);
    Carry(steps);
  }
  void Withdraw(const std::shared_ptr<Live>& live) {
    if (std::exchange(live->ended, true)) return;
    Leave(live);
    if (!live->moving) Discard(live);
  }
  // Out of the queue.
  void Leave(const std::shared_ptr<Live>& live) {
    jobs.erase(live->id);
    DriveQueue::Steps steps;
    drives.Withdraw(live->id, loop.Now(), steps);
    Carry(steps);
  }
  void End(const std::shared_ptr<Live>& live, const absl::Status& how) {
    if (std::exchange(live->ended, true)) return;
    if (how.ok() && live->write) {
      shelf.Add(live->item);
    } else if (!how.ok() && !live->moving) {
      Discard(live);  // else when the work comes back, or at the next opening
    }
    if (const auto events = live->events) events->on_end(how);
  }
  // Ends one that cannot begin; soon, as all do.
  void Fail(const std::shared_ptr<Live>& live, const absl::Status& why) {
    live->write = false;  // nothing of it is anywhere
    loop.Post([weak = weak_from_this(), live, why] {
      if (const std::shared_ptr<State> self = weak.lock()) self->End(live, why);
    });
  }
  // What a write left on its volume.
  void Discard(const std::shared_ptr<Live>& live) {
    if (!live->write) return;
    shelf.Release(live->item);
    live->file.reset();
    for (const std::string& path :
         {VolumeShelf::PartPathOf(live->item), VolumeShelf::PathOf(live->item)}) {
      const absl::Status removed = disk.Remove(path);
      if (removed.ok() || absl::IsNotFound(removed)) continue;
      base::LogLine(base::LogLevel::kWarning, "medium-part-left").With("cause", removed.message());
    }
  }

  void Carry(const DriveQueue::Steps& steps) {
    for (const DriveQueue::Step& step : steps) {
      const auto found = jobs.find(step.id);
      if (found == jobs.end()) continue;
      const std::shared_ptr<Live> live = found->second;
      if (step.done) {
        jobs.erase(found);
        End(live, absl::OkStatus());
        continue;
      }
      if (MovesBytes(step.phase)) {
        live->offset = 0;
        Move(live, step.phase);
      }
      Tell(live, step.phase);
    }
    TellPlaces();
    Wake();
  }
  // As it was last told, for one that has just given its drive back.
  MediumStep StepOf(const Live& live) {
    return drives.StepOf(live.id, loop.Now()).value_or(live.told);
  }
  void Tell(const std::shared_ptr<Live>& live, MediumPhase phase) {
    const std::shared_ptr<Events> events = live->events;
    if (live->ended || events == nullptr || !jobs.contains(live->id)) return;
    MediumStep step = StepOf(*live);
    step.phase = phase;  // of several that passed at once each is told
    live->told = step;
    events->on_step(step);
  }
  void TellPlaces() {
    std::vector<std::shared_ptr<Live>> all;
    for (const auto& [id, live] : jobs) all.push_back(live);
    for (const std::shared_ptr<Live>& live : all) {
      const std::shared_ptr<Events> events = live->events;
      if (live->ended || events == nullptr || !jobs.contains(live->id)) continue;
      const MediumStep step = StepOf(*live);
      if (step.phase != MediumPhase::kQueued || step.queue_place == live->told.queue_place)
        continue;
      live->told = step;
      events->on_step(step);
    }
  }
  void Wake() {
    const absl::Time at = drives.WakeAt();
    if (at == wake_at) return;
    loop.CancelTimer(timer);
    wake_at = at;
    timer = runtime::TimerId::kNone;
    if (at == absl::InfiniteFuture()) return;
    timer = loop.RunAt(at, [weak = weak_from_this()] {
      const std::shared_ptr<State> self = weak.lock();
      if (self == nullptr) return;
      self->wake_at = absl::InfiniteFuture();
      DriveQueue::Steps steps;
      self->drives.OnTime(self->loop.Now(), steps);
      self->Carry(steps);
    });
  }

  void Move(const std::shared_ptr<Live>& live, MediumPhase phase) {
    live->moving = true;
    // A lane of its own: those of the others may wait for just this.
    const absl::Status taken =
        workers.Submit(runtime::Lane::kHash, runtime::StrandId::kNone,
                       [live, phase, disk_ptr = &disk, loop_ptr = &loop, weak = weak_from_this()] {
                         const absl::Status moved = live->MovePiece(*disk_ptr, phase);
                         loop_ptr->Post([live, phase, moved, weak] {
                           if (const std::shared_ptr<State> self = weak.lock())
                             self->OnPiece(live, phase, moved);
                         });
                       });
    if (taken.ok()) return;
    loop.RunAfter(kFullLanePause, [weak = weak_from_this(), live, phase] {
      const std::shared_ptr<State> self = weak.lock();
      if (self == nullptr) return;
      live->moving = false;
      live->ended ? self->Discard(live) : self->Move(live, phase);
    });
  }
  void OnPiece(const std::shared_ptr<Live>& live, MediumPhase phase, const absl::Status& moved) {
    live->moving = false;
    if (live->ended) {
      Discard(live);
    } else if (!moved.ok()) {
      Leave(live);
      End(live, moved);
    } else if (live->offset < live->item.size_bytes) {
      Move(live, phase);
    } else {
      DriveQueue::Steps steps;
      drives.OnMoved(live->id, loop.Now(), steps);
      Carry(steps);
    }
  }

  const SimulatedMediumOptions options;
  runtime::Disk& disk;
  runtime::EventLoop& loop;
  runtime::WorkerPool& workers;
  VolumeShelf shelf;
  DriveQueue drives;
  absl::btree_map<uint64_t, std::shared_ptr<Live>> jobs;
  uint64_t last_id = 0;
  runtime::TimerId timer = runtime::TimerId::kNone;
  absl::Time wake_at = absl::InfiniteFuture();
  bool closed = false;
};

// Withdraws its job when it dies.
class SimulatedMedium::Handle final : public Medium::Job {
 public:
  Handle(std::weak_ptr<State> state, std::shared_ptr<Live> live)
      : state_(std::move(state)), live_(std::move(live)) {}
  ~Handle() override {
    live_->events = nullptr;
    if (const std::shared_ptr<State> state = state_.lock()) state->Withdraw(live_);
  }
  MediumStep step() const override {
    const std::shared_ptr<State> state = state_.lock();
    return state == nullptr ? live_->told : state->StepOf(*live_);
  }

 private:
  const std::weak_ptr<State> state_;
  const std::shared_ptr<Live> live_;
};

absl::StatusOr<std::unique_ptr<SimulatedMedium>> SimulatedMedium::Open(
    SimulatedMediumOptions options, runtime::Disk& disk, runtime::EventLoop& loop,
    runtime::WorkerPool& workers) {
  auto state = std::make_shared<State>(options, disk, loop, workers);
  BITREPO_RETURN_IF_ERROR(state->shelf.Load());
  return std::unique_ptr<SimulatedMedium>(new SimulatedMedium(std::move(state)));
}

SimulatedMedium::SimulatedMedium(std::shared_ptr<State> state) : state_(std::move(state)) {}
SimulatedMedium::~SimulatedMedium() = default;

std::unique_ptr<Medium::Job> SimulatedMedium::Read(const std::string& name, Take take,
                                                   Events events) {
  auto live = std::make_shared<Live>();
  live->take = std::move(take);
  live->events = std::make_shared<Events>(std::move(events));
  const std::optional<MediumItem> item = state_->shelf.Locate(name);
  if (state_->closed) {
    state_->Fail(live, absl::UnavailableError(kClosed));
  } else if (!item) {
    state_->Fail(live, absl::NotFoundError(absl::StrCat("no volume has ", name)));
  } else {
    live->item = *item;
    state_->Start(live);
  }
  return std::make_unique<Handle>(state_, std::move(live));
}

std::unique_ptr<Medium::Job> SimulatedMedium::Write(const std::string& name, uint64_t size_bytes,
                                                    Give give, Take check, Events events) {
  auto live = std::make_shared<Live>();
  live->write = true;
  live->give = std::move(give);
  live->take = std::move(check);
  live->events = std::make_shared<Events>(std::move(events));
  if (state_->closed) {
    state_->Fail(live, absl::UnavailableError(kClosed));
  } else if (absl::StatusOr<MediumItem> item = state_->shelf.Reserve(name, size_bytes);
             !item.ok()) {
    state_->Fail(live, item.status());
  } else {
    live->item = *std::move(item);
    state_->Start(live);
  }
  return std::make_unique<Handle>(state_, std::move(live));
}

absl::Duration SimulatedMedium::TimeFor(const std::optional<std::string>& name,
                                        uint64_t size_bytes) const {
  DriveQueue::Job job{.size_bytes = size_bytes, .write = !name.has_value()};
  const std::optional<MediumItem> item = name ? state_->shelf.Locate(*name) : std::nullopt;
  job.volume = item ? item->volume : state_->shelf.NextVolume(size_bytes);
  return state_->drives.TimeFor(job, state_->loop.Now());
}

uint32_t SimulatedMedium::queue() const { return static_cast<uint32_t>(state_->drives.size()); }
uint64_t SimulatedMedium::bytes_per_second() const {
  return state_->options.speed.bytes_per_second;
}
std::optional<MediumItem> SimulatedMedium::Locate(const std::string& name) const {
  return state_->shelf.Locate(name);
}
absl::Status SimulatedMedium::Remove(const std::string& name) { return state_->shelf.Remove(name); }
std::vector<MediumItem> SimulatedMedium::Items() const { return state_->shelf.Items(); }
absl::StatusOr<runtime::SpaceInfo> SimulatedMedium::Space() const { return state_->disk.Space(); }

void SimulatedMedium::Close() {
  state_->closed = true;
  std::vector<std::shared_ptr<Live>> all;
  // The last one first: none begins because another ends.
  for (auto it = state_->jobs.rbegin(); it != state_->jobs.rend(); ++it) all.push_back(it->second);
  for (const std::shared_ptr<Live>& live : all) {
    state_->Leave(live);
    state_->End(live, absl::UnavailableError(kClosed));
  }
}

}  // namespace bitrepo::store
