// SPDX-License-Identifier: Apache-2.0
// File ids that are named one by one, however many: in memory while they fit a message, else in a
// temporary file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/checksum.h"
#include "base/ids.h"
#include "client/item_stream.h"
#include "client/nameless_file.h"
#include "proto/types.pb.h"

namespace bitrepo::client {

inline constexpr size_t kNamedBytesMax = 64 * 1024;  // of ids that are named in a message

// Add all, Finish, then ask. Threads: not thread-safe until Finish; immutable after it.
class IdList {
 public:
  // `directory`: for the temporary file, and for those that answers come into.
  explicit IdList(std::string directory) : directory_(std::move(directory)) {}

  absl::Status Add(const base::FileId& file_id);
  absl::Status Finish();

  uint64_t size() const { return count_; }
  // False: it travels as a parameter set.
  bool fits_message() const { return file_ == nullptr; }
  const std::string& directory() const { return directory_; }
  // How a request names it: a list or a parameter set. Requires: there is an id.
  wire::FileSelection Selection() const;
  // Requires: fits_message().
  const std::vector<std::string>& named() const { return named_; }
  // The bytes of the parameter set. Requires: !fits_message().
  std::shared_ptr<NamelessFile> file() const { return file_; }

 private:
  absl::Status Spill(absl::string_view file_id);
  absl::Status Write();

  const std::string directory_;
  std::vector<std::string> named_;
  size_t named_bytes_ = 0;
  uint64_t count_ = 0;
  std::shared_ptr<NamelessFile> file_;
  std::string unwritten_;
  base::Hasher sha256_{base::Algorithm::kSha256};
  wire::ParameterSet parameters_;
};

}  // namespace bitrepo::client
