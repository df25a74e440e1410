// SPDX-License-Identifier: Apache-2.0
// Tokens as a person gives them, and what all commands that use one have alike.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "client/commands/grammar.h"
#include "client/commands/session.h"
#include "proto/channel.pb.h"

namespace bitrepo::commands {

inline constexpr size_t kTokenFileBytesMax = 64 * 1024;

struct HeldToken {
  std::string text;  // the secret: never shown
  wire::TokenBody body;
  std::string word;  // for a command to go on with; never the secret
};

// TOKEN as the first argument: itself, @FILE, or - for standard input; or --token-file FILE, and no
// such argument. A file has one line, whose last word is the token, as --token-only prints it.
// Loop-confined; the row points into it.
class TokenInput {
 public:
  FlagRow Flag();
  // Takes its word from the front of `arguments`. Nothing, and reported, when there is none, or
  // what is there is no token.
  std::optional<HeldToken> Read(Session& session, std::vector<std::string>& arguments) const;
  bool given() const { return !file_.empty(); }

 private:
  std::string file_;
};

// False, and reported as refused, when the token is for something else than moving the bytes of a
// file by `verb`.
bool CheckTokenFor(Session& session, const HeldToken& token, wire::TokenVerb verb);
// The SHA-256 that the token names for its file.
std::optional<base::Digest> DigestOf(const wire::TokenBody& token);
// The command that asks for another token like this.
std::string AskAnew(const Session& session, const wire::TokenBody& token);
// What came of a transmission that did not come about; nothing of one that was interrupted.
void ReportTransfer(Session& session, const HeldToken& token, absl::string_view what,
                    const absl::Status& how, const std::string& again);

}  // namespace bitrepo::commands
