// SPDX-License-Identifier: Apache-2.0
// A list of more ids than a message names, under way: every pillar's answer as one transfer, read
// in lock step into rows in the order of the ids.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/item_stream.h"
#include "client/list_items.h"
#include "client/list_operation.h"
#include "client/transferred_lists.h"

namespace bitrepo::client {

// Reads rows off the ids and the answers to them. One thread at a time; blocks.
template <typename Item>
class RowReader {
 public:
  using Files = absl::btree_map<base::ComponentId, std::shared_ptr<NamelessFile>>;
  RowReader(std::shared_ptr<ReadableBytes> ids, const Files& files) : ids_(std::move(ids)) {
    for (const auto& [pillar, file] : files) answers_.emplace(pillar, ItemStream(file));
  }

  // At most `limit` rows; none at the end. Where a pillar's answer is not to the id whose turn it
  // is, its word ends there. Fails only when the ids cannot be read.
  absl::StatusOr<std::vector<ListRow<Item>>> Next(size_t limit) {
    std::vector<ListRow<Item>> rows;
    wire::ParameterItem id;
    while (rows.size() < limit) {
      BITREPO_ASSIGN_OR_RETURN(const bool more, ids_.Next(id));
      if (!more) break;
      ListRow<Item>& row = rows.emplace_back();
      row.file_id = id.file_id();
      for (auto it = answers_.begin(); it != answers_.end();) {
        it = Take(it->first, it->second, row) ? std::next(it) : Drop(it);
      }
    }
    return rows;
  }

  // Those whose answers broke off.
  const std::vector<base::ComponentId>& broken() const { return broken_; }

 private:
  using Answers = absl::btree_map<base::ComponentId, ItemStream>;

  bool Take(const base::ComponentId& pillar, ItemStream& answer, ListRow<Item>& row) {
    const auto item = std::make_shared<Item>();
    const absl::StatusOr<bool> there = answer.Next(*item);
    if (!there.ok() || !*there || IdOf(*item) != row.file_id) return false;
    if (IsNotHeld(*item)) {
      row.lacking.push_back(pillar);
    } else {
      row.pillars.emplace(pillar, item);
    }
    return true;
  }

  typename Answers::iterator Drop(typename Answers::iterator it) {
    broken_.push_back(it->first);
    return answers_.erase(it);
  }

  ItemStream ids_;
  Answers answers_;
  std::vector<base::ComponentId> broken_;
};

// Loop-confined; see OngoingOperation.
template <typename Item>
class LongListOperation final : public TransferredLists {
 public:
  LongListOperation(Surroundings surroundings, base::ConversationId id, OperationEvents events,
                    std::shared_ptr<const IdList> ids, RowHandler<Item> on_rows,
                    EndHandler<ListResult> end)
      : TransferredLists(surroundings, id, std::move(events), std::move(ids)),
        strand_(surroundings.workers.NewStrand()),
        on_rows_(std::move(on_rows)),
        end_(std::move(end)) {}

 private:
  using Rows = absl::StatusOr<std::vector<ListRow<Item>>>;

  void OnLists(protocol::Outcome outcome, Lists lists) override {
    result_.conversation = id_;
    result_.outcome = std::move(outcome);
    if (lists.empty() || result_.outcome.verdict == protocol::Verdict::kCancelled) {
      Finish();
      return;
    }
    reader_ = std::make_shared<RowReader<Item>>(ids_->file(), lists);
    Read();
  }

  // The next batch, on a worker; handed on when it is there, and another when it was taken.
  void Read() {
    const absl::Status taken = here_.workers.Submit(
        runtime::Lane::kRead, strand_,
        [reader = reader_, &loop = here_.loop, weak = this->weak_from_this()] {
          auto rows = std::make_shared<Rows>(reader->Next(kRowsAtOnceMax));
          PostTo<LongListOperation>(
              loop, weak, [rows](LongListOperation& self) { self.OnRows(std::move(*rows)); });
        });
    if (!taken.ok()) Fail(taken);
  }

  void OnRows(Rows rows) {
    if (!rows.ok()) {
      Fail(rows.status());
      return;
    }
    if (rows->empty() || cancelled_) {
      for (const base::ComponentId& pillar : reader_->broken()) {
        protocol::ContributorResult& contributor = result_.outcome.contributors[pillar];
        contributor.state = protocol::ContributorResult::State::kFailed;
        contributor.code = wire::FAILURE;
        contributor.text = "did not answer for each id in turn";
        result_.outcome.verdict = protocol::Verdict::kPartial;
      }
      Finish();
      return;
    }
    result_.rows += rows->size();
    on_rows_(*std::move(rows), [&loop = here_.loop, weak = this->weak_from_this()] {
      PostTo<LongListOperation>(loop, weak, [](LongListOperation& self) { self.Read(); });
    });
  }

  void Fail(const absl::Status& why) {
    result_.outcome.verdict = protocol::Verdict::kFailed;
    result_.outcome.code = wire::FAILURE;
    result_.outcome.text = absl::StrCat("the answers cannot be read: ", why.message());
    Finish();
  }

  void Cancel(absl::string_view reason) override {
    cancelled_ = true;
    OngoingOperation::Cancel(reason);
  }

  void Finish() {
    const auto keep = this->shared_from_this();
    here_.lingering.erase(id_);
    end_(std::move(result_));
  }

  const runtime::StrandId strand_;
  const RowHandler<Item> on_rows_;
  EndHandler<ListResult> end_;
  ListResult result_;
  std::shared_ptr<RowReader<Item>> reader_;
  bool cancelled_ = false;
};

}  // namespace bitrepo::client
