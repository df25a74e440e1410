// SPDX-License-Identifier: Apache-2.0
#include "pillar/request_table.h"

#include <optional>
#include <utility>

#include "pillar/requests/get_conversation.h"
#include "pillar/requests/replies.h"

namespace bitrepo::pillar {

using protocol::Contribution;
using protocol::ContributionOutbox;
using protocol::Envelope;
using protocol::RequestKey;

// One request. Its handler reports through it.
struct RequestTable::Entry final : requests::RequestContext {
  Entry(RequestTable& table_in, Envelope request_in)
      : table(table_in),
        key(protocol::KeyOf(request_in)),
        asked(std::move(request_in)),
        arrived_at(table_in.parts_.loop.Now()) {}

  const Envelope& request() const override { return asked; }
  absl::Time arrived() const override { return arrived_at; }
  void Accepted(wire::Body body, std::string token) override {
    table.Apply(self(), [&](Contribution& machine, ContributionOutbox& out) {
      machine.OnAccepted(std::move(body), std::move(token), table.parts_.loop.Now(), out);
    });
  }
  void Progress(wire::Progress progress) override {
    last_progress = progress;
    table.Apply(self(), [&](Contribution& machine, ContributionOutbox& out) {
      machine.OnProgress(std::move(progress), table.parts_.loop.Now(), out);
    });
  }
  void Phase(wire::Progress progress) override {
    table.Apply(self(), [&](Contribution& machine, ContributionOutbox& out) {
      machine.OnPhase(std::move(progress), table.parts_.loop.Now(), out);
    });
  }
  void Finished(wire::Body final) override {
    busy = final.response().code() == wire::BUSY;
    table.Apply(self(), [&](Contribution& machine, ContributionOutbox& out) {
      machine.OnFinished(std::move(final), table.parts_.loop.Now(), out);
    });
  }
  // Of the table: an entry reports only while it is there.
  EntryPtr self() const { return table.entries_.at(key); }

  RequestTable& table;
  const RequestKey key;
  Envelope asked;  // as last repeated, until it begins
  const absl::Time arrived_at;
  std::optional<Contribution> contribution;  // nothing while the recorded answer is looked up
  std::optional<Envelope> cancel;            // came while it was looked up
  std::shared_ptr<requests::RequestHandler> handler;
  bool busy = false;  // its final: nothing is kept of it
  wire::Progress last_progress;
  runtime::TimerId timer = runtime::TimerId::kNone;
  bool under_way = true;
  size_t kept_bytes = 0;
};

RequestTable::RequestTable(TableLimits limits, protocol::ContributionSpec spec,
                           requests::RequestParts& parts, Publish publish)
    : limits_(limits),
      spec_(std::move(spec)),
      parts_(parts),
      publish_(std::move(publish)),
      self_(std::make_shared<RequestTable*>(this)) {}

RequestTable::~RequestTable() {
  for (const auto& [key, entry] : entries_) parts_.loop.CancelTimer(entry->timer);
}

bool RequestTable::IsUnderWay(const RequestKey& key) const {
  const auto found = entries_.find(key);
  return found != entries_.end() && found->second->under_way;
}

std::vector<wire::RequestRecord> RequestTable::RequestsOf(
    const base::ConversationId& conversation) const {
  std::vector<wire::RequestRecord> records;
  for (const auto& [key, entry] : entries_) {
    if (key.conversation != conversation) continue;
    wire::RequestRecord record;
    record.set_message_id(key.message_id.ToBytes());
    record.set_principal(key.principal);
    if (entry->under_way) {
      record.set_state(wire::REQUEST_WORKING);
      *record.mutable_progress() = entry->last_progress;
    } else {
      record.set_state(wire::REQUEST_DONE);
      requests::AddFinal(entry->contribution->final_body(), record);
    }
    record.set_operation(entry->asked.header.operation());
    records.push_back(std::move(record));
  }
  return records;
}

void RequestTable::Refuse(const Envelope& request, wire::ResponseCode code,
                          absl::string_view text) {
  if (requests::ChangesFiles(request.header.operation()) && code != wire::BUSY) {
    parts_.commits.Audit(requests::AuditOf(request, requests::MakeResponse(code, text)));
  }
  publish_(protocol::MakeReply(spec_, request, wire::FINAL,
                               requests::FinalBody(request.header.operation(), code, text), "",
                               parts_.loop.clock().WallNow(), parts_.random));
}

void RequestTable::OnRequest(const Envelope& request) {
  const auto found = entries_.find(protocol::KeyOf(request));
  if (found == entries_.end()) {
    Admit(request);
    return;
  }
  const EntryPtr entry = found->second;
  if (entry->contribution) {
    Apply(entry, [&](Contribution& contribution, ContributionOutbox& out) {
      contribution.OnRepeat(request, parts_.loop.Now(), out);
    });
  } else if (protocol::BodyDigest(request) != protocol::BodyDigest(entry->asked)) {
    Refuse(request, wire::CONFLICT, "another request was made under this message id");
  } else {
    entry->asked = request;  // its answers go to the newest reply_to
  }
}

void RequestTable::Admit(const Envelope& request) {
  if (!taking_) {
    Refuse(request, wire::BUSY, "the pillar is stopping");
    return;
  }
  if (withdrawn_.contains(protocol::KeyOf(request))) {
    Refuse(request, wire::CANCELLED, "the request was withdrawn before it came");
    return;
  }
  const auto of_principal = by_principal_.find(request.header.from());
  if (under_way_ >= limits_.requests || (of_principal != by_principal_.end() &&
                                         of_principal->second >= limits_.requests_per_principal)) {
    Refuse(request, wire::BUSY, "the pillar has too many requests under way");
    return;
  }
  ++by_principal_[request.header.from()];
  ++under_way_;
  auto entry = std::make_shared<Entry>(*this, request);
  entries_.emplace(entry->key, entry);
  if (requests::ChangesFiles(request.header.operation())) {
    LookUp(entry);
  } else {
    Begin(entry);
  }
}

void RequestTable::LookUp(const EntryPtr& entry) {
  const store::AnswerKey key{entry->key.principal, entry->key.conversation, entry->key.message_id};
  const absl::Status taken = parts_.workers.Submit(
      runtime::Lane::kRead, runtime::StrandId::kNone,
      [key, store = &parts_.store, loop = &parts_.loop, table = std::weak_ptr(self_),
       weak = std::weak_ptr(entry)] {
        auto answer =
            std::make_shared<absl::StatusOr<std::optional<store::Answer>>>(store->FindAnswer(key));
        loop->Post([answer, table, weak] {
          const auto alive = table.lock();
          const EntryPtr found = weak.lock();
          if (alive != nullptr && found != nullptr) (*alive)->OnLookedUp(found, std::move(*answer));
        });
      });
  if (!taken.ok()) {
    Refuse(entry->asked, wire::BUSY, "the pillar has too much to read");
    Forget(entry);
  }
}

void RequestTable::OnLookedUp(const EntryPtr& entry,
                              absl::StatusOr<std::optional<store::Answer>> answer) {
  if (!answer.ok()) {
    Refuse(entry->asked, wire::FAILURE, answer.status().message());
    Forget(entry);
    return;
  }
  const std::optional<store::Answer>& recorded = *answer;
  if (recorded && recorded->body_sha256 != protocol::BodyDigest(entry->asked)) {
    Refuse(entry->asked, wire::CONFLICT, "another request was made under this message id");
    Forget(entry);
    return;
  }
  wire::Body final;
  if (recorded && !recorded->final_body.empty() && final.ParseFromString(recorded->final_body)) {
    Repeat(entry, std::move(final));
    return;
  }
  // Only now: who has an answer gets it, however old the request is.
  if (IsExpired(entry->asked)) {
    Refuse(entry->asked, wire::EXPIRED, "the request is past its time");
    Forget(entry);
    return;
  }
  Begin(entry);
}

bool RequestTable::IsExpired(const Envelope& request) const {
  const int64_t now_us = absl::ToUnixMicros(parts_.loop.clock().WallNow());
  const int64_t expires_us = request.header.expires_at_us();
  return (expires_us != 0 && expires_us < now_us) ||
         absl::FromUnixMicros(request.header.issued_at_us()) < parts_.store.answers_since();
}

void RequestTable::Repeat(const EntryPtr& entry, wire::Body final) {
  ContributionOutbox out;
  protocol::ContributionSpec spec = spec_;
  spec.wall_start = parts_.loop.clock().WallNow();
  entry->contribution.emplace(Contribution::Recorded(
      std::move(spec), entry->asked, std::move(final), parts_.loop.Now(), parts_.random, out));
  CarryOut(entry, std::move(out));
}

void RequestTable::Begin(const EntryPtr& entry) {
  ContributionOutbox out;
  protocol::ContributionSpec spec = spec_;
  spec.wall_start = parts_.loop.clock().WallNow();
  entry->contribution.emplace(std::move(spec), entry->asked, parts_.loop.Now(), parts_.random, out);
  CarryOut(entry, std::move(out));
  if (entry->cancel && entry->under_way) {
    Apply(entry, [&](Contribution& contribution, ContributionOutbox& more) {
      contribution.OnCancel(*entry->cancel, parts_.loop.Now(), more);
    });
  }
}

void RequestTable::Apply(const EntryPtr& entry, Step step) {
  ContributionOutbox out;
  step(*entry->contribution, out);
  CarryOut(entry, std::move(out));
}

void RequestTable::CarryOut(const EntryPtr& entry, ContributionOutbox out) {
  for (const Envelope& message : out.messages) publish_(message);
  Arm(entry);
  if (entry->contribution->done()) {
    if (entry->under_way) OnFinished(entry);
    return;
  }
  if (out.start_work) {
    entry->handler = requests::MakeHandler(parts_, *entry);
    if (entry->handler == nullptr) {
      entry->Finished(requests::FinalBody(entry->asked.header.operation(),
                                          wire::REQUEST_NOT_SUPPORTED,
                                          "the operation is not supported by this pillar"));
      return;
    }
    entry->handler->Start();
  }
  if (out.stop_work && entry->handler != nullptr) {
    entry->handler->Cancel(wire::CANCELLED, "the asker has withdrawn the request");
  }
}

void RequestTable::Arm(const EntryPtr& entry) {
  parts_.loop.CancelTimer(entry->timer);
  entry->timer = runtime::TimerId::kNone;
  const absl::Time wake = entry->contribution->WakeAt();
  if (wake == absl::InfiniteFuture()) return;
  entry->timer = parts_.loop.RunAt(wake, [this, weak = std::weak_ptr(entry)] {
    const EntryPtr found = weak.lock();
    if (found == nullptr) return;
    Apply(found, [&](Contribution& contribution, ContributionOutbox& out) {
      contribution.OnTime(parts_.loop.Now(), out);
    });
  });
}

void RequestTable::OnCancel(const Envelope& cancel) {
  const auto message_id = base::MessageId::FromBytes(cancel.body.cancel().request_id());
  if (!message_id.ok()) return;
  const RequestKey key{cancel.header.from(), cancel.conversation(), *message_id};
  const auto found = entries_.find(key);
  if (found == entries_.end()) {
    AnswerStrayCancel(cancel, key);
    return;
  }
  const EntryPtr entry = found->second;
  if (!entry->contribution) {
    entry->cancel = cancel;
  } else {
    Apply(entry, [&](Contribution& contribution, ContributionOutbox& out) {
      contribution.OnCancel(cancel, parts_.loop.Now(), out);
    });
  }
}

// Of a request that is not known (any more): what is on record is the answer; else it is withdrawn
// before it came.
void RequestTable::AnswerStrayCancel(const Envelope& cancel, const RequestKey& key) {
  const store::AnswerKey answer_key{key.principal, key.conversation, key.message_id};
  // A full lane leaves the cancel unanswered: the asker sends it again.
  parts_.workers
      .Submit(runtime::Lane::kRead, runtime::StrandId::kNone,
              [cancel, key, answer_key, store = &parts_.store, loop = &parts_.loop,
               table = std::weak_ptr(self_)] {
                auto answer = store->FindAnswer(answer_key);
                wire::Body final;
                const bool recorded = answer.ok() && *answer && !(*answer)->final_body.empty() &&
                                      final.ParseFromString((*answer)->final_body);
                loop->Post([cancel, key, final, recorded, table] {
                  const auto alive = table.lock();
                  if (alive != nullptr) (*alive)->OnStrayCancel(cancel, key, recorded, final);
                });
              })
      .IgnoreError();
}

void RequestTable::OnStrayCancel(const Envelope& cancel, const RequestKey& key, bool recorded,
                                 const wire::Body& final) {
  if (entries_.contains(key)) {  // it has come meanwhile
    OnCancel(cancel);
    return;
  }
  if (!recorded && withdrawn_.size() < kWithdrawnMax) withdrawn_[key] = parts_.loop.Now();
  publish_(protocol::MakeReply(
      spec_, cancel, wire::FINAL,
      recorded ? final
               : requests::FinalBody(cancel.header.operation(), wire::CANCELLED,
                                     "the request was withdrawn before it came"),
      "", parts_.loop.clock().WallNow(), parts_.random));
}

void RequestTable::OnFinished(const EntryPtr& entry) {
  Leave(entry);
  Bury(entry);
  if (entry->busy) return;  // forgotten with its handler
  entry->kept_bytes = entry->contribution->kept_bytes();
  finished_bytes_ += entry->kept_bytes;
  finished_.push_back(entry);
  ForgetOld(parts_.loop.Now());
}

void RequestTable::Leave(const EntryPtr& entry) {
  if (!entry->under_way) return;
  entry->under_way = false;
  --under_way_;
  const auto count = by_principal_.find(entry->key.principal);
  if (--count->second == 0) by_principal_.erase(count);
}

void RequestTable::Forget(const EntryPtr& entry) {
  Leave(entry);
  parts_.loop.CancelTimer(entry->timer);
  entries_.erase(entry->key);
}

void RequestTable::ForgetOld(absl::Time now) {
  while (!finished_.empty()) {
    const EntryPtr oldest = finished_.front();
    if (finished_.size() <= limits_.finished_kept && finished_bytes_ <= kFinishedBytesMax &&
        now - oldest->contribution->finished_at() < limits_.finished_kept_for) {
      return;
    }
    finished_bytes_ -= oldest->kept_bytes;
    finished_.pop_front();
    Forget(oldest);
  }
}

// A handler reports from inside its own calls: it is freed when they have returned.
void RequestTable::Bury(const EntryPtr& entry) {
  buried_.push_back(entry);
  if (buried_.size() > 1) return;
  parts_.loop.Post([table = std::weak_ptr(self_)] {
    const auto alive = table.lock();
    if (alive != nullptr) (*alive)->FreeBuried();
  });
}

void RequestTable::FreeBuried() {
  for (const EntryPtr& entry : std::exchange(buried_, {})) {
    entry->handler.reset();
    if (entry->busy) Forget(entry);
  }
}

void RequestTable::OnTime(absl::Time now) {
  std::vector<std::shared_ptr<requests::RequestHandler>> working;
  for (const auto& [key, entry] : entries_) {
    if (entry->under_way && entry->handler != nullptr) working.push_back(entry->handler);
  }
  for (const auto& handler : working) handler->OnTime(now);
  ForgetOld(now);
  absl::erase_if(withdrawn_, [&](const auto& entry) {
    return now - entry.second >= limits_.finished_kept_for;
  });
}

void RequestTable::StopTaking() { taking_ = false; }

void RequestTable::Abandon() {
  std::vector<EntryPtr> working;
  for (const auto& [key, entry] : entries_) {
    if (entry->under_way) working.push_back(entry);
  }
  for (const EntryPtr& entry : working) {
    if (requests::ChangesFiles(entry->asked.header.operation())) {
      entry->handler.reset();  // before the entry that it reports through
      Forget(entry);
    } else if (entry->handler != nullptr) {
      entry->handler->Cancel(wire::GONE, "the pillar is stopping");
    }
  }
}

}  // namespace bitrepo::pillar
