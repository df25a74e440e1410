// SPDX-License-Identifier: Apache-2.0
#include "client/digest_proof.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace bitrepo::client {

wire::ResponseInfo SinkAnswer(wire::ResponseCode code, std::string text) {
  wire::ResponseInfo answer;
  answer.set_code(code);
  answer.set_text(std::move(text));
  return answer;
}

DigestProof::DigestProof(std::optional<base::Digest> given) : given_(std::move(given)) {
  if (given_ && given_->algorithm() != base::Algorithm::kSha256) {
    other_.emplace(given_->algorithm());
  }
}

void DigestProof::Update(std::span<const std::byte> bytes) {
  sha256_.Update(bytes);
  if (other_) other_->Update(bytes);
}

wire::ResponseInfo DigestProof::Judge(const std::optional<base::Digest>& recorded) {
  const base::Digest found = sha256_.Finish();
  if (recorded && found != *recorded) {
    return SinkAnswer(wire::DATA_LOSS, absl::StrCat("the bytes have ", found.ToString(), ", not ",
                                                    recorded->ToString(), " as recorded"));
  }
  if (given_) {
    const base::Digest asked = other_ ? other_->Finish() : found;
    if (asked != *given_) {
      return SinkAnswer(wire::DATA_LOSS, absl::StrCat("the bytes have ", asked.ToString(), ", not ",
                                                      given_->ToString(), " as given"));
    }
  }
  return SinkAnswer(wire::OPERATION_COMPLETED, "");
}

}  // namespace bitrepo::client
