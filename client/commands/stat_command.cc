// SPDX-License-Identifier: Apache-2.0
// stat: all that the pillars say of one file.
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/copies.h"
#include "client/commands/list_run.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kNameColumns = 14;

class StatCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "stat",
            .summary = "size, digest, dates and copies of files",
            .examples = {"stat report.pdf"}};
  }

  Shape shape() override {
    return {.flags = {}, .arguments = ArgumentsRow{"ID", "file id", &ids_, 1}};
  }

  ExitCode Run(Session& session) override {
    const auto files = ParseFileIds(session, ids_);
    if (!files) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    for (const base::FileId& file_id : *files) {
      if (session.interrupted() != 0) break;
      const std::optional<Copies> copies = AskForCopies(session, *client, file_id);
      if (!copies) continue;
      if (copies->found()) Tell(session, file_id, *copies);
      ReportCopies(session, file_id, *copies);
    }
    return session.report().PartlyFound();
  }

 private:
  static void Tell(Session& session, const base::FileId& file_id, const Copies& copies) {
    const wire::FileInfo& first = *copies.infos.begin()->second;
    std::string text = absl::StrCat(Shown(file_id.text()), "\n  ", Fit("size", kNameColumns),
                                    Counted(first.size_bytes()), " bytes (",
                                    runtime::FormatBytes(first.size_bytes()), ")\n  ",
                                    Fit("sha256", kNameColumns), copies.agreement.digest, "\n");
    for (const auto& [pillar, state] : copies.agreement.copies) {
      JsonRecord record = session.report().Record("item");
      record.Set("file_id", file_id.text()).Set("pillar", pillar.text());
      record.Set("result", ResultWord(state));
      absl::StrAppend(&text, "  ", Fit(pillar.text(), kNameColumns), Fit(WordOf(state), 8));
      if (const auto info = copies.infos.find(pillar); info != copies.infos.end()) {
        const absl::Time stored_at = absl::FromUnixMicros(info->second->stored_at_us());
        const std::string digest = absl::BytesToHexString(info->second->digest().value());
        const auto generation = base::GenerationId::FromBytes(absl::string_view(
            info->second->generation_id().data(), info->second->generation_id().size()));
        const std::string name = generation.ok() ? generation->ToString() : "";
        record.Set("size_bytes", static_cast<uint64_t>(info->second->size_bytes()));
        record.Set("algorithm", "sha256").Set("digest", digest).SetTime("stored_at", stored_at);
        record.Set("generation", name);
        absl::StrAppend(&text, "stored ", Timestamp(stored_at), "  generation ", name);
        if (state == CopyState::kDiffers) {
          absl::StrAppend(&text, "\n  ", Fit("", kNameColumns), Counted(info->second->size_bytes()),
                          " bytes, sha256 ", digest);
        }
      }
      absl::StrAppend(&text, "\n");
      session.report().Emit(record);
    }
    if (!session.flags().json) session.console().Result(text);
  }

  std::vector<std::string> ids_;
};

}  // namespace

std::unique_ptr<Command> MakeStatCommand() { return std::make_unique<StatCommand>(); }

}  // namespace bitrepo::commands
