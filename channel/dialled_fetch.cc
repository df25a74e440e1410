// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "absl/strings/str_cat.h"
#include "channel/dialled_transfer.h"
#include "channel/transfer/control_payload.h"

namespace bitrepo::channel {

using transfer::FrameType;

DialledFetch::DialledFetch(TransferServices services, TransferId id, std::string token,
                           std::vector<base::ByteRange> ranges, std::shared_ptr<Sink> sink,
                           TransferEvents events, bool background, uint64_t window_bytes,
                           Host& host)
    : DialledTransfer(std::move(services), id, std::move(token), std::move(events), host),
      ranges_(std::move(ranges)),
      sink_(std::move(sink)),
      background_(background),
      window_bytes_(window_bytes) {}

DialledFetch::~DialledFetch() {
  if (receiving_ != nullptr) {
    receiving_->Stop();
  }
}

absl::Status DialledFetch::Prepare(const wire::TokenBody& token) {
  absl::StatusOr<base::ByteRange> granted = base::ByteRange::Within(
      token.file_size(), token.offset(),
      token.has_length() ? std::optional<uint64_t>(token.length()) : std::nullopt);
  if (!granted.ok()) {
    return granted.status();
  }
  transfer::ReceiverSpec spec;
  if (ranges_.empty() && !granted->empty()) {
    ranges_.push_back(*granted);
    spec.held = sink_->held();
  }
  if (ranges_.size() > transfer::kWantedRangesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        ranges_.size(), " ranges in one fetch, more than ", transfer::kWantedRangesMax));
  }
  base::RangeSet all;
  for (const base::ByteRange& range : ranges_) {
    if (range.empty() || !granted->Contains(range)) {
      return absl::OutOfRangeError(absl::StrCat("the range ", range.ToString(),
                                                " is empty or not in ", granted->ToString()));
    }
    if (all.Intersects(range)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the range ", range.ToString(), " is asked for twice"));
    }
    all.Add(range);
  }
  if (all.bytes() == token.file_size() && token.digest().algorithm() == wire::SHA256) {
    absl::StatusOr<base::Digest> digest =
        base::Digest::FromBytes(base::Algorithm::kSha256, token.digest().value());
    if (!digest.ok()) {
      return digest.status();
    }
    digest_ = *std::move(digest);
  }
  spec.wanted = ranges_;
  spec.window_bytes = window_bytes_;
  receiving_ = std::make_shared<ReceivingEnd>(
      services_, sink_, std::move(spec),
      transfer::RateTerms{token.collection_id(), token.issuer(), 0, background_},
      static_cast<ReceivingEnd::Owner&>(*this));
  return absl::OkStatus();
}

transfer::OpenRequest DialledFetch::OpenWith() const {
  transfer::OpenRequest open;
  open.ranges = receiving_->machine().Missing();
  open.holds_all = open.ranges.empty() && !ranges_.empty();
  return open;
}

void DialledFetch::Opened(bool /*again*/) {
  // Nothing comes unasked, so there is memory for it; credit follows as there is.
  receiving_->Attach(port_, 0);
}

absl::Status DialledFetch::TakeOpenOk(const transfer::OpenAnswer& answer) {
  const transfer::Receiver& machine = receiving_->machine();
  const uint64_t missing = machine.wanted_bytes() - machine.held_bytes();
  if (answer.size_bytes != missing) {
    return absl::InvalidArgumentError(absl::StrCat("OPEN_OK announces ", answer.size_bytes,
                                                   " bytes where ", missing, " were asked for"));
  }
  receiving_->OnGranted();
  return absl::OkStatus();
}

absl::Status DialledFetch::TakeStreamFrame(const transfer::FrameHeader& header,
                                           base::Buffer payload, bool intact) {
  receiving_->OnFrame(header, std::move(payload), intact);
  return absl::OkStatus();
}

void DialledFetch::StreamGone() { receiving_->Detach(); }

uint64_t DialledFetch::bytes_moved() const {
  return receiving_ == nullptr ? 0 : receiving_->machine().held_bytes();
}

bool DialledFetch::EndsAlone() {
  const transfer::Receiver& machine = receiving_->machine();
  if (machine.held_bytes() == 0 || machine.held_bytes() < machine.wanted_bytes()) {
    return committing();
  }
  receiving_->OnGranted();  // where nothing had to come it has not been asked to commit yet
  return true;
}

bool DialledFetch::committing() const { return receiving_ != nullptr && receiving_->committing(); }

void DialledFetch::LetGo(const absl::Status& why) {
  if (receiving_ != nullptr) {
    receiving_->Stop();
    receiving_->Detach();
  }
  if (!committed_) {
    sink_->Aborted(why);
  }
  sink_.reset();
}

std::optional<base::Digest> DialledFetch::DigestToCommit(std::optional<base::Digest> /*sent*/) {
  Step(transfer::StreamEvent::kAllCame);
  return digest_;
}

void DialledFetch::OnCommitted(const wire::ResponseInfo& response) {
  committed_ = true;
  EndSaying(FrameType::kDone, response);
}

void DialledFetch::OnReceiveFailed(const absl::Status& why, bool violation) {
  const std::shared_ptr<LiveTransfer> self = shared_from_this();
  if (violation) {
    Violation(why);
  }
  if (!committing()) {
    End(why);
  }
}

}  // namespace bitrepo::channel
