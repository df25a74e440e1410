// SPDX-License-Identifier: Apache-2.0
// watch: the messages of the bus as they pass, without being in anybody's way.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/watch_feed.h"
#include "client/commands/watch_recording.h"
#include "client/commands/watch_view.h"

namespace bitrepo::commands {
namespace {

class WatchCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "watch",
            .summary = "show the messages of the bus as they pass",
            .description =
                "Time, conversation, sender -> destination, type, key figure. Filters of one kind "
                "add up, those of different kinds narrow. --tree shows each conversation once it "
                "is settled; with a filter, those in which a message passes. The stream is lossy "
                "by design, so that watching never slows the bus; what was missed is counted. On a "
                "terminal each line is cut to its width; elsewhere it is whole. No token is ever "
                "shown or recorded.",
            .examples = {"watch", "watch --tree --type put", "watch --errors --not type=status",
                         "watch --for 10s --json", "watch --record bus.rec --for 1h -q"}};
  }

  Shape shape() override {
    std::vector<FlagRow> flags = view_.rows();
    flags.push_back({"--for", "DURATION", "end after this time", &for_});
    flags.push_back(
        {"--record", "FILE", "keep all that is heard in a new file, for replay", &record_});
    return {.flags = std::move(flags), .arguments = std::nullopt};
  }

  ExitCode Run(Session& session) override {
    absl::Duration time_limit = absl::InfiniteDuration();
    if (!for_.empty()) {
      const auto parsed = runtime::ParseDuration(for_);
      if (!parsed.ok()) {
        session.report().Error({.code = ExitCode::kUsage,
                                .message = absl::StrCat("--for: ", parsed.status().message())});
        return ExitCode::kDone;
      }
      time_limit = *parsed;
    }
    std::optional<WatchView> view = WatchView::Make(session, view_);
    if (!view) return ExitCode::kDone;  // told already
    WatchFeed feed(session);
    client::BlockingClient* client = session.Connect();
    if (client == nullptr) return ExitCode::kDone;
    std::optional<RecordingWriter> recording;
    if (!record_.empty()) {
      absl::StatusOr<RecordingWriter> made = RecordingWriter::Create(record_);
      if (!Told(session, made.status())) return ExitCode::kDone;
      recording = *std::move(made);
    }
    if (feed.Start(*client, time_limit)) {
      Follow(session, feed, recording, *view);
      view->Finish(feed.lost());
    }
    // A watch without an end that is interrupted has done all that was asked.
    return ExitCode::kDone;
  }

 private:
  // False, and reported, when it is not OK.
  static bool Told(Session& session, const absl::Status& status) {
    if (status.ok()) return true;
    session.report().Error(
        {.code = ExitCode::kLocal, .message = absl::StrCat("--record: ", status.message())});
    return false;
  }

  static void Follow(Session& session, WatchFeed& feed, std::optional<RecordingWriter>& recording,
                     WatchView& view) {
    for (;;) {
      WatchFeed::Batch batch = feed.Take(view.WakeAt());
      for (const std::string& note : batch.notes) session.console().Detail(note);
      for (WatchFeed::Copy& one : batch.copies) {
        if (view.done()) return;
        if (recording && !Told(session, recording->Add(one.copy, one.at))) return;
        view.OnCopy(std::move(one.copy), one.at);
      }
      if (recording && !Told(session, recording->Flush())) return;
      view.OnTime(absl::Now());
      session.console().Flush();
      if (batch.closed || view.done() || session.console().output_error() != 0) return;
    }
  }

  ViewFlags view_;
  std::string for_;
  std::string record_;
};

}  // namespace

std::unique_ptr<Command> MakeWatchCommand() { return std::make_unique<WatchCommand>(); }

}  // namespace bitrepo::commands
