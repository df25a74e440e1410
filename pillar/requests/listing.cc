// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/listing.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "bus/protocol/page.h"

namespace bitrepo::requests {
absl::StatusOr<store::ListQuery> QueryFor(const wire::Header& header,
                                          const wire::FileSelection& files,
                                          absl::string_view question) {
  BITREPO_ASSIGN_OR_RETURN(base::CollectionId collection,
                           base::CollectionId::Parse(header.collection_id()));
  store::ListQuery query{.collection = std::move(collection),
                         .question = absl::StrCat(header.operation(), " ", question),
                         .prefix = files.prefix()};
  if (files.has_file_id()) {
    BITREPO_ASSIGN_OR_RETURN(query.only, base::FileId::Parse(files.file_id()));
  }
  return query;
}

absl::StatusOr<store::RecordPage> ReadPage(
    store::FileStore& store, const store::ListQuery& query, const wire::PageSpec& page,
    uint32_t items_max, absl::FunctionRef<size_t(const store::FileRecord&)> bytes_of) {
  BITREPO_RETURN_IF_ERROR(protocol::CheckCursor(page.cursor()));
  const protocol::PageLimits limits =
      protocol::EffectiveLimits(page, {items_max, protocol::kPageBytesMax});
  BITREPO_ASSIGN_OR_RETURN(store::RecordPage found, store.List(query, limits.items, page.cursor()));
  size_t bytes = 0;
  uint32_t fitting = 0;
  for (const store::FileRecord& record : found.records) {
    bytes += bytes_of(record);
    if (bytes > limits.bytes && fitting > 0) break;
    ++fitting;
  }
  if (fitting == found.records.size()) return found;
  // The cursor stands behind the last record of a page: this asks for the page that ends where the
  // message is full.
  return store.List(query, fitting, page.cursor());
}

}  // namespace bitrepo::requests
