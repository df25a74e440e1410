// SPDX-License-Identifier: Apache-2.0
#include "client/commands/token_input.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "channel/transfer/token.h"
#include "client/commands/read_input.h"
#include "client/commands/words.h"
#include "client/wire_words.h"

namespace bitrepo::commands {
namespace {

void Refuse(Session& session, ExitCode code, const std::string& why) {
  session.report().Error({.code = code, .message = why});
}

// The one token in what --token-only has printed.
absl::StatusOr<std::string> TokenIn(absl::string_view text) {
  std::string token;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(absl::StripAsciiWhitespace(line), absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.empty()) continue;
    if (!token.empty()) {
      return absl::InvalidArgumentError("has more than one token: give it the line of one");
    }
    token = std::string(words.back());
  }
  if (token.empty()) return absl::InvalidArgumentError("has no token");
  return token;
}

}  // namespace

FlagRow TokenInput::Flag() {
  return {"--token-file", "FILE", "the token is in this file; other users do not see it there",
          &file_};
}

std::optional<HeldToken> TokenInput::Read(Session& session,
                                          std::vector<std::string>& arguments) const {
  std::string path = file_;
  HeldToken token;
  if (path.empty()) {
    if (arguments.empty()) {
      Refuse(session, ExitCode::kUsage, "no token: give TOKEN, @FILE, - or --token-file FILE");
      return std::nullopt;
    }
    token.text = std::move(arguments.front());
    token.word = "TOKEN";
    arguments.erase(arguments.begin());
    if (token.text == "-") path = "-";
    if (absl::StartsWith(token.text, "@")) path = token.text.substr(1);
  }
  if (!path.empty()) {
    token.word = absl::StrCat("--token-file ", ShellWord(path));
    const auto text = ReadInput(path, session.parts().in, kTokenFileBytesMax);
    const std::string name = path == "-" ? "standard input" : path;
    if (!text.ok()) {
      Refuse(session, ExitCode::kLocal, std::string(text.status().message()));
      return std::nullopt;
    }
    auto found = TokenIn(*text);
    if (!found.ok()) {
      Refuse(session, ExitCode::kUsage, absl::StrCat(name, " ", found.status().message()));
      return std::nullopt;
    }
    token.text = *std::move(found);
  }
  auto body = transfer::ReadToken(token.text);
  if (!body.ok()) {
    Refuse(session, ExitCode::kRefused, std::string(body.status().message()));
    return std::nullopt;
  }
  token.body = *std::move(body);
  if (const auto collection = base::CollectionId::Parse(token.body.collection_id());
      collection.ok()) {
    session.report().SetCollection(collection->text());
  }
  return token;
}

bool CheckTokenFor(Session& session, const HeldToken& token, wire::TokenVerb verb) {
  const wire::TokenBody& body = token.body;
  std::string why;
  if (body.content() == wire::LIST) {
    why = "the token is for a list, which the command that asked for it reads itself";
  } else if (body.content() == wire::PARAMETERS) {
    why = "the token is for the ids of a request, which the command that asked for it sends itself";
  } else if (body.content() != wire::FILE_BYTES) {
    why = "the token is for something that this version does not know";
  } else if (body.verb() != verb) {
    why = body.verb() == wire::FETCH   ? "the token is for fetching: bitrepo fetch"
          : body.verb() == wire::STORE ? "the token is for pushing: bitrepo push"
                                       : "the token is for nothing that this version knows";
  }
  if (why.empty()) return true;
  session.report().Error({.code = ExitCode::kRefused,
                          .message = why,
                          .pillar = Shown(body.issuer()),
                          .file_id = Shown(body.file_id())});
  return false;
}

std::optional<base::Digest> DigestOf(const wire::TokenBody& token) {
  const auto digest = client::FromWire(token.digest());
  if (!digest.ok() || digest->algorithm() != base::Algorithm::kSha256) return std::nullopt;
  return *digest;
}

std::string AskAnew(const Session& session, const wire::TokenBody& token) {
  const bool fetch = token.verb() == wire::FETCH;
  std::string rest = absl::StrCat(fetch ? "get" : "put", " --token-only",
                                  FlagWords(fetch ? "--from" : "--pillar", token.issuer()));
  if (fetch && token.length() != token.file_size()) {
    absl::StrAppend(&rest, " --range ", token.offset(), ":", token.length());
  }
  absl::StrAppend(&rest,
                  fetch ? ArgumentWords({token.file_id()}) : FlagWords("--id", token.file_id()));
  return session.Again(absl::StrCat("-c ", ShellWord(token.collection_id()), " ", rest));
}

void ReportTransfer(Session& session, const HeldToken& token, absl::string_view what,
                    const absl::Status& how, const std::string& again) {
  if (how.ok() || session.interrupted() != 0) return;
  // The source is ours: what changed is here.
  const ExitCode code = absl::IsAborted(how)              ? ExitCode::kLocal
                        : absl::IsFailedPrecondition(how) ? ExitCode::kRefused
                                                          : ExitCodeFor(how);
  const bool retryable = absl::IsUnavailable(how) || absl::IsAborted(how);
  const std::string issuer = Shown(token.body.issuer());
  session.report().Count("failed");
  session.report().Error({.code = code,
                          .message = absl::StrCat(Shown(token.body.file_id()), " was not ", what,
                                                  ": ", Shown(how.message())),
                          .pillar = issuer,
                          .file_id = Shown(token.body.file_id()),
                          .retryable = retryable,
                          .hint = retryable                    ? again
                                  : code == ExitCode::kRefused ? AskAnew(session, token.body)
                                                               : ""});
}

}  // namespace bitrepo::commands
