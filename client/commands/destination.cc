// SPDX-License-Identifier: Apache-2.0
#include "client/commands/destination.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/runtime/part_file.h"
#include "base/runtime/settings.h"
#include "base/status.h"
#include "client/commands/words.h"
#include "client/file_sink.h"
#include "client/stream_sink.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<Destination> Checked(Destination destination) {
  const std::string parent = fs::path(destination.path).parent_path().string();
  std::error_code error;
  if (!parent.empty() && fs::exists(parent, error) && !fs::is_directory(parent, error)) {
    return absl::InvalidArgumentError(absl::StrCat(parent, " is no directory"));
  }
  if (access(parent.empty() ? "." : parent.c_str(), W_OK | X_OK) != 0) {
    return base::ErrnoStatus(errno, parent.empty() ? "." : parent);
  }
  return destination;
}

}  // namespace

Destination StreamTo(int descriptor) {
  Destination destination;
  destination.stream = true;
  destination.descriptor = descriptor;
  return destination;
}

absl::StatusOr<Destination> FindDestination(const std::string& path, bool may_replace) {
  Destination destination;
  destination.path = path;
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return Checked(std::move(destination));
    return base::ErrnoStatus(errno, path);
  }
  if (S_ISDIR(facts.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a directory"));
  }
  if (!S_ISREG(facts.st_mode)) {  // a device or FIFO is written into, not replaced
    destination.opened = runtime::ScopedFd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!destination.opened.valid()) return base::ErrnoStatus(errno, path);
    destination.stream = true;
    destination.descriptor = destination.opened.get();
    return destination;
  }
  if (!may_replace) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is there already: -o ", ShellWord(path), " replaces it"));
  }
  // A link stays; what it leads to is replaced.
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (!error) destination.path = real.string();
  return Checked(std::move(destination));
}

client::SinkFactory SinksTo(const Destination& destination, absl::string_view collection,
                            std::optional<base::Digest> given, runtime::WorkerPool& workers) {
  auto begun = std::make_shared<bool>(false);
  return [&destination, collection = std::string(collection), given = std::move(given), &workers,
          begun](const wire::FileInfo& file,
                 base::ByteRange range) -> absl::StatusOr<std::shared_ptr<channel::Sink>> {
    if (!destination.stream) {
      BITREPO_ASSIGN_OR_RETURN(
          std::shared_ptr<client::FileSink> sink,
          client::FileSink::Create(destination.path, collection, file, range, given, workers));
      *destination.resumed_bytes = sink->held().bytes();
      return std::shared_ptr<channel::Sink>(std::move(sink));
    }
    if (std::exchange(*begun, true)) {
      return absl::DataLossError("what was written already is wrong, and cannot be taken back");
    }
    return std::shared_ptr<channel::Sink>(
        std::make_shared<client::StreamSink>(destination.descriptor, workers, range, given));
  };
}

std::string ResumedWords(const Destination& destination) {
  const uint64_t resumed = *destination.resumed_bytes;
  return resumed == 0
             ? ""
             : absl::StrCat(", ", runtime::FormatBytes(resumed), " of it were here before");
}

std::string PartLeft(const Destination& destination) {
  if (destination.stream) return "";
  std::string part = runtime::PartFile::PartPathOf(destination.path);
  std::error_code error;
  const std::uintmax_t size_bytes = fs::file_size(part, error);
  return !error && size_bytes > 0 ? part : "";
}

}  // namespace bitrepo::commands
