// SPDX-License-Identifier: Apache-2.0
// What a page of a store's catalogue costs, and looking up ids one by one and many at once.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bench/store_filler.h"

namespace bitrepo::bench {
namespace {

constexpr uint64_t kFiles = 20'000;
constexpr uint32_t kPage = 1000;

// A store with kFiles files in a directory of its own, for all that is measured here.
class Shelf {
 public:
  Shelf() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bench-store-XXXXXX").string();
    directory_ = mkdtemp(pattern.data());
    filled_ = FilledStore::Open(directory_, base::CollectionId::Parse("files").value()).value();
    filled_->Add(0, kFiles).IgnoreError();  // what is missing shows in the counts
  }
  ~Shelf() {
    filled_.reset();
    std::filesystem::remove_all(directory_);
  }
  Shelf(const Shelf&) = delete;
  Shelf& operator=(const Shelf&) = delete;
  FilledStore& filled() { return *filled_; }

 private:
  std::string directory_;
  std::unique_ptr<FilledStore> filled_;
};

FilledStore& Filled() {
  static Shelf shelf;
  return shelf.filled();
}

store::ListQuery Everything() { return {.collection = Filled().collection()}; }

void ListAll(benchmark::State& state) {
  store::FileStore& store = Filled().store();
  for (auto unused : state) {
    uint64_t seen = 0;
    std::string cursor;
    do {
      const auto page = store.List(Everything(), kPage, cursor);
      if (!page.ok()) return state.SkipWithError("the store cannot be listed");
      seen += page->records.size();
      cursor = page->next_cursor;
    } while (!cursor.empty());
    if (seen != kFiles) state.SkipWithError("files are missing");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kFiles));
}
BENCHMARK(ListAll)->Unit(benchmark::kMillisecond);

std::vector<base::FileId> SomeIds() {
  std::vector<base::FileId> ids;
  const auto page = Filled().store().List(Everything(), kPage, "");
  for (const store::FileRecord& record : page.value().records) ids.push_back(record.file_id);
  return ids;
}

void FindOneByOne(benchmark::State& state) {
  const std::vector<base::FileId> ids = SomeIds();
  size_t next = 0;
  for (auto unused : state) {
    const base::FileId& id = ids[next++ % ids.size()];
    if (!Filled().store().Find(Filled().collection(), id).ok()) {
      state.SkipWithError("a file is missing");
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(FindOneByOne);

void FindManyAtOnce(benchmark::State& state) {
  const std::vector<base::FileId> ids = SomeIds();
  for (auto unused : state) {
    const auto found = Filled().store().FindMany(Filled().collection(), ids);
    if (!found.ok()) state.SkipWithError("the ids cannot be looked up");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(ids.size()));
}
BENCHMARK(FindManyAtOnce);

}  // namespace
}  // namespace bitrepo::bench
