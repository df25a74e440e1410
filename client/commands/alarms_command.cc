// SPDX-License-Identifier: Apache-2.0
// alarms: what was raised lately, the newest first.
#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/list_run.h"
#include "client/commands/moment.h"
#include "client/commands/session.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr absl::Duration kFollowEvery = absl::Seconds(1);
constexpr size_t kFromColumns = 14;
constexpr size_t kCodeColumns = 18;

class AlarmsCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "alarms",
            .aliases = {"getAlarms"},
            .summary = "what was raised lately: damage, refusals, full disks",
            .description =
                "The coordinator keeps the newest alarms; equal ones of one component are counted, "
                "not repeated. With --follow the oldest comes first and new ones as they are "
                "raised.",
            .examples = {"alarms --since 1d", "alarms --code data-loss --from pillar-2",
                         "alarms --follow --json"}};
  }

  Shape shape() override {
    return {.flags = {{"--since", "TIME", "raised since then: 2026-01-31, or 7d for so long ago",
                       &since_},
                      {"--code", "WORD", "only of this kind: data-loss, pillar-lost ...", &code_},
                      {"--from", "NAME", "only of this component", &from_},
                      {"--limit", "N", "at most so many", &limit_},
                      {"--follow", "", "go on as new ones are raised", &follow_}},
            .arguments = std::nullopt};
  }

  ExitCode Run(Session& session) override {
    const auto limit = ParseCount(session, "--limit", limit_);
    const auto window = ParseWindow(session, since_, "");
    if (!limit || !window) return ExitCode::kDone;  // told already
    query_.set_code(code_);
    query_.set_from(from_);
    if (window->has_from_us()) *query_.mutable_at() = *window;
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    do {
      std::deque<wire::AlarmItem> alarms;
      // One more than is shown: is there more?
      if (!Ask(session, *client, follow_ || *limit == 0 ? 0 : *limit + 1, alarms)) {
        return ExitCode::kDone;
      }
      if (follow_) std::reverse(alarms.begin(), alarms.end());
      for (const wire::AlarmItem& alarm : alarms) {
        if (*limit > 0 && shown_ == *limit) return ExitCode::kLimit;
        if (IsNews(alarm)) Tell(session, alarm);
      }
      session.console().Flush();
    } while (follow_ && session.console().output_error() == 0 && session.Rest(kFollowEvery));
    if (!follow_ && shown_ == 0) session.console().Note("no alarms");
    return ExitCode::kDone;
  }

 private:
  // The newest first; at most `limit`, or all.
  bool Ask(Session& session, client::BlockingClient& client, uint64_t limit,
           std::deque<wire::AlarmItem>& alarms) {
    client::GetAlarmsSpec spec{.query = query_};
    spec.on_page = [&](const base::ComponentId&, const wire::GetAlarmsFinal& page,
                       absl::AnyInvocable<void()> more) {
      for (const wire::AlarmItem& alarm : page.items()) {
        if (limit == 0 || alarms.size() < limit) alarms.push_back(alarm);
      }
      more();
    };
    const auto result = client.GetAlarms(std::move(spec));
    if (session.interrupted() != 0) return false;
    if (!result.ok()) {
      session.report().Error({.code = ExitCodeFor(result.status()),
                              .message = std::string(result.status().message())});
      return false;
    }
    ReportOutcome(session.report(),
                  {.what = "tell its alarms",
                   .conversation = result->conversation,
                   .again = session.Again("alarms")},
                  result->outcome);
    return result->outcome.verdict == protocol::Verdict::kSuccess;
  }

  // Not told before, or raised again since; the coordinator bounds how many there are.
  bool IsNews(const wire::AlarmItem& alarm) {
    if (!follow_) return true;
    const std::string name =
        absl::StrCat(alarm.from(), "\n", alarm.collection_id(), "\n", alarm.alarm().code(), "\n",
                     alarm.alarm().file_id(), "\n", alarm.alarm().text());
    uint64_t& told = told_[name];
    return std::exchange(told, alarm.count()) != alarm.count();
  }

  void Tell(Session& session, const wire::AlarmItem& item) {
    ++shown_;
    const wire::Alarm& alarm = item.alarm();
    session.report().Count("alarm");
    JsonRecord record = session.report().Record("item");
    record.Set("result", "alarm").Set("component", item.from()).Set("code", alarm.code());
    record.Set("text", alarm.text()).Set("times", static_cast<uint64_t>(item.count()));
    if (!alarm.file_id().empty()) record.Set("file_id", alarm.file_id());
    if (!item.collection_id().empty()) record.Set("of_collection", item.collection_id());
    record.SetTime("first_at", absl::FromUnixMicros(item.first_us()));
    record.SetTime("last_at", absl::FromUnixMicros(item.last_us()));
    std::string text =
        absl::StrCat(Timestamp(absl::FromUnixMicros(item.last_us())), "  ",
                     Fit(Shown(item.from()), kFromColumns), "  ",
                     Fit(Shown(alarm.code()), kCodeColumns), "  ", Shown(alarm.text()),
                     alarm.file_id().empty() ? "" : absl::StrCat(" (", Shown(alarm.file_id()), ")"),
                     item.count() > 1 ? absl::StrCat(", ", Counted(item.count()), " times") : "");
    if (const size_t columns = session.console().out_columns();
        columns > 0 && ColumnsOf(text) > columns) {
      text = Fit(text, columns);
    }
    session.report().Item(record, absl::StrCat(text, "\n"));
  }

  std::string since_;
  std::string code_;
  std::string from_;
  std::string limit_;
  bool follow_ = false;
  wire::GetAlarmsRequest query_;
  uint64_t shown_ = 0;
  std::map<std::string, uint64_t> told_;  // how often each was raised when it was told
};

}  // namespace

std::unique_ptr<Command> MakeAlarmsCommand() { return std::make_unique<AlarmsCommand>(); }

}  // namespace bitrepo::commands
