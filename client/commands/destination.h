// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a file go on this machine, as a person names it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/checksum.h"
#include "base/runtime/scoped_fd.h"
#include "base/runtime/worker_pool.h"
#include "client/operation.h"

namespace bitrepo::commands {

struct Destination {
  bool stream = false;  // to `descriptor`, as it comes
  int descriptor = 1;
  runtime::ScopedFd opened;  // a device or FIFO that `descriptor` is
  std::string path;          // else a file, replaced at the end
  // Of the file, what an earlier get had left; set when its place is made.
  std::shared_ptr<std::atomic<uint64_t>> resumed_bytes = std::make_shared<std::atomic<uint64_t>>(0);
};

Destination StreamTo(int descriptor);
// A file that is there is replaced if it may be, a link stays and what it leads to is replaced, a
// device or FIFO is written into. kFailedPrecondition: it is there and may not be replaced;
// kInvalidArgument: a directory, or in none.
absl::StatusOr<Destination> FindDestination(const std::string& path, bool may_replace);

// The places for the bytes of one get, each when the one before was wrong; a stream has one alone.
// `given`: a digest of the caller's for the bytes. The destination outlives them.
client::SinkFactory SinksTo(const Destination& destination, absl::string_view collection,
                            std::optional<base::Digest> given, runtime::WorkerPool& workers);
// ", 1.0 MiB of it were here before", or nothing.
std::string ResumedWords(const Destination& destination);
// What a get that has not ended has left beside its file: the path of the part; empty when there is
// none.
std::string PartLeft(const Destination& destination);

}  // namespace bitrepo::commands
