// SPDX-License-Identifier: Apache-2.0
// One store, or one fetch, across a pair of channels: its bytes, its ends, its token and what was
// told of it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/channel/channel_pair.h"

namespace bitrepo::channel {

struct StoreRun {
  StoreRun(TestMint& mint, absl::Time expires_at, std::string bytes, std::optional<uint64_t> length)
      : text(std::move(bytes)),
        source(std::make_shared<TextSource>(text)),
        sink(std::make_shared<TextSink>()),
        body(mint.Store(length)),
        token(mint.Seal(body, expires_at)) {}
  void Grant(Channel& serving) { serving.GrantStore(body, sink, Into(granted)); }
  void Push(Channel& dialling) { id = dialling.Push(token, source, Into(pushed)); }

  std::string text;
  std::shared_ptr<TextSource> source;
  std::shared_ptr<TextSink> sink;
  wire::TokenBody body;
  std::string token;
  TransferId id = TransferId::kNone;
  std::shared_ptr<Told> granted = std::make_shared<Told>();
  std::shared_ptr<Told> pushed = std::make_shared<Told>();
};

struct FetchRun {
  FetchRun(TestMint& mint, absl::Time expires_at, std::string bytes)
      : text(std::move(bytes)),
        source(std::make_shared<TextSource>(text)),
        sink(std::make_shared<TextSink>()),
        body(mint.Fetch(text)),
        token(mint.Seal(body, expires_at)) {}
  void Grant(Channel& serving) { serving.GrantFetch(body, source, Into(granted)); }
  void Fetch(Channel& dialling, std::vector<base::ByteRange> ranges = {}) {
    id = dialling.Fetch(token, std::move(ranges), sink, Into(fetched));
  }

  std::string text;
  std::shared_ptr<TextSource> source;
  std::shared_ptr<TextSink> sink;
  wire::TokenBody body;
  std::string token;
  TransferId id = TransferId::kNone;
  std::shared_ptr<Told> granted = std::make_shared<Told>();
  std::shared_ptr<Told> fetched = std::make_shared<Told>();
};

}  // namespace bitrepo::channel
