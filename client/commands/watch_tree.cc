// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_tree.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "bus/protocol/primitive.h"

namespace bitrepo::commands {
namespace {

using protocol::Destination;

bool IsAsked(const Heard& heard) {
  const protocol::KindRow* row = protocol::FindKind(heard.copy.header.kind());
  return row != nullptr && row->speaker == protocol::Speaker::kAsker;
}

// Nothing more answers what this answers.
bool IsLastWord(wire::Kind kind) {
  return kind == wire::FINAL || kind == wire::UNDELIVERED || kind == wire::REFUSED;
}

std::string AddresseeOf(const Heard& asked) {
  const Destination& to = asked.copy.destination;
  return to.kind == Destination::Kind::kCoordinator ? "coordinator" : to.id;
}

bool IsBusy(const Heard& reply) { return reply.copy.body.response().code() == wire::BUSY; }

// BUSY is one only as long as nothing follows: the same request may be taken later.
const Heard* LastWordOf(const TreeStep& step) {
  for (auto reply = step.replies.rbegin(); reply != step.replies.rend(); ++reply) {
    const bool taken_back = IsBusy(*reply) && reply != step.replies.rbegin();
    if (IsLastWord(reply->copy.header.kind()) && !taken_back) return &*reply;
  }
  return nullptr;
}

bool HasAnswered(const TreeStep& step, const std::string& pillar) {
  return std::any_of(step.replies.begin(), step.replies.end(),
                     [&pillar](const Heard& reply) { return reply.copy.header.from() == pillar; });
}

std::vector<std::string> SilentOf(const TreeStep& step) {
  std::vector<std::string> silent;
  const wire::Kind kind = step.asked.copy.header.kind();
  if (LastWordOf(step) != nullptr || kind == wire::CANCEL) return silent;
  if (kind == wire::REQUEST) return {AddresseeOf(step.asked)};
  if (step.asked.copy.destination.kind != Destination::Kind::kCollection) {
    const std::string pillar = AddresseeOf(step.asked);
    if (!HasAnswered(step, pillar)) silent.push_back(pillar);
    return silent;
  }
  for (const Heard& reply : step.replies) {
    for (const std::string& pillar : reply.copy.body.routed().sent_to()) {
      if (!HasAnswered(step, pillar)) silent.push_back(pillar);
    }
  }
  return silent;
}

enum class State { kOwed, kDone, kFailed, kAbsent };

bool IsHeldAlready(const wire::Body& reply) {
  return reply.put_file_identify_reply().already_held() ||
         reply.replace_file_identify_reply().already_held();
}

// What became of each that was asked, by the last request to it; who had it already was not asked.
absl::btree_map<std::string, State> StatesOf(const TreeGroup& group) {
  absl::btree_map<std::string, State> states;
  for (const TreeStep& step : group.steps) {
    for (const Heard& reply : step.replies) {
      if (IsHeldAlready(reply.copy.body)) states[reply.copy.header.from()] = State::kDone;
    }
    if (step.asked.copy.header.kind() != wire::REQUEST) continue;
    State& state = states[AddresseeOf(step.asked)];
    const Heard* last = LastWordOf(step);
    if (last == nullptr) {
      state = State::kOwed;
    } else if (last->copy.header.kind() == wire::UNDELIVERED || IsBusy(*last)) {
      state = State::kAbsent;
    } else {
      const bool done = last->copy.header.kind() == wire::FINAL &&
                        last->copy.body.response().code() == wire::OPERATION_COMPLETED;
      state = done ? State::kDone : State::kFailed;
    }
  }
  return states;
}

bool OneIsEnough(const TreeGroup& group) { return group.operation == wire::GET_FILE; }

// Those who could have been wanted and were asked for nothing: they said no, or were silent, or
// are away.
std::vector<std::string> NotAsked(const TreeGroup& group,
                                  const absl::btree_map<std::string, State>& states) {
  absl::btree_set<std::string> names;
  for (const TreeStep& step : group.steps) {
    if (step.asked.copy.header.kind() != wire::IDENTIFY || OneIsEnough(group)) continue;
    if (step.asked.copy.destination.kind == Destination::Kind::kPillar) {
      names.insert(AddresseeOf(step.asked));
    }
    for (const Heard& reply : step.replies) {
      const wire::Routed& routed = reply.copy.body.routed();
      names.insert(routed.sent_to().begin(), routed.sent_to().end());
      names.insert(routed.away().begin(), routed.away().end());
    }
  }
  std::vector<std::string> not_asked;
  for (const std::string& name : names) {
    if (!states.contains(name)) not_asked.push_back(name);
  }
  return not_asked;
}

std::string VerdictOf(const TreeGroup& group) {
  if (!group.owed.empty()) return "open";
  if (group.done.empty()) return group.failed.empty() ? "no-request" : "failed";
  const bool by_all = group.failed.empty() && group.not_asked.empty();
  return by_all || OneIsEnough(group) ? "done" : "partial";
}

}  // namespace

TreeGroup WatchTree::Close(Groups::iterator open) {
  NoteEnd(open->first);
  TreeGroup group = std::move(open->second.group);
  ends_.erase({open->second.end, open->first});
  groups_.erase(open);
  for (TreeStep& step : group.steps) step.silent = SilentOf(step);
  const auto states = StatesOf(group);
  group.not_asked = NotAsked(group, states);
  for (const auto& [name, state] : states) {
    auto& names = state == State::kOwed   ? group.owed
                  : state == State::kDone ? group.done
                                          : group.failed;
    names.push_back(name);
  }
  group.verdict = VerdictOf(group);
  return group;
}

void WatchTree::NoteEnd(const std::string& id) {
  if (!ended_.insert(id).second) return;
  ended_order_.push_back(id);
  if (ended_order_.size() > limits_.ended_max) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

absl::Time WatchTree::EndOf(const TreeGroup& group) const {
  const auto states = StatesOf(group);
  const auto has = [&states](State wanted) {
    return std::any_of(states.begin(), states.end(),
                       [wanted](const auto& each) { return each.second == wanted; });
  };
  bool requested = false;
  bool unanswered = false;
  bool due = false;  // said that it can, or is busy, and has not been asked yet
  for (const TreeStep& step : group.steps) {
    const wire::Kind kind = step.asked.copy.header.kind();
    requested |= kind == wire::REQUEST;
    unanswered |= !SilentOf(step).empty() || (kind == wire::IDENTIFY && step.replies.empty());
    for (const Heard& reply : step.replies) {
      due |=
          (reply.copy.body.response().code() == wire::IDENTIFICATION_POSITIVE || IsBusy(reply)) &&
          !states.contains(reply.copy.header.from());
    }
  }
  if (has(State::kOwed) || (!requested && (unanswered || due))) {
    return group.last + limits_.open_quiet;
  }
  const bool may_go_on = has(State::kAbsent) || (due && !OneIsEnough(group));
  return group.last + (may_go_on ? limits_.absent_quiet : limits_.settled_quiet);
}

void WatchTree::Place(Heard heard, TreeGroup& group) const {
  const wire::Header& header = heard.copy.header;
  ++group.messages;
  group.last = std::max(group.last, heard.at);
  if (group.operation == wire::OPERATION_UNSPECIFIED) group.operation = header.operation();
  if (group.collection.empty()) group.collection = header.collection_id();
  if (group.file.empty()) group.file = heard.file;
  const bool asked = IsAsked(heard);
  if (asked && group.principal.empty()) group.principal = header.from();
  TreeStep* step = nullptr;
  for (TreeStep& each : group.steps) {
    const std::string& id = each.asked.copy.header.message_id();
    if (id == (asked ? header.message_id() : header.answers())) step = &each;
  }
  if (asked && step != nullptr) {
    ++step->repeats;
    return;
  }
  const bool counts = asked || IsLastWord(header.kind());
  if (!counts && group.messages > limits_.messages_of_group_max) {
    ++group.left_out;
  } else if (asked && group.steps.size() < limits_.messages_of_group_max) {
    group.steps.push_back({.asked = std::move(heard)});
  } else if (step != nullptr) {
    if (step->replies.size() < limits_.messages_of_group_max) {
      step->replies.push_back(std::move(heard));
    } else {
      ++group.left_out;
    }
  } else if (group.loose.size() < limits_.messages_of_group_max) {
    group.loose.push_back(std::move(heard));
  } else {
    ++group.left_out;
  }
}

void WatchTree::OnHeard(Heard heard, bool wanted, std::vector<TreeGroup>& closed) {
  OnTime(heard.at, closed);
  const std::string id = heard.copy.header.conversation_id();
  if (id.empty()) {
    TreeGroup group{.first = heard.at, .last = heard.at, .wanted = wanted};
    ++group.messages;
    group.loose.push_back(std::move(heard));
    closed.push_back(std::move(group));
    return;
  }
  // Its asker may go on with it; what was said before and answers do not begin it anew.
  if (!groups_.contains(id) && ended_.contains(id) && (!IsAsked(heard) || heard.repeated)) {
    TreeGroup group{.conversation_id = id, .first = heard.at, .last = heard.at, .wanted = wanted};
    Place(std::move(heard), group);
    group.verdict = "late";
    closed.push_back(std::move(group));
    return;
  }
  if (groups_.size() >= limits_.groups_max && !groups_.contains(id)) {
    // The first to end by itself: what is settled before what is owed, the longest silent of each.
    closed.push_back(Close(groups_.find(ends_.begin()->second)));
  }
  Open& open = groups_[id];
  TreeGroup& group = open.group;
  if (group.messages == 0) {
    group.conversation_id = id;
    group.first = heard.at;
    group.last = heard.at;
  }
  group.wanted |= wanted;
  Place(std::move(heard), group);
  ends_.erase({open.end, id});
  open.end = EndOf(group);
  ends_.emplace(open.end, id);
}

absl::Time WatchTree::WakeAt() const {
  return ends_.empty() ? absl::InfiniteFuture() : ends_.begin()->first;
}

void WatchTree::OnTime(absl::Time now, std::vector<TreeGroup>& closed) {
  while (!ends_.empty() && ends_.begin()->first <= now) {
    closed.push_back(Close(groups_.find(ends_.begin()->second)));
  }
}

void WatchTree::Finish(std::vector<TreeGroup>& closed) {
  std::vector<TreeGroup> rest;
  while (!groups_.empty()) rest.push_back(Close(groups_.begin()));
  std::stable_sort(rest.begin(), rest.end(),
                   [](const TreeGroup& a, const TreeGroup& b) { return a.first < b.first; });
  std::move(rest.begin(), rest.end(), std::back_inserter(closed));
}

}  // namespace bitrepo::commands
