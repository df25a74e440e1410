// SPDX-License-Identifier: Apache-2.0
#include "channel/channel.h"

#include <atomic>
#include <utility>

#include "channel/call_inbox.h"
#include "channel/channel_core.h"
#include "channel/loop_door.h"

namespace bitrepo::channel {

struct Channel::State {
  // Runs `call` with the core on the loop, while there is one.
  void Post(CallInbox::Call call) {
    inbox->Put(std::move(call));
    door->Post([weak = std::weak_ptr<ChannelCore>(core)] {
      if (const std::shared_ptr<ChannelCore> here = weak.lock()) {
        here->CatchUp();
      }
    });
  }

  Link& link;
  std::shared_ptr<LoopDoor> door;
  std::shared_ptr<CallInbox> inbox;
  std::shared_ptr<ChannelCore> core;
  std::atomic<uint64_t> last_transfer{0};
};

Channel::Channel(ChannelOptions options, runtime::EventLoop& loop, Link& link,
                 transfer::TokenMint& mint, base::Random& random) {
  auto door = std::make_shared<LoopDoor>(loop);
  auto inbox = std::make_shared<CallInbox>();
  auto core =
      std::make_shared<ChannelCore>(std::move(options), loop, link, mint, random, door, inbox);
  state_ = std::shared_ptr<State>(
      new State{link, std::move(door), std::move(inbox), std::move(core), {}});
}

Channel::~Channel() {
  state_->core->Close();
  state_->door->Close();
}

absl::Status Channel::Start() { return state_->core->Start(); }

void Channel::GrantStore(const wire::TokenBody& token, std::shared_ptr<Sink> sink,
                         TransferEvents events) {
  state_->Post(
      [token, sink = std::move(sink), events = std::move(events)](ChannelCore& core) mutable {
        core.GrantStore(token, std::move(sink), std::move(events));
      });
}

void Channel::GrantFetch(const wire::TokenBody& token, std::shared_ptr<Source> source,
                         TransferEvents events) {
  state_->Post(
      [token, source = std::move(source), events = std::move(events)](ChannelCore& core) mutable {
        core.GrantFetch(token, std::move(source), std::move(events));
      });
}

void Channel::Revoke(const base::TokenId& token, absl::Status why) {
  state_->Post([token, why = std::move(why)](ChannelCore& core) { core.Revoke(token, why); });
}

TransferId Channel::Push(std::string token, std::shared_ptr<Source> source, TransferEvents events) {
  const TransferId id{++state_->last_transfer};
  state_->Post([id, token = std::move(token), source = std::move(source),
                events = std::move(events)](ChannelCore& core) mutable {
    core.Push(id, std::move(token), std::move(source), std::move(events));
  });
  return id;
}

TransferId Channel::Fetch(std::string token, std::vector<base::ByteRange> ranges,
                          std::shared_ptr<Sink> sink, TransferEvents events, bool background,
                          uint64_t window_bytes) {
  const TransferId id{++state_->last_transfer};
  state_->Post([id, token = std::move(token), ranges = std::move(ranges), sink = std::move(sink),
                events = std::move(events), background, window_bytes](ChannelCore& core) mutable {
    core.Fetch(id, std::move(token), std::move(ranges), std::move(sink), std::move(events),
               background, window_bytes);
  });
  return id;
}

void Channel::Cancel(TransferId transfer, absl::Status why) {
  state_->Post([transfer, why = std::move(why)](ChannelCore& core) { core.Cancel(transfer, why); });
}

void Channel::Abandon(TransferId transfer) {
  state_->Post([transfer](ChannelCore& core) { core.Abandon(transfer); });
}

void Channel::Inquire(std::string token,
                      absl::AnyInvocable<void(absl::StatusOr<wire::TransferReport>)> done) {
  const TransferId id{++state_->last_transfer};
  state_->Post([id, token = std::move(token), done = std::move(done)](ChannelCore& core) mutable {
    core.Inquire(id, std::move(token), std::move(done));
  });
}

void Channel::TellViolations(absl::AnyInvocable<void(Violation)> tell) {
  state_->Post([tell = std::move(tell)](ChannelCore& core) mutable {
    core.TellViolations(std::move(tell));
  });
}

void Channel::SetRates(std::vector<transfer::RateRule> rules,
                       absl::AnyInvocable<void(absl::Status, RateUses, RateUses)> tell) {
  state_->Post([rules = std::move(rules), tell = std::move(tell)](ChannelCore& core) mutable {
    RateUses before = core.rates().Uses();
    absl::Status how = core.rates().SetRules(rules);
    tell(std::move(how), std::move(before), core.rates().Uses());
  });
}

void Channel::TellRates(absl::AnyInvocable<void(RateUses)> tell) {
  state_->Post([tell = std::move(tell)](ChannelCore& core) mutable { tell(core.rates().Uses()); });
}

void Channel::TellDropCounts(absl::AnyInvocable<void(std::map<std::string, uint64_t>)> tell) {
  state_->Post([tell = std::move(tell)](ChannelCore& core) mutable { tell(core.DropCounts()); });
}

void Channel::Close() {
  state_->Post([](ChannelCore& core) { core.Close(); });
}

std::string Channel::endpoint() const { return state_->link.endpoint(); }

}  // namespace bitrepo::channel
