// SPDX-License-Identifier: Apache-2.0
#include "client/commands/id_input.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kChunkBytes = 64 * 1024;
constexpr size_t kShownBytes = 64;

}  // namespace

IdInput::IdInput(std::string path, runtime::ScopedFd file, int descriptor)
    : path_(std::move(path)), file_(std::move(file)), descriptor_(descriptor) {}

absl::StatusOr<IdInput> IdInput::Open(const std::string& path, int standard_input) {
  if (path == "-") return IdInput("standard input", runtime::ScopedFd(), standard_input);
  runtime::ScopedFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return base::ErrnoStatus(errno, path);
  const int descriptor = file.get();
  return IdInput(path, std::move(file), descriptor);
}

absl::StatusOr<absl::string_view> IdInput::Next() {
  for (;;) {
    const absl::string_view rest = absl::string_view(buffer_).substr(taken_);
    const size_t end =
        settled_ ? rest.find(separator_) : rest.find_first_of(absl::string_view("\n\0", 2));
    if (end != absl::string_view::npos) {
      separator_ = rest[end];
      settled_ = true;
      taken_ += end + 1;
      if (end > 0) return rest.substr(0, end);
      continue;
    }
    if (ended_) {
      taken_ = buffer_.size();
      return rest;
    }
    if (rest.size() >= kChunkBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          path_, ": \"", Shown(rest.substr(0, kShownBytes)), "...\" is too long for a file id"));
    }
    BITREPO_RETURN_IF_ERROR(Fill());
  }
}

absl::Status IdInput::Fill() {
  buffer_.erase(0, taken_);
  taken_ = 0;
  const size_t kept = buffer_.size();
  buffer_.resize(kept + kChunkBytes);
  for (;;) {
    const ssize_t got = read(descriptor_, buffer_.data() + kept, kChunkBytes);
    if (got < 0 && errno == EINTR) continue;
    buffer_.resize(kept + static_cast<size_t>(got < 0 ? 0 : got));
    if (got < 0) return base::ErrnoStatus(errno, path_);
    ended_ = got == 0;
    return absl::OkStatus();
  }
}

}  // namespace bitrepo::commands
