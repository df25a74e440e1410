// SPDX-License-Identifier: Apache-2.0
// A recording of the bus: the copies that a watcher heard, in a file, without any secret.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/runtime/scoped_fd.h"
#include "bus/watch_stream.h"

namespace bitrepo::commands {

// The file: kRecordingMagic, then records. A record is its length (4 bytes, little-endian, of what
// follows) and five parts, each its length (4 bytes, little-endian) and its bytes: when it was
// heard (8 bytes, little-endian, microseconds since 1970-01-01 UTC), the sequence number of the
// copy (8 bytes, little-endian), destination, header, body. A file may end in the middle of a
// record: who wrote it was killed.
inline constexpr char kRecordingMagic[] = "bitrepo-watch 1\n";
inline constexpr size_t kRecordBytesMax = 512 * 1024;

// Loop-confined. The file is 0600 and made anew: an existing one is never written over.
class RecordingWriter {
 public:
  static absl::StatusOr<RecordingWriter> Create(const std::string& path);
  // Gathers; Flush writes. Both tell what the disk says.
  absl::Status Add(const bus::WatchCopy& copy, absl::Time at);
  absl::Status Flush();

 private:
  RecordingWriter(std::string path, runtime::ScopedFd file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  runtime::ScopedFd file_;
  std::string pending_;
};

// Reads with little memory, whatever the length of the file. Each record is judged as a copy from
// the bus is. Loop-confined.
class RecordingReader {
 public:
  // kInvalidArgument for what is no recording.
  static absl::StatusOr<RecordingReader> Open(const std::string& path);
  struct Record {
    bus::WatchCopy copy;
    absl::Time at;
  };
  // Nothing at the end. kDataLoss, with the place, where the file is damaged or ends in the middle
  // of a record.
  absl::StatusOr<std::optional<Record>> Next();
  // Records that were no valid messages, and were passed over.
  uint64_t malformed() const { return decoder_.malformed(); }

 private:
  RecordingReader(std::string path, runtime::ScopedFd file)
      : path_(std::move(path)), file_(std::move(file)) {}
  // Exactly `bytes` more; fewer at the end of the file.
  absl::StatusOr<std::string> Read(size_t bytes);
  absl::Status Damaged() const;

  std::string path_;
  runtime::ScopedFd file_;
  std::string buffer_;
  size_t used_ = 0;     // of the buffer
  uint64_t place_ = 0;  // where the record begins
  uint64_t next_place_ = 0;
  bus::WatchDecoder decoder_;
};

}  // namespace bitrepo::commands
