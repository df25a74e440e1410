// SPDX-License-Identifier: Apache-2.0
// Group commit: what is to be made durable gathers while one group is being written, and goes as
// the next group.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "pillar/store/file_store.h"

namespace bitrepo::requests {

inline constexpr size_t kGroupMax = 1024;  // publications, and removals, that share one commit
inline constexpr size_t kAuditWaitingMax =
    65536;  // of reads; beyond, they are counted and left out
inline constexpr absl::Duration kAuditPause = absl::Seconds(1);

// Nobody waits for a timer: a lone put goes at once, and a crowd shares its syncs.
// Threads:  loop-confined; one worker of the write lane is busy with a group at any time, or none.
// Lifetime: loop, workers and store outlive the work given to them. When the commits dies, a group
//           that is under way is
//           still written and its callbacks are dropped, like those of all that waits.
// Errors:   a full lane is tried again; what the store says comes with the callback.
class GroupCommit {
 public:
  using Published = absl::AnyInvocable<void(absl::StatusOr<store::FileRecord>)>;
  using Closed = absl::AnyInvocable<void(absl::Status)>;

  GroupCommit(runtime::EventLoop& loop, runtime::WorkerPool& workers, store::FileStore& store);
  ~GroupCommit();

  // `done` on the loop, when it is durable or has failed. Never more than one for each request
  // under way.
  void Publish(store::Publication publication, Published done);
  // As Publish, for what goes into quarantine.
  void Remove(store::Removal removal, Published done);
  // A final that changed nothing.
  void Close(store::Answer answer, store::AuditEvent audit, Closed done);
  // Notes that a request is under way. Its own final, when it comes first, takes the place of the
  // note.
  void Open(store::Answer answer);
  // A row without an answer of its own; written with the next group, at the latest after
  // kAuditPause.
  void Audit(store::AuditEvent event);
  // Writes what waits now.
  void Flush();

  size_t waiting() const;
  bool idle() const;        // nothing waits and nothing is being written
  uint64_t groups() const;  // written so far
  uint64_t audit_rows_dropped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace bitrepo::requests
