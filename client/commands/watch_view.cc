// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_view.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bus/protocol/primitive.h"
#include "client/commands/list_run.h"
#include "client/commands/watch_lines.h"
#include "client/commands/watch_tree_lines.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

// After a failure another pillar may be asked.
constexpr absl::Duration kNextAskedWithin = absl::Seconds(1);

}  // namespace

void FinalWatch::OnCopy(const bus::WatchCopy& copy, absl::Time at) {
  const wire::Header& header = copy.header;
  if (!MeansConversation(text_, header.conversation_id())) return;
  if (header.kind() == wire::REQUEST) {
    owed_.insert(header.message_id());
    ended_at_ = absl::InfiniteFuture();
  } else if (header.kind() == wire::FINAL || header.kind() == wire::REFUSED) {
    owed_.erase(header.answers());
    const wire::PageEnd* page = protocol::PageEndOf(copy.body);
    const bool goes_on = page != nullptr && !page->next_cursor().empty();
    const bool completed = copy.body.response().code() == wire::OPERATION_COMPLETED;
    if (owed_.empty() && !goes_on) ended_at_ = completed ? at : at + kNextAskedWithin;
  }
}

std::vector<FlagRow> ViewFlags::rows() {
  std::vector<FlagRow> rows = filter.rows();
  rows.push_back(
      {"--tree", "", "by conversation: replies under their request, then a verdict", &tree});
  rows.push_back(
      {"--count", "N", "end after so many messages; with --tree: conversations", &count});
  rows.push_back({"--until-final", "CONV", "end when this conversation has", &until_final});
  return rows;
}

std::optional<WatchView> WatchView::Make(Session& session, const ViewFlags& flags) {
  const auto count = ParseCount(session, "--count", flags.count);
  absl::StatusOr<WatchFilter> filter = flags.filter.Read();
  if (!filter.ok()) {
    session.report().Error(
        {.code = ExitCode::kUsage, .message = std::string(filter.status().message())});
  }
  if (!count || !filter.ok()) return std::nullopt;
  std::optional<FinalWatch> end;
  if (!flags.until_final.empty()) end.emplace(flags.until_final);
  return WatchView(session, *std::move(filter), *count, std::move(end), flags.tree);
}

WatchView::WatchView(Session& session, WatchFilter filter, uint64_t count,
                     std::optional<FinalWatch> end, bool tree)
    : session_(&session), filter_(std::move(filter)), count_(count), end_(std::move(end)) {
  if (tree) tree_.emplace();
}

void WatchView::OnCopy(bus::WatchCopy copy, absl::Time at) {
  OnTime(at);
  if (done_) return;
  if (copy.missed > 0) {
    session_->console().Note(
        absl::StrCat("bitrepo: ", CountedOf(copy.missed, "message"), " missed here"));
  }
  if (end_) end_->OnCopy(copy, at);
  Heard heard = memory_.Note(std::move(copy), at);
  const bool wanted = filter_.Passes(heard);
  if (tree_) {
    tree_->OnHeard(std::move(heard), wanted, closed_);
    ShowGroups();
  } else if (wanted) {
    ShowOne(heard);
  }
  OnTime(at);
}

void WatchView::OnTime(absl::Time now) {
  if (done_) return;
  if (tree_) {
    tree_->OnTime(now, closed_);
    ShowGroups();
  }
  if (end_ && end_->ended_at() <= now) done_ = true;
}

absl::Time WatchView::WakeAt() const {
  if (done_) return absl::InfinitePast();
  absl::Time wake_at = tree_ ? tree_->WakeAt() : absl::InfiniteFuture();
  if (end_) wake_at = std::min(wake_at, end_->ended_at());
  return wake_at;
}

void WatchView::ShowOne(const Heard& heard) {
  session_->report().Count("message");
  JsonRecord record = session_->report().Record("item");
  FillWatchRecord(heard, record);
  session_->report().Item(record,
                          WatchLine(heard.copy, heard.at, session_->console().out_columns()));
  CountOne();
}

void WatchView::ShowGroups() {
  for (const TreeGroup& group : std::exchange(closed_, {})) {
    if (!group.wanted || done_) continue;
    if (session_->report().json()) {
      EmitTree(
          group, [this] { return session_->report().Record("item"); },
          [this](const JsonRecord& record) { session_->report().Emit(record); });
    } else {
      session_->console().Result(TreeText(group, session_->console().out_columns()));
    }
    // What belongs to no conversation, such as a client's hello, stands between them uncounted.
    const bool is_conversation = !group.conversation_id.empty();
    session_->report().Count(is_conversation ? group.verdict : "message");
    if (is_conversation && group.verdict != "late") CountOne();
  }
}

void WatchView::CountOne() {
  ++shown_;
  if (count_ > 0 && shown_ == count_) done_ = true;
}

void WatchView::Finish(uint64_t missed) {
  const bool at_count = count_ > 0 && shown_ == count_;
  done_ = at_count;
  if (tree_) tree_->Finish(closed_);
  ShowGroups();
  done_ = true;
  JsonRecord record = session_->report().Record("item");
  record.Set("result", "watched").Set("shown", shown_).Set("missed", missed);
  session_->report().Emit(record);
  session_->console().Note(absl::StrCat("watched ",
                                        CountedOf(shown_, tree_ ? "conversation" : "message"),
                                        ", missed ", Counted(missed)));
}

}  // namespace bitrepo::commands
