// SPDX-License-Identifier: Apache-2.0
// How far the pillars are: live rows on a terminal, lines elsewhere, records with --json, and a
// state on request.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "bus/protocol/conversation.h"
#include "client/commands/report.h"

namespace bitrepo::commands {

inline constexpr absl::Duration kRedrawEvery = absl::Milliseconds(200);
inline constexpr absl::Duration kRecordEvery = absl::Seconds(1);     // of each pillar
inline constexpr absl::Duration kHeartbeatEvery = absl::Minutes(1);  // where there is no terminal

// Threads:  thread-safe; draws on a thread of its own, so that a slow terminal holds nobody.
// Lifetime: takes its rows away when it dies; the report outlives it.
class ProgressBoard {
 public:
  ProgressBoard(Report& report, bool shown);
  ~ProgressBoard();

  // What is ahead: "put" of so many files and bytes. From now on there is something to show.
  void Plan(absl::string_view verb, uint64_t files, uint64_t bytes);
  void OnEvent(const std::string& file_id, const protocol::ConversationEvent& event);
  void OnTransfer(const std::string& file_id, const std::string& pillar, uint64_t bytes_done,
                  uint64_t bytes_total);
  // Of `bytes`; it counts as done on `pillars`.
  void FileDone(const std::string& file_id, uint64_t bytes,
                const std::vector<std::string>& pillars);
  // Says how things are, now, as words.
  void PrintState();
  // Nothing more is shown.
  void Close();

 private:
  struct Row {
    std::string phase = "asked";
    std::map<std::string, uint64_t> under_way;  // file -> bytes
    uint64_t bytes_done = 0;                    // of files that are done
    uint64_t files_done = 0;
    double rate = 0;
    uint64_t rate_bytes = 0;  // moved when the rate was last taken
    absl::Time rate_at = absl::InfinitePast();
    absl::Time heard_at = absl::InfinitePast();
    absl::Time recorded_at = absl::InfinitePast();
    uint32_t queue_place = 0;                    // as the pillar said last
    absl::Duration left = absl::ZeroDuration();  // by its own estimate; 0 when it gave none

    uint64_t Moved() const;
  };

  Row& RowOf(const std::string& pillar);
  void SetPhase(const std::string& pillar, Row& row, const std::string& file_id,
                absl::string_view phase, protocol::EventKind event);
  void OnProgress(const std::string& pillar, const std::string& file_id,
                  const wire::Progress& progress);
  // Where one goes on that another has left in the middle.
  void TellFailover(const std::string& file_id, const protocol::ConversationEvent& event);
  void Record(const std::string& pillar, Row& row, const std::string& file_id,
              protocol::EventKind event);
  void RecordIdentity(const std::string& file_id, const protocol::ConversationEvent& event);
  std::vector<std::string> Rows(size_t columns);
  std::string TotalRow() const;
  void Serve();
  void Write(const std::vector<std::string>& notes, const std::vector<JsonRecord>& records);

  Report& report_;
  const bool shown_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  bool closing_ = false;
  std::string verb_;
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
  uint64_t files_done_ = 0;
  uint64_t bytes_done_ = 0;
  std::map<std::string, Row> rows_;
  std::map<std::string, std::string> lost_;  // file -> who failed while it delivered, and how
  // Not yet written: nobody who brings news waits for a stream.
  std::vector<std::string> notes_;
  std::vector<JsonRecord> records_;
  std::thread thread_;
};

}  // namespace bitrepo::commands
