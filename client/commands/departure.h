// SPDX-License-Identifier: Apache-2.0
// When a command leaves its conversation to the pillars (--detach, --wait), and what it does then.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "client/commands/detached.h"
#include "client/commands/grammar.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// The flags. Loop-confined; the rows point into it.
class DepartureFlags {
 public:
  explicit DepartureFlags(bool detach = false) : detach_(detach) {}
  std::vector<FlagRow> Flags();
  // False, and reported, when --wait is no duration.
  bool Parse(Session& session);
  // One of the flags was given: the command is about one file, and leaves by itself.
  bool given() const { return detach_ || !wait_text_.empty(); }
  bool detach() const { return detach_; }
  absl::Duration wait() const { return wait_; }
  std::string Words() const;

 private:
  bool detach_;
  std::string wait_text_;
  absl::Duration wait_ = absl::InfiniteDuration();
};

// What has to be before a command with --detach goes.
enum class GoesWhen {
  kTakenUp,     // the one that was asked works on it
  kTokenGiven,  // every pillar that is to be asked has given a token, or needs none
  kHandedOver,  // every pillar that is to be asked has the bytes, and works on them
};

// What a command leaves to the pillars.
struct Leaving {
  client::TakenUp taken_up;
  std::map<std::string, wire::ResponseCode> failed;  // pillars that had not taken it up, and why
  bool waited = false;                               // the time of --wait is over
};

// Watches one operation, and leaves it when it may be left.
// Threads:  loop-confined, but for its making. Lifetime: held by the operation's events.
class Departure : public std::enable_shared_from_this<Departure> {
 public:
  using OnLeft = std::function<void(Leaving)>;
  Departure(client::BlockingClient& client, const DepartureFlags& flags, GoesWhen when,
            OnLeft on_left)
      : client_(client),
        detach_(flags.detach()),
        wait_(flags.wait()),
        when_(when),
        on_left_(std::move(on_left)) {}

  void Begin(client::Operation operation);
  void OnEvent(const protocol::ConversationEvent& event);

 private:
  void OnWaited();
  bool MayGo() const;
  void Leave();

  client::BlockingClient& client_;
  const bool detach_;
  const absl::Duration wait_;
  const GoesWhen when_;
  const OnLeft on_left_;
  client::Operation operation_;
  bool waited_ = false;  // the time of --wait is over
  bool left_ = false;
  std::set<std::string> asked_;
  std::set<std::string> works_;  // of those asked: what has to be, is
  std::map<std::string, wire::ResponseCode> failed_;
};

// What came of an operation that may be left: its result, or what was left.
template <typename Result>
struct Parting {
  absl::StatusOr<Result> result = absl::UnknownError("");
  std::optional<Leaving> left = {};
};

// Begins an operation by `begin(client, end)` on the client's loop and waits for its end, or until
// it is left. `events` are those of its spec: what they tell is watched.
template <typename Result>
Parting<Result> RunOrLeave(client::BlockingClient& client, const DepartureFlags& flags,
                           GoesWhen when, client::OperationEvents& events,
                           absl::AnyInvocable<absl::StatusOr<client::Operation>(
                               client::Client&, client::EndHandler<Result>)>
                               begin) {
  struct Shared {
    base::Mutex mutex;
    base::Condition changed;
    std::optional<Parting<Result>> parting ABSL_GUARDED_BY(mutex);
    void Bring(Parting<Result> brought) {
      base::MutexLock lock(mutex);
      if (!parting) parting = std::move(brought);
      changed.NotifyAll();
    }
  };
  const auto shared = std::make_shared<Shared>();
  const auto departure = std::make_shared<Departure>(client, flags, when, [shared](Leaving left) {
    shared->Bring({absl::CancelledError("left to the pillars"), std::move(left)});
  });
  events.on_event = [departure,
                     tell = std::move(events.on_event)](const protocol::ConversationEvent& event) {
    departure->OnEvent(event);
    if (tell) tell(event);
  };
  client.Post([&](client::Client& all) {
    if (client.cancelled()) {
      shared->Bring({absl::CancelledError("the client was told to end"), {}});
      return;
    }
    auto begun = begin(all, [shared](Result result) { shared->Bring({std::move(result), {}}); });
    if (begun.ok()) {
      departure->Begin(*std::move(begun));
    } else {
      shared->Bring({begun.status(), {}});
    }
  });
  base::MutexLock lock(shared->mutex);
  while (!shared->parting) shared->changed.Wait(shared->mutex);
  return *std::move(shared->parting);
}

// Remembers what was left, and tells how to go on and who had not taken it up; kStillRunning when
// it was waited for. `detached` has its operation, its file, and the words of its command without
// global flags.
ExitCode TellDeparture(Session& session, Leaving leaving, Detached detached);

// Those that had not taken it up: nobody waits for them.
void ReportNotTakenUp(Session& session, const Detached& detached);

// "/abs/path" of one that may be relative to the working directory.
std::string WholePath(const Session& session, const std::string& path);

}  // namespace bitrepo::commands
