// SPDX-License-Identifier: Apache-2.0
#include "client/blocking_client.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr size_t kMintKeyBytes = 32;
constexpr size_t kBootEpochBytes = 16;

// A result that one thread waits for and another brings.
template <typename Result>
struct Promise {
  base::Mutex mutex;
  base::Condition changed;
  std::optional<absl::StatusOr<Result>> result ABSL_GUARDED_BY(mutex);

  void Bring(absl::StatusOr<Result> brought) {
    base::MutexLock lock(mutex);
    result = std::move(brought);
    changed.NotifyAll();
  }
  absl::StatusOr<Result> Take() {
    base::MutexLock lock(mutex);
    while (!result) changed.Wait(mutex);
    return *std::move(result);
  }
};

// Runs `work` on the loop and waits for it.
void RunOn(runtime::EventLoop& loop, absl::AnyInvocable<void()> work) {
  auto done = std::make_shared<Promise<bool>>();
  loop.Post([done, work = std::move(work)]() mutable {
    work();
    done->Bring(true);
  });
  done->Take().IgnoreError();
}

}  // namespace

BlockingClient::BlockingClient(ClientMachinery machinery) : parts_(std::move(machinery)) {}

absl::StatusOr<std::unique_ptr<BlockingClient>> BlockingClient::Start(ClientOptions options,
                                                                      ClientMachinery machinery) {
  std::unique_ptr<BlockingClient> made(new BlockingClient(std::move(machinery)));
  BlockingClient& self = *made;
  ClientMachinery& parts = self.parts_;
  self.mint_ = std::make_unique<transfer::TokenMint>(parts.random->Bytes(kMintKeyBytes),
                                                     parts.random->Bytes(kBootEpochBytes));
  channel::ChannelOptions channel_options;
  channel_options.node = options.session;
  channel_options.rates = options.rates;
  channel_options.pace = options.pace;
  self.channel_ =
      std::make_unique<channel::Channel>(std::move(channel_options), *parts.channel_loop,
                                         *parts.channel_link, *self.mint_, *parts.random);
  BITREPO_RETURN_IF_ERROR(self.channel_->Start());
  self.client_ = std::make_unique<Client>(
      std::move(options), ClientParts{*parts.loop, std::move(parts.spoke_link), *self.channel_,
                                      *parts.workers, *parts.random});
  BusEvents events;
  events.on_up = [&self](const wire::Welcome& welcome) {
    base::MutexLock lock(self.mutex_);
    self.welcome_ = welcome;
    self.changed_.NotifyAll();
  };
  events.on_refused = [&self](const wire::ResponseInfo& why) {
    base::MutexLock lock(self.mutex_);
    self.refused_ = absl::UnavailableError(absl::StrCat("the coordinator refused: ", why.text()));
    self.changed_.NotifyAll();
  };
  BITREPO_RETURN_IF_ERROR(self.client_->Start(std::move(events)));
  self.channel_thread_ = std::thread([&parts] { parts.channel_loop->Run(); });
  self.loop_thread_ = std::thread([&parts] { parts.loop->Run(); });
  return made;
}

BlockingClient::~BlockingClient() {
  if (loop_thread_.joinable()) {
    RunOn(*parts_.loop, [this] {
      client_->Stop();
      client_.reset();
    });
    parts_.loop->Stop();
    loop_thread_.join();
  }
  client_.reset();
  if (channel_thread_.joinable()) {
    RunOn(*parts_.channel_loop, [this] { channel_->Close(); });
    parts_.channel_loop->Stop();
    channel_thread_.join();
  }
  // Work that the pool has taken on may still call the channel.
  parts_.workers.reset();
  channel_.reset();
}

absl::Status BlockingClient::CheckMayWait() const {
  if (std::this_thread::get_id() != loop_thread_.get_id()) return absl::OkStatus();
  return absl::FailedPreconditionError("a call that waits cannot be made on the client's own loop");
}

absl::StatusOr<wire::Welcome> BlockingClient::WaitUntilUp(absl::Duration patience) {
  BITREPO_RETURN_IF_ERROR(CheckMayWait());
  // The condition is told of every change; the timer only ends the wait.
  const auto late = std::make_shared<std::atomic<bool>>(false);
  parts_.loop->Post([this, patience, late] {
    parts_.loop->RunAfter(patience, [this, late] {
      base::MutexLock lock(mutex_);
      *late = true;
      changed_.NotifyAll();
    });
  });
  base::MutexLock lock(mutex_);
  while (!welcome_ && refused_.ok() && !*late && !cancelled_) changed_.Wait(mutex_);
  if (welcome_) return *welcome_;
  return refused_.ok() ? absl::UnavailableError("no answer") : refused_;
}

template <typename Result, typename Begin>
absl::StatusOr<Result> BlockingClient::Wait(Begin begin) {
  BITREPO_RETURN_IF_ERROR(CheckMayWait());
  auto promise = std::make_shared<Promise<Result>>();
  Post([this, promise, begin = std::move(begin)](Client& client) mutable {
    if (cancelled_) {
      promise->Bring(absl::CancelledError("the client was told to end"));
      return;
    }
    auto begun = begin(client, [promise](Result result) { promise->Bring(std::move(result)); });
    if (!begun.ok()) promise->Bring(begun.status());
  });
  return promise->Take();
}

absl::StatusOr<PutFileResult> BlockingClient::PutFile(PutFileSpec spec) {
  return Wait<PutFileResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.PutFile(std::move(spec), std::move(end));
  });
}

absl::StatusOr<PutFileResult> BlockingClient::ReplaceFile(ReplaceFileSpec spec) {
  return Wait<PutFileResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.ReplaceFile(std::move(spec), std::move(end));
  });
}

absl::StatusOr<DeleteFileResult> BlockingClient::DeleteFile(DeleteFileSpec spec) {
  return Wait<DeleteFileResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.DeleteFile(std::move(spec), std::move(end));
  });
}

absl::StatusOr<UndeleteFileResult> BlockingClient::UndeleteFile(UndeleteFileSpec spec) {
  return Wait<UndeleteFileResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.UndeleteFile(std::move(spec), std::move(end));
  });
}

absl::StatusOr<GetFileResult> BlockingClient::GetFile(GetFileSpec spec) {
  return Wait<GetFileResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetFile(std::move(spec), std::move(end));
  });
}

absl::StatusOr<ListResult> BlockingClient::GetChecksums(GetChecksumsSpec spec) {
  return Wait<ListResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetChecksums(std::move(spec), std::move(end));
  });
}

absl::StatusOr<ListResult> BlockingClient::GetFileIds(GetFileIdsSpec spec) {
  return Wait<ListResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetFileIds(std::move(spec), std::move(end));
  });
}

absl::StatusOr<ListResult> BlockingClient::GetFileInfos(GetFileInfosSpec spec) {
  return Wait<ListResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetFileInfos(std::move(spec), std::move(end));
  });
}

absl::StatusOr<GetStatusResult> BlockingClient::GetStatus(GetStatusSpec spec) {
  return Wait<GetStatusResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetStatus(std::move(spec), std::move(end));
  });
}

absl::StatusOr<SetRatesResult> BlockingClient::SetRates(SetRatesSpec spec) {
  return Wait<SetRatesResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.SetRates(std::move(spec), std::move(end));
  });
}

absl::StatusOr<OutcomeResult> BlockingClient::GetAuditTrails(GetAuditTrailsSpec spec) {
  return Wait<OutcomeResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetAuditTrails(std::move(spec), std::move(end));
  });
}

absl::StatusOr<OutcomeResult> BlockingClient::GetConversation(GetConversationSpec spec) {
  return Wait<OutcomeResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetConversation(std::move(spec), std::move(end));
  });
}

absl::StatusOr<OutcomeResult> BlockingClient::Withdraw(WithdrawSpec spec) {
  return Wait<OutcomeResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.Withdraw(std::move(spec), std::move(end));
  });
}

absl::StatusOr<OutcomeResult> BlockingClient::GetAlarms(GetAlarmsSpec spec) {
  return Wait<OutcomeResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetAlarms(std::move(spec), std::move(end));
  });
}

absl::StatusOr<GetRosterResult> BlockingClient::GetRoster(GetRosterSpec spec) {
  return Wait<GetRosterResult>([spec = std::move(spec)](Client& client, auto end) mutable {
    return client.GetRoster(std::move(spec), std::move(end));
  });
}

void BlockingClient::Cancel(const std::string& reason) {
  {
    base::MutexLock lock(mutex_);
    cancelled_ = true;
    changed_.NotifyAll();
  }
  Post([reason](Client& client) { client.CancelAll(reason); });
}

void BlockingClient::Post(absl::AnyInvocable<void(Client&)> work) {
  parts_.loop->Post([this, work = std::move(work)]() mutable {
    if (client_ != nullptr) work(*client_);
  });
}

}  // namespace bitrepo::client
