// SPDX-License-Identifier: Apache-2.0
#include "client/commands/progress_board.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
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
      break;
    case protocol::EventKind::kProgress: {
      Row& row = RowOf(event.component);
      if (event.message != nullptr) {
        const wire::Progress& told = event.message->body.progress();
        row.queue_place = told.queue_place();
        row.left = absl::Microseconds(told.eta_us());
        SetPhase(event.component, row, file_id, PhaseWord(told.phase()));
      }
      break;
    }
    case protocol::EventKind::kComponentFailed: {
      if (event.message != nullptr && event.message->header.kind() == wire::IDENTIFY_REPLY) {
        RecordIdentity(file_id, event);
      }
      Row& row = RowOf(event.component);
      row.under_way.erase(file_id);
      row.phase = "failed";  // the error tells why
      break;
    }
    case protocol::EventKind::kComponentComplete:
      SetPhase(event.component, RowOf(event.component), file_id, "complete");
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
    Record(pillar, row, file_id);
  }
}

void ProgressBoard::FileDone(const std::string& file_id, uint64_t bytes,
                             const std::vector<std::string>& pillars) {
  std::lock_guard<std::mutex> lock(mutex_);
  ++files_done_;
  bytes_done_ += bytes;
  for (auto& [pillar, row] : rows_) row.under_way.erase(file_id);
  for (const std::string& pillar : pillars) {
    Row& row = rows_[pillar];
    row.bytes_done += bytes;
    ++row.files_done;
  }
}

// Only the phases of a single file are told one by one.
void ProgressBoard::SetPhase(const std::string& pillar, Row& row, const std::string& file_id,
                             absl::string_view phase) {
  if (row.phase == phase) return;
  row.phase = std::string(phase);
  if (files_ != 1 || !open_ || closing_) return;
  if (report_.json()) Record(pillar, row, file_id);
  if (shown_ && !report_.console().err_is_terminal()) {
    notes_.push_back(absl::StrCat(verb_, ": ", pillar, " ", phase, " ", Shown(file_id)));
    changed_.notify_all();
  }
}

void ProgressBoard::Record(const std::string& pillar, Row& row, const std::string& file_id) {
  row.recorded_at = absl::Now();
  const uint64_t moved = row.Moved();
  JsonRecord record = report_.Record("progress");
  record.Set("pillar", pillar).Set("phase", row.phase);
  if (files_ == 1) record.Set("file_id", file_id);
  record.Set("bytes_done", moved).Set("bytes_total", bytes_).Set("rate_bps", row.rate);
  if (row.rate > 0 && bytes_ > moved) {
    record.Set("eta_s", static_cast<double>(bytes_ - moved) / row.rate);
  } else if (row.left > absl::ZeroDuration()) {
    record.Set("eta_s", absl::ToDoubleSeconds(row.left));
  }
  if (row.queue_place > 0) record.Set("queue_place", static_cast<uint64_t>(row.queue_place));
  records_.push_back(std::move(record));
  changed_.notify_all();
}

// Who can, how soon: told for a single file.
void ProgressBoard::RecordIdentity(const std::string& file_id,
                                   const protocol::ConversationEvent& event) {
  if (!report_.json() || !open_ || closing_ || files_ != 1 || event.message == nullptr) return;
  const wire::Body& body = event.message->body;
  const wire::TimeToDeliver& time = body.has_put_file_identify_reply()
                                        ? body.put_file_identify_reply().time_to_deliver()
                                        : body.get_file_identify_reply().time_to_deliver();
  JsonRecord record = report_.Record("identify");
  record.Set("pillar", event.component).Set("file_id", file_id);
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
    if (row.rate >= 1 && bytes_ > moved) {
      absl::StrAppend(&text, "  ", Rate(row.rate), "  ",
                      ShortDuration(absl::Seconds(static_cast<double>(bytes_ - moved) / row.rate)),
                      " left");
    } else if (row.left > absl::ZeroDuration()) {
      absl::StrAppend(&text, "  ", ShortDuration(row.left), " left");
    }
    if (row.queue_place > 0) absl::StrAppend(&text, "  behind ", row.queue_place);
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
