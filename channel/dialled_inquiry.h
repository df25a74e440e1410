// SPDX-License-Identifier: Apache-2.0
// An inquiry by a token of another: what has become of its transmission.
#pragma once

#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "channel/dialled_transfer.h"

namespace bitrepo::channel {

// A transfer without bytes: OPEN is said, and OPEN_OK is the whole answer.
class DialledInquiry final : public DialledTransfer {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<wire::TransferReport>)>;
  DialledInquiry(TransferServices services, TransferId id, std::string token, Done done,
                 Host& host);
  void OnBlocked(bool /*blocked*/) override {}

 private:
  absl::Status Prepare(const wire::TokenBody& /*token*/) override { return absl::OkStatus(); }
  wire::TokenVerb verb() const override { return wire::INQUIRE; }
  transfer::StreamState first_state() const override { return transfer::StreamState::kInquiring; }
  transfer::OpenRequest OpenWith() const override { return {}; }
  void Opened(bool /*again*/) override {}
  absl::Status TakeOpenOk(const transfer::OpenAnswer& answer) override;
  // Nothing else has a place on its stream.
  absl::Status TakeStreamFrame(const transfer::FrameHeader& /*header*/, base::Buffer /*payload*/,
                               bool /*intact*/) override {
    return absl::OkStatus();
  }
  void StreamGone() override {}
  uint64_t bytes_moved() const override { return 0; }
  void LetGo(const absl::Status& why) override;

  Done done_;
  absl::StatusOr<wire::TransferReport> report_;
};

}  // namespace bitrepo::channel
