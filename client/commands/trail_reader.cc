// SPDX-License-Identifier: Apache-2.0
#include "client/commands/trail_reader.h"

#include <utility>

namespace bitrepo::commands {

void TrailReader::Begin(const std::string& contributor, const wire::GetAuditTrailsRequest& query,
                        bool of_any) {
  client::GetAuditTrailsSpec spec{.query = query};
  if (contributor != kTheCoordinator) {
    spec.pillars = {*base::ComponentId::Parse(contributor)};
    if (!of_any) spec.collection = session_.collection();
  }
  spec.on_page = [this, contributor](const base::ComponentId&,
                                     const wire::GetAuditTrailsFinal& page,
                                     absl::AnyInvocable<void()> more) {
    Bring({.contributor = contributor, .page = page}, std::move(more));
  };
  ++under_way_;
  client_.Post([this, contributor, spec = std::move(spec)](client::Client& client) mutable {
    const auto begun =
        client.GetAuditTrails(std::move(spec), [this, contributor](client::OutcomeResult result) {
          Bring({.contributor = contributor, .end = std::move(result)}, nullptr);
        });
    if (!begun.ok()) Bring({.contributor = contributor, .end = begun.status()}, nullptr);
  });
}

void TrailReader::Bring(News news, absl::AnyInvocable<void()> more) {
  base::MutexLock lock(mutex_);
  if (more != nullptr) more_[news.contributor] = std::move(more);
  news_.push_back(std::move(news));
  changed_.NotifyOne();
}

std::optional<TrailReader::News> TrailReader::Next() {
  base::MutexLock lock(mutex_);
  if (under_way_ == 0) return std::nullopt;
  while (news_.empty()) changed_.Wait(mutex_);
  News news = std::move(news_.front());
  news_.pop_front();
  if (!news.page) --under_way_;
  return news;
}

void TrailReader::More(const std::string& contributor) {
  absl::AnyInvocable<void()> more;
  {
    base::MutexLock lock(mutex_);
    const auto found = more_.find(contributor);
    if (found == more_.end()) return;
    more = std::move(found->second);
    more_.erase(found);
  }
  more();
}

void TrailReader::Cancel() {
  client_.Post([](client::Client& client) { client.CancelAll("enough was read"); });
  std::map<std::string, absl::AnyInvocable<void()>> more;
  {
    base::MutexLock lock(mutex_);
    more.swap(more_);
  }
  for (auto& [contributor, go_on] : more) go_on();
}

}  // namespace bitrepo::commands
