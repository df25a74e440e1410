// SPDX-License-Identifier: Apache-2.0
// Who is connected, and who is expected: the membership as the broker knows it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "bus/link.h"
#include "proto/hub.pb.h"

namespace bitrepo::broker {

using bus::PeerNumber;

struct Member {
  PeerNumber peer = 0;
  wire::Hello hello;
  absl::Time last_heard;
  wire::Load load;
};

// Loop-confined value. At most one pillar for each component id, one client for each session.
class Roster {
 public:
  using Collections = absl::btree_map<std::string, absl::btree_set<std::string>>;
  explicit Roster(Collections collections);

  // Requires: the peer is no member, its pillar id or session is free.
  Member& Add(PeerNumber peer, wire::Hello hello, absl::Time now);
  void Remove(PeerNumber peer);
  // nullptr for those who are not there. Good until the member is removed.
  Member* Find(PeerNumber peer);
  Member* FindPillar(const std::string& id);
  Member* FindSession(const std::string& session);
  // Whose session it is: a client's, or a pillar's, which is its id.
  Member* FindAsker(const std::string& session);
  // The member whose place that HELLO claims.
  Member* Holder(const wire::Hello& hello);

  bool HasCollection(const std::string& id) const { return collections_.contains(id); }
  bool IsExpected(const std::string& pillar) const { return expected_.contains(pillar); }
  // Expected there, and does not say that it keeps it.
  std::vector<std::string> LackedBy(const wire::Hello& pillar) const;
  // Kept by it, and not configured, or not expected there of it.
  std::vector<std::string> StrangeOf(const wire::Hello& pillar) const;

  struct Attendance {
    std::vector<Member*> present;   // expected, connected, and keeping the collection; by id
    std::vector<std::string> away;  // the other expected ones; by id
  };
  // Requires: HasCollection.
  Attendance Attend(const std::string& collection);

  // Connected members and expected pillars, sorted by id; as many as fit `bytes_max`, pillars
  // first.
  wire::RosterReply Describe(absl::Time now, size_t bytes_max) const;
  const std::map<PeerNumber, Member>& members() const { return members_; }
  const Collections& collections() const { return collections_; }

 private:
  Collections collections_;
  absl::btree_set<std::string> expected_;
  std::map<PeerNumber, Member> members_;
  absl::btree_map<std::string, PeerNumber> pillars_;
  absl::btree_map<std::string, PeerNumber> sessions_;
};

}  // namespace bitrepo::broker
