// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "channel/dialled_transfer.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {

using transfer::FrameType;

DialledPush::DialledPush(TransferServices services, TransferId id, std::string token,
                         std::shared_ptr<Source> source, TransferEvents events, Host& host)
    : DialledTransfer(std::move(services), id, std::move(token), std::move(events), host),
      source_(std::move(source)) {}

DialledPush::~DialledPush() { StreamGone(); }

absl::Status DialledPush::Prepare(const wire::TokenBody& token) {
  absl::StatusOr<base::ByteRange> range = base::ByteRange::Within(
      source_->size_bytes(), token.offset(),
      token.has_length() ? std::optional<uint64_t>(token.length()) : std::nullopt);
  if (!range.ok()) {
    return range.status();
  }
  if (range->length() > token.max_bytes()) {
    return absl::OutOfRangeError(absl::StrCat("the source has ", range->length(),
                                              " bytes, the token takes ", token.max_bytes()));
  }
  range_ = *range;
  digest_only_ = token.digest_only();
  awaits_missing_ = token.held_bytes() > 0;
  background_ = token.background();
  return absl::OkStatus();
}

void DialledPush::Send(std::vector<base::ByteRange> ranges, uint64_t credit) {
  sending_ = std::make_shared<SendingEnd>(services_, port_, source_, false,
                                          static_cast<SendingEnd::Owner&>(*this));
  const std::shared_ptr<SendingEnd> sending = sending_;
  sending->Start(std::move(ranges), credit);
}

void DialledPush::Opened(bool again) {
  // The first time nothing has come there yet, unless the token says so: bytes follow at once.
  // Where the digest alone is wanted there are none to wait for.
  if (digest_only_) {
    Send({}, 0);
  } else if (!again && !awaits_missing_) {
    Send({range_}, background_ ? 0 : port_.session().initial_credit());
  }
}

absl::Status DialledPush::TakeOpenOk(const transfer::OpenAnswer& answer) {
  if (sending_ != nullptr) {
    const std::shared_ptr<SendingEnd> sending = sending_;
    sending->OnGranted(answer);
    return absl::OkStatus();
  }
  std::vector<base::ByteRange> ranges;
  for (const base::ByteRange& missing : answer.missing) {
    if (const base::ByteRange part = range_.Intersect(missing); !part.empty()) {
      ranges.push_back(part);
    }
  }
  Send(std::move(ranges), answer.credit);
  return absl::OkStatus();
}

absl::Status DialledPush::TakeStreamFrame(const transfer::FrameHeader& header, base::Buffer payload,
                                          bool /*intact*/) {
  if (header.type == FrameType::kCommitOk) {
    absl::StatusOr<wire::ResponseInfo> response = transfer::ReadStreamEnd(payload.text());
    if (!response.ok()) {
      return response.status();
    }
    EndTold(*response);
    return absl::OkStatus();
  }
  const std::shared_ptr<SendingEnd> sending = sending_;
  sending->OnFrame(header);
  return absl::OkStatus();
}

void DialledPush::StreamGone() {
  if (sending_ != nullptr) {
    sending_->Stop();
    sending_.reset();
  }
}

absl::Status DialledPush::MayReopen() const {
  return commit_said_ ? absl::UnavailableError(
                            "the connection broke behind COMMIT: what became of it is not known")
                      : absl::OkStatus();
}

void DialledPush::LetGo(const absl::Status& why) {
  StreamGone();
  source_->Finished(why);
  source_.reset();
}

void DialledPush::OnBlocked(bool blocked) {
  if (const std::shared_ptr<SendingEnd> sending = sending_) {
    sending->OnBlocked(blocked);
  }
}

void DialledPush::OnAllSent() {
  source_->Facts([door = services_.door, weak = weak_from_this(), this,
                  stream = std::weak_ptr<SendingEnd>(sending_)](absl::StatusOr<CommitFacts> facts) {
    door->Post([weak, this, stream, facts = std::move(facts)]() mutable {
      const std::shared_ptr<LiveTransfer> self = weak.lock();
      // Of another stream than the present one they say nothing here.
      if (self != nullptr && sending_ != nullptr && sending_ == stream.lock()) {
        OnFacts(std::move(facts));
      }
    });
  });
}

void DialledPush::OnFacts(absl::StatusOr<CommitFacts> facts) {
  if (!facts.ok()) {
    End(facts.status());
    return;
  }
  commit_said_ = true;
  Step(transfer::StreamEvent::kCommitSaid);
  port_.Say(FrameType::kCommit, transfer::WriteCommit({facts->size_bytes, facts->sha256}));
}

void DialledPush::OnStored(uint64_t bytes) {
  stored_bytes_ = std::max(stored_bytes_, std::min(bytes, range_.length()));
  Progress(stored_bytes_);
}

void DialledPush::OnSendFailed(const absl::Status& why, bool violation) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  if (violation) {
    Violation(why);
  }
  End(why);
}

}  // namespace bitrepo::channel
