// SPDX-License-Identifier: Apache-2.0
// top: the bus at a glance, again and again.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "client/commands/all_commands.h"
#include "client/commands/session.h"
#include "client/commands/top_model.h"
#include "client/commands/watch_feed.h"

namespace bitrepo::commands {
namespace {

constexpr absl::Duration kIntervalLeast = absl::Milliseconds(200);
constexpr absl::Duration kIntervalMost = absl::Hours(1);
// Then the screen is drawn without an answer of the coordinator.
constexpr absl::Duration kRosterPatience = absl::Seconds(2);
// The cursor to the first place; what stands right of a line, and below the last, is taken away.
constexpr char kHome[] = "\033[H";
constexpr char kToEndOfLine[] = "\033[K\n";
constexpr char kToEndOfScreen[] = "\033[J";

class TopCommand final : public Command {
 public:
  CommandFacts facts() const override {
    return {.name = "top",
            .summary = "the bus, its pillars and what takes long, at a glance",
            .description =
                "Rates are those since the screen before. Conversations are those that the watch "
                "stream has shown since the start; the age is that of their id. On a terminal the "
                "screen is drawn anew; elsewhere one follows the other. Errors and alarms are "
                "counted from the start of this command.",
            .examples = {"top", "top --sort age --interval 5s", "top --once --json"}};
  }

  Shape shape() override {
    return {.flags =
                {
                    {"--sort", "BY", "rate, age or errors", &sort_, {"rate", "age", "errors"}},
                    {"--interval", "DURATION", "between two screens; 2s unless told", &interval_},
                    {"--once", "", "one screen, after one interval", &once_},
                },
            .arguments = std::nullopt};
  }

  ExitCode Run(Session& session) override {
    const auto interval = runtime::ParseDuration(interval_);
    if (!interval.ok() || *interval < kIntervalLeast || *interval > kIntervalMost) {
      session.report().Error(
          {.code = ExitCode::kUsage,
           .message = absl::StrCat(
               "--interval: ",
               interval.ok()
                   ? absl::StrCat("must be between ", absl::FormatDuration(kIntervalLeast), " and ",
                                  absl::FormatDuration(kIntervalMost))
                   : interval.status().message())});
      return ExitCode::kDone;
    }
    WatchFeed feed(session);
    client::BlockingClient* client = session.Connect();
    if (client == nullptr || !feed.Start(*client, absl::InfiniteDuration())) {
      return ExitCode::kDone;  // told already
    }
    TopModel model(absl::Now());
    for (;;) {
      const bool closed = Gather(session, feed, absl::Now() + *interval, model);
      if (closed && session.interrupted() != 0) break;
      const bool known = AskRoster(*client, model);
      if (session.interrupted() != 0) break;
      if (once_ && !known) {
        session.report().Error({.code = ExitCode::kUnreachable,
                                .message = "the coordinator does not say who is on the bus",
                                .retryable = true,
                                .hint = session.Again("pillars")});
      }
      Show(session, model.TakeFrame(absl::Now(), Order()));
      if (once_ || session.console().output_error() != 0) break;
    }
    return ExitCode::kDone;
  }

 private:
  TopOrder Order() const {
    return sort_ == "rate"     ? TopOrder::kRate
           : sort_ == "errors" ? TopOrder::kErrors
                               : TopOrder::kAge;
  }

  // Until `deadline`; true when the command is to end.
  static bool Gather(Session& session, WatchFeed& feed, absl::Time deadline, TopModel& model) {
    while (absl::Now() < deadline) {
      const WatchFeed::Batch batch = feed.Take(deadline);
      for (const std::string& note : batch.notes) session.console().Detail(note);
      for (const WatchFeed::Copy& one : batch.copies) model.OnCopy(one.copy, one.at);
      model.OnMissed(feed.lost());
      if (batch.closed) return true;
    }
    return false;
  }

  static bool AskRoster(client::BlockingClient& client, TopModel& model) {
    protocol::Patience patience;
    patience.silence = kRosterPatience;
    patience.bus_absence = kRosterPatience;
    const auto answer = client.GetRoster({.patience = patience});
    const bool known = answer.ok() && answer->outcome.verdict == protocol::Verdict::kSuccess;
    if (known) {
      model.OnRoster(answer->roster);
    } else {
      model.OnNoRoster();
    }
    return known;
  }

  static void Show(Session& session, const TopFrame& frame) {
    Console& console = session.console();
    if (session.report().json()) {
      EmitTop(
          frame, [&] { return session.report().Record("item"); },
          [&](const JsonRecord& record) { session.report().Emit(record); });
      console.Flush();
      return;
    }
    const bool drawn = console.out_is_terminal();
    // The last line stays free: the cursor stands there.
    const size_t rows = drawn ? std::max<size_t>(console.out_rows(), 4) - 1 : 0;
    std::string screen = drawn ? kHome : "";
    for (const std::string& line : TopLines(frame, console.out_columns(), rows)) {
      absl::StrAppend(&screen, line, drawn ? kToEndOfLine : "\n");
    }
    absl::StrAppend(&screen, drawn ? kToEndOfScreen : "\n");
    console.Result(screen);
    console.Flush();
  }

  std::string sort_ = "age";
  std::string interval_ = "2s";
  bool once_ = false;
};

}  // namespace

std::unique_ptr<Command> MakeTopCommand() { return std::make_unique<TopCommand>(); }

}  // namespace bitrepo::commands
