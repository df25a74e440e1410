// SPDX-License-Identifier: Apache-2.0
#include "channel/memory_channel_link.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "channel/loop_door.h"

namespace bitrepo::channel {

// What reaches one link, in the order sent; everything but Deliver runs on the link's loop.
class MemoryChannelLink::Inbox : public std::enable_shared_from_this<Inbox> {
 public:
  using Event = absl::AnyInvocable<void(Link::Handler&)>;
  explicit Inbox(runtime::EventLoop& loop) : loop_(loop), door_(loop) {}

  // From any thread.
  void Deliver(absl::Duration delay, Event event) {
    door_.Post([weak = weak_from_this(), delay, event = std::move(event)]() mutable {
      if (std::shared_ptr<Inbox> inbox = weak.lock()) {
        inbox->Arrive(delay, std::move(event));
      }
    });
  }
  void Open(Link::Handler& handler) { handler_ = &handler; }
  void Close() {
    door_.Close();
    handler_ = nullptr;
  }

 private:
  // What was sent later never overtakes, even when the delay has shrunk.
  void Arrive(absl::Duration delay, Event event) {
    const absl::Time due = std::max(last_due_, loop_.Now() + delay);
    last_due_ = due;
    if (delayed_ == 0 && due <= loop_.Now()) {
      Run(std::move(event));
      return;
    }
    ++delayed_;
    loop_.RunAt(due, [weak = weak_from_this(), event = std::move(event)]() mutable {
      if (std::shared_ptr<Inbox> inbox = weak.lock()) {
        --inbox->delayed_;
        inbox->Run(std::move(event));
      }
    });
  }
  void Run(Event event) {
    if (handler_ != nullptr) {
      event(*handler_);
    }
  }

  runtime::EventLoop& loop_;
  LoopDoor door_;
  Link::Handler* handler_ = nullptr;
  absl::Time last_due_ = absl::InfinitePast();
  size_t delayed_ = 0;
};

struct MemoryChannelNet::State : public std::enable_shared_from_this<State> {
  using Inbox = MemoryChannelLink::Inbox;
  // One end of a connection.
  struct End {
    uint64_t link = 0;
    ConnectionNumber other = 0;
    bool dialled = false;
    bool announced = false;     // the accepting side has heard of it
    size_t under_way = 0;       // frames on their way to this end
    bool writer_waits = false;  // the other end was told to wait
    bool cut = false;           // its link has not been told yet
  };

  void Tell(uint64_t link, Inbox::Event event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (auto found = inboxes.find(link); found != inboxes.end()) {
      found->second->Deliver(delay, std::move(event));
    }
  }
  bool Knows(ConnectionNumber connection) const {
    const base::MutexLock lock(mutex);
    auto end = ends.find(connection);
    return end != ends.end() && !end->second.cut;
  }
  void Dialled(uint64_t link, ConnectionNumber connection, const std::string& endpoint)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  bool Send(ConnectionNumber from, LinkFrame frame);
  void Arrived(ConnectionNumber to, LinkFrame frame, Link::Handler& handler);
  // The end is gone without a word to its own link; the other one hears of it behind what was sent.
  void Close(ConnectionNumber connection) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void TellLost(ConnectionNumber connection, const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);

  mutable base::Mutex mutex;
  absl::Duration delay ABSL_GUARDED_BY(mutex);
  size_t frames_under_way_max = kFramesUnderWayMax;  // fixed before the first link
  uint64_t next_link ABSL_GUARDED_BY(mutex) = 1;
  ConnectionNumber next_connection ABSL_GUARDED_BY(mutex) = 1;
  absl::btree_map<uint64_t, std::shared_ptr<Inbox>> inboxes ABSL_GUARDED_BY(mutex);
  absl::btree_map<std::string, uint64_t> listening ABSL_GUARDED_BY(mutex);
  absl::btree_map<ConnectionNumber, End> ends ABSL_GUARDED_BY(mutex);
};

void MemoryChannelNet::State::TellLost(ConnectionNumber connection, const absl::Status& why) {
  auto end = ends.find(connection);
  if (end == ends.end()) {
    return;
  }
  // Erased when it is told, so that what was sent before still arrives.
  Tell(end->second.link, [state = shared_from_this(), connection, why](Link::Handler& handler) {
    bool heard_of = false;
    {
      const base::MutexLock lock(state->mutex);
      auto gone = state->ends.find(connection);
      if (gone == state->ends.end()) {
        return;
      }
      heard_of = gone->second.dialled || gone->second.announced;
      state->ends.erase(gone);
    }
    if (heard_of) {
      handler.OnClosed(connection, why);
    }
  });
}

void MemoryChannelNet::State::Dialled(uint64_t link, ConnectionNumber connection,
                                      const std::string& endpoint) {
  auto listener = listening.find(endpoint);
  if (listener == listening.end()) {
    TellLost(connection, absl::UnavailableError(absl::StrCat("nobody listens at ", endpoint)));
    return;
  }
  const ConnectionNumber accepted = next_connection++;
  ends[accepted].link = listener->second;
  ends[accepted].other = connection;
  ends[connection].other = accepted;
  Tell(link, [state = shared_from_this(), connection](Link::Handler& handler) {
    if (state->Knows(connection)) {
      handler.OnDialled(connection);
    }
  });
}

bool MemoryChannelNet::State::Send(ConnectionNumber from, LinkFrame frame) {
  const base::MutexLock lock(mutex);
  auto near = ends.find(from);
  if (near == ends.end() || near->second.cut) {
    return true;
  }
  const ConnectionNumber to = near->second.other;
  auto far = ends.find(to);
  if (far == ends.end()) {
    return true;
  }
  if (far->second.under_way >= frames_under_way_max) {
    far->second.writer_waits = true;
    return false;
  }
  ++far->second.under_way;
  Tell(far->second.link,
       [state = shared_from_this(), to, frame = std::move(frame)](Link::Handler& handler) mutable {
         state->Arrived(to, std::move(frame), handler);
       });
  return true;
}

void MemoryChannelNet::State::Arrived(ConnectionNumber to, LinkFrame frame,
                                      Link::Handler& handler) {
  bool announce = false;
  {
    const base::MutexLock lock(mutex);
    auto end = ends.find(to);
    if (end == ends.end() || end->second.cut) {
      return;
    }
    --end->second.under_way;
    announce = !end->second.dialled && !std::exchange(end->second.announced, true);
    if (end->second.writer_waits && end->second.under_way <= frames_under_way_max / 2) {
      end->second.writer_waits = false;
      if (auto writer = ends.find(end->second.other); writer != ends.end()) {
        Tell(writer->second.link,
             [state = shared_from_this(), connection = writer->first](Link::Handler& waiting) {
               if (state->Knows(connection)) {
                 waiting.OnWritable(connection);
               }
             });
      }
    }
  }
  if (announce) {
    handler.OnAccepted(to);
    if (!Knows(to)) {
      return;
    }
  }
  handler.OnFrame(to, std::move(frame));
}

void MemoryChannelNet::State::Close(ConnectionNumber connection) {
  auto end = ends.find(connection);
  if (end == ends.end()) {
    return;
  }
  const ConnectionNumber other = end->second.other;
  ends.erase(end);
  TellLost(other, absl::UnavailableError("the peer has closed the connection"));
}

MemoryChannelNet::MemoryChannelNet(size_t frames_under_way_max)
    : state_(std::make_shared<State>()) {
  state_->frames_under_way_max = frames_under_way_max;
}

MemoryChannelNet::~MemoryChannelNet() {
  const base::MutexLock lock(state_->mutex);
  state_->inboxes.clear();
  state_->listening.clear();
  state_->ends.clear();
}

void MemoryChannelNet::SetDelay(absl::Duration delay) {
  const base::MutexLock lock(state_->mutex);
  state_->delay = delay;
}

void MemoryChannelNet::CutAll() {
  const base::MutexLock lock(state_->mutex);
  for (auto& [connection, end] : state_->ends) {
    if (!std::exchange(end.cut, true)) {
      state_->TellLost(connection, absl::UnavailableError("the connection was cut"));
    }
  }
}

size_t MemoryChannelNet::connection_count() const {
  const base::MutexLock lock(state_->mutex);
  return state_->ends.size() / 2;
}

MemoryChannelLink::MemoryChannelLink(MemoryChannelNet& net, runtime::EventLoop& loop,
                                     std::string endpoint)
    : net_(net.state_), inbox_(std::make_shared<Inbox>(loop)), endpoint_(std::move(endpoint)) {}

MemoryChannelLink::~MemoryChannelLink() {
  inbox_->Close();
  const base::MutexLock lock(net_->mutex);
  net_->inboxes.erase(number_);
  if (auto listener = net_->listening.find(endpoint_);
      listener != net_->listening.end() && listener->second == number_) {
    net_->listening.erase(listener);
  }
  std::vector<ConnectionNumber> mine;
  for (const auto& [connection, end] : net_->ends) {
    if (end.link == number_) {
      mine.push_back(connection);
    }
  }
  for (const ConnectionNumber connection : mine) {
    net_->Close(connection);
  }
}

absl::Status MemoryChannelLink::Start(Handler& handler) {
  BITREPO_CHECK(number_ == 0, "a link is started once");
  inbox_->Open(handler);
  const base::MutexLock lock(net_->mutex);
  if (!endpoint_.empty() && net_->listening.contains(endpoint_)) {
    return absl::AlreadyExistsError(absl::StrCat("another listens at ", endpoint_));
  }
  number_ = net_->next_link++;
  net_->inboxes[number_] = inbox_;
  if (!endpoint_.empty()) {
    net_->listening[endpoint_] = number_;
  }
  return absl::OkStatus();
}

absl::StatusOr<ConnectionNumber> MemoryChannelLink::Dial(absl::string_view endpoint) {
  if (endpoint.empty()) {
    return absl::InvalidArgumentError("there is no endpoint to dial");
  }
  const base::MutexLock lock(net_->mutex);
  const ConnectionNumber connection = net_->next_connection++;
  net_->ends[connection].link = number_;
  net_->ends[connection].dialled = true;
  net_->Dialled(number_, connection, std::string(endpoint));
  return connection;
}

bool MemoryChannelLink::Send(ConnectionNumber connection, LinkFrame frame) {
  return net_->Send(connection, std::move(frame));
}

void MemoryChannelLink::Close(ConnectionNumber connection) {
  const base::MutexLock lock(net_->mutex);
  net_->Close(connection);
}

}  // namespace bitrepo::channel
