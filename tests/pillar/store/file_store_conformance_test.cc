// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "pillar/store/memory_file_store.h"
#include "tests/conformance/file_change_suite.h"
#include "tests/conformance/file_list_suite.h"
#include "tests/conformance/file_store_suite.h"
#include "tests/pillar/store/store_on_disk.h"

namespace bitrepo::store {
namespace {

using testing_support::ManualClock;
using testing_support::Publications;

class MemoryStoreUnderTest final : public StoreUnderTest {
 public:
  FileStore& store() override { return store_; }
  ManualClock& clock() override { return clock_; }
  void Reopen() override { store_.Restart(); }
  void FlipBit(const std::string& file_id, uint64_t offset) override {
    store_.FlipBit(Publications::books(), Publications::Id(file_id), offset);
  }
  void Lose(const std::string& file_id) override {
    store_.Lose(Publications::books(), Publications::Id(file_id));
  }
  void BreakMedium() override { store_.StopWriting("the medium is gone"); }

 private:
  ManualClock clock_;
  MemoryFileStore store_{
      MemoryStoreOptions{.collections = {Publications::books(), Publications::maps()},
                         .store_id = base::StoreId::FromBytes("0123456789abcdef").value()},
      clock_};
};

class DiskStoreUnderTest final : public StoreUnderTest {
 public:
  explicit DiskStoreUnderTest(bool has_attributes) {
    if (!has_attributes) on_disk_.disk().ForgetAttributes();
    on_disk_.Reopen();
  }
  FileStore& store() override { return on_disk_.store(); }
  ManualClock& clock() override { return on_disk_.clock(); }
  void Reopen() override { on_disk_.Reopen(); }
  void FlipBit(const std::string& file_id, uint64_t offset) override {
    on_disk_.FlipBitIn(on_disk_.FilePath(file_id), offset);
  }
  void Lose(const std::string& file_id) override {
    ASSERT_TRUE(std::filesystem::remove(on_disk_.FilePath(file_id)));
  }
  void BreakMedium() override {
    on_disk_.disk().SetTrouble([](const testing_support::DiskOperation& operation) {
      return absl::StrContains(operation.name, "Sync") ? absl::DataLossError("the medium is gone")
                                                       : absl::OkStatus();
    });
  }

 private:
  testing_support::StoreOnDisk on_disk_;
};

std::string NameOf(const ::testing::TestParamInfo<MakeStore>& info) {
  static const char* const kNames[] = {"Memory", "Disk", "DiskWithoutAttributes"};
  return kNames[info.index];
}

const auto kStores =
    ::testing::Values(MakeStore([] { return std::make_unique<MemoryStoreUnderTest>(); }),
                      MakeStore([] { return std::make_unique<DiskStoreUnderTest>(true); }),
                      MakeStore([] { return std::make_unique<DiskStoreUnderTest>(false); }));
INSTANTIATE_TEST_SUITE_P(Stores, FileStoreSuite, kStores, NameOf);
INSTANTIATE_TEST_SUITE_P(Stores, FileChangeSuite, kStores, NameOf);
INSTANTIATE_TEST_SUITE_P(Stores, FileListSuite, kStores, NameOf);

}  // namespace
}  // namespace bitrepo::store
