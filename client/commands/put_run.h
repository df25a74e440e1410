// SPDX-License-Identifier: Apache-2.0
// Carries out a put plan, or the one item of a replace: several conversations at once, bounded in
// number and in bytes.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/checksum.h"
#include "base/mutex.h"
#include "client/commands/departure.h"
#include "client/commands/put_plan.h"
#include "client/commands/receipt.h"
#include "client/commands/session.h"
#include "client/shared_source.h"

namespace bitrepo::commands {

inline constexpr int kPutsAtOnce = 128;  // many small ones share wakes, messages and syncs
inline constexpr int kPutsAtOnceMax = 256;
// Held in memory for sources under way: a file counts with what its ring may hold.
inline constexpr uint64_t kPutBytesAtOnceMax = 48 * 1024 * 1024;

struct PutRunSpec {
  std::optional<base::Digest> digest;  // of the one file
  std::vector<base::ComponentId> pillars;
  uint32_t quorum = 0;
  int at_once = kPutsAtOnce;
  bool background = false;                      // yields to all else that the pillars receive
  std::string again;                            // the command that goes on after an interruption
  std::optional<base::Digest> old_digest = {};  // a replace: what the file must have now
  std::string reason = {};                      // for the audit trails
  ReceiptFile* receipts = nullptr;              // outlives the run; none are kept without it
  DepartureFlags* departure = nullptr;          // of the one item; outlives the run
  std::vector<std::string> words = {};          // of the command that finishes what is left
  // The one pillar that gets the bytes from here, or has them where an item has no path; `pillars`,
  // it not among them, get them from there.
  std::optional<base::ComponentId> via = {};
};

// Threads:  Run on the command's thread. Lifetime: used once; the session and its client outlive
// it.
class PutRun {
 public:
  PutRun(Session& session, client::BlockingClient& client, PutRunSpec spec);

  // Every item, in order of the plan as far as they begin; each is reported when it ends.
  void Run(const std::vector<PutItem>& items);

 private:
  struct Ended {
    const PutItem* item;
    uint64_t weight;
    uint64_t size_bytes;
    absl::StatusOr<client::PutFileResult> result;
    std::optional<Leaving> left = {};  // in place of a result
  };

  void Begin(const PutItem& item);
  void Ask(const PutItem& item, uint64_t weight, std::shared_ptr<client::SharedSource> source,
           std::string stamp, std::optional<base::Digest> digest);
  // In put_via.cc.
  bool GoesOn(const client::PutFileResult& first) const;
  void CopyOn(client::Client& client, const PutItem& item, uint64_t weight,
              client::PutFileResult first);
  client::OperationEvents EventsOf(const PutItem& item);
  static client::PutFileResult Joined(client::PutFileResult first, client::PutFileResult rest);
  void End(Ended ended);
  std::optional<Ended> NextEnded(bool wait);
  void Tell(const Ended& ended);
  void TellReplaced(const client::PutFileResult& result);
  void TellSource(const PutItem& item, const absl::Status& why);
  absl::StatusOr<std::unique_ptr<client::LocalFile>> Open(const PutItem& item);

  Session& session_;
  client::BlockingClient& client_;
  const PutRunSpec spec_;
  size_t under_way_ = 0;
  uint64_t weight_ = 0;

  base::Mutex mutex_;
  base::Condition changed_;
  std::deque<Ended> ended_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::commands
