// SPDX-License-Identifier: Apache-2.0
// What every transfer under way has, granted or dialled: a stream while it is open, and one end
// that is told once.
#pragma once

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "channel/channel.h"
#include "channel/stream_port.h"
#include "channel/transfer/stream_state.h"

namespace bitrepo::channel {

// Loop-confined. Held by shared_ptr by the core of the channel until it has ended.
class LiveTransfer : public PeerSession::Stream, public std::enable_shared_from_this<LiveTransfer> {
 public:
  ~LiveTransfer() override = default;
  // Ends it, once; when a stream is open and `why` is no OK, the peer is told ABORT.
  void End(const absl::Status& why);
  bool ended() const { return ended_; }

  void OnFrame(const transfer::FrameHeader& header, base::Buffer payload, bool intact) final;
  void OnBroken(const absl::Status& why) final;

 protected:
  LiveTransfer(TransferServices services, TransferEvents events)
      : services_(std::move(services)), events_(std::move(events)) {}

  // A frame that has its place now, other than ABORT. Not OK when it breaks the protocol all the
  // same: the session is cut.
  virtual absl::Status TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                                 bool intact) = 0;
  // The stream is gone with its session; the port is empty already.
  virtual void StreamBroke(const absl::Status& why) = 0;
  // Lets go of source or sink, telling it `why`; then whoever holds the transfer forgets it.
  virtual void LetGo(const absl::Status& why) = 0;
  virtual void Forget() = 0;

  void Progress(uint64_t bytes_done);
  void TellStream(bool open);
  // A stream begins, on which this end is in `state`.
  void Enter(StreamPort port, transfer::StreamState state);
  // What this side has done on the stream.
  void Step(transfer::StreamEvent event) {
    stream_state_ = transfer::StreamTransition(stream_state_, event).next;
  }
  // The receiver grants nothing for now, or grants again.
  void Paused(bool paused);
  // The peer breaks the protocol: its session is cut, which breaks the stream.
  void Violation(const absl::Status& why);
  // Says the last word of the stream, then ends the transfer with what it says.
  void EndSaying(transfer::FrameType type, const wire::ResponseInfo& response);
  // The last word of the peer has ended it.
  void EndTold(const wire::ResponseInfo& response);
  // How it has ended: as the peer was told, or told it.
  const wire::ResponseInfo& outcome() const { return outcome_; }
  // The stream ends here; the transfer goes on.
  void CloseStream();

  TransferServices services_;
  StreamPort port_;

 private:
  void Conclude(const absl::Status& why, const wire::ResponseInfo& outcome);

  TransferEvents events_;
  wire::ResponseInfo outcome_;
  transfer::StreamState stream_state_ = transfer::StreamState::kEnded;
  bool ended_ = false;
};

}  // namespace bitrepo::channel
