// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/list_request.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"
#include "pillar/requests/list_ahead.h"
#include "pillar/requests/parameter_set.h"
#include "pillar/requests/replies.h"
#include "pillar/requests/staged_source.h"

namespace bitrepo::requests {
namespace {

constexpr absl::string_view kTooMuch = "the pillar has too much to read";

wire::ResponseCode CodeOfOrder(const absl::Status& status) {
  return absl::IsUnimplemented(status) ? wire::REQUEST_NOT_SUPPORTED : CodeOfStore(status);
}

}  // namespace

void ListRequest::Start() {
  const auto collection = base::CollectionId::Parse(request().header.collection_id());
  absl::StatusOr<ListOrder> order =
      collection.ok() ? OrderOf(request(), parts_.TermsOf(*collection).default_algorithm)
                      : absl::StatusOr<ListOrder>(collection.status());
  if (!order.ok()) {
    End(CodeOfOrder(order.status()), order.status().message());
    return;
  }
  order_ = std::make_shared<const ListOrder>(*std::move(order));
  if (order_->reads() && !parts_.store.keeps_bytes()) {
    End(wire::REQUEST_NOT_SUPPORTED,
        "this pillar keeps digests only: ask for the sha256 of whole files, as it is on record");
    return;
  }
  if (order_->files.has_parameters()) {
    TakeParameters();
    return;
  }
  if (order_->reads() || order_->page.by_token()) {
    accepted_ = true;
    context_.Accepted(AcceptedBody(order_->operation), "");
  }
  if (!TakePageAhead()) Work(MakeListSource(parts_.store, *order_));
}

std::string ListRequest::PageKey(absl::string_view cursor) const {
  return absl::StrCat(request().header.from(), "\n", request().header.conversation_id(),
                      order_->question, order_->page.limit_items(), ",", order_->page.limit_bytes(),
                      "\n", cursor);
}

bool ListRequest::TakePageAhead() {
  if (order_->page.cursor().empty()) return false;
  const bool taken = parts_.ahead.Take(
      PageKey(order_->page.cursor()),
      [weak = weak_from_this()](std::shared_ptr<ListWork> work, ListWork::Slice slice) {
        const std::shared_ptr<RequestHandler> self = weak.lock();
        if (self == nullptr) return;
        auto& list = static_cast<ListRequest&>(*self);
        if (list.stage_ != Stage::kWorking) return;
        if (slice.status.ok()) {
          list.work_ = std::move(work);
          list.OnSlice(std::move(slice));
        } else {
          list.Work(MakeListSource(list.parts_.store, *list.order_));
        }
      });
  if (taken) stage_ = Stage::kWorking;
  return taken;
}

// Whoever asks for a second page means to read on. What must be read from the files is not read
// unasked.
void ListRequest::MakePageAhead() {
  const std::string& next = work_->next_cursor();
  if (order_->page.cursor().empty() || next.empty() || order_->reads()) return;
  parts_.ahead.Make(PageKey(next), work_);
}

void ListRequest::TakeParameters() {
  const absl::Status taken = RunThen(
      runtime::Lane::kWrite,
      [store = &parts_.store, order = order_]() -> Room {
        return store->StageScratch(order->collection, order->files.parameters().size_bytes());
      },
      &ListRequest::OnRoom);
  if (!taken.ok()) End(wire::BUSY, "the pillar has too much to write");
}

void ListRequest::OnRoom(Room room) {
  if (stage_ != Stage::kPreparing) return;
  if (!room.ok()) {
    End(CodeOfOrder(room.status()), room.status().message());
    return;
  }
  stage_ = Stage::kReceiving;
  const wire::ParameterSet& set = order_->files.parameters();
  wire::TokenBody token = TokenFor(parts_, request(), wire::STORE);
  token.set_content(wire::PARAMETERS);
  token.set_length(set.size_bytes());
  token.set_max_bytes(set.size_bytes());
  *token.mutable_digest() = set.digest();
  grant_ = std::make_unique<Grant>(parts_, std::move(token), set.size_bytes(),
                                   [this](const absl::Status& how) { OnReceiptEnded(how); });
  auto sink = std::make_shared<StagedSink>(
      *std::move(room), set.size_bytes(), DigestWish(), false, parts_.workers, parts_.loop.clock(),
      parts_.gauge, [weak = weak_from_this(), loop = &parts_.loop](SealedFile put) {
        loop->Post([weak, put = std::make_shared<SealedFile>(std::move(put))] {
          const std::shared_ptr<RequestHandler> self = weak.lock();
          if (self == nullptr) {
            put->done(MakeResponse(wire::CANCELLED, "the request has ended"));
          } else {
            static_cast<ListRequest*>(self.get())->OnSealed(std::move(*put));
          }
        });
      });
  parts_.channel.GrantStore(grant_->token(), std::move(sink), grant_->Events());
  accepted_ = true;
  context_.Accepted(AcceptedBody(order_->operation), grant_->text());
}

void ListRequest::OnReceiptEnded(const absl::Status& how) {
  if (stage_ != Stage::kReceiving) return;  // sealed: what was told to the sender comes back here
  if (absl::IsDeadlineExceeded(how)) {
    EndExpired("the parameters had come");
  } else if (absl::IsOutOfRange(how)) {
    End(wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
        absl::StrCat("the parameters have not the size that was announced: ", how.message()));
  } else {
    End(absl::IsResourceExhausted(how) ? wire::NO_SPACE : wire::FILE_TRANSFER_FAILURE,
        how.ok() ? "the parameters ended without a commit" : how.message());
  }
}

absl::Status ListRequest::JudgeParameters(const SealedFile& put) const {
  const wire::ParameterSet& set = order_->files.parameters();
  if (put.facts->size_bytes != set.size_bytes() ||
      put.facts->sha256.bytes() != set.digest().value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the parameters that came are ", put.facts->size_bytes, " bytes of ",
                     put.facts->sha256.ToString(), "; that is not what was announced"));
  }
  return absl::OkStatus();
}

void ListRequest::OnSealed(SealedFile put) {
  if (stage_ != Stage::kReceiving) {
    put.done(MakeResponse(wire::CANCELLED, "the request has ended"));
    return;
  }
  const absl::Status judged = put.status.ok() ? JudgeParameters(put) : put.status;
  if (!judged.ok()) {
    const wire::ResponseCode code =
        put.status.ok() ? wire::REQUEST_NOT_UNDERSTOOD_FAILURE : wire::FILE_TRANSFER_FAILURE;
    put.done(MakeResponse(code, judged.message()));
    End(code, judged.message());
    return;
  }
  received_bytes_ = put.facts->size_bytes;
  put.done(MakeResponse(wire::OPERATION_COMPLETED, ""));
  Work(std::make_unique<ParameterSource>(parts_.store, *order_, std::move(put.staged)));
}

void ListRequest::Work(std::unique_ptr<ListSource> source) {
  stage_ = Stage::kWorking;
  work_ = std::make_shared<ListWork>(parts_.store, parts_.loop.clock(), parts_.gauge, order_,
                                     std::move(source));
  RunSlice();
}

void ListRequest::RunSlice() {
  const absl::Status taken = RunThen(
      runtime::Lane::kRead, [work = work_] { return work->Run(); }, &ListRequest::OnSlice);
  if (!taken.ok()) End(wire::BUSY, kTooMuch);
}

void ListRequest::OnSlice(ListWork::Slice slice) {
  if (stage_ != Stage::kWorking) return;
  for (const auto& [file_id, why] : slice.losses) {
    parts_.host.RaiseAlarm("data-loss", why, file_id);
  }
  read_total_ = slice.bytes_total;
  if (!slice.status.ok()) {
    End(CodeOfOrder(slice.status), slice.status.message());
  } else if (slice.readers > 0) {
    Read(slice.readers);
  } else if (!slice.done) {
    RunSlice();
  } else if (order_->page.by_token()) {
    Send();
  } else {
    wire::Body final = work_->TakeFinal();
    MakePageAhead();  // while this one is sealed and sent
    Finish(std::move(final));
  }
}

void ListRequest::Read(size_t readers) {
  readers_ = readers;
  for (size_t i = 0; i < readers; ++i) {
    const absl::Status taken = RunThen(
        runtime::Lane::kRead, [work = work_, i] { return work->Read(i); }, &ListRequest::OnRead);
    if (!taken.ok()) {
      End(wire::BUSY, kTooMuch);
      return;
    }
  }
}

void ListRequest::OnRead(uint64_t bytes) {
  if (stage_ != Stage::kWorking) return;
  read_bytes_ += bytes;
  if (--readers_ == 0) RunSlice();
}

void ListRequest::Send() {
  stage_ = Stage::kSending;
  ListWork::Staged list = work_->TakeStaged();
  sending_bytes_ = list.facts->size_bytes;
  wire::TokenBody token = TokenFor(parts_, request(), wire::FETCH);
  token.set_content(wire::LIST);
  token.set_length(sending_bytes_);
  token.set_file_size(sending_bytes_);
  *token.mutable_digest() = ToWire(list.facts->sha256);
  grant_ = std::make_unique<Grant>(parts_, std::move(token), sending_bytes_,
                                   [this](const absl::Status& how) { OnSent(how); });
  parts_.channel.GrantFetch(
      grant_->token(),
      std::make_shared<StagedSource>(std::move(list.file), sending_bytes_, parts_.workers),
      grant_->Events());
  wire::Body sending = AcceptedBody(order_->operation);
  sending.mutable_response()->set_code(wire::OPERATION_PROGRESS);
  sending.mutable_progress()->set_phase(wire::SENDING);
  sending.mutable_progress()->set_bytes_total(sending_bytes_);
  context_.Accepted(std::move(sending), grant_->text());
}

void ListRequest::OnSent(const absl::Status& how) {
  if (stage_ != Stage::kSending) return;
  if (how.ok()) {
    Finish(work_->TakeFinal());
  } else if (absl::IsDeadlineExceeded(how)) {
    EndExpired("all was fetched");
  } else {
    End(wire::FILE_TRANSFER_FAILURE, how.message());
  }
}

void ListRequest::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (stage_ == Stage::kDone) return;
  if (grant_ != nullptr) grant_->Revoke(protocol::StatusWith(code, reason));
  End(code, reason);
}

void ListRequest::OnTime(absl::Time now) {
  if (!accepted_ || stage_ == Stage::kDone) return;
  const bool moving = stage_ == Stage::kReceiving || stage_ == Stage::kSending;
  const bool stood_still = moving && grant_->StoodStill(now);
  const bool waits = moving && grant_->waits_for_credit();
  wire::Progress progress;
  switch (stage_) {
    case Stage::kReceiving:
      progress.set_phase(waits ? wire::WAITING_FOR_CREDIT : wire::RECEIVING);
      progress.set_bytes_done(grant_->bytes_done());
      progress.set_bytes_total(order_->files.parameters().size_bytes());
      break;
    case Stage::kSending:
      progress.set_phase(waits ? wire::WAITING_FOR_CREDIT : wire::SENDING);
      progress.set_bytes_done(grant_->bytes_done());
      progress.set_bytes_total(sending_bytes_);
      break;
    default:
      // Bytes never fall: those of the parameters count on.
      progress.set_phase(wire::READING);
      progress.set_bytes_done(received_bytes_ + read_bytes_);
      if (read_total_ > 0) progress.set_bytes_total(received_bytes_ + read_total_);
      break;
  }
  context_.Progress(progress);
  if (stood_still) {
    grant_->Revoke(absl::DeadlineExceededError("nothing moved for too long"));
    End(wire::EXPIRED,
        absl::StrCat("nothing moved for ", absl::FormatDuration(parts_.transfer_idle)));
  }
}

void ListRequest::EndExpired(absl::string_view what) {
  End(wire::EXPIRED, absl::StrCat("the token expired before ", what));
}

void ListRequest::End(wire::ResponseCode code, absl::string_view text) {
  Finish(FinalBody(request().header.operation(), code, text));
}

void ListRequest::Finish(wire::Body final) {
  stage_ = Stage::kDone;
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests
