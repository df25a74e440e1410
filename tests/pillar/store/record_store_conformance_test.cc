// SPDX-License-Identifier: Apache-2.0
// The suites of file stores on the nearline store: real files, a real loop, drives without delay.
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "base/runtime/system_disk.h"
#include "base/runtime/system_event_loop.h"
#include "base/runtime/thread_worker_pool.h"
#include "pillar/store/nearline_store.h"
#include "pillar/store/nearline_work.h"
#include "pillar/store/simulated_medium.h"
#include "tests/conformance/file_change_suite.h"
#include "tests/conformance/file_list_suite.h"
#include "tests/conformance/file_store_suite.h"
#include "tests/pillar/store/store_on_disk.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::store {
namespace {

using testing_support::ManualClock;
using testing_support::Publications;

class NearlineStoreUnderTest final : public StoreUnderTest {
 public:
  NearlineStoreUnderTest() {
    std::filesystem::create_directories(directory_.Path("store"));
    std::filesystem::create_directories(directory_.Path("media"));
    store_disk_ = runtime::SystemDisk::Open(directory_.Path("store")).value();
    media_disk_ = runtime::SystemDisk::Open(directory_.Path("media")).value();
    Start();
  }
  ~NearlineStoreUnderTest() override { Stop(); }

  FileStore& store() override { return *life_->store; }
  ManualClock& clock() override { return clock_; }
  void Reopen() override {
    Stop();
    Start();
  }
  void FlipBit(const std::string& file_id, uint64_t offset) override {
    testing_support::StoreOnDisk::FlipBitIn(PathOf(file_id), offset);
  }
  void Lose(const std::string& file_id) override {
    ASSERT_TRUE(std::filesystem::remove(PathOf(file_id)));
  }
  void BreakMedium() override {}
  bool breaks() const override { return false; }
  bool serves_parts() const override { return false; }

 private:
  // What is declared later is gone sooner.
  struct Life {
    std::unique_ptr<SimulatedMedium> medium;
    std::unique_ptr<NearlineStore> store;
    runtime::SystemEventLoop loop;
    runtime::ThreadWorkerPool workers{{2, 2, 1}};
    std::thread thread;
  };

  void Start() {
    life_ = std::make_unique<Life>();
    SimulatedMediumOptions medium;
    medium.speed.time_scale = 0;
    life_->medium =
        SimulatedMedium::Open(medium, *media_disk_, life_->loop, life_->workers).value();
    RecordStoreOptions records;
    records.collections = {Publications::books(), Publications::maps()};
    records.keep_free_bytes = 0;
    life_->store =
        NearlineStore::Open(records, NearlineOptions{.cache_bytes = 0}, *store_disk_, clock_,
                            random_, {life_->loop, life_->workers, *life_->medium})
            .value();
    life_->thread = std::thread([loop = &life_->loop] { loop->Run(); });
  }
  void Stop() {
    life_->loop.Post([life = life_.get()] {
      life->store->Close();
      life->loop.Stop();
    });
    life_->thread.join();
    life_.reset();
  }
  std::string PathOf(const std::string& file_id) {
    auto found = store().Find(Publications::books(), Publications::Id(file_id));
    if (!found.ok()) {
      found = store().FindRemoved(Publications::books(), Publications::Id(file_id));
    }
    const FileRecord& record = *found;
    const std::string name = ItemName(Publications::books(), record.file_id, record.generation);
    return directory_.Path(absl::StrCat("media/v", life_->medium->Locate(name)->volume, "/", name));
  }

  testing_support::TempDir directory_;
  std::unique_ptr<runtime::SystemDisk> store_disk_;
  std::unique_ptr<runtime::SystemDisk> media_disk_;
  ManualClock clock_;
  base::SeededRandom random_{9};
  std::unique_ptr<Life> life_;
};

std::string NameOf(const ::testing::TestParamInfo<MakeStore>& /*info*/) { return "Nearline"; }

const auto kStores =
    ::testing::Values(MakeStore([] { return std::make_unique<NearlineStoreUnderTest>(); }));
INSTANTIATE_TEST_SUITE_P(Stores, FileStoreSuite, kStores, NameOf);
INSTANTIATE_TEST_SUITE_P(Stores, FileChangeSuite, kStores, NameOf);
INSTANTIATE_TEST_SUITE_P(Stores, FileListSuite, kStores, NameOf);

}  // namespace
}  // namespace bitrepo::store
