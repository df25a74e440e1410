// SPDX-License-Identifier: Apache-2.0
// Reads the audit trails of several contributors at once, page by page, on the thread of a command.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// The coordinator, as a contributor; pillars have their own names.
inline constexpr absl::string_view kTheCoordinator = "coordinator";

// Threads:  the command's own; the client's loop brings the pages.
// Lifetime: every trail that was begun must have ended (Next gave nothing) before it dies.
class TrailReader {
 public:
  TrailReader(Session& session, client::BlockingClient& client)
      : session_(session), client_(client) {}

  // Records of the session's collection, or `of_any` collection and none.
  void Begin(const std::string& contributor, const wire::GetAuditTrailsRequest& query, bool of_any);

  // What came: a page, or the end of one trail.
  struct News {
    std::string contributor;
    std::optional<wire::GetAuditTrailsFinal> page = {};
    absl::StatusOr<client::OutcomeResult> end = absl::UnknownError("");  // where there is no page
  };
  // Waits; nothing when all trails have ended.
  std::optional<News> Next();
  // The page of this contributor was used up: the next may come.
  void More(const std::string& contributor);
  // Ends what is under way; Next still tells each end.
  void Cancel();

 private:
  void Bring(News news, absl::AnyInvocable<void()> more);

  Session& session_;
  client::BlockingClient& client_;
  size_t under_way_ = 0;
  base::Mutex mutex_;
  base::Condition changed_;
  std::deque<News> news_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, absl::AnyInvocable<void()>> more_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace bitrepo::commands
