// SPDX-License-Identifier: Apache-2.0
// Fills the store of a pillar that does not run with many tiny files, through its own interface, so
// that lists can be measured: fill_store STORE COLLECTION COUNT.
#include <algorithm>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/runtime/system_disk.h"
#include "base/status.h"
#include "pillar/store/disk_file_store.h"

namespace bitrepo::bench {
namespace {

constexpr uint64_t kGroup = 1000;  // files that share one commit

absl::StatusOr<store::Publication> MakeFile(store::FileStore& store,
                                            const base::CollectionId& collection, uint64_t number,
                                            base::Clock& clock, base::Random& random) {
  const std::string name = absl::StrFormat("d%03u/file-%07u", number / 1000, number);
  const std::string bytes = absl::StrCat(number);
  BITREPO_ASSIGN_OR_RETURN(const base::FileId file_id, base::FileId::Parse(name));
  BITREPO_ASSIGN_OR_RETURN(auto staged, store.Stage(collection, file_id, bytes.size()));
  BITREPO_RETURN_IF_ERROR(staged->Write(0, std::as_bytes(std::span(bytes))));
  BITREPO_RETURN_IF_ERROR(staged->Seal(bytes.size()).status());
  const absl::Time now = clock.WallNow();
  const auto conversation = base::ConversationId::Make(now, random);
  store::Answer answer;
  answer.key = {"bench", conversation, base::MessageId::Make(now, random)};
  answer.body_sha256 = std::string(32, 'b');
  answer.final_body = "f";
  answer.recorded_at = now;
  store::AuditEvent audit;
  audit.action = "PUT_FILE";
  audit.collection = collection.text();
  audit.file_id = name;
  return store::Publication{collection,        file_id,           conversation,    now,
                            std::move(staged), std::move(answer), std::move(audit)};
}

absl::Status Fill(const std::string& directory, const std::string& collection_name,
                  uint64_t count) {
  base::SystemClock clock;
  base::SystemRandom random;
  BITREPO_ASSIGN_OR_RETURN(const base::CollectionId collection,
                           base::CollectionId::Parse(collection_name));
  BITREPO_ASSIGN_OR_RETURN(const auto disk, runtime::SystemDisk::Open(directory));
  store::DiskStoreOptions options;
  options.collections[collection] = nullptr;
  BITREPO_ASSIGN_OR_RETURN(const auto store,
                           store::DiskFileStore::Open(std::move(options), *disk, clock, random));
  for (uint64_t done = 0; done < count;) {
    std::vector<store::Publication> group;
    for (const uint64_t end = std::min(count, done + kGroup); done < end; ++done) {
      BITREPO_ASSIGN_OR_RETURN(store::Publication file,
                               MakeFile(*store, collection, done, clock, random));
      group.push_back(std::move(file));
    }
    for (const auto& published : store->Publish(std::move(group))) {
      BITREPO_RETURN_IF_ERROR(published.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace bitrepo::bench

int main(int argc, char** argv) {
  uint64_t count = 0;
  if (argc != 4 || !absl::SimpleAtoi(argv[3], &count)) {
    std::fprintf(stderr, "fill_store STORE COLLECTION COUNT\n");
    return 2;
  }
  const absl::Status filled = bitrepo::bench::Fill(argv[1], argv[2], count);
  if (filled.ok()) return 0;
  std::fprintf(stderr, "%s\n", filled.ToString().c_str());
  return 1;
}
