// SPDX-License-Identifier: Apache-2.0
#include "client/local_sink.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace bitrepo::client {
namespace {

constexpr uint64_t kWriteBackBytes = 8 * 1024 * 1024;

wire::ResponseInfo Answer(wire::ResponseCode code, std::string text) {
  wire::ResponseInfo answer;
  answer.set_code(code);
  answer.set_text(std::move(text));
  return answer;
}

absl::Status WriteAll(int descriptor, std::span<const std::byte> bytes, const std::string& what) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) return absl::AbortedError("broken pipe");
      return base::ErrnoStatus(errno, what);
    }
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

}  // namespace

LocalSink::LocalSink(runtime::WorkerPool& workers, base::ByteRange range,
                     std::optional<base::Digest> expected)
    : workers_(workers),
      strand_(workers.NewStrand()),
      begin_(range.offset()),
      expected_(std::move(expected)) {
  if (expected_ && expected_->algorithm() != base::Algorithm::kSha256) {
    other_.emplace(expected_->algorithm());
  }
}

void LocalSink::Write(base::ByteRange range, base::Buffer bytes,
                      absl::AnyInvocable<void(absl::Status)> done) {
  auto reply = std::make_shared<absl::AnyInvocable<void(absl::Status)>>(std::move(done));
  absl::Status taken =
      workers_.Submit(runtime::Lane::kWrite, strand_,
                      [self = shared_from_this(), range, bytes = std::move(bytes), reply] {
                        if (self->trouble_.ok()) self->trouble_ = self->TakeInOrder(range, bytes);
                        (*reply)(self->trouble_);
                      });
  if (!taken.ok()) (*reply)(taken);
}

absl::Status LocalSink::TakeInOrder(base::ByteRange range, const base::Buffer& bytes) {
  const uint64_t next = begin_ + taken_;
  if (range.end() <= next) return absl::OkStatus();  // it came before
  if (range.offset() > next) {
    return absl::InternalError(
        absl::StrCat("bytes at ", range.ToString(), " came before those at ", next));
  }
  const auto fresh = bytes.bytes().subspan(static_cast<size_t>(next - range.offset()));
  BITREPO_RETURN_IF_ERROR(Append(fresh));
  sha256_.Update(fresh);
  if (other_) other_->Update(fresh);
  taken_ += fresh.size();
  return absl::OkStatus();
}

void LocalSink::Commit(uint64_t size_bytes, std::optional<base::Digest> sha256,
                       absl::AnyInvocable<void(wire::ResponseInfo)> done) {
  auto reply = std::make_shared<absl::AnyInvocable<void(wire::ResponseInfo)>>(std::move(done));
  absl::Status taken =
      workers_.Submit(runtime::Lane::kWrite, strand_,
                      [self = shared_from_this(), size_bytes, sha256 = std::move(sha256), reply] {
                        wire::ResponseInfo answer = self->Prove(size_bytes, sha256);
                        if (answer.code() != wire::OPERATION_COMPLETED) self->Discard();
                        (*reply)(std::move(answer));
                      });
  if (!taken.ok()) (*reply)(Answer(wire::FAILURE, std::string(taken.message())));
}

wire::ResponseInfo LocalSink::Prove(uint64_t size_bytes,
                                    const std::optional<base::Digest>& sha256) {
  if (!trouble_.ok()) return Answer(wire::FAILURE, std::string(trouble_.message()));
  if (taken_ != size_bytes) {
    return Answer(wire::DATA_LOSS, absl::StrCat(taken_, " bytes came instead of ", size_bytes));
  }
  const base::Digest found = sha256_.Finish();
  if (sha256 && found != *sha256) {
    return Answer(wire::DATA_LOSS, absl::StrCat("the bytes have ", found.ToString(), ", not ",
                                                sha256->ToString(), " as recorded"));
  }
  if (expected_) {
    const base::Digest asked = other_ ? other_->Finish() : found;
    if (asked != *expected_) {
      return Answer(wire::DATA_LOSS, absl::StrCat("the bytes have ", asked.ToString(), ", not ",
                                                  expected_->ToString(), " as given"));
    }
  }
  if (absl::Status kept = Keep(); !kept.ok()) {
    return Answer(wire::FAILURE, std::string(kept.message()));
  }
  return Answer(wire::OPERATION_COMPLETED, "");
}

void LocalSink::Aborted(const absl::Status& /*why*/) {
  absl::Status taken = workers_.Submit(runtime::Lane::kWrite, strand_,
                                       [self = shared_from_this()] { self->Discard(); });
  if (!taken.ok())
    base::LogLine(base::LogLevel::kWarning, "part-left").With("why", taken.message());
}

absl::StatusOr<std::shared_ptr<FileSink>> FileSink::Create(const std::string& path,
                                                           const std::string& tag,
                                                           runtime::WorkerPool& workers,
                                                           base::ByteRange range,
                                                           std::optional<base::Digest> expected) {
  const std::string part = absl::StrCat(path, ".part-", tag);
  runtime::ScopedFd file(
      open(part.c_str(), O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (!file.valid()) return base::ErrnoStatus(errno, part);
  return std::shared_ptr<FileSink>(
      new FileSink(path, part, std::move(file), workers, range, std::move(expected)));
}

FileSink::FileSink(std::string path, std::string part, runtime::ScopedFd file,
                   runtime::WorkerPool& workers, base::ByteRange range,
                   std::optional<base::Digest> expected)
    : LocalSink(workers, range, std::move(expected)),
      path_(std::move(path)),
      part_(std::move(part)),
      file_(std::move(file)) {}

FileSink::~FileSink() { FileSink::Discard(); }

absl::Status FileSink::Append(std::span<const std::byte> bytes) {
  BITREPO_RETURN_IF_ERROR(WriteAll(file_.get(), bytes, part_));
  written_ += bytes.size();
  if (written_ - flushing_ >= kWriteBackBytes) {
    // Keeps the last sync short; promises nothing.
    sync_file_range(file_.get(), static_cast<off_t>(flushing_),
                    static_cast<off_t>(written_ - flushing_), SYNC_FILE_RANGE_WRITE);
    flushing_ = written_;
  }
  return absl::OkStatus();
}

absl::Status FileSink::Keep() {
  if (fsync(file_.get()) != 0) return base::ErrnoStatus(errno, part_);
  if (rename(part_.c_str(), path_.c_str()) != 0) return base::ErrnoStatus(errno, path_);
  file_.Reset();
  const size_t slash = path_.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path_.substr(0, slash);
  const runtime::ScopedFd held(open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!held.valid() || fsync(held.get()) != 0) return base::ErrnoStatus(errno, directory);
  return absl::OkStatus();
}

void FileSink::Discard() {
  if (!file_.valid()) return;
  unlink(part_.c_str());
  file_.Reset();
}

StreamSink::StreamSink(int descriptor, runtime::WorkerPool& workers, base::ByteRange range,
                       std::optional<base::Digest> expected)
    : LocalSink(workers, range, std::move(expected)), descriptor_(descriptor) {}

absl::Status StreamSink::Append(std::span<const std::byte> bytes) {
  return WriteAll(descriptor_, bytes, "the output");
}

}  // namespace bitrepo::client
