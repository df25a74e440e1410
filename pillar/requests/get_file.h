// SPDX-License-Identifier: Apache-2.0
// GetFile: serves one range of one stored generation under a token, once it is on disk, and says
// how it went.
#pragma once

#include <memory>
#include <optional>

#include "base/byte_range.h"
#include "pillar/requests/grant.h"
#include "pillar/requests/request_handler.h"

namespace bitrepo::requests {

// Ends with one of: OPERATION_COMPLETED (the receiver has verified all), FILE_NOT_FOUND_FAILURE,
// RANGE_ERROR, DATA_LOSS,
// FILE_TRANSFER_FAILURE, EXPIRED, CANCELLED, GONE, BUSY, FAILURE.
class GetFile final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 private:
  enum class Stage { kOpening, kRecalling, kSending, kDone };
  using Opened = store::SlowStore::Opened;

  void Recall(const base::CollectionId& collection, const base::FileId& file_id,
              const base::GenerationId& generation);
  void OnOpened(Opened file);
  void Serve(std::shared_ptr<store::StoredFile> file);
  void OnDamaged(const absl::Status& why);
  void OnTransferEnded(const absl::Status& how);
  void End(wire::ResponseCode code, absl::string_view text);

  Stage stage_ = Stage::kOpening;
  base::ByteRange range_;
  std::optional<wire::FileInfo> file_;
  std::unique_ptr<store::SlowStore::Work> recall_;
  bool told_of_recall_ = false;  // accepted, before there is a token
  std::unique_ptr<Grant> grant_;
  std::optional<wire::ResponseInfo> withdrawn_;  // to end with, when a worker comes back
};

}  // namespace bitrepo::requests
