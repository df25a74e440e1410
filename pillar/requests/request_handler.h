// SPDX-License-Identifier: Apache-2.0
// One request being done: what a handler is given, what it reports through, and what it stands on.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/runtime/event_loop.h"
#include "base/runtime/worker_pool.h"
#include "bus/protocol/envelope.h"
#include "channel/channel.h"
#include "channel/transfer/token.h"
#include "pillar/requests/checksum_intake.h"
#include "pillar/requests/file_line.h"
#include "pillar/requests/gauge.h"
#include "pillar/requests/group_commit.h"
#include "pillar/store/file_store.h"
#include "pillar/store/slow_store.h"

namespace bitrepo::requests {

// Other pillars that must be shown to keep a file before it is deleted here, unless the collection
// says otherwise: the last good copy is never deleted by a plain delete.
inline constexpr uint32_t kMinCopies = 1;

class ListAhead;

// What a request may want to know of the pillar around it, or to tell it. Loop-confined.
class Host {
 public:
  struct Vitals {
    uint32_t queue = 0;  // requests under way
    bool bus_up = false;
    absl::Time started;                        // monotonic
    std::optional<store::StoreReport> report;  // the last self-check; nothing before the first
    std::map<std::string, uint64_t> dropped_frames;  // by cause
  };
  virtual ~Host() = default;
  virtual Vitals vitals() const = 0;
  // To the operators and the log: `code` is a stable word ("data-loss", "disk-failing").
  virtual void RaiseAlarm(absl::string_view code, absl::string_view text,
                          absl::string_view file_id) = 0;
  // What is under way, or lately finished, of one conversation; in no order.
  virtual std::vector<wire::RequestRecord> RequestsOf(
      const base::ConversationId& conversation) const = 0;
  // A fresh self-check.
  virtual void OnReport(const store::StoreReport& report) = 0;
};

// What one collection asks of its files.
struct CollectionTerms {
  uint64_t file_bytes_max = store::kFileBytesMax;
  wire::DigestAlgorithm default_algorithm = wire::SHA256;  // where a request names none
};

// What all requests of one pillar stand on.
// Lifetime: outlives the handlers; loop, channel, store and workers outlive the work handlers have
//           given away.
struct RequestParts {
  runtime::EventLoop& loop;
  channel::Channel& channel;
  transfer::TokenMint& mint;
  store::FileStore& store;
  runtime::WorkerPool& workers;
  base::Random& random;
  GroupCommit& commits;
  FileLine& line;  // of those that change a file
  ListAhead& ahead;
  std::shared_ptr<Gauge> gauge;
  Host& host;

  std::string self;  // component id
  std::string program_version;
  std::vector<std::string> data_endpoints;  // empty: where the channel listens
  uint64_t keep_free_bytes = 0;
  absl::Duration transfer_idle;  // a transfer without a byte for so long has failed
  wire::PillarKind kind = wire::FULL_PILLAR;
  ChecksumIntake intake = ChecksumIntake::kWhenMissing;
  std::map<base::CollectionId, uint32_t> min_copies = {};    // where it is not kMinCopies
  std::map<base::CollectionId, CollectionTerms> terms = {};  // where they are not the usual ones
  store::SlowStore* slow = nullptr;  // of `store`, where it stands on slow media
  uint32_t source_fetches = 0;       // under way by tokens of others

  const CollectionTerms& TermsOf(const base::CollectionId& collection) const {
    static constexpr CollectionTerms kUsual;
    const auto found = terms.find(collection);
    return found == terms.end() ? kUsual : found->second;
  }
};

// Where a handler reports. Loop-confined; after Finished nothing may be reported.
class RequestContext {
 public:
  virtual ~RequestContext() = default;
  virtual const protocol::Envelope& request() const = 0;
  virtual absl::Time arrived() const = 0;
  // The work is accepted; `token` where bytes are to move.
  virtual void Accepted(wire::Body body, std::string token) = 0;
  virtual void Progress(wire::Progress progress) = 0;
  // As Progress, of work whose phases are news to a person who waits: a new one is told at once.
  virtual void Phase(wire::Progress progress) = 0;
  // The one final, durable where it must be.
  virtual void Finished(wire::Body final) = 0;
};

// One request of one operation. Finishes exactly once, whatever happens.
// Threads:  loop-confined; disk work goes to the workers and comes back as a call on the loop.
// Lifetime: held by the host until it has finished; work that returns later finds it gone.
class RequestHandler : public std::enable_shared_from_this<RequestHandler> {
 public:
  RequestHandler(RequestParts& parts, RequestContext& context) : parts_(parts), context_(context) {}
  virtual ~RequestHandler() = default;
  RequestHandler(const RequestHandler&) = delete;
  RequestHandler& operator=(const RequestHandler&) = delete;

  virtual void Start() = 0;
  // The asker withdraws it, or the pillar stops: ends with `code` unless the effect can no longer
  // be held back.
  virtual void Cancel(wire::ResponseCode code, absl::string_view reason) = 0;
  // About once a second: reports how far it is, and ends what has stood still too long.
  virtual void OnTime(absl::Time now) = 0;

 protected:
  const protocol::Envelope& request() const { return context_.request(); }

  // Runs `work` on a worker, then `next` of this handler with its result, on the loop; never when
  // the handler is gone.
  // `work` must not touch the handler.
  template <typename Self, typename Work, typename Result>
  absl::Status RunThen(runtime::Lane lane, Work work, void (Self::*next)(Result)) {
    std::weak_ptr<RequestHandler> weak = weak_from_this();
    return parts_.workers.Submit(
        lane, runtime::StrandId::kNone,
        [loop = &parts_.loop, weak = std::move(weak), work = std::move(work), next]() mutable {
          auto result = std::make_shared<std::decay_t<Result>>(work());
          loop->Post([weak = std::move(weak), result = std::move(result), next] {
            const std::shared_ptr<RequestHandler> self = weak.lock();
            if (self != nullptr) (static_cast<Self*>(self.get())->*next)(std::move(*result));
          });
        });
  }

  RequestParts& parts_;
  RequestContext& context_;
};

// The handler for the operation of `context.request()`; nullptr for one that is not supported.
std::shared_ptr<RequestHandler> MakeHandler(RequestParts& parts, RequestContext& context);

}  // namespace bitrepo::requests
