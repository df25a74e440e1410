// SPDX-License-Identifier: Apache-2.0
// What can be asked of a repository, what is told while it goes on, and what became of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/ids.h"
#include "bus/protocol/conversation.h"
#include "channel/sink.h"
#include "channel/source.h"

namespace bitrepo::client {

// Told on the client's loop, in order, before the operation's end; each may be left empty.
struct OperationEvents {
  std::function<void(const protocol::ConversationEvent&)> on_event;
  // Bytes that one pillar has confirmed, or that came from it; `bytes_total` 0 when unknown.
  std::function<void(const base::ComponentId& pillar, uint64_t bytes_done, uint64_t bytes_total)>
      on_transfer;
};

// What came of an operation whose answers were told on the way, or say all there is.
struct OutcomeResult {
  base::ConversationId conversation;
  protocol::Outcome outcome;
};

// A conversation that an earlier process of the same principal left to the pillars: it is gone on
// with, in place of a new one.
struct TakenUp {
  base::ConversationId id;
  protocol::ConversationRemains remains;
};

// ---- PutFile: one file to all pillars of the collection, or to those named.
struct PutFileSpec {
  base::CollectionId collection;
  base::FileId file_id;
  std::optional<uint64_t> size_bytes = {};
  // What the file must have; any algorithm. Checked by each pillar, and given early it shows at
  // once that the file is held already, or that the id is taken.
  std::optional<base::Digest> digest = {};
  // A mark for these very bytes (LocalFile::stamp): what came under it before, to a pillar and from
  // this principal, does not go again. Empty: all of it does.
  std::string source_stamp = {};
  // A view of the bytes for one push to one pillar; called again when a push is repeated.
  std::function<std::shared_ptr<channel::Source>(const base::ComponentId& pillar)> source;
  // Instead of `source`: the tokens by which each of `pillars` gets the bytes elsewhere, each its
  // own. Size and digest are then to be named.
  absl::btree_map<base::ComponentId, std::string> source_tokens = {};
  std::vector<base::ComponentId> pillars = {};  // empty: all of the collection
  uint32_t quorum = 0;                          // copies that make success; 0: every pillar asked
  bool background = false;                      // its bytes yield to all others at the pillars
  std::optional<wire::ChecksumSpec> checksums = {};  // that the finals are to carry
  std::string reason = {};                           // for the audit trails
  std::optional<TakenUp> taken_up = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
struct PutFileResult {
  base::ConversationId conversation;
  protocol::Outcome outcome;
  absl::Status source;  // not OK when the bytes could not be read, or changed while they were read
  absl::btree_map<base::ComponentId, wire::PutFileFinal> finals;  // of the pillars that hold it
  absl::btree_map<base::ComponentId, wire::FileInfo> replaced;    // ReplaceFile: what went
  absl::btree_map<base::ComponentId, uint64_t> resumed;  // bytes that had come there before, if any
};

// ---- CopyFile: what one pillar holds to others; the bytes go from pillar to pillar.
struct CopyFileSpec {
  base::CollectionId collection;
  base::FileId file_id;
  base::ComponentId from;
  std::vector<base::ComponentId> to;  // at least one, `from` not among them
  uint32_t quorum = 0;  // copies that make success, `from` not counted; 0: all of `to`
  std::string reason = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};  // of the put; on_transfer as the pillars tell of it
};

// ---- ReplaceFile: other bytes under an id that is taken, at each pillar wholly or not at all.
struct ReplaceFileSpec {
  PutFileSpec file;
  base::Digest old_digest;  // what the pillars must hold now; any algorithm
};

// What came of an operation that moves no bytes: the finals of those that have done it.
template <typename Final>
struct FinalsResult {
  base::ConversationId conversation;
  protocol::Outcome outcome;
  absl::btree_map<base::ComponentId, Final> finals;
};

// ---- DeleteFile: takes a file from one pillar, or from all of them; the bytes go into quarantine.
struct DeleteFileSpec {
  base::CollectionId collection;
  base::FileId file_id;
  base::Digest digest;                          // what the file must have; any algorithm
  std::vector<base::ComponentId> pillars = {};  // empty: all, which needs `everywhere`
  std::vector<wire::CopyProof> copies = {};     // that stay, and were read lately
  bool everywhere = false;                      // no copy is to stay
  std::optional<wire::ChecksumSpec> checksums = {};
  std::string reason = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
using DeleteFileResult = FinalsResult<wire::DeleteFileFinal>;

// ---- UndeleteFile: brings a removed or replaced generation back from quarantine.
struct UndeleteFileSpec {
  base::CollectionId collection;
  base::FileId file_id;
  std::vector<base::ComponentId> pillars = {};        // empty: all of the collection
  std::optional<base::GenerationId> generation = {};  // absent: the one removed last
  std::optional<base::Digest> old_digest = {};        // of what stands there now, where it does
  std::string reason = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
using UndeleteFileResult = FinalsResult<wire::UndeleteFileFinal>;

// ---- GetFile: one file, or a range of it, from the best pillar, or from several at once; the next
// one goes on where one fails. Makes the place for the bytes of `range`; called again (the former
// was Aborted) when what has come proves wrong and all must come anew. Commit is told the length of
// `range` and, where it is the whole file, the recorded SHA-256; it answers OPERATION_COMPLETED
// only when what was written has that digest.
using SinkFactory = std::function<absl::StatusOr<std::shared_ptr<channel::Sink>>(
    const wire::FileInfo& file, base::ByteRange range)>;

struct GetFileSpec {
  base::CollectionId collection;
  base::FileId file_id;
  uint64_t offset = 0;
  std::optional<uint64_t> length = {};  // absent: to the end
  std::optional<base::ComponentId> prefer = {};
  bool fail_over = true;
  bool background = false;  // its bytes yield to all others that come to this client
  // Pillars that may deliver at once, where there is much to come and the sink takes it in any
  // order.
  uint32_t sources = 1;
  SinkFactory sink;
  std::optional<TakenUp> taken_up = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
struct GetFileResult {
  base::ConversationId conversation;
  protocol::Outcome outcome;
  absl::Status sink;                      // not OK when the bytes could not be written
  std::optional<base::ComponentId> from;  // who delivered the last of it
  absl::btree_map<base::ComponentId, uint64_t> delivered;  // bytes, by who brought them
  std::optional<wire::FileInfo> file;
  uint64_t bytes = 0;
  uint32_t failovers = 0;
  bool mismatch = false;  // what came did not have the recorded digest, at least once
  // Delivered, together, bytes without that digest; whoever did so alone has failed with DATA_LOSS.
  std::vector<base::ComponentId> suspects;
};

class IdList;

// ---- Lists: pages of every pillar in parallel, merged in file id order (as bytes); those of ids
// that are named come in their order, one row for each as often as it is named.
struct ListScope {
  base::CollectionId collection;
  wire::FileSelection files = {};               // one id, a prefix or all; unless `ids` are named
  std::shared_ptr<const IdList> ids = {};       // finished, and not empty
  std::vector<base::ComponentId> pillars = {};  // empty: all of the collection
  uint32_t page_items = 0;                      // 0: as the pillars like
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
// One file id and what each pillar says of it. A pillar in neither has not said: its list broke
// off. An item stays in the message that it came in, which lives as long as a row refers to it.
template <typename Item>
struct ListRow {
  std::string file_id;
  uint64_t number = 0;  // of several of one id in their order: blocks, removed generations
  absl::btree_map<base::ComponentId, std::shared_ptr<const Item>> pillars;
  // Whose list goes past this id without it, or who was asked for it by name and has it not.
  std::vector<base::ComponentId> lacking;
};
// Gets rows in order, each id once. The list goes on when `more` is called (on any thread): a slow
// reader holds the pillars' pages back, so memory stays flat.
template <typename Item>
using RowHandler =
    std::function<void(std::vector<ListRow<Item>> rows, absl::AnyInvocable<void()> more)>;
struct ListResult {
  base::ConversationId conversation;
  protocol::Outcome outcome;
  uint64_t rows = 0;
};

using ChecksumRow = ListRow<wire::ChecksumItem>;
struct GetChecksumsSpec {
  ListScope scope;
  wire::ChecksumSpec checksums;
  std::optional<uint64_t> offset = {};  // a range is of one file only
  std::optional<uint64_t> length = {};
  uint64_t block_bytes = 0;          // one row for each block of one file; 0: no blocks
  wire::TimeWindow calculated = {};  // by the digests on record
  RowHandler<wire::ChecksumItem> on_rows = {};
};
using FileIdRow = ListRow<wire::FileInfo>;
struct GetFileIdsSpec {
  ListScope scope;
  wire::TimeWindow stored = {};  // both ends open unless set
  RowHandler<wire::FileInfo> on_rows = {};
};
using FileInfoRow = ListRow<wire::FileInfoItem>;
struct GetFileInfosSpec {
  ListScope scope;
  std::optional<wire::ChecksumSpec> checksums = {};  // absent: no digests beside the one on record
  wire::TimeWindow stored = {};                      // both ends open unless set
  wire::TimeWindow calculated = {};                  // by the digests on record
  bool removed = false;  // the generations in quarantine; not with `ids`
  RowHandler<wire::FileInfoItem> on_rows = {};
};

// ---- What is told in pages, as its contributors tell it. Gets the pages of one contributor in
// order, those of several in any; the next page of a contributor is asked for when `more` is called
// (on any thread), and the operation ends when the last page of each has been taken in this way.
template <typename Final>
using PageHandler = std::function<void(const base::ComponentId& component, const Final& page,
                                       absl::AnyInvocable<void()> more)>;
// ---- GetAuditTrails: what was changed and what was refused, each trail by rising sequence.
struct GetAuditTrailsSpec {
  std::optional<base::CollectionId> collection = {};  // absent: records of any collection and none
  std::vector<base::ComponentId> pillars = {};  // empty: all of the collection, without one the
                                                // coordinator itself
  wire::GetAuditTrailsRequest query = {};
  uint32_t page_items = 0;  // 0: as the contributors like
  PageHandler<wire::GetAuditTrailsFinal> on_page = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};

// ---- GetConversation: what became of one, by the records of pillars or as the coordinator saw it.
struct GetConversationSpec {
  std::optional<base::CollectionId> collection = {};
  std::vector<base::ComponentId> pillars = {};  // empty: all of the collection, without one the
                                                // coordinator itself
  std::optional<base::ConversationId> conversation =
      {};  // absent, of the coordinator: those lately
  PageHandler<wire::GetConversationFinal> on_page = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};

// ---- Withdraws a conversation that was left to the pillars: what they still owe is cancelled, and
// the end tells what each had done by then.
struct WithdrawSpec {
  base::CollectionId collection;
  wire::Operation operation = wire::OPERATION_UNSPECIFIED;
  TakenUp taken_up;
  std::string reason;
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};

// ---- GetAlarms: what was raised lately, from the coordinator, the newest first.
struct GetAlarmsSpec {
  wire::GetAlarmsRequest query = {};
  uint32_t page_items = 0;  // 0: as the coordinator likes
  PageHandler<wire::GetAlarmsFinal> on_page = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};

// ---- GetStatus: every pillar that serves the collection and, when asked, the coordinator.
struct GetStatusSpec {
  std::optional<base::CollectionId> collection = {};  // absent: the coordinator itself is asked
  std::vector<base::ComponentId> pillars = {};
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
using GetStatusResult = FinalsResult<wire::GetStatusFinal>;

// ---- SetRates: how fast pillars let bytes come, until they restart.
struct SetRatesSpec {
  std::optional<base::CollectionId> collection = {};  // whose pillars are meant
  std::vector<base::ComponentId> pillars = {};        // empty: all of the collection
  std::vector<wire::RateRule> rules = {};             // 1 to protocol::kRateRulesMax
  std::string reason = {};                            // for the audit trails
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
using SetRatesResult = FinalsResult<wire::SetRatesFinal>;

// ---- GetRoster: who is on the bus, as the coordinator sees it.
struct GetRosterSpec {
  std::optional<protocol::Patience> patience = {};
  OperationEvents events = {};
};
struct GetRosterResult {
  base::ConversationId conversation;
  protocol::Outcome outcome;
  wire::RosterReply roster;
};

// Called on the client's loop, once, last.
template <typename Result>
using EndHandler = absl::AnyInvocable<void(Result)>;

// What an operation under way lets others do with it.
class OperationControl {
 public:
  virtual ~OperationControl() = default;
  virtual void Cancel(absl::string_view reason) = 0;
  virtual std::optional<protocol::ConversationRemains> Leave() = 0;
};

// A hold on an operation under way; it goes on without it. A value; may outlive operation and
// client. Threads: loop-confined.
class Operation {
 public:
  Operation() = default;
  Operation(base::ConversationId id, std::weak_ptr<OperationControl> control)
      : id_(id), control_(std::move(control)) {}
  const base::ConversationId& id() const { return id_; }
  bool running() const { return !control_.expired(); }
  // Withdraws what is owed; the end follows (as cancelled, or as the finals say). Fine after the
  // end.
  void Cancel(absl::string_view reason) {
    if (std::shared_ptr<OperationControl> control = control_.lock()) control->Cancel(reason);
  }
  // Leaves it to the pillars, untold: it does not end here any more. Gives what another process
  // needs to take it up; nothing when it has ended. Not from inside one of its events.
  std::optional<protocol::ConversationRemains> Leave() {
    std::shared_ptr<OperationControl> control = control_.lock();
    return control == nullptr ? std::nullopt : control->Leave();
  }

 private:
  base::ConversationId id_;
  std::weak_ptr<OperationControl> control_;
};

}  // namespace bitrepo::client
