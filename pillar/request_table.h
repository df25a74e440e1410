// SPDX-License-Identifier: Apache-2.0
// Every request under way or lately finished, each once by its key: starts it, keeps its word, and
// repeats its final.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bus/protocol/contribution.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::pillar {

inline constexpr size_t kFinishedBytesMax =
    16 * 1024 * 1024;                          // of finals and requests kept for repeats
inline constexpr size_t kWithdrawnMax = 4096;  // cancels that came before their request

struct TableLimits {
  size_t requests = 0;
  size_t requests_per_principal = 0;
  size_t finished_kept = 0;
  absl::Duration finished_kept_for;
};

// Before a change begins, its recorded answer is looked up; what arrives meanwhile under the same
// key joins it.
// Threads:  loop-confined.
// Lifetime: the parts outlive it. Dying it forgets all and says nothing.
class RequestTable {
 public:
  using Publish = absl::AnyInvocable<void(const protocol::Envelope&)>;
  RequestTable(TableLimits limits, protocol::ContributionSpec spec, requests::RequestParts& parts,
               Publish publish);
  ~RequestTable();

  // A REQUEST that is meant for this pillar.
  void OnRequest(const protocol::Envelope& request);
  void OnCancel(const protocol::Envelope& cancel);
  // About once a second.
  void OnTime(absl::Time now);
  // Answers, and keeps nothing for a repeat. A change that was refused is in the audit trail all
  // the same; only BUSY is not: that decides nothing, and the same request comes again.
  void Refuse(const protocol::Envelope& request, wire::ResponseCode code, absl::string_view text);

  // From now on new requests are refused as BUSY; repeats and cancels are still heard.
  void StopTaking();
  // Ends reads as GONE, and leaves changes as they are: to be repeated after the next start.
  void Abandon();

  size_t under_way() const { return under_way_; }
  bool IsUnderWay(const protocol::RequestKey& key) const;
  // What is under way, or was finished a moment ago, of one conversation; in no order.
  std::vector<wire::RequestRecord> RequestsOf(const base::ConversationId& conversation) const;

 private:
  struct Entry;
  using EntryPtr = std::shared_ptr<Entry>;
  using Step = absl::FunctionRef<void(protocol::Contribution&, protocol::ContributionOutbox&)>;

  void Admit(const protocol::Envelope& request);
  void LookUp(const EntryPtr& entry);
  void OnLookedUp(const EntryPtr& entry, absl::StatusOr<std::optional<store::Answer>> answer);
  void Begin(const EntryPtr& entry);
  void Repeat(const EntryPtr& entry, wire::Body final);
  void Apply(const EntryPtr& entry, Step step);
  void CarryOut(const EntryPtr& entry, protocol::ContributionOutbox out);
  void Arm(const EntryPtr& entry);
  void OnFinished(const EntryPtr& entry);
  void Leave(const EntryPtr& entry);   // it is under way no more
  void Forget(const EntryPtr& entry);  // removes it altogether
  void ForgetOld(absl::Time now);
  void Bury(const EntryPtr& entry);
  void FreeBuried();
  void AnswerStrayCancel(const protocol::Envelope& cancel, const protocol::RequestKey& key);
  void OnStrayCancel(const protocol::Envelope& cancel, const protocol::RequestKey& key,
                     bool recorded, const wire::Body& final);
  bool IsExpired(const protocol::Envelope& request) const;

  const TableLimits limits_;
  const protocol::ContributionSpec spec_;
  requests::RequestParts& parts_;
  Publish publish_;
  absl::btree_map<protocol::RequestKey, EntryPtr> entries_;
  absl::btree_map<std::string, size_t> by_principal_;  // under way
  std::deque<EntryPtr> finished_;                      // oldest first
  size_t finished_bytes_ = 0;
  size_t under_way_ = 0;
  bool taking_ = true;
  absl::btree_map<protocol::RequestKey, absl::Time> withdrawn_;
  std::vector<EntryPtr> buried_;  // finished; their handlers are freed when no call is inside
  std::shared_ptr<RequestTable*> self_;  // what callbacks hold weakly
};

}  // namespace bitrepo::pillar
