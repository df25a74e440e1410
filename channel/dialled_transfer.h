// SPDX-License-Identifier: Apache-2.0
// A transfer by a token of another: tries its endpoints, opens a stream, and opens it again where
// the connection was cut.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "channel/live_transfer.h"
#include "channel/receiving_end.h"
#include "channel/sending_end.h"
#include "proto/channel.pb.h"

namespace bitrepo::channel {

inline constexpr absl::Duration kBusyPauseLeast = absl::Milliseconds(20);
inline constexpr absl::Duration kBusyPauseMost = absl::Seconds(1);
inline constexpr absl::Duration kBusyPatience = absl::Seconds(60);  // then the BUSY is the answer

class DialledTransfer : public LiveTransfer {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // OnSession or OnNoSession follows, not from inside the call.
    virtual void WantSession(const std::string& endpoint, std::weak_ptr<DialledTransfer> who) = 0;
    virtual absl::Duration Jitter(absl::Duration pause) = 0;
    virtual void OnDialledEnded(TransferId id) = 0;
  };
  void Start();  // once it is held by shared_ptr
  void OnSession(PeerSession& session);
  void OnNoSession(const absl::Status& why);
  // As End, but once the sink is asked to commit its answer alone decides.
  void Cancel(const absl::Status& why);
  // As Cancel, without a word to the peer.
  void Abandon();

 protected:
  DialledTransfer(TransferServices services, TransferId id, std::string token,
                  TransferEvents events, Host& host);
  // Judges the token before anything is dialled; kOutOfRange and kInvalidArgument end the transfer.
  virtual absl::Status Prepare(const wire::TokenBody& token) = 0;
  virtual wire::TokenVerb verb() const = 0;
  // In which this end of a stream begins.
  virtual transfer::StreamState first_state() const = 0;
  // What OPEN says beside token and verb.
  virtual transfer::OpenRequest OpenWith() const = 0;
  // The OPEN was said on this port, for the first time or again.
  virtual void Opened(bool again) = 0;
  virtual absl::Status TakeOpenOk(const transfer::OpenAnswer& answer) = 0;
  virtual absl::Status TakeStreamFrame(const transfer::FrameHeader& header, base::Buffer payload,
                                       bool intact) = 0;
  // The stream is gone (broken, or refused as BUSY): what hangs on it is let go.
  virtual void StreamGone() = 0;
  // The OPEN was refused as BUSY, with all that was said behind it.
  virtual void ForgetOpening() {}
  // The stream broke, or none can be had: true when nothing more is needed of the peer, and the
  // transfer ends by itself.
  virtual bool EndsAlone() { return false; }
  // OK when opening it anew can lead anywhere.
  virtual absl::Status MayReopen() const { return absl::OkStatus(); }
  virtual uint64_t bytes_moved() const = 0;
  virtual bool committing() const { return false; }
  void Forget() final;

 private:
  absl::Status TakeFrame(const transfer::FrameHeader& header, base::Buffer payload,
                         bool intact) final;
  absl::Status TakeRefusal(const wire::ResponseInfo& response);
  void StreamBroke(const absl::Status& why) final;
  void Dial();

  const TransferId id_;
  const std::string token_text_;
  Host& host_;
  std::vector<std::string> endpoints_;
  size_t endpoint_ = 0;  // which one is tried
  bool opened_before_ = false;
  uint64_t moved_at_open_ = 0;
  absl::Duration busy_pause_ = kBusyPauseLeast;
  std::optional<absl::Time> busy_since_;
  runtime::TimerId timer_ = runtime::TimerId::kNone;
};

class DialledPush final : public DialledTransfer, private SendingEnd::Owner {
 public:
  DialledPush(TransferServices services, TransferId id, std::string token,
              std::shared_ptr<Source> source, TransferEvents events, Host& host);
  ~DialledPush() override;
  void OnBlocked(bool blocked) override;

 private:
  absl::Status Prepare(const wire::TokenBody& token) override;
  wire::TokenVerb verb() const override { return wire::STORE; }
  transfer::StreamState first_state() const override { return transfer::StreamState::kOffering; }
  transfer::OpenRequest OpenWith() const override { return {}; }
  void Opened(bool again) override;
  absl::Status TakeOpenOk(const transfer::OpenAnswer& answer) override;
  absl::Status TakeStreamFrame(const transfer::FrameHeader& header, base::Buffer payload,
                               bool intact) override;
  void StreamGone() override;
  void ForgetOpening() override { commit_said_ = false; }
  absl::Status MayReopen() const override;
  uint64_t bytes_moved() const override { return stored_bytes_; }
  void LetGo(const absl::Status& why) override;
  void OnAllSent() override;
  void OnStored(uint64_t bytes) override;
  void OnPaused(bool paused) override { Paused(paused); }
  void OnSendFailed(const absl::Status& why, bool violation) override;
  void OnFacts(absl::StatusOr<CommitFacts> facts);
  void Send(std::vector<base::ByteRange> ranges, uint64_t credit);

  std::shared_ptr<Source> source_;
  base::ByteRange range_;
  bool awaits_missing_ = false;  // some has come there before
  bool digest_only_ = false;     // the token takes COMMIT without bytes
  bool background_ = false;      // it takes no bytes unasked
  std::shared_ptr<SendingEnd> sending_;
  uint64_t stored_bytes_ = 0;
  bool commit_said_ = false;
};

class DialledFetch final : public DialledTransfer, private ReceivingEnd::Owner {
 public:
  DialledFetch(TransferServices services, TransferId id, std::string token,
               std::vector<base::ByteRange> ranges, std::shared_ptr<Sink> sink,
               TransferEvents events, bool background, uint64_t window_bytes, Host& host);
  ~DialledFetch() override;
  void OnBlocked(bool /*blocked*/) override {}

 private:
  absl::Status Prepare(const wire::TokenBody& token) override;
  wire::TokenVerb verb() const override { return wire::FETCH; }
  transfer::StreamState first_state() const override { return transfer::StreamState::kAsking; }
  transfer::OpenRequest OpenWith() const override;
  void Opened(bool again) override;
  absl::Status TakeOpenOk(const transfer::OpenAnswer& answer) override;
  absl::Status TakeStreamFrame(const transfer::FrameHeader& header, base::Buffer payload,
                               bool intact) override;
  void StreamGone() override;
  uint64_t bytes_moved() const override;
  bool EndsAlone() override;
  bool committing() const override;
  void LetGo(const absl::Status& why) override;
  void OnWritten(uint64_t bytes) override { Progress(bytes); }
  void OnPaused(bool paused) override { Paused(paused); }
  std::optional<base::Digest> DigestToCommit(std::optional<base::Digest> sent) override;
  void OnCommitted(const wire::ResponseInfo& response) override;
  void OnReceiveFailed(const absl::Status& why, bool violation) override;

  std::vector<base::ByteRange> ranges_;
  std::shared_ptr<Sink> sink_;
  const bool background_;
  const uint64_t window_bytes_;
  std::optional<base::Digest>
      digest_;  // when all of a file is asked for whose digest the token names
  std::shared_ptr<ReceivingEnd> receiving_;
  bool committed_ = false;
};

}  // namespace bitrepo::channel
