// SPDX-License-Identifier: Apache-2.0
// The client library's face: asks the pillars of a repository to keep, deliver, list and prove
// files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "bus/bus.h"
#include "bus/link.h"
#include "bus/protocol/conversation.h"
#include "channel/channel.h"
#include "client/operation.h"

namespace bitrepo::client {

inline constexpr size_t kConversationsMax = 4096;  // under way at once in one client

struct ClientOptions {
  std::string repository_id;
  std::string principal;  // who asks, stable over runs
  std::string session;    // where replies go: unique for each running client
  std::string program_version;
  protocol::Patience patience;  // of operations that bring none of their own
  size_t conversations_max = kConversationsMax;
  // Of a data channel that is made for the client.
  std::vector<transfer::RateRule> rates = {};  // of what comes
  base::RateTable pace = {};                   // of what is sent; empty: as the receivers have it
};

// All outlive the client. The channel may live on another loop.
struct ClientParts {
  runtime::EventLoop& loop;
  std::unique_ptr<bus::SpokeLink> link;
  channel::Channel& channel;
  runtime::WorkerPool& workers;
  base::Random& random;
};

// How the client stands with its coordinator; on the loop.
struct BusEvents {
  std::function<void(const wire::Welcome&)> on_up;
  std::function<void()> on_down;
  // For good: what is under way is withdrawn, and nothing more can be asked.
  std::function<void(const wire::ResponseInfo&)> on_refused;
};

// Threads:  loop-confined; events and ends come on the loop, never from inside the call that asks.
// Lifetime: Stop (or the destructor) cancels what is under way without telling; nothing is called
// afterwards. Errors:   kResourceExhausted at conversations_max, kFailedPrecondition before Start
// or when the
//           coordinator refused this client; what pillars answer is in the results, not in a
//           status.
class Client {
 public:
  Client(ClientOptions options, ClientParts parts);
  ~Client();
  absl::Status Start(BusEvents events = {});
  void Stop();
  bool up() const;
  // Withdraws all that is under way; each operation still ends.
  void CancelAll(absl::string_view reason);

  absl::StatusOr<Operation> PutFile(PutFileSpec spec, EndHandler<PutFileResult> end);
  absl::StatusOr<Operation> ReplaceFile(ReplaceFileSpec spec, EndHandler<PutFileResult> end);
  // kInvalidArgument: all pillars are meant, and not said by `everywhere`.
  absl::StatusOr<Operation> DeleteFile(DeleteFileSpec spec, EndHandler<DeleteFileResult> end);
  absl::StatusOr<Operation> UndeleteFile(UndeleteFileSpec spec, EndHandler<UndeleteFileResult> end);
  // kInvalidArgument: to nobody, or to the one that it is from.
  absl::StatusOr<Operation> CopyFile(CopyFileSpec spec, EndHandler<PutFileResult> end);
  absl::StatusOr<Operation> GetFile(GetFileSpec spec, EndHandler<GetFileResult> end);
  // Tokens in place of bytes: who accepts gives one in its progress, as the `secret` of the message
  // in `events.on_event`, for whoever is to move the bytes; `source` and `sink` of the spec are not
  // used.
  absl::StatusOr<Operation> PutFileTokens(PutFileSpec spec, EndHandler<OutcomeResult> end);
  absl::StatusOr<Operation> GetFileToken(GetFileSpec spec, EndHandler<OutcomeResult> end);
  absl::StatusOr<Operation> GetChecksums(GetChecksumsSpec spec, EndHandler<ListResult> end);
  absl::StatusOr<Operation> GetFileIds(GetFileIdsSpec spec, EndHandler<ListResult> end);
  absl::StatusOr<Operation> GetFileInfos(GetFileInfosSpec spec, EndHandler<ListResult> end);
  absl::StatusOr<Operation> GetStatus(GetStatusSpec spec, EndHandler<GetStatusResult> end);
  absl::StatusOr<Operation> SetRates(SetRatesSpec spec, EndHandler<SetRatesResult> end);
  // kInvalidArgument: the query ends before it begins.
  absl::StatusOr<Operation> GetAuditTrails(GetAuditTrailsSpec spec, EndHandler<OutcomeResult> end);
  // kInvalidArgument: pillars are asked of no conversation.
  absl::StatusOr<Operation> GetConversation(GetConversationSpec spec,
                                            EndHandler<OutcomeResult> end);
  absl::StatusOr<Operation> Withdraw(WithdrawSpec spec, EndHandler<OutcomeResult> end);
  absl::StatusOr<Operation> GetAlarms(GetAlarmsSpec spec, EndHandler<OutcomeResult> end);
  absl::StatusOr<Operation> GetRoster(GetRosterSpec spec, EndHandler<GetRosterResult> end);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::client
