// SPDX-License-Identifier: Apache-2.0
// A get under way: fetches from the pillar that accepted, or from several by the plan, and goes on
// where one stopped with the next one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bus/protocol/selection.h"
#include "client/attempt_sink.h"
#include "client/ongoing_operation.h"
#include "client/range_plan.h"

namespace bitrepo::client {

inline constexpr int kFetchesPerTokenMax = 4;
inline constexpr absl::Duration kFetchAgainFirst = absl::Milliseconds(200);  // then doubled
// How long the final of a get is waited for when all bytes have come and are proved.
inline constexpr absl::Duration kFinalAfterFetch = absl::Seconds(5);
// Of the alarm that names who delivered bytes that do not have the digest on record.
inline constexpr absl::string_view kBadSource = "bad-source";

// Whom it asks for what is the plan's to say where several may serve; else the conversation's.
// Loop-confined; see OngoingOperation.
class GetOperation final : public OngoingOperation {
 public:
  GetOperation(Surroundings surroundings, base::ConversationId id, GetFileSpec spec,
               EndHandler<GetFileResult> end);
  ~GetOperation() override;

  static wire::Body Identify(const GetFileSpec& spec);
  static wire::Body Request(const base::FileId& file_id, uint64_t offset,
                            std::optional<uint64_t> length);
  static protocol::Reach ReachOf(const GetFileSpec& spec);

  void OnConversationDone(const protocol::Outcome& outcome) override;
  // Its token may serve whoever goes on.
  std::optional<protocol::ConversationRemains> Leave() override;

 private:
  struct Acceptance {
    base::ComponentId pillar;
    std::string token;
    wire::FileInfo file;
  };
  // One fetch from one pillar, or several of one token.
  struct Attempt {
    Acceptance accepted;
    uint64_t number = 0;  // news of older ones is ignored
    int fetches = 0;
    bool running = false;
    bool stopped = false;    // it was cancelled, and its end comes
    bool delivered = false;  // its share has come, and its pillar was told so
    uint64_t counted_bytes = 0;
    channel::TransferId transfer = channel::TransferId::kNone;
    std::shared_ptr<AttemptSink> sink = nullptr;
    runtime::TimerId timer = runtime::TimerId::kNone;
  };

  // What the bus says.
  void OnNews(const protocol::ConversationEvent& event) override;
  void OnIdentified(const base::ComponentId& pillar, const protocol::ConversationEvent& event);
  void OnAccepted(Acceptance accepted);
  void OnFailed(const base::ComponentId& pillar, const std::string& why);

  // What the data channel says.
  void Begin(Acceptance accepted);
  absl::Status Prepare(const Acceptance& accepted);
  void MakePlan();
  void Fetch(Attempt& attempt);
  void StopFetch(Attempt& attempt, absl::string_view why);
  void OnFetchProgress(uint64_t number);
  void OnFetchEnd(uint64_t number, absl::Status how);
  void OnFetchLost(Attempt& attempt, const absl::Status& how);
  void OnMismatch(uint64_t number, wire::ResponseInfo why,
                  absl::AnyInvocable<void(wire::ResponseInfo)> answer);
  void OnSinkTrouble(absl::Status what);
  void OnAllHere(const base::ComponentId& pillar);

  // What follows.
  bool by_plan() const { return reach_ == protocol::Reach::kSome; }
  void Count(Attempt& attempt);
  void Settle(const base::ComponentId& pillar);
  void Carry(const RangeOutbox& orders);
  void Ask(const base::ComponentId& pillar);
  void Spare(const base::ComponentId& pillar);
  void Relieve(const base::ComponentId& pillar, absl::string_view why);
  void Arm();
  void GoOnWaiting();
  void AskOneAlone();
  void AskForOwed();
  void RaiseAlarm();
  base::RangeSet Owed() const;
  bool OthersMayServe(const base::ComponentId& pillar) const;
  bool AnyRunning() const;
  bool AnyStopping() const;
  Attempt* FindAttempt(uint64_t number);
  void Finish();

  const GetFileSpec spec_;
  const protocol::Reach reach_;
  EndHandler<GetFileResult> end_;
  std::shared_ptr<FetchTarget> target_;
  std::optional<wire::FileInfo> file_;
  std::optional<RangePlan> plan_;
  runtime::TimerId plan_timer_ = runtime::TimerId::kNone;
  absl::btree_map<base::ComponentId, Attempt> attempts_;
  std::vector<Acceptance> waiting_;  // until a fetch that was stopped has ended
  std::optional<protocol::Outcome> outcome_;
  runtime::TimerId final_timer_ = runtime::TimerId::kNone;
  absl::Status sink_;
  std::vector<protocol::Candidate> candidates_;  // said that they could, and have not failed
  absl::btree_set<base::ComponentId> asked_;     // their final is owed
  absl::btree_set<base::ComponentId> done_;  // their final has come, and they can be asked again
  absl::btree_set<base::ComponentId> relieved_;  // of what they were asked for; not yet told so
  std::optional<base::ComponentId> from_;
  absl::btree_map<base::ComponentId, uint64_t> delivered_;  // since the bytes began to come
  absl::btree_set<base::ComponentId> liars_;                // alone brought bytes that are wrong
  absl::btree_set<base::ComponentId> suspects_;             // did so with others
  uint64_t held_bytes_ = 0;                                 // were there before anything came
  uint64_t attempts_made_ = 0;
  uint32_t failovers_ = 0;
  bool was_lost_ = false;  // somebody who delivered; whoever begins next goes on for him
  uint32_t sources_ = 1;   // that deliver at once
  bool mismatch_ = false;
  bool one_at_a_time_ = false;  // so that it shows who brings wrong bytes
  bool all_here_ = false;
};

}  // namespace bitrepo::client
