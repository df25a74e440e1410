// SPDX-License-Identifier: Apache-2.0
#include "client/commands/progress_board.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/response_code.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr size_t kBarColumns = 20;
constexpr size_t kNameColumns = 14;
constexpr size_t kPhaseColumns = 10;
constexpr double kRateMemory = 0.7;  // weight of the past in the moving rate

std::string Bar(double part) {
  const auto full = static_cast<size_t>(std::clamp(part, 0.0, 1.0) * kBarColumns);
  return absl::StrCat("[", std::string(full, '#'), std::string(kBarColumns - full, '-'), "]");
}

std::string Percent(double part) {
  return absl::StrCat(static_cast<int>(std::clamp(part, 0.0, 1.0) * 100), "%");
}

}  // namespace

uint64_t ProgressBoard::Row::Moved() const {
  uint64_t moved = bytes_done;
  for (const auto& [file, bytes] : under_way) moved += bytes;
  return moved;
}

ProgressBoard::ProgressBoard(Report& report, bool shown) : report_(report), shown_(shown) {}

ProgressBoard::~ProgressBoard() { Close(); }

void ProgressBoard::Plan(absl::string_view verb, uint64_t files, uint64_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  verb_ = std::string(verb);
  files_ = files;
  bytes_ = bytes;
  if ((!shown_ && !report_.json()) || std::exchange(open_, true)) return;
  thread_ = std::thread([this] { Serve(); });
}

void ProgressBoard::Close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  report_.console().SetLive({});
}

ProgressBoard::Row& ProgressBoard::RowOf(const std::string& pillar) {
  Row& row = rows_[pillar];
  row.heard_at = absl::Now();
  return row;
}

void ProgressBoard::OnEvent(const std::string& file_id, const protocol::ConversationEvent& event) {
  if (event.component.empty()) return;
  std::lock_guard<std::mutex> lock(mutex_);
  switch (event.kind) {
    case protocol::EventKind::kComponentIdentified:
      RecordIdentity(file_id, event);
      break;
    case protocol::EventKind::kRequestSent:
      RowOf(event.component).under_way.emplace(file_id, 0);
      TellFailover(file_id, event);
      break;
    case protocol::EventKind::kProgress:
      if (event.message != nullptr) {
        OnProgress(event.component, file_id, event.message->body.progress());
      }
      break;
    case protocol::EventKind::kComponentFailed: {
      if (event.message != nullptr && event.message->header.kind() == wire::IDENTIFY_REPLY) {
        RecordIdentity(file_id, event);
      }
      Row& row = RowOf(event.component);
      if (row.under_way.erase(file_id) > 0) {
        lost_[file_id] =
            absl::StrCat(event.component, " failed (", protocol::NameOf(event.code), ")");
      }
      row.phase = "failed";  // the error tells why
      break;
    }
    case protocol::EventKind::kComponentComplete:
      SetPhase(event.component, RowOf(event.component), file_id, "complete", event.kind);
      lost_.erase(file_id);
      break;
    case protocol::EventKind::kWarning:
      if (event.code == wire::BUSY) RowOf(event.component).phase = "busy";
      break;
    default:
      break;
  }
}

void ProgressBoard::OnTransfer(const std::string& file_id, const std::string& pillar,
                               uint64_t bytes_done, uint64_t /*bytes_total*/) {
  std::lock_guard<std::mutex> lock(mutex_);
  Row& row = RowOf(pillar);
  uint64_t& bytes = row.under_way[file_id];
  bytes = std::max(bytes, bytes_done);
  if (report_.json() && open_ && !closing_ && absl::Now() - row.recorded_at >= kRecordEvery) {
    Record(pillar, row, file_id, protocol::EventKind::kProgress);
  }
}

void ProgressBoard::OnProgress(const std::string& pillar, const std::string& file_id,
                               const wire::Progress& progress) {
  Row& row = RowOf(pillar);
  row.left = absl::Microseconds(progress.eta_us());
  const bool moved_up =
      std::exchange(row.queue_place, progress.queue_place()) != progress.queue_place();
  const std::string phase(PhaseWord(progress.phase()));
  if (row.phase != phase) {
    SetPhase(pillar, row, file_id, phase, protocol::EventKind::kProgress);
  } else if (report_.json() && open_ && !closing_ && files_ == 1 &&
             (moved_up || absl::Now() - row.recorded_at >= kRecordEvery)) {
    Record(pillar, row, file_id, protocol::EventKind::kProgress);
  }
}

void ProgressBoard::TellFailover(const std::string& file_id,
                                 const protocol::ConversationEvent& event) {
  const auto lost = lost_.find(file_id);
  if (lost == lost_.end() || verb_ != "get") return;
  if (shown_) {
    notes_.push_back(absl::StrCat(verb_, ": ", lost->second, "; ", event.component,
                                  " goes on with ", Shown(file_id)));
    changed_.notify_all();
  }
  lost_.erase(lost);
}

void ProgressBoard::FileDone(const std::string& file_id, uint64_t bytes,
                             const std::vector<std::string>& pillars) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++files_done_;
  bytes_done_ += bytes;
  lost_.erase(file_id);
  for (auto& [pillar, row] : rows_) row.under_way.erase(file_id);
  for (const std::string& pillar : pillars) {
    Row& row = rows_[pillar];
    row.bytes_done += bytes;
    ++row.files_done;
  }
}

// Only the phases of a single file are told one by one.
void ProgressBoard::SetPhase(const std::string& pillar, Row& row, const std::string& file_id,
                             absl::string_view phase, protocol::EventKind event) {
  if (row.phase == phase) return;
  row.phase = std::string(phase);
  if (files_ != 1 || !open_ || closing_) return;
  if (report_.json()) Record(pillar, row, file_id, event);
  if (shown_ && !report_.console().err_is_terminal()) {
    notes_.push_back(absl::StrCat(verb_, ": ", pillar, " ", phase, " ", Shown(file_id)));
    changed_.notify_all();
  }
}

void ProgressBoard::Record(const std::string& pillar, Row& row, const std::string& file_id,
                           protocol::EventKind event) {
  row.recorded_at = absl::Now();
  const uint64_t moved = row.Moved();
  JsonRecord record = report_.Record("progress");
  record.Set("pillar", pillar).Set("event", EventName(event)).Set("phase", row.phase);
  if (files_ == 1) record.Set("file_id", file_id);
  record.Set("bytes_done", moved).Set("bytes_total", bytes_).Set("rate_bps", row.rate);
  if (row.queue_place > 0) record.Set("queue_position", static_cast<uint64_t>(row.queue_place));
  if (row.rate > 0 && bytes_ > moved) {
    record.Set("eta_s", static_cast<double>(bytes_ - moved) / row.rate);
  } else if (row.left > absl::ZeroDuration()) {
    record.Set("eta_s", absl::ToDoubleSeconds(row.left));
  }
  records_.push_back(std::move(record));
  changed_.notify_all();
}

// Who can, how soon: told for a single file.
void ProgressBoard::RecordIdentity(const std::string& file_id,
                                   const protocol::ConversationEvent& event) {
  if (!report_.json() || !open_ || closing_ || files_ != 1 || event.message == nullptr) return;
  const wire::TimeToDeliver time = protocol::TimeToDeliverOf(event.message->body);
  JsonRecord record = report_.Record("identify");
  record.Set("pillar", event.component).Set("event", EventName(event.kind));
  record.Set("file_id", file_id);
  record.Set("conversation", event.message->conversation().ToString());
  record.Set("verdict", protocol::IsRefusal(event.code) ? "cannot" : "can");
  record.Set("response", protocol::NameOf(event.code));
  record.Set("time_to_deliver_s", static_cast<double>(time.first_byte_us()) / 1e6);
  record.Set("queue_position", static_cast<uint64_t>(time.queue_place()));
  records_.push_back(std::move(record));
  changed_.notify_all();
}

std::string ProgressBoard::TotalRow() const {
  std::string text =
      absl::StrCat(verb_, " ", Counted(files_done_), " of ", CountedOf(files_, "file"));
  if (bytes_ > 0) {
    absl::StrAppend(&text, ", ", runtime::FormatBytes(bytes_done_), " of ",
                    runtime::FormatBytes(bytes_));
  }
  return text;
}

std::vector<std::string> ProgressBoard::Rows(size_t columns) {
  const absl::Time now = absl::Now();
  std::vector<std::string> rows;
  for (auto& [pillar, row] : rows_) {
    const uint64_t moved = row.Moved();
    if (row.rate_at == absl::InfinitePast()) {
      row.rate_at = now;
      row.rate_bytes = moved;
    } else if (now - row.rate_at >= kRedrawEvery) {
      const double seconds = absl::ToDoubleSeconds(now - row.rate_at);
      const uint64_t fresh = moved - std::min(moved, row.rate_bytes);
      row.rate = kRateMemory * row.rate + (1 - kRateMemory) * static_cast<double>(fresh) / seconds;
      row.rate_at = now;
      row.rate_bytes = moved;
    }
    const double part = bytes_ > 0 ? static_cast<double>(moved) / static_cast<double>(bytes_)
                                   : static_cast<double>(row.files_done) /
                                         static_cast<double>(std::max<uint64_t>(files_, 1));
    std::string text = absl::StrCat(Fit(pillar, kNameColumns), " ", Fit(row.phase, kPhaseColumns),
                                    " ", Bar(part), " ", Percent(part));
    if (row.queue_place > 0 && moved == 0) {
      absl::StrAppend(&text, "  place ", row.queue_place);
    }
    if (moved == 0 && row.left > absl::ZeroDuration()) {
      absl::StrAppend(&text, "  about ", ShortDuration(row.left));
    }
    if (row.rate >= 1 && bytes_ > moved) {
      absl::StrAppend(&text, "  ", Rate(row.rate), "  ",
                      ShortDuration(absl::Seconds(static_cast<double>(bytes_ - moved) / row.rate)),
                      " left");
    }
    if (const absl::Duration silent = now - row.heard_at;
        silent > absl::Seconds(2) && !row.under_way.empty()) {
      absl::StrAppend(&text, "  silent ", ShortDuration(silent));
    }
    rows.push_back(Fit(text, std::min(columns - 1, ColumnsOf(text))));
  }
  if (files_ > 1) {
    const std::string total = TotalRow();
    rows.push_back(Fit(total, std::min(columns - 1, ColumnsOf(total))));
  }
  return rows;
}

void ProgressBoard::PrintState() {
  std::vector<std::string> rows;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    rows = Rows(report_.console().columns());
    if (files_ == 1 || rows.empty()) rows.push_back(verb_.empty() ? "waiting" : TotalRow());
  }
  for (const std::string& row : rows) report_.console().Note(row);
}

void ProgressBoard::Serve() {
  const bool live = shown_ && report_.console().err_is_terminal();
  const auto tick = absl::ToChronoMilliseconds(live ? kRedrawEvery : kRecordEvery);
  absl::Time beat_at = absl::Now() + kHeartbeatEvery;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    changed_.wait_for(lock, tick,
                      [this] { return closing_ || !notes_.empty() || !records_.empty(); });
    const bool last = closing_;
    std::vector<std::string> notes = std::exchange(notes_, {});
    const std::vector<JsonRecord> records = std::exchange(records_, {});
    if (shown_ && !live && absl::Now() >= beat_at) {
      beat_at = absl::Now() + kHeartbeatEvery;
      notes.push_back(TotalRow());
    }
    std::vector<std::string> rows;
    if (live && !last) rows = Rows(report_.console().columns());
    lock.unlock();
    Write(notes, records);
    if (live) report_.console().SetLive(std::move(rows));
    if (last) return;
    lock.lock();
  }
}

void ProgressBoard::Write(const std::vector<std::string>& notes,
                          const std::vector<JsonRecord>& records) {
  for (const std::string& note : notes) report_.console().Note(note);
  for (const JsonRecord& record : records) report_.Emit(record);
  if (!records.empty()) report_.console().Flush();
}

}  // namespace bitrepo::commands
