// SPDX-License-Identifier: Apache-2.0
// Receipts: what each pillar answered to a change and where its audit trail stood then, kept in a
// file of JSON Lines by who asked.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/ids.h"
#include "base/runtime/scoped_fd.h"
#include "client/commands/session.h"

namespace bitrepo::commands {

// What was changed; one line of the file.
struct ReceiptFacts {
  std::string file_id;
  base::ConversationId conversation;
  uint64_t size_bytes = 0;
  std::string digest = {};  // SHA-256 in hex; empty: not known
};

// Threads:  the command's own.
// Errors:   told through the session, once each (kLocal).
class ReceiptFile {
 public:
  // Nothing of an older file at `path` is lost before Finish. Fails when it cannot be written
  // there: before anything is sent.
  static absl::StatusOr<std::unique_ptr<ReceiptFile>> Open(const std::string& path);
  // Takes away what was not finished.
  ~ReceiptFile();

  // One line, with the answers of `outcome`; asks the pillars that gave a final for the end of
  // their audit trails.
  void Add(Session& session, client::BlockingClient& client, const ReceiptFacts& facts,
           const protocol::Outcome& outcome);
  // On stable storage and in its place; where no line was added nothing is there.
  void Finish(Session& session);

 private:
  ReceiptFile(std::string path, runtime::ScopedFd file);
  const std::string path_;
  const std::string part_;
  runtime::ScopedFd file_;
  absl::Status status_;
  size_t lines_ = 0;
  bool placed_ = false;
};

// The flag; `path` is its target.
FlagRow ReceiptFlag(std::string* path);

}  // namespace bitrepo::commands
