// SPDX-License-Identifier: Apache-2.0
#include "bench/store_filler.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status.h"

namespace bitrepo::bench {
namespace {

constexpr uint64_t kGroup = 1000;      // files that share one commit
constexpr uint64_t kOfAFolder = 1000;  // files

}  // namespace

absl::StatusOr<std::unique_ptr<FilledStore>> FilledStore::Open(
    const std::string& directory, const base::CollectionId& collection) {
  std::unique_ptr<FilledStore> filled(new FilledStore(collection));
  BITREPO_ASSIGN_OR_RETURN(filled->disk_, runtime::SystemDisk::Open(directory));
  store::DiskStoreOptions options;
  options.collections[collection] = nullptr;
  BITREPO_ASSIGN_OR_RETURN(
      filled->store_, store::DiskFileStore::Open(std::move(options), *filled->disk_, filled->clock_,
                                                 filled->random_));
  return filled;
}

absl::StatusOr<store::Publication> FilledStore::Stage(uint64_t number) {
  const std::string name = absl::StrFormat("d%03u/file-%07u", number / kOfAFolder, number);
  const std::string bytes = absl::StrCat(number);
  BITREPO_ASSIGN_OR_RETURN(const base::FileId file_id, base::FileId::Parse(name));
  BITREPO_ASSIGN_OR_RETURN(auto staged, store_->Stage(collection_, file_id, bytes.size()));
  BITREPO_RETURN_IF_ERROR(staged->Write(0, std::as_bytes(std::span(bytes))));
  BITREPO_RETURN_IF_ERROR(staged->Seal(bytes.size()).status());
  const absl::Time now = clock_.WallNow();
  const auto conversation = base::ConversationId::Make(now, random_);
  store::Answer answer;
  answer.key = {"bench", conversation, base::MessageId::Make(now, random_)};
  answer.body_sha256 = std::string(32, 'b');
  answer.final_body = "f";
  answer.recorded_at = now;
  store::AuditEvent audit;
  audit.action = "PUT_FILE";
  audit.collection = collection_.text();
  audit.file_id = name;
  return store::Publication{collection_,       file_id,           conversation,    now,
                            std::move(staged), std::move(answer), std::move(audit)};
}

absl::Status FilledStore::Add(uint64_t first, uint64_t count) {
  for (uint64_t next = first, end = first + count; next < end;) {
    std::vector<store::Publication> group;
    for (const uint64_t group_end = std::min(end, next + kGroup); next < group_end; ++next) {
      BITREPO_ASSIGN_OR_RETURN(store::Publication file, Stage(next));
      group.push_back(std::move(file));
    }
    for (const auto& published : store_->Publish(std::move(group))) {
      BITREPO_RETURN_IF_ERROR(published.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace bitrepo::bench
