// SPDX-License-Identifier: Apache-2.0
// A put by way of one pillar: it gets the file, or has it, and the others get it from there.
#include <utility>

#include "client/client.h"
#include "client/commands/put_run.h"

namespace bitrepo::commands {
namespace {

uint64_t SizeOf(const PutItem& item, const client::PutFileResult& result) {
  return result.finals.empty() ? item.size_bytes
                               : result.finals.begin()->second.file().size_bytes();
}

}  // namespace

bool PutRun::GoesOn(const client::PutFileResult& first) const {
  return spec_.via && session_.interrupted() == 0 && first.source.ok() &&
         first.finals.contains(*spec_.via) && !spec_.pillars.empty();
}

// Of the pillar that it goes through alone, then of all the others: one result, as if they had all
// been asked at once.
void PutRun::CopyOn(client::Client& client, const PutItem& item, uint64_t weight,
                    client::PutFileResult first) {
  client::CopyFileSpec copy{.collection = session_.collection(),
                            .file_id = item.file_id,
                            .from = *spec_.via,
                            .to = spec_.pillars,
                            .reason = spec_.reason};
  copy.events = EventsOf(item);
  const auto end = [this, &item, weight,
                    first = std::move(first)](client::PutFileResult rest) mutable {
    End({&item, weight, SizeOf(item, rest), Joined(std::move(first), std::move(rest))});
  };
  const auto begun = client.CopyFile(std::move(copy), end);
  if (!begun.ok()) End({&item, weight, item.size_bytes, begun.status()});
}

client::OperationEvents PutRun::EventsOf(const PutItem& item) {
  ProgressBoard& progress = session_.progress();
  const std::string file_id = item.file_id.text();
  return {.on_event =
              [&progress, file_id](const protocol::ConversationEvent& event) {
                progress.OnEvent(file_id, event);
              },
          .on_transfer =
              [&progress, file_id](const base::ComponentId& pillar, uint64_t done, uint64_t total) {
                progress.OnTransfer(file_id, pillar.text(), done, total);
              }};
}

client::PutFileResult PutRun::Joined(client::PutFileResult first, client::PutFileResult rest) {
  using protocol::Verdict;
  if (first.outcome.verdict == Verdict::kSuccess && rest.outcome.verdict == Verdict::kFailed) {
    rest.outcome.verdict = Verdict::kPartial;  // the one has it
  }
  for (auto& [pillar, contributor] : first.outcome.contributors) {
    if (first.finals.contains(pillar)) rest.outcome.contributors[pillar] = std::move(contributor);
  }
  for (auto& [pillar, final] : first.finals) rest.finals[pillar] = std::move(final);
  return rest;
}

}  // namespace bitrepo::commands
