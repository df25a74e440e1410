// SPDX-License-Identifier: Apache-2.0
#include "pillar/store/file_identity.h"

#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "pillar/store/file_store.h"

namespace bitrepo::store {
namespace {

constexpr char kVersion[] = "1";
constexpr size_t kFields = 6;
constexpr size_t kIdentityBytesMax = 1024;

}  // namespace

std::string EncodeIdentity(const FileIdentity& identity) {
  return absl::StrCat(kVersion, " ", identity.generation.ToString(), " ", identity.size_bytes, " ",
                      identity.sha256.ToString(), " ", identity.conversation.ToString(), " ",
                      identity.file_id.text());
}

absl::StatusOr<FileIdentity> ParseIdentity(absl::string_view text) {
  const std::vector<absl::string_view> fields =
      absl::StrSplit(text, absl::MaxSplits(' ', kFields - 1));
  uint64_t size = 0;
  if (fields.size() != kFields || fields[0] != kVersion || !absl::SimpleAtoi(fields[2], &size)) {
    return absl::DataLossError("the identity of a stored file cannot be read");
  }
  absl::StatusOr<base::GenerationId> generation = base::GenerationId::Parse(fields[1]);
  absl::StatusOr<base::Digest> sha256 = base::Digest::Parse(fields[3]);
  absl::StatusOr<base::ConversationId> conversation = base::ConversationId::Parse(fields[4]);
  absl::StatusOr<base::FileId> file_id = base::FileId::Parse(fields[5]);
  for (const absl::Status& status :
       {generation.status(), sha256.status(), conversation.status(), file_id.status()}) {
    if (!status.ok()) {
      return absl::DataLossError(absl::StrCat("the identity of a stored file: ", status.message()));
    }
  }
  if (generation->is_zero() || conversation->is_zero() || size > kFileBytesMax ||
      sha256->algorithm() != base::Algorithm::kSha256) {
    return absl::DataLossError("the identity of a stored file is of none that could be kept");
  }
  return FileIdentity{*std::move(file_id), *generation, size, *std::move(sha256), *conversation};
}

absl::StatusOr<FileIdentity> ReadIdentity(runtime::Disk& disk, absl::string_view path) {
  BITREPO_ASSIGN_OR_RETURN(const auto file, disk.OpenRead(path));
  const absl::StatusOr<std::string> attribute = file->GetAttribute(kIdentityAttribute);
  if (attribute.ok()) {
    return ParseIdentity(*attribute);
  }
  if (!absl::IsNotFound(attribute.status()) && !absl::IsUnimplemented(attribute.status())) {
    return attribute.status();
  }
  BITREPO_ASSIGN_OR_RETURN(const auto beside, disk.OpenRead(absl::StrCat(path, kIdentitySuffix)));
  std::string text(kIdentityBytesMax, '\0');
  BITREPO_ASSIGN_OR_RETURN(const size_t size,
                           beside->ReadAt(0, std::as_writable_bytes(std::span(text))));
  text.resize(size);
  return ParseIdentity(text);
}

}  // namespace bitrepo::store
