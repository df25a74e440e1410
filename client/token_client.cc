// SPDX-License-Identifier: Apache-2.0
#include "client/token_client.h"

#include <atomic>
#include <optional>
#include <utility>

#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr size_t kMintKeyBytes = 32;
constexpr size_t kBootEpochBytes = 16;

}  // namespace

// A result that the caller's thread waits for and the loop brings.
template <typename Result>
struct TokenClient::Awaited {
  base::Mutex mutex;
  base::Condition changed;
  std::optional<Result> result ABSL_GUARDED_BY(mutex);

  void Bring(Result brought) {
    base::MutexLock lock(mutex);
    if (!result) result = std::move(brought);
    changed.NotifyAll();
  }
  Result Take() {
    base::MutexLock lock(mutex);
    while (!result) changed.Wait(mutex);
    return *std::move(result);
  }
};

absl::StatusOr<std::unique_ptr<TokenClient>> TokenClient::Start(std::string node,
                                                                TokenMachinery machinery) {
  std::unique_ptr<TokenClient> made(new TokenClient(std::move(machinery)));
  TokenMachinery& parts = made->parts_;
  made->mint_ = std::make_unique<transfer::TokenMint>(parts.random->Bytes(kMintKeyBytes),
                                                      parts.random->Bytes(kBootEpochBytes));
  channel::ChannelOptions options;
  options.node = std::move(node);
  made->channel_ = std::make_unique<channel::Channel>(std::move(options), *parts.loop, *parts.link,
                                                      *made->mint_, *parts.random);
  BITREPO_RETURN_IF_ERROR(made->channel_->Start());
  made->thread_ = std::thread([&parts] { parts.loop->Run(); });
  return made;
}

TokenClient::~TokenClient() {
  if (thread_.joinable()) {
    const auto closed = std::make_shared<Awaited<bool>>();
    // The channel is closed in the turn behind: it posts to this very loop.
    channel_->Close();
    parts_.loop->Post([closed] { closed->Bring(true); });
    closed->Take();
    parts_.loop->Stop();
    thread_.join();
  }
  // Work that the pool has taken on may still call the channel.
  parts_.workers.reset();
  channel_.reset();
}

absl::Status TokenClient::Carry(Begin begin) {
  const auto ended = std::make_shared<Awaited<absl::Status>>();
  {
    base::MutexLock lock(mutex_);
    BITREPO_RETURN_IF_ERROR(cancelled_);
    transfer_ = begin([ended](absl::Status how) { ended->Bring(std::move(how)); });
  }
  absl::Status how = ended->Take();
  base::MutexLock lock(mutex_);
  transfer_ = channel::TransferId::kNone;
  return how;
}

bool TokenClient::MayTryAgain(const absl::Status& how, int tries) {
  return absl::IsUnavailable(how) && tries < kTokenTriesMax && Pause(tries);
}

bool TokenClient::Pause(int tries) {
  const auto over = std::make_shared<std::atomic<bool>>(false);
  parts_.loop->Post([this, over, pause = kTokenAgainFirst * (1 << (tries - 1))] {
    parts_.loop->RunAfter(pause, [this, over] {
      base::MutexLock lock(mutex_);
      *over = true;
      changed_.NotifyAll();
    });
  });
  base::MutexLock lock(mutex_);
  while (!*over && cancelled_.ok()) changed_.Wait(mutex_);
  return cancelled_.ok();
}

absl::Status TokenClient::Fetch(const std::string& token,
                                const std::shared_ptr<FetchTarget>& target,
                                OnProgress on_progress) {
  for (int tries = 1;; ++tries) {
    const absl::Status how = Carry([&](absl::AnyInvocable<void(absl::Status)> end) {
      auto attempt = std::make_shared<AttemptSink>(
          target, target->Owed(),
          [](wire::ResponseInfo why, absl::AnyInvocable<void(wire::ResponseInfo)> answer) {
            answer(std::move(why));
          });
      channel::TransferEvents events;
      events.on_progress = [target, on_progress](uint64_t) {
        on_progress(target->written_bytes());
      };
      // What is owed is known only when every write under way has ended.
      events.on_end = [attempt, end = std::move(end)](absl::Status status) mutable {
        attempt->WhenIdle([end = std::move(end), status = std::move(status)]() mutable {
          end(std::move(status));
        });
      };
      return channel_->Fetch(token, {}, attempt, std::move(events));
    });
    if (target->committed()) return absl::OkStatus();
    if (!target->trouble().ok()) return target->trouble();
    if (!MayTryAgain(how, tries)) {
      target->Abandon(how);
      return how.ok() ? absl::DataLossError("the fetch ended before its time") : how;
    }
  }
}

absl::Status TokenClient::Push(const std::string& token,
                               const std::function<std::shared_ptr<channel::Source>()>& view,
                               const OnProgress& on_progress) {
  for (int tries = 1;; ++tries) {
    absl::Status how = Carry([&](absl::AnyInvocable<void(absl::Status)> end) {
      channel::TransferEvents events;
      events.on_progress = on_progress;
      events.on_end = std::move(end);
      return channel_->Push(token, view(), std::move(events));
    });
    if (MayTryAgain(how, tries)) continue;
    if (how.ok() || tries == 1 || !absl::IsInvalidArgument(how)) return how;
    // Not known any more: it may have been committed while the connection broke.
    const auto report = Inquire(token);
    const bool done = report.ok() && report->state() == wire::TRANSFER_ENDED &&
                      report->response().code() == wire::OPERATION_COMPLETED;
    return done ? absl::OkStatus() : how;
  }
}

absl::StatusOr<wire::TransferReport> TokenClient::Inquire(const std::string& token) {
  const auto told = std::make_shared<Awaited<absl::StatusOr<wire::TransferReport>>>();
  {
    base::MutexLock lock(mutex_);
    BITREPO_RETURN_IF_ERROR(cancelled_);
    stop_asking_ = [told](const absl::Status& why) { told->Bring(why); };
  }
  channel_->Inquire(token, [told](absl::StatusOr<wire::TransferReport> report) {
    told->Bring(std::move(report));
  });
  absl::StatusOr<wire::TransferReport> report = told->Take();
  base::MutexLock lock(mutex_);
  stop_asking_ = nullptr;
  return report;
}

void TokenClient::Cancel(const std::string& reason) {
  base::MutexLock lock(mutex_);
  cancelled_.Update(absl::CancelledError(reason));
  changed_.NotifyAll();
  if (transfer_ != channel::TransferId::kNone) channel_->Abandon(transfer_);
  if (stop_asking_) stop_asking_(cancelled_);
}

}  // namespace bitrepo::client
