// SPDX-License-Identifier: Apache-2.0
#include "coordinator/broker/roster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace bitrepo::broker {
namespace {

bool Keeps(const wire::Hello& pillar, const std::string& collection) {
  return std::find(pillar.collections().begin(), pillar.collections().end(), collection) !=
         pillar.collections().end();
}

wire::RosterMember DescribeMember(const Member& member, absl::Time now) {
  wire::RosterMember described;
  described.set_component_id(member.hello.component_id());
  described.set_kind(member.hello.kind());
  *described.mutable_collections() = member.hello.collections();
  described.set_program_version(member.hello.program_version());
  described.set_pillar_kind(member.hello.pillar_kind());
  described.set_present(true);
  described.set_silent_us(static_cast<uint64_t>(
      std::max<int64_t>(0, absl::ToInt64Microseconds(now - member.last_heard))));
  *described.mutable_load() = member.load;
  return described;
}

// With its tag and length in the list.
size_t ListedBytes(const wire::RosterMember& member) { return member.ByteSizeLong() + 8; }

}  // namespace

Roster::Roster(Collections collections) : collections_(std::move(collections)) {
  for (const auto& [id, pillars] : collections_) {
    expected_.insert(pillars.begin(), pillars.end());
  }
}

Member& Roster::Add(PeerNumber peer, wire::Hello hello, absl::Time now) {
  auto& places = hello.kind() == wire::PILLAR ? pillars_ : sessions_;
  const std::string& place =
      hello.kind() == wire::PILLAR ? hello.component_id() : hello.session_id();
  const bool free = places.emplace(place, peer).second;
  const auto [member, fresh] = members_.emplace(peer, Member{peer, std::move(hello), now, {}});
  BITREPO_CHECK(free && fresh, "a member's place is free when it is added");
  return member->second;
}

void Roster::Remove(PeerNumber peer) {
  const auto found = members_.find(peer);
  if (found == members_.end()) {
    return;
  }
  const wire::Hello& hello = found->second.hello;
  if (hello.kind() == wire::PILLAR) {
    pillars_.erase(hello.component_id());
  } else {
    sessions_.erase(hello.session_id());
  }
  members_.erase(found);
}

Member* Roster::Find(PeerNumber peer) {
  const auto found = members_.find(peer);
  return found == members_.end() ? nullptr : &found->second;
}

Member* Roster::FindPillar(const std::string& id) {
  const auto found = pillars_.find(id);
  return found == pillars_.end() ? nullptr : Find(found->second);
}

Member* Roster::FindSession(const std::string& session) {
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? nullptr : Find(found->second);
}

Member* Roster::FindAsker(const std::string& session) {
  Member* client = FindSession(session);
  return client != nullptr ? client : FindPillar(session);
}

Member* Roster::Holder(const wire::Hello& hello) {
  return hello.kind() == wire::PILLAR ? FindPillar(hello.component_id())
                                      : FindSession(hello.session_id());
}

std::vector<std::string> Roster::LackedBy(const wire::Hello& pillar) const {
  std::vector<std::string> lacked;
  for (const auto& [id, pillars] : collections_) {
    if (pillars.contains(pillar.component_id()) && !Keeps(pillar, id)) {
      lacked.push_back(id);
    }
  }
  return lacked;
}

std::vector<std::string> Roster::StrangeOf(const wire::Hello& pillar) const {
  std::vector<std::string> strange;
  for (const std::string& id : pillar.collections()) {
    const auto found = collections_.find(id);
    if (found == collections_.end() || !found->second.contains(pillar.component_id())) {
      strange.push_back(id);
    }
  }
  return strange;
}

Roster::Attendance Roster::Attend(const std::string& collection) {
  const auto found = collections_.find(collection);
  BITREPO_CHECK(found != collections_.end(), "only configured collections are attended");
  Attendance attendance;
  for (const std::string& id : found->second) {
    Member* member = FindPillar(id);
    if (member != nullptr && Keeps(member->hello, collection)) {
      attendance.present.push_back(member);
    } else {
      attendance.away.push_back(id);
    }
  }
  return attendance;
}

wire::RosterReply Roster::Describe(absl::Time now, size_t bytes_max) const {
  std::vector<wire::RosterMember> described;
  for (const std::string& id : expected_) {
    if (pillars_.contains(id)) {
      continue;
    }
    wire::RosterMember& away = described.emplace_back();
    away.set_component_id(id);
    away.set_kind(wire::PILLAR);
    for (const auto& [collection, pillars] : collections_) {
      if (pillars.contains(id)) {
        away.add_collections(collection);
      }
    }
  }
  for (const auto& [peer, member] : members_) {
    described.push_back(DescribeMember(member, now));
  }
  std::stable_sort(described.begin(), described.end(), [](const auto& a, const auto& b) {
    return std::pair(a.kind() != wire::PILLAR, a.component_id()) <
           std::pair(b.kind() != wire::PILLAR, b.component_id());
  });
  size_t bytes = 0;
  size_t fitting = 0;
  while (fitting < described.size() && bytes + ListedBytes(described[fitting]) <= bytes_max) {
    bytes += ListedBytes(described[fitting++]);
  }
  wire::RosterReply reply;
  reply.set_left_out(static_cast<uint32_t>(described.size() - fitting));
  described.resize(fitting);
  std::stable_sort(described.begin(), described.end(), [](const auto& a, const auto& b) {
    return a.component_id() < b.component_id();
  });
  for (wire::RosterMember& member : described) {
    *reply.add_members() = std::move(member);
  }
  return reply;
}

}  // namespace bitrepo::broker
