// SPDX-License-Identifier: Apache-2.0
// A copy from pillar to pillar under way: a token of the one that holds the file for each that is
// to get it, then one put by those tokens.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/client.h"

namespace bitrepo::client {

// Each token serves one stream, so that there is a get conversation for each copy; it ends with the
// DONE of the pillar that fetched, or is withdrawn when the put has ended.
// Threads:  loop-confined. Lifetime: the client outlives it; its conversations hold it.
class CopyOperation final : public OperationControl,
                            public std::enable_shared_from_this<CopyOperation> {
 public:
  CopyOperation(Client& client, CopyFileSpec spec, EndHandler<PutFileResult> end)
      : client_(client), spec_(std::move(spec)), end_(std::move(end)) {}

  // The first of its get conversations stands for all of it. `end` is called when this was OK.
  absl::StatusOr<Operation> Start();

  void Cancel(absl::string_view reason) override;
  // It cannot go on without this process, which hands the tokens on.
  std::optional<protocol::ConversationRemains> Leave() override { return std::nullopt; }

 private:
  absl::Status AskForToken(const base::ComponentId& to);
  void OnOffer(const base::ComponentId& to, const protocol::ConversationEvent& event);
  void OnGetEnd(const base::ComponentId& to, const OutcomeResult& result);
  void PutByTokens();
  void End(PutFileResult result);

  Client& client_;
  CopyFileSpec spec_;
  EndHandler<PutFileResult> end_;  // empty once it has ended
  absl::btree_map<base::ComponentId, Operation> gets_;
  absl::btree_map<base::ComponentId, std::string> tokens_;
  wire::FileInfo file_;
  std::optional<Operation> put_;
};

}  // namespace bitrepo::client
