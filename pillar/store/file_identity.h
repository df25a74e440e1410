// SPDX-License-Identifier: Apache-2.0
// What a stored file says about itself, beside its bytes: enough to rebuild the catalogue from the
// files.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/checksum.h"
#include "base/ids.h"
#include "base/runtime/disk.h"

namespace bitrepo::store {

inline constexpr char kIdentityAttribute[] = "bitrepo";
inline constexpr char kIdentitySuffix[] = ".id";

struct FileIdentity {
  base::FileId file_id;
  base::GenerationId generation;
  uint64_t size_bytes = 0;
  base::Digest sha256;
  base::ConversationId conversation;  // of the request that put it here
  bool operator==(const FileIdentity&) const = default;
};

// "1 GENERATION SIZE sha256:HEX CONVERSATION FILE-ID": the file id last, for it may hold spaces.
std::string EncodeIdentity(const FileIdentity& identity);
// kDataLoss: not such a text, or of a file that no store takes.
absl::StatusOr<FileIdentity> ParseIdentity(absl::string_view text);

// Reads the attribute of the file at `path`, or the file beside it. kNotFound: it has neither;
// kDataLoss: what is there cannot be read; kFailedPrecondition: no plain file lies there.
absl::StatusOr<FileIdentity> ReadIdentity(runtime::Disk& disk, absl::string_view path);

}  // namespace bitrepo::store
