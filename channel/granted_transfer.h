// SPDX-License-Identifier: Apache-2.0
// What the holder of one token may do here: store into a sink or fetch from a source, one stream at
// a time, until expiry.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "base/byte_range.h"
#include "base/ids.h"
#include "channel/live_transfer.h"
#include "channel/receiving_end.h"
#include "channel/sending_end.h"
#include "channel/transfer/progress_rate.h"
#include "proto/channel.pb.h"

namespace bitrepo::channel {

// A transfer that is open and waits for credit goes on so long past its expiry.
inline constexpr absl::Duration kPausedTermMax = absl::Hours(24 * 7);

// Ends with the first stream that comes to an end (success, refusal, ABORT of either side), at
// Revoke, or at expiry. A stream that only broke may be opened again. Past its expiry an open
// stream goes on while bytes move, or wait for credit.
class GrantedTransfer : public LiveTransfer {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    virtual void OnGrantEnded(const base::TokenId& token, wire::TransferReport report) = 0;
  };
  void Start();  // once it is held by shared_ptr
  // Answers the OPEN, which names this token and was verified.
  void Open(PeerSession& session, uint32_t stream, const transfer::OpenRequest& open);
  // As End, but once the sink is asked to commit its answer alone decides.
  void Revoke(const absl::Status& why);
  // What has become of the transmission until now.
  wire::TransferReport Report() const;

 protected:
  GrantedTransfer(TransferServices services, base::TokenId id, wire::TokenBody token,
                  TransferEvents events, absl::Duration stall, Host& host);
  // Binds the stream and says OPEN_OK; else what the OPEN is refused with.
  virtual wire::ResponseInfo Begin(StreamPort port, const transfer::OpenRequest& open) = 0;
  virtual uint64_t bytes_moved() const = 0;
  virtual bool committing() const { return false; }
  // Fills in the bytes: done, in all, and missing.
  virtual void Describe(wire::TransferReport& report) const = 0;
  void Bind(const StreamPort& port, transfer::StreamState state);
  // Bytes of the present stream, from which the rate is measured.
  void NoteRate(uint64_t bytes) { rate_.Note(services_.loop->Now(), bytes); }
  virtual bool paused() const = 0;
  void StreamBroke(const absl::Status& why) override;
  void Forget() final;
  const wire::TokenBody token_;

 private:
  void SetTimer(absl::Time when);
  void OnExpired();

  const base::TokenId id_;
  const absl::Duration stall_;
  Host& host_;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
  std::optional<uint64_t> moved_at_expiry_;
  bool opened_before_ = false;
  transfer::ProgressRate rate_;
};

class GrantedStore final : public GrantedTransfer, private ReceivingEnd::Owner {
 public:
  GrantedStore(TransferServices services, base::TokenId id, wire::TokenBody token,
               std::shared_ptr<Sink> sink, TransferEvents events, absl::Duration stall, Host& host);
  ~GrantedStore() override { receiving_->Stop(); }
  void OnBlocked(bool /*blocked*/) override {}

 private:
  wire::ResponseInfo Begin(StreamPort port, const transfer::OpenRequest& open) override;
  absl::Status TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                         bool intact) override;
  void StreamBroke(const absl::Status& why) override;
  void LetGo(const absl::Status& why) override;
  uint64_t bytes_moved() const override { return receiving_->machine().held_bytes(); }
  bool committing() const override {
    return receiving_->committing() || receiving_->machine().commit_pending();
  }
  void Describe(wire::TransferReport& report) const override;
  bool paused() const override { return receiving_->machine().grants_none(); }
  void OnWritten(uint64_t bytes) override { Progress(bytes); }
  void OnPaused(bool paused) override { Paused(paused); }
  std::optional<base::Digest> DigestToCommit(std::optional<base::Digest> sent) override {
    return sent;
  }
  void OnCommitted(const wire::ResponseInfo& response) override;
  void OnReceiveFailed(const absl::Status& why, bool violation) override;

  std::shared_ptr<Sink> sink_;
  std::shared_ptr<ReceivingEnd> receiving_;
  bool committed_ = false;
};

class GrantedFetch final : public GrantedTransfer, private SendingEnd::Owner {
 public:
  GrantedFetch(TransferServices services, base::TokenId id, wire::TokenBody token,
               std::shared_ptr<Source> source, TransferEvents events, absl::Duration stall,
               Host& host);
  ~GrantedFetch() override;
  void OnBlocked(bool blocked) override;

 private:
  wire::ResponseInfo Begin(StreamPort port, const transfer::OpenRequest& open) override;
  absl::Status TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                         bool intact) override;
  void StreamBroke(const absl::Status& why) override;
  void LetGo(const absl::Status& why) override;
  uint64_t bytes_moved() const override { return stored_bytes_; }
  void Describe(wire::TransferReport& report) const override;
  void OnAllSent() override { Step(transfer::StreamEvent::kAllSent); }
  bool paused() const override { return sending_ != nullptr && sending_->wants_credit(); }
  void OnPaused(bool paused) override { Paused(paused); }
  void OnStored(uint64_t bytes) override;
  void OnSendFailed(const absl::Status& why, bool violation) override;

  std::shared_ptr<Source> source_;
  absl::StatusOr<base::ByteRange> granted_;
  std::shared_ptr<SendingEnd> sending_;  // while a stream is open
  uint64_t asked_bytes_ = 0;             // of the open stream
  uint64_t stored_bytes_ = 0;            // at the receiver, over all its streams
};

}  // namespace bitrepo::channel
