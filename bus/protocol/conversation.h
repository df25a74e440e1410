// SPDX-License-Identifier: Apache-2.0
// The asking side of one operation, decided without I/O: identify, select, request, wait, fail
// over, end exactly once.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/random.h"
#include "bus/protocol/conversation_table.h"
#include "bus/protocol/envelope.h"

namespace bitrepo::protocol {

// Which of those that could serve are asked.
enum class Reach {
  kAll,            // every contributor, all at once
  kFirstThenRest,  // the first present one in id order; when it has ACCEPTED (or finally refused),
                   // the rest
  kOne,            // the best one; when it fails, the next best, until one has done it
  kSome,           // as kOne; and beside it, or again, whom the asker names, until it has enough
};
// One contributor after another is tried, and not all are needed.
constexpr bool IsOneByOne(Reach reach) { return reach == Reach::kOne || reach == Reach::kSome; }

struct Patience {
  absl::Duration identify = absl::Seconds(3);  // ends early when all have answered
  absl::Duration silence = absl::Seconds(30);  // of one contributor, extended by each word from it
  absl::Duration resend_first = absl::Seconds(1);  // then doubled, with jitter
  absl::Duration resend_longest = absl::Seconds(8);
  absl::Duration bus_absence = absl::Seconds(30);  // without a coordinator at all
};

// Where a conversation stands, for another process to take it up; its serialized form is the
// frames of the requests and a few names.
struct ConversationRemains {
  std::vector<Envelope> requests;  // the last one to each contributor whose answer counts, as sent
  std::vector<base::ComponentId> unasked;  // whose turn has not come; to be asked after these
  bool attendance_known = true;            // else there may be contributors that are not named here
};

struct ConversationSpec {
  base::ConversationId id;
  std::string repository_id;
  wire::Operation operation = wire::OPERATION_UNSPECIFIED;
  std::optional<base::CollectionId> collection;
  std::string principal;
  std::string session;
  absl::Time wall_start;                 // issued-at is this plus the time gone since
  wire::Body identify;                   // content of the identify request
  wire::Body request;                    // content of the request; may be changed by SetRequest
  std::vector<base::ComponentId> named;  // ask only these; empty: all of the collection
  absl::btree_map<base::ComponentId, std::string> secrets;  // that go with the requests, to each
  bool to_coordinator = false;  // the coordinator alone is asked; no identify
  bool identify_first = true;   // false needs `named` or `to_coordinator`
  Reach reach = Reach::kAll;
  std::optional<base::ComponentId> prefer;  // one by one: this one first, others if `fail_over`
  bool fail_over = true;
  uint32_t quorum = 0;  // kAll, kFirstThenRest: successes that make success; 0 means all
  // Takes up the conversation `id` of an earlier process of this principal: nobody is identified;
  // its requests are said again, their bodies byte for byte, and get the answers on record.
  std::optional<ConversationRemains> resumed;
  Patience patience;
};

// The names of the bitrepository.org client events; what a person or program is told.
enum class EventKind {
  kIdentifyRequestSent,
  kComponentIdentified,
  kIdentifyTimeout,
  kIdentificationComplete,
  kRequestSent,
  kProgress,
  kPage,
  kComponentComplete,
  kComponentFailed,
  kWarning,
  kComplete,
  kFailed,
};
struct ConversationEvent {
  EventKind kind;
  std::string component;  // empty where it concerns all
  wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED;
  std::string text;
  std::shared_ptr<const Envelope>
      message;  // that caused it: identify reply, progress, final
                // `secret` of a progress: a token that was not told before, or empty
};

// What became of one contributor.
struct ContributorResult {
  enum class State {
    kWaiting,  // not asked: its turn has not come, or did not before the end
    kWorking,
    kDone,
    kFailed,
    kUnknown
  };
  State state = State::kWaiting;
  bool identified = false;
  // kWaiting for good: the choice was made before it was heard, or it does not serve this operation
  // at all (then `code` says so).
  bool passed_over = false;
  bool away = false;  // the broker said that it is not connected
  wire::ResponseCode code = wire::RESPONSE_CODE_UNSPECIFIED;
  std::string text;
  std::shared_ptr<const Envelope> identify_reply;
  std::shared_ptr<const Envelope> final;
};

enum class Verdict {
  kSuccess,  // all (or the quorum, or the one) have done it
  kPartial,  // some have, some have not
  kFailed,   // none has, and all that were asked said so (or nobody could be asked)
  kUnknown,  // it cannot be known: asked, no final; the id resolves it later
  kCancelled,
};
struct Outcome {
  Verdict verdict = Verdict::kFailed;
  wire::ResponseCode code =
      wire::RESPONSE_CODE_UNSPECIFIED;  // the most telling one of those that failed
  std::string text;
  absl::btree_map<base::ComponentId, ContributorResult> contributors;
};

// What was heard and had no effect: legal everywhere, and worth a look when it is much.
struct ConversationCounters {
  uint64_t ignored = 0;  // nothing in that state: a late or second final, a cancel after the end
  uint64_t foreign = 0;  // of another conversation, from one that was not asked, or an answer to
                         // nothing that was asked
  uint64_t stale = 0;    // a progress that is not newer than one told before
  uint64_t resent = 0;   // messages sent again
};

struct ConversationOutbox {
  std::vector<Envelope> messages;  // publish in this order; a resend is byte for byte the first
  std::vector<ConversationEvent> events;
};

// A pure machine: its two tables (the conversation's phase; one primitive with one contributor)
// stand in conversation_table.h and, generated from it, in docs/spec/. Duplicate, late, reordered
// and foreign messages are legal everywhere. Threads:  loop-confined. Lifetime: `random` outlives
// it.
class Conversation {
 public:
  Conversation(ConversationSpec spec, absl::Time now, base::Random& random,
               ConversationOutbox& out);
  ~Conversation();

  // Any envelope that carries this conversation's id: identify replies, ROUTED, UNDELIVERED,
  // REFUSED, progress, finals.
  void OnMessage(Envelope message, absl::Time now, ConversationOutbox& out);
  void OnBusUp(absl::Time now,
               ConversationOutbox& out);  // unanswered requests are sent again at once
  void OnBusDown(absl::Time now, ConversationOutbox& out);
  // Bytes moved on the data channel: the contributor lives.
  void OnActivity(const base::ComponentId& component, absl::Time now);
  // The data plane gave up with this contributor while its final is still owed: the request is
  // withdrawn (CANCEL). Where bytes go to the asker the primitive has failed with `why`; else what
  // the final says counts, and without one it is unknown, with `why`. kOne goes on with the next.
  // kSome: one that is done has failed after all.
  void OnTransferFailed(const base::ComponentId& component, absl::Status why, absl::Time now,
                        ConversationOutbox& out);
  // Content for requests made from now on: a get that fails over asks only for what is still owed.
  void SetRequest(wire::Body request);
  // After kPage of a component (its final had a next cursor): asks for the next page, a new
  // primitive of this conversation.
  void OnNextPage(const base::ComponentId& component, absl::Time now, ConversationOutbox& out);
  // kSome: asks `component` for this, in one more primitive. It has identified, or was asked
  // before, and is not asked now; else nothing happens. While one that is done waits for such a
  // word, the conversation neither ends nor asks another by itself.
  void OnAsk(const base::ComponentId& component, wire::Body request, absl::Time now,
             ConversationOutbox& out);
  // kSome: as OnTransferFailed, of one that could go on: it is asked again when nobody else is
  // left.
  void OnRelieved(const base::ComponentId& component, absl::Status why, absl::Time now,
                  ConversationOutbox& out);
  // kSome: the asker has enough. Nobody else is asked; ends as kSuccess with the finals still owed.
  void OnEnough(absl::Time now, ConversationOutbox& out);
  // What the asker has to tell the operators of it.
  void OnAlarm(wire::Alarm alarm, absl::Time now, ConversationOutbox& out);
  // Withdraws every request that is owed a final; ends as kCancelled, or as what the finals say.
  void OnCancel(absl::string_view reason, absl::Time now, ConversationOutbox& out);
  void OnTime(absl::Time now, ConversationOutbox& out);
  absl::Time WakeAt() const;  // InfiniteFuture when done

  const base::ConversationId& id() const;
  bool done() const;
  const Outcome& outcome() const;  // final once done(); so far before
  // What another process needs to take it up (ConversationSpec::resumed). Before anyone is asked
  // there is nothing in it: such a conversation is begun anew.
  ConversationRemains remains() const;
  Phase phase() const;
  const ConversationCounters& counters() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace bitrepo::protocol
