// SPDX-License-Identifier: Apache-2.0
// audit: what was changed and what was refused, at every contributor; and whether their trails are
// whole.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "bus/protocol/primitive.h"
#include "client/commands/all_commands.h"
#include "client/commands/anchor_file.h"
#include "client/commands/list_run.h"
#include "client/commands/moment.h"
#include "client/commands/pillar_choice.h"
#include "client/commands/trail_check.h"
#include "client/commands/trail_merge.h"
#include "client/commands/trail_reader.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr absl::Duration kFollowEvery = absl::Seconds(1);
constexpr size_t kNameColumns = 12;
constexpr size_t kActionColumns = 14;
constexpr char kAnchorName[] = "audit-anchors";

class AuditCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "audit",
        .aliases = {"getAuditTrails"},
        .summary = "what was changed and refused, and by whom; verify checks it",
        .description =
            "The trails of the pillars and the coordinator (of its last start), merged by time. "
            "audit verify reads every record of the pillars, makes each hash chain again and holds "
            "it against what was seen of it before (kept in ~/.local/state/bitrepo/audit-anchors): "
            "a record that was changed, "
            "taken out or cut off is exit code 6.",
        .examples = {"audit --file report.pdf", "audit --actor alice --action delete --since 7d",
                     "audit --follow", "audit verify",
                     "audit verify --pillar pillar-2 --anchor A"}};
  }

  Shape shape() override {
    return {
        .flags = {{"--file", "ID", "only of this file", &file_},
                  {"--actor", "NAME", "only what this principal asked for", &actor_},
                  {"--pillar", "NAME", "only this trail (coordinator: its own); may be repeated",
                   &pillars_},
                  {"--action", "WORD", "only these: put, replace, delete, undelete ...", &action_},
                  {"--conv", "ID", "only of this conversation", &conversation_},
                  {"--since", "TIME", "from then on: 2026-01-31, or 7d for so long ago", &since_},
                  {"--until", "TIME", "up to then", &until_},
                  {"--limit", "N", "at most so many records", &limit_},
                  {"--cursor", "TEXT", "go on where a list was cut", &cursor_},
                  {"--follow", "", "go on as records are made", &follow_},
                  {"--format", "WORD", "table or json", &format_, {"table", "json"}},
                  {"--anchor", "FILE", "verify: what was seen before is kept there", &anchor_}},
        .arguments =
            ArgumentsRow{"verify", "check the trails instead", &actions_, 0, 1, {"verify"}}};
  }

  ExitCode Run(Session& session) override {
    session_ = &session;
    if (!Prepare()) return ExitCode::kDone;  // told already
    client_ = session.Connect();
    if (client_ == nullptr || !ChooseContributors()) return ExitCode::kDone;
    if (actions_.empty()) {
      List();
    } else {
      Verify();
    }
    return cut_ ? ExitCode::kLimit : ExitCode::kDone;
  }

 private:
  bool Refuse(const std::string& why, ExitCode code = ExitCode::kUsage) {
    session_->report().Error({.code = code, .message = why});
    return false;
  }

  bool Prepare() {
    const auto limit = ParseCount(*session_, "--limit", limit_);
    const auto window = ParseWindow(*session_, since_, until_);
    bool well = limit && window;
    if (well) {
      most_ = *limit;
      if (window->has_from_us() || window->has_until_us()) *query_.mutable_at() = *window;
    }
    if (!file_.empty()) {
      const auto id = base::FileId::Parse(file_);
      if (!id.ok()) well = Refuse(absl::StrCat("--file: ", id.status().message()));
      query_.set_file_id(file_);
    }
    if (!actor_.empty()) {
      const auto actor = base::ComponentId::Parse(actor_);
      if (!actor.ok()) well = Refuse(absl::StrCat("--actor: ", actor.status().message()));
      query_.set_principal(actor_);
    }
    if (!conversation_.empty()) {
      const auto id = base::ConversationId::Parse(conversation_);
      if (!id.ok()) {
        well = Refuse(absl::StrCat("--conv: ", id.status().message()));
      } else {
        query_.set_conversation_id(id->ToBytes());
      }
    }
    const protocol::OperationRow* row = protocol::FindOperation(action_);
    query_.set_action(row == nullptr ? action_ : wire::Operation_Name(row->operation));
    if (const auto named = ParsePillars(pillars_); !named.ok()) {
      well = Refuse(std::string(named.status().message()));
    }
    for (const absl::string_view part : absl::StrSplit(cursor_, ',', absl::SkipEmpty())) {
      const std::pair<std::string, std::string> seen =
          absl::StrSplit(part, absl::MaxSplits(':', 1));
      if (!absl::SimpleAtoi(seen.second, &after_[seen.first])) {
        well = Refuse("--cursor is none that an audit list gave");
      }
    }
    const bool picks = !file_.empty() || !actor_.empty() || !action_.empty() ||
                       !conversation_.empty() || !since_.empty() || !until_.empty() ||
                       !limit_.empty() || !cursor_.empty() || follow_;
    if (!actions_.empty() && picks) {
      well = Refuse("audit verify reads whole trails: it takes --pillar and --anchor alone");
    }
    if (!actions_.empty() &&
        std::find(pillars_.begin(), pillars_.end(), kTheCoordinator) != pillars_.end()) {
      well = Refuse(
          "the coordinator's trail is of its last start, and is kept in memory: only "
          "those of pillars are verified");
    }
    if (actions_.empty() && !anchor_.empty()) well = Refuse("--anchor goes with audit verify");
    return well;
  }

  // The names of those whose trails are read.
  bool ChooseContributors() {
    if (!pillars_.empty()) {
      contributors_.insert(pillars_.begin(), pillars_.end());
      return true;
    }
    const auto pillars = AskForPillars(*session_, *client_);
    if (!pillars) return false;
    for (const base::ComponentId& pillar : *pillars) contributors_.insert(pillar.text());
    // What the coordinator has is of this start of it: there is nothing to hold it against.
    if (actions_.empty()) contributors_.insert(std::string(kTheCoordinator));
    return true;
  }

  // ---- the list
  void List() {
    const bool first_pass_ok = Pass(true);
    while (follow_ && first_pass_ok && !cut_ && session_->console().output_error() == 0) {
      session_->console().Flush();
      if (!session_->Rest(kFollowEvery)) return;
      Pass(false);
    }
    if (!cut_ && session_->interrupted() == 0) return;
    const std::string more = session_->Again(absl::StrCat("audit", Words()));
    session_->report().SetResume(more);
    session_->console().Note(absl::StrCat("to go on: ", more));
  }

  // Every record past `after_`. A follower says only at first who does not answer.
  bool Pass(bool tell_trouble) {
    TrailReader reader(*session_, *client_);
    TrailMerge merge;
    std::set<std::string> waiting;  // gave a page, and can give another
    for (const std::string& contributor : contributors_) {
      wire::GetAuditTrailsRequest query = query_;
      if (const auto seen = after_.find(contributor); seen != after_.end()) {
        query.set_first_sequence(seen->second + 1);
      }
      merge.Expect(contributor);
      reader.Begin(contributor, query, false);
    }
    bool enough = false;
    while (auto news = reader.Next()) {
      const std::string& contributor = news->contributor;
      if (!news->page) {
        merge.End(contributor);
        if (tell_trouble && !enough) TellEnd(contributor, news->end);
      } else {
        for (const wire::AuditItem& record : news->page->items()) merge.Push(contributor, record);
        waiting.insert(contributor);
      }
      while (auto next = enough ? std::nullopt : merge.Take()) {
        enough = !Show(next->contributor, next->record);
      }
      for (auto it = waiting.begin(); it != waiting.end();) {
        if (!enough && !merge.Empty(*it)) {
          ++it;
          continue;
        }
        reader.More(*it);
        it = waiting.erase(it);
      }
      if (enough && !std::exchange(cancelled_, true)) reader.Cancel();
    }
    return session_->interrupted() == 0;
  }

  // False when it is one too many, or nobody reads any more.
  bool Show(const std::string& contributor, const wire::AuditItem& record) {
    if (most_ > 0 && shown_ == most_) {
      cut_ = true;
      return false;
    }
    ++shown_;
    after_[contributor] = record.sequence();
    session_->report().Count("record");
    JsonRecord told = session_->report().Record("item");
    told.Set("result", "audit-record").Set("component", contributor);
    told.Set("sequence", static_cast<uint64_t>(record.sequence()));
    told.SetTime("at", absl::FromUnixMicros(record.at_us()));
    told.Set("action", record.action()).Set("response", record.result());
    told.Set("principal", record.principal());
    if (!record.collection_id().empty()) told.Set("of_collection", record.collection_id());
    if (!record.file_id().empty()) told.Set("file_id", record.file_id());
    if (!record.conversation_id().empty()) told.Set("conversation", record.conversation_id());
    if (!record.detail().empty()) told.Set("text", record.detail());
    session_->report().Item(
        told, format_ == "json" ? absl::StrCat(told.ToString(), "\n") : Line(contributor, record));
    return session_->console().output_error() == 0;
  }

  std::string Line(const std::string& contributor, const wire::AuditItem& record) const {
    std::string text = absl::StrCat(
        Timestamp(absl::FromUnixMicros(record.at_us())), "  ", Fit(contributor, kNameColumns), "  ",
        Fit(Shown(record.action()), kActionColumns), "  ",
        Shown(record.principal().empty() ? "-" : record.principal()), "  ",
        Shown(record.file_id().empty() ? "-" : record.file_id()),
        record.result() == wire::ResponseCode_Name(wire::OPERATION_COMPLETED)
            ? ""
            : absl::StrCat("  ", Shown(record.result())),
        record.detail().empty() ? "" : absl::StrCat("  ", Shown(record.detail())));
    if (const size_t columns = session_->console().out_columns();
        columns > 0 && ColumnsOf(text) > columns) {
      text = Fit(text, columns);
    }
    return absl::StrCat(text, "\n");
  }

  void TellEnd(const std::string& contributor, const absl::StatusOr<client::OutcomeResult>& end) {
    if (session_->interrupted() != 0) return;
    if (!end.ok()) {
      Refuse(absl::StrCat(contributor, ": ", end.status().message()), ExitCodeFor(end.status()));
      return;
    }
    ReportOutcome(session_->report(),
                  {.what = "tell its audit trail",
                   .conversation = end->conversation,
                   .again = session_->Again(absl::StrCat("audit", Words()))},
                  end->outcome);
  }

  std::string Words() const {
    std::string words = actions_.empty() ? "" : " verify";
    const auto add = [&words](absl::string_view flag, const std::string& value) {
      if (!value.empty()) absl::StrAppend(&words, FlagWords(flag, value));
    };
    for (const std::string& pillar : pillars_) add("--pillar", pillar);
    add("--file", file_);
    add("--actor", actor_);
    add("--action", action_);
    add("--conv", conversation_);
    add("--since", since_);
    add("--until", until_);
    add("--anchor", anchor_);
    std::vector<std::string> seen;
    for (const auto& [contributor, sequence] : after_) {
      seen.push_back(absl::StrCat(contributor, ":", sequence));
    }
    if (actions_.empty()) add("--cursor", absl::StrJoin(seen, ","));
    return words;
  }

  // ---- the check
  void Verify() {
    const std::string place =
        !anchor_.empty()
            ? anchor_
            : absl::StrCat(client::StateDirectory(session_->parts().places), "/", kAnchorName);
    auto anchors = AnchorFile::Read(place);
    if (!anchors.ok()) {
      Refuse(std::string(anchors.status().message()), ExitCode::kLocal);
      return;
    }
    const std::string& repository = session_->Settings()->repository;
    TrailReader reader(*session_, *client_);
    std::map<std::string, TrailCheck> checks;
    std::set<std::string> begun;
    for (const std::string& contributor : contributors_) {
      checks.emplace(contributor, TrailCheck(anchors->Find(repository, contributor)));
      reader.Begin(contributor, {}, true);
    }
    while (auto news = reader.Next()) {
      TrailCheck& check = checks.at(news->contributor);
      if (news->page) {
        if (begun.insert(news->contributor).second) check.Begin(*news->page);
        for (const wire::AuditItem& record : news->page->items()) check.Add(record);
        reader.More(news->contributor);
        continue;
      }
      const bool whole = news->end.ok() &&
                         news->end->outcome.verdict == protocol::Verdict::kSuccess &&
                         begun.count(news->contributor) > 0;
      if (whole) check.Finish();
      if (!whole) TellEnd(news->contributor, news->end);
      if (whole || !check.status().ok()) TellCheck(news->contributor, check, repository, *anchors);
    }
    if (session_->interrupted() != 0) return;
    if (absl::Status kept = anchors->Write(); !kept.ok()) {
      Refuse(absl::StrCat("what was seen is not remembered: ", kept.message()), ExitCode::kLocal);
    }
  }

  // What was found whole is remembered; what was not keeps what is known of it.
  void TellCheck(const std::string& contributor, const TrailCheck& check,
                 const std::string& repository, AnchorFile& anchors) {
    const bool well = check.status().ok();
    const std::optional<TrailAnchor> before = anchors.Find(repository, contributor);
    session_->report().Count(well ? "whole" : "broken");
    JsonRecord record = session_->report().Record("item");
    record.Set("result", well ? "ok" : "broken").Set("component", contributor);
    record.Set("records", check.records());
    if (!well) record.Set("sequence", check.first_bad());
    session_->report().Item(
        record,
        absl::StrCat(
            Fit(contributor, kNameColumns), "  ",
            session_->console().PaintOut(well ? Ink::kGreen : Ink::kRed, well ? "whole" : "BROKEN"),
            "  ", CountedOf(check.records(), "record"),
            before ? absl::StrCat(", seen before up to ", before->sequence) : "", "\n"));
    if (well) {
      anchors.Set({repository, contributor, check.records(), check.hash(), absl::Now()});
      return;
    }
    session_->report().Error({.code = ExitCode::kIntegrity,
                              .message = absl::StrCat("the audit trail of ", contributor,
                                                      " is broken at ", check.status().message()),
                              .pillar = contributor});
  }

  Session* session_ = nullptr;
  client::BlockingClient* client_ = nullptr;
  std::vector<std::string> actions_;
  std::vector<std::string> pillars_;
  std::string file_;
  std::string actor_;
  std::string action_;
  std::string conversation_;
  std::string since_;
  std::string until_;
  std::string limit_;
  std::string cursor_;
  std::string format_ = "table";
  std::string anchor_;
  bool follow_ = false;

  wire::GetAuditTrailsRequest query_;
  std::set<std::string> contributors_;
  std::map<std::string, uint64_t> after_;  // the last record shown of each
  uint64_t most_ = 0;
  uint64_t shown_ = 0;
  bool cut_ = false;
  bool cancelled_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeAuditCommand() { return std::make_unique<AuditCommand>(); }

}  // namespace bitrepo::commands
