// SPDX-License-Identifier: Apache-2.0
// One pillar on a manual loop, with a coordinator that passes on whatever the test says, and a
// client's data channel.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/random.h"
#include "bus/memory_link.h"
#include "bus/protocol/contribution.h"
#include "bus/protocol/envelope.h"
#include "channel/channel.h"
#include "channel/memory_channel_link.h"
#include "pillar/pillar.h"
#include "tests/channel/memory_ends.h"
#include "tests/pillar/slow_workers.h"
#include "tests/pillar/store_spy.h"
#include "tests/support/manual_event_loop.h"

namespace bitrepo::pillar {

class PillarRig;

// What the pillar keeps its files in.
struct RigStore {
  store::FileStore* store = nullptr;
  store::SlowStore* slow = nullptr;
};

// What the rig is told at its start.
struct RigOptions {
  uint64_t capacity_bytes = 1ull << 30;
  size_t requests_max = kRequestsMax;
  size_t requests_per_principal_max = kRequestsPerPrincipalMax;
  size_t finished_kept_max = kFinishedKeptMax;
  absl::Duration interrupted_term = absl::Hours(24);
  uint64_t keep_free_bytes = 0;
  wire::PillarKind kind = wire::FULL_PILLAR;
  requests::ChecksumIntake intake = requests::ChecksumIntake::kWhenMissing;
  std::map<base::CollectionId, uint32_t> min_copies = {};
  absl::Duration quarantine_term = store::kQuarantineTerm;
  std::map<base::CollectionId, requests::CollectionTerms> terms = {};
  // Another store than the rig's own in memory: opened at each start, closed after each end.
  std::function<RigStore(PillarRig&)> open_store = nullptr;
  std::function<void()> close_store = nullptr;
};

// How one transfer of the client ended.
struct Transfer {
  std::optional<absl::Status> end;
  std::shared_ptr<channel::TextSink> sink;  // of a fetch
};

// Loop-confined. The pillar "p1" keeps the collections "photos" and "sounds" of the repository
// "demo"; asks come from "alice" unless a test says otherwise.
class PillarRig final : private bus::HubLink::Handler {
 public:
  explicit PillarRig(RigOptions options = {});
  ~PillarRig() override;

  // ---- the pillar's life
  void Kill();     // as SIGKILL does: nothing is said, what was staged is as its store keeps it
  void Restart();  // Kill, and a new process on the same store
  // Asks the pillar to stop; true once it has told that it did.
  bool Stop(absl::Duration wait);

  // ---- asking
  struct Ask {
    wire::Operation operation = wire::OPERATION_UNSPECIFIED;
    wire::Body body;
    std::string secret = {};
    std::string principal = "alice";
    std::string collection = "photos";
    base::ConversationId conversation;  // zero: a new one
    base::MessageId message_id;         // zero: a new one
    absl::Time expires = absl::InfiniteFuture();
    absl::Time issued = absl::InfinitePast();  // now, unless set
  };
  protocol::Envelope Request(Ask ask);
  protocol::Envelope Identify(Ask ask);
  protocol::Envelope CancelOf(const protocol::Envelope& request);
  protocol::Envelope Put(absl::string_view file_id, std::optional<uint64_t> size = std::nullopt,
                         std::optional<base::Digest> digest = std::nullopt);
  protocol::Envelope Get(absl::string_view file_id, uint64_t offset = 0,
                         std::optional<uint64_t> length = std::nullopt);
  // Hands it to the pillar; nothing runs yet.
  void Send(const protocol::Envelope& envelope);
  void SendFrames(const protocol::Frames& frames);

  // ---- what the pillar said about the message with this id
  const protocol::Envelope* Final(const protocol::Envelope& asked) const;
  int Finals(const protocol::Envelope& asked) const;
  wire::ResponseCode Code(const protocol::Envelope& asked) const;  // of the final or identify reply
  const wire::Body* Reply(const protocol::Envelope& asked) const;  // body of the same
  std::vector<protocol::Envelope> Progress(const protocol::Envelope& asked) const;
  std::string Token(const protocol::Envelope& asked) const;  // of the newest progress; "" when none
  std::vector<std::string> Alarms() const;                   // codes
  const wire::Load& load() const { return load_; }

  // ---- moving bytes
  std::shared_ptr<Transfer> Push(const std::string& token, std::string bytes);
  std::shared_ptr<Transfer> Push(const std::string& token, std::shared_ptr<channel::Source> source);
  std::shared_ptr<Transfer> Fetch(const std::string& token);
  // The client's process dies, and another one is there.
  void RestartClient();
  // Where the pillar is dialled as kDataEndpoint: for peers that no client would be.
  channel::MemoryChannelNet& net() { return net_; }

  void Run(absl::Duration time = absl::Milliseconds(300)) { loop.Advance(time); }

  // A whole put or get.
  wire::ResponseCode PutFile(absl::string_view file_id, const std::string& bytes);
  std::pair<wire::ResponseCode, std::string> GetFile(absl::string_view file_id);
  // What the store holds; "" when it has no such file.
  std::string Stored(absl::string_view file_id);

  testing_support::ManualEventLoop loop;
  base::SeededRandom random{11};
  StoreSpy store;
  SlowWorkers workers{loop};
  std::vector<protocol::Envelope> heard;  // all that the pillar said, but to the coordinator
  bus::MemoryAddress address{loop, random};
  std::optional<Pillar> pillar;
  bool refuse_hello = false;  // CONFLICT, as for an id that another store has
  bool stopped = false;       // the pillar has told that it stopped
  int refusals = 0;           // told by the pillar
  absl::Status refusal;

 private:
  struct Life;  // what dies with the process
  void OnFrames(bus::PeerNumber peer, protocol::Frames frames) override;
  void OnPeerLost(bus::PeerNumber peer) override;
  void Welcome(const protocol::Envelope& hello);
  protocol::Envelope Seal(wire::Kind kind, Ask ask);
  void Begin();

  const RigOptions options_;
  std::unique_ptr<bus::HubLink> hub_;
  bus::PeerNumber peer_ = 0;
  bool welcomed_ = false;
  wire::Load load_;
  channel::MemoryChannelNet net_;
  std::unique_ptr<Life> life_;
  transfer::TokenMint client_mint_{std::string(32, 'c'), std::string(16, 'c')};
  std::optional<channel::MemoryChannelLink> client_link_;
  std::optional<channel::Channel> client_;
};

inline constexpr char kDataEndpoint[] = "memory://p1";
base::CollectionId Photos();
base::FileId File(absl::string_view text);
base::Digest Sha256Of(absl::string_view bytes);

}  // namespace bitrepo::pillar
