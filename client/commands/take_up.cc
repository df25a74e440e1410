// SPDX-License-Identifier: Apache-2.0
#include "client/commands/take_up.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"
#include "client/commands/command_line.h"
#include "client/commands/departure.h"
#include "client/commands/detached.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

using State = protocol::ContributorResult::State;

constexpr size_t kNameColumns = 14;

void Refuse(Session& session, ExitCode code, const std::string& why,
            const base::ConversationId& id) {
  session.report().Error({.code = code,
                          .message = why,
                          .conversation = id.ToString(),
                          .hint = session.Again(absl::StrCat("conv show ", id.ToString()))});
}

// Nothing, and reported, when there is none that can be read.
std::optional<Detached> ReadLeft(Session& session, const base::ConversationId& id) {
  auto left = DetachedFiles(session.parts().places).Read(id);
  if (left.ok()) return *std::move(left);
  if (absl::IsNotFound(left.status())) {
    Refuse(session, ExitCode::kNotFound,
           absl::StrCat("no command left ", id.ToString(), " to the pillars, or it has ended"), id);
  } else {
    Refuse(session, ExitCode::kLocal, std::string(left.status().message()), id);
  }
  return std::nullopt;
}

// What both deeds share: the command that left it, its repository, and that it was the same user's.
class Resumption {
 public:
  Resumption(Session& outer, Detached left) : outer_(outer), left_(std::move(left)) {}

  // False, and reported, when it cannot be gone on with here.
  bool Prepare(const std::string& wait) {
    std::vector<std::string> words = left_.words;
    if (!wait.empty()) {
      words.insert(std::find(words.begin(), words.end(), "--"), absl::StrCat("--wait=", wait));
    }
    GlobalFlags flags;
    const auto parsed = ParseCommandLine(words, flags, commands_);
    if (!parsed.ok() || *parsed == nullptr) {
      Refuse(outer_, wait.empty() ? ExitCode::kLocal : ExitCode::kUsage,
             absl::StrCat(
                 "what was left cannot be gone on with: ",
                 parsed.ok() ? "it names no command" : std::string(parsed.status().message())),
             left_.taken_up.id);
      return false;
    }
    command_ = *parsed;
    const GlobalFlags& given = outer_.flags();
    flags.json = given.json;
    flags.quiet = given.quiet;
    flags.verbosity = given.verbosity;
    flags.no_progress = given.no_progress;
    flags.timeout = given.timeout;
    flags.identify_timeout = given.identify_timeout;
    session_.emplace(std::move(flags), outer_.parts(), outer_.console(), outer_.report());
    const client::ClientSettings* settings = session_->Settings();
    if (settings == nullptr) return false;
    if (settings->name != left_.principal) {
      Refuse(outer_, ExitCode::kUsage,
             absl::StrCat("it was begun by ", left_.principal, ", and this is ", settings->name,
                          ": set BITREPO_NAME=", left_.principal),
             left_.taken_up.id);
      return false;
    }
    return true;
  }

  Session& session() { return *session_; }
  Command& command() { return *command_; }
  const Detached& left() const { return left_; }

  // It has ended: nobody can go on with it any more.
  void Forget() {
    const absl::Status removed = DetachedFiles(outer_.parts().places).Remove(left_.taken_up.id);
    if (!removed.ok()) outer_.console().Warning(removed.message());
  }

 private:
  Session& outer_;
  const Detached left_;
  const std::vector<std::unique_ptr<Command>> commands_ = AllCommands();
  Command* command_ = nullptr;
  std::optional<Session> session_;
};

}  // namespace

ExitCode WaitFor(Session& session, const base::ConversationId& id, const std::string& wait) {
  auto left = ReadLeft(session, id);
  if (!left) return ExitCode::kDone;
  Resumption resumption(session, *std::move(left));
  if (!resumption.Prepare(wait)) return ExitCode::kDone;
  Session& inner = resumption.session();
  inner.TakeUp(resumption.left().taken_up);
  const ExitCode code = resumption.command().Run(inner);
  inner.progress().Close();
  if (inner.interrupted() != 0) {
    session.report().SetResume(session.Again(absl::StrCat("conv wait ", id.ToString())));
    return CodeOfSignal(inner.interrupted());
  }
  session.report().Add(code);
  const ExitCode result = session.report().result();
  if (session.report().CountOf("detached") == 0) ReportNotTakenUp(inner, resumption.left());
  // Where a pillar was not reached it may still be there to be waited for.
  if (result != ExitCode::kStillRunning && result != ExitCode::kUnreachable) resumption.Forget();
  return ExitCode::kDone;
}

ExitCode Withdraw(Session& session, const base::ConversationId& id) {
  auto left = ReadLeft(session, id);
  if (!left) return ExitCode::kDone;
  Resumption resumption(session, *std::move(left));
  if (!resumption.Prepare("")) return ExitCode::kDone;
  Session& inner = resumption.session();
  client::BlockingClient* client = inner.Connect();
  if (client == nullptr) return ExitCode::kDone;
  const auto result = client->Withdraw({.collection = inner.collection(),
                                        .operation = resumption.left().operation,
                                        .taken_up = resumption.left().taken_up,
                                        .reason = "cancelled by its asker"});
  if (inner.interrupted() != 0) return CodeOfSignal(inner.interrupted());
  if (!result.ok()) {
    Refuse(session, ExitCodeFor(result.status()), std::string(result.status().message()), id);
    return ExitCode::kDone;
  }
  bool all_known = true;
  for (const auto& [pillar, contributor] : result->outcome.contributors) {
    const bool known = contributor.final != nullptr || contributor.state == State::kFailed;
    const std::string word = contributor.state == State::kDone               ? "done"
                             : contributor.code == wire::CANCELLED           ? "cancelled"
                             : known || contributor.state == State::kWaiting ? "failed"
                                                                             : "unknown";
    all_known = all_known && word != "unknown";
    session.report().Count(word);
    JsonRecord record = session.report().Record("item");
    record.Set("result", word).Set("pillar", pillar.text()).Set("conversation", id.ToString());
    record.Set("response", protocol::NameOf(contributor.code));
    session.report().Item(record,
                          absl::StrCat(Fit(pillar.text(), kNameColumns), "  ", word,
                                       word == "done" ? " before it was withdrawn" : "", "\n"));
  }
  if (all_known) {
    resumption.Forget();
  } else {
    Refuse(session, ExitCode::kUnreachable, "not every pillar has said that it ended", id);
  }
  return ExitCode::kDone;
}

}  // namespace bitrepo::commands
