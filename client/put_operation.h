// SPDX-License-Identifier: Apache-2.0
// A put or replace under way: pushes the bytes to each pillar that accepts, and again when a push
// is lost.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/ongoing_operation.h"

namespace bitrepo::client {

// How long a pillar whose push ended badly is waited for: its final says more, and a pillar that
// came back answers the repeated request with a new token.
inline constexpr absl::Duration kWordAfterPush = absl::Seconds(10);
inline constexpr int kPushesPerTokenMax = 4;
inline constexpr absl::Duration kPushAgainFirst = absl::Milliseconds(200);  // then doubled

// Loop-confined; see OngoingOperation.
class PutOperation final : public OngoingOperation {
 public:
  PutOperation(Surroundings surroundings, base::ConversationId id, PutFileSpec spec,
               EndHandler<PutFileResult> end);
  ~PutOperation() override;

  static wire::Body Identify(const PutFileSpec& spec);
  static wire::Body Request(const PutFileSpec& spec);
  static wire::Body Identify(const ReplaceFileSpec& spec);
  static wire::Body Request(const ReplaceFileSpec& spec);

  void OnConversationDone(const protocol::Outcome& outcome) override;
  // Its tokens may serve whoever goes on.
  std::optional<protocol::ConversationRemains> Leave() override;

 private:
  // The sending to one pillar.
  struct Push {
    std::string token;
    int attempts = 0;     // with this token
    uint64_t number = 0;  // of the attempt; news of older ones is ignored
    bool running = false;
    bool delivered = false;  // the pillar confirmed all of it on the data channel
    channel::TransferId transfer = channel::TransferId::kNone;
    runtime::TimerId timer = runtime::TimerId::kNone;
  };
  class WatchedSource;

  void OnNews(const protocol::ConversationEvent& event) override;
  void OnToken(const base::ComponentId& pillar, const std::string& token);
  void StartPush(const base::ComponentId& pillar, Push& push);
  void StopPush(Push& push);
  void OnPushProgress(const base::ComponentId& pillar, uint64_t number, uint64_t bytes);
  void OnPushEnd(const base::ComponentId& pillar, uint64_t number, const absl::Status& how);
  void OnSourceTrouble(const absl::Status& what);
  static void TakeFinal(const base::ComponentId& pillar, const wire::Body& body,
                        PutFileResult& result);

  const PutFileSpec spec_;
  EndHandler<PutFileResult> end_;
  absl::Status source_;
  absl::btree_map<base::ComponentId, Push> pushes_;
  absl::btree_map<base::ComponentId, uint64_t> resumed_;
  uint64_t push_count_ = 0;
};

}  // namespace bitrepo::client
