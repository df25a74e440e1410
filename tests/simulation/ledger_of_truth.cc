// SPDX-License-Identifier: Apache-2.0
// What the clients were told, and the contradictions that show at once.
#include "tests/simulation/ledger_of_truth.h"

#include <tuple>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/checksum.h"

namespace bitrepo::simulation {
namespace {

std::string DigestOf(const std::string& content) {
  return base::Hasher::Of(base::Algorithm::kSha256, content).Hex();
}

}  // namespace

bool LedgerOfTruth::Acknowledged::operator<(const Acknowledged& other) const {
  return std::tie(pillar, file_id, digest_hex) <
         std::tie(other.pillar, other.file_id, other.digest_hex);
}

void LedgerOfTruth::Offered(const std::string& file_id, const std::string& content) {
  const std::string digest = DigestOf(content);
  contents_.emplace(digest, content);
  offered_[file_id].insert(digest);
}

void LedgerOfTruth::PutEnded(const std::string& file_id, const std::string& content,
                             const client::PutFileResult& result) {
  const std::string digest = DigestOf(content);
  for (const auto& [pillar, contributor] : result.outcome.contributors) {
    if (contributor.state != protocol::ContributorResult::State::kDone) continue;
    for (const Acknowledged& other : acknowledged_) {
      if (other.pillar == pillar.text() && other.file_id == file_id && other.digest_hex != digest) {
        violations_.push_back(
            absl::StrCat(pillar.text(), " acknowledged two contents of ", file_id));
      }
    }
    acknowledged_.insert({pillar.text(), file_id, digest});
  }
  if (result.outcome.verdict != protocol::Verdict::kSuccess) return;
  for (const auto& [pillar, contributor] : result.outcome.contributors) {
    if (contributor.state != protocol::ContributorResult::State::kDone) {
      violations_.push_back(
          absl::StrCat("a put of ", file_id, " is a success, but ", pillar.text(), " is not done"));
    }
  }
}

void LedgerOfTruth::GetEnded(const std::string& file_id, uint64_t offset,
                             std::optional<uint64_t> length, const client::GetFileResult& result,
                             const std::string& delivered) {
  if (!result.file.has_value()) {
    violations_.push_back(absl::StrCat("a get of ", file_id, " succeeded and named no file"));
    return;
  }
  const std::string digest = absl::BytesToHexString(result.file->digest().value());
  const std::string* content = Content(digest);
  if (content == nullptr || offered_[file_id].count(digest) == 0) {
    violations_.push_back(
        absl::StrCat("a get of ", file_id, " named a content that nobody put: ", digest));
    return;
  }
  const std::string expected = content->substr(offset, length.value_or(std::string::npos));
  if (delivered != expected) {
    violations_.push_back(absl::StrCat("a get of ", file_id, " at ", offset,
                                       " delivered wrong bytes: ", delivered.size(), " of ",
                                       expected.size()));
  }
}

void LedgerOfTruth::Listed(const std::string& pillar, const std::string& file_id,
                           const std::string& digest_hex) {
  if (offered_[file_id].count(digest_hex) == 0) {
    violations_.push_back(
        absl::StrCat(pillar, " lists ", file_id, " with a digest that nobody put"));
  }
}

void LedgerOfTruth::OperationBegan(const std::string& conversation) {
  if (!running_.insert(conversation).second || ended_.count(conversation) > 0) {
    violations_.push_back(absl::StrCat("conversation ", conversation, " began twice"));
  }
}

void LedgerOfTruth::OperationEnded(const std::string& conversation) {
  if (running_.erase(conversation) == 0 || !ended_.insert(conversation).second) {
    violations_.push_back(absl::StrCat("conversation ", conversation, " ended twice"));
  }
}

std::vector<std::string> LedgerOfTruth::AcknowledgedIds() const {
  std::set<std::string> ids;
  for (const Acknowledged& one : acknowledged_) ids.insert(one.file_id);
  return {ids.begin(), ids.end()};
}

const std::string* LedgerOfTruth::Content(const std::string& digest_hex) const {
  auto found = contents_.find(digest_hex);
  return found == contents_.end() ? nullptr : &found->second;
}

}  // namespace bitrepo::simulation
