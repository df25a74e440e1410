// SPDX-License-Identifier: Apache-2.0
#include "client/commands/departure.h"

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/runtime/settings.h"
#include "bus/protocol/response_code.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

// A pillar that says so has all bytes.
bool HasTheBytes(wire::Phase phase) {
  switch (phase) {
    case wire::VERIFYING:
    case wire::STORING:
    case wire::WRITING:
    case wire::READING_BACK:
    case wire::INDEXING:
      return true;
    default:
      return false;
  }
}

// True when one that says so leaves nothing to be done here.
bool IsReady(GoesWhen when, const protocol::Envelope& progress) {
  switch (when) {
    case GoesWhen::kTakenUp:
      return true;
    case GoesWhen::kTokenGiven:
      return !progress.secret.empty();
    case GoesWhen::kHandedOver:
      return HasTheBytes(progress.body.progress().phase());
  }
  return false;
}

}  // namespace

std::vector<FlagRow> DepartureFlags::Flags() {
  return {{"--detach", "", "go when the pillars have taken it up; conv wait finishes it", &detach_},
          {"--wait", "DURATION",
           "go after this time if it is not done (exit code 9), of a put when its bytes are over",
           &wait_text_}};
}

bool DepartureFlags::Parse(Session& session) {
  if (wait_text_.empty()) return true;
  const auto wait = runtime::ParseDuration(wait_text_);
  if (!wait.ok()) {
    session.report().Error(
        {.code = ExitCode::kUsage, .message = absl::StrCat("--wait: ", wait.status().message())});
    return false;
  }
  wait_ = *wait;
  return true;
}

std::string DepartureFlags::Words() const {
  return absl::StrCat(detach_ ? " --detach" : "",
                      wait_text_.empty() ? "" : FlagWords("--wait", wait_text_));
}

void Departure::Begin(client::Operation operation) {
  operation_ = std::move(operation);
  if (wait_ == absl::InfiniteDuration()) return;
  client_.loop().RunAfter(wait_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->OnWaited();
  });
}

void Departure::OnEvent(const protocol::ConversationEvent& event) {
  if (left_) return;
  switch (event.kind) {
    case protocol::EventKind::kRequestSent:
      asked_.insert(event.component);
      return;
    case protocol::EventKind::kProgress:
      if (event.message != nullptr && IsReady(when_, *event.message)) {
        works_.insert(event.component);
      }
      break;
    case protocol::EventKind::kComponentFailed:
      // Those that could not deliver a file do not matter while another works on it.
      if (when_ != GoesWhen::kTakenUp) failed_[event.component] = event.code;
      [[fallthrough]];
    case protocol::EventKind::kComponentComplete:
      asked_.erase(event.component);
      works_.erase(event.component);
      break;
    default:
      return;
  }
  if (!detach_ && !waited_) return;
  // Those whose turn comes with this very progress are asked first; then it is looked at again.
  client_.loop().Post([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr && self->MayGo()) self->Leave();
  });
}

bool Departure::MayGo() const { return works_ == asked_ && !asked_.empty(); }

void Departure::OnWaited() {
  waited_ = true;
  // Bytes that are not over yet would not go on without us.
  if (when_ == GoesWhen::kTakenUp || MayGo()) Leave();
}

void Departure::Leave() {
  if (left_) return;
  const base::ConversationId id = operation_.id();
  auto remains = operation_.Leave();
  if (!remains) return;  // it has ended meanwhile: its end is told
  left_ = true;
  on_left_({{id, *std::move(remains)}, failed_, waited_});
}

ExitCode TellDeparture(Session& session, Leaving leaving, Detached detached) {
  Report& report = session.report();
  detached.taken_up = std::move(leaving.taken_up);
  detached.failed = std::move(leaving.failed);
  const std::string id = detached.taken_up.id.ToString();
  if (detached.taken_up.remains.requests.empty()) {
    report.Error({.code = ExitCode::kUnreachable,
                  .message = absl::StrCat("nobody has been asked yet in that time: nothing is "
                                          "under way at a pillar"),
                  .file_id = detached.file_id,
                  .conversation = id,
                  .retryable = true});
    return ExitCode::kDone;
  }
  const client::ClientSettings& settings = *session.Settings();
  detached.principal = settings.name;
  detached.collection = session.collection().text();
  detached.left_at = absl::Now();
  std::vector<std::string> words = {"--coordinator", settings.coordinator, "-c",
                                    detached.collection};
  const std::string config = !session.flags().config.empty() ? session.flags().config
                             : settings.files.empty()        ? ""
                                                             : settings.files.front();
  if (!config.empty()) words.insert(words.end(), {"--config", WholePath(session, config)});
  words.insert(words.end(), detached.words.begin(), detached.words.end());
  detached.words = std::move(words);
  const absl::Status kept = DetachedFiles(session.parts().places).Write(detached);
  if (!kept.ok()) {
    report.Error({.code = ExitCode::kLocal,
                  .message = absl::StrCat("it goes on at the pillars, but what finishes it could "
                                          "not be kept: ",
                                          kept.message()),
                  .file_id = detached.file_id,
                  .conversation = id});
    return ExitCode::kDone;
  }
  const std::string next = session.Again(absl::StrCat("conv wait ", id));
  report.Count("detached");
  report.SetResume(next);
  JsonRecord record = report.Record("item");
  record.Set("result", "detached").Set("file_id", detached.file_id).Set("conversation", id);
  report.Item(record, absl::StrCat(id, "\n"));
  session.console().Note(
      absl::StrCat(Shown(detached.file_id), " goes on at the pillars; to finish it: ", next));
  ReportNotTakenUp(session, detached);
  if (!leaving.waited) return ExitCode::kDone;
  report.ErrorRecord({.code = ExitCode::kStillRunning,
                      .message = "the wait is over, and the pillars are not done",
                      .file_id = detached.file_id,
                      .conversation = id,
                      .hint = next});
  return ExitCode::kStillRunning;
}

void ReportNotTakenUp(Session& session, const Detached& detached) {
  for (const auto& [pillar, code] : detached.failed) {
    const protocol::ResponseCodeRow& row = protocol::RowOf(code);
    session.report().Error(
        {.code = static_cast<ExitCode>(row.exit_code),
         .message = absl::StrCat(pillar, " had not taken up ", Shown(detached.file_id),
                                 " when it was left (", row.name, ")"),
         .pillar = pillar,
         .file_id = detached.file_id,
         .conversation = detached.taken_up.id.ToString(),
         .retryable = row.retryable});
  }
  if (!detached.failed.empty()) session.report().Add(ExitCode::kPartial);
}

std::string WholePath(const Session& session, const std::string& path) {
  return (std::filesystem::path(session.parts().places.working_directory) / path).string();
}

}  // namespace bitrepo::commands
