// SPDX-License-Identifier: Apache-2.0
// A client with threads of its own, for programs that wait: the same operations, as calls that
// return their results.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "bus/link.h"
#include "channel/channel.h"
#include "channel/link.h"
#include "channel/transfer/token.h"
#include "client/client.h"

namespace bitrepo::client {

// What a running client is made of; the program that starts it chooses the real ones.
struct ClientMachinery {
  std::shared_ptr<base::Random> random;              // thread-safe
  std::unique_ptr<runtime::EventLoop> loop;          // messages
  std::unique_ptr<runtime::EventLoop> channel_loop;  // bytes
  std::unique_ptr<runtime::WorkerPool> workers;
  std::unique_ptr<bus::SpokeLink> spoke_link;   // on `loop`
  std::unique_ptr<channel::Link> channel_link;  // on `channel_loop`
  std::shared_ptr<void> attached;               // to `loop`; dies before it, when neither loop runs
};

// Threads:  thread-safe; but the calls that wait are refused (kFailedPrecondition) on its own loop.
// Lifetime: the destructor ends what is under way, untold, and joins both loops.
class BlockingClient {
 public:
  static absl::StatusOr<std::unique_ptr<BlockingClient>> Start(ClientOptions options,
                                                               ClientMachinery machinery);
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  // The coordinator's welcome; kUnavailable when none came in time, or it refused.
  absl::StatusOr<wire::Welcome> WaitUntilUp(absl::Duration patience);

  absl::StatusOr<PutFileResult> PutFile(PutFileSpec spec);
  absl::StatusOr<PutFileResult> ReplaceFile(ReplaceFileSpec spec);
  absl::StatusOr<DeleteFileResult> DeleteFile(DeleteFileSpec spec);
  absl::StatusOr<UndeleteFileResult> UndeleteFile(UndeleteFileSpec spec);
  absl::StatusOr<GetFileResult> GetFile(GetFileSpec spec);
  absl::StatusOr<ListResult> GetChecksums(GetChecksumsSpec spec);
  absl::StatusOr<ListResult> GetFileIds(GetFileIdsSpec spec);
  absl::StatusOr<ListResult> GetFileInfos(GetFileInfosSpec spec);
  absl::StatusOr<GetStatusResult> GetStatus(GetStatusSpec spec);
  absl::StatusOr<SetRatesResult> SetRates(SetRatesSpec spec);
  absl::StatusOr<OutcomeResult> GetAuditTrails(GetAuditTrailsSpec spec);
  absl::StatusOr<OutcomeResult> GetConversation(GetConversationSpec spec);
  absl::StatusOr<OutcomeResult> Withdraw(WithdrawSpec spec);
  absl::StatusOr<OutcomeResult> GetAlarms(GetAlarmsSpec spec);
  absl::StatusOr<GetRosterResult> GetRoster(GetRosterSpec spec);

  // Withdraws all that is under way, now and from now on; calls return soon.
  void Cancel(const std::string& reason);
  bool cancelled() const { return cancelled_; }
  // Runs `work` on the loop, with the client: for several operations at once.
  void Post(absl::AnyInvocable<void(Client&)> work);

  runtime::EventLoop& loop() { return *parts_.loop; }
  runtime::WorkerPool& workers() { return *parts_.workers; }
  base::Random& random() { return *parts_.random; }

 private:
  explicit BlockingClient(ClientMachinery machinery);
  // kFailedPrecondition on the client's own loop, which a wait would stop for ever.
  absl::Status CheckMayWait() const;
  template <typename Result, typename Begin>
  absl::StatusOr<Result> Wait(Begin begin);

  ClientMachinery parts_;
  std::unique_ptr<transfer::TokenMint> mint_;  // of a key nobody uses: this side grants nothing
  std::unique_ptr<channel::Channel> channel_;
  std::unique_ptr<Client> client_;

  base::Mutex mutex_;
  base::Condition changed_;
  std::optional<wire::Welcome> welcome_ ABSL_GUARDED_BY(mutex_);
  absl::Status refused_ ABSL_GUARDED_BY(mutex_);
  std::atomic<bool> cancelled_{false};
  std::thread loop_thread_;
  std::thread channel_thread_;
};

}  // namespace bitrepo::client
