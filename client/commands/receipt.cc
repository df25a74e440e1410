// SPDX-License-Identifier: Apache-2.0
#include "client/commands/receipt.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/status.h"
#include "bus/protocol/response_code.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

using State = protocol::ContributorResult::State;

absl::string_view StateWord(const protocol::ContributorResult& contributor) {
  switch (contributor.state) {
    case State::kDone:
      return "done";
    case State::kFailed:
      return "failed";
    case State::kWaiting:
      return "not-asked";
    default:
      return "unknown";
  }
}

using ChainEnds = absl::btree_map<base::ComponentId, wire::GetAuditTrailsFinal>;

// Where the trails of `pillars` end now; those that do not say are left out.
ChainEnds AskForChainEnds(Session& session, client::BlockingClient& client,
                          const base::ConversationId& conversation,
                          std::vector<base::ComponentId> pillars) {
  ChainEnds ends;
  if (pillars.empty()) return ends;
  client::GetAuditTrailsSpec ask{.collection = session.collection(), .pillars = std::move(pillars)};
  ask.query.set_conversation_id(conversation.ToBytes());
  ask.on_page = [&ends](const base::ComponentId& pillar, const wire::GetAuditTrailsFinal& page,
                        absl::AnyInvocable<void()> more) {
    wire::GetAuditTrailsFinal& end = ends[pillar];
    end.set_end_sequence(page.end_sequence());
    end.set_end_hash(page.end_hash());
    more();
  };
  const auto asked = client.GetAuditTrails(std::move(ask));
  if (!asked.ok()) ends.clear();
  return ends;
}

}  // namespace

FlagRow ReceiptFlag(std::string* path) {
  return {"--receipt", "FILE", "keep each pillar's answer there, as JSON Lines", path};
}

absl::StatusOr<std::unique_ptr<ReceiptFile>> ReceiptFile::Open(const std::string& path) {
  const std::string part = absl::StrCat(path, ".part");
  runtime::ScopedFd file(open(part.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
  if (!file.valid()) return base::ErrnoStatus(errno, absl::StrCat("--receipt: ", part));
  return std::unique_ptr<ReceiptFile>(new ReceiptFile(path, std::move(file)));
}

ReceiptFile::ReceiptFile(std::string path, runtime::ScopedFd file)
    : path_(std::move(path)), part_(absl::StrCat(path_, ".part")), file_(std::move(file)) {}

ReceiptFile::~ReceiptFile() {
  if (!placed_) unlink(part_.c_str());
}

void ReceiptFile::Add(Session& session, client::BlockingClient& client, const ReceiptFacts& facts,
                      const protocol::Outcome& outcome) {
  std::vector<base::ComponentId> answered;
  for (const auto& [pillar, contributor] : outcome.contributors) {
    if (contributor.final != nullptr) answered.push_back(pillar);
  }
  const ChainEnds ends = AskForChainEnds(session, client, facts.conversation, std::move(answered));
  std::vector<JsonRecord> pillars;
  for (const auto& [pillar, contributor] : outcome.contributors) {
    JsonRecord told = JsonRecord::Inner();
    told.Set("pillar", pillar.text()).Set("state", StateWord(contributor));
    told.Set("response", protocol::NameOf(contributor.code));
    if (!contributor.text.empty()) told.Set("text", contributor.text);
    if (contributor.final != nullptr) {
      told.SetTime("final_at", absl::FromUnixMicros(contributor.final->header.issued_at_us()));
    }
    if (const auto end = ends.find(pillar); end != ends.end()) {
      JsonRecord chain = JsonRecord::Inner();
      chain.Set("sequence", static_cast<uint64_t>(end->second.end_sequence()));
      chain.Set("hash", absl::BytesToHexString(end->second.end_hash()));
      told.Set("trail", chain);
    }
    pillars.push_back(std::move(told));
  }
  JsonRecord receipt = session.report().Record("receipt");
  receipt.Set("file_id", facts.file_id).Set("conversation", facts.conversation.ToString());
  receipt.Set("size_bytes", facts.size_bytes);
  if (!facts.digest.empty()) receipt.Set("algorithm", "sha256").Set("digest", facts.digest);
  receipt.Set("pillars", pillars);
  const std::string line = absl::StrCat(receipt.ToString(), "\n");
  if (!status_.ok()) return;
  const ssize_t written = write(file_.get(), line.data(), line.size());
  if (written != static_cast<ssize_t>(line.size())) {
    status_ = base::ErrnoStatus(written < 0 ? errno : ENOSPC, part_);
  }
  ++lines_;
}

void ReceiptFile::Finish(Session& session) {
  if (lines_ == 0) return;
  if (status_.ok() && fsync(file_.get()) != 0) status_ = base::ErrnoStatus(errno, part_);
  if (status_.ok() && rename(part_.c_str(), path_.c_str()) != 0) {
    status_ = base::ErrnoStatus(errno, path_);
  }
  placed_ = status_.ok();
  if (!placed_) {
    session.report().Error(
        {.code = ExitCode::kLocal,
         .message = absl::StrCat("the receipt was not written: ", status_.message())});
    return;
  }
  session.console().Note(absl::StrCat("receipt: ", Shown(path_)));
}

}  // namespace bitrepo::commands
