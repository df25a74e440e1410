// SPDX-License-Identifier: Apache-2.0
// A client without a bus: what can be done by a token alone, as calls that wait.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "channel/channel.h"
#include "channel/link.h"
#include "channel/source.h"
#include "channel/transfer/token.h"
#include "client/attempt_sink.h"
#include "proto/channel.pb.h"

namespace bitrepo::client {

inline constexpr int kTokenTriesMax = 4;  // of one transmission whose connection breaks
inline constexpr absl::Duration kTokenAgainFirst = absl::Milliseconds(200);  // then doubled

// What it is made of; the program that starts it chooses the real ones.
struct TokenMachinery {
  std::shared_ptr<base::Random> random;  // thread-safe
  std::unique_ptr<runtime::EventLoop> loop;
  std::unique_ptr<runtime::WorkerPool> workers;
  std::unique_ptr<channel::Link> link;  // on `loop`
  std::shared_ptr<void> attached;       // to `loop`; dies before it, when it does not run
};

// Threads:  thread-safe; the calls that wait are not for its own loop.
// Lifetime: the destructor ends what is under way and joins the loop.
// Errors:   as channel::Channel tells them: kInvalidArgument, kDeadlineExceeded, kPermissionDenied
//           and kOutOfRange where the token is refused, here or by its issuer; kUnavailable where
//           that cannot be reached (the same call again may help); kCancelled after Cancel.
class TokenClient {
 public:
  // `node`: who this is, for the issuer's log.
  static absl::StatusOr<std::unique_ptr<TokenClient>> Start(std::string node,
                                                            TokenMachinery machinery);
  ~TokenClient();
  TokenClient(const TokenClient&) = delete;
  TokenClient& operator=(const TokenClient&) = delete;

  using OnProgress = std::function<void(uint64_t bytes_done)>;  // on the loop
  // What `target` owes, until it is committed; where the connection breaks it goes on with what is
  // missing. kDataLoss: the bytes are not those that the token names. What could not be written is
  // in `target->trouble()`.
  absl::Status Fetch(const std::string& token, const std::shared_ptr<FetchTarget>& target,
                     OnProgress on_progress);
  // All of the source, durable and recorded at the issuer when this is OK. `view` is called for
  // each try.
  absl::Status Push(const std::string& token,
                    const std::function<std::shared_ptr<channel::Source>()>& view,
                    const OnProgress& on_progress);
  // What has become of the transmission.
  absl::StatusOr<wire::TransferReport> Inquire(const std::string& token);

  // Ends what is under way, now and from now on; the token stays good, and may be used again.
  void Cancel(const std::string& reason);
  runtime::EventLoop& loop() { return *parts_.loop; }
  runtime::WorkerPool& workers() { return *parts_.workers; }

 private:
  template <typename Result>
  struct Awaited;
  using Begin = absl::FunctionRef<channel::TransferId(absl::AnyInvocable<void(absl::Status)> end)>;

  explicit TokenClient(TokenMachinery machinery) : parts_(std::move(machinery)) {}
  absl::Status Carry(Begin begin);
  // False when Cancel came.
  bool Pause(int tries);
  bool MayTryAgain(const absl::Status& how, int tries);

  TokenMachinery parts_;
  std::unique_ptr<transfer::TokenMint> mint_;  // of a key nobody uses: this side grants nothing
  std::unique_ptr<channel::Channel> channel_;
  base::Mutex mutex_;
  base::Condition changed_;
  absl::Status cancelled_ ABSL_GUARDED_BY(mutex_);
  channel::TransferId transfer_ ABSL_GUARDED_BY(mutex_) = channel::TransferId::kNone;
  std::function<void(const absl::Status&)> stop_asking_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace bitrepo::client
