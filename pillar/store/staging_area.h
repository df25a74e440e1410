// SPDX-License-Identifier: Apache-2.0
// Where files of a collection arrive: each under a name of its own, with its space promised,
// digested as it comes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/runtime/disk.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/content_digests.h"
#include "pillar/store/file_store.h"
#include "pillar/store/space_account.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

// Write-back of a staged file is started, and its space looked at again, each time so much more of
// it has come.
inline constexpr uint64_t kWriteBackBytes = 4ull << 20;
// Files of so many bytes, and those whose size is not known, are written past the page cache.
inline constexpr uint64_t kDirectFileBytes = 8ull << 20;

// One strand at a time. Lifetime: home and gate outlive it. Errors: see StagedFile; a write that
// fails otherwise than for lack of space closes the gate.
class IncomingFile final : public StagedFile {
 public:
  IncomingFile(CollectionHome& home, WriteGate& gate, std::string path,
               std::unique_ptr<runtime::DiskFile> file, std::optional<uint64_t> announced_bytes,
               SpaceAccount::Reservation reservation);
  ~IncomingFile() override;

  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override;
  void Digest(uint64_t offset, std::span<const std::byte> bytes) override {
    digests_.DigestNext(offset, bytes);
  }
  absl::StatusOr<Facts> Seal(uint64_t size_bytes) override;
  absl::Status ReadBack(uint64_t offset, std::span<std::byte> out) override;

  CollectionHome& home() const { return home_; }
  runtime::DiskFile& file() { return *file_; }
  const std::string& path() const { return path_; }  // on the home's disk
  // Absent before Seal.
  const std::optional<Facts>& facts() const { return facts_; }
  const std::string& block_digests() const { return block_digests_; }
  // The file has another name now: it is not this object's to remove.
  void GiveUpName() { path_.clear(); }

 private:
  absl::Status CheckWrite(const base::ByteRange& range);
  absl::Status MakeRoom(uint64_t more_bytes);
  absl::Status DigestRest(uint64_t size_bytes);

  CollectionHome& home_;
  WriteGate& gate_;
  std::string path_;
  const std::unique_ptr<runtime::DiskFile> file_;
  const std::optional<uint64_t> announced_bytes_;
  SpaceAccount::Reservation reservation_;
  ContentDigests digests_;
  uint64_t handed_on_bytes_ = 0;  // of them write-back was started
  bool failed_ = false;           // a write failed: what is there is unknown
  std::optional<Facts> facts_;
  std::string block_digests_;
};

// Thread-safe. Lifetime: home and gate outlive it.
class StagingArea {
 public:
  StagingArea(CollectionHome& home, WriteGate& gate, uint64_t incarnation)
      : home_(home), gate_(gate), incarnation_(incarnation) {}

  absl::StatusOr<std::unique_ptr<IncomingFile>> Stage(std::optional<uint64_t> announced_bytes);
  // A name that nothing in the directory has had since the store was opened.
  std::string NextName();
  // Removes what an earlier process left behind; returns how many files that were.
  absl::StatusOr<uint64_t> Clear();

 private:
  CollectionHome& home_;
  WriteGate& gate_;
  const uint64_t incarnation_;
  std::atomic<uint64_t> next_{1};
};

}  // namespace bitrepo::store
