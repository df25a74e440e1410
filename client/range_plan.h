// SPDX-License-Identifier: Apache-2.0
// Which pillar fetches which ranges of a get: pieces to whoever is free, moved away from who stands
// still or is much slower than the others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/ids.h"
#include "base/range_set.h"

namespace bitrepo::client {

inline constexpr uint32_t kSourcesUsual = 3;  // pillars that serve one large get at once
inline constexpr uint32_t kSourcesMax = 16;
// Less than this is fetched from one pillar.
inline constexpr uint64_t kSeveralSourcesFromBytes = uint64_t{64} << 20;
// A piece is an eighth of what each source would have of the whole, within these bounds: small
// enough that the last ones end together, large enough that the request for each costs nothing.
inline constexpr uint64_t kPiecesEach = 8;
inline constexpr uint64_t kPieceBytesMin = uint64_t{32} << 20;
inline constexpr uint64_t kPieceBytesMax = uint64_t{1} << 30;
inline constexpr size_t kPieceRangesMax = 256;  // that one piece may lie in
// A source without a byte for so long, while another moves, gives its share away.
inline constexpr absl::Duration kStalledAfter = absl::Seconds(5);
// A free source takes the rest of another's share when it needs less than one part in so many of
// the time for it, and when there is more of it than would cross the change anyway (or it would
// last as long as a stall).
inline constexpr double kOvertakesBy = 3;
inline constexpr uint64_t kTakenOverBytesMin = uint64_t{8} << 20;
inline constexpr absl::Duration kPlanTick = absl::Seconds(1);

enum class SourceState {
  kUnknown,  // never said that it could serve
  kFree,     // could serve, and has nothing to do
  kBusy,     // has a share
  kSlow,     // was relieved of its share; serves again when nobody else can
  kOut,      // failed: serves no more
};
inline constexpr size_t kSourceStates = 5;

enum class SourceEvent {
  kOffered,    // it says that it could serve
  kAccepted,   // it has taken up a request
  kMoved,      // bytes of it were written
  kDone,       // all of its share was written
  kLost,       // it failed, or what it sends is of no use
  kStalled,    // kStalledAfter without a byte, while another moved
  kOvertaken,  // a free source would be done much sooner
};
inline constexpr size_t kSourceEvents = 7;

enum class SourceAction {
  kIgnore,
  kGive,     // gets a share where one is left
  kNote,     // is measured
  kTake,     // its share is free for others
  kRelieve,  // as kTake, and the host is told to stop it
};

struct SourceCell {
  SourceState next;
  SourceAction action;
};

namespace source_table {
using S = SourceState;
using A = SourceAction;
using Row = std::array<SourceCell, kSourceEvents>;
// Events: offered, accepted, moved, done, lost, stalled, overtaken. What gives a share makes it
// kBusy where there is one.
inline constexpr std::array<Row, kSourceStates> kCells = {{
    {{{S::kFree, A::kGive},
      {S::kFree, A::kGive},
      {S::kUnknown, A::kIgnore},
      {S::kUnknown, A::kIgnore},
      {S::kOut, A::kTake},
      {S::kUnknown, A::kIgnore},
      {S::kUnknown, A::kIgnore}}},
    {{{S::kFree, A::kIgnore},
      {S::kFree, A::kGive},
      {S::kFree, A::kIgnore},
      {S::kFree, A::kIgnore},
      {S::kOut, A::kTake},
      {S::kFree, A::kIgnore},
      {S::kFree, A::kIgnore}}},
    {{{S::kBusy, A::kIgnore},
      {S::kBusy, A::kNote},
      {S::kBusy, A::kNote},
      {S::kFree, A::kGive},
      {S::kOut, A::kTake},
      {S::kSlow, A::kRelieve},
      {S::kSlow, A::kRelieve}}},
    {{{S::kSlow, A::kIgnore},
      {S::kFree, A::kGive},
      {S::kSlow, A::kIgnore},
      {S::kSlow, A::kIgnore},
      {S::kOut, A::kTake},
      {S::kSlow, A::kIgnore},
      {S::kSlow, A::kIgnore}}},
    {{{S::kOut, A::kIgnore},
      {S::kOut, A::kIgnore},
      {S::kOut, A::kIgnore},
      {S::kOut, A::kIgnore},
      {S::kOut, A::kIgnore},
      {S::kOut, A::kIgnore},
      {S::kOut, A::kIgnore}}},
}};
}  // namespace source_table

constexpr SourceCell CellOf(SourceState state, SourceEvent event) {
  return source_table::kCells[static_cast<size_t>(state)][static_cast<size_t>(event)];
}

// What the host is to do, in this order.
struct RangeOrder {
  enum class Kind {
    kAsk,      // the source for its share, in a new request
    kRelieve,  // stop the source; its share is another's
  };
  Kind kind;
  base::ComponentId source;
  bool operator==(const RangeOrder&) const = default;
};
using RangeOutbox = std::vector<RangeOrder>;

// A pure machine; its table is source_table. `owed` is always what is not written yet: the plan
// keeps who is to fetch what, not what has come. Each byte that is owed is in one share or in none.
// Threads: loop-confined.
class RangePlan {
 public:
  // At most `sources_max` have a share at once; one alone gets all that is owed.
  RangePlan(const base::RangeSet& owed, uint32_t sources_max, absl::Time now);

  void OnOffered(const base::ComponentId& source, const base::RangeSet& owed, absl::Time now,
                 RangeOutbox& out);
  // It may fetch: what, is in share(); nothing when it is not needed. No kAsk follows for it.
  void OnAccepted(const base::ComponentId& source, const base::RangeSet& owed, absl::Time now,
                  RangeOutbox& out);
  void OnMoved(const base::ComponentId& source, uint64_t bytes, absl::Time now);
  void OnDone(const base::ComponentId& source, const base::RangeSet& owed, absl::Time now,
              RangeOutbox& out);
  void OnLost(const base::ComponentId& source, const base::RangeSet& owed, absl::Time now,
              RangeOutbox& out);
  void OnTime(const base::RangeSet& owed, absl::Time now, RangeOutbox& out);
  absl::Time WakeAt() const;  // InfiniteFuture where there is nothing to compare

  // What of its share is owed; empty when it has none.
  base::RangeSet share(const base::ComponentId& source, const base::RangeSet& owed) const;
  SourceState state(const base::ComponentId& source) const;
  uint64_t piece_bytes() const { return piece_bytes_; }

 private:
  struct Source {
    SourceState state = SourceState::kUnknown;
    base::RangeSet share;
    absl::Time since;          // it has its share
    absl::Time moved_at;       // or was given its share
    uint64_t moved_bytes = 0;  // since the last tick
    double rate = 0;           // bytes a second, lately; 0: not measured
  };
  // What one event works on.
  struct Moment {
    const base::RangeSet& owed;
    absl::Time now;
    RangeOutbox& out;
  };

  void Fire(const base::ComponentId& id, SourceEvent event, const Moment& at);
  // A share for one that is free, of what nobody has.
  void Give(const base::ComponentId& id, bool ask, const Moment& at);
  void GiveAll(const Moment& at);
  void Measure(absl::Time now);
  void RelieveTheStalled(const Moment& at);
  void Overtake(const base::ComponentId& id, const Moment& at);
  base::RangeSet Untaken(const base::RangeSet& owed) const;
  uint32_t BusyCount() const;
  double BestRate() const;

  const uint32_t sources_max_;
  uint64_t piece_bytes_;
  absl::Time ticked_at_;
  absl::btree_map<base::ComponentId, Source> sources_;
  std::vector<base::ComponentId> order_;  // as they offered
};

// ---- names, for tests and what they print
constexpr absl::string_view NameOf(SourceState state) {
  constexpr std::array<absl::string_view, kSourceStates> kNames = {"unknown", "free", "busy",
                                                                   "slow", "out"};
  return kNames[static_cast<size_t>(state)];
}
constexpr absl::string_view NameOf(SourceEvent event) {
  constexpr std::array<absl::string_view, kSourceEvents> kNames = {
      "offered", "accepted", "moved", "done", "lost", "stalled", "overtaken"};
  return kNames[static_cast<size_t>(event)];
}

}  // namespace bitrepo::client
