// SPDX-License-Identifier: Apache-2.0
// One list being answered: GetChecksums, GetFileIDs and GetFileInfos alike, paged or as one
// transfer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "pillar/requests/grant.h"
#include "pillar/requests/list_work.h"
#include "pillar/requests/request_handler.h"
#include "pillar/requests/staged_sink.h"

namespace bitrepo::requests {

// Ends with OPERATION_COMPLETED, FILE_NOT_FOUND_FAILURE and DATA_LOSS (of the one file asked for),
// RANGE_ERROR, REQUEST_NOT_UNDERSTOOD_FAILURE (a cursor of another query, parameters that are
// none, or not the announced ones), REQUEST_NOT_SUPPORTED (bytes that are not kept here), NO_SPACE,
// FILE_TRANSFER_FAILURE, EXPIRED, CANCELLED, BUSY or FAILURE. What it has in staging goes with it.
class ListRequest final : public RequestHandler {
 public:
  using RequestHandler::RequestHandler;
  void Start() override;
  void Cancel(wire::ResponseCode code, absl::string_view reason) override;
  void OnTime(absl::Time now) override;

 private:
  enum class Stage { kPreparing, kReceiving, kWorking, kSending, kDone };
  using Room = absl::StatusOr<std::unique_ptr<store::StagedFile>>;

  // ---- the parameters come
  void TakeParameters();
  void OnRoom(Room room);
  void OnReceiptEnded(const absl::Status& how);
  void OnSealed(SealedFile put);
  absl::Status JudgeParameters(const SealedFile& put) const;

  // ---- the items are made
  void Work(std::unique_ptr<ListSource> source);
  // Who asks for the page at `cursor` of this list, and how.
  std::string PageKey(absl::string_view cursor) const;
  bool TakePageAhead();
  void MakePageAhead();
  void RunSlice();
  void OnSlice(ListWork::Slice slice);
  void Read(size_t readers);
  void OnRead(uint64_t bytes);

  // ---- they go out
  void Send();
  void OnSent(const absl::Status& how);

  void EndExpired(absl::string_view what);
  void End(wire::ResponseCode code, absl::string_view text);
  void Finish(wire::Body final);

  std::shared_ptr<const ListOrder> order_;
  Stage stage_ = Stage::kPreparing;
  std::unique_ptr<Grant> grant_;
  std::shared_ptr<ListWork> work_;
  bool accepted_ = false;
  uint64_t received_bytes_ = 0;
  size_t readers_ = 0;  // at work
  uint64_t read_bytes_ = 0;
  uint64_t read_total_ = 0;
  uint64_t sending_bytes_ = 0;
};

}  // namespace bitrepo::requests
