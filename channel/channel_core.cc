// SPDX-License-Identifier: Apache-2.0
#include "channel/channel_core.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/log.h"
#include "base/status.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {
namespace {

constexpr absl::Duration kLogWindow = absl::Seconds(10);
constexpr int kLogLinesMax = 20;
constexpr absl::Duration kIdleSession = absl::Seconds(60);
// A stream may begin with its share of the memory unasked; the rest is granted as there is.
constexpr uint64_t kInitialCreditShare = 16;

wire::ResponseInfo Answer(wire::ResponseCode code, absl::string_view text) {
  wire::ResponseInfo response;
  response.set_code(code);
  response.set_text(std::string(text));
  return response;
}

// Of a token, with the codes that [D-31] has for it.
wire::ResponseInfo RefusalOf(const absl::Status& why) {
  switch (why.code()) {
    case absl::StatusCode::kDeadlineExceeded:
      return Answer(wire::EXPIRED, why.message());
    case absl::StatusCode::kOutOfRange:
      return Answer(wire::RANGE_ERROR, why.message());
    default:
      return Answer(wire::INVALID_TOKEN, why.message());
  }
}

}  // namespace

ChannelCore::ChannelCore(ChannelOptions options, runtime::EventLoop& loop, Link& link,
                         const transfer::TokenMint& mint, base::Random& random,
                         std::shared_ptr<LoopDoor> door, std::shared_ptr<CallInbox> inbox)
    : options_(std::move(options)),
      link_(link),
      mint_(mint),
      random_(random),
      services_{&loop, door, std::make_shared<TransferMemory>(options_.memory_bytes_max, door),
                std::make_shared<RateGate>(loop), std::make_shared<RateGate>(loop)},
      inbox_(std::move(inbox)),
      log_lines_(kLogLinesMax, kLogWindow) {
  BITREPO_CHECK(options_.memory_bytes_max >= kInitialCreditShare * kSegmentBytes,
                "a channel has memory for a few segments");
}

absl::Status ChannelCore::Start() {
  BITREPO_RETURN_IF_ERROR(services_.rates->SetRules(options_.rates));
  BITREPO_RETURN_IF_ERROR(services_.pace->SetRules({{wire::RATE_NODE, "", options_.pace, false}}));
  return link_.Start(*this);
}

void ChannelCore::CatchUp() {
  for (CallInbox::Call& call : inbox_->TakeAll()) {
    call(*this);
  }
}

uint64_t ChannelCore::initial_credit() const {
  // Under a rate nothing comes that was not granted by it.
  if (services_.rates->limits() || !options_.unasked_credit) {
    return 0;
  }
  return std::min(options_.memory_bytes_max / kInitialCreditShare, kWindowBytes);
}

template <typename Grant, typename End>
void ChannelCore::AddGrant(const wire::TokenBody& token, std::shared_ptr<End> end,
                           TransferEvents events) {
  absl::StatusOr<base::TokenId> id = base::TokenId::FromBytes(token.token_id());
  BITREPO_CHECK(id.ok() && !grants_.contains(*id), "a token that is granted has an id of its own");
  auto grant = std::make_shared<Grant>(services_, *id, token, std::move(end), std::move(events),
                                       options_.silence, *this);
  grants_[*id] = grant;
  if (closed_) {
    grant->End(absl::CancelledError("the data channel is closed"));
  } else {
    grant->Start();
  }
}

void ChannelCore::GrantStore(const wire::TokenBody& token, std::shared_ptr<Sink> sink,
                             TransferEvents events) {
  AddGrant<GrantedStore>(token, std::move(sink), std::move(events));
}

void ChannelCore::GrantFetch(const wire::TokenBody& token, std::shared_ptr<Source> source,
                             TransferEvents events) {
  AddGrant<GrantedFetch>(token, std::move(source), std::move(events));
}

void ChannelCore::Revoke(const base::TokenId& token, const absl::Status& why) {
  if (auto found = grants_.find(token); found != grants_.end()) {
    const std::shared_ptr<GrantedTransfer> grant = found->second;
    grant->Revoke(why);
  }
}

void ChannelCore::Push(TransferId id, std::string token, std::shared_ptr<Source> source,
                       TransferEvents events) {
  auto push = std::make_shared<DialledPush>(services_, id, std::move(token), std::move(source),
                                            std::move(events), *this);
  transfers_[id] = push;
  if (closed_) {
    push->End(absl::CancelledError("the data channel is closed"));
  } else {
    push->Start();
  }
}

void ChannelCore::Fetch(TransferId id, std::string token, std::vector<base::ByteRange> ranges,
                        std::shared_ptr<Sink> sink, TransferEvents events, bool background,
                        uint64_t window_bytes) {
  auto fetch = std::make_shared<DialledFetch>(services_, id, std::move(token), std::move(ranges),
                                              std::move(sink), std::move(events), background,
                                              window_bytes, *this);
  transfers_[id] = fetch;
  if (closed_) {
    fetch->End(absl::CancelledError("the data channel is closed"));
  } else {
    fetch->Start();
  }
}

void ChannelCore::Inquire(TransferId id, std::string token, DialledInquiry::Done done) {
  auto inquiry =
      std::make_shared<DialledInquiry>(services_, id, std::move(token), std::move(done), *this);
  transfers_[id] = inquiry;
  if (closed_) {
    inquiry->End(absl::CancelledError("the data channel is closed"));
  } else {
    inquiry->Start();
  }
}

void ChannelCore::OnGrantEnded(const base::TokenId& token, wire::TransferReport report) {
  ended_grants_.Remember(token, std::move(report));
  grants_.erase(token);
}

void ChannelCore::Cancel(TransferId id, const absl::Status& why) {
  if (auto found = transfers_.find(id); found != transfers_.end()) {
    const std::shared_ptr<DialledTransfer> transfer = found->second;
    transfer->Cancel(why);
  }
}

void ChannelCore::Abandon(TransferId id) {
  if (auto found = transfers_.find(id); found != transfers_.end()) {
    const std::shared_ptr<DialledTransfer> transfer = found->second;
    transfer->Abandon();
  }
}

void ChannelCore::Close() {
  closed_ = true;
  const absl::Status here = absl::CancelledError("the data channel is closed");
  const absl::Status there = absl::UnavailableError("this component is stopping");
  for (const auto& [id, transfer] : std::exchange(transfers_, {})) {
    transfer->End(here);
  }
  for (const auto& [id, grant] : std::exchange(grants_, {})) {
    grant->End(there);
  }
  for (const auto& [connection, session] : absl::btree_map(sessions_)) {
    session->Leave();
  }
}

std::shared_ptr<PeerSession> ChannelCore::AddSession(ConnectionNumber connection, bool dialled,
                                                     std::string peer) {
  transfer::SessionSpec spec;
  spec.dialled = dialled;
  spec.node = options_.node;
  spec.initial_credit = initial_credit();
  spec.silence = options_.silence;
  spec.first_word = options_.first_word;
  spec.idle = kIdleSession;
  auto session = std::make_shared<PeerSession>(std::move(spec), connection, std::move(peer),
                                               *services_.loop, link_, *this);
  sessions_[connection] = session;
  session->Start();
  return session;
}

void ChannelCore::WantSession(const std::string& endpoint, std::weak_ptr<DialledTransfer> who) {
  // Never from inside the call: the transfer is in the middle of something.
  services_.door->Post([weak = weak_from_this(), endpoint, who = std::move(who)]() mutable {
    const std::shared_ptr<ChannelCore> self = weak.lock();
    const std::shared_ptr<DialledTransfer> transfer = who.lock();
    if (self == nullptr || transfer == nullptr || transfer->ended()) {
      return;
    }
    Route& route = self->routes_[endpoint];
    route.waiting.push_back(std::move(who));
    if (route.session != nullptr) {
      self->Feed(endpoint);
      return;
    }
    absl::StatusOr<ConnectionNumber> connection = self->link_.Dial(endpoint);
    if (connection.ok()) {
      route.session = self->AddSession(*connection, true, endpoint);
    } else {
      self->routes_.erase(endpoint);
      transfer->OnNoSession(connection.status());
    }
  });
}

void ChannelCore::Feed(const std::string& endpoint) {
  for (auto route = routes_.find(endpoint);
       route != routes_.end() && !route->second.waiting.empty(); route = routes_.find(endpoint)) {
    const std::shared_ptr<PeerSession> session = route->second.session;
    if (session == nullptr || !session->ready() ||
        session->stream_count() >= options_.streams_per_session_max) {
      return;
    }
    const std::shared_ptr<DialledTransfer> next = route->second.waiting.front().lock();
    route->second.waiting.pop_front();
    if (next != nullptr && !next->ended()) {
      next->OnSession(*session);
    }
  }
}

void ChannelCore::DropRoute(const PeerSession& session, const absl::Status& why) {
  for (auto route = routes_.begin(); route != routes_.end(); ++route) {
    if (route->second.session.get() == &session) {
      const Route gone = std::move(route->second);
      routes_.erase(route);
      for (const std::weak_ptr<DialledTransfer>& weak : gone.waiting) {
        if (const std::shared_ptr<DialledTransfer> transfer = weak.lock()) {
          transfer->OnNoSession(why);
        }
      }
      return;
    }
  }
}

void ChannelCore::OnSessionUp(PeerSession& session) { OnStreamEnded(session); }

void ChannelCore::OnStreamEnded(PeerSession& session) {
  for (const auto& [endpoint, route] : routes_) {
    if (route.session.get() == &session) {
      // A copy of the name: what is fed may change the routes.
      Feed(std::string(endpoint));
      return;
    }
  }
}

void ChannelCore::OnSessionDraining(PeerSession& session) {
  DropRoute(session, absl::UnavailableError("the peer is stopping"));
}

void ChannelCore::OnSessionEnded(PeerSession& session, const absl::Status& why, bool violation) {
  sessions_.erase(session.connection());
  const absl::Time now = services_.loop->Now();
  if (!why.ok() && log_lines_.Take(now)) {
    base::LogLine(base::LogLevel::kInfo, "data-session-ended")
        .With("peer", session.peer())
        .With("why", why.message());
  }
  if (violation && tell_ != nullptr) {
    if (violations_.Take(now)) {
      tell_({session.peer(), why, std::exchange(untold_, 0)});
    } else {
      ++untold_;
    }
  }
  DropRoute(session, why.ok() ? absl::UnavailableError("the session has ended") : why);
}

wire::ResponseInfo ChannelCore::JudgeOpen(const PeerSession& session,
                                          const transfer::OpenRequest& open,
                                          std::shared_ptr<GrantedTransfer>& grant) const {
  if (open.verb != wire::STORE && open.verb != wire::FETCH) {
    return Answer(wire::REQUEST_NOT_SUPPORTED,
                  absl::StrCat("the verb ", open.verb, " is not known here"));
  }
  absl::StatusOr<wire::TokenBody> token = mint_.Verify(open.token, services_.loop->Now());
  if (!token.ok()) {
    return RefusalOf(token.status());
  }
  absl::StatusOr<base::TokenId> id = base::TokenId::FromBytes(token->token_id());
  auto found = id.ok() ? grants_.find(*id) : grants_.end();
  if (found == grants_.end()) {
    return Answer(wire::INVALID_TOKEN, "the token is not known here, or spent");
  }
  if (session.stream_count() >= options_.streams_per_session_max) {
    return Answer(wire::BUSY, "too many streams on one session");
  }
  grant = found->second;
  return Answer(wire::OPERATION_COMPLETED, "");
}

absl::StatusOr<wire::TransferReport> ChannelCore::JudgeInquiry(
    const transfer::OpenRequest& open) const {
  if (!open.ranges.empty()) {
    return absl::OutOfRangeError("an inquiry is about the whole transmission and names no ranges");
  }
  absl::StatusOr<wire::TokenBody> token = mint_.Authenticate(open.token);
  if (!token.ok()) {
    return token.status();
  }
  if (absl::StatusOr<base::TokenId> id = base::TokenId::FromBytes(token->token_id()); id.ok()) {
    if (auto found = grants_.find(*id); found != grants_.end()) {
      return found->second->Report();
    }
    if (const wire::TransferReport* report = ended_grants_.Find(*id); report != nullptr) {
      return *report;
    }
  }
  if (services_.loop->Now() >= absl::FromUnixMicros(token->expires_at_boot_us())) {
    return absl::DeadlineExceededError("the token has expired, and what became of it is forgotten");
  }
  return absl::InvalidArgumentError("the token is not known here, or long spent");
}

void ChannelCore::OnOpen(PeerSession& session, uint32_t stream, transfer::OpenRequest open) {
  std::shared_ptr<GrantedTransfer> grant;
  wire::ResponseInfo answer;
  if (open.verb == wire::INQUIRE) {
    transfer::OpenAnswer told;
    absl::StatusOr<wire::TransferReport> report = JudgeInquiry(open);
    if (report.ok()) {
      told.report = *std::move(report);
      session.Say(transfer::FrameType::kOpenOk, stream, transfer::WriteOpenOk(told));
      return;
    }
    answer = RefusalOf(report.status());
  } else {
    answer = JudgeOpen(session, open, grant);
  }
  if (grant == nullptr) {
    if (log_lines_.Take(services_.loop->Now())) {
      base::LogLine(base::LogLevel::kInfo, "data-stream-refused")
          .With("peer", session.peer())
          .With("code", wire::ResponseCode_Name(answer.code()))
          .With("why", answer.text());
    }
    session.Refuse(stream, answer);
    return;
  }
  grant->Open(session, stream, open);
}

void ChannelCore::OnAccepted(ConnectionNumber connection) {
  AddSession(connection, false, absl::StrCat("connection ", connection));
}

void ChannelCore::OnDialled(ConnectionNumber connection) {
  if (auto found = sessions_.find(connection); found != sessions_.end()) {
    const std::shared_ptr<PeerSession> session = found->second;
    session->OnConnected();
  }
}

void ChannelCore::OnFrame(ConnectionNumber connection, LinkFrame frame) {
  CatchUp();
  if (auto found = sessions_.find(connection); found != sessions_.end()) {
    const std::shared_ptr<PeerSession> session = found->second;
    session->OnFrame(std::move(frame));
  }
}

void ChannelCore::OnWritable(ConnectionNumber connection) {
  if (auto found = sessions_.find(connection); found != sessions_.end()) {
    const std::shared_ptr<PeerSession> session = found->second;
    session->OnWritable();
  }
}

void ChannelCore::OnClosed(ConnectionNumber connection, absl::Status why) {
  if (auto found = sessions_.find(connection); found != sessions_.end()) {
    const std::shared_ptr<PeerSession> session = found->second;
    session->OnLost(why);
  }
}

}  // namespace bitrepo::channel
