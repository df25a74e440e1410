// SPDX-License-Identifier: Apache-2.0
// A list under way: pages of every pillar in parallel, handed on as merged rows as fast as they are
// taken.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/list_merge.h"
#include "client/ongoing_operation.h"

namespace bitrepo::client {

inline constexpr size_t kRowsAtOnceMax = 1024;

// `Item` with how its pages are read off a final. Loop-confined; see OngoingOperation.
template <typename Item>
class ListOperation final : public OngoingOperation {
 public:
  using ReadPage = ListPage<Item> (*)(const std::shared_ptr<const protocol::Envelope>& final);

  ListOperation(Surroundings surroundings, base::ConversationId id, OperationEvents events,
                ReadPage read_page, ListMerge<Item> merge, RowHandler<Item> on_rows,
                EndHandler<ListResult> end)
      : OngoingOperation(surroundings, id, std::move(events)),
        read_page_(read_page),
        on_rows_(std::move(on_rows)),
        end_(std::move(end)),
        merge_(std::move(merge)) {}

  void OnConversationDone(const protocol::Outcome& outcome) override {
    outcome_ = outcome;
    here_.lingering[id_] = shared_from_this();
    for (const auto& [pillar, contributor] : outcome.contributors) merge_.OnEnd(pillar);
    Pump();
  }

 private:
  void OnNews(const protocol::ConversationEvent& event) override {
    const auto pillar = base::ComponentId::Parse(event.component);
    if (!pillar.ok()) return;
    switch (event.kind) {
      case protocol::EventKind::kRequestSent:
        merge_.Expect(*pillar);
        break;
      case protocol::EventKind::kPage:
      case protocol::EventKind::kComponentComplete:
        if (event.message != nullptr) OnFinal(*pillar, event.message);
        break;
      case protocol::EventKind::kComponentFailed:
        merge_.OnEnd(*pillar);
        Pump();
        break;
      default:
        break;
    }
  }

  void OnFinal(const base::ComponentId& pillar,
               const std::shared_ptr<const protocol::Envelope>& final) {
    if (!merge_.OnPage(pillar, read_page_(final))) {
      here_.desk.TransferFailed(
          id_, pillar,
          absl::DataLossError(absl::StrCat(pillar.text(), " lists its files out of order")));
    }
    Pump();
  }

  // Asks for more as the pages are used up, and hands on what is known: in this order, so that the
  // pillars make the next page while this one is told.
  void Pump() {
    AskOn();
    if (handing_) return;
    std::vector<ListRow<Item>> rows = merge_.Take(kRowsAtOnceMax);
    AskOn();
    if (rows.empty()) {
      if (outcome_) Finish();
      return;
    }
    handing_ = true;
    rows_ += rows.size();
    runtime::EventLoop& loop = here_.loop;
    on_rows_(std::move(rows), [&loop, weak = weak_from_this()] {
      PostTo<ListOperation>(loop, weak, [](ListOperation& self) {
        self.handing_ = false;
        self.Pump();
      });
    });
  }

  void AskOn() {
    for (const base::ComponentId& pillar : merge_.Hungry()) here_.desk.NextPage(id_, pillar);
  }

  void Finish() {
    const auto keep = shared_from_this();
    here_.lingering.erase(id_);
    ListResult result;
    result.conversation = id_;
    result.outcome = *std::move(outcome_);
    result.rows = rows_;
    outcome_.reset();
    end_(std::move(result));
  }

  const ReadPage read_page_;
  const RowHandler<Item> on_rows_;
  EndHandler<ListResult> end_;
  ListMerge<Item> merge_;
  std::optional<protocol::Outcome> outcome_;
  bool handing_ = false;
  uint64_t rows_ = 0;
};

}  // namespace bitrepo::client
