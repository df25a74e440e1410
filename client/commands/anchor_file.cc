// SPDX-License-Identifier: Apache-2.0
#include "client/commands/anchor_file.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status.h"
#include "client/commands/private_file.h"

namespace bitrepo::commands {

absl::StatusOr<AnchorFile> AnchorFile::Read(std::string path) {
  AnchorFile file(std::move(path));
  const auto text = ReadPrivate(file.path_);
  if (absl::IsNotFound(text.status())) return file;
  BITREPO_RETURN_IF_ERROR(text.status());
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    auto anchor = TrailAnchor::FromLine(line);
    if (!anchor.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(file.path_, ": ", anchor.status().message()));
    }
    file.Set(*std::move(anchor));
  }
  return file;
}

std::optional<TrailAnchor> AnchorFile::Find(const std::string& repository,
                                            const std::string& contributor) const {
  const auto found = anchors_.find({repository, contributor});
  if (found == anchors_.end()) return std::nullopt;
  return found->second;
}

void AnchorFile::Set(TrailAnchor anchor) {
  const std::pair<std::string, std::string> name{anchor.repository, anchor.contributor};
  anchors_.insert_or_assign(name, std::move(anchor));
}

absl::Status AnchorFile::Write() const {
  std::string text;
  for (const auto& [name, anchor] : anchors_) absl::StrAppend(&text, anchor.ToLine(), "\n");
  return WritePrivate(path_, text);
}

}  // namespace bitrepo::commands
