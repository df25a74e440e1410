// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/group_commit.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/log.h"

namespace bitrepo::requests {
namespace {

constexpr absl::Duration kFullLanePause = absl::Milliseconds(20);

struct WaitingPut {
  store::Publication publication;
  GroupCommit::Published done;
};
struct WaitingRemoval {
  store::Removal removal;
  GroupCommit::Published done;
};
struct WaitingClose {
  store::Answer answer;
  store::AuditEvent audit;
  GroupCommit::Closed done;
};

// What one pass of a worker makes durable.
struct Group {
  std::vector<WaitingPut> puts;
  std::vector<WaitingRemoval> removals;
  std::vector<WaitingClose> closes;
  std::vector<store::Answer> opens;
  std::vector<store::AuditEvent> audits;

  std::vector<absl::StatusOr<store::FileRecord>> published;
  std::vector<absl::StatusOr<store::FileRecord>> removed;
  absl::Status closed;
  absl::Status noted;

  void Write(store::FileStore& store);
  void Tell();
};

void Group::Write(store::FileStore& store) {
  if (!puts.empty()) {
    std::vector<store::Publication> publications;
    publications.reserve(puts.size());
    for (WaitingPut& put : puts) publications.push_back(std::move(put.publication));
    published = store.Publish(std::move(publications));
    published.resize(puts.size(), absl::InternalError("the store gave no result"));
  }
  if (!removals.empty()) {
    std::vector<store::Removal> group;
    group.reserve(removals.size());
    for (WaitingRemoval& waiting : removals) group.push_back(std::move(waiting.removal));
    removed = store.Remove(std::move(group));
    removed.resize(removals.size(), absl::InternalError("the store gave no result"));
  }
  if (!closes.empty()) {
    std::vector<std::pair<store::Answer, store::AuditEvent>> answers;
    answers.reserve(closes.size());
    for (WaitingClose& close : closes)
      answers.emplace_back(std::move(close.answer), std::move(close.audit));
    closed = store.CloseAnswers(std::move(answers));
  }
  for (const store::Answer& open : opens) {
    noted = store.OpenAnswer(open);
    if (!noted.ok()) break;
  }
  if (!audits.empty()) {
    const absl::Status appended = store.AppendAudit(std::move(audits));
    if (noted.ok()) noted = appended;
  }
}

void Group::Tell() {
  for (size_t i = 0; i < puts.size(); ++i) puts[i].done(std::move(published[i]));
  for (size_t i = 0; i < removals.size(); ++i) removals[i].done(std::move(removed[i]));
  for (WaitingClose& close : closes) close.done(closed);
  if (!noted.ok()) {
    base::LogLine(base::LogLevel::kError, "record-failed").With("why", noted.ToString());
  }
}

// Moves the first `count` of `from` out.
template <typename T>
std::vector<T> TakeFront(std::vector<T>& from, size_t count) {
  count = std::min(count, from.size());
  std::vector<T> taken(std::make_move_iterator(from.begin()),
                       std::make_move_iterator(from.begin() + static_cast<ptrdiff_t>(count)));
  from.erase(from.begin(), from.begin() + static_cast<ptrdiff_t>(count));
  return taken;
}

}  // namespace

struct GroupCommit::State : std::enable_shared_from_this<State> {
  State(runtime::EventLoop& loop_in, runtime::WorkerPool& workers_in, store::FileStore& store_in)
      : loop(loop_in), workers(workers_in), store(store_in) {}

  bool NothingIsDue() const {
    return puts.empty() && removals.empty() && closes.empty() && opens.empty() &&
           (audits.empty() || !audits_due);
  }

  // Starts a group unless one is being written.
  void Pump() {
    if (writing || paused || NothingIsDue()) return;
    auto group = std::make_shared<Group>();
    group->puts = TakeFront(puts, kGroupMax);
    group->removals = TakeFront(removals, kGroupMax);
    group->closes = TakeFront(closes, kGroupMax);
    for (auto& [key, answer] : opens) group->opens.push_back(std::move(answer));
    opens.clear();
    group->audits = TakeFront(audits, kGroupMax);
    if (audits.empty()) audits_due = false;
    writing = true;
    const absl::Status taken =
        workers.Submit(runtime::Lane::kWrite, runtime::StrandId::kNone,
                       [group, store_ptr = &store, loop_ptr = &loop, weak = weak_from_this()] {
                         group->Write(*store_ptr);
                         loop_ptr->Post([group, weak] {
                           const std::shared_ptr<State> self = weak.lock();
                           if (self == nullptr) return;
                           self->writing = false;
                           ++self->groups;
                           self->Pump();  // the next group is on its way while these are told
                           group->Tell();
                         });
                       });
    if (!taken.ok()) PutBack(*group);
  }

  // Audit rows alone start a group only after a pause.
  void WaitForCompany() {
    if (audit_timer) return;
    audit_timer = true;
    loop.RunAfter(kAuditPause, [weak = weak_from_this()] {
      const std::shared_ptr<State> self = weak.lock();
      if (self == nullptr) return;
      self->audit_timer = false;
      self->audits_due = !self->audits.empty();
      self->Pump();
    });
  }

  void PutBack(Group& group) {
    writing = false;
    paused = true;
    puts.insert(puts.begin(), std::make_move_iterator(group.puts.begin()),
                std::make_move_iterator(group.puts.end()));
    removals.insert(removals.begin(), std::make_move_iterator(group.removals.begin()),
                    std::make_move_iterator(group.removals.end()));
    closes.insert(closes.begin(), std::make_move_iterator(group.closes.begin()),
                  std::make_move_iterator(group.closes.end()));
    for (store::Answer& open : group.opens) opens.emplace(open.key, std::move(open));
    audits.insert(audits.begin(), std::make_move_iterator(group.audits.begin()),
                  std::make_move_iterator(group.audits.end()));
    audits_due = !audits.empty();
    loop.RunAfter(kFullLanePause, [weak = weak_from_this()] {
      const std::shared_ptr<State> self = weak.lock();
      if (self == nullptr) return;
      self->paused = false;
      self->Pump();
    });
  }

  runtime::EventLoop& loop;
  runtime::WorkerPool& workers;
  store::FileStore& store;
  std::vector<WaitingPut> puts;
  std::vector<WaitingRemoval> removals;
  std::vector<WaitingClose> closes;
  absl::btree_map<store::AnswerKey, store::Answer> opens;
  std::vector<store::AuditEvent> audits;
  bool writing = false;
  bool paused = false;  // the lane was full
  bool audits_due = false;
  bool audit_timer = false;
  uint64_t groups = 0;
  uint64_t audit_rows_dropped = 0;
};

GroupCommit::GroupCommit(runtime::EventLoop& loop, runtime::WorkerPool& workers,
                         store::FileStore& store)
    : state_(std::make_shared<State>(loop, workers, store)) {}

GroupCommit::~GroupCommit() = default;

void GroupCommit::Publish(store::Publication publication, Published done) {
  state_->opens.erase(publication.answer.key);
  state_->puts.push_back({std::move(publication), std::move(done)});
  state_->Pump();
}

void GroupCommit::Remove(store::Removal removal, Published done) {
  state_->opens.erase(removal.answer.key);
  state_->removals.push_back({std::move(removal), std::move(done)});
  state_->Pump();
}

void GroupCommit::Close(store::Answer answer, store::AuditEvent audit, Closed done) {
  state_->opens.erase(answer.key);
  state_->closes.push_back({std::move(answer), std::move(audit), std::move(done)});
  state_->Pump();
}

void GroupCommit::Open(store::Answer answer) {
  const store::AnswerKey key = answer.key;
  state_->opens.insert_or_assign(key, std::move(answer));
  state_->Pump();
}

void GroupCommit::Audit(store::AuditEvent event) {
  if (state_->audits.size() >= kAuditWaitingMax) {
    ++state_->audit_rows_dropped;
    return;
  }
  state_->audits.push_back(std::move(event));
  state_->WaitForCompany();
}

void GroupCommit::Flush() {
  state_->audits_due = !state_->audits.empty();
  state_->Pump();
}

size_t GroupCommit::waiting() const {
  return state_->puts.size() + state_->removals.size() + state_->closes.size();
}
bool GroupCommit::idle() const {
  return !state_->writing && state_->NothingIsDue() && state_->audits.empty();
}
uint64_t GroupCommit::groups() const { return state_->groups; }
uint64_t GroupCommit::audit_rows_dropped() const { return state_->audit_rows_dropped; }

}  // namespace bitrepo::requests
