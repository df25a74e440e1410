// SPDX-License-Identifier: Apache-2.0
#include "client/commands/put_run.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/runtime/settings.h"
#include "channel/channel.h"
#include "client/commands/words.h"

namespace bitrepo::commands {
namespace {

uint64_t WeightOf(uint64_t size_bytes) {
  return std::min<uint64_t>(size_bytes, client::kRingBlocks * channel::kSegmentBytes);
}

}  // namespace

PutRun::PutRun(Session& session, client::BlockingClient& client, PutRunSpec spec)
    : session_(session), client_(client), spec_(std::move(spec)) {}

void PutRun::Run(const std::vector<PutItem>& items) {
  for (const PutItem& item : items) {
    while (under_way_ > 0 && (under_way_ >= static_cast<size_t>(spec_.at_once) ||
                              weight_ + WeightOf(item.size_bytes) > kPutBytesAtOnceMax)) {
      if (auto ended = NextEnded(true)) Tell(*ended);
    }
    while (auto ended = NextEnded(false)) Tell(*ended);
    if (session_.interrupted() != 0 || session_.console().output_error() != 0) break;
    Begin(item);
  }
  while (under_way_ > 0) {
    if (auto ended = NextEnded(true)) Tell(*ended);
  }
}

absl::StatusOr<std::unique_ptr<client::LocalFile>> PutRun::Open(const PutItem& item) {
  if (item.path != "-") return client::LocalFile::Open(item.path);
  const std::string set = session_.parts().places.environment("TMPDIR").value_or("");
  return client::LocalFile::Spool(session_.parts().in, set.empty() ? "/tmp" : set,
                                  [this] { return session_.interrupted() != 0; });
}

void PutRun::Begin(const PutItem& item) {
  if (item.path.empty()) {
    ++under_way_;
    client_.Post([this, &item](client::Client& client) { CopyOn(client, item, 0, {}); });
    return;
  }
  auto file = Open(item);
  if (!file.ok()) {
    if (!absl::IsCancelled(file.status())) TellSource(item, file.status());
    return;
  }
  std::string stamp = (*file)->stamp();
  auto source = client::SharedSource::Make(*std::move(file), client_.workers(), spec_.digest);
  const uint64_t weight = WeightOf(source->size_bytes());
  ++under_way_;
  weight_ += weight;
  if (!source->fits_ring()) {
    Ask(item, weight, std::move(source), std::move(stamp), spec_.digest);
    return;
  }
  // All of it stays in memory, so its digest costs no second reading: with it the pillars see at
  // once what they hold already.
  client::SharedSource& reading = *source;
  reading.Facts([this, &item, weight, stamp = std::move(stamp),
                 source = std::move(source)](absl::StatusOr<channel::CommitFacts> facts) mutable {
    if (!facts.ok()) {
      End({&item, weight, source->size_bytes(), facts.status()});
      return;
    }
    Ask(item, weight, std::move(source), std::move(stamp), facts->sha256);
  });
}

void PutRun::Ask(const PutItem& item, uint64_t weight, std::shared_ptr<client::SharedSource> source,
                 std::string stamp, std::optional<base::Digest> digest) {
  client::PutFileSpec put{.collection = session_.collection(),
                          .file_id = item.file_id,
                          .size_bytes = source->size_bytes(),
                          .digest = std::move(digest),
                          .source_stamp = std::move(stamp),
                          .source = [source](const base::ComponentId&) { return source->View(); },
                          .pillars = spec_.via ? std::vector{*spec_.via} : spec_.pillars,
                          .quorum = spec_.quorum,
                          .background = spec_.background,
                          .reason = spec_.reason,
                          .taken_up = session_.taken_up()};
  ProgressBoard& progress = session_.progress();
  const std::string file_id = item.file_id.text();
  const uint64_t size_bytes = source->size_bytes();
  std::shared_ptr<Departure> departure;
  if (spec_.departure != nullptr && spec_.departure->given()) {
    departure = std::make_shared<Departure>(
        client_, *spec_.departure, GoesWhen::kHandedOver,
        [this, &item, weight, size_bytes](Leaving left) {
          if (spec_.quorum > 0) left.failed.clear();  // whether enough do it shows in the end
          End({&item, weight, size_bytes, absl::CancelledError("left to the pillars"),
               std::move(left)});
        });
  }
  put.events.on_event = [&progress, file_id, departure](const protocol::ConversationEvent& event) {
    if (departure != nullptr) departure->OnEvent(event);
    progress.OnEvent(file_id, event);
  };
  put.events.on_transfer = [&progress, file_id](const base::ComponentId& pillar, uint64_t done,
                                                uint64_t total) {
    progress.OnTransfer(file_id, pillar.text(), done, total);
  };
  client_.Post([this, &item, weight, size_bytes, departure,
                put = std::move(put)](client::Client& client) mutable {
    if (session_.interrupted() != 0) {
      End({&item, weight, size_bytes, absl::CancelledError("interrupted")});
      return;
    }
    const auto end = [this, &client, &item, weight, size_bytes](client::PutFileResult result) {
      if (GoesOn(result)) {
        CopyOn(client, item, weight, std::move(result));
      } else {
        End({&item, weight, size_bytes, std::move(result)});
      }
    };
    const auto begun = spec_.old_digest
                           ? client.ReplaceFile({std::move(put), *spec_.old_digest}, end)
                           : client.PutFile(std::move(put), end);
    if (!begun.ok()) End({&item, weight, size_bytes, begun.status()});
    if (begun.ok() && departure != nullptr) departure->Begin(*begun);
  });
}

void PutRun::End(Ended ended) {
  base::MutexLock lock(mutex_);
  ended_.push_back(std::move(ended));
  changed_.NotifyOne();
}

std::optional<PutRun::Ended> PutRun::NextEnded(bool wait) {
  base::MutexLock lock(mutex_);
  while (wait && ended_.empty()) changed_.Wait(mutex_);
  if (ended_.empty()) return std::nullopt;
  Ended ended = std::move(ended_.front());
  ended_.pop_front();
  --under_way_;
  weight_ -= ended.weight;
  return ended;
}

void PutRun::TellSource(const PutItem& item, const absl::Status& why) {
  Report& report = session_.report();
  report.Count("failed");
  const bool mismatch = absl::IsDataLoss(why) && spec_.digest;
  report.Error({.code = mismatch ? ExitCode::kIntegrity : ExitCode::kLocal,
                .message = absl::StrCat(
                    Shown(item.file_id.text()),
                    spec_.old_digest ? " was not replaced: " : " was not stored: ", why.message()),
                .file_id = item.file_id.text(),
                .retryable = absl::IsAborted(why)});
}

void PutRun::Tell(const Ended& ended) {
  Report& report = session_.report();
  const std::string& file_id = ended.item->file_id.text();
  if (ended.left) {
    report.Add(TellDeparture(session_, *ended.left,
                             {.operation = spec_.old_digest ? wire::REPLACE_FILE : wire::PUT_FILE,
                              .file_id = file_id,
                              .words = spec_.words}));
    return;
  }
  if (!ended.result.ok()) {
    session_.progress().FileDone(file_id, 0, {});
    if (!absl::IsCancelled(ended.result.status())) TellSource(*ended.item, ended.result.status());
    return;
  }
  const client::PutFileResult& result = *ended.result;
  std::vector<std::string> holders;
  bool held_before = true;
  std::string digest;
  for (const auto& [pillar, final] : result.finals) {
    holders.push_back(pillar.text());
    held_before = held_before && final.already_held();
    if (const auto found = base::Digest::FromBytes(
            base::Algorithm::kSha256, absl::string_view(final.file().digest().value().data(),
                                                        final.file().digest().value().size()));
        found.ok()) {
      digest = found->Hex();
    }
  }
  session_.progress().FileDone(file_id, ended.size_bytes, holders);
  const bool done = result.outcome.verdict == protocol::Verdict::kSuccess && result.source.ok();
  if (!result.source.ok()) {
    TellSource(*ended.item, result.source);
  } else if (!done && session_.interrupted() == 0) {
    ReportOutcome(report,
                  {.what = spec_.old_digest ? "replace" : "store",
                   .file_id = file_id,
                   .conversation = result.conversation,
                   .again = spec_.again,
                   .look = session_.Again(absl::StrCat("stat", ArgumentWords({file_id})))},
                  result.outcome);
    report.Count(holders.empty() ? "failed" : "partial");
  }
  if (spec_.receipts != nullptr) {
    spec_.receipts->Add(session_, client_, {file_id, result.conversation, ended.size_bytes, digest},
                        result.outcome);
  }
  if (spec_.old_digest && !done) TellReplaced(result);
  if (holders.empty()) return;
  const std::string word = !done              ? "partial"
                           : held_before      ? "already-held"
                           : spec_.old_digest ? "replaced"
                                              : "stored";
  if (done) report.Count(word, ended.size_bytes);
  JsonRecord record = report.Record("item");
  record.Set("file_id", file_id).Set("result", word);
  record.Set("conversation", result.conversation.ToString());
  record.Set("size_bytes", ended.size_bytes);
  if (!digest.empty()) record.Set("algorithm", "sha256").Set("digest", digest);
  record.Set("pillars", holders);
  uint64_t resumed = 0;
  for (const auto& [pillar, bytes] : result.resumed) resumed = std::max(resumed, bytes);
  if (resumed > 0) record.Set("resumed_bytes", resumed);
  report.Item(
      record,
      absl::StrCat(
          Fit(word == "already-held" ? "already held" : word, 13), Shown(file_id), "  ",
          runtime::FormatBytes(ended.size_bytes), ", ", CountedOf(holders.size(), "pillar"),
          resumed > 0 ? absl::StrCat(", resumed at ", runtime::FormatBytes(resumed)) : "", "\n"));
}

// A replace that did not come to all leaves two contents under one id: who has which.
void PutRun::TellReplaced(const client::PutFileResult& result) {
  using State = protocol::ContributorResult::State;
  std::string fresh;
  std::string old;
  std::string unknown;
  for (const auto& [pillar, contributor] : result.outcome.contributors) {
    std::string& names = contributor.state == State::kDone      ? fresh
                         : contributor.state == State::kUnknown ? unknown
                                                                : old;
    absl::StrAppend(&names, names.empty() ? "" : ", ", pillar.text());
  }
  if (!fresh.empty()) session_.console().Note(absl::StrCat("has the new bytes: ", fresh));
  if (!old.empty()) session_.console().Note(absl::StrCat("left as it was: ", old));
  if (!unknown.empty()) {
    session_.console().Note(absl::StrCat(
        "has old or new: ", unknown,
        "; to see: ", session_.Again(absl::StrCat("conv show ", result.conversation.ToString()))));
  }
}

}  // namespace bitrepo::commands
