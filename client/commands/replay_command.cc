// SPDX-License-Identifier: Apache-2.0
// replay: a recording of the bus, through the same filters and views as the bus itself.
#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/commands/all_commands.h"
#include "client/commands/watch_recording.h"
#include "client/commands/watch_view.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

constexpr double kSpeedMost = 1e6;
// A pause in the recording is not waited out for longer.
constexpr absl::Duration kPauseLongest = absl::Minutes(1);

class ReplayCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "replay",
            .summary = "show what watch --record has kept",
            .description =
                "The same filters and views as watch, with the times of the recording. Needs no "
                "coordinator. A pause of more than a minute is shortened to one.",
            .examples = {"replay bus.rec --tree", "replay bus.rec --errors --json",
                         "replay bus.rec --speed 10"}};
  }

  Shape shape() override {
    std::vector<FlagRow> flags = view_.rows();
    flags.push_back({"--speed", "X", "times as fast as it was, or max: without pauses", &speed_});
    return {.flags = std::move(flags),
            .arguments = ArgumentsRow{.placeholder = "FILE",
                                      .help = "a recording",
                                      .target = &files_,
                                      .least = 1,
                                      .most = 1}};
  }

  ExitCode Run(Session& session) override {
    const std::optional<double> speed = Speed(session);
    std::optional<WatchView> view = WatchView::Make(session, view_);
    if (!speed || !view) return ExitCode::kDone;  // told already
    absl::StatusOr<RecordingReader> reader = RecordingReader::Open(files_.front());
    if (!reader.ok()) {
      session.report().Error(
          {.code = absl::IsInvalidArgument(reader.status()) ? ExitCode::kUsage : ExitCode::kLocal,
           .message = std::string(reader.status().message())});
      return ExitCode::kDone;
    }
    Play(session, *reader, *speed, *view);
    return ExitCode::kDone;
  }

 private:
  // 0: without pauses. Nothing, and reported, when it is no speed.
  std::optional<double> Speed(Session& session) const {
    double speed = 0;
    if (speed_ == "max") return speed;
    if (absl::SimpleAtod(speed_, &speed) && speed > 0 && speed <= kSpeedMost) return speed;
    session.report().Error({.code = ExitCode::kUsage,
                            .message = absl::StrCat("--speed: \"", Shown(speed_),
                                                    "\" is neither a number above 0 nor max")});
    return std::nullopt;
  }

  static void Play(Session& session, RecordingReader& reader, double speed, WatchView& view) {
    uint64_t missed = 0;
    absl::Time before = absl::InfiniteFuture();
    while (!view.done() && session.console().output_error() == 0) {
      absl::StatusOr<std::optional<RecordingReader::Record>> next = reader.Next();
      if (!next.ok()) {
        session.report().Error(
            {.code = absl::IsDataLoss(next.status()) ? ExitCode::kIntegrity : ExitCode::kLocal,
             .message = std::string(next.status().message())});
        break;
      }
      if (!next->has_value()) break;
      RecordingReader::Record& record = **next;
      if (speed > 0 && record.at > before) {
        session.console().Flush();
        const absl::Duration pause = std::min((record.at - before) / speed, kPauseLongest);
        std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause));
      }
      before = record.at;
      missed += record.copy.missed;
      view.OnCopy(std::move(record.copy), record.at);
    }
    if (reader.malformed() > 0) {
      session.console().Warning(
          absl::StrCat(CountedOf(reader.malformed(), "record"), " held no valid message"));
    }
    view.Finish(missed);
  }

  ViewFlags view_;
  std::string speed_ = "max";
  std::vector<std::string> files_;
};

}  // namespace

std::unique_ptr<Command> MakeReplayCommand() { return std::make_unique<ReplayCommand>(); }

}  // namespace bitrepo::commands
