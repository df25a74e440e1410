// SPDX-License-Identifier: Apache-2.0
// fetch: the bytes of a file by a token, and nothing else.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/destination.h"
#include "client/commands/session.h"
#include "client/commands/token_input.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

class FetchCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "fetch",
        .summary = "read a file by a token, without settings or coordinator",
        .description =
            "A token, as get --token-only prints it, is enough: it says where the bytes are and "
            "which they are. The file appears whole and proved or not at all; what has come "
            "before an interruption is kept beside it, and the same command goes on with it. "
            "TOKEN may be @FILE or - (standard input), which keeps it from other users.",
        .examples = {"fetch --token-file letter.token -o letter.txt",
                     "get letter.txt --token-only | bitrepo fetch - -o copy.txt"}};
  }

  Shape shape() override {
    return {.flags = {{"-o,--output", "FILE", "where to; - is standard output", &output_},
                      {"--resume", "", "go on with what an earlier fetch has left: always done",
                       &resume_},
                      input_.Flag()},
            .arguments = ArgumentsRow{"TOKEN", "the token, @FILE, or - for standard input",
                                      &arguments_, 0, 1}};
  }

  ExitCode Run(Session& session) override {
    if (output_.empty() || (input_.given() && !arguments_.empty())) {
      return Refuse(session, output_.empty() ? "fetch needs -o FILE, or -o - for standard output"
                                             : "give TOKEN or --token-file, not both");
    }
    if (output_ == "-" && session.flags().json) {
      return Refuse(session, "--json and the file cannot both go to standard output: give -o FILE");
    }
    const auto token = input_.Read(session, arguments_);
    if (!token || !CheckTokenFor(session, *token, wire::FETCH)) return ExitCode::kDone;
    const wire::TokenBody& body = token->body;
    const auto range = base::ByteRange::Within(
        body.file_size(), body.offset(),
        body.has_length() ? std::optional<uint64_t>(body.length()) : std::nullopt);
    const std::string again = absl::StrCat("bitrepo fetch ", token->word, FlagWords("-o", output_));
    if (!range.ok()) {
      ReportTransfer(session, *token, "fetched", range.status(), again);
      return ExitCode::kDone;
    }
    auto destination = output_ == "-" ? absl::StatusOr<Destination>(StreamTo(session.parts().out))
                                      : FindDestination(output_, true);
    if (!destination.ok()) {
      session.report().Error(
          {.code = ExitCode::kLocal, .message = std::string(destination.status().message())});
      return ExitCode::kDone;
    }
    if (client::TokenClient* holder = session.ConnectByToken()) {
      Fetch(session, *holder, *token, *range, *destination, again);
    }
    return ExitCode::kDone;
  }

 private:
  static ExitCode Refuse(Session& session, const std::string& why) {
    session.report().Error({.code = ExitCode::kUsage, .message = why});
    return ExitCode::kDone;
  }

  static void Fetch(Session& session, client::TokenClient& holder, const HeldToken& token,
                    base::ByteRange range, const Destination& destination,
                    const std::string& again) {
    const wire::TokenBody& body = token.body;
    wire::FileInfo file;
    file.set_file_id(body.file_id());
    file.set_size_bytes(body.file_size());
    file.set_generation_id(body.generation_id());
    if (body.has_digest()) *file.mutable_digest() = body.digest();
    const auto sinks = SinksTo(destination, body.collection_id(), std::nullopt, holder.workers());
    auto sink = sinks(file, range);
    if (!sink.ok()) {
      session.report().Error({.code = ExitCode::kLocal,
                              .message = std::string(sink.status().message()),
                              .file_id = Shown(body.file_id())});
      return;
    }
    const bool whole = range == base::ByteRange::Whole(body.file_size());
    const auto target = std::make_shared<client::FetchTarget>(
        *std::move(sink), range, whole ? DigestOf(body) : std::nullopt);
    const absl::Time begun = absl::Now();
    ProgressBoard& progress = session.progress();
    progress.Plan("fetch", 1, range.length());
    const absl::Status how =
        holder.Fetch(token.text, target, [&progress, &body, range](uint64_t done) {
          progress.OnTransfer(body.file_id(), body.issuer(), done, range.length());
        });
    progress.Close();
    if (how.ok()) {
      Tell(session, body, range, destination, absl::Now() - begun);
      return;
    }
    if (absl::IsAborted(target->trouble())) {  // whoever read the stream has gone
      session.report().Add(ExitCode::kBrokenPipe);
    } else if (!target->trouble().ok()) {
      session.report().Count("failed");
      session.report().Error({.code = ExitCode::kLocal,
                              .message = absl::StrCat(Shown(body.file_id()), " was not written: ",
                                                      target->trouble().message()),
                              .file_id = Shown(body.file_id())});
    } else {
      ReportTransfer(session, token, "fetched", how, again);
    }
    const std::string part = PartLeft(destination);
    if (part.empty()) return;
    session.report().SetResume(again);
    session.console().Note(
        absl::StrCat("what has come is kept in ", Shown(part), "; to go on: ", again));
  }

  static void Tell(Session& session, const wire::TokenBody& body, base::ByteRange range,
                   const Destination& destination, absl::Duration took) {
    Report& report = session.report();
    report.Count("delivered", range.length());
    const auto digest = DigestOf(body);
    const bool proved = digest && range == base::ByteRange::Whole(body.file_size());
    if (!report.json()) {
      session.console().Note(absl::StrCat(
          Shown(body.file_id()), ": ", runtime::FormatBytes(range.length()), " from ",
          Shown(body.issuer()), " in ", ShortDuration(took),
          proved ? ", sha256 proved" : ", checked block by block", ResumedWords(destination),
          destination.stream ? "" : absl::StrCat(", to ", Shown(destination.path))));
      return;
    }
    JsonRecord record = report.Record("item");
    record.Set("file_id", body.file_id()).Set("result", "delivered").Set("pillar", body.issuer());
    if (const auto id = base::ConversationId::FromBytes(body.conversation_id()); id.ok()) {
      record.Set("conversation", id->ToString());
    }
    record.Set("size_bytes", body.file_size()).Set("bytes", range.length());
    record.Set("offset", range.offset());
    if (digest) record.Set("algorithm", "sha256").Set("digest", digest->Hex());
    const uint64_t resumed = *destination.resumed_bytes;
    if (resumed > 0) record.Set("resumed_bytes", resumed);
    if (!destination.stream) record.Set("path", destination.path);
    report.Emit(record);
  }

  std::vector<std::string> arguments_;
  std::string output_;
  bool resume_ = false;
  TokenInput input_;
};

}  // namespace

std::unique_ptr<Command> MakeFetchCommand() { return std::make_unique<FetchCommand>(); }

}  // namespace bitrepo::commands
