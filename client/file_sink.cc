// SPDX-License-Identifier: Apache-2.0
#include "client/file_sink.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr size_t kReadBackBytes = 1024 * 1024;

base::ByteRange Between(uint64_t from, uint64_t to) {
  return base::ByteRange::Make(from, to - from).value();
}

// Which bytes these are: the same for whoever asks for them, of whichever pillar, by whatever
// token.
std::string IdentityOf(absl::string_view collection, const wire::FileInfo& file,
                       const base::ByteRange& range) {
  const std::string content =
      file.has_digest() ? absl::StrCat("digest ", file.digest().algorithm(), " ",
                                       absl::BytesToHexString(file.digest().value()))
                        : absl::StrCat("generation ", absl::BytesToHexString(file.generation_id()));
  return absl::StrCat("get ", collection, "\n", file.file_id(), "\n", content, "\n",
                      file.size_bytes(), " ", range.ToString());
}

// The largest `most` of the ranges.
base::RangeSet Largest(const base::RangeSet& set, size_t most) {
  if (set.range_count() <= most) return set;
  std::vector<base::ByteRange> ranges = set.ranges();
  std::nth_element(ranges.begin(), ranges.begin() + static_cast<std::ptrdiff_t>(most), ranges.end(),
                   [](const auto& a, const auto& b) { return a.length() > b.length(); });
  base::RangeSet largest;
  for (size_t i = 0; i < most; ++i) largest.Add(ranges[i]);
  return largest;
}

}  // namespace

absl::StatusOr<std::shared_ptr<FileSink>> FileSink::Create(
    const std::string& path, absl::string_view collection, const wire::FileInfo& file,
    base::ByteRange range, std::optional<base::Digest> given, runtime::WorkerPool& workers) {
  BITREPO_ASSIGN_OR_RETURN(
      std::unique_ptr<runtime::PartFile> part,
      runtime::PartFile::Open(path, IdentityOf(collection, file, range), range));
  return std::shared_ptr<FileSink>(new FileSink(std::move(part), range, std::move(given), workers));
}

FileSink::FileSink(std::unique_ptr<runtime::PartFile> part, base::ByteRange range,
                   std::optional<base::Digest> given, runtime::WorkerPool& workers)
    : range_(range),
      resumed_bytes_(part->held().bytes()),
      workers_(workers),
      write_strand_(workers.NewStrand()),
      hash_strand_(workers.NewStrand()),
      part_(std::move(part)),
      digested_(range.offset()),
      proof_(std::move(given)) {
  base::MutexLock lock(mutex_);
  written_ = Largest(part_->held(), kHeldRangesMax);
}

base::RangeSet FileSink::held() const {
  base::MutexLock lock(mutex_);
  return written_;
}

void FileSink::Write(base::ByteRange range, base::Buffer bytes,
                     absl::AnyInvocable<void(absl::Status)> done) {
  auto reply = std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  const absl::Status taken = workers_.Submit(
      runtime::Lane::kWrite, write_strand_,
      [self = shared_from_this(), range, bytes = std::move(bytes), reply]() mutable {
        absl::StatusOr<base::RangeSet> fresh = self->Place(range, bytes);
        if (!fresh.ok() || fresh->empty()) {
          (*reply)(fresh.status());
          return;
        }
        const absl::Status digesting = self->workers_.Submit(
            runtime::Lane::kHash, self->hash_strand_,
            [self, range, fresh = *std::move(fresh), bytes = std::move(bytes), reply] {
              self->Digest(fresh, range, bytes);
              (*reply)(absl::OkStatus());
            });
        if (!digesting.ok()) (*reply)(self->trouble_ = digesting);
      });
  if (!taken.ok()) (*reply)(taken);
}

bool FileSink::InOrder(uint64_t offset) const {
  base::MutexLock lock(mutex_);
  return offset == digested_ ||
         (offset > digested_ && to_digest_.Contains(Between(digested_, offset)));
}

// What of the range was not there before: that is written, what was there stays.
absl::StatusOr<base::RangeSet> FileSink::Place(base::ByteRange range, const base::Buffer& bytes) {
  BITREPO_RETURN_IF_ERROR(trouble_);
  base::RangeSet fresh;
  {
    base::MutexLock lock(mutex_);
    fresh = written_.Missing(range);
  }
  for (const base::ByteRange& each : fresh.ranges()) {
    trouble_ = part_->Write(
        each,
        bytes.bytes().subspan(each.offset() - range.offset(), static_cast<size_t>(each.length())),
        /*read_soon=*/!InOrder(each.offset()));
    BITREPO_RETURN_IF_ERROR(trouble_);
  }
  base::MutexLock lock(mutex_);
  written_.Add(range);
  for (const base::ByteRange& each : fresh.ranges()) to_digest_.Add(each);
  return fresh;
}

void FileSink::Digest(const base::RangeSet& fresh, base::ByteRange range,
                      const base::Buffer& bytes) {
  for (const base::ByteRange& each : fresh.ranges()) {
    if (each.offset() == NextToDigest()) {
      proof_.Update(bytes.bytes().subspan(each.offset() - range.offset(),
                                          static_cast<size_t>(each.length())));
      base::MutexLock lock(mutex_);
      digested_ = each.end();
    }
    base::MutexLock lock(mutex_);
    to_digest_.Remove(each);
  }
  // Where others came first, as much is read back as has come, so that little is left for the end.
  // An error shows there.
  DigestBehind(fresh.bytes()).IgnoreError();
}

uint64_t FileSink::NextToDigest() const {
  base::MutexLock lock(mutex_);
  return digested_;
}

// Reads back what is written and was not digested, in pieces, until one is not there in whole, or
// comes from memory.
absl::Status FileSink::DigestBehind(uint64_t most_bytes) {
  for (uint64_t done = 0; done < most_bytes; done += kReadBackBytes) {
    base::ByteRange next;
    {
      base::MutexLock lock(mutex_);
      next = Between(digested_, std::min(digested_ + kReadBackBytes, range_.end()));
      if (next.empty() || !written_.Contains(next) || to_digest_.Intersects(next)) {
        return absl::OkStatus();
      }
    }
    read_back_.resize(kReadBackBytes);
    const auto out = std::span(read_back_).first(static_cast<size_t>(next.length()));
    BITREPO_ASSIGN_OR_RETURN(const size_t got, part_->ReadAt(next.offset(), out));
    if (got != out.size()) {
      return absl::DataLossError(
          absl::StrCat(part_->part_path(), " is shorter than what was written"));
    }
    proof_.Update(out);
    base::MutexLock lock(mutex_);
    digested_ = next.end();
  }
  return absl::OkStatus();
}

void FileSink::Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                      absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  const Reply reply =
      std::make_shared<absl::AnyInvocable<void(wire::ResponseInfo)>>(std::move(done));
  const auto self = shared_from_this();
  const auto or_fail = [reply](const absl::Status& taken) {
    if (!taken.ok()) (*reply)(SinkAnswer(wire::FAILURE, std::string(taken.message())));
  };
  // Written, synced; digested meanwhile; then it may appear.
  or_fail(workers_.Submit(runtime::Lane::kWrite, write_strand_,
                          [self, size_bytes, sha256 = std::move(sha256), reply, or_fail]() mutable {
                            wire::ResponseInfo arrived = self->Arrived(size_bytes);
                            if (arrived.code() != wire::OPERATION_COMPLETED) {
                              (*reply)(self->Settle(std::move(arrived)));
                              return;
                            }
                            or_fail(self->workers_.Submit(
                                runtime::Lane::kHash, self->hash_strand_,
                                [self, sha256 = std::move(sha256), reply, or_fail] {
                                  wire::ResponseInfo judged = self->Judge(sha256);
                                  or_fail(self->workers_.Submit(
                                      runtime::Lane::kWrite, self->write_strand_,
                                      [self, judged = std::move(judged), reply]() mutable {
                                        (*reply)(self->Settle(std::move(judged)));
                                      }));
                                }));
                          }));
}

wire::ResponseInfo FileSink::Arrived(uint64_t size_bytes) {
  if (!trouble_.ok()) return SinkAnswer(wire::FAILURE, std::string(trouble_.message()));
  uint64_t come = 0;
  {
    base::MutexLock lock(mutex_);
    come = written_.bytes();
  }
  if (come != size_bytes) {
    return SinkAnswer(wire::DATA_LOSS, absl::StrCat(come, " bytes came instead of ", size_bytes));
  }
  trouble_ = part_->Sync();
  if (!trouble_.ok()) return SinkAnswer(wire::FAILURE, std::string(trouble_.message()));
  return SinkAnswer(wire::OPERATION_COMPLETED, "");
}

wire::ResponseInfo FileSink::Judge(const std::optional<base::Digest>& sha256) {
  const absl::Status read = DigestBehind(range_.length());
  if (!read.ok()) return SinkAnswer(wire::FAILURE, std::string(read.message()));
  return proof_.Judge(sha256);
}

wire::ResponseInfo FileSink::Settle(wire::ResponseInfo judged) {
  if (judged.code() == wire::OPERATION_COMPLETED) {
    const absl::Status published = part_->Publish();
    if (!published.ok()) judged = SinkAnswer(wire::FAILURE, std::string(published.message()));
  } else if (judged.code() == wire::DATA_LOSS) {
    part_->Remove();
    if (resumed_bytes_ > 0) {
      judged = SinkAnswer(
          wire::FAILURE,
          absl::StrCat("what an earlier get had left was damaged, and is thrown away: the same "
                       "command again gets all of it (",
                       judged.text(), ")"));
    }
  }
  part_.reset();
  return judged;
}

void FileSink::Aborted(const absl::Status& /*why*/) {
  // Lets the part go, behind what is being written. Where no worker takes it, it goes with the
  // sink.
  const absl::Status taken =
      workers_.Submit(runtime::Lane::kWrite, write_strand_, [self = shared_from_this()] {
        self->trouble_.Update(absl::CancelledError("the get has ended"));
        const absl::Status freed = self->workers_.Submit(runtime::Lane::kHash, self->hash_strand_,
                                                         [self] { self->part_.reset(); });
        freed.IgnoreError();
      });
  taken.IgnoreError();
}

}  // namespace bitrepo::client
