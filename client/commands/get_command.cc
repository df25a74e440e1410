// SPDX-License-Identifier: Apache-2.0
// get and cat: read files back, proved.
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/runtime/features.h"
#include "base/runtime/settings.h"
#include "bus/protocol/response_code.h"
#include "client/commands/all_commands.h"
#include "client/commands/byte_span.h"
#include "client/commands/departure.h"
#include "client/commands/destination.h"
#include "client/commands/session.h"
#include "client/commands/token_offer.h"
#include "client/commands/words.h"
#include "client/range_plan.h"
#include "client/wire_words.h"

namespace bitrepo::commands {
namespace {

namespace fs = std::filesystem;

class GetCommand final : public Command {
 public:
  explicit GetCommand(bool cat) : cat_(cat) {}

  CommandFacts facts() const override {
    if (cat_) {
      return {.name = "cat",
              .summary = "write files to standard output: get -o -",
              .examples = {"cat notes/today.txt | less"}};
    }
    return {
        .name = "get",
        .aliases = {"getFile"},
        .summary = "read files back, proved by their digest",
        .description =
            "Without -o, and in a directory, a file is written under its id. It appears whole "
            "and proved or not at all; when a pillar fails in the middle the next one goes on. "
            "A large one comes from several pillars at once, unless it goes to standard output. "
            "Exit code 6 tells of a damaged copy even when another one could be delivered.",
        .examples = {"get report.pdf -o /tmp/report.pdf", "get video.mkv --range 1MiB:64KiB -o -",
                     "get a.txt b.txt -o restored/"}};
  }

  Shape shape() override {
    Shape shape;
    if (!cat_) {
      shape.flags.push_back(
          {"-o,--output", "PATH", "file or directory; - is standard output", &output_});
    }
    shape.flags.push_back({"--range", "OFF:LEN", "only these bytes; OFF: is to the end", &range_});
    shape.flags.push_back({"--from", "PILLAR", "only from this pillar, or fastest", &from_});
    shape.flags.push_back({"--sources", "N",
                           absl::StrCat("pillars that may deliver a large file at once (",
                                        client::kSourcesUsual, ")"),
                           &sources_});
    shape.flags.push_back({"--checksum", "ALGO:HEX",
                           "what the bytes must have; else nothing is written", &checksum_});
    shape.flags.push_back({"--bwlimit", "RATE",
                           "receive no faster: 10M is 10 MiB/s; or a table of the day", &bwlimit_});
    shape.flags.push_back(
        {"--background", "", "yield to all else that this command receives", &background_});
    if (!cat_) {
      shape.flags.push_back(
          {"--resume", "", "go on with what an earlier get has left: always done", &resume_});
      shape.flags.push_back(
          {"--token-only", "",
           "print PILLAR TOKEN; whoever has the token may fetch the bytes with it", &token_only_});
      for (FlagRow& flag : departure_.Flags()) shape.flags.push_back(std::move(flag));
    }
    shape.arguments = ArgumentsRow{"ID", "file id", &ids_, 1};
    return shape;
  }

  ExitCode Run(Session& session) override {
    if (cat_) output_.assign(1, '-');
    if (!Prepare(session)) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client != nullptr && token_only_) {
      OfferGet(session, *client, SpecOf(session, files_.front()), Again(session));
    } else if (client != nullptr) {
      session.progress().Plan("get", files_.size(), 0);
      for (const base::FileId& file_id : files_) {
        if (session.interrupted() != 0) break;
        GetOne(session, *client, file_id);
      }
      session.progress().Close();
    }
    if (session.interrupted() != 0) {
      const std::string again = Again(session);
      session.report().SetResume(again);
      session.console().Note(absl::StrCat(part_left_.empty()
                                              ? "nothing half done is left; to get it: "
                                              : "what has come is kept; to go on: ",
                                          again));
    }
    const bool some_failed = session.report().result() != ExitCode::kDone;
    return some_failed && files_.size() > 1 && session.report().CountOf("delivered") > 0
               ? ExitCode::kPartial
               : ExitCode::kDone;
  }

 private:
  static bool Refuse(Session& session, ExitCode code, const std::string& why) {
    session.report().Error({.code = code, .message = why});
    return false;
  }

  bool Prepare(Session& session) {
    bool well = true;
    for (const std::string& id : ids_) {
      const auto file_id = base::FileId::Parse(id);
      if (file_id.ok()) {
        files_.push_back(*file_id);
      } else {
        well = Refuse(session, ExitCode::kUsage, std::string(file_id.status().message()));
      }
    }
    if (!range_.empty()) {
      const auto span = ParseByteSpan(range_);
      if (!span.ok()) {
        well =
            Refuse(session, ExitCode::kUsage, absl::StrCat("--range: ", span.status().message()));
      } else {
        span_ = *span;
      }
    }
    if (!bwlimit_.empty()) {
      const auto table = base::RateTable::Parse(bwlimit_);
      if (table.ok()) {
        session.LimitReceiving(*table);
      } else {
        well = Refuse(session, ExitCode::kUsage,
                      absl::StrCat("--bwlimit: ", table.status().message()));
      }
    }
    if (!checksum_.empty()) {
      const auto digest = base::Digest::Parse(checksum_);
      if (!digest.ok()) {
        well = Refuse(session, ExitCode::kUsage,
                      absl::StrCat("--checksum: ", digest.status().message()));
      } else if (ids_.size() > 1) {
        well = Refuse(session, ExitCode::kUsage, "--checksum is of one file: name one id with it");
      } else {
        digest_ = *digest;
      }
    }
    if (!from_.empty() && from_ != "fastest") {
      const auto pillar = base::ComponentId::Parse(from_);
      if (pillar.ok()) {
        prefer_ = *pillar;
      } else {
        well =
            Refuse(session, ExitCode::kUsage, absl::StrCat("--from: ", pillar.status().message()));
      }
    }
    const auto features =
        runtime::FeaturesOr({}, session.parts().places.environment(runtime::kFeaturesVariable));
    if (features.ok() && !features->several_sources) sources_max_ = 1;
    if (!sources_.empty() && (!absl::SimpleAtoi(sources_, &sources_max_) || sources_max_ < 1 ||
                              sources_max_ > client::kSourcesMax)) {
      well = Refuse(session, ExitCode::kUsage,
                    absl::StrCat("--sources is a number from 1 to ", client::kSourcesMax));
    }
    if (output_ == "-" && session.flags().json) {
      well = Refuse(session, ExitCode::kUsage,
                    "--json and the file cannot both go to standard output: give -o PATH");
    }
    const bool directory =
        output_.empty() || output_ == "-" || output_.back() == '/' || fs::is_directory(output_);
    well = departure_.Parse(session) && well;
    if (token_only_ &&
        (ids_.size() > 1 || !output_.empty() || !checksum_.empty() || departure_.given())) {
      well = Refuse(session, ExitCode::kUsage,
                    "--token-only is for one file, and moves no bytes: name one id with it, and "
                    "neither -o, --checksum, --detach nor --wait");
    }
    if (departure_.given() && ids_.size() > 1) {
      well = Refuse(session, ExitCode::kUsage,
                    "--detach and --wait are for one file: name one id with them");
    }
    if (departure_.given() && output_ == "-") {
      well = Refuse(session, ExitCode::kUsage,
                    "what is left to the pillars is finished into a file: give -o PATH");
    }
    if (ids_.size() > 1 && !directory) {
      well = Refuse(session, ExitCode::kUsage,
                    absl::StrCat(ids_.size(), " files do not go into one: -o must be a directory"));
    }
    return well;
  }

  // kFailedPrecondition: it would replace a file that was not named.
  absl::StatusOr<Destination> DestinationOf(const Session& session, const base::FileId& file_id) {
    if (output_ == "-") return StreamTo(session.parts().out);
    std::error_code error;
    const bool in_directory =
        output_.empty() || output_.back() == '/' || fs::is_directory(output_, error);
    if (!in_directory) return FindDestination(output_, true);
    const fs::path path = fs::path(output_) / file_id.text();
    const fs::path parent = path.parent_path();
    if (!parent.empty()) fs::create_directories(parent, error);
    if (error) {
      return absl::PermissionDeniedError(absl::StrCat(parent.string(), ": ", error.message()));
    }
    return FindDestination(path.string(), !output_.empty());
  }

  client::GetFileSpec SpecOf(const Session& session, const base::FileId& file_id) const {
    return {.collection = session.collection(),
            .file_id = file_id,
            .offset = span_.offset,
            .length = span_.length,
            .prefer = prefer_,
            .fail_over = !prefer_.has_value(),
            .background = background_,
            // What is left to the pillars, or to others, is gone on with from one of them.
            .sources = departure_.given() || token_only_ ? 1 : sources_max_,
            .sink = {}};
  }

  void GetOne(Session& session, client::BlockingClient& client, const base::FileId& file_id) {
    auto destination = DestinationOf(session, file_id);
    if (!destination.ok()) {
      session.report().Count("failed");
      const bool refused = absl::IsFailedPrecondition(destination.status());
      session.report().Error({.code = refused ? ExitCode::kRefused : ExitCode::kLocal,
                              .message = std::string(destination.status().message()),
                              .file_id = file_id.text()});
      return;
    }
    client::GetFileSpec get = SpecOf(session, file_id);
    get.sink = SinksTo(*destination, session.collection().text(), digest_, client.workers());
    ProgressBoard& progress = session.progress();
    get.events.on_event = [&progress,
                           id = file_id.text()](const protocol::ConversationEvent& event) {
      progress.OnEvent(id, event);
    };
    get.events.on_transfer = [&progress, id = file_id.text()](const base::ComponentId& pillar,
                                                              uint64_t done, uint64_t total) {
      progress.OnTransfer(id, pillar.text(), done, total);
    };
    get.taken_up = session.taken_up();
    const absl::Time begun = absl::Now();
    const auto [result, left] = RunOrLeave<client::GetFileResult>(
        client, departure_, GoesWhen::kTakenUp, get.events, [&get](client::Client& all, auto end) {
          return all.GetFile(std::move(get), std::move(end));
        });
    if (left) {
      session.report().Add(TellDeparture(session, *left,
                                         {.operation = wire::GET_FILE,
                                          .file_id = file_id.text(),
                                          .words = WordsOf(session, destination->path)}));
      return;
    }
    part_left_ = PartLeft(*destination);
    if (!result.ok()) {
      if (session.interrupted() == 0) {
        session.report().Error({.code = ExitCodeFor(result.status()),
                                .message = std::string(result.status().message())});
      }
      return;
    }
    progress.FileDone(file_id.text(), result->bytes, {});
    Tell(session, file_id, *destination, *result, absl::Now() - begun);
  }

  // Copies that were found damaged on the way, whoever delivered in the end.
  static void TellDamage(Session& session, const base::FileId& file_id,
                         const client::GetFileResult& result) {
    for (const auto& [pillar, contributor] : result.outcome.contributors) {
      if (static_cast<ExitCode>(protocol::ExitCodeOf(contributor.code)) != ExitCode::kIntegrity) {
        continue;
      }
      session.report().Error(
          {.code = ExitCode::kIntegrity,
           .message = absl::StrCat(
               "the copy of ", Shown(file_id.text()), " at ", pillar.text(), " is damaged (",
               std::string(protocol::NameOf(contributor.code)), "): ", Shown(contributor.text),
               result.from ? absl::StrCat("; ", result.from->text(), " delivered it whole") : ""),
           .pillar = pillar.text(),
           .file_id = file_id.text(),
           .conversation = result.conversation.ToString(),
           .hint = session.Again(absl::StrCat("stat", ArgumentWords({file_id.text()})))});
    }
    if (result.suspects.empty() || session.report().result() == ExitCode::kIntegrity) return;
    session.report().Error(
        {.code = ExitCode::kIntegrity,
         .message = absl::StrCat(
             "what ", absl::StrJoin(result.suspects, ", ", NameOut), " delivered together of ",
             Shown(file_id.text()), " did not have its digest",
             result.from ? absl::StrCat("; ", result.from->text(), " delivered it right") : ""),
         .file_id = file_id.text(),
         .conversation = result.conversation.ToString(),
         .hint = session.Again(absl::StrCat("stat", ArgumentWords({file_id.text()})))});
  }
  static void NameOut(std::string* out, const base::ComponentId& pillar) {
    absl::StrAppend(out, pillar.text());
  }

  // Who delivered, and how much where there are several.
  static std::string SourcesOf(const client::GetFileResult& result) {
    if (result.delivered.size() < 2) return result.from ? result.from->text() : "";
    return absl::StrJoin(result.delivered, ", ", [](std::string* out, const auto& source) {
      absl::StrAppend(out, source.first.text(), " (", runtime::FormatBytes(source.second), ")");
    });
  }

  void Tell(Session& session, const base::FileId& file_id, const Destination& destination,
            const client::GetFileResult& result, absl::Duration took) {
    Report& report = session.report();
    const std::string id = file_id.text();
    if (!result.sink.ok()) {
      report.Count("failed");
      if (absl::IsAborted(result.sink)) {  // whoever read the stream has gone
        report.Add(ExitCode::kBrokenPipe);
        return;
      }
      report.Error({.code = absl::IsDataLoss(result.sink) ? ExitCode::kIntegrity : ExitCode::kLocal,
                    .message = absl::StrCat(Shown(id), " was not written: ", result.sink.message()),
                    .file_id = id,
                    .conversation = result.conversation.ToString()});
      TellPart(session);
      return;
    }
    TellDamage(session, file_id, result);
    if (result.outcome.verdict != protocol::Verdict::kSuccess) {
      report.Count("failed");
      if (session.interrupted() == 0) {
        ReportOutcome(report,
                      {.what = "deliver",
                       .file_id = id,
                       .conversation = result.conversation,
                       .again = Again(session),
                       .look = session.Again(absl::StrCat("stat", ArgumentWords({id})))},
                      result.outcome);
        TellPart(session);
      }
      return;
    }
    report.Count("delivered", result.bytes);
    const std::string from = result.from ? result.from->text() : "";
    const auto digest = client::FromWire(result.file->digest());
    const bool whole = result.bytes == result.file->size_bytes();
    const uint64_t resumed = *destination.resumed_bytes;
    if (!session.flags().json) {
      session.console().Note(absl::StrCat(
          Shown(id), ": ", runtime::FormatBytes(result.bytes), " from ", SourcesOf(result), " in ",
          ShortDuration(took), whole ? ", sha256 proved" : ", a range, checked block by block",
          result.failovers > 0 ? absl::StrCat(", after ", CountedOf(result.failovers, "failover"))
                               : "",
          ResumedWords(destination),
          destination.stream ? "" : absl::StrCat(", to ", Shown(destination.path))));
      return;
    }
    JsonRecord record = report.Record("item");
    record.Set("file_id", id).Set("result", "delivered").Set("pillar", from);
    record.Set("conversation", result.conversation.ToString());
    record.Set("size_bytes", result.file->size_bytes()).Set("bytes", result.bytes);
    record.Set("offset", span_.offset);
    if (digest.ok()) record.Set("algorithm", "sha256").Set("digest", digest->Hex());
    record.Set("failovers", static_cast<uint64_t>(result.failovers));
    std::vector<JsonRecord> sources;
    for (const auto& [pillar, bytes] : result.delivered) {
      sources.push_back(
          std::move(JsonRecord::Inner().Set("pillar", pillar.text()).Set("bytes", bytes)));
    }
    record.Set("sources", sources);
    if (resumed > 0) record.Set("resumed_bytes", resumed);
    if (!destination.stream) record.Set("path", destination.path);
    report.Emit(record);
  }

  void TellPart(Session& session) const {
    if (part_left_.empty()) return;
    const std::string again = Again(session);
    session.report().SetResume(again);
    session.console().Note(
        absl::StrCat("what has come is kept in ", Shown(part_left_), "; to go on: ", again));
  }

  // Of the command that goes on with what is left to the pillars.
  std::vector<std::string> WordsOf(const Session& session, const std::string& path) const {
    std::vector<std::string> words = {"get", absl::StrCat("--output=", WholePath(session, path))};
    if (!range_.empty()) words.push_back(absl::StrCat("--range=", range_));
    if (!from_.empty()) words.push_back(absl::StrCat("--from=", from_));
    if (!checksum_.empty()) words.push_back(absl::StrCat("--checksum=", checksum_));
    if (!bwlimit_.empty()) words.push_back(absl::StrCat("--bwlimit=", bwlimit_));
    if (background_) words.emplace_back("--background");
    words.insert(words.end(), {"--", ids_.front()});
    return words;
  }

  std::string Again(const Session& session) const {
    std::string rest = cat_ ? "cat" : "get";
    if (!cat_ && !output_.empty()) absl::StrAppend(&rest, FlagWords("-o", output_));
    if (!range_.empty()) absl::StrAppend(&rest, FlagWords("--range", range_));
    if (!from_.empty()) absl::StrAppend(&rest, FlagWords("--from", from_));
    if (!sources_.empty()) absl::StrAppend(&rest, FlagWords("--sources", sources_));
    if (!checksum_.empty()) absl::StrAppend(&rest, FlagWords("--checksum", checksum_));
    if (token_only_) absl::StrAppend(&rest, " --token-only");
    if (!bwlimit_.empty()) absl::StrAppend(&rest, FlagWords("--bwlimit", bwlimit_));
    if (background_) absl::StrAppend(&rest, " --background");
    absl::StrAppend(&rest, departure_.Words());
    return session.Again(absl::StrCat(rest, ArgumentWords(ids_)));
  }

  const bool cat_;
  std::vector<std::string> ids_;
  std::string output_;
  std::string range_;
  std::string from_;
  std::string checksum_;
  std::string bwlimit_;
  bool background_ = false;
  std::string sources_;
  uint32_t sources_max_ = client::kSourcesUsual;
  DepartureFlags departure_;
  bool resume_ = false;
  bool token_only_ = false;
  std::string part_left_;  // of the last file
  std::vector<base::FileId> files_;
  ByteSpan span_;
  std::optional<base::Digest> digest_;
  std::optional<base::ComponentId> prefer_;
};

}  // namespace

std::unique_ptr<Command> MakeGetCommand() { return std::make_unique<GetCommand>(false); }
std::unique_ptr<Command> MakeCatCommand() { return std::make_unique<GetCommand>(true); }

}  // namespace bitrepo::commands
