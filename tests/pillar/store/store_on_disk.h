// SPDX-License-Identifier: Apache-2.0
// A store on a real directory of its own, which a test can close, open again, and do harm to.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/runtime/system_disk.h"
#include "pillar/store/disk_file_store.h"
#include "pillar/store/file_name.h"
#include "tests/pillar/store/publications.h"
#include "tests/pillar/store/troubled_disk.h"
#include "tests/support/manual_clock.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::testing_support {

// Collections "books" and "maps", in the directory of the store. Loop-confined.
class StoreOnDisk : public Publications {
 public:
  StoreOnDisk()
      : system_disk_(runtime::SystemDisk::Open(directory_.path()).value()), disk_(*system_disk_) {
    options_.collections = {{books(), nullptr}, {maps(), nullptr}};
    options_.keep_free_bytes = 0;
  }

  absl::Status TryOpen() {
    store_.reset();
    absl::StatusOr<std::unique_ptr<store::DiskFileStore>> opened =
        store::DiskFileStore::Open(options_, disk_, clock_, random_);
    if (opened.ok()) store_ = *std::move(opened);
    return opened.status();
  }
  void Reopen() {
    const absl::Status opened = TryOpen();
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void Close() { store_.reset(); }

  store::DiskFileStore& store() override { return *store_; }
  absl::Time wall_now() override { return clock_.WallNow(); }
  ManualClock& clock() { return clock_; }
  TroubledDisk& disk() { return disk_; }
  store::DiskStoreOptions& options() { return options_; }
  base::Random& random() { return random_; }

  std::string PathOf(absl::string_view below) const { return directory_.Path(below); }
  // Of the live generation in "books".
  std::string FilePath(const std::string& id, uint64_t number = 1) const {
    return directory_.Path(absl::StrCat("books/", store::GenerationPath(Id(id), number)));
  }
  // Closes the store; all of its catalogue is gone.
  void LoseCatalogue() {
    Close();
    for (const char* const suffix : {"", "-wal", "-journal"}) {
      std::filesystem::remove(PathOf(absl::StrCat(store::kCatalogueFile, suffix)));
    }
  }
  // The files anywhere below a directory of the store, by their paths from there.
  std::set<std::string> FilesBelow(absl::string_view below) const {
    std::set<std::string> files;
    const std::string root = PathOf(below);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
      if (entry.is_regular_file()) files.insert(entry.path().string().substr(root.size() + 1));
    }
    return files;
  }
  static void FlipBitIn(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    ASSERT_TRUE(file.good()) << path;
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 1));
  }

 private:
  TempDir directory_;
  std::unique_ptr<runtime::SystemDisk> system_disk_;
  TroubledDisk disk_;
  ManualClock clock_;
  base::SeededRandom random_{7};
  store::DiskStoreOptions options_;
  std::unique_ptr<store::DiskFileStore> store_;
};

}  // namespace bitrepo::testing_support
