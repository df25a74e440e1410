// SPDX-License-Identifier: Apache-2.0
// delete: takes a file from one pillar when others are proved to hold it, or from all of them.
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/copy_proof.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/receipt.h"
#include "client/commands/session.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

using State = protocol::ContributorResult::State;

constexpr uint64_t kCopiesToStay = 1;  // where --min-copies does not say

class DeleteCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "delete",
            .aliases = {"deleteFile"},
            .summary = "take a file from one pillar, or from all",
            .description =
                "From one pillar: first every other pillar reads its copy now, and the pillar is "
                "asked only when enough of them have the digest; repair may bring the file back. "
                "From all pillars the file is deleted: no copy stays, and --confirm says the id "
                "once more. The bytes stay in quarantine for its term (undelete brings them back).",
            .examples = {"delete a.txt --checksum sha256:9f86... --pillar pillar-2 --reason old",
                         "delete a --checksum md5:5d41... --all-pillars --confirm a --reason old"}};
  }

  Shape shape() override {
    Shape shape{
        .flags = {{"--checksum", "ALGO:HEX", "what the file has; must be given", &checksum_}},
        .arguments = ArgumentsRow{"FILE_ID", "file id", &ids_, 1, 1}};
    for (FlagRow& flag : choice_.Flags()) shape.flags.push_back(std::move(flag));
    const std::vector<FlagRow> more = {
        {"--confirm", "FILE_ID", "the id once more; with --all-pillars", &confirm_},
        {"--min-copies", "N", "so many other copies must be proved (1)", &min_copies_},
        {"--reason", "TEXT", "why, for the audit trails; must be given", &reason_},
        ReceiptFlag(&receipt_),
        {"-n,--dry-run", "", "prove the copies, tell what would be asked; delete nothing",
         &dry_run_}};
    shape.flags.insert(shape.flags.end(), more.begin(), more.end());
    return shape;
  }

  ExitCode Run(Session& session) override {
    if (!Prepare(session)) return ExitCode::kDone;  // told already
    std::unique_ptr<ReceiptFile> receipts;
    if (!receipt_.empty() && !dry_run_) {
      auto opened = ReceiptFile::Open(receipt_);
      if (!opened.ok()) {
        Refuse(session, std::string(opened.status().message()), ExitCode::kLocal);
        return ExitCode::kDone;
      }
      receipts = *std::move(opened);
    }
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    client::DeleteFileSpec spec{.collection = session.collection(),
                                .file_id = *file_id_,
                                .digest = *digest_,
                                .pillars = pillars_,
                                .everywhere = choice_.all(),
                                .reason = reason_};
    if (!choice_.all() && !Prove(session, *client, spec)) return ExitCode::kDone;
    if (dry_run_) {
      TellPlan(session, spec);
      return ExitCode::kDone;
    }
    const auto result = client->DeleteFile(std::move(spec));
    if (!result.ok()) {
      if (session.interrupted() == 0) {
        Refuse(session, std::string(result.status().message()), ExitCodeFor(result.status()));
      }
      return ExitCode::kDone;
    }
    Tell(session, *result);
    if (receipts != nullptr) {
      receipts->Add(session, *client, FactsOf(*result), result->outcome);
      receipts->Finish(session);
    }
    return ExitCode::kDone;
  }

 private:
  static bool Refuse(Session& session, std::string why, ExitCode code = ExitCode::kUsage) {
    session.report().Error({.code = code, .message = std::move(why)});
    return false;
  }

  bool Prepare(Session& session) {
    bool well = true;
    if (const auto id = base::FileId::Parse(ids_.front()); id.ok()) {
      file_id_ = *id;
    } else {
      well = Refuse(session, std::string(id.status().message()));
    }
    if (checksum_.empty()) {
      well = Refuse(session,
                    "delete needs --checksum ALGO:HEX: what the file has; bitrepo checksums tells "
                    "it");
    } else if (const auto digest = base::Digest::Parse(checksum_); digest.ok()) {
      digest_ = *digest;
    } else {
      well = Refuse(session, absl::StrCat("--checksum: ", digest.status().message()));
    }
    if (reason_.empty()) well = Refuse(session, "delete needs --reason TEXT, for the audit trails");
    if (!min_copies_.empty() && !absl::SimpleAtoi(min_copies_, &copies_to_stay_)) {
      well = Refuse(session, "--min-copies is a number of pillars");
    }
    const auto pillars = choice_.Chosen();
    if (!pillars.ok()) return Refuse(session, std::string(pillars.status().message()));
    pillars_ = *pillars;
    if (pillars_.size() > 1) {
      well = Refuse(session, "a file is taken from one pillar at a time: give one --pillar");
    }
    if (!choice_.all() && !confirm_.empty()) {
      well = Refuse(session, "--confirm goes with --all-pillars");
    }
    if (well && choice_.all() && confirm_ != ids_.front()) {
      well = Refuse(session,
                    absl::StrCat("to delete ", Shown(ids_.front()),
                                 " from all pillars, so that no copy stays, say the id once more: "
                                 "--confirm ",
                                 ShellWord(ids_.front())),
                    ExitCode::kRefused);
    }
    return well;
  }

  // The copies that stay, into `spec`; false, and reported, when there are too few of them.
  bool Prove(Session& session, client::BlockingClient& client, client::DeleteFileSpec& spec) {
    const auto proofs = ProveCopies(session, client, *file_id_, *digest_, pillars_.front());
    if (!proofs) return false;
    spec.copies = proofs->copies;
    for (const wire::CopyProof& copy : spec.copies) {
      session.console().Detail(absl::StrCat(copy.pillar_id(), " holds it, read just now"));
    }
    if (spec.copies.size() >= copies_to_stay_) return true;
    std::string others;
    for (const auto& [pillar, why] : proofs->otherwise) {
      absl::StrAppend(&others, others.empty() ? ": " : ", ", pillar, " (", why, ")");
    }
    session.report().Error(
        {.code = ExitCode::kRefused,
         .message =
             absl::StrCat("nothing was deleted: ", spec.copies.size(),
                          spec.copies.size() == 1 ? " other pillar is" : " other pillars are",
                          " proved to hold ", Shown(file_id_->text()), ", and ", copies_to_stay_,
                          copies_to_stay_ == 1 ? " is" : " are", " needed", others),
         .pillar = pillars_.front().text(),
         .file_id = file_id_->text(),
         .hint = session.Again(absl::StrCat("stat", ArgumentWords(ids_)))});
    return false;
  }

  void TellPlan(Session& session, const client::DeleteFileSpec& spec) {
    std::vector<std::string> copies;
    for (const wire::CopyProof& copy : spec.copies) copies.push_back(copy.pillar_id());
    JsonRecord record = session.report().Record("item");
    record.Set("file_id", file_id_->text()).Set("result", "would-delete");
    if (!spec.pillars.empty()) record.Set("pillar", spec.pillars.front().text());
    record.Set("pillars", copies);
    session.report().Count("would-delete");
    session.report().Item(
        record, absl::StrCat("would delete  ", Shown(file_id_->text()), "  from",
                             choice_.all() ? " all pillars" : choice_.Names(), "; ",
                             spec.everywhere
                                 ? "no copy stays"
                                 : absl::StrCat(CountedOf(copies.size(), "proved holder"), " stay"),
                             "\n"));
  }

  void Tell(Session& session, const client::DeleteFileResult& result) {
    for (const auto& [pillar, contributor] : result.outcome.contributors) {
      if (contributor.state != State::kDone) continue;
      // Without a final the pillar said at once that it has no such file.
      const auto final = result.finals.find(pillar);
      const bool gone = final == result.finals.end() || final->second.already_gone();
      const uint64_t bytes = gone ? 0 : final->second.file().size_bytes();
      const std::string word = gone ? "already-gone" : "deleted";
      session.report().Count(word, bytes);
      JsonRecord record = session.report().Record("item");
      record.Set("file_id", file_id_->text()).Set("result", word).Set("pillar", pillar.text());
      record.Set("conversation", result.conversation.ToString());
      if (!gone) record.Set("size_bytes", bytes);
      session.report().Item(
          record, absl::StrCat(Fit(gone ? "already gone" : word, 14), Shown(file_id_->text()),
                               "  from ", pillar.text(),
                               gone ? "" : absl::StrCat(", ", runtime::FormatBytes(bytes)), "\n"));
    }
    if (session.interrupted() == 0) {
      ReportOutcome(session.report(),
                    {.what = "delete",
                     .file_id = file_id_->text(),
                     .conversation = result.conversation,
                     .again = Again(session),
                     .look = session.Again(absl::StrCat("stat", ArgumentWords(ids_)))},
                    result.outcome);
    } else {
      session.report().SetResume(Again(session));
    }
  }

  ReceiptFacts FactsOf(const client::DeleteFileResult& result) const {
    ReceiptFacts facts{.file_id = file_id_->text(), .conversation = result.conversation};
    for (const auto& [pillar, final] : result.finals) {
      if (!final.has_file()) continue;
      facts.size_bytes = final.file().size_bytes();
      facts.digest = absl::BytesToHexString(final.file().digest().value());
    }
    return facts;
  }

  std::string Again(const Session& session) const {
    std::string rest = absl::StrCat("delete", FlagWords("--checksum", checksum_), choice_.Words(),
                                    FlagWords("--reason", reason_));
    if (!confirm_.empty()) absl::StrAppend(&rest, FlagWords("--confirm", confirm_));
    if (!min_copies_.empty()) absl::StrAppend(&rest, FlagWords("--min-copies", min_copies_));
    return session.Again(absl::StrCat(rest, ArgumentWords(ids_)));
  }

  std::vector<std::string> ids_;
  std::string checksum_;
  std::string confirm_;
  std::string min_copies_;
  std::string reason_;
  std::string receipt_;
  PillarChoice choice_;
  bool dry_run_ = false;
  std::optional<base::FileId> file_id_;
  std::optional<base::Digest> digest_;
  std::vector<base::ComponentId> pillars_;
  uint64_t copies_to_stay_ = kCopiesToStay;
};

}  // namespace

std::unique_ptr<Command> MakeDeleteCommand() { return std::make_unique<DeleteCommand>(); }

}  // namespace bitrepo::commands
