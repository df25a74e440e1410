// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_file_ids.h"

#include <utility>

#include "pillar/requests/listing.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr uint32_t kItemsMax = 5000;
// Field tags, lengths and numbers of one FileInfo beside its id: an upper bound.
constexpr size_t kItemBytesBesideId = 100;
constexpr size_t kTroubleBytes = 50;  // why a file cannot be had

absl::StatusOr<store::RecordPage> Look(store::FileStore& store, const store::ListQuery& query,
                                       const wire::PageSpec& page) {
  if (!query.only) {
    return ReadPage(store, query, page, kItemsMax, [](const store::FileRecord& record) {
      return record.file_id.text().size() + kItemBytesBesideId +
             (record.trouble.empty() ? 0 : kTroubleBytes);
    });
  }
  absl::StatusOr<store::FileRecord> record = store.Find(query.collection, *query.only);
  if (!record.ok()) return record.status();
  return store::RecordPage{{*std::move(record)}, ""};
}

}  // namespace

void GetFileIds::Start() {
  absl::StatusOr<store::ListQuery> query =
      QueryFor(request().header, request().body.get_file_ids_request().files(), "");
  if (!query.ok()) {
    End(FinalBody(wire::GET_FILE_IDS, wire::REQUEST_NOT_UNDERSTOOD_FAILURE,
                  query.status().message()));
    return;
  }
  const absl::Status taken = RunThen(
      runtime::Lane::kRead,
      [store = &parts_.store, query = *std::move(query), page = request().body.page()] {
        return Look(*store, query, page);
      },
      &GetFileIds::OnPage);
  if (!taken.ok()) {
    End(FinalBody(wire::GET_FILE_IDS, wire::BUSY, "the pillar has too much to read"));
  }
}

void GetFileIds::OnPage(absl::StatusOr<store::RecordPage> page) {
  if (done_) return;
  if (!page.ok()) {
    End(FinalBody(wire::GET_FILE_IDS, CodeOfStore(page.status()), page.status().message()));
    return;
  }
  wire::Body body = FinalBody(wire::GET_FILE_IDS, wire::OPERATION_COMPLETED, "");
  wire::GetFileIdsFinal* final = body.mutable_get_file_ids_final();
  for (const store::FileRecord& record : page->records) *final->add_items() = InfoOf(record);
  final->mutable_page()->set_next_cursor(page->next_cursor);
  End(std::move(body));
}

void GetFileIds::Cancel(wire::ResponseCode code, absl::string_view reason) {
  if (!done_) End(FinalBody(wire::GET_FILE_IDS, code, reason));
}

void GetFileIds::OnTime(absl::Time /*now*/) {}

void GetFileIds::End(wire::Body final) {
  done_ = true;
  context_.Finished(std::move(final));
}

}  // namespace bitrepo::requests
