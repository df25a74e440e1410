// SPDX-License-Identifier: Apache-2.0
// A get under way: fetches from the pillar that accepted, and goes on where it stopped with the
// next one.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/attempt_sink.h"
#include "client/ongoing_operation.h"

namespace bitrepo::client {

inline constexpr int kFetchesPerTokenMax = 4;
inline constexpr absl::Duration kFetchAgainFirst = absl::Milliseconds(200);  // then doubled
// How long the final of a get is waited for when all bytes have come and are proved.
inline constexpr absl::Duration kFinalAfterFetch = absl::Seconds(5);

// Loop-confined; see OngoingOperation.
class GetOperation final : public OngoingOperation {
 public:
  GetOperation(Surroundings surroundings, base::ConversationId id, GetFileSpec spec,
               EndHandler<GetFileResult> end);
  ~GetOperation() override;

  static wire::Body Identify(const GetFileSpec& spec);
  static wire::Body Request(const base::FileId& file_id, uint64_t offset,
                            std::optional<uint64_t> length);

  void OnConversationDone(const protocol::Outcome& outcome) override;
  // Its token may serve whoever goes on.
  std::optional<protocol::ConversationRemains> Leave() override;

 private:
  struct Acceptance {
    base::ComponentId pillar;
    std::string token;
    wire::FileInfo file;
  };
  // One fetch, or several of one token.
  struct Attempt {
    Acceptance accepted;
    uint64_t number = 0;  // news of older ones is ignored
    int fetches = 0;
    bool running = false;
    channel::TransferId transfer = channel::TransferId::kNone;
    std::shared_ptr<AttemptSink> sink = nullptr;
    runtime::TimerId timer = runtime::TimerId::kNone;
  };

  void OnNews(const protocol::ConversationEvent& event) override;
  void OnAccepted(Acceptance accepted);
  void Begin(Acceptance accepted);
  absl::Status Prepare(const Acceptance& accepted);
  void Fetch();
  void OnFetchProgress(uint64_t number);
  void OnFetchEnd(uint64_t number, absl::Status how);
  void OnFetchLost(const absl::Status& how);
  void OnMismatch(wire::ResponseInfo why, absl::AnyInvocable<void()> go_on);
  void OnSinkTrouble(absl::Status what);
  void AskForOwed();
  bool OthersMayServe() const;
  void Finish();

  const GetFileSpec spec_;
  EndHandler<GetFileResult> end_;
  std::shared_ptr<FetchTarget> target_;
  std::optional<wire::FileInfo> file_;
  std::optional<Attempt> attempt_;
  std::optional<Acceptance> next_;  // accepted while the former attempt still ends
  std::optional<protocol::Outcome> outcome_;
  runtime::TimerId final_timer_ = runtime::TimerId::kNone;
  absl::Status sink_;
  std::set<base::ComponentId> candidates_;  // said that they could, and have not failed
  std::optional<base::ComponentId> from_;
  uint64_t attempts_ = 0;
  uint32_t pillars_tried_ = 0;
  bool mismatch_ = false;
};

}  // namespace bitrepo::client
