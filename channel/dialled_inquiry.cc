// SPDX-License-Identifier: Apache-2.0
#include "channel/dialled_inquiry.h"

#include <utility>

namespace bitrepo::channel {

DialledInquiry::DialledInquiry(TransferServices services, TransferId id, std::string token,
                               Done done, Host& host)
    : DialledTransfer(std::move(services), id, std::move(token), {}, host),
      done_(std::move(done)) {}

absl::Status DialledInquiry::TakeOpenOk(const transfer::OpenAnswer& answer) {
  if (!answer.report.has_value()) {
    return absl::InvalidArgumentError("OPEN_OK of an inquiry has no report");
  }
  report_ = *answer.report;
  CloseStream();
  End(absl::OkStatus());
  return absl::OkStatus();
}

void DialledInquiry::LetGo(const absl::Status& why) {
  if (!why.ok()) {
    report_ = why;
  }
  std::exchange(done_, nullptr)(std::move(report_));
}

}  // namespace bitrepo::channel
