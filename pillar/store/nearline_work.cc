// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/nearline_work.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "pillar/store/file_name.h"

namespace bitrepo::store {
namespace {

// Proves what is read back, in order: the last bytes are refused when the digest of all is another.
class Proof {
 public:
  explicit Proof(const StagedFile::Facts& facts) : facts_(facts) {}
  absl::Status Take(uint64_t offset, std::span<const std::byte> bytes) {
    hasher_.Update(bytes);
    if (offset + bytes.size() < facts_.size_bytes) return absl::OkStatus();
    const base::Digest found = hasher_.Finish();
    if (found == facts_.sha256) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("what was read back is ", found.ToString(),
                                            ", what came is ", facts_.sha256.ToString()));
  }

 private:
  const StagedFile::Facts facts_;
  base::Hasher hasher_{base::Algorithm::kSha256};
};

}  // namespace

std::string ItemName(const base::CollectionId& collection, const base::FileId& file_id,
                     const base::GenerationId& generation) {
  return absl::StrCat(collection.text(), "/", ShardName(file_id), "/", FileName(file_id), "~",
                      absl::BytesToHexString(generation.ToBytes()));
}

void NearlineStore::Staged::SetArchived(std::string name) {
  if (!archived_as_.empty()) {
    const absl::Status removed = medium_.Remove(archived_as_);
    if (!removed.ok()) {
      // What is not recorded is in nobody's way; archiving it again removes it first.
      base::LogLine(base::LogLevel::kWarning, "medium-item-left")
          .With("name", archived_as_)
          .With("cause", removed.message());
    }
  }
  archived_as_ = std::move(name);
}

// ---- recalls

std::unique_ptr<SlowStore::Work> NearlineStore::Recall(const base::CollectionId& collection,
                                                       const base::FileId& file_id,
                                                       const base::GenerationId& generation,
                                                       OnStep on_step,
                                                       absl::AnyInvocable<void(Opened)> on_end) {
  // What was wanted is known once a worker has looked; the end comes with it.
  struct Call {
    std::optional<Wanted> wanted;
    absl::AnyInvocable<void(Opened)> on_end;
  };
  auto call = std::make_shared<Call>();
  call->on_end = std::move(on_end);
  auto listener =
      std::make_shared<Listener>(std::move(on_step), [this, call](const Brought& brought) {
        if (!brought.ok()) {
          call->on_end(brought.status());
          return;
        }
        call->wanted->copy = *brought;
        auto reader = MakeReader(*std::exchange(call->wanted, std::nullopt));
        if (reader.ok()) {
          call->on_end(std::shared_ptr<StoredFile>(*std::move(reader)));
        } else {
          call->on_end(reader.status());
        }
      });
  auto work = std::make_unique<RecallWork>(self_, listener);
  const std::weak_ptr<Listener> weak_listener = listener;
  const auto look = [this, collection, file_id, generation, weak_listener, call,
                     weak = std::weak_ptr(self_)] {
    auto wanted = std::make_shared<absl::StatusOr<Wanted>>(Want(collection, file_id, generation));
    loop_.Post([weak, weak_listener, call, wanted] {
      const std::shared_ptr<NearlineStore*> self = weak.lock();
      const std::shared_ptr<Listener> asker = weak_listener.lock();
      if (self == nullptr || asker == nullptr) return;
      if (!wanted->ok()) {
        asker->on_end(wanted->status());
        return;
      }
      call->wanted = **wanted;
      if ((*wanted)->copy != nullptr) {
        asker->on_end((*wanted)->copy);
      } else {
        (*self)->Bring(**wanted, asker);
      }
    });
  };
  const absl::Status taken = workers_.Submit(runtime::Lane::kRead, runtime::StrandId::kNone, look);
  if (!taken.ok()) {
    loop_.Post([weak_listener, taken] {
      if (const auto asker = weak_listener.lock()) asker->on_end(taken);
    });
  }
  return work;
}

void NearlineStore::Bring(const Wanted& wanted, const std::shared_ptr<Listener>& listener) {
  const std::string name =
      ItemName(wanted.collection, wanted.row.record.file_id, wanted.row.record.generation);
  listener->name = name;
  if (closed_) {
    listener->on_end(absl::UnavailableError("the pillar is stopping"));
    return;
  }
  if (std::shared_ptr<CachedCopy> copy = cache_->Find(name)) {
    listener->on_end(std::move(copy));  // it came while a worker looked
    return;
  }
  std::shared_ptr<Recalling>& recalling = recalls_[name];
  if (recalling != nullptr) {
    recalling->listeners.push_back(listener);
    if (listener->on_step != nullptr) listener->on_step(recalling->job->step());
    return;
  }
  recalling = std::make_shared<Recalling>(Recalling{wanted, {listener}, nullptr});
  Medium::Events events;
  events.on_step = [weak = std::weak_ptr(recalling)](const MediumStep& step) {
    if (const std::shared_ptr<Recalling> self = weak.lock()) self->Tell(step);
  };
  events.on_end = [this, name](const absl::Status& how) { OnRecalled(name, how); };
  const std::shared_ptr<Recalling> kept = recalling;
  kept->job = medium_.Read(
      name,
      [incoming = wanted.incoming](uint64_t offset, std::span<const std::byte> bytes) {
        return incoming->Write(offset, bytes);
      },
      std::move(events));
}

// Who hears of it may give up, and others may then join.
void NearlineStore::Recalling::Tell(const MediumStep& step) const {
  for (const std::weak_ptr<Listener>& weak : std::vector(listeners)) {
    const std::shared_ptr<Listener> listener = weak.lock();
    if (listener != nullptr && listener->on_step != nullptr) listener->on_step(step);
  }
}

void NearlineStore::OnRecalled(const std::string& name, const absl::Status& how) {
  const auto found = recalls_.find(name);
  if (found == recalls_.end()) return;
  const std::shared_ptr<Recalling> recalling = found->second;
  const FileRecord& record = recalling->wanted.row.record;
  absl::Status status = how;
  if (status.ok()) {
    MediumStep verifying;
    verifying.phase = MediumPhase::kVerifying;
    recalling->Tell(verifying);
    const auto facts = recalling->wanted.incoming->Seal(record.size_bytes);
    status = facts.status();
    if (facts.ok() && facts->sha256 != record.sha256) {
      status = absl::DataLossError(absl::StrCat(record.file_id.text(), ": the medium has ",
                                                facts->sha256.ToString(), ", the record says ",
                                                record.sha256.ToString()));
    }
  }
  if (status.ok()) {
    auto copy = std::make_shared<CachedCopy>(*recalling->wanted.incoming);
    cache_->Keep(name, copy);
    EndRecall(name, copy);
    return;
  }
  if (!absl::IsDataLoss(status) && !absl::IsNotFound(status)) {
    EndRecall(name, status);
    return;
  }
  // Recorded before it is told.
  const bool missing = absl::IsNotFound(status);
  const absl::Status told = absl::DataLossError(status.message());
  const absl::Status taken = workers_.Submit(
      runtime::Lane::kHash, runtime::StrandId::kNone,
      [this, recalling, told, missing, name, weak = std::weak_ptr(self_)] {
        MarkLost(recalling->wanted.collection, recalling->wanted.row.record,
                 missing ? FileState::kMissing : FileState::kDamaged, told.message());
        loop_.Post([weak, name, told] {
          if (const auto self = weak.lock()) (*self)->EndRecall(name, told);
        });
      });
  if (!taken.ok()) EndRecall(name, told);
}

void NearlineStore::EndRecall(const std::string& name, const Brought& brought) {
  const auto found = recalls_.find(name);
  if (found == recalls_.end()) return;
  const std::shared_ptr<Recalling> recalling = found->second;
  recalls_.erase(found);
  for (const std::weak_ptr<Listener>& weak : recalling->listeners) {
    if (const auto listener = weak.lock()) {
      std::exchange(listener->on_end, nullptr)(brought);
    }
  }
}

void NearlineStore::DropUnheard(const std::string& name) {
  const auto found = recalls_.find(name);
  if (found == recalls_.end()) return;
  for (const std::weak_ptr<Listener>& listener : found->second->listeners) {
    if (!listener.expired()) return;
  }
  recalls_.erase(found);
}

NearlineStore::RecallWork::~RecallWork() {
  const std::string name = listener_->name;
  listener_.reset();
  if (const auto store = store_.lock()) (*store)->DropUnheard(name);
}

MediumStep NearlineStore::RecallWork::step() const {
  const auto store = store_.lock();
  if (store == nullptr) return {};
  const auto found = (*store)->recalls_.find(listener_->name);
  return found == (*store)->recalls_.end() ? MediumStep{} : found->second->job->step();
}

// ---- archiving

NearlineStore::ArchiveWork::ArchiveWork(NearlineStore& store, Staged& staged,
                                        const base::GenerationId& generation, OnStep on_step,
                                        absl::AnyInvocable<void(absl::Status)> on_end)
    : store_(store),
      staged_(staged),
      name_(ItemName(staged.collection(), staged.file_id(), generation)),
      on_step_(std::move(on_step)),
      on_end_(std::move(on_end)) {}

void NearlineStore::ArchiveWork::Start() {
  const std::shared_ptr<IncomingFile> incoming = staged_.shared_incoming();
  auto proof = std::make_shared<Proof>(*incoming->facts());
  Medium::Events events;
  events.on_step = [this](const MediumStep& step) {
    phase_ = step.phase;
    if (on_step_ != nullptr) on_step_(step);
  };
  events.on_end = [this](absl::Status how) { End(std::move(how)); };
  job_ = store_.medium_.Write(
      name_, incoming->facts()->size_bytes,
      [incoming](uint64_t offset, std::span<std::byte> out) {
        return incoming->ReadBack(offset, out);
      },
      [proof](uint64_t offset, std::span<const std::byte> bytes) {
        return proof->Take(offset, bytes);
      },
      std::move(events));
}

void NearlineStore::ArchiveWork::End(absl::Status how) {
  if (how.ok()) {
    staged_.SetArchived(name_);
  } else if (!absl::IsUnavailable(how) && !absl::IsResourceExhausted(how) && job_ != nullptr) {
    const bool read_back = phase_ == MediumPhase::kReadingBack;
    how = absl::DataLossError(absl::StrCat(
        read_back ? "READING_BACK" : "WRITING", " failed: ", std::string(how.message()),
        "; what came is kept for ", absl::FormatDuration(kFailedCopyTerm), " in ",
        store_.KeepFailedCopy(name_, staged_.incoming())));
  }
  // May destroy this.
  std::exchange(on_end_, nullptr)(std::move(how));
}

std::string NearlineStore::KeepFailedCopy(const std::string& name, IncomingFile& incoming) {
  const std::string kept = home_.Path(JoinPath(kFailedCopies, name.substr(name.rfind('/') + 1)));
  const absl::Status renamed = disk_.Rename(incoming.path(), kept);
  if (!renamed.ok()) {
    base::LogLine(base::LogLevel::kWarning, "failed-copy-lost").With("cause", renamed.message());
    return absl::StrCat(disk_.root(), "/", incoming.path());
  }
  incoming.GiveUpName();
  return absl::StrCat(disk_.root(), "/", kept);
}

// What an archiving left that was never recorded is removed.
absl::Status NearlineStore::ClearWay(const base::CollectionId& collection,
                                     const base::FileId& file_id,
                                     const base::GenerationId& generation) {
  BITREPO_ASSIGN_OR_RETURN(const std::optional<GenerationRow> recorded,
                           catalogue_->Named(collection, file_id, generation));
  if (recorded.has_value()) {
    return absl::FailedPreconditionError("the request has its effect already");
  }
  return medium_.Remove(ItemName(collection, file_id, generation));
}

std::unique_ptr<SlowStore::Work> NearlineStore::Archive(
    StagedFile& staged, const base::GenerationId& generation, OnStep on_step,
    absl::AnyInvocable<void(absl::Status)> on_end) {
  // What is given out dies with the caller's interest; what comes back from workers finds it gone.
  class Held final : public Work {
   public:
    explicit Held(std::shared_ptr<ArchiveWork> work) : work_(std::move(work)) {}
    MediumStep step() const override { return work_->step(); }

   private:
    const std::shared_ptr<ArchiveWork> work_;
  };
  auto& ours = dynamic_cast<Staged&>(staged);
  auto work =
      std::make_shared<ArchiveWork>(*this, ours, generation, std::move(on_step), std::move(on_end));
  const std::weak_ptr<ArchiveWork> weak = work;
  const auto begin = [weak](const absl::Status& clear) {
    const std::shared_ptr<ArchiveWork> self = weak.lock();
    if (self == nullptr) return;
    clear.ok() ? self->Start() : self->End(clear);
  };
  if (closed_) {
    loop_.Post([begin] { begin(absl::UnavailableError("the pillar is stopping")); });
  } else if (!medium_.Locate(ItemName(ours.collection(), ours.file_id(), generation))) {
    loop_.Post([begin] { begin(absl::OkStatus()); });
  } else {
    const absl::Status taken = workers_.Submit(
        runtime::Lane::kHash, runtime::StrandId::kNone,
        [this, begin, collection = ours.collection(), file_id = ours.file_id(), generation] {
          loop_.Post([begin, clear = ClearWay(collection, file_id, generation)] { begin(clear); });
        });
    if (!taken.ok()) loop_.Post([begin, taken] { begin(taken); });
  }
  return std::make_unique<Held>(std::move(work));
}

// ---- outlook

SlowStore::Outlook NearlineStore::OutlookToRead(const base::CollectionId& collection,
                                                const FileRecord& record) {
  const std::string name = ItemName(collection, record.file_id, record.generation);
  if (cache_->Contains(name)) return {};
  Outlook outlook;
  outlook.queue = medium_.queue();
  outlook.bytes_per_second = medium_.bytes_per_second();
  const auto recalling = recalls_.find(name);
  outlook.wait = recalling != recalls_.end() ? recalling->second->job->step().left
                                             : medium_.TimeFor(name, record.size_bytes);
  return outlook;
}

SlowStore::Outlook NearlineStore::OutlookToWrite(uint64_t size_bytes) {
  return {.wait = medium_.TimeFor(std::nullopt, size_bytes),
          .queue = medium_.queue(),
          .bytes_per_second = medium_.bytes_per_second()};
}

// ---- readers

NearlineStore::Reader::Reader(GenerationRow row, std::shared_ptr<CachedCopy> copy,
                              std::unique_ptr<runtime::DiskFile> file,
                              std::shared_ptr<StageCache> cache, std::string name)
    : cache_(std::move(cache)), name_(std::move(name)), copy_(std::move(copy)) {
  row.block_digests = copy_->block_digests();
  file_ = std::make_unique<VerifiedFile>(std::move(row), std::move(file),
                                         [](absl::string_view /*what*/) {});
}

NearlineStore::Reader::~Reader() {
  file_.reset();
  copy_.reset();
  cache_->Trim();
}

absl::StatusOr<base::Buffer> NearlineStore::Reader::Read(base::ByteRange range) {
  return Judge(file_->Read(range));
}

absl::StatusOr<base::Buffer> NearlineStore::Reader::ReadFresh(base::ByteRange range) {
  return Judge(file_->ReadFresh(range));
}

absl::StatusOr<base::Buffer> NearlineStore::Reader::Judge(absl::StatusOr<base::Buffer> read) {
  if (!absl::IsDataLoss(read.status())) return read;
  cache_->Drop(name_);
  return absl::UnavailableError(absl::StrCat("the copy in the cache is damaged and was dropped (",
                                             read.status().message(),
                                             "); ask again: the medium has the file"));
}

}  // namespace bitrepo::store
