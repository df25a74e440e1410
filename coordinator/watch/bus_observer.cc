// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/bus_observer.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "bus/protocol/page.h"
#include "coordinator/watch/page_cursor.h"

namespace bitrepo::watch {
namespace {

using protocol::Envelope;

constexpr uint64_t kNewest = std::numeric_limits<uint64_t>::max();
// Taken from a list for one page; a page is full by its bytes long before.
constexpr size_t kRowsMax = 2048;

wire::Body Done() {
  wire::Body body;
  body.mutable_response()->set_code(wire::OPERATION_COMPLETED);
  return body;
}

wire::Body Refusal(wire::ResponseCode code, absl::string_view text) {
  wire::Body body;
  body.mutable_response()->set_code(code);
  body.mutable_response()->set_text(std::string(text));
  return body;
}

// Where a list goes on, if at all.
struct Turn {
  uint64_t place = 0;
  bool more = false;
};

// Fills a page with what `list(place, count)` gives; each row has `place`. `add` takes one that has
// room.
template <typename List, typename ItemOf, typename Add>
Turn Fill(const wire::PageSpec& page, uint64_t place, const List& list, const ItemOf& item_of,
          const Add& add) {
  const protocol::PageLimits limits = protocol::EffectiveLimits(page, {kRowsMax});
  protocol::PagePacker packer(limits);
  Turn turn{place, false};
  // One more than fits tells whether there is more.
  for (auto& row : list(place, static_cast<size_t>(limits.items) + 1)) {
    if (!packer.TryAdd(item_of(row))) {
      turn.more = true;
      break;
    }
    turn.place = row.place;
    add(row);
  }
  return turn;
}

}  // namespace

BusObserver::BusObserver(ObserverSpec spec, absl::Time wall_now)
    : run_(spec.run),
      timeline_(spec.coordinator_id, spec.timeline),
      alarms_(spec.alarms),
      ledger_(spec.ledger_records_max) {
  base::AuditLine started;
  started.action = "BUS_STARTED";
  started.principal = spec.coordinator_id;
  started.result = wire::ResponseCode_Name(wire::OPERATION_COMPLETED);
  if (const auto run = base::MessageId::FromBytes(run_); run.ok()) {
    started.detail = "run " + run->ToString();
  }
  ledger_.Add(std::move(started), wall_now);
}

void BusObserver::OnCopy(protocol::Frames copy, absl::Time wall_now) {
  copy.resize(protocol::kEnvelopeFrames);  // without secret and signature
  protocol::EnvelopeFault fault;
  const absl::StatusOr<Envelope> envelope = protocol::OpenGist(std::move(copy), fault);
  if (!envelope.ok()) {
    return;
  }
  timeline_.OnCopy(*envelope, wall_now);
  alarms_.OnCopy(*envelope, wall_now);
}

void BusObserver::OnEvent(base::AuditLine event, absl::Time wall_now) {
  ledger_.Add(std::move(event), wall_now);
}

bool BusObserver::Answers(wire::Operation operation) {
  return operation == wire::GET_CONVERSATION || operation == wire::GET_ALARMS ||
         operation == wire::GET_AUDIT_TRAILS;
}

wire::Body BusObserver::Answer(const Envelope& request) const {
  switch (request.header.operation()) {
    case wire::GET_CONVERSATION:
      return request.body.get_conversation_request().conversation_id().empty()
                 ? TellConversations(request)
                 : TellConversation(request);
    case wire::GET_ALARMS:
      return TellAlarms(request);
    case wire::GET_AUDIT_TRAILS:
      return TellTrail(request);
    default:
      BITREPO_CHECK(false, "only what is answered here is asked here");
      return {};
  }
}

wire::Body BusObserver::TellConversation(const Envelope& request) const {
  wire::Body body = Done();
  wire::GetConversationFinal& told = *body.mutable_get_conversation_final();
  const auto id =
      base::ConversationId::FromBytes(request.body.get_conversation_request().conversation_id());
  if (auto observed = id.ok() ? timeline_.Describe(*id) : std::nullopt) {
    *told.add_observed() = *std::move(observed);
  }
  return body;
}

wire::Body BusObserver::TellConversations(const Envelope& request) const {
  const PageCursor cursor(run_, "conversations", "");
  const absl::StatusOr<uint64_t> place = cursor.Read(request.body.page().cursor(), kNewest);
  if (!place.ok()) {
    return Refusal(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, place.status().message());
  }
  wire::Body body = Done();
  wire::GetConversationFinal& told = *body.mutable_get_conversation_final();
  const Turn turn = Fill(
      request.body.page(), *place,
      [&](uint64_t from, size_t count) { return timeline_.List(from, count); },
      [](const Timeline::Placed& row) -> const wire::ObservedConversation& { return row.observed; },
      [&](Timeline::Placed& row) { *told.add_observed() = std::move(row.observed); });
  if (turn.more) {
    told.mutable_page()->set_next_cursor(cursor.At(turn.place));
  }
  return body;
}

wire::Body BusObserver::TellAlarms(const Envelope& request) const {
  const wire::GetAlarmsRequest& asked = request.body.get_alarms_request();
  const PageCursor cursor(run_, "alarms", asked.SerializeAsString());
  const absl::StatusOr<uint64_t> place = cursor.Read(request.body.page().cursor(), kNewest);
  if (!place.ok()) {
    return Refusal(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, place.status().message());
  }
  wire::Body body = Done();
  wire::GetAlarmsFinal& told = *body.mutable_get_alarms_final();
  const Turn turn = Fill(
      request.body.page(), *place,
      [&](uint64_t from, size_t count) { return alarms_.List(asked, from, count); },
      [](const AlarmDesk::Placed& row) -> const wire::AlarmItem& { return row.item; },
      [&](AlarmDesk::Placed& row) { *told.add_items() = std::move(row.item); });
  if (turn.more) {
    told.mutable_page()->set_next_cursor(cursor.At(turn.place));
  }
  return body;
}

wire::Body BusObserver::TellTrail(const Envelope& request) const {
  const wire::GetAuditTrailsRequest& asked = request.body.get_audit_trails_request();
  const std::string& collection = request.header.collection_id();
  const PageCursor cursor(run_, "trail", absl::StrCat(collection, " ", asked.SerializeAsString()));
  const absl::StatusOr<uint64_t> place = cursor.Read(request.body.page().cursor(), 0);
  if (!place.ok()) {
    return Refusal(wire::REQUEST_NOT_UNDERSTOOD_FAILURE, place.status().message());
  }
  struct Row {
    uint64_t place = 0;
    wire::AuditItem item;
  };
  wire::Body body = Done();
  wire::GetAuditTrailsFinal& told = *body.mutable_get_audit_trails_final();
  const Turn turn = Fill(
      request.body.page(), *place,
      [&](uint64_t from, size_t count) {
        std::vector<Row> rows;
        for (wire::AuditItem& item : ledger_.List(asked, collection, from, count)) {
          rows.push_back({item.sequence() + 1, std::move(item)});
        }
        return rows;
      },
      [](const Row& row) -> const wire::AuditItem& { return row.item; },
      [&](Row& row) { *told.add_items() = std::move(row.item); });
  if (turn.more) {
    told.mutable_page()->set_next_cursor(cursor.At(turn.place));
  }
  told.set_end_sequence(ledger_.end_sequence());
  told.set_end_hash(ledger_.end_hash());
  return body;
}

}  // namespace bitrepo::watch
