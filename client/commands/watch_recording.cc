// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_recording.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kParts = 5;
constexpr size_t kNumberBytes = 8;
constexpr size_t kLengthBytes = 4;
constexpr size_t kBufferBytes = 64 * 1024;
constexpr size_t kMagicBytes = sizeof(kRecordingMagic) - 1;
constexpr mode_t kFileMode = 0600;

std::string LittleEndian(uint64_t number, size_t bytes) {
  std::string text;
  for (size_t i = 0; i < bytes; ++i) text.push_back(static_cast<char>(number >> (8 * i) & 0xff));
  return text;
}

uint64_t NumberIn(absl::string_view bytes) {
  uint64_t number = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return number;
}

void AppendPart(std::string& record, absl::string_view part) {
  absl::StrAppend(&record, LittleEndian(part.size(), kLengthBytes), part);
}

absl::Status FileError(const std::string& path, absl::string_view deed, int error) {
  const std::string text = absl::StrCat(path, ": ", deed, ": ", ErrnoText(error));
  if (error == EEXIST) {
    return absl::AlreadyExistsError(
        absl::StrCat(path, " exists already; name a file that does not, or move it away"));
  }
  return error == ENOENT ? absl::NotFoundError(text) : absl::UnknownError(text);
}

// The parts of a record; fewer than there should be when it is none.
std::vector<std::string> PartsOf(absl::string_view record) {
  std::vector<std::string> parts;
  while (record.size() >= kLengthBytes && parts.size() < kParts) {
    const uint64_t bytes = NumberIn(record.substr(0, kLengthBytes));
    record.remove_prefix(kLengthBytes);
    if (bytes > record.size()) return {};
    parts.emplace_back(record.substr(0, bytes));
    record.remove_prefix(bytes);
  }
  return record.empty() ? parts : std::vector<std::string>();
}

}  // namespace

absl::StatusOr<RecordingWriter> RecordingWriter::Create(const std::string& path) {
  runtime::ScopedFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode));
  if (!file.valid()) return FileError(path, "cannot be made", errno);
  RecordingWriter writer(path, std::move(file));
  writer.pending_ = kRecordingMagic;
  BITREPO_RETURN_IF_ERROR(writer.Flush());
  return writer;
}

absl::Status RecordingWriter::Add(const bus::WatchCopy& copy, absl::Time at) {
  std::string record;
  AppendPart(record, LittleEndian(static_cast<uint64_t>(absl::ToUnixMicros(at)), kNumberBytes));
  AppendPart(record, LittleEndian(copy.sequence, kNumberBytes));
  AppendPart(record, copy.destination.ToString());
  AppendPart(record, copy.header.SerializeAsString());
  AppendPart(record, copy.body.SerializeAsString());
  AppendPart(pending_, record);
  return pending_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status RecordingWriter::Flush() {
  absl::string_view rest = pending_;
  while (!rest.empty()) {
    const ssize_t written = write(file_.get(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) return FileError(path_, "cannot be written", errno);
    rest.remove_prefix(written < 0 ? 0 : static_cast<size_t>(written));
  }
  pending_.clear();
  return absl::OkStatus();
}

absl::StatusOr<RecordingReader> RecordingReader::Open(const std::string& path) {
  runtime::ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return FileError(path, "cannot be read", errno);
  RecordingReader reader(path, std::move(file));
  BITREPO_ASSIGN_OR_RETURN(const std::string magic, reader.Read(kMagicBytes));
  if (magic != kRecordingMagic) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is no recording of this version; bitrepo watch --record makes one"));
  }
  return reader;
}

absl::StatusOr<std::string> RecordingReader::Read(size_t bytes) {
  while (buffer_.size() - used_ < bytes) {
    buffer_.erase(0, std::exchange(used_, 0));
    std::array<char, kBufferBytes> block;
    const ssize_t got = read(file_.get(), block.data(), block.size());
    if (got < 0 && errno != EINTR) return FileError(path_, "cannot be read", errno);
    if (got == 0) break;
    buffer_.append(block.data(), got < 0 ? 0 : static_cast<size_t>(got));
  }
  const std::string taken = buffer_.substr(used_, bytes);
  used_ += taken.size();
  next_place_ += taken.size();
  return taken;
}

absl::Status RecordingReader::Damaged() const {
  return absl::DataLossError(
      absl::StrCat(path_, " is damaged, or ends in the middle of a record, at byte ", place_));
}

absl::StatusOr<std::optional<RecordingReader::Record>> RecordingReader::Next() {
  for (;;) {
    place_ = next_place_;
    BITREPO_ASSIGN_OR_RETURN(const std::string length, Read(kLengthBytes));
    if (length.empty()) return std::nullopt;
    const uint64_t bytes = NumberIn(length);
    if (length.size() < kLengthBytes || bytes > kRecordBytesMax) return Damaged();
    BITREPO_ASSIGN_OR_RETURN(const std::string record, Read(bytes));
    const std::vector<std::string> parts = PartsOf(record);
    if (record.size() < bytes || parts.size() != kParts || parts[0].size() != kNumberBytes) {
      return Damaged();
    }
    // What is no valid message is counted by the decoder, as on the stream.
    if (auto copy = decoder_.Decode({parts[1], parts[2], parts[3], parts[4]})) {
      return Record{*std::move(copy),
                    absl::FromUnixMicros(static_cast<int64_t>(NumberIn(parts[0])))};
    }
  }
}

}  // namespace bitrepo::commands
