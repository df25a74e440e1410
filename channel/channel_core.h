// SPDX-License-Identifier: Apache-2.0
// All that a channel keeps on its loop: sessions by connection, grants by token, transfers by
// number.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "base/ids.h"
#include "base/random.h"
#include "channel/call_inbox.h"
#include "channel/channel.h"
#include "channel/dialled_inquiry.h"
#include "channel/dialled_transfer.h"
#include "channel/ended_grants.h"
#include "channel/granted_transfer.h"
#include "channel/link.h"
#include "channel/peer_session.h"
#include "channel/transfer/token.h"
#include "channel/window_quota.h"

namespace bitrepo::channel {

// Loop-confined. Held by shared_ptr by the Channel; what is posted to it holds it weakly.
class ChannelCore final : public Link::Handler,
                          public PeerSession::Host,
                          public GrantedTransfer::Host,
                          public DialledTransfer::Host,
                          public std::enable_shared_from_this<ChannelCore> {
 public:
  ChannelCore(ChannelOptions options, runtime::EventLoop& loop, Link& link,
              const transfer::TokenMint& mint, base::Random& random, std::shared_ptr<LoopDoor> door,
              std::shared_ptr<CallInbox> inbox);
  absl::Status Start();
  // Does what has been called from other threads until now.
  void CatchUp();

  void GrantStore(const wire::TokenBody& token, std::shared_ptr<Sink> sink, TransferEvents events);
  void GrantFetch(const wire::TokenBody& token, std::shared_ptr<Source> source,
                  TransferEvents events);
  void Revoke(const base::TokenId& token, const absl::Status& why);
  void Push(TransferId id, std::string token, std::shared_ptr<Source> source,
            TransferEvents events);
  void Fetch(TransferId id, std::string token, std::vector<base::ByteRange> ranges,
             std::shared_ptr<Sink> sink, TransferEvents events, bool background,
             uint64_t window_bytes);
  RateGate& rates() { return *services_.rates; }
  void Inquire(TransferId id, std::string token, DialledInquiry::Done done);
  void Cancel(TransferId id, const absl::Status& why);
  void Abandon(TransferId id);
  void Close();
  void TellViolations(absl::AnyInvocable<void(Violation)> tell) { tell_ = std::move(tell); }
  std::map<std::string, uint64_t> DropCounts() const { return link_.DropCounts(); }

  // From the link.
  void OnAccepted(ConnectionNumber connection) override;
  void OnDialled(ConnectionNumber connection) override;
  void OnFrame(ConnectionNumber connection, LinkFrame frame) override;
  void OnWritable(ConnectionNumber connection) override;
  void OnClosed(ConnectionNumber connection, absl::Status why) override;

 private:
  // Where one endpoint is dialled: its session once there is one, and who waits for a stream on it.
  struct Route {
    std::shared_ptr<PeerSession> session;
    std::deque<std::weak_ptr<DialledTransfer>> waiting;
  };

  // From sessions.
  void OnSessionUp(PeerSession& session) override;
  void OnOpen(PeerSession& session, uint32_t stream, transfer::OpenRequest open) override;
  void OnStreamEnded(PeerSession& session) override;
  void OnSessionDraining(PeerSession& session) override;
  void OnSessionEnded(PeerSession& session, const absl::Status& why, bool violation) override;
  // From transfers.
  void OnGrantEnded(const base::TokenId& token, wire::TransferReport report) override;
  void WantSession(const std::string& endpoint, std::weak_ptr<DialledTransfer> who) override;
  absl::Duration Jitter(absl::Duration pause) override { return random_.Jitter(pause); }
  void OnDialledEnded(TransferId id) override { transfers_.erase(id); }

  wire::ResponseInfo JudgeOpen(const PeerSession& session, const transfer::OpenRequest& open,
                               std::shared_ptr<GrantedTransfer>& grant) const;
  absl::StatusOr<wire::TransferReport> JudgeInquiry(const transfer::OpenRequest& open) const;
  template <typename Grant, typename End>
  void AddGrant(const wire::TokenBody& token, std::shared_ptr<End> end, TransferEvents events);
  std::shared_ptr<PeerSession> AddSession(ConnectionNumber connection, bool dialled,
                                          std::string peer);
  void Feed(const std::string& endpoint);
  void DropRoute(const PeerSession& session, const absl::Status& why);
  uint64_t initial_credit() const;

  const ChannelOptions options_;
  Link& link_;
  const transfer::TokenMint& mint_;
  base::Random& random_;
  const TransferServices services_;
  const std::shared_ptr<CallInbox> inbox_;
  bool closed_ = false;
  // Peers make log lines and violations come about, as many as they like.
  WindowQuota log_lines_;
  WindowQuota violations_{kViolationsToldMax, kViolationsWindow};
  uint64_t untold_ = 0;
  absl::AnyInvocable<void(Violation)> tell_;
  absl::btree_map<ConnectionNumber, std::shared_ptr<PeerSession>> sessions_;
  absl::btree_map<std::string, Route> routes_;  // by endpoint
  absl::btree_map<base::TokenId, std::shared_ptr<GrantedTransfer>> grants_;
  EndedGrants ended_grants_;
  absl::btree_map<TransferId, std::shared_ptr<DialledTransfer>> transfers_;
};

}  // namespace bitrepo::channel
