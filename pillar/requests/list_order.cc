// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/list_order.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/status.h"
#include "bus/protocol/field_rules.h"
#include "pillar/requests/file_digester.h"
#include "pillar/requests/get_checksums.h"
#include "pillar/requests/get_file_ids.h"
#include "pillar/requests/get_file_infos.h"
#include "pillar/requests/parameter_set.h"
#include "pillar/requests/replies.h"

namespace bitrepo::requests {
namespace {

constexpr size_t kDigestFieldsBytes = 8;  // beside its value
constexpr size_t kTroubleBytes = kTroubleTextBytesMax + 16;

bool IsNamed(const wire::FileSelection& files) {
  return files.has_list() || files.has_parameters();
}

absl::Status Check(const ListOrder& order) {
  BITREPO_RETURN_IF_ERROR(FileDigester::Make(order.algorithms, order.salt).status());
  if (order.files.has_parameters()) {
    BITREPO_RETURN_IF_ERROR(CheckAnnouncement(order.files.parameters()));
  }
  if (order.removed && IsNamed(order.files)) {
    return absl::UnimplementedError(
        "what was removed is listed of one id, a prefix or all; ask for one of these");
  }
  if (order.removed && order.reads()) {
    return absl::UnimplementedError(
        "what was removed is not read; ask for its sha256 as it is on record");
  }
  return absl::OkStatus();
}

absl::StatusOr<ListOrder> Read(const protocol::Envelope& request,
                               wire::DigestAlgorithm default_algorithm) {
  switch (request.header.operation()) {
    case wire::GET_CHECKSUMS:
      return ChecksumsOrder(request, default_algorithm);
    case wire::GET_FILE_INFOS:
      return FileInfosOrder(request, default_algorithm);
    default:
      return FileIdsOrder(request);
  }
}

}  // namespace

bool ListOrder::reads() const {
  if (algorithms.empty()) return false;
  return fresh || has_range() || block_bytes > 0 || algorithms.size() != 1 ||
         algorithms.front() != wire::SHA256;
}

size_t ListOrder::ItemBytes(absl::string_view file_id, bool sound) const {
  size_t digests_bytes = 0;
  for (const wire::DigestAlgorithm algorithm : algorithms) {
    digests_bytes += protocol::DigestBytesOf(algorithm) + kDigestFieldsBytes;
  }
  return file_id.size() + item_fields_bytes +
         (sound ? digests_bytes : std::max(digests_bytes, kTroubleBytes));
}

absl::StatusOr<ListOrder> OrderOf(const protocol::Envelope& request,
                                  wire::DigestAlgorithm default_algorithm) {
  BITREPO_ASSIGN_OR_RETURN(ListOrder order, Read(request, default_algorithm));
  BITREPO_RETURN_IF_ERROR(Check(order));
  return order;
}

absl::StatusOr<ListOrder> BeginOrder(const protocol::Envelope& request,
                                     const wire::FileSelection& files,
                                     const google::protobuf::MessageLite& asked) {
  BITREPO_ASSIGN_OR_RETURN(base::CollectionId collection,
                           base::CollectionId::Parse(request.header.collection_id()));
  ListOrder order{.operation = request.header.operation(),
                  .collection = std::move(collection),
                  .files = files,
                  .page = request.body.page()};
  const std::string words =
      absl::StrCat(order.operation, " ", order.collection.text(), " ", asked.SerializeAsString());
  order.question = base::Hasher::Of(base::Algorithm::kSha256, words).bytes();
  return order;
}

void AskDigests(const wire::ChecksumSpec& spec, wire::DigestAlgorithm default_algorithm,
                ListOrder& order) {
  for (int i = 0; i < spec.algorithms_size(); ++i) order.algorithms.push_back(spec.algorithms(i));
  if (order.algorithms.empty()) order.algorithms.push_back(default_algorithm);
  order.salt = spec.salt();
  order.fresh = spec.fresh();
}

store::Window WindowOf(const wire::TimeWindow& window) {
  store::Window out;
  if (window.has_from_us()) out.from = absl::FromUnixMicros(window.from_us());
  if (window.has_until_us()) out.until = absl::FromUnixMicros(window.until_us());
  return out;
}

wire::ResponseInfo TroubleOf(const absl::Status& why) {
  wire::ResponseInfo trouble = MakeResponse(CodeOfStore(why), why.message());
  if (trouble.text().size() > kTroubleTextBytesMax) {
    trouble.set_text(protocol::FittingText(trouble.text().substr(0, kTroubleTextBytesMax - 4),
                                           kTroubleTextBytesMax));
  }
  return trouble;
}

wire::FileInfo ListedInfo(const Finding& finding) {
  wire::FileInfo info;
  if (finding.entry.record.ok()) {
    info = InfoOf(*finding.entry.record);
  } else {
    info.set_file_id(finding.entry.file_id.text());
  }
  if (!finding.trouble.ok()) *info.mutable_trouble() = TroubleOf(finding.trouble);
  return info;
}

}  // namespace bitrepo::requests
