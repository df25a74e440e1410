// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_checksums.h"

#include <algorithm>
#include <utility>

#include "base/status.h"

namespace bitrepo::requests {
namespace {

// Beside id and digests: size, time, block.
constexpr size_t kFieldsBytes = 48;

const google::protobuf::MessageLite& AddChecksum(Finding&& finding, wire::Body& body) {
  wire::ChecksumItem& item = *body.mutable_get_checksums_final()->add_items();
  item.set_file_id(finding.entry.file_id.text());
  item.set_block(finding.entry.block);
  item.set_calculated_at_us(std::max<int64_t>(0, absl::ToUnixMicros(finding.calculated_at)));
  if (finding.entry.record.ok()) item.set_size_bytes(finding.entry.record->size_bytes);
  for (wire::Digest& digest : finding.digests) *item.add_digests() = std::move(digest);
  if (!finding.trouble.ok()) *item.mutable_trouble() = TroubleOf(finding.trouble);
  return item;
}

}  // namespace

absl::StatusOr<ListOrder> ChecksumsOrder(const protocol::Envelope& request,
                                         wire::DigestAlgorithm default_algorithm) {
  const wire::GetChecksumsRequest& asked = request.body.get_checksums_request();
  BITREPO_ASSIGN_OR_RETURN(ListOrder order, BeginOrder(request, asked.files(), asked));
  AskDigests(asked.checksums(), default_algorithm, order);
  order.verified = WindowOf(asked.calculated());
  order.offset_bytes = asked.offset();
  if (asked.has_length()) order.length_bytes = asked.length();
  order.block_bytes = asked.block_bytes();
  order.add_item = &AddChecksum;
  order.item_fields_bytes = kFieldsBytes;
  return order;
}

}  // namespace bitrepo::requests
