// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_file_infos.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace bitrepo::requests {
namespace {

// Beside id and digests: size, digest on record, generation, times.
constexpr size_t kFieldsBytes = 128;

const google::protobuf::MessageLite& AddFileInfo(Finding&& finding, wire::Body& body) {
  wire::FileInfoItem& item = *body.mutable_get_file_infos_final()->add_items();
  *item.mutable_file() = ListedInfo(finding);
  for (wire::Digest& digest : finding.digests) *item.add_digests() = std::move(digest);
  if (!finding.entry.record.ok()) return item;
  item.set_calculated_at_us(std::max<int64_t>(0, absl::ToUnixMicros(finding.calculated_at)));
  if (finding.entry.record->removed_at) {
    item.set_removed_at_us(absl::ToUnixMicros(*finding.entry.record->removed_at));
  }
  return item;
}

}  // namespace

absl::StatusOr<ListOrder> FileInfosOrder(const protocol::Envelope& request,
                                         wire::DigestAlgorithm default_algorithm) {
  const wire::GetFileInfosRequest& asked = request.body.get_file_infos_request();
  BITREPO_ASSIGN_OR_RETURN(ListOrder order, BeginOrder(request, asked.files(), asked));
  if (asked.has_checksums()) AskDigests(asked.checksums(), default_algorithm, order);
  order.stored = WindowOf(asked.stored());
  order.verified = WindowOf(asked.calculated());
  order.removed = asked.removed();
  order.add_item = &AddFileInfo;
  order.item_fields_bytes = kFieldsBytes;
  return order;
}

}  // namespace bitrepo::requests
