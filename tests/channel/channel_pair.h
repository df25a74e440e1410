// SPDX-License-Identifier: Apache-2.0
// A serving and a dialling channel on one manual loop, with what tests grant, push and fetch across
// them.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "channel/channel.h"
#include "channel/memory_channel_link.h"
#include "tests/channel/memory_ends.h"
#include "tests/channel/troubled_link.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::channel {

// How one transfer went, as its events told.
struct Told {
  std::vector<uint64_t> progress;
  std::vector<bool> streams;
  std::vector<absl::Status> ends;
  bool ended() const { return !ends.empty(); }
  absl::Status end() const {
    return ends.size() == 1 ? ends.front()
                            : absl::InternalError(absl::StrCat(ends.size(), " ends were told"));
  }
};

inline TransferEvents Into(std::shared_ptr<Told> told) {
  TransferEvents events;
  events.on_progress = [told](uint64_t bytes) { told->progress.push_back(bytes); };
  events.on_stream = [told](bool open) { told->streams.push_back(open); };
  events.on_end = [told](absl::Status how) { told->ends.push_back(std::move(how)); };
  return events;
}

// `bytes` bytes, the same for one seed: a drawn block again and again, each time with its number in
// front.
inline std::string SomeBytes(size_t bytes, uint64_t seed = 1) {
  constexpr size_t kBlock = 64 * 1024;
  const std::string block = base::SeededRandom(seed).Bytes(kBlock);
  std::string text;
  text.reserve(bytes + kBlock + 8);
  for (uint64_t number = 0; text.size() < bytes; ++number) {
    for (int shift = 0; shift < 64; shift += 8) {
      text.push_back(static_cast<char>(number >> shift));
    }
    text += block;
  }
  text.resize(bytes);
  return text;
}

inline ChannelOptions Node(std::string node) {
  ChannelOptions options;
  options.node = std::move(node);
  return options;
}

// Makes tokens that name `endpoint`.
class TestMint {
 public:
  explicit TestMint(std::string endpoint)
      : mint(std::string(32, 'k'), std::string(16, 'e')), endpoint_(std::move(endpoint)) {}

  wire::TokenBody Store(std::optional<uint64_t> length, uint64_t max_bytes = 1ULL << 40) {
    wire::TokenBody body = Body(wire::STORE);
    if (length.has_value()) {
      body.set_length(*length);
    }
    body.set_max_bytes(max_bytes);
    return body;
  }
  wire::TokenBody Fetch(const std::string& text) {
    wire::TokenBody body = Body(wire::FETCH);
    body.set_file_size(text.size());
    body.mutable_digest()->set_algorithm(wire::SHA256);
    body.mutable_digest()->set_value(base::Hasher::Of(base::Algorithm::kSha256, text).bytes());
    return body;
  }
  std::string Seal(wire::TokenBody& body, absl::Time expires_at) {
    return mint.Seal(body, expires_at);
  }

  transfer::TokenMint mint;

 private:
  wire::TokenBody Body(wire::TokenVerb verb) {
    wire::TokenBody body;
    std::string id(16, '\0');
    ++last_id_;
    for (size_t i = 0; i < 4; ++i) {
      id[i] = static_cast<char>(last_id_ >> (8 * i));
    }
    body.set_token_id(id);
    body.set_conversation_id(std::string(16, 'c'));
    body.set_issuer("pillar-1");
    body.add_endpoints(endpoint_);
    body.set_verb(verb);
    body.set_collection_id("photos");
    body.set_file_id("a.txt");
    return body;
  }
  std::string endpoint_;
  uint32_t last_id_ = 0;
};

struct ChannelPair {
  explicit ChannelPair(ChannelOptions serving_options = Node("pillar-1"),
                       ChannelOptions dialling_options = Node("client-1"))
      : serving_below(std::in_place, net, loop, "memory://pillar"),
        dialling_below(net, loop, ""),
        mint("memory://pillar"),
        serving(std::in_place, std::move(serving_options), loop, serving_link, mint.mint, random),
        dialling(std::in_place, std::move(dialling_options), loop, dialling_link, mint.mint,
                 random) {}
  absl::Status Start() {
    absl::Status started = serving->Start();
    return started.ok() ? dialling->Start() : started;
  }
  // As when the serving process dies.
  void KillServing() {
    serving.reset();
    serving_below.reset();
  }
  absl::Time Later() { return loop.Now() + absl::Hours(1); }

  testing_support::ManualEventLoop loop;
  base::SeededRandom random{7};
  MemoryChannelNet net;
  std::optional<MemoryChannelLink> serving_below;
  MemoryChannelLink dialling_below;
  TroubledLink serving_link{*serving_below};
  TroubledLink dialling_link{dialling_below};
  TestMint mint;
  std::optional<Channel> serving;
  std::optional<Channel> dialling;
};

}  // namespace bitrepo::channel
