// SPDX-License-Identifier: Apache-2.0
// status: one verdict for the collection, then what every component says of itself; or what has
// become of one transmission.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/session.h"
#include "client/commands/token_input.h"
#include "client/commands/token_status.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kNameColumns = 16;
constexpr int kStagedLines = 5;  // of one component, unless more words are asked for

absl::string_view HealthWord(wire::Health health) {
  switch (health) {
    case wire::HEALTH_OK:
      return "ok";
    case wire::HEALTH_WARNING:
      return "warning";
    case wire::HEALTH_ERROR:
      return "ERROR";
    default:
      return "unknown";
  }
}

class StatusCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "status",
            .summary = "how the coordinator and the pillars of the collection are",
            .description =
                "HEALTHY: every expected pillar answers and is well. DEGRADED: some are "
                "not. AT RISK: only one pillar is well. LOST: none is. With a TOKEN: what has "
                "become of that transmission, asked of its issuer alone, without settings or "
                "coordinator.",
            .examples = {"status", "status --json", "status --token-file letter.token"}};
  }

  Shape shape() override {
    return {.flags = {input_.Flag()},
            .arguments = ArgumentsRow{"TOKEN", "a token, @FILE, or - for standard input",
                                      &arguments_, 0, 1}};
  }

  ExitCode Run(Session& session) override {
    if (input_.given() && !arguments_.empty()) {
      session.report().Error(
          {.code = ExitCode::kUsage, .message = "give TOKEN or --token-file, not both"});
      return ExitCode::kDone;
    }
    if (input_.given() || !arguments_.empty()) {
      if (const auto token = input_.Read(session, arguments_)) TellTransmission(session, *token);
      return ExitCode::kDone;
    }
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;  // told already
    const auto coordinator = client->GetStatus({});
    const auto pillars = client->GetStatus({.collection = session.collection()});
    if (!coordinator.ok() || !pillars.ok()) {
      const absl::Status why = coordinator.ok() ? pillars.status() : coordinator.status();
      if (session.interrupted() == 0) {
        session.report().Error({.code = ExitCodeFor(why), .message = std::string(why.message())});
      }
      return ExitCode::kDone;
    }
    TellVerdict(session, *pillars);
    for (const auto& [component, status] : coordinator->finals) {
      Tell(session, component.text(), status);
    }
    for (const auto& [component, status] : pillars->finals) Tell(session, component.text(), status);
    for (const client::GetStatusResult* result : {&*coordinator, &*pillars}) {
      ReportOutcome(session.report(),
                    {.what = "say how it is",
                     .conversation = result->conversation,
                     .again = session.Again("pillars")},
                    result->outcome);
    }
    return ExitCode::kDone;
  }

 private:
  static void TellVerdict(Session& session, const client::GetStatusResult& pillars) {
    const size_t expected = pillars.outcome.contributors.size();
    const auto well = static_cast<size_t>(
        std::count_if(pillars.finals.begin(), pillars.finals.end(),
                      [](const auto& entry) { return entry.second.health() == wire::HEALTH_OK; }));
    const bool healthy = well > 0 && well == expected;
    const std::string verdict = healthy     ? "HEALTHY"
                                : well > 1  ? "DEGRADED"
                                : well == 1 ? "AT RISK"
                                            : "LOST";
    JsonRecord record = session.report().Record("item");
    record.Set("result", verdict).Set("pillars_well", static_cast<uint64_t>(well));
    record.Set("pillars_expected", static_cast<uint64_t>(expected));
    const Ink ink = healthy ? Ink::kGreen : Ink::kRed;
    session.report().Item(
        record, absl::StrCat(session.console().PaintOut(ink, verdict), ": ", well, " of ", expected,
                             " pillars of ", session.collection().text(), " are well\n"));
  }

  // What has come in part: now, or for a put that was cut short.
  static void SetStaged(const wire::GetStatusFinal& status, JsonRecord& record) {
    record.Set("staged_files", static_cast<uint64_t>(status.staged_files()));
    record.Set("staged_bytes", static_cast<uint64_t>(status.staged_bytes()));
    std::vector<JsonRecord> all;
    for (const wire::StagedBytes& part : status.staged()) {
      JsonRecord& each = all.emplace_back(JsonRecord::Inner());
      each.Set("collection", part.collection_id()).Set("file_id", part.file_id());
      each.Set("principal", part.principal());
      each.Set("bytes_done", static_cast<uint64_t>(part.bytes_done()));
      if (part.bytes_total() > 0) {
        each.Set("bytes_total", static_cast<uint64_t>(part.bytes_total()));
      }
      each.SetTime("written", absl::FromUnixMicros(part.last_written_us()));
      if (part.kept_until_us() > 0) {
        each.SetTime("kept_until", absl::FromUnixMicros(part.kept_until_us()));
      }
    }
    if (!all.empty()) record.Set("staged", all);
  }

  static std::string StagedText(Session& session, const wire::GetStatusFinal& status) {
    std::string text;
    const int shown = session.console().verbose() ? status.staged_size()
                                                  : std::min(status.staged_size(), kStagedLines);
    for (int i = 0; i < shown; ++i) {
      const wire::StagedBytes& part = status.staged(i);
      absl::StrAppend(
          &text, "  staged   ", Shown(part.file_id()), ": ",
          runtime::FormatBytes(part.bytes_done()),
          part.bytes_total() > 0 ? absl::StrCat(" of ", runtime::FormatBytes(part.bytes_total()))
                                 : "",
          part.principal().empty() ? "" : absl::StrCat(" from ", Shown(part.principal())),
          part.kept_until_us() > 0
              ? absl::StrCat(
                    ", kept until ",
                    absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixMicros(part.kept_until_us()),
                                     absl::LocalTimeZone()))
              : ", coming in",
          "\n");
    }
    const uint64_t more = status.staged_files() - std::min<uint64_t>(status.staged_files(), shown);
    if (more > 0) absl::StrAppend(&text, "  staged   and ", CountedOf(more, "file"), " more\n");
    return text;
  }

  static void Tell(Session& session, const std::string& component,
                   const wire::GetStatusFinal& status) {
    const std::string collection = session.collection().text();
    uint64_t files = 0;
    uint64_t bytes = 0;
    uint64_t missing = 0;
    uint64_t quarantined = 0;
    for (const wire::CollectionStatus& each : status.collections()) {
      if (each.collection_id() != collection) continue;
      files = each.files();
      bytes = each.bytes();
      missing = each.missing_files();
      quarantined = each.quarantined_files();
    }
    JsonRecord record = session.report().Record("item");
    record.Set("component", component).Set("result", std::string(HealthWord(status.health())));
    record.Set("files", files).Set("bytes", bytes).Set("missing_files", missing);
    record.Set("quarantined_files", quarantined);
    record.Set("free_bytes", static_cast<uint64_t>(status.free_bytes()));
    record.Set("uptime_s", static_cast<double>(status.uptime_us()) / 1e6);
    record.Set("version", status.version()).Set("queue", static_cast<uint64_t>(status.queue()));
    std::string text =
        absl::StrCat(Fit(component, kNameColumns), Fit(HealthWord(status.health()), 9), "up ",
                     ShortDuration(absl::Microseconds(status.uptime_us())));
    if (status.collections_size() > 0) {
      absl::StrAppend(&text, ", ", CountedOf(files, "file"), ", ", runtime::FormatBytes(bytes),
                      ", ", runtime::FormatBytes(status.free_bytes()), " free");
    }
    absl::StrAppend(&text, ", version ", Shown(status.version()), "\n");
    for (const wire::HealthCheck& check : status.checks()) {
      if (check.health() == wire::HEALTH_OK && !session.console().verbose()) continue;
      absl::StrAppend(&text, "  ", Fit(HealthWord(check.health()), 9), Shown(check.name()), ": ",
                      Shown(check.text()), "\n");
    }
    SetStaged(status, record);
    absl::StrAppend(&text, StagedText(session, status));
    session.report().Item(record, text);
    if (missing > 0) {
      session.report().Error({.code = ExitCode::kIntegrity,
                              .message = absl::StrCat(component, " misses ",
                                                      CountedOf(missing, "file"), " of its record"),
                              .pillar = component});
    }
    if (status.health() == wire::HEALTH_ERROR) session.report().Add(ExitCode::kFailed);
  }

  std::vector<std::string> arguments_;
  TokenInput input_;
};

}  // namespace

std::unique_ptr<Command> MakeStatusCommand() { return std::make_unique<StatusCommand>(); }

}  // namespace bitrepo::commands
