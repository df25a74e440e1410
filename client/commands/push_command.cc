// SPDX-License-Identifier: Apache-2.0
// push: the bytes of a file to the one who gave a token for them.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/session.h"
#include "client/commands/token_input.h"
#include "client/commands/words.h"
#include "client/local_file.h"
#include "client/shared_source.h"

namespace bitrepo::commands {
namespace {

class PushCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "push",
            .summary = "store a file by a token, without settings or coordinator",
            .description =
                "A token, as put --token-only prints it, is enough: it says which pillar waits for "
                "the bytes. It is done when they are on stable storage there, and recorded. What "
                "has come before an interruption is kept there, and the same command sends only "
                "what is missing. TOKEN may be @FILE or - (standard input).",
            .examples = {"push --token-file letter.token letter.txt",
                         "put --id a.txt --token-only --pillar p1 | bitrepo push - a.txt"}};
  }

  Shape shape() override {
    return {.flags = {{"--bwlimit", "RATE",
                       "send no faster: 10M is 10 MiB/s; or a table of the day", &bwlimit_},
                      input_.Flag()},
            .arguments = ArgumentsRow{"TOKEN",
                                      "the token (or @FILE, or -), then the file, or - for "
                                      "standard input",
                                      &arguments_, 1, 2}};
  }

  ExitCode Run(Session& session) override {
    if (arguments_.size() != (input_.given() ? 1U : 2U)) {
      return Refuse(session, input_.given() ? "push needs FILE, and no TOKEN beside --token-file"
                                            : "push needs TOKEN FILE, or --token-file and FILE");
    }
    if (arguments_.front() == "-" && arguments_.back() == "-" && !input_.given()) {
      return Refuse(session, "token and file cannot both come from standard input");
    }
    if (!bwlimit_.empty()) {
      const auto table = base::RateTable::Parse(bwlimit_);
      if (!table.ok()) {
        return Refuse(session, absl::StrCat("--bwlimit: ", table.status().message()));
      }
      session.LimitSending(*table);
    }
    const auto token = input_.Read(session, arguments_);
    if (!token || !CheckTokenFor(session, *token, wire::STORE)) return ExitCode::kDone;
    path_ = arguments_.front();
    auto file = Open(session);
    if (!file.ok()) {
      if (!absl::IsCancelled(file.status())) {
        session.report().Error(
            {.code = ExitCode::kLocal, .message = std::string(file.status().message())});
      }
      return ExitCode::kDone;
    }
    if (!FitsToken(session, *token, (*file)->size_bytes())) return ExitCode::kDone;
    if (client::TokenClient* holder = session.ConnectByToken()) {
      Push(session, *holder, *token, *std::move(file));
    }
    return ExitCode::kDone;
  }

 private:
  static ExitCode Refuse(Session& session, const std::string& why) {
    session.report().Error({.code = ExitCode::kUsage, .message = why});
    return ExitCode::kDone;
  }

  absl::StatusOr<std::unique_ptr<client::LocalFile>> Open(Session& session) const {
    if (path_ != "-") return client::LocalFile::Open(path_);
    const std::string set = session.parts().places.environment("TMPDIR").value_or("");
    return client::LocalFile::Spool(session.parts().in, set.empty() ? "/tmp" : set,
                                    [&session] { return session.interrupted() != 0; });
  }

  // The digest that it names is found by the source, before anything counts.
  bool FitsToken(Session& session, const HeldToken& token, uint64_t size_bytes) const {
    const wire::TokenBody& body = token.body;
    const bool exact = body.has_length();
    const uint64_t takes = exact ? body.length() : body.max_bytes();
    if (exact ? size_bytes == takes : size_bytes <= takes) return true;
    session.report().Error(
        {.code = ExitCode::kRefused,
         .message = absl::StrCat(Shown(path_), " has ", size_bytes, " bytes, the token takes ",
                                 exact ? "" : "at most ", takes),
         .pillar = Shown(body.issuer()),
         .file_id = Shown(body.file_id())});
    return false;
  }

  void Push(Session& session, client::TokenClient& holder, const HeldToken& token,
            std::unique_ptr<client::LocalFile> file) const {
    const wire::TokenBody& body = token.body;
    const std::string again = absl::StrCat("bitrepo push ", token.word,
                                           bwlimit_.empty() ? "" : FlagWords("--bwlimit", bwlimit_),
                                           ArgumentWords({path_}));
    const uint64_t size_bytes = file->size_bytes();
    const auto source =
        client::SharedSource::Make(std::move(file), holder.workers(), DigestOf(body));
    const absl::Time begun = absl::Now();
    ProgressBoard& progress = session.progress();
    progress.Plan("push", 1, size_bytes);
    const absl::Status how = holder.Push(
        token.text, [&source] { return source->View(); },
        [&progress, &body, size_bytes](uint64_t done) {
          progress.OnTransfer(body.file_id(), body.issuer(), done, size_bytes);
        });
    progress.Close();
    if (how.ok()) {
      Tell(session, body, size_bytes, absl::Now() - begun);
      return;
    }
    ReportTransfer(session, token, "stored", how, again);
    if (session.interrupted() == 0) return;
    session.report().SetResume(again);
    session.console().Note(absl::StrCat("what has come to ", Shown(body.issuer()),
                                        " waits there until the token expires; to go on: ", again));
  }

  static void Tell(Session& session, const wire::TokenBody& body, uint64_t size_bytes,
                   absl::Duration took) {
    Report& report = session.report();
    report.Count("stored", size_bytes);
    JsonRecord record = report.Record("item");
    record.Set("file_id", body.file_id()).Set("result", "stored").Set("pillar", body.issuer());
    if (const auto id = base::ConversationId::FromBytes(body.conversation_id()); id.ok()) {
      record.Set("conversation", id->ToString());
    }
    record.Set("size_bytes", size_bytes);
    if (const auto digest = DigestOf(body)) {
      record.Set("algorithm", "sha256").Set("digest", digest->Hex());
    }
    report.Item(record, absl::StrCat(Fit("stored", 13), Shown(body.file_id()), "  ",
                                     runtime::FormatBytes(size_bytes), ", at ",
                                     Shown(body.issuer()), ", in ", ShortDuration(took), "\n"));
  }

  std::vector<std::string> arguments_;
  std::string path_;
  std::string bwlimit_;
  TokenInput input_;
};

}  // namespace

std::unique_ptr<Command> MakePushCommand() { return std::make_unique<PushCommand>(); }

}  // namespace bitrepo::commands
