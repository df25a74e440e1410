// SPDX-License-Identifier: Apache-2.0
// Where files of a collection arrive: each under a name of its own, with its space promised,
// digested as it comes; and where what came in part waits for the rest.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/clock.h"
#include "base/range_set.h"
#include "base/runtime/disk.h"
#include "pillar/store/collection_home.h"
#include "pillar/store/content_digests.h"
#include "pillar/store/file_store.h"
#include "pillar/store/space_account.h"
#include "pillar/store/staged_parts.h"
#include "pillar/store/staging_log.h"
#include "pillar/store/write_gate.h"

namespace bitrepo::store {

class StagingArea;

// Write-back of a staged file is started, and its space looked at again, each time so much more of
// it has come.
inline constexpr uint64_t kWriteBackBytes = 4ull << 20;
// Files of so many bytes, and those whose size is not known, are written past the page cache.
inline constexpr uint64_t kDirectFileBytes = 8ull << 20;

// One strand at a time. Lifetime: home, gate and parts outlive it. Errors: see StagedFile; a write
// that fails otherwise than for lack of space closes the gate.
class IncomingFile final : public StagedFile {
 public:
  // What it begins with.
  struct Start {
    std::string path;  // on the home's disk
    std::shared_ptr<runtime::DiskFile> file;
    std::optional<uint64_t> announced_bytes;
    SpaceAccount::Reservation reservation;
    base::RangeSet held = {};
    std::unique_ptr<StagedParts::Arrival> arrival = {};  // where it is listed
    std::shared_ptr<StagingLog> log = {};                // where it may be kept
  };
  IncomingFile(StagingArea& area, Start start);
  ~IncomingFile() override;

  base::RangeSet held() const override { return held_; }
  void Discard() override { unwanted_ = true; }
  std::shared_ptr<StagedSync> sync() override { return log_; }
  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override;
  void Digest(uint64_t offset, std::span<const std::byte> bytes) override {
    digests_.DigestNext(offset, bytes);
  }
  absl::StatusOr<Facts> Seal(uint64_t size_bytes) override;
  absl::Status ReadBack(uint64_t offset, std::span<std::byte> out) override;

  CollectionHome& home() const;
  runtime::DiskFile& file() { return *file_; }
  const std::string& path() const { return path_; }  // on the home's disk
  // Absent before Seal.
  const std::optional<Facts>& facts() const { return facts_; }
  const std::string& block_digests() const { return block_digests_; }
  // The file has another name now: it is not this object's to remove.
  void GiveUpName() { named_ = false; }

 private:
  absl::Status CheckWrite(const base::ByteRange& range);
  absl::Status MakeRoom(uint64_t more_bytes);
  absl::Status DigestRest(uint64_t size_bytes);
  bool WorthKeeping() const;

  StagingArea& area_;
  const std::string path_;
  const std::shared_ptr<runtime::DiskFile> file_;
  const std::optional<uint64_t> announced_bytes_;
  SpaceAccount::Reservation reservation_;
  const base::RangeSet held_;
  const std::unique_ptr<StagedParts::Arrival> arrival_;
  const std::shared_ptr<StagingLog> log_;
  ContentDigests digests_;
  uint64_t handed_on_bytes_ = 0;  // of them write-back was started
  bool failed_ = false;           // a write failed: what is there is unknown
  bool unwanted_ = false;
  bool named_ = true;  // as at its beginning
  std::optional<Facts> facts_;
  std::string block_digests_;
};

// For the logs of ranges: what the store was told; else the system's; where it tells none one that
// the next opening of the store does not know.
std::string BootIdFor(absl::string_view given, uint64_t incarnation);

// Thread-safe. Lifetime: home, gate, parts and clock outlive it, and it its files.
class StagingArea {
 public:
  StagingArea(CollectionHome& home, WriteGate& gate, StagedParts& parts, const base::Clock& clock,
              std::string boot_id, uint64_t incarnation);

  // Not listed, and never kept.
  absl::StatusOr<std::unique_ptr<IncomingFile>> Stage(std::optional<uint64_t> announced_bytes);
  // Goes on with what waits under this identity.
  absl::StatusOr<std::unique_ptr<IncomingFile>> Stage(StagingIdentity identity);
  // A name that nothing in the directory has had since the store was opened.
  std::string NextName();
  // Of what an earlier process left behind: what can be gone on with waits from now on, the rest is
  // removed. Call once, before all else.
  absl::Status Recover();

 private:
  friend class IncomingFile;
  absl::StatusOr<SpaceAccount::Reservation> Reserve(uint64_t bytes);
  absl::Status CheckRoom(uint64_t bytes);
  // kNotFound where it cannot be gone on with.
  absl::StatusOr<std::unique_ptr<IncomingFile>> GoOn(const StagedParts::Parked& parked,
                                                     const StagingIdentity& identity);
  absl::StatusOr<std::unique_ptr<IncomingFile>> Begin(std::optional<uint64_t> announced_bytes,
                                                      std::optional<StagingIdentity> identity);
  absl::Status RecoverPart(const std::string& path);
  absl::Status RemovePart(const std::string& path);

  CollectionHome& home_;
  WriteGate& gate_;
  StagedParts& parts_;
  const base::Clock& clock_;
  const std::string boot_id_;
  const uint64_t incarnation_;
  std::atomic<uint64_t> next_{1};
};

}  // namespace bitrepo::store
