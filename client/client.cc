// SPDX-License-Identifier: Apache-2.0
#include "client/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/ask_operation.h"
#include "client/conversation_desk.h"
#include "client/copy_operation.h"
#include "client/get_operation.h"
#include "client/list_bodies.h"
#include "client/list_operation.h"
#include "client/long_list_operation.h"
#include "client/pages_operation.h"
#include "client/put_operation.h"
#include "client/wire_words.h"

namespace bitrepo::client {
namespace {

bus::Membership MembershipOf(const ClientOptions& options) {
  bus::Membership membership;
  membership.repository_id = options.repository_id;
  membership.kind = wire::CLIENT;
  membership.principal = options.principal;
  membership.session = options.session;
  membership.program_version = options.program_version;
  return membership;
}

using FinalMessage = std::shared_ptr<const protocol::Envelope>;

template <typename Item, typename Final>
ListPage<Item> PageOf(const FinalMessage& message, const Final& final) {
  return {{message, &final.items()}, final.page().next_cursor().empty()};
}

ListPage<wire::ChecksumItem> ChecksumPage(const FinalMessage& message) {
  return PageOf<wire::ChecksumItem>(message, message->body.get_checksums_final());
}
ListPage<wire::FileInfo> FileIdPage(const FinalMessage& message) {
  return PageOf<wire::FileInfo>(message, message->body.get_file_ids_final());
}
ListPage<wire::FileInfoItem> FileInfoPage(const FinalMessage& message) {
  return PageOf<wire::FileInfoItem>(message, message->body.get_file_infos_final());
}

// A page handler of one kind of final, for those of any.
template <typename Final>
PagesOperation::OnPage PagesTo(PageHandler<Final> handler,
                               const Final& (wire::Body::*get)() const) {
  return
      [handler = std::move(handler), get](const base::ComponentId& component,
                                          const wire::Body& body, absl::AnyInvocable<void()> more) {
        handler(component, (body.*get)(), std::move(more));
      };
}

}  // namespace

struct Client::State final : public bus::Bus::Handler {
  State(ClientOptions given, ClientParts parts)
      : options(std::move(given)),
        loop(parts.loop),
        random(parts.random),
        bus(MembershipOf(options), parts.loop, std::move(parts.link), parts.random),
        desk(options.conversations_max, parts.loop, bus, parts.random),
        surroundings{desk, parts.loop, parts.channel, lingering, parts.workers} {}

  void OnBusUp(const wire::Welcome& welcome) override {
    if (events.on_up) events.on_up(welcome);
    desk.OnBusUp();
  }
  void OnBusDown() override {
    if (events.on_down) events.on_down();
    desk.OnBusDown();
  }
  void OnEnvelope(protocol::Envelope envelope) override { desk.OnEnvelope(std::move(envelope)); }
  void OnRefused(const wire::ResponseInfo& why) override {
    refused = absl::FailedPreconditionError(
        absl::StrCat("the coordinator refused this client: ", why.text()));
    if (events.on_refused) events.on_refused(why);
    desk.CancelAll(refused.message());
  }
  void OnFault(const protocol::EnvelopeFault& fault) override {
    base::LogLine(base::LogLevel::kDebug, "bad-message")
        .With("cause", fault.cause)
        .With("why", fault.text);
  }

  // The conversation of an operation, but for its reach and whom it names.
  protocol::ConversationSpec Spec(wire::Operation operation,
                                  const std::optional<base::CollectionId>& collection,
                                  const std::optional<protocol::Patience>& patience) {
    const absl::Time wall_now = loop.clock().WallNow();
    protocol::ConversationSpec spec;
    spec.id = base::ConversationId::Make(wall_now, random);
    spec.repository_id = options.repository_id;
    spec.operation = operation;
    spec.collection = collection;
    spec.principal = options.principal;
    spec.session = options.session;
    spec.wall_start = wall_now;
    spec.patience = patience.value_or(options.patience);
    return spec;
  }

  static void TakeUp(std::optional<TakenUp>& taken_up, protocol::ConversationSpec& spec) {
    if (!taken_up) return;
    spec.id = taken_up->id;
    spec.resumed = std::move(taken_up->remains);
  }

  protocol::ConversationSpec SpecOf(PutFileSpec& put) {
    auto conversation = Spec(wire::PUT_FILE, put.collection, put.patience);
    conversation.identify = PutOperation::Identify(put);
    conversation.request = PutOperation::Request(put);
    conversation.reach = protocol::Reach::kFirstThenRest;
    conversation.named = put.pillars;
    conversation.secrets = put.source_tokens;
    conversation.quorum = put.quorum;
    TakeUp(put.taken_up, conversation);
    return conversation;
  }

  protocol::ConversationSpec SpecOf(GetFileSpec& get) {
    auto conversation = Spec(wire::GET_FILE, get.collection, get.patience);
    conversation.identify = GetOperation::Identify(get);
    conversation.request = GetOperation::Request(get.file_id, get.offset, get.length);
    conversation.reach = GetOperation::ReachOf(get);
    conversation.prefer = get.prefer;
    conversation.fail_over = get.fail_over;
    // What others could do does not matter where none of them is to deliver.
    if (get.prefer && !get.fail_over) conversation.named = {*get.prefer};
    TakeUp(get.taken_up, conversation);
    return conversation;
  }

  absl::StatusOr<Operation> Open(protocol::ConversationSpec spec,
                                 std::shared_ptr<OngoingOperation> operation) {
    if (!started) return absl::FailedPreconditionError("the client is not started");
    BITREPO_RETURN_IF_ERROR(refused);
    const base::ConversationId id = spec.id;
    BITREPO_RETURN_IF_ERROR(desk.Open(std::move(spec), operation));
    return Operation(id, operation);
  }

  // One that moves nothing here, and of which the outcome alone is told.
  absl::StatusOr<Operation> Ask(protocol::ConversationSpec spec, OperationEvents told,
                                EndHandler<OutcomeResult> end) {
    const base::ConversationId id = spec.id;
    return Open(std::move(spec),
                std::make_shared<AskOperation>(surroundings, id, std::move(told), std::move(end)));
  }

  // Likewise, with the finals of those that have done it.
  template <typename Final>
  absl::StatusOr<Operation> AskForFinals(protocol::ConversationSpec spec, OperationEvents told,
                                         bool (wire::Body::*has)() const,
                                         const Final& (wire::Body::*get)() const,
                                         EndHandler<FinalsResult<Final>> end) {
    return Ask(std::move(spec), std::move(told),
               [has, get, end = std::move(end)](OutcomeResult asked) mutable {
                 FinalsResult<Final> result{asked.conversation, std::move(asked.outcome), {}};
                 for (const auto& [component, contributor] : result.outcome.contributors) {
                   if (contributor.state != protocol::ContributorResult::State::kDone) continue;
                   if (contributor.final != nullptr && (contributor.final->body.*has)()) {
                     result.finals[component] = (contributor.final->body.*get)();
                   }
                 }
                 end(std::move(result));
               });
  }

  // The conversation of a list, its `asked` taken over; pages, or transfers where the ids are too
  // many for a message.
  template <typename Item>
  absl::StatusOr<Operation> OpenList(wire::Operation operation, AskedList asked, ListScope& scope,
                                     typename ListOperation<Item>::ReadPage read_page,
                                     RowHandler<Item> on_rows, EndHandler<ListResult> end) {
    auto conversation = Spec(operation, scope.collection, scope.patience);
    conversation.identify = std::move(asked.identify);
    conversation.request = std::move(asked.request);
    conversation.reach = protocol::Reach::kAll;
    conversation.named = scope.pillars;
    const base::ConversationId id = conversation.id;
    if (scope.ids != nullptr && !scope.ids->fits_message()) {
      conversation.request.mutable_page()->set_by_token(true);
      return Open(std::move(conversation),
                  std::make_shared<LongListOperation<Item>>(
                      surroundings, id, std::move(scope.events), std::move(scope.ids),
                      std::move(on_rows), std::move(end)));
    }
    conversation.request.mutable_page()->set_limit_items(scope.page_items);
    return Open(std::move(conversation),
                std::make_shared<ListOperation<Item>>(
                    surroundings, id, std::move(scope.events), read_page,
                    scope.ids != nullptr      ? ListMerge<Item>(scope.ids->named())
                    : asked.several_of_one_id ? ListMerge<Item>::WithSeveralOfOneId()
                                              : ListMerge<Item>(),
                    std::move(on_rows), std::move(end)));
  }

  const ClientOptions options;
  runtime::EventLoop& loop;
  base::Random& random;
  BusEvents events;
  Lingering lingering;
  bus::Bus bus;
  ConversationDesk desk;
  const Surroundings surroundings;
  absl::Status refused;
  bool started = false;
};

Client::Client(ClientOptions options, ClientParts parts)
    : state_(std::make_unique<State>(std::move(options), std::move(parts))) {}

Client::~Client() { Stop(); }

absl::Status Client::Start(BusEvents events) {
  state_->events = std::move(events);
  state_->started = true;
  return state_->bus.Start(*state_);
}

void Client::Stop() {
  if (!std::exchange(state_->started, false)) return;
  state_->bus.Stop();
  state_->desk.Clear();
  state_->lingering.clear();
}

bool Client::up() const { return state_->bus.up(); }

void Client::CancelAll(absl::string_view reason) {
  state_->desk.CancelAll(reason);
  const Lingering lingering = state_->lingering;
  for (const auto& [id, operation] : lingering) operation->Cancel(reason);
}

absl::StatusOr<Operation> Client::PutFile(PutFileSpec spec, EndHandler<PutFileResult> end) {
  auto conversation = state_->SpecOf(spec);
  const base::ConversationId id = conversation.id;
  return state_->Open(
      std::move(conversation),
      std::make_shared<PutOperation>(state_->surroundings, id, std::move(spec), std::move(end)));
}

absl::StatusOr<Operation> Client::PutFileTokens(PutFileSpec spec, EndHandler<OutcomeResult> end) {
  return state_->Ask(state_->SpecOf(spec), std::move(spec.events), std::move(end));
}

absl::StatusOr<Operation> Client::ReplaceFile(ReplaceFileSpec spec, EndHandler<PutFileResult> end) {
  auto conversation = state_->Spec(wire::REPLACE_FILE, spec.file.collection, spec.file.patience);
  conversation.identify = PutOperation::Identify(spec);
  conversation.request = PutOperation::Request(spec);
  conversation.reach = protocol::Reach::kFirstThenRest;
  conversation.named = spec.file.pillars;
  conversation.secrets = spec.file.source_tokens;
  conversation.quorum = spec.file.quorum;
  State::TakeUp(spec.file.taken_up, conversation);
  const base::ConversationId id = conversation.id;
  return state_->Open(std::move(conversation),
                      std::make_shared<PutOperation>(state_->surroundings, id, std::move(spec.file),
                                                     std::move(end)));
}

absl::StatusOr<Operation> Client::CopyFile(CopyFileSpec spec, EndHandler<PutFileResult> end) {
  return std::make_shared<CopyOperation>(*this, std::move(spec), std::move(end))->Start();
}

absl::StatusOr<Operation> Client::DeleteFile(DeleteFileSpec spec,
                                             EndHandler<DeleteFileResult> end) {
  if (spec.pillars.empty() && !spec.everywhere) {
    return absl::InvalidArgumentError("a delete names its pillar, or says that no copy is to stay");
  }
  auto conversation = state_->Spec(wire::DELETE_FILE, spec.collection, spec.patience);
  conversation.identify.mutable_delete_file_identify()->set_file_id(spec.file_id.text());
  conversation.request.set_reason(spec.reason);
  wire::DeleteFileRequest& request = *conversation.request.mutable_delete_file_request();
  request.set_file_id(spec.file_id.text());
  *request.mutable_digest() = ToWire(spec.digest);
  for (const wire::CopyProof& copy : spec.copies) *request.add_copies() = copy;
  if (spec.everywhere) request.set_delete_everywhere(spec.file_id.text());
  if (spec.checksums) *request.mutable_checksums() = *spec.checksums;
  conversation.reach = protocol::Reach::kAll;
  conversation.named = spec.pillars;
  return state_->AskForFinals(std::move(conversation), std::move(spec.events),
                              &wire::Body::has_delete_file_final, &wire::Body::delete_file_final,
                              std::move(end));
}

absl::StatusOr<Operation> Client::UndeleteFile(UndeleteFileSpec spec,
                                               EndHandler<UndeleteFileResult> end) {
  auto conversation = state_->Spec(wire::UNDELETE_FILE, spec.collection, spec.patience);
  conversation.identify.mutable_undelete_file_identify()->set_file_id(spec.file_id.text());
  conversation.request.set_reason(spec.reason);
  wire::UndeleteFileRequest& request = *conversation.request.mutable_undelete_file_request();
  request.set_file_id(spec.file_id.text());
  if (spec.generation) request.set_generation_id(spec.generation->ToBytes());
  if (spec.old_digest) *request.mutable_old_digest() = ToWire(*spec.old_digest);
  conversation.reach = protocol::Reach::kAll;
  conversation.named = spec.pillars;
  return state_->AskForFinals(std::move(conversation), std::move(spec.events),
                              &wire::Body::has_undelete_file_final,
                              &wire::Body::undelete_file_final, std::move(end));
}

absl::StatusOr<Operation> Client::GetFile(GetFileSpec spec, EndHandler<GetFileResult> end) {
  auto conversation = state_->SpecOf(spec);
  const base::ConversationId id = conversation.id;
  return state_->Open(
      std::move(conversation),
      std::make_shared<GetOperation>(state_->surroundings, id, std::move(spec), std::move(end)));
}

absl::StatusOr<Operation> Client::GetFileToken(GetFileSpec spec, EndHandler<OutcomeResult> end) {
  return state_->Ask(state_->SpecOf(spec), std::move(spec.events), std::move(end));
}

absl::StatusOr<Operation> Client::GetChecksums(GetChecksumsSpec spec, EndHandler<ListResult> end) {
  return state_->OpenList<wire::ChecksumItem>(wire::GET_CHECKSUMS, AskFor(spec), spec.scope,
                                              &ChecksumPage, std::move(spec.on_rows),
                                              std::move(end));
}

absl::StatusOr<Operation> Client::GetFileIds(GetFileIdsSpec spec, EndHandler<ListResult> end) {
  return state_->OpenList<wire::FileInfo>(wire::GET_FILE_IDS, AskFor(spec), spec.scope, &FileIdPage,
                                          std::move(spec.on_rows), std::move(end));
}

absl::StatusOr<Operation> Client::GetFileInfos(GetFileInfosSpec spec, EndHandler<ListResult> end) {
  return state_->OpenList<wire::FileInfoItem>(wire::GET_FILE_INFOS, AskFor(spec), spec.scope,
                                              &FileInfoPage, std::move(spec.on_rows),
                                              std::move(end));
}

absl::StatusOr<Operation> Client::GetStatus(GetStatusSpec spec, EndHandler<GetStatusResult> end) {
  auto conversation = state_->Spec(wire::GET_STATUS, spec.collection, spec.patience);
  conversation.identify.mutable_get_status_identify();
  conversation.request.mutable_get_status_request();
  conversation.reach = protocol::Reach::kAll;
  conversation.named = spec.pillars;
  conversation.to_coordinator = !spec.collection;
  return state_->AskForFinals(std::move(conversation), std::move(spec.events),
                              &wire::Body::has_get_status_final, &wire::Body::get_status_final,
                              std::move(end));
}

absl::StatusOr<Operation> Client::SetRates(SetRatesSpec spec, EndHandler<SetRatesResult> end) {
  auto conversation = state_->Spec(wire::SET_RATES, spec.collection, spec.patience);
  conversation.identify.mutable_set_rates_identify();
  wire::SetRatesRequest& request = *conversation.request.mutable_set_rates_request();
  request.mutable_rules()->Assign(spec.rules.begin(), spec.rules.end());
  conversation.request.set_reason(spec.reason);
  conversation.reach = protocol::Reach::kAll;
  conversation.named = spec.pillars;
  return state_->AskForFinals(std::move(conversation), std::move(spec.events),
                              &wire::Body::has_set_rates_final, &wire::Body::set_rates_final,
                              std::move(end));
}

absl::StatusOr<Operation> Client::GetAuditTrails(GetAuditTrailsSpec spec,
                                                 EndHandler<OutcomeResult> end) {
  const uint64_t last = spec.query.last_sequence();
  const wire::TimeWindow& at = spec.query.at();
  if ((last > 0 && last < spec.query.first_sequence()) ||
      (at.has_from_us() && at.has_until_us() && at.until_us() < at.from_us())) {
    return absl::InvalidArgumentError(
        "the part of the audit trail that is asked for ends before it "
        "begins");
  }
  auto conversation = state_->Spec(wire::GET_AUDIT_TRAILS, spec.collection, spec.patience);
  conversation.identify.mutable_get_audit_trails_identify();
  *conversation.request.mutable_get_audit_trails_request() = spec.query;
  conversation.request.mutable_page()->set_limit_items(spec.page_items);
  conversation.reach = protocol::Reach::kAll;
  conversation.named = spec.pillars;
  conversation.to_coordinator = !spec.collection && spec.pillars.empty();
  const base::ConversationId id = conversation.id;
  return state_->Open(
      std::move(conversation),
      std::make_shared<PagesOperation>(
          state_->surroundings, id, std::move(spec.events),
          PagesTo(std::move(spec.on_page), &wire::Body::get_audit_trails_final), std::move(end)));
}

absl::StatusOr<Operation> Client::GetConversation(GetConversationSpec spec,
                                                  EndHandler<OutcomeResult> end) {
  if ((spec.collection || !spec.pillars.empty()) && !spec.conversation) {
    return absl::InvalidArgumentError("pillars tell of one conversation: name it");
  }
  auto conversation = state_->Spec(wire::GET_CONVERSATION, spec.collection, spec.patience);
  conversation.identify.mutable_get_conversation_identify();
  wire::GetConversationRequest& request = *conversation.request.mutable_get_conversation_request();
  if (spec.conversation) request.set_conversation_id(spec.conversation->ToBytes());
  conversation.reach = protocol::Reach::kAll;
  conversation.named = spec.pillars;
  conversation.to_coordinator = !spec.collection && spec.pillars.empty();
  const base::ConversationId id = conversation.id;
  return state_->Open(
      std::move(conversation),
      std::make_shared<PagesOperation>(
          state_->surroundings, id, std::move(spec.events),
          PagesTo(std::move(spec.on_page), &wire::Body::get_conversation_final), std::move(end)));
}

absl::StatusOr<Operation> Client::Withdraw(WithdrawSpec spec, EndHandler<OutcomeResult> end) {
  auto conversation = state_->Spec(spec.operation, spec.collection, spec.patience);
  conversation.id = spec.taken_up.id;
  conversation.resumed = std::move(spec.taken_up.remains);
  conversation.resumed->unasked.clear();
  conversation.reach = protocol::Reach::kAll;
  auto begun = state_->Ask(std::move(conversation), std::move(spec.events), std::move(end));
  if (begun.ok()) begun->Cancel(spec.reason);
  return begun;
}

absl::StatusOr<Operation> Client::GetAlarms(GetAlarmsSpec spec, EndHandler<OutcomeResult> end) {
  auto conversation = state_->Spec(wire::GET_ALARMS, std::nullopt, spec.patience);
  *conversation.request.mutable_get_alarms_request() = spec.query;
  conversation.request.mutable_page()->set_limit_items(spec.page_items);
  conversation.reach = protocol::Reach::kAll;
  conversation.to_coordinator = true;
  const base::ConversationId id = conversation.id;
  return state_->Open(
      std::move(conversation),
      std::make_shared<PagesOperation>(
          state_->surroundings, id, std::move(spec.events),
          PagesTo(std::move(spec.on_page), &wire::Body::get_alarms_final), std::move(end)));
}

absl::StatusOr<Operation> Client::GetRoster(GetRosterSpec spec, EndHandler<GetRosterResult> end) {
  auto conversation = state_->Spec(wire::GET_ROSTER, std::nullopt, spec.patience);
  conversation.request.mutable_roster_request();
  conversation.reach = protocol::Reach::kAll;
  conversation.to_coordinator = true;
  return state_->Ask(
      std::move(conversation), std::move(spec.events),
      [end = std::move(end)](OutcomeResult asked) mutable {
        GetRosterResult result{asked.conversation, std::move(asked.outcome), {}};
        for (const auto& [component, contributor] : result.outcome.contributors) {
          if (contributor.final != nullptr && contributor.final->body.has_roster_reply()) {
            result.roster = contributor.final->body.roster_reply();
          }
        }
        end(std::move(result));
      });
}

}  // namespace bitrepo::client
