// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/get_file_ids.h"

#include "base/status.h"

namespace bitrepo::requests {
namespace {

// Beside the id: size, digest, generation, time.
constexpr size_t kFieldsBytes = 96;

const google::protobuf::MessageLite& AddFileId(Finding&& finding, wire::Body& body) {
  wire::FileInfo& item = *body.mutable_get_file_ids_final()->add_items();
  item = ListedInfo(finding);
  return item;
}

}  // namespace

absl::StatusOr<ListOrder> FileIdsOrder(const protocol::Envelope& request) {
  const wire::GetFileIdsRequest& asked = request.body.get_file_ids_request();
  BITREPO_ASSIGN_OR_RETURN(ListOrder order, BeginOrder(request, asked.files(), asked));
  order.stored = WindowOf(asked.stored());
  order.add_item = &AddFileId;
  order.item_fields_bytes = kFieldsBytes;
  return order;
}

}  // namespace bitrepo::requests
