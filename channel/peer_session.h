// SPDX-License-Identifier: Apache-2.0
// One connection with the session on it: frames are checked, sealed and queued here, and handed to
// their streams.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/buffer.h"
#include "base/runtime/event_loop.h"
#include "channel/link.h"
#include "channel/transfer/control_payload.h"
#include "channel/transfer/frame.h"
#include "channel/transfer/session.h"

namespace bitrepo::channel {

inline constexpr size_t kQueuedFramesMax =
    4096;  // for a peer that does not read; beyond it the session is dropped

// Loop-confined. Held by shared_ptr: it may end, and its host forget it, in the middle of a call.
class PeerSession final : public std::enable_shared_from_this<PeerSession> {
 public:
  // This side's end of one stream. The session does not keep it alive.
  class Stream {
   public:
    virtual ~Stream() = default;
    virtual void OnFrame(const transfer::FrameHeader& header, base::Buffer payload,
                         bool intact) = 0;
    virtual void OnBlocked(
        bool blocked) = 0;  // the connection takes no frames, or takes them again
    // The session has ended, and the stream with it; it is forgotten already.
    virtual void OnBroken(const absl::Status& why) = 0;
  };
  class Host {
   public:
    virtual ~Host() = default;
    virtual void OnSessionUp(PeerSession& session) = 0;
    // The answer: Adopt, or Refuse.
    virtual void OnOpen(PeerSession& session, uint32_t stream, transfer::OpenRequest open) = 0;
    virtual void OnStreamEnded(PeerSession& session) = 0;  // there is room for another
    virtual void OnSessionDraining(PeerSession& session) = 0;
    // The last call. `why` is OK when it ended as it should; `violation`: the peer is to blame.
    virtual void OnSessionEnded(PeerSession& session, const absl::Status& why, bool violation) = 0;
  };
  PeerSession(transfer::SessionSpec spec, ConnectionNumber connection, std::string peer,
              runtime::EventLoop& loop, Link& link, Host& host);
  ~PeerSession();
  PeerSession(const PeerSession&) = delete;
  PeerSession& operator=(const PeerSession&) = delete;
  void Start();  // once it is held by shared_ptr

  // From the link.
  void OnConnected();
  void OnFrame(LinkFrame frame);
  void OnWritable();
  void OnLost(const absl::Status& why);

  // For streams. Frames are kept while the connection takes none; after the end they are dropped.
  void Say(transfer::FrameType type, uint32_t stream, std::string payload = {});
  void SayCount(transfer::FrameType type, uint32_t stream, uint64_t bytes);  // CREDIT, STORED
  void SaySegment(transfer::FrameType type, uint32_t stream, uint64_t number, uint64_t offset,
                  base::Buffer payload);         // DATA, ACK, NACK
  uint32_t Begin(std::weak_ptr<Stream> stream);  // of the side that dialled
  void Adopt(uint32_t stream, std::weak_ptr<Stream> end);
  void Refuse(uint32_t stream, const wire::ResponseInfo& why);
  // Frames that still come on it are passed over.
  void EndStream(uint32_t stream);
  // The peer breaks the protocol on one of them: the session is cut.
  void OnViolation(const absl::Status& why);
  void Leave();

  bool blocked() const { return !queue_.empty(); }
  bool ready() const { return machine_->state() == transfer::SessionState::kReady; }
  bool ended() const { return machine_->done(); }
  size_t stream_count() const { return streams_.size(); }
  ConnectionNumber connection() const { return connection_; }
  const std::string& peer() const {
    return peer_;
  }  // for the log: where it was dialled, then who it says it is
  uint64_t initial_credit() const { return initial_credit_; }    // as the peer has said
  uint64_t promised_credit() const { return promised_credit_; }  // as this side has
  uint32_t segment_bytes_max() const { return segment_bytes_max_; }

 private:
  void Queue(transfer::FrameHeader header, base::Buffer payload);  // unless it has ended
  void Enqueue(transfer::FrameHeader header, base::Buffer payload);
  void Flush();
  void TellBlocked(bool blocked);
  // Carries out what the machine wants; `header` and `payload` are the frame at hand, when there is
  // one.
  void Run(transfer::SessionOutbox outbox, const transfer::FrameHeader* header = nullptr,
           base::Buffer payload = {}, bool intact = true);
  void Deliver(const transfer::FrameHeader& header, base::Buffer payload, bool intact);
  void End(const transfer::SessionEnded& end);
  void SetTimer();

  const ConnectionNumber connection_;
  std::string peer_;
  runtime::EventLoop& loop_;
  Link& link_;
  Host& host_;
  const uint64_t promised_credit_;
  std::unique_ptr<transfer::Session> machine_;
  uint64_t initial_credit_ = 0;
  uint32_t segment_bytes_max_ = transfer::kSegmentBytesMax;
  absl::btree_map<uint32_t, std::weak_ptr<Stream>> streams_;
  std::deque<LinkFrame> queue_;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
  absl::Time timer_at_ = absl::InfiniteFuture();
};

}  // namespace bitrepo::channel
