// SPDX-License-Identifier: Apache-2.0
// The parts of a nearline store that are under way: a file that comes in, a recall, an archiving,
// an open copy.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pillar/store/nearline_store.h"
#include "pillar/store/verified_file.h"

namespace bitrepo::store {

// The name of a generation on the medium: "books/3f/report.pdf~GENERATION", readable without the
// catalogue.
std::string ItemName(const base::CollectionId& collection, const base::FileId& file_id,
                     const base::GenerationId& generation);

// A file on its way in, and under which name the medium has it already.
class NearlineStore::Staged final : public StagedFile {
 public:
  Staged(base::CollectionId collection, base::FileId file_id,
         std::shared_ptr<IncomingFile> incoming, Medium& medium)
      : collection_(std::move(collection)),
        file_id_(std::move(file_id)),
        incoming_(std::move(incoming)),
        medium_(medium) {}
  ~Staged() override { SetArchived(""); }

  base::RangeSet held() const override { return incoming_->held(); }
  void Discard() override { incoming_->Discard(); }
  std::shared_ptr<StagedSync> sync() override { return incoming_->sync(); }
  absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) override {
    return incoming_->Write(offset, bytes);
  }
  void Digest(uint64_t offset, std::span<const std::byte> bytes) override {
    incoming_->Digest(offset, bytes);
  }
  absl::StatusOr<Facts> Seal(uint64_t size_bytes) override { return incoming_->Seal(size_bytes); }
  absl::Status ReadBack(uint64_t offset, std::span<std::byte> out) override {
    return incoming_->ReadBack(offset, out);
  }

  const base::CollectionId& collection() const { return collection_; }
  const base::FileId& file_id() const { return file_id_; }
  void SetFileId(const base::FileId& file_id) { file_id_ = file_id; }
  IncomingFile& incoming() const { return *incoming_; }
  // Work that has begun may need it longer than this lives.
  const std::shared_ptr<IncomingFile>& shared_incoming() const { return incoming_; }
  const std::string& archived_as() const { return archived_as_; }
  // What it was archived as before is removed from the medium.
  void SetArchived(std::string name);
  // It is recorded now: no more this object's to remove.
  std::string TakeArchived() { return std::exchange(archived_as_, ""); }

 private:
  const base::CollectionId collection_;
  base::FileId file_id_;
  const std::shared_ptr<IncomingFile> incoming_;
  Medium& medium_;
  std::string archived_as_;
};

// Who waits for a recall. On the loop.
struct NearlineStore::Listener {
  Listener(OnStep on_step_in, absl::AnyInvocable<void(Brought)> on_end_in)
      : on_step(std::move(on_step_in)), on_end(std::move(on_end_in)) {}
  OnStep on_step;  // nothing: not to be told
  absl::AnyInvocable<void(Brought)> on_end;
  std::string name;  // of what it waits for
};

// A file on its way from the medium, for all who want it.
struct NearlineStore::Recalling {
  void Tell(const MediumStep& step) const;

  Wanted wanted;
  std::vector<std::weak_ptr<Listener>> listeners;
  std::unique_ptr<Medium::Job> job;
};

// Gives up when it dies: the last who does withdraws the job.
class NearlineStore::RecallWork final : public SlowStore::Work {
 public:
  RecallWork(std::weak_ptr<NearlineStore*> store, std::shared_ptr<Listener> listener)
      : store_(std::move(store)), listener_(std::move(listener)) {}
  ~RecallWork() override;
  MediumStep step() const override;

 private:
  const std::weak_ptr<NearlineStore*> store_;
  std::shared_ptr<Listener> listener_;
};

// One file on its way to the medium. On the loop.
class NearlineStore::ArchiveWork final {
 public:
  ArchiveWork(NearlineStore& store, Staged& staged, const base::GenerationId& generation,
              OnStep on_step, absl::AnyInvocable<void(absl::Status)> on_end);
  // On the loop, with nothing in its way on the medium.
  void Start();
  void End(absl::Status how);
  MediumStep step() const { return job_ == nullptr ? MediumStep{} : job_->step(); }

 private:
  NearlineStore& store_;
  Staged& staged_;
  const std::string name_;
  OnStep on_step_;
  absl::AnyInvocable<void(absl::Status)> on_end_;
  std::unique_ptr<Medium::Job> job_;
  MediumPhase phase_ = MediumPhase::kQueued;
};

// A copy in the cache, read a block at a time against what was proved when it came.
class NearlineStore::Reader final : public StoredFile {
 public:
  Reader(GenerationRow row, std::shared_ptr<CachedCopy> copy,
         std::unique_ptr<runtime::DiskFile> file, std::shared_ptr<StageCache> cache,
         std::string name);
  ~Reader() override;
  const FileRecord& record() const override { return file_->record(); }
  // kUnavailable, not kDataLoss, for a damaged copy: it is dropped, and the medium has the file.
  absl::StatusOr<base::Buffer> Read(base::ByteRange range) override;
  absl::StatusOr<base::Buffer> ReadFresh(base::ByteRange range) override;

 private:
  absl::StatusOr<base::Buffer> Judge(absl::StatusOr<base::Buffer> read);

  const std::shared_ptr<StageCache> cache_;
  const std::string name_;
  std::shared_ptr<CachedCopy> copy_;
  std::unique_ptr<VerifiedFile> file_;
};

}  // namespace bitrepo::store
