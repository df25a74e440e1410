// SPDX-License-Identifier: Apache-2.0
// doctor: looks at all that must be right for the commands to work, and says what to do where it is
// not.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "bus/protocol/response_code.h"
#include "client/commands/all_commands.h"
#include "client/commands/list_run.h"
#include "client/commands/roster_words.h"
#include "client/commands/session.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr absl::Duration kSkewMax = absl::Seconds(2);  // of the clocks of two machines
constexpr size_t kNameColumns = 12;
constexpr size_t kSubjectColumns = 14;

enum class Sign { kOk, kWarn, kFail };

// Takes the bytes of a trial and lets them go.
class TrialSink final : public channel::Sink {
 public:
  void Write(base::ByteRange, base::Buffer, absl::AnyInvocable<void(absl::Status)> done) override {
    done(absl::OkStatus());
  }
  void Commit(uint64_t, std::optional<base::Digest>,
              absl::AnyInvocable<void(wire::ResponseInfo)> done) override {
    wire::ResponseInfo well;
    well.set_code(wire::OPERATION_COMPLETED);
    done(well);
  }
  void Aborted(const absl::Status&) override {}
};

class DoctorCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "doctor",
            .summary = "is everything well? settings, bus, pillars, clocks, data ports",
            .description =
                "A line for each thing looked at: ok, warn or FAIL, and what to do. To try the "
                "data ports one byte of one file is read from each pillar.",
            .examples = {"doctor", "doctor --json"}};
  }

  Shape shape() override { return {}; }

  ExitCode Run(Session& session) override {
    session_ = &session;
    const client::ClientSettings* settings = session.Settings();
    if (settings == nullptr) return ExitCode::kDone;  // told already
    Tell("settings", settings->name, settings->files.empty() ? Sign::kWarn : Sign::kOk,
         absl::StrCat("collection ", settings->collection, ", from ",
                      settings->files.empty() ? "flags and environment alone"
                                              : absl::StrJoin(settings->files, ", ")));
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    Tell("bus", session.welcome().coordinator_id(), Sign::kOk,
         absl::StrCat("answers at ", settings->coordinator));
    LookAtVersion("version", session.welcome().coordinator_id(),
                  session.welcome().program_version());
    const std::vector<std::string> present = LookAtPillars(*client);
    LookAtHealth(*client, true);
    LookAtHealth(*client, false);
    LookAtDataPorts(*client, present);
    if (session.interrupted() == 0) {
      session.console().Note(absl::StrCat("doctor: ", session.report().CountOf("ok"), " ok, ",
                                          session.report().CountOf("warn"), " to look at, ",
                                          session.report().CountOf("fail"), " failed"));
    }
    return ExitCode::kDone;
  }

 private:
  // `code` counts where the sign is kFail.
  void Tell(absl::string_view check, absl::string_view subject, Sign sign, const std::string& text,
            ExitCode code = ExitCode::kFailed, const std::string& hint = "") {
    const absl::string_view word = sign == Sign::kOk ? "ok" : sign == Sign::kWarn ? "warn" : "fail";
    const Ink ink = sign == Sign::kOk     ? Ink::kGreen
                    : sign == Sign::kWarn ? Ink::kYellow
                                          : Ink::kRed;
    Report& report = session_->report();
    report.Count(word);
    JsonRecord record = report.Record("item");
    record.Set("result", word).Set("check", check).Set("component", subject).Set("text", text);
    if (!hint.empty()) record.Set("hint", hint);
    report.Item(
        record,
        absl::StrCat(session_->console().PaintOut(ink, Fit(sign == Sign::kFail ? "FAIL" : word, 5)),
                     Fit(check, kNameColumns), Fit(Shown(subject), kSubjectColumns), Shown(text),
                     hint.empty() ? "" : absl::StrCat("; do: ", hint), "\n"));
    if (sign == Sign::kFail) {
      report.ErrorRecord({.code = code,
                          .message = absl::StrCat(check, ": ", text),
                          .pillar = std::string(subject),
                          .hint = hint});
    }
  }

  void LookAtVersion(absl::string_view check, const std::string& component,
                     const std::string& version) {
    const std::string& mine = session_->parts().version;
    Tell(check, component, version == mine ? Sign::kOk : Sign::kWarn,
         version == mine ? version : absl::StrCat(version, ", and this program is ", mine));
  }

  // Those that are there.
  std::vector<std::string> LookAtPillars(client::BlockingClient& client) {
    std::vector<std::string> present;
    const auto roster = AskForRoster(*session_, client);
    if (!roster) return present;
    for (const wire::RosterMember& member : roster->members()) {
      const auto& serves = member.collections();
      if (member.kind() != wire::PILLAR ||
          std::find(serves.begin(), serves.end(), session_->collection().text()) == serves.end()) {
        continue;
      }
      const std::string& name = member.component_id();
      const std::string state(StateWord(member));
      if (!member.present()) {
        Tell("pillar", name, Sign::kFail, "is expected and not connected", ExitCode::kUnreachable,
             absl::StrCat("look whether bitrepo-pillar runs there, and its log"));
        continue;
      }
      Tell("pillar", name, state == "ready" ? Sign::kOk : Sign::kWarn, state);
      LookAtVersion("version", name, member.program_version());
      present.push_back(name);
    }
    if (present.empty()) {
      Tell("pillar", "", Sign::kFail,
           absl::StrCat("no pillar serves ", session_->collection().text(), " now"),
           ExitCode::kUnreachable, session_->Again("pillars"));
    }
    return present;
  }

  // What each says of itself, and by its answer the time that it has.
  void LookAtHealth(client::BlockingClient& client, bool coordinator) {
    client::GetStatusSpec spec;
    if (!coordinator) spec.collection = session_->collection();
    const absl::Time asked = absl::Now();
    const auto result = client.GetStatus(std::move(spec));
    const absl::Time answered = absl::Now();
    if (!result.ok() || session_->interrupted() != 0) return;
    for (const auto& [component, contributor] : result->outcome.contributors) {
      if (contributor.final == nullptr) continue;
      const absl::Time there = absl::FromUnixMicros(contributor.final->header.issued_at_us());
      const absl::Duration skew = there < asked      ? asked - there
                                  : there > answered ? there - answered
                                                     : absl::ZeroDuration();
      Tell("clock", component.text(), skew <= kSkewMax ? Sign::kOk : Sign::kWarn,
           skew <= kSkewMax
               ? "agrees with ours"
               : absl::StrCat(ShortDuration(skew), there < asked ? " behind ours" : " before ours"),
           ExitCode::kFailed, skew <= kSkewMax ? "" : "set the clocks of both machines by NTP");
    }
    for (const auto& [component, status] : result->finals) {
      bool all_well = true;
      for (const wire::HealthCheck& check : status.checks()) {
        if (check.health() == wire::HEALTH_OK) continue;
        all_well = false;
        Tell("health", component.text(),
             check.health() == wire::HEALTH_WARNING ? Sign::kWarn : Sign::kFail,
             absl::StrCat(check.name(), ": ", check.text()));
      }
      for (const wire::CollectionStatus& collection : status.collections()) {
        if (collection.missing_files() == 0) continue;
        all_well = false;
        Tell("health", component.text(), Sign::kFail,
             absl::StrCat("misses ", CountedOf(collection.missing_files(), "file"), " of ",
                          collection.collection_id()),
             ExitCode::kIntegrity, session_->Again("file-ids"));
      }
      if (all_well) Tell("health", component.text(), Sign::kOk, "all its checks are well");
    }
  }

  void LookAtDataPorts(client::BlockingClient& client, const std::vector<std::string>& present) {
    const std::optional<base::FileId> trial = AnyFile(client);
    if (session_->interrupted() != 0) return;
    if (!trial) {
      Tell("data port", "", Sign::kWarn, "not tried: no file is kept that could be read");
      return;
    }
    for (const std::string& name : present) {
      const auto pillar = base::ComponentId::Parse(name);
      if (!pillar.ok()) continue;
      client::GetFileSpec spec{.collection = session_->collection(),
                               .file_id = *trial,
                               .length = trial_bytes_,
                               .prefer = *pillar,
                               .fail_over = false,
                               .sink = {}};
      spec.sink = [](const wire::FileInfo&, base::ByteRange) {
        return absl::StatusOr<std::shared_ptr<channel::Sink>>(std::make_shared<TrialSink>());
      };
      const auto result = client.GetFile(std::move(spec));
      if (!result.ok() || session_->interrupted() != 0) return;
      const protocol::Outcome& outcome = result->outcome;
      const auto told = outcome.contributors.find(*pillar);
      const wire::ResponseCode code =
          told == outcome.contributors.end() ? outcome.code : told->second.code;
      if (outcome.verdict == protocol::Verdict::kSuccess) {
        Tell("data port", name, Sign::kOk, "bytes come");
      } else if (code == wire::REQUEST_NOT_SUPPORTED || code == wire::FILE_NOT_FOUND_FAILURE) {
        Tell("data port", name, Sign::kOk, "not tried: it has no bytes of the file");
      } else {
        Tell("data port", name, Sign::kFail,
             absl::StrCat("no bytes come (", std::string(protocol::NameOf(code)), ")"),
             static_cast<ExitCode>(protocol::ExitCodeOf(code)),
             "look whether its data_listen address can be reached from here");
      }
    }
  }

  // The first file that any pillar lists.
  std::optional<base::FileId> AnyFile(client::BlockingClient& client) {
    std::optional<base::FileId> found;
    RunList<wire::FileInfo>(
        *session_, client, {.after = "", .limit = 1},
        [&](client::RowHandler<wire::FileInfo> handler) {
          return client.GetFileIds({.scope = {.collection = session_->collection(),
                                              .files = SelectPrefix(""),
                                              .page_items = 2},
                                    .on_rows = std::move(handler)});
        },
        [&](const client::FileIdRow& row) {
          const auto id = base::FileId::Parse(row.file_id);
          if (!id.ok() || row.pillars.empty()) return;
          found = *id;
          trial_bytes_ = std::min<uint64_t>(1, row.pillars.begin()->second->size_bytes());
        });
    return found;
  }

  Session* session_ = nullptr;
  uint64_t trial_bytes_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeDoctorCommand() { return std::make_unique<DoctorCommand>(); }

}  // namespace bitrepo::commands
