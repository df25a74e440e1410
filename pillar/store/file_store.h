// SPDX-License-Identifier: Apache-2.0
// The seam where a pillar keeps files: staged, published whole with its record, read back verified,
// listed in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/buffer.h"
#include "base/byte_range.h"
#include "base/checksum.h"
#include "base/ids.h"
#include "base/range_set.h"

namespace bitrepo::store {

inline constexpr size_t kBlockBytes =
    1024 * 1024;  // of file that one recorded XXH3-128 covers; the last is shorter
inline constexpr uint64_t kReadBytesMax = 64ull << 20;  // of one StoredFile::Read
inline constexpr uint64_t kFileBytesMax = 4ull
                                          << 40;  // of one file: its block digests are then 64 MiB
inline constexpr absl::Duration kAnswersKept = absl::Hours(7 * 24);
// How long what was deleted or replaced lies in quarantine: what is usual, and the least.
inline constexpr absl::Duration kQuarantineTerm = absl::Hours(90 * 24);
inline constexpr absl::Duration kQuarantineTermLeast = absl::Hours(7 * 24);
inline constexpr size_t kFindManyMax = 1000;  // ids of one FindMany
// What came of a file that was not published is kept so long for its put to go on with: what is
// usual, the least and the most.
inline constexpr absl::Duration kStagingTerm = absl::Hours(7 * 24);
inline constexpr absl::Duration kStagingTermLeast = absl::Hours(24);
inline constexpr absl::Duration kStagingTermMost = absl::Hours(90 * 24);
// A file of less is simply sent again.
inline constexpr uint64_t kResumableBytes = 4ull << 20;

// One generation of one file as it is kept.
struct FileRecord {
  base::FileId file_id;
  uint64_t number = 0;  // counts generations of this id here
  base::GenerationId generation;
  uint64_t size_bytes = 0;
  base::Digest sha256;
  absl::Time stored_at;      // wall clock
  absl::Time verified_at;    // wall clock: when the bytes were last read whole and found right
  std::string trouble = {};  // empty: held. Else why the bytes cannot be had: "missing", "damaged"
  std::optional<absl::Time> removed_at = {};  // wall clock: it lies in quarantine since
};

// The recorded answer to one request (one effect, also across crashes). Bytes are opaque here.
struct AnswerKey {
  std::string principal = {};
  base::ConversationId conversation = {};
  base::MessageId message_id = {};
  auto operator<=>(const AnswerKey&) const = default;
};
struct Answer {
  AnswerKey key = {};
  std::string body_sha256 = {};  // 32 bytes, of the request
  std::string final_body = {};   // empty: no final yet
  absl::Time recorded_at = {};   // wall clock
  bool interrupted = false;      // it was open when the store was last opened
};

// One record of the hash-chained audit ledger. The store adds sequence, time and chain.
struct AuditEvent {
  std::string action = {};  // PUT_FILE, STORE_OPENED, QUARANTINED ...
  std::string collection = {};
  std::string file_id = {};
  std::string principal = {};
  std::string conversation = {};  // text form
  std::string result = {};        // response code name
  std::string detail = {};        // at most 1 KiB; never a secret
};

// One record as it stands in the trail: audit_record.h says how it is chained.
struct AuditRecord {
  uint64_t sequence = 0;  // from 1, without gaps
  absl::Time at;          // wall clock, whole microseconds
  AuditEvent event;       // its detail cut to kAuditDetailBytesMax
  std::string hash;       // 32 bytes: the chain up to and with this record
};
struct AuditPage {
  std::vector<AuditRecord> records;  // by rising sequence, as they stand: nothing is verified
  uint64_t next_sequence = 0;        // where to go on; 0: complete
  uint64_t end_sequence = 0;         // of the last record there is now, and the chain up to it
  std::string end_hash;
};

// Who sends a file, and by what he knows its very bytes: the next one with the same principal and
// mark, of the same file and size, goes on with what came of this one.
struct StagingKey {
  std::string principal = {};
  std::string mark = {};          // without spaces; empty: nothing is kept for a next one
  std::string conversation = {};  // text form, of the request
};

// Makes durable what has come of a file on its way in, so that it is there after a power cut too.
// Thread-safe, beside the writes; may outlive the file.
class StagedSync {
 public:
  virtual ~StagedSync() = default;
  virtual bool due() const = 0;
  // Blocks. A sync that fails stops the store from writing.
  virtual void Run() = 0;
};

// A file on its way in. One strand at a time, but that Digest may go beside Write. Destroyed
// unpublished it is removed, at once or at the next start; or kept for the next one of its key.
// Lifetime: dies before its store.
class StagedFile {
 public:
  virtual ~StagedFile() = default;
  // What it has of an earlier one with its key, which was not published. Once, before all writes.
  virtual base::RangeSet held() const { return {}; }
  // Its bytes are not those they should be, or nobody needs them: they are not kept.
  virtual void Discard() {}
  // nullptr where nothing is kept.
  virtual std::shared_ptr<StagedSync> sync() { return nullptr; }
  // Any order; the same range again replaces. kResourceExhausted: no space, or more than was
  // announced.
  virtual absl::Status Write(uint64_t offset, std::span<const std::byte> bytes) = 0;
  // A help: digests what is written at `offset`, now or soon, while it is at hand. One strand too.
  // What was not digested in order Seal reads back.
  virtual void Digest(uint64_t /*offset*/, std::span<const std::byte> /*bytes*/) {}
  struct Facts {
    uint64_t size_bytes = 0;
    base::Digest sha256;
  };
  // Where digests only are kept, instead of all writes: the facts are those that the sender vouches
  // for, and Seal gives them. kUnimplemented where bytes are kept.
  virtual absl::Status Vouch(const Facts& /*facts*/) {
    return absl::UnimplementedError("this store keeps bytes: write them");
  }
  // No more comes: the facts of what is there. One pass over the bytes is needed only when they did
  // not come in order. kFailedPrecondition when there are holes before `size_bytes`.
  virtual absl::StatusOr<Facts> Seal(uint64_t size_bytes) = 0;
  // Fills `out` with what was written at `offset`, before or after Seal: for one more digest of it.
  // kOutOfRange past what has come.
  virtual absl::Status ReadBack(uint64_t offset, std::span<std::byte> out) = 0;
};

// A generation held open: stays readable whatever happens to its name. Thread-safe. Lifetime: dies
// before its store.
class StoredFile {
 public:
  virtual ~StoredFile() = default;
  virtual const FileRecord& record() const = 0;
  // Exactly the bytes of the range, every block it touches checked against its record. kDataLoss:
  // they are damaged (never returned, never "not found"; the store records it); kOutOfRange past
  // the end; kInvalidArgument for more than kReadBytesMax.
  virtual absl::StatusOr<base::Buffer> Read(base::ByteRange range) = 0;
  // As Read, from the medium and not from memory, as far as that can be had.
  virtual absl::StatusOr<base::Buffer> ReadFresh(base::ByteRange range) { return Read(range); }
};

// A sealed file and what is recorded with it, in one transaction.
struct Publication {
  base::CollectionId collection;
  base::FileId file_id;
  base::GenerationId generation;
  absl::Time stored_at;
  std::unique_ptr<StagedFile> staged;  // sealed
  Answer answer;                       // with its final
  AuditEvent audit;
  // The live generation must have this digest, and goes into quarantine in the same commit. Absent:
  // there must be no live one.
  std::optional<base::Digest> replaces = {};
};

// A live generation on its way into quarantine, with what is recorded of it, in one transaction.
struct Removal {
  base::CollectionId collection;
  base::FileId file_id;
  base::Digest sha256;  // that it must have
  absl::Time removed_at;
  Answer answer;  // with its final
  AuditEvent audit;
};

// A generation on its way back from quarantine.
struct Restoration {
  base::CollectionId collection;
  base::FileId file_id;
  base::GenerationId generation;              // zero: the one removed last
  std::optional<base::Digest> replaces = {};  // as in Publication
  absl::Time restored_at;
  Answer answer;  // with its final
  AuditEvent audit;
};

// Instants of the wall clock, both in it.
struct Window {
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
  bool Holds(absl::Time at) const { return at >= from && at <= until; }
};

struct ListQuery {
  base::CollectionId collection;
  std::string question = {};              // what is asked of the files: a cursor belongs to it too
  std::string prefix = {};                // of the file id, in bytes
  std::optional<base::FileId> only = {};  // this one
  Window stored = {};
  Window verified = {};
  bool removed = false;  // the generations in quarantine, those of one id by rising number
};

// Those records that all of it holds for; empty words hold for all.
struct AuditQuery {
  std::string collection = {};
  std::string file_id = {};
  std::string action = {};
  std::string principal = {};
  std::string conversation = {};  // text form
  uint64_t first_sequence = 0;    // both in it
  uint64_t last_sequence = std::numeric_limits<uint64_t>::max();
  Window at = {};
};
struct RecordPage {
  std::vector<FileRecord> records;  // sorted by file id, as bytes
  std::string next_cursor;          // empty: complete
};

struct CollectionCount {
  base::CollectionId collection;
  uint64_t files = 0;
  uint64_t bytes = 0;
  uint64_t quarantined_files = 0;
  uint64_t missing_files = 0;  // recorded, but the file is gone
  uint64_t damaged_files = 0;  // a read found other bytes than the record says
};
// What of a file has come and is not published.
struct StagedPart {
  base::CollectionId collection;
  base::FileId file_id;
  std::string principal;
  uint64_t bytes_done = 0;
  std::optional<uint64_t> bytes_total = {};
  absl::Time written_at;                      // wall clock
  std::optional<absl::Time> kept_until = {};  // wall clock; absent: it is coming in now
};
struct StoreReport {
  bool writable = false;
  std::string trouble;  // why not, or what is wrong; empty when well
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t waiting_bytes = 0;  // of parts that wait for the rest, and give way to what comes
  std::vector<CollectionCount> collections;
};

// Implementations: DiskFileStore (files beside a SQLite catalogue), MemoryFileStore; one
// conformance suite runs on both. Threads:  thread-safe; every call blocks: use a worker. Errors:
// kResourceExhausted no space; kDataLoss damaged bytes; kUnavailable the store stopped writing (it
// says why) and stays readable;
//           kFailedPrecondition a collection that is not kept here.
class FileStore {
 public:
  virtual ~FileStore() = default;
  virtual base::StoreId store_id() const = 0;
  virtual uint64_t incarnation() const = 0;  // rises at each open
  // False: digests only. Then Stage takes no Write but counts and digests what a sender vouches for
  // (see DigestStore), and Open is kUnimplemented.
  virtual bool keeps_bytes() const { return true; }

  // Space for `announced_bytes` is reserved by accounting; absent: unknown, taken as it comes.
  virtual absl::StatusOr<std::unique_ptr<StagedFile>> Stage(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes) = 0;
  // As Stage, for a file that may have come in part before: under the same key, with the same size,
  // and not longer ago than its term. One of a key at a time.
  virtual absl::StatusOr<std::unique_ptr<StagedFile>> StageAgain(
      const base::CollectionId& collection, const base::FileId& file_id,
      std::optional<uint64_t> announced_bytes, const StagingKey& /*key*/) {
    return Stage(collection, file_id, announced_bytes);
  }
  // Of those that StageAgain began: what is coming in, and what is kept of others. In no order.
  virtual std::vector<StagedPart> StagedFiles() { return {}; }
  // Removes what was kept for its term; returns of how many files.
  virtual uint64_t GiveUpStaged() { return 0; }
  // Room for what is never published and goes when it is dropped: a list on its way. As Stage, and
  // written to and read back also where no bytes of files are kept.
  virtual absl::StatusOr<std::unique_ptr<StagedFile>> StageScratch(
      const base::CollectionId& collection, std::optional<uint64_t> announced_bytes) {
    return Stage(collection, base::FileId::Parse("list").value(), announced_bytes);
  }
  // Makes a group durable and visible with shared syncs: data, names, then one commit of records,
  // answers and audit. One result for each, in order. kAlreadyExists: the id has a live generation
  // (nothing of that publication was recorded); only one that is missing, damaged or unproven here
  // is superseded, by bytes of the same size and digest. kFailedPrecondition: not sealed, or the
  // request has its final already, or what it replaces has another digest than it names (kAborted)
  // or is not there (kNotFound). When it returns OK for one, that one survives any crash; when it
  // fails, its staged file is gone; after kUnavailable the next start tells which way it went.
  virtual std::vector<absl::StatusOr<FileRecord>> Publish(std::vector<Publication> group) = 0;

  // As Publish, for what goes into quarantine: one commit, and the bytes stay where they are until
  // their term is over. kNotFound: no live generation; kAborted: it has another digest. A missing
  // or damaged one can be removed too.
  virtual std::vector<absl::StatusOr<FileRecord>> Remove(std::vector<Removal> group) = 0;
  // As Publish, for one that comes back; the result is its new record, with its old generation id.
  // kNotFound: no such generation in quarantine; kAlreadyExists: there is a live one and none was
  // named; kAborted: it has another digest; kDataLoss: its bytes are missing or damaged.
  virtual absl::StatusOr<FileRecord> Restore(Restoration restoration) = 0;
  // Removes for good what was put into quarantine before; returns how many generations. Each is
  // audited. At most `limit`; call again while it returns that many.
  virtual absl::StatusOr<uint64_t> PurgeQuarantine(absl::Time removed_before, uint32_t limit) = 0;

  // kNotFound: never had it, or it was removed. kDataLoss: it is recorded, but missing or damaged.
  virtual absl::StatusOr<FileRecord> Find(const base::CollectionId& collection,
                                          const base::FileId& file_id) = 0;
  // Of several, in their order; at most kFindManyMax. What is lost is found, with its trouble.
  virtual absl::StatusOr<std::vector<absl::StatusOr<FileRecord>>> FindMany(
      const base::CollectionId& collection, std::span<const base::FileId> file_ids) = 0;
  // The newest generation in quarantine; kNotFound where there is none.
  virtual absl::StatusOr<FileRecord> FindRemoved(const base::CollectionId& collection,
                                                 const base::FileId& file_id) = 0;
  // `generation` zero: the live one. Errors as Find; only that a damaged one opens: what is right
  // of it can be read.
  virtual absl::StatusOr<std::unique_ptr<StoredFile>> Open(
      const base::CollectionId& collection, const base::FileId& file_id,
      const base::GenerationId& generation) = 0;
  // One page of what is held; the cursor belongs to the query (kInvalidArgument otherwise) and
  // shows the collection as it was at the first page. At most `limit` and kPageRecordsMax;
  // kInvalidArgument for none. Missing and damaged files are listed with their trouble: what
  // is on record is never told as if it had not been. No page looks at more than so many rows: it
  // may hold fewer records than asked for, or none, and not be the last.
  virtual absl::StatusOr<RecordPage> List(const ListQuery& query, uint32_t limit,
                                          absl::string_view cursor) = 0;

  virtual absl::StatusOr<std::optional<Answer>> FindAnswer(const AnswerKey& key) = 0;
  // Records that the request was accepted, before its effect begins. Survives the death of the
  // process; a power cut that loses it loses the effect with it. Fine when it is there already (it
  // is then no longer interrupted); kAlreadyExists when it is there with another body_sha256.
  virtual absl::Status OpenAnswer(const Answer& answer) = 0;
  // Records finals that changed nothing (refusals, failures) with their audit, in one commit;
  // durable. A final that is there already stays as it is.
  virtual absl::Status CloseAnswers(std::vector<std::pair<Answer, AuditEvent>> closed) = 0;
  // Open answers older than `age` and interrupted: a final of FAILURE is owed to the record.
  // Removes finals older than 7 days.
  virtual absl::StatusOr<std::vector<Answer>> InterruptedAnswers(absl::Duration age) = 0;

  // The time before which answers may have been forgotten (the catalogue was rebuilt then): a
  // request issued before it and without a recorded answer is refused as EXPIRED. InfinitePast when
  // none were.
  virtual absl::Time answers_since() const { return absl::InfinitePast(); }

  // Every answer to this conversation that is on record, open ones too, in order of message id; at
  // most `limit`.
  virtual absl::StatusOr<std::vector<Answer>> AnswersOf(const base::ConversationId& conversation,
                                                        uint32_t limit) = 0;

  // At most `limit` records from `query.first_sequence` on, and no more than a limited look at the
  // trail: a page may be empty and not the last. Go on with next_sequence.
  virtual absl::StatusOr<AuditPage> ReadAudit(const AuditQuery& query, uint32_t limit) = 0;
  // Reads the whole trail and what it is held against. kDataLoss names the first record that does
  // not follow.
  virtual absl::Status VerifyAudit() = 0;

  // Survives the death of the process; durable with the next commit of a change. Use it for what
  // changed nothing.
  virtual absl::Status AppendAudit(std::vector<AuditEvent> events) = 0;
  // A real self-check: writes, syncs and removes a probe; counts.
  virtual absl::StatusOr<StoreReport> Check() = 0;
};

}  // namespace bitrepo::store
