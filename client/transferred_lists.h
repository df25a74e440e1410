// SPDX-License-Identifier: Apache-2.0
// The bytes of a list that is too long for messages: its parameters go up to each pillar, and each
// one's answer comes down into a temporary file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "base/runtime/worker_pool.h"
#include "client/attempt_sink.h"
#include "client/id_list.h"
#include "client/ongoing_operation.h"
#include "client/shared_source.h"

namespace bitrepo::client {

inline constexpr int kListTransfersPerTokenMax = 4;
inline constexpr absl::Duration kListTransferAgainFirst = absl::Milliseconds(200);  // then doubled

// An operation under way whose answers are transfers; what is done with them is the derived one's.
// Loop-confined; see OngoingOperation.
class TransferredLists : public OngoingOperation {
 public:
  void OnConversationDone(const protocol::Outcome& outcome) final;

 protected:
  using Lists = absl::btree_map<base::ComponentId, std::shared_ptr<NamelessFile>>;

  TransferredLists(Surroundings surroundings, base::ConversationId id, OperationEvents events,
                   std::shared_ptr<const IdList> ids);
  ~TransferredLists() override;

  // The conversation and all transfers have ended; once. `lists` of the pillars that answered.
  virtual void OnLists(protocol::Outcome outcome, Lists lists) = 0;

  const std::shared_ptr<const IdList> ids_;

 private:
  // What goes on with one pillar: first the push, then the fetch.
  struct Exchange {
    std::string token;    // of the transfer of now
    int attempts = 0;     // with it
    uint64_t number = 0;  // of the attempt; news of older ones is ignored
    bool running = false;
    channel::TransferId transfer = channel::TransferId::kNone;
    runtime::TimerId timer = runtime::TimerId::kNone;
    bool fetching = false;
    std::shared_ptr<NamelessFile> file = {};
    std::shared_ptr<FetchTarget> target = {};
  };

  void OnNews(const protocol::ConversationEvent& event) final;
  void OnToken(const base::ComponentId& pillar, const std::string& token);
  absl::Status Prepare(Exchange& exchange) const;
  void StartTransfer(const base::ComponentId& pillar, Exchange& exchange);
  channel::TransferEvents EventsOf(const base::ComponentId& pillar, const Exchange& exchange,
                                   std::shared_ptr<AttemptSink> sink);
  void OnProgress(const base::ComponentId& pillar, uint64_t number, uint64_t bytes);
  void OnTransferEnd(const base::ComponentId& pillar, uint64_t number, const absl::Status& how);
  void Stop(Exchange& exchange);
  void Finish();

  const std::shared_ptr<SharedSource> source_;
  absl::btree_map<base::ComponentId, Exchange> exchanges_;
  std::optional<protocol::Outcome> outcome_;
  uint64_t transfers_ = 0;
};

}  // namespace bitrepo::client
