// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/drive_queue.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace bitrepo::store {

DriveQueue::DriveQueue(DriveSpeed speed, size_t drives) : speed_(speed), drives_(drives) {
  BITREPO_CHECK(drives > 0 && speed.bytes_per_second > 0, "a drive that moves bytes");
}

std::deque<DriveQueue::Part> DriveQueue::PartsOf(const Job& job, bool loaded) const {
  const absl::Duration move = Scaled(absl::Seconds(static_cast<double>(job.size_bytes) /
                                                   static_cast<double>(speed_.bytes_per_second)));
  std::deque<Part> parts;
  if (!job.write) parts.push_back({MediumPhase::kLocating, absl::ZeroDuration(), false});
  if (!loaded) parts.push_back({MediumPhase::kLoading, Scaled(speed_.load), false});
  parts.push_back({MediumPhase::kSeeking, Scaled(speed_.seek), false});
  if (job.write) {
    parts.push_back({MediumPhase::kWriting, move, true});
    parts.push_back({MediumPhase::kReadingBack, Scaled(speed_.seek) + move, true});
  } else {
    parts.push_back({MediumPhase::kStaging, move, true});
  }
  return parts;
}

absl::Duration DriveQueue::TimeOf(const std::deque<Part>& parts) {
  absl::Duration sum;
  for (const Part& part : parts) sum += part.takes;
  return sum;
}

// The drive that has the volume, else the one that is free first.
size_t DriveQueue::PickDrive(const std::vector<Outlook>& drives, uint32_t volume) {
  size_t best = 0;
  for (size_t i = 0; i < drives.size(); ++i) {
    if (drives[i].loaded == volume) return i;
    if (drives[i].free_at < drives[best].free_at) best = i;
  }
  return best;
}

// After now, even where only the last bytes are waited for: a drive that is free is free before it.
absl::Time DriveQueue::EndOf(const Running& running, absl::Time now) {
  return std::max(running.part_ends, now + absl::Nanoseconds(1)) + TimeOf(running.parts) -
         running.parts.front().takes;
}

std::vector<DriveQueue::Outlook> DriveQueue::OutlookAt(absl::Time now) const {
  std::vector<Outlook> outlook;
  outlook.reserve(drives_.size());
  for (const Drive& drive : drives_) {
    outlook.push_back({drive.running ? EndOf(*drive.running, now) : now, drive.loaded});
  }
  return outlook;
}

std::vector<absl::Time> DriveQueue::PlannedEnds(absl::Time now, const Job* more) const {
  std::vector<Outlook> drives = OutlookAt(now);
  std::vector<absl::Time> ends;
  absl::Time last_start = now;  // nobody overtakes
  const auto plan = [&](const Job& job) {
    Outlook& drive = drives[PickDrive(drives, job.volume)];
    last_start = std::max(last_start, drive.free_at);
    drive.free_at = last_start + TimeOf(PartsOf(job, drive.loaded == job.volume));
    drive.loaded = job.volume;
    ends.push_back(drive.free_at);
  };
  for (const Waiting& waiting : waiting_) plan(waiting.job);
  if (more != nullptr) plan(*more);
  return ends;
}

void DriveQueue::Add(const Job& job, absl::Time now, Steps& steps) {
  waiting_.push_back({job, absl::InfiniteFuture()});
  steps.push_back({job.id, MediumPhase::kQueued});
  StartWaiting(now, steps);
}

DriveQueue::Drive* DriveQueue::DriveOf(JobId id) {
  const auto found = std::find_if(drives_.begin(), drives_.end(), [&](const Drive& drive) {
    return drive.running && drive.running->job.id == id;
  });
  return found == drives_.end() ? nullptr : &*found;
}

void DriveQueue::Withdraw(JobId id, absl::Time now, Steps& steps) {
  const auto waits = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Waiting& waiting) { return waiting.job.id == id; });
  if (waits != waiting_.end()) {
    waiting_.erase(waits);
  } else if (Drive* const drive = DriveOf(id)) {
    drive->running.reset();
  }
  StartWaiting(now, steps);
}

void DriveQueue::OnMoved(JobId id, absl::Time now, Steps& steps) {
  Drive* const drive = DriveOf(id);
  if (drive == nullptr) return;
  drive->running->moved = true;
  OnTime(now, steps);
}

void DriveQueue::OnTime(absl::Time now, Steps& steps) {
  for (Drive& drive : drives_) Advance(drive, now, steps);
  StartWaiting(now, steps);
}

// Gives drives to those that wait, in order; the first that must wait holds all behind it.
void DriveQueue::StartWaiting(absl::Time now, Steps& steps) {
  while (!waiting_.empty()) {
    const Job job = waiting_.front().job;
    Drive& drive = drives_[PickDrive(OutlookAt(now), job.volume)];
    if (drive.running) return;
    Running running{job, waiting_.front().promised_end, PartsOf(job, drive.loaded == job.volume),
                    now};
    running.part_ends = now + running.parts.front().takes;
    steps.push_back({job.id, running.parts.front().phase});
    drive.loaded = job.volume;
    drive.running = std::move(running);
    waiting_.pop_front();
    Advance(drive, now, steps);
  }
}

// Through all phases that have ended by now.
void DriveQueue::Advance(Drive& drive, absl::Time now, Steps& steps) {
  while (drive.running) {
    Running& running = *drive.running;
    const Part part = running.parts.front();
    if (now < running.part_ends || (part.moves_bytes && !running.moved)) return;
    running.parts.pop_front();
    running.moved = false;
    if (running.parts.empty()) {
      steps.push_back({running.job.id, part.phase, /*done=*/true});
      drive.running.reset();
      return;
    }
    running.part_ends = now + running.parts.front().takes;
    steps.push_back({running.job.id, running.parts.front().phase});
  }
}

absl::Time DriveQueue::WakeAt() const {
  absl::Time wake = absl::InfiniteFuture();
  for (const Drive& drive : drives_) {
    // One whose time has gone by waits for its bytes alone.
    if (!drive.running || (drive.running->parts.front().moves_bytes && !drive.running->moved)) {
      continue;
    }
    wake = std::min(wake, drive.running->part_ends);
  }
  return wake;
}

std::optional<MediumStep> DriveQueue::StepOf(JobId id, absl::Time now) {
  MediumStep step;
  if (Drive* const drive = DriveOf(id)) {
    Running& running = *drive->running;
    running.promised_end = std::min(running.promised_end, EndOf(running, now));
    step.phase = running.parts.front().phase;
    step.left = std::max(running.promised_end - now, absl::ZeroDuration());
    return step;
  }
  const std::vector<absl::Time> ends = PlannedEnds(now, nullptr);
  const auto busy =
      static_cast<size_t>(std::count_if(drives_.begin(), drives_.end(), [](const Drive& drive) {
        return drive.running.has_value();
      }));
  for (size_t i = 0; i < waiting_.size(); ++i) {
    if (waiting_[i].job.id != id) continue;
    waiting_[i].promised_end = std::min(waiting_[i].promised_end, ends[i]);
    step.queue_place = static_cast<uint32_t>(busy + i);
    step.left = std::max(waiting_[i].promised_end - now, absl::ZeroDuration());
    return step;
  }
  return std::nullopt;
}

absl::Duration DriveQueue::TimeFor(const Job& job, absl::Time now) const {
  return PlannedEnds(now, &job).back() - now;
}

size_t DriveQueue::size() const {
  size_t count = waiting_.size();
  for (const Drive& drive : drives_) count += drive.running ? 1 : 0;
  return count;
}

}  // namespace bitrepo::store
