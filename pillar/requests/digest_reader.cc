// SPDX-License-Identifier: Apache-2.0
#include "pillar/requests/digest_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace bitrepo::requests {
namespace {

constexpr uint64_t kReadBytes = 1024 * 1024;  // of one read of the store
constexpr uint64_t kReadsOfSlice = 16;        // in one go, before others get the worker

}  // namespace

// Goes from worker to worker; only touched there while a slice is being read.
struct DigestReader::Reading {
  Reading(FileDigester digester_in, uint64_t size_bytes)
      : digester(std::move(digester_in)), left(base::ByteRange::Whole(size_bytes)) {}

  // One slice of the file, which the first one opens.
  absl::Status Read(store::FileStore& store, const base::CollectionId& collection,
                    const store::FileRecord& record, const base::Clock& clock, Gauge& gauge) {
    if (file == nullptr) {
      auto opened = store.Open(collection, record.file_id, record.generation);
      if (!opened.ok()) return opened.status();
      file = *std::move(opened);
    }
    for (uint64_t i = 0; i < kReadsOfSlice && !left.empty(); ++i) {
      const uint64_t length = std::min(kReadBytes, left.length());
      const absl::Time began = clock.Now();
      const absl::StatusOr<base::Buffer> bytes =
          Next(*base::ByteRange::Make(left.offset(), length));
      if (!bytes.ok()) return bytes.status();
      gauge.AddRead(length, clock.Now() - began);
      digester.Update(bytes->bytes());
      if (whole) whole->Update(bytes->bytes());
      left = *base::ByteRange::Make(left.offset() + length, left.length() - length);
    }
    return absl::OkStatus();
  }

  // What is to be fresh comes from the medium.
  absl::StatusOr<base::Buffer> Next(const base::ByteRange& range) {
    return whole ? file->ReadFresh(range) : file->Read(range);
  }

  FileDigester digester;
  std::optional<base::Hasher> whole;  // to be held against the record
  base::ByteRange left;
  std::shared_ptr<store::StoredFile> file;
  absl::Status status;
};

std::shared_ptr<DigestReader> DigestReader::Start(const RequestParts& parts,
                                                  const base::CollectionId& collection,
                                                  const store::FileRecord& record,
                                                  const DigestWish& wish, Done done) {
  std::shared_ptr<DigestReader> reader(
      new DigestReader(parts, collection, record, std::move(done)));
  absl::StatusOr<FileDigester> digester = FileDigester::Make(wish.computed(), wish.salt());
  if (!digester.ok()) {
    reader->End(digester.status());
    return reader;
  }
  auto reading = std::make_shared<Reading>(*std::move(digester), record.size_bytes);
  if (wish.fresh()) reading->whole.emplace(base::Algorithm::kSha256);
  reader->ReadSlice(std::move(reading));
  return reader;
}

DigestReader::DigestReader(const RequestParts& parts, const base::CollectionId& collection,
                           const store::FileRecord& record, Done done)
    : parts_(parts), collection_(collection), record_(record), done_(std::move(done)) {}

void DigestReader::ReadSlice(std::shared_ptr<Reading> reading) {
  const absl::Status taken = parts_.workers.Submit(
      runtime::Lane::kRead, runtime::StrandId::kNone,
      [reading, store = &parts_.store, loop = &parts_.loop, gauge = parts_.gauge,
       collection = collection_, record = record_, weak = weak_from_this()] {
        reading->status = reading->Read(*store, collection, record, loop->clock(), *gauge);
        loop->Post([reading, weak] {
          const std::shared_ptr<DigestReader> self = weak.lock();
          if (self != nullptr) self->OnSlice(reading);
        });
      });
  if (!taken.ok()) End(absl::ResourceExhaustedError("the pillar has too much to read"));
}

void DigestReader::OnSlice(const std::shared_ptr<Reading>& reading) {
  bytes_done_ = record_.size_bytes - reading->left.length();
  if (!reading->status.ok()) {
    End(reading->status);
  } else if (!reading->left.empty()) {
    ReadSlice(reading);
  } else if (reading->whole && reading->whole->Finish() != record_.sha256) {
    End(absl::DataLossError("the bytes do not have the recorded digest"));
  } else {
    End(reading->digester.Finish());
  }
}

// By way of the loop: whoever starts a reading has it in hand before it ends.
void DigestReader::End(absl::StatusOr<std::vector<wire::Digest>> digests) {
  parts_.loop.Post([weak = weak_from_this(), digests = std::move(digests)]() mutable {
    const std::shared_ptr<DigestReader> self = weak.lock();
    if (self == nullptr || self->done_ == nullptr) return;
    Done done = std::move(self->done_);
    self->done_ = nullptr;
    done(std::move(digests));
  });
}

}  // namespace bitrepo::requests
