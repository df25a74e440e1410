// SPDX-License-Identifier: Apache-2.0
// put: keep files on the pillars of the collection.
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/put_plan.h"
#include "client/commands/put_run.h"
#include "client/commands/read_input.h"
#include "client/commands/session.h"
#include "client/commands/token_offer.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

class PutCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "put",
        .aliases = {"putFile"},
        .summary = "keep files on all pillars of the collection",
        .description =
            "A file is done when every expected pillar has it on stable storage. A file that is "
            "held already with the same bytes is done too, so the same put again finishes what "
            "was cut short, and of a large file sends only what had not come yet. Standard input "
            "is written to a file without a name in $TMPDIR (or "
            "/tmp) first, since it is read once for each pillar that falls behind.",
        .examples = {"put report.pdf", "put -r photos", "put --id notes/today.txt -",
                     "put --checksum sha256:9f86d081884c7d65... data.bin"}};
  }

  Shape shape() override {
    Shape shape{
        .flags =
            {{"-r,--recursive", "", "directories: all files in them, by relative path",
              &recursive_},
             {"--id", "ID", "file id of the one source; else its name", &id_},
             {"--files-from", "FILE",
              "more sources, one a line or ended by NUL; - is standard input", &files_from_},
             {"--checksum", "ALGO:HEX", "what the file must have; else nothing is stored",
              &checksum_},
             {"--pillar", "NAME", "only this pillar; may be repeated", &pillars_},
             {"--via", "NAME",
              "this pillar first, and the others get the bytes from it; without SRC, what it "
              "keeps under --id goes to the others",
              &via_},
             {"--quorum", "N", "so many copies are enough", &quorum_},
             {"--reason", "TEXT", "why, for the audit trails", &run_.reason},
             ReceiptFlag(&receipt_),
             {"--resume", "",
              "go on where the same put was cut short: always done, from the same file", &resume_},
             {"--jobs", "N", absl::StrCat("files under way at once (", kPutsAtOnce, ")"), &jobs_},
             {"--token-only", "",
              "print PILLAR TOKEN for each pillar that lacks the file; whoever has the token "
              "may push the bytes with it; SRC may be left out, with --id",
              &token_only_},
             {"--bwlimit", "RATE", "send no faster: 10M is 10 MiB/s; or a table of the day",
              &bwlimit_},
             {"--background", "", "yield to all else that the pillars receive", &run_.background},
             {"-n,--dry-run", "", "tell what would be stored; send nothing", &dry_run_}},
        .arguments =
            ArgumentsRow{"SRC", "file, directory (with -r) or - for standard input", &sources_}};
    for (FlagRow& flag : departure_.Flags()) shape.flags.push_back(std::move(flag));
    return shape;
  }

  ExitCode Run(Session& session) override {
    PutPlan plan;
    if (!Prepare(session, run_, plan)) return ExitCode::kDone;  // told already
    Report& report = session.report();
    for (const std::string& path : plan.left_out) {
      session.console().Warning(absl::StrCat(Shown(path), " is no regular file: left out"));
    }
    for (const std::string& problem : plan.problems.local) {
      report.Count("failed");
      report.Error({.code = ExitCode::kLocal, .message = problem});
    }
    uint64_t bytes = 0;
    for (const PutItem& item : plan.items) bytes += item.size_bytes;
    if (dry_run_) {
      TellPlan(session, plan);
    } else if (!plan.items.empty()) {
      Carry(session, plan, bytes);
    }
    const bool some_failed = report.result() != ExitCode::kDone;
    const bool some_done = report.CountOf("stored") + report.CountOf("already-held") > 0;
    return some_failed && some_done && session.interrupted() == 0 ? ExitCode::kPartial
                                                                  : ExitCode::kDone;
  }

 private:
  bool Prepare(Session& session, PutRunSpec& run, PutPlan& plan) {
    if (!files_from_.empty() && !ReadSources(session)) return false;
    // Whoever has the token brings the bytes, so none are needed here.
    if (token_only_ && sources_.empty() && !id_.empty()) sources_.emplace_back("-");
    if (sources_.empty() && !(via_.empty() || id_.empty())) return PrepareCopy(session, run, plan);
    if (sources_.empty()) {
      return Refuse(session,
                    "put needs SRC: a file, a directory with -r, or -; try: bitrepo put --help");
    }
    plan = MakePutPlan({sources_, id_, recursive_});
    bool well = true;
    for (const std::string& problem : plan.problems.usage) well = Refuse(session, problem);
    if (!checksum_.empty()) {
      const auto digest = base::Digest::Parse(checksum_);
      if (!digest.ok()) {
        well = Refuse(session, absl::StrCat("--checksum: ", digest.status().message()));
      } else if (plan.items.size() > 1) {
        well = Refuse(session, "--checksum is of one file: give one source with it");
      } else {
        run.digest = *digest;
      }
    }
    for (const std::string& name : pillars_) {
      const auto pillar = base::ComponentId::Parse(name);
      if (pillar.ok()) {
        run.pillars.push_back(*pillar);
      } else {
        well = Refuse(session, absl::StrCat("--pillar: ", pillar.status().message()));
      }
    }
    well = ParseVia(session, run) && well;
    if (!quorum_.empty() && (!absl::SimpleAtoi(quorum_, &run.quorum) || run.quorum == 0)) {
      well = Refuse(session, "--quorum is a number of copies, at least 1");
    }
    well = departure_.Parse(session) && well;
    if (departure_.given() && (plan.items.size() > 1 || recursive_ || sources_.front() == "-")) {
      well =
          Refuse(session, "--detach and --wait are for one file: give one SRC, not -, with them");
    }
    if (token_only_ &&
        (plan.items.size() > 1 || recursive_ || !receipt_.empty() || departure_.given())) {
      well = Refuse(session,
                    "--token-only is for one file, and moves no bytes: give one SRC or --id with "
                    "it, and neither -r, --receipt, --detach nor --wait");
    }
    if (departure_.given() && well && !plan.items.empty()) {
      run.departure = &departure_;
      run.words = WordsOf(session, plan.items.front());
    }
    if (!bwlimit_.empty()) {
      const auto table = base::RateTable::Parse(bwlimit_);
      if (table.ok()) {
        session.LimitSending(*table);
      } else {
        well = Refuse(session, absl::StrCat("--bwlimit: ", table.status().message()));
      }
    }
    if (!jobs_.empty() && (!absl::SimpleAtoi(jobs_, &run.at_once) || run.at_once < 1 ||
                           run.at_once > kPutsAtOnceMax)) {
      well = Refuse(session, absl::StrCat("--jobs is a number from 1 to ", kPutsAtOnceMax));
    }
    return well;
  }

  // What one pillar has, to others: nothing of it is here.
  bool PrepareCopy(Session& session, PutRunSpec& run, PutPlan& plan) {
    const auto file_id = base::FileId::Parse(id_);
    if (!file_id.ok()) return Refuse(session, std::string(file_id.status().message()));
    if (!checksum_.empty()) {
      return Refuse(session, "--checksum is of bytes that are sent from here: give SRC with it");
    }
    if (departure_.given()) {
      return Refuse(session, "--detach and --wait are for bytes that are sent from here: give SRC");
    }
    for (const std::string& name : pillars_) {
      const auto pillar = base::ComponentId::Parse(name);
      if (!pillar.ok()) {
        return Refuse(session, absl::StrCat("--pillar: ", pillar.status().message()));
      }
      run.pillars.push_back(*pillar);
    }
    plan.items.push_back({"", *file_id, 0});
    return ParseVia(session, run);
  }

  bool ParseVia(Session& session, PutRunSpec& run) {
    if (via_.empty()) return true;
    const auto via = base::ComponentId::Parse(via_);
    if (!via.ok()) return Refuse(session, absl::StrCat("--via: ", via.status().message()));
    if (std::find(run.pillars.begin(), run.pillars.end(), *via) != run.pillars.end()) {
      return Refuse(session, absl::StrCat("--via and --pillar both name ", via_,
                                          ": --pillar names those that get the bytes from it"));
    }
    if (!quorum_.empty() || token_only_) {
      return Refuse(session, "--via goes with neither --quorum nor --token-only");
    }
    run.via = *via;
    return true;
  }

  // The pillars that the one hands on to, where none is named; false, and told, when there is none.
  bool FindOthers(Session& session, client::BlockingClient& client, bool needed) {
    if (!run_.via || !run_.pillars.empty()) return true;
    auto pillars = AskForPillars(session, client);
    if (!pillars) return false;
    std::erase(*pillars, *run_.via);
    run_.pillars = *std::move(pillars);
    return !run_.pillars.empty() || !needed ||
           Refuse(session, absl::StrCat("the collection has no pillar but ", via_));
  }

  static bool Refuse(Session& session, const std::string& why) {
    session.report().Error({.code = ExitCode::kUsage, .message = why});
    return false;
  }

  bool ReadSources(Session& session) {
    const auto text = ReadInput(files_from_, session.parts().in);
    if (!text.ok()) {
      session.report().Error({.code = ExitCode::kLocal,
                              .message = absl::StrCat("--files-from: ", text.status().message())});
      return false;
    }
    for (std::string& path : SplitPathList(*text)) sources_.push_back(std::move(path));
    return true;
  }

  void TellPlan(Session& session, const PutPlan& plan) const {
    for (const PutItem& item : plan.items) {
      JsonRecord record = session.report().Record("item");
      record.Set("file_id", item.file_id.text()).Set("result", "would-store");
      record.Set("path", item.path).Set("size_bytes", item.size_bytes);
      session.report().Count("would-store", item.size_bytes);
      session.report().Item(record,
                            absl::StrCat("would store  ", Shown(item.file_id.text()), "  ",
                                         runtime::FormatBytes(item.size_bytes), ", from ",
                                         Shown(item.path.empty() ? via_ : item.path), "\n"));
    }
  }

  void Carry(Session& session, const PutPlan& plan, uint64_t bytes) {
    const std::string again = Again(session);
    run_.again = again;
    std::unique_ptr<ReceiptFile> receipts;
    if (!receipt_.empty()) {
      auto opened = ReceiptFile::Open(receipt_);
      if (!opened.ok()) {
        session.report().Error(
            {.code = ExitCode::kLocal, .message = std::string(opened.status().message())});
        return;
      }
      receipts = *std::move(opened);
      run_.receipts = receipts.get();
    }
    const absl::Time begun = absl::Now();
    client::BlockingClient* client = session.Connect();
    if (client != nullptr && token_only_) {
      const PutItem& item = plan.items.front();
      OfferPut(session, *client,
               {.collection = session.collection(),
                .file_id = item.file_id,
                .digest = run_.digest,
                .source = {},
                .pillars = run_.pillars,
                .quorum = run_.quorum,
                .reason = run_.reason},
               item.path == "-" ? "" : item.path, again);
      return;
    }
    if (client != nullptr && !FindOthers(session, *client, plan.items.front().path.empty())) return;
    if (client != nullptr) {
      session.progress().Plan("put", plan.items.size(), bytes);
      PutRun(session, *client, run_).Run(plan.items);
      session.progress().Close();
      if (receipts != nullptr) receipts->Finish(session);
    }
    Report& report = session.report();
    if (session.interrupted() != 0) {
      report.SetResume(again);
      session.console().Note(absl::StrCat("what is stored stays; to go on: ", again));
    }
    if (client == nullptr) return;
    if (report.CountOf("detached") > 0) return;
    const uint64_t stored = report.CountOf("stored");
    const uint64_t held = report.CountOf("already-held");
    const uint64_t left = plan.items.size() + plan.problems.local.size() - stored - held;
    session.console().Note(
        absl::StrCat("put: ", Counted(stored), " stored",
                     held > 0 ? absl::StrCat(", ", Counted(held), " held already") : "",
                     left > 0 ? absl::StrCat(", ", Counted(left), " NOT done") : "", ", in ",
                     ShortDuration(absl::Now() - begun)));
  }

  // Of the command that goes on with what is left to the pillars.
  std::vector<std::string> WordsOf(const Session& session, const PutItem& item) const {
    std::vector<std::string> words = {"put", absl::StrCat("--id=", item.file_id.text())};
    if (!checksum_.empty()) words.push_back(absl::StrCat("--checksum=", checksum_));
    for (const std::string& pillar : pillars_) words.push_back(absl::StrCat("--pillar=", pillar));
    if (!quorum_.empty()) words.push_back(absl::StrCat("--quorum=", quorum_));
    if (!bwlimit_.empty()) words.push_back(absl::StrCat("--bwlimit=", bwlimit_));
    if (run_.background) words.emplace_back("--background");
    if (!receipt_.empty()) {
      words.push_back(absl::StrCat("--receipt=", WholePath(session, receipt_)));
    }
    words.insert(words.end(), {"--", WholePath(session, item.path)});
    return words;
  }

  std::string Again(const Session& session) const {
    std::string rest = "put";
    if (recursive_) absl::StrAppend(&rest, " -r");
    if (!id_.empty()) absl::StrAppend(&rest, FlagWords("--id", id_));
    if (!checksum_.empty()) absl::StrAppend(&rest, " --checksum ", checksum_);
    for (const std::string& pillar : pillars_) absl::StrAppend(&rest, " --pillar ", pillar);
    if (!via_.empty()) absl::StrAppend(&rest, FlagWords("--via", via_));
    if (!quorum_.empty()) absl::StrAppend(&rest, " --quorum ", quorum_);
    if (!bwlimit_.empty()) absl::StrAppend(&rest, FlagWords("--bwlimit", bwlimit_));
    if (run_.background) absl::StrAppend(&rest, " --background");
    if (!run_.reason.empty()) absl::StrAppend(&rest, FlagWords("--reason", run_.reason));
    if (!receipt_.empty()) absl::StrAppend(&rest, FlagWords("--receipt", receipt_));
    if (token_only_) absl::StrAppend(&rest, " --token-only");
    if (!files_from_.empty()) {
      absl::StrAppend(&rest, FlagWords("--files-from", files_from_));
    } else {
      absl::StrAppend(&rest, ArgumentWords(sources_));
    }
    return session.Again(rest);
  }

  std::vector<std::string> sources_;
  std::vector<std::string> pillars_;
  std::string id_;
  std::string via_;
  std::string files_from_;
  std::string checksum_;
  std::string quorum_;
  std::string jobs_;
  std::string bwlimit_;
  std::string receipt_;
  DepartureFlags departure_;
  PutRunSpec run_;
  bool recursive_ = false;
  bool dry_run_ = false;
  bool resume_ = false;  // asks for what is done anyway
  bool token_only_ = false;
};

}  // namespace

std::unique_ptr<Command> MakePutCommand() { return std::make_unique<PutCommand>(); }

}  // namespace bitrepo::commands
