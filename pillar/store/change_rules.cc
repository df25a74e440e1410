// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/change_rules.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace bitrepo::store {
namespace {

absl::Status CheckIsThere(const base::FileId& file_id, const FileRecord* live,
                          const base::Digest& sha256) {
  if (live == nullptr) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such file"));
  }
  if (live->sha256 != sha256) {
    return absl::AbortedError(absl::StrCat(file_id.text(), ": the file here has the digest ",
                                           live->sha256.Hex(), ", not ", sha256.Hex(),
                                           ": look at it before you change it"));
  }
  return absl::OkStatus();
}

absl::Status Taken(const base::FileId& file_id) {
  return absl::AlreadyExistsError(absl::StrCat(file_id.text(), ": there is a file of this id"));
}

}  // namespace

// Without `replaces` the id must be free, or what it names lost here and these be its bytes again.
absl::Status CheckPublication(const base::FileId& file_id, const FileRecord* live,
                              const std::optional<base::Digest>& replaces,
                              const StagedFile::Facts& facts) {
  if (replaces.has_value()) {
    return CheckIsThere(file_id, live, *replaces);
  }
  const bool comes_back = live != nullptr && !live->trouble.empty() &&
                          live->size_bytes == facts.size_bytes && live->sha256 == facts.sha256;
  return live == nullptr || comes_back ? absl::OkStatus() : Taken(file_id);
}

absl::Status CheckRemoval(const base::FileId& file_id, const FileRecord* live,
                          const base::Digest& sha256) {
  return CheckIsThere(file_id, live, sha256);
}

absl::Status CheckRestoration(const base::FileId& file_id, const FileRecord* live,
                              const std::optional<base::Digest>& replaces,
                              const FileRecord* removed) {
  if (removed == nullptr) {
    return absl::NotFoundError(absl::StrCat(file_id.text(), ": no such generation in quarantine"));
  }
  if (replaces.has_value()) {
    BITREPO_RETURN_IF_ERROR(CheckIsThere(file_id, live, *replaces));
  } else if (live != nullptr) {
    return Taken(file_id);
  }
  return removed->trouble.empty()
             ? absl::OkStatus()
             : absl::DataLossError(
                   absl::StrCat(file_id.text(), ": the file in quarantine is ", removed->trouble));
}

absl::Status ChangedInTheSameGroup(const base::FileId& file_id,
                                   const std::optional<base::Digest>& replaces) {
  return replaces.has_value()
             ? absl::AbortedError(absl::StrCat(
                   file_id.text(), ": it was changed at the same moment: look at it again"))
             : Taken(file_id);
}

}  // namespace bitrepo::store
