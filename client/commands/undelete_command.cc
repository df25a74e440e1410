// SPDX-License-Identifier: Apache-2.0
// undelete: brings a deleted or replaced generation back from quarantine.
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/session.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

class UndeleteCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "undelete",
            .aliases = {"undeleteFile"},
            .summary = "bring a deleted or replaced file back from quarantine",
            .description =
                "Without --generation the one that went last. Where another file stands under "
                "the id now, --old-checksum names it, and it goes into quarantine in its turn. "
                "bitrepo file-infos --removed lists what is in quarantine.",
            .examples = {"undelete report.pdf --all-pillars",
                         "undelete a.txt --pillar pillar-2 --old-checksum sha256:9f86..."}};
  }

  Shape shape() override {
    Shape shape{.flags = choice_.Flags(),
                .arguments = ArgumentsRow{"FILE_ID", "file id", &ids_, 1, 1}};
    const std::vector<FlagRow> more = {
        {"--generation", "ID", "this generation; else the one that went last", &generation_text_},
        {"--old-checksum", "ALGO:HEX", "what stands under the id now, and is to go",
         &old_checksum_},
        {"--reason", "TEXT", "why, for the audit trails", &reason_}};
    shape.flags.insert(shape.flags.end(), more.begin(), more.end());
    return shape;
  }

  ExitCode Run(Session& session) override {
    const auto file_id = base::FileId::Parse(ids_.front());
    if (!file_id.ok()) Refuse(session, std::string(file_id.status().message()));
    const auto pillars = choice_.Chosen();
    if (!pillars.ok()) Refuse(session, std::string(pillars.status().message()));
    std::optional<base::GenerationId> generation;
    if (!generation_text_.empty()) {
      const auto parsed = base::GenerationId::Parse(generation_text_);
      if (parsed.ok()) {
        generation = *parsed;
      } else {
        Refuse(session, absl::StrCat("--generation: ", parsed.status().message()));
      }
    }
    std::optional<base::Digest> old_digest;
    if (!old_checksum_.empty()) {
      const auto parsed = base::Digest::Parse(old_checksum_);
      if (parsed.ok()) {
        old_digest = *parsed;
      } else {
        Refuse(session, absl::StrCat("--old-checksum: ", parsed.status().message()));
      }
    }
    if (session.report().result() != ExitCode::kDone) return ExitCode::kDone;  // told already
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    const auto result = client->UndeleteFile({.collection = session.collection(),
                                              .file_id = *file_id,
                                              .pillars = *pillars,
                                              .generation = generation,
                                              .old_digest = old_digest,
                                              .reason = reason_});
    if (!result.ok()) {
      if (session.interrupted() == 0) {
        session.report().Error({.code = ExitCodeFor(result.status()),
                                .message = std::string(result.status().message())});
      }
      return ExitCode::kDone;
    }
    Tell(session, *result);
    return ExitCode::kDone;
  }

 private:
  static void Refuse(Session& session, std::string why) {
    session.report().Error({.code = ExitCode::kUsage, .message = std::move(why)});
  }

  void Tell(Session& session, const client::UndeleteFileResult& result) {
    const std::string& id = ids_.front();
    for (const auto& [pillar, final] : result.finals) {
      const wire::FileInfo& file = final.file();
      session.report().Count("undeleted", file.size_bytes());
      JsonRecord record = session.report().Record("item");
      record.Set("file_id", id).Set("result", "undeleted").Set("pillar", pillar.text());
      record.Set("conversation", result.conversation.ToString());
      record.Set("size_bytes", static_cast<uint64_t>(file.size_bytes()));
      record.Set("algorithm", "sha256")
          .Set("digest", absl::BytesToHexString(file.digest().value()));
      if (const auto generation = base::GenerationId::FromBytes(file.generation_id());
          generation.ok()) {
        record.Set("generation", generation->ToString());
      }
      session.report().Item(
          record, absl::StrCat(Fit("undeleted", 11), Shown(id), "  at ", pillar.text(), ", ",
                               runtime::FormatBytes(file.size_bytes()),
                               final.has_replaced() ? ", in place of what stood there" : "", "\n"));
    }
    if (session.interrupted() != 0) return;
    const std::string words = ArgumentWords(ids_);
    ReportOutcome(session.report(),
                  {.what = "undelete",
                   .file_id = id,
                   .conversation = result.conversation,
                   .again = session.Again(absl::StrCat("undelete", choice_.Words(), words)),
                   .look = session.Again(absl::StrCat("stat", words))},
                  result.outcome);
  }

  std::vector<std::string> ids_;
  std::string generation_text_;
  std::string old_checksum_;
  std::string reason_;
  PillarChoice choice_;
};

}  // namespace

std::unique_ptr<Command> MakeUndeleteCommand() { return std::make_unique<UndeleteCommand>(); }

}  // namespace bitrepo::commands
