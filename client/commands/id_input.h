// SPDX-License-Identifier: Apache-2.0
// File ids from a file or standard input, one after another, however many.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/runtime/scoped_fd.h"

namespace bitrepo::commands {

// One a line, or ended by NUL where the first that ends one is a NUL. Holds no more than a chunk.
class IdInput {
 public:
  // `path` "-": the descriptor `standard_input`, which stays open.
  static absl::StatusOr<IdInput> Open(const std::string& path, int standard_input);
  // The next that is not empty, valid until the next call; empty at the end. kInvalidArgument for
  // one that goes on and on: no file id is so long.
  absl::StatusOr<absl::string_view> Next();

 private:
  IdInput(std::string path, runtime::ScopedFd file, int descriptor);
  absl::Status Fill();

  std::string path_;
  runtime::ScopedFd file_;
  int descriptor_;
  std::string buffer_;
  size_t taken_ = 0;
  char separator_ = '\0';
  bool settled_ = false;  // what ends an id is known
  bool ended_ = false;
};

}  // namespace bitrepo::commands
