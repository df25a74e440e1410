// SPDX-License-Identifier: Apache-2.0
// A nearline pillar on a manual loop: its drives take their time when the test lets it go by.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "base/runtime/system_disk.h"
#include "pillar/store/nearline_store.h"
#include "pillar/store/simulated_medium.h"
#include "tests/pillar/pillar_rig.h"
#include "tests/support/temp_dir.h"

namespace bitrepo::pillar {

// One drive: 20 s to load, 10 s to seek, 100 bytes a second.
inline store::SimulatedMediumOptions RigMedium() {
  store::SimulatedMediumOptions options;
  options.speed = {.load = absl::Seconds(20),
                   .seek = absl::Seconds(10),
                   .bytes_per_second = 100,
                   .time_scale = 1};
  return options;
}

// Loop-confined.
class NearlineRig {
 public:
  explicit NearlineRig(store::NearlineOptions options = {},
                       store::SimulatedMediumOptions medium = RigMedium())
      : options_(options), medium_options_(medium) {
    RigOptions rig;
    rig.kind = wire::NEARLINE_PILLAR;
    rig.open_store = [this](PillarRig& at) { return Open(at); };
    rig.close_store = [this] { Close(); };
    rig_ = std::make_unique<PillarRig>(rig);
  }

  PillarRig& rig() { return *rig_; }
  PillarRig* operator->() { return rig_.get(); }
  store::NearlineStore& store() { return *store_; }
  store::Medium& medium() { return *medium_; }

  // Asks for a put, and pushes the bytes; the medium has still to take its time.
  protocol::Envelope BeginPut(absl::string_view file_id, const std::string& bytes) {
    const protocol::Envelope put = rig_->Put(file_id, bytes.size());
    rig_->Send(put);
    rig_->Run();
    rig_->Push(rig_->Token(put), bytes);
    rig_->Run();
    return put;
  }
  wire::ResponseCode Put(absl::string_view file_id, const std::string& bytes) {
    const protocol::Envelope put = BeginPut(file_id, bytes);
    rig_->Run(absl::Minutes(5));
    return rig_->Code(put);
  }
  protocol::Envelope BeginGet(absl::string_view file_id) {
    const protocol::Envelope get = rig_->Get(file_id);
    rig_->Send(get);
    rig_->Run();
    return get;
  }
  // The phases told, without those that repeat the one before.
  std::vector<wire::Phase> Phases(const protocol::Envelope& asked) const {
    std::vector<wire::Phase> phases;
    for (const protocol::Envelope& told : rig_->Progress(asked)) {
      const wire::Phase phase = told.body.progress().phase();
      if (phases.empty() || phases.back() != phase) phases.push_back(phase);
    }
    return phases;
  }
  // Files below a directory of the store ("store/staging") or of the media ("media").
  std::vector<std::string> FilesBelow(absl::string_view directory) const {
    std::vector<std::string> files;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(directory_.Path(directory))) {
      if (entry.is_regular_file()) files.push_back(entry.path().string());
    }
    return files;
  }
  static void FlipBit(const std::string& path) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    const int byte = file.get();
    ASSERT_TRUE(file.good()) << path;
    file.seekp(0);
    file.put(static_cast<char>(byte ^ 1));
  }

 private:
  RigStore Open(PillarRig& rig) {
    at_ = &rig;
    std::filesystem::create_directories(directory_.Path("store"));
    std::filesystem::create_directories(directory_.Path("media"));
    disk_ = runtime::SystemDisk::Open(directory_.Path("store")).value();
    media_disk_ = runtime::SystemDisk::Open(directory_.Path("media")).value();
    medium_ =
        store::SimulatedMedium::Open(medium_options_, *media_disk_, rig.loop, rig.workers).value();
    store::RecordStoreOptions records;
    records.collections = {Photos(), *base::CollectionId::Parse("sounds")};
    records.keep_free_bytes = 0;
    store_ = store::NearlineStore::Open(records, options_, *disk_, rig.loop.clock(), random_,
                                        {rig.loop, rig.workers, *medium_})
                 .value();
    return {store_.get(), store_.get()};
  }
  void Close() {
    store_->Close();
    at_->workers.Drop();  // none of it may outlive the disks
    store_.reset();
    medium_.reset();
  }

  testing_support::TempDir directory_;
  const store::NearlineOptions options_;
  const store::SimulatedMediumOptions medium_options_;
  PillarRig* at_ = nullptr;
  base::SeededRandom random_{5};
  std::unique_ptr<runtime::SystemDisk> disk_;
  std::unique_ptr<runtime::SystemDisk> media_disk_;
  std::unique_ptr<store::Medium> medium_;
  std::unique_ptr<store::NearlineStore> store_;
  std::unique_ptr<PillarRig> rig_;  // dies first
};

}  // namespace bitrepo::pillar
