// SPDX-License-Identifier: Apache-2.0
// replace: other bytes under an id that is taken.
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/put_plan.h"
#include "client/commands/put_run.h"
#include "client/commands/session.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

class ReplaceCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "replace",
            .aliases = {"replaceFile"},
            .summary = "other bytes under an id that is taken",
            .description =
                "Names the digest of what it replaces, so that nothing is replaced that was not "
                "meant. At each pillar the file has its old or its new bytes, never others; the "
                "old ones stay in quarantine for its term (undelete brings them back). A pillar "
                "that has the new bytes already is done.",
            .examples = {"replace a.txt new.txt --old-checksum sha256:9f86... --all-pillars",
                         "replace a.txt new.txt --old-checksum md5:5d41... --pillar pillar-2"}};
  }

  Shape shape() override {
    Shape shape{.flags = {{"--old-checksum", "ALGO:HEX",
                           "what the file must have now; must be given", &old_checksum_}},
                .arguments = ArgumentsRow{"FILE_ID SRC", "the id; the file or - with the new bytes",
                                          &arguments_, 2, 2}};
    for (FlagRow& flag : choice_.Flags()) shape.flags.push_back(std::move(flag));
    const std::vector<FlagRow> more = {
        {"--checksum", "ALGO:HEX", "what the new bytes must have; else nothing is replaced",
         &checksum_},
        {"--quorum", "N", "so many pillars with the new bytes are enough", &quorum_},
        {"--reason", "TEXT", "why, for the audit trails", &run_.reason},
        ReceiptFlag(&receipt_),
        {"-n,--dry-run", "", "tell what would be replaced; send nothing", &dry_run_}};
    shape.flags.insert(shape.flags.end(), more.begin(), more.end());
    for (FlagRow& flag : departure_.Flags()) shape.flags.push_back(std::move(flag));
    return shape;
  }

  ExitCode Run(Session& session) override {
    PutPlan plan;
    if (!Prepare(session, plan)) return ExitCode::kDone;  // told already
    const PutItem& item = plan.items.front();
    if (dry_run_) {
      JsonRecord record = session.report().Record("item");
      record.Set("file_id", item.file_id.text()).Set("result", "would-replace");
      record.Set("path", item.path).Set("size_bytes", item.size_bytes);
      session.report().Count("would-replace", item.size_bytes);
      session.report().Item(
          record, absl::StrCat("would replace  ", Shown(item.file_id.text()), "  ",
                               runtime::FormatBytes(item.size_bytes), ", from ", Shown(item.path),
                               ", at", choice_.all() ? " all pillars" : choice_.Names(), "\n"));
      return ExitCode::kDone;
    }
    std::unique_ptr<ReceiptFile> receipts;
    if (!receipt_.empty()) {
      auto opened = ReceiptFile::Open(receipt_);
      if (!opened.ok()) {
        Refuse(session, std::string(opened.status().message()), ExitCode::kLocal);
        return ExitCode::kDone;
      }
      receipts = *std::move(opened);
      run_.receipts = receipts.get();
    }
    run_.again = Again(session);
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    session.progress().Plan("replace", 1, item.size_bytes);
    PutRun(session, *client, run_).Run(plan.items);
    session.progress().Close();
    if (receipts != nullptr) receipts->Finish(session);
    if (session.interrupted() != 0) session.report().SetResume(run_.again);
    return ExitCode::kDone;
  }

 private:
  static bool Refuse(Session& session, std::string why, ExitCode code = ExitCode::kUsage) {
    session.report().Error({.code = code, .message = std::move(why)});
    return false;
  }

  bool Prepare(Session& session, PutPlan& plan) {
    bool well = true;
    if (old_checksum_.empty()) {
      well = Refuse(session,
                    "replace needs --old-checksum ALGO:HEX: what the file must have now; "
                    "bitrepo checksums tells it");
    } else if (const auto old = base::Digest::Parse(old_checksum_); old.ok()) {
      run_.old_digest = *old;
    } else {
      well = Refuse(session, absl::StrCat("--old-checksum: ", old.status().message()));
    }
    if (!checksum_.empty()) {
      if (const auto digest = base::Digest::Parse(checksum_); digest.ok()) {
        run_.digest = *digest;
      } else {
        well = Refuse(session, absl::StrCat("--checksum: ", digest.status().message()));
      }
    }
    if (const auto pillars = choice_.Chosen(); pillars.ok()) {
      run_.pillars = *pillars;
    } else {
      well = Refuse(session, std::string(pillars.status().message()));
    }
    if (!quorum_.empty() && (!absl::SimpleAtoi(quorum_, &run_.quorum) || run_.quorum == 0)) {
      well = Refuse(session, "--quorum is a number of pillars, at least 1");
    }
    plan = MakePutPlan({{arguments_[1]}, arguments_[0], false});
    for (const std::string& problem : plan.problems.usage) well = Refuse(session, problem);
    for (const std::string& problem : plan.problems.local) {
      well = Refuse(session, problem, ExitCode::kLocal);
    }
    well = departure_.Parse(session) && well;
    if (departure_.given() && arguments_[1] == "-") {
      well = Refuse(session, "--detach and --wait need a file that stays: SRC cannot be -");
    }
    if (!well || plan.items.empty()) return false;
    if (departure_.given()) {
      run_.departure = &departure_;
      run_.words = WordsOf(session, plan.items.front());
    }
    return true;
  }

  // Of the command that goes on with what is left to the pillars.
  std::vector<std::string> WordsOf(const Session& session, const PutItem& item) const {
    std::vector<std::string> words = {"replace", absl::StrCat("--old-checksum=", old_checksum_)};
    if (choice_.all()) words.push_back("--all-pillars");
    for (const base::ComponentId& pillar : run_.pillars) {
      words.push_back(absl::StrCat("--pillar=", pillar.text()));
    }
    if (!checksum_.empty()) words.push_back(absl::StrCat("--checksum=", checksum_));
    if (!quorum_.empty()) words.push_back(absl::StrCat("--quorum=", quorum_));
    if (!receipt_.empty()) {
      words.push_back(absl::StrCat("--receipt=", WholePath(session, receipt_)));
    }
    words.insert(words.end(), {"--", item.file_id.text(), WholePath(session, item.path)});
    return words;
  }

  std::string Again(const Session& session) const {
    std::string rest =
        absl::StrCat("replace", FlagWords("--old-checksum", old_checksum_), choice_.Words());
    if (!checksum_.empty()) absl::StrAppend(&rest, FlagWords("--checksum", checksum_));
    if (!quorum_.empty()) absl::StrAppend(&rest, FlagWords("--quorum", quorum_));
    if (!run_.reason.empty()) absl::StrAppend(&rest, FlagWords("--reason", run_.reason));
    if (!receipt_.empty()) absl::StrAppend(&rest, FlagWords("--receipt", receipt_));
    return session.Again(absl::StrCat(rest, ArgumentWords(arguments_)));
  }

  std::vector<std::string> arguments_;
  std::string old_checksum_;
  std::string checksum_;
  std::string quorum_;
  std::string receipt_;
  PillarChoice choice_;
  DepartureFlags departure_;
  PutRunSpec run_;
  bool dry_run_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeReplaceCommand() { return std::make_unique<ReplaceCommand>(); }

}  // namespace bitrepo::commands
