// SPDX-License-Identifier: Apache-2.0
#include "client/commands/token_offer.h"

#include <map>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/strings/str_cat.h"
#include "bus/protocol/response_code.h"
#include "client/commands/departure.h"
#include "client/commands/words.h"
#include "client/local_file.h"
#include "client/shared_source.h"

namespace bitrepo::commands {
namespace {

using Tokens = std::map<std::string, std::string>;  // by pillar

struct Offer {
  absl::string_view what;  // "deliver"
  absl::string_view verb;  // of the command that uses the token
  std::string file_id;
  std::string again;
};

void TellToken(Session& session, const Offer& offer, const base::ConversationId& conversation,
               const std::string& pillar, const std::string& token) {
  Report& report = session.report();
  report.Count("token");
  JsonRecord record = report.Record("item");
  record.Set("file_id", offer.file_id).Set("result", "token").Set("pillar", pillar);
  record.Set("conversation", conversation.ToString());
  record.Set("verb", offer.verb).Set("token", token);
  report.Item(record, absl::StrCat(pillar, " ", token, "\n"));
}

void TellFailed(Session& session, const Offer& offer, const Leaving& left, bool some_gave) {
  for (const auto& [pillar, code] : left.failed) {
    const protocol::ResponseCodeRow& row = protocol::RowOf(code);
    session.report().Error({.code = static_cast<ExitCode>(row.exit_code),
                            .message = absl::StrCat(pillar, " gave no token for ",
                                                    Shown(offer.file_id), " (", row.name, ")"),
                            .pillar = pillar,
                            .file_id = offer.file_id,
                            .conversation = left.taken_up.id.ToString(),
                            .retryable = row.retryable,
                            .hint = row.retryable ? offer.again : ""});
  }
  if (!left.failed.empty() && some_gave) session.report().Add(ExitCode::kPartial);
}

// Those that need no bytes: they hold the file, or take the word of who asked for it.
void TellDone(Session& session, const Offer& offer, const protocol::Outcome& outcome) {
  for (const auto& [pillar, contributor] : outcome.contributors) {
    if (contributor.state != protocol::ContributorResult::State::kDone) continue;
    session.console().Note(absl::StrCat(pillar.text(), " holds ", Shown(offer.file_id),
                                        " already: it needs no token"));
  }
}

void Carry(Session& session, client::BlockingClient& client, const Offer& offer,
           client::OperationEvents& events,
           absl::AnyInvocable<absl::StatusOr<client::Operation>(
               client::Client&, client::EndHandler<client::OutcomeResult>)>
               begin) {
  const auto tokens = std::make_shared<Tokens>();
  events.on_event = [tokens](const protocol::ConversationEvent& event) {
    if (event.kind == protocol::EventKind::kProgress && event.message != nullptr &&
        !event.message->secret.empty()) {
      (*tokens)[event.component] = event.message->secret;
    }
  };
  const auto [result, left] = RunOrLeave<client::OutcomeResult>(
      client, DepartureFlags(/*detach=*/true), GoesWhen::kTokenGiven, events, std::move(begin));
  if (left) {
    for (const auto& [pillar, token] : *tokens) {
      TellToken(session, offer, left->taken_up.id, pillar, token);
    }
    TellFailed(session, offer, *left, !tokens->empty());
    session.console().Note(
        absl::StrCat("whoever has a token may use it, with nothing else: bitrepo ", offer.verb,
                     offer.verb == "fetch" ? " TOKEN -o FILE" : " TOKEN FILE"));
    return;
  }
  if (session.interrupted() != 0) return;
  if (!result.ok()) {
    session.report().Error(
        {.code = ExitCodeFor(result.status()), .message = std::string(result.status().message())});
    return;
  }
  TellDone(session, offer, result->outcome);
  ReportOutcome(session.report(),
                {.what = offer.what,
                 .file_id = offer.file_id,
                 .conversation = result->conversation,
                 .again = offer.again,
                 .look = session.Again(absl::StrCat("stat", ArgumentWords({offer.file_id})))},
                result->outcome);
}

absl::StatusOr<channel::CommitFacts> FactsOf(client::BlockingClient& client,
                                             const std::string& path,
                                             const std::optional<base::Digest>& given) {
  auto file = client::LocalFile::Open(path);
  if (!file.ok()) return file.status();
  struct Shared {
    base::Mutex mutex;
    base::Condition changed;
    std::optional<absl::StatusOr<channel::CommitFacts>> facts ABSL_GUARDED_BY(mutex);
  };
  const auto shared = std::make_shared<Shared>();
  const auto source = client::SharedSource::Make(*std::move(file), client.workers(), given);
  source->Facts([shared](absl::StatusOr<channel::CommitFacts> facts) {
    base::MutexLock lock(shared->mutex);
    shared->facts = std::move(facts);
    shared->changed.NotifyAll();
  });
  base::MutexLock lock(shared->mutex);
  while (!shared->facts) shared->changed.Wait(shared->mutex);
  return *shared->facts;
}

}  // namespace

void OfferGet(Session& session, client::BlockingClient& client, client::GetFileSpec get,
              std::string again) {
  const Offer offer{"deliver", "fetch", get.file_id.text(), std::move(again)};
  Carry(session, client, offer, get.events, [&get](client::Client& all, auto end) {
    return all.GetFileToken(std::move(get), std::move(end));
  });
}

void OfferPut(Session& session, client::BlockingClient& client, client::PutFileSpec put,
              const std::string& path, std::string again) {
  const Offer offer{"store", "push", put.file_id.text(), std::move(again)};
  if (!path.empty()) {
    const auto facts = FactsOf(client, path, put.digest);
    if (!facts.ok()) {
      const bool mismatch = absl::IsDataLoss(facts.status()) && put.digest;
      session.report().Error(
          {.code = mismatch ? ExitCode::kIntegrity : ExitCode::kLocal,
           .message = absl::StrCat("no token was asked for: ", facts.status().message()),
           .file_id = offer.file_id});
      return;
    }
    put.size_bytes = facts->size_bytes;
    put.digest = facts->sha256;
  }
  Carry(session, client, offer, put.events, [&put](client::Client& all, auto end) {
    return all.PutFileTokens(std::move(put), std::move(end));
  });
}

}  // namespace bitrepo::commands
