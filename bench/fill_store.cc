// SPDX-License-Identifier: Apache-2.0
// Fills the store of a pillar that does not run: fill_store STORE COLLECTION FIRST COUNT.
#include <cstdio>

#include "absl/strings/numbers.h"
#include "base/status.h"
#include "bench/store_filler.h"

namespace bitrepo::bench {
namespace {

absl::Status Fill(const char* directory, const char* collection, uint64_t first, uint64_t count) {
  BITREPO_ASSIGN_OR_RETURN(const base::CollectionId id, base::CollectionId::Parse(collection));
  BITREPO_ASSIGN_OR_RETURN(const auto store, FilledStore::Open(directory, id));
  return store->Add(first, count);
}

}  // namespace
}  // namespace bitrepo::bench

int main(int argc, char** argv) {
  uint64_t first = 0;
  uint64_t count = 0;
  if (argc != 5 || !absl::SimpleAtoi(argv[3], &first) || !absl::SimpleAtoi(argv[4], &count)) {
    std::fprintf(stderr, "fill_store STORE COLLECTION FIRST COUNT\n");
    return 2;
  }
  const absl::Status filled = bitrepo::bench::Fill(argv[1], argv[2], first, count);
  if (filled.ok()) return 0;
  std::fprintf(stderr, "fill_store: %s\n", filled.ToString().c_str());
  return 1;
}
