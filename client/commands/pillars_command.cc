// SPDX-License-Identifier: Apache-2.0
// pillars: who is on the bus, as the coordinator sees it.
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/all_commands.h"
#include "client/commands/roster_words.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

class PillarsCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "pillars",
            .summary = "the pillars, present and expected",
            .description =
                "Exit code 0 when every expected pillar is present, 3 when some are away, 5 when "
                "all are.",
            .examples = {"pillars", "pillars --json"}};
  }

  Shape shape() override { return {}; }

  ExitCode Run(Session& session) override {
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;  // told already
    const std::optional<wire::RosterReply> roster = AskForRoster(session, *client);
    if (!roster) return ExitCode::kDone;
    Report& report = session.report();
    if (!session.flags().json) {
      session.console().Result(absl::StrCat(
          session.console().PaintOut(
              Ink::kBold,
              absl::StrCat(Fit("pillar", 14), Fit("kind", 9), Fit("state", 10), Fit("heard", 8),
                           Fit("queue", 6), Fit("in", 12), Fit("out", 12), "free")),
          "\n"));
    }
    std::vector<std::string> away;
    size_t present = 0;
    for (const wire::RosterMember& member : roster->members()) {
      if (member.kind() != wire::PILLAR) continue;
      if (member.present()) {
        ++present;
      } else {
        away.push_back(member.component_id());
      }
      const wire::Load& load = member.load();
      report.Count(member.present() ? "present" : "away");
      JsonRecord record = report.Record("item");
      record.Set("pillar", member.component_id()).Set("result", std::string(StateWord(member)));
      record.Set("kind", KindWord(member));
      record.Set("collections", std::vector<std::string>(member.collections().begin(),
                                                         member.collections().end()));
      record.Set("version", member.program_version());
      record.Set("silent_s", static_cast<double>(member.silent_us()) / 1e6);
      record.Set("queue", static_cast<uint64_t>(load.queue()));
      record.Set("in_bps", static_cast<uint64_t>(load.in_bytes_per_second()));
      record.Set("out_bps", static_cast<uint64_t>(load.out_bytes_per_second()));
      if (load.free_bytes() > 0) {
        record.Set("free_bytes", static_cast<uint64_t>(load.free_bytes()));
      }
      const std::string heard =
          member.present() ? ShortDuration(absl::Microseconds(member.silent_us())) : "";
      std::string line = absl::StrCat(Fit(Shown(member.component_id()), 13), " ",
                                      Fit(KindWord(member), 9), Fit(StateWord(member), 10));
      if (member.present()) {
        absl::StrAppend(&line, Fit(heard, 8), Fit(absl::StrCat(load.queue()), 6),
                        Fit(Rate(static_cast<double>(load.in_bytes_per_second())), 12),
                        Fit(Rate(static_cast<double>(load.out_bytes_per_second())), 12),
                        FreeText(member));
      }
      absl::StripTrailingAsciiWhitespace(&line);
      report.Item(record, absl::StrCat(line, "\n"));
    }
    if (away.empty()) return ExitCode::kDone;
    report.Error({.code = present > 0 ? ExitCode::kPartial : ExitCode::kUnreachable,
                  .message = absl::StrCat(Shown(absl::StrJoin(away, ", ")),
                                          away.size() == 1 ? " is" : " are", " away"),
                  .retryable = true});
    return ExitCode::kDone;
  }
};

}  // namespace

std::unique_ptr<Command> MakePillarsCommand() { return std::make_unique<PillarsCommand>(); }

}  // namespace bitrepo::commands
