// SPDX-License-Identifier: Apache-2.0
// conv: the conversations seen lately; what became of one; and those that were left to the pillars.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"
#include "client/commands/all_commands.h"
#include "client/commands/conversation_ask.h"
#include "client/commands/detached.h"
#include "client/commands/list_run.h"
#include "client/commands/take_up.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kStateColumns = 10;
constexpr size_t kOperationColumns = 11;
constexpr size_t kNameColumns = 14;

class ConvCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {
        .name = "conv",
        .aliases = {"getConversation"},
        .summary = "conversations: list, show, wait, cancel",
        .description =
            "list: those that passed the bus lately, and those you left to the pillars. show: what "
            "the pillars have on record of one, what the coordinator saw of it, and the verdict; "
            "so an outcome that was unknown is resolved. wait: goes on with one that was left "
            "(--detach, --wait), as if it had not been; keep the source of a put until then. "
            "cancel: withdraws it. The first characters of an id are enough.",
        .examples = {"conv list --limit 20", "conv show 01980f2e", "conv wait 01980f2e --wait 5m",
                     "conv cancel 01980f2e"}};
  }

  Shape shape() override {
    return {
        .flags = {{"--limit", "N", "list: at most so many", &limit_},
                  {"--wait", "DURATION", "wait: no longer than this (exit code 9 then)", &wait_}},
        .arguments = ArgumentsRow{"ACTION",
                                  "list, show, wait or cancel; then the ID, but for list",
                                  &words_,
                                  1,
                                  2,
                                  {"list", "show", "wait", "cancel"},
                                  true}};
  }

  ExitCode Run(Session& session) override {
    session_ = &session;
    const std::string& action = words_.front();
    const auto limit = ParseCount(session, "--limit", limit_);
    if (!limit) return ExitCode::kDone;  // told already
    if ((action == "list") != (words_.size() == 1)) {
      session.report().Error(
          {.code = ExitCode::kUsage,
           .message = action == "list" ? "conv list takes no ID"
                                       : absl::StrCat("conv ", action, " needs the ID of one"),
           .hint = session.Again("conv list")});
      return ExitCode::kDone;
    }
    if (action == "wait" || action == "cancel") {
      const auto id = FindConversation(
          session, words_[1], [&session] { return DetachedFiles(session.parts().places).List(); });
      if (!id) return ExitCode::kDone;
      return action == "wait" ? WaitFor(session, *id, wait_) : Withdraw(session, *id);
    }
    client_ = session.Connect();
    if (client_ == nullptr) return ExitCode::kDone;
    if (action == "list") {
      List(*limit);
      return ExitCode::kDone;
    }
    const auto id = FindConversation(session, words_[1], [this] { return KnownIds(); });
    return id ? Show(*id) : ExitCode::kDone;
  }

 private:
  std::vector<base::ConversationId> KnownIds() {
    std::vector<base::ConversationId> ids = DetachedFiles(session_->parts().places).List();
    const auto seen = AskCoordinator(*session_, *client_, std::nullopt);
    if (!seen) return ids;
    for (const wire::ObservedConversation& each : *seen) {
      const auto id = base::ConversationId::FromBytes(each.conversation_id());
      if (id.ok()) ids.push_back(*id);
    }
    return ids;
  }

  void List(uint64_t limit) {
    const auto seen = AskCoordinator(*session_, *client_, std::nullopt);
    if (!seen) return;
    uint64_t shown = 0;
    for (const wire::ObservedConversation& each : *seen) {
      if (limit > 0 && shown++ == limit) break;
      TellSeen(each);
    }
    if (seen->empty()) session_->console().Note("no conversation was seen lately");
    const DetachedFiles files(session_->parts().places);
    for (const base::ConversationId& id : files.List()) {
      const auto left = files.Read(id);
      if (left.ok()) TellLeft(*left);
    }
  }

  void TellLeft(const Detached& left) {
    const std::string id = left.taken_up.id.ToString();
    session_->report().Count("detached");
    JsonRecord record = session_->report().Record("item");
    record.Set("result", "detached").Set("conversation", id).Set("file_id", left.file_id);
    record.Set("operation", protocol::OperationWord(left.operation));
    record.Set("principal", left.principal).SetTime("at", left.left_at);
    session_->report().Item(
        record, absl::StrCat(Cut(absl::StrCat(ShortId(left.taken_up.id), "  left to the pillars: ",
                                              protocol::OperationWord(left.operation), " ",
                                              Shown(left.file_id), "; conv wait ", id)),
                             "\n"));
  }

  void TellSeen(const wire::ObservedConversation& seen) {
    const auto id = base::ConversationId::FromBytes(seen.conversation_id());
    if (!id.ok()) return;
    const std::string state(SeenState(seen));
    session_->report().Count(state);
    JsonRecord record = session_->report().Record("item");
    record.Set("result", state).Set("conversation", id->ToString());
    FillSeen(seen, record);
    const absl::Duration age = absl::Now() - absl::FromUnixMicros(seen.first_us());
    std::string text =
        absl::StrCat(ShortId(*id), "  ", Fit(state, kStateColumns), " ",
                     Fit(protocol::OperationWord(seen.operation()), kOperationColumns), " ",
                     Fit(absl::StrCat(ShortDuration(age), " ago"), 12), " ",
                     Fit(Shown(seen.principal()), kNameColumns), " ", Shown(seen.file_id()));
    if (seen.owed_by_size() > 0) {
      absl::StrAppend(&text, "  owed by ", Shown(absl::StrJoin(seen.owed_by(), ", ")));
    }
    session_->report().Item(record, absl::StrCat(Cut(text), "\n"));
  }

  static void FillSeen(const wire::ObservedConversation& seen, JsonRecord& record) {
    const auto names = [](const auto& list) {
      return std::vector<std::string>(list.begin(), list.end());
    };
    record.Set("operation", protocol::OperationWord(seen.operation()));
    record.Set("principal", seen.principal());
    if (!seen.file_id().empty()) record.Set("file_id", seen.file_id());
    if (!seen.collection_id().empty()) record.Set("of_collection", seen.collection_id());
    record.SetTime("first_at", absl::FromUnixMicros(seen.first_us()));
    record.SetTime("last_at", absl::FromUnixMicros(seen.last_us()));
    record.Set("messages", static_cast<uint64_t>(seen.messages()));
    record.Set("owed_by", names(seen.owed_by())).Set("done_by", names(seen.done_by()));
    record.Set("failed_at", names(seen.failed_at()));
  }

  ExitCode Show(const base::ConversationId& id) {
    const auto seen = AskCoordinator(*session_, *client_, id);
    const auto pillars = AskPillars(*session_, *client_, id);
    if (!pillars || session_->interrupted() != 0) return ExitCode::kDone;  // told already
    const wire::ObservedConversation* observed = seen && !seen->empty() ? &seen->front() : nullptr;
    if (!session_->flags().json) {
      session_->console().Result(absl::StrCat("conversation ", id.ToString(), Heading(observed)));
    }
    if (observed != nullptr) {
      for (const wire::ObservedMessage& message : observed->timeline()) {
        TellMessage(message, observed->first_us());
      }
    }
    for (const auto& [pillar, fate] : *pillars) TellPillar(id, pillar, fate);
    const ConversationFate fate = Judge(*pillars, observed);
    JsonRecord record = session_->report().Record("item");
    record.Set("result", fate.word).Set("conversation", id.ToString());
    if (observed != nullptr) FillSeen(*observed, record);
    session_->report().Item(record, absl::StrCat("verdict: ", fate.word, Advice(fate.word), "\n"));
    if (fate.code != ExitCode::kDone) {
      session_->report().ErrorRecord({.code = fate.code,
                                      .message = absl::StrCat("verdict: ", fate.word),
                                      .conversation = id.ToString(),
                                      .retryable = fate.code == ExitCode::kUnreachable});
    }
    return ExitCode::kDone;
  }

  static std::string Heading(const wire::ObservedConversation* observed) {
    if (observed == nullptr) return "\n";
    return absl::StrCat(": ", protocol::OperationWord(observed->operation()), " ",
                        Shown(observed->file_id()), " by ", Shown(observed->principal()), ", ",
                        Timestamp(absl::FromUnixMicros(observed->first_us())), "\n");
  }

  static absl::string_view Advice(absl::string_view word) {
    if (word == "interrupted" || word == "partial") return "; the same command again completes it";
    if (word == "unknown") return "; ask again when all pillars are there";
    return "";
  }

  void TellMessage(const wire::ObservedMessage& message, int64_t begun_us) {
    JsonRecord record = session_->report().Record("item");
    record.Set("result", "message").Set("kind", protocol::KindName(message.kind()));
    record.Set("from", message.from()).Set("to", message.to());
    record.SetTime("at", absl::FromUnixMicros(message.at_us()));
    std::string figure;
    if (message.response().code() != wire::RESPONSE_CODE_UNSPECIFIED) {
      figure = std::string(protocol::NameOf(message.response().code()));
      record.Set("response", figure);
    }
    if (message.phase() != wire::PHASE_UNSPECIFIED) {
      figure = std::string(PhaseWord(message.phase()));
      record.Set("phase", figure);
      if (message.bytes_done() > 0) {
        absl::StrAppend(&figure, " ", runtime::FormatBytes(message.bytes_done()));
      }
    }
    const absl::Duration since = absl::Microseconds(message.at_us() - begun_us);
    session_->report().Item(
        record, absl::StrCat(Cut(absl::StrCat("  ", Fit(absl::StrCat("+", ShortDuration(since)), 9),
                                              Fit(protocol::KindName(message.kind()), kNameColumns),
                                              " ", Shown(message.from()), " -> ",
                                              Shown(message.to().empty() ? "all" : message.to()),
                                              "  ", figure)),
                             "\n"));
  }

  void TellPillar(const base::ConversationId& id, const std::string& pillar,
                  const PillarFate& fate) {
    JsonRecord record = session_->report().Record("item");
    record.Set("result", fate.fate == Fate::kNothing ? "no-record" : WordOf(fate.fate));
    record.Set("pillar", pillar).Set("conversation", id.ToString());
    std::string told;
    if (fate.code != wire::RESPONSE_CODE_UNSPECIFIED) {
      told = std::string(protocol::NameOf(fate.code));
      record.Set("response", told);
    }
    if (!fate.text.empty()) {
      absl::StrAppend(&told, told.empty() ? "" : ": ", Shown(fate.text));
      record.Set("text", fate.text);
    }
    if (fate.fate == Fate::kWorking && fate.progress.phase() != wire::PHASE_UNSPECIFIED) {
      told = std::string(PhaseWord(fate.progress.phase()));
      record.Set("phase", told);
    }
    session_->report().Item(record,
                            absl::StrCat(Cut(absl::StrCat(Fit(pillar, kNameColumns), "  ",
                                                          Fit(WordOf(fate.fate), 12), told)),
                                         "\n"));
  }

  // To the width of the terminal, where there is one.
  std::string Cut(const std::string& text) const {
    const size_t columns = session_->console().out_columns();
    return columns > 0 && ColumnsOf(text) > columns ? Fit(text, columns) : text;
  }

  Session* session_ = nullptr;
  client::BlockingClient* client_ = nullptr;
  std::vector<std::string> words_;
  std::string limit_;
  std::string wait_;
};

}  // namespace

std::unique_ptr<Command> MakeConvCommand() { return std::make_unique<ConvCommand>(); }

}  // namespace bitrepo::commands
