// SPDX-License-Identifier: Apache-2.0
// Links in memory, for processes that share one address space: on one loop or on several, with
// delay and cuts at will.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/runtime/event_loop.h"
#include "channel/link.h"

namespace bitrepo::channel {

// What MemoryChannelLinks dial across.
// Threads:  thread-safe.
// Lifetime: may die before its links; they then reach nobody.
class MemoryChannelNet {
 public:
  static constexpr size_t kFramesUnderWayMax =
      64;  // in one direction of one connection; Send says false then
  explicit MemoryChannelNet(size_t frames_under_way_max = kFramesUnderWayMax);
  ~MemoryChannelNet();
  // From now on frames arrive so much later than they were sent.
  void SetDelay(absl::Duration delay);
  // Ends every connection; what is under way on them is lost, both ends hear of it.
  void CutAll();
  size_t connection_count() const;

 private:
  friend class MemoryChannelLink;
  struct State;
  std::shared_ptr<State> state_;
};

// Threads and errors: see Link.
// Lifetime: the loop outlives it; destroyed on its loop, or when that no longer runs. Its
// connections are lost with it.
class MemoryChannelLink final : public Link {
 public:
  // `endpoint`: any name, under which it is dialled once started; empty: it only dials.
  MemoryChannelLink(MemoryChannelNet& net, runtime::EventLoop& loop, std::string endpoint);
  ~MemoryChannelLink() override;
  absl::Status Start(Handler& handler) override;
  absl::StatusOr<ConnectionNumber> Dial(absl::string_view endpoint) override;
  bool Send(ConnectionNumber connection, LinkFrame frame) override;
  void Close(ConnectionNumber connection) override;
  std::string endpoint() const override { return endpoint_; }
  std::map<std::string, uint64_t> DropCounts() const override { return {}; }

 private:
  friend class MemoryChannelNet;
  class Inbox;
  std::shared_ptr<MemoryChannelNet::State> net_;
  std::shared_ptr<Inbox> inbox_;
  std::string endpoint_;
  uint64_t number_ = 0;
};

}  // namespace bitrepo::channel
