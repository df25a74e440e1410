// SPDX-License-Identifier: Apache-2.0
#include "coordinator/watch/timeline.h"

#include <utility>

#include "bus/protocol/field_rules.h"
#include "bus/protocol/primitive.h"
#include "bus/protocol/subject.h"

namespace bitrepo::watch {
namespace {

using protocol::Destination;
using protocol::Envelope;
using protocol::Speaker;

// What a map's node and the bookkeeping of one conversation, contributor or message take besides
// their texts.
constexpr size_t kConversationBytes = 512;
constexpr size_t kContributorBytes = 96;

Speaker SpeakerOf(wire::Kind kind) {
  const protocol::KindRow* row = protocol::FindKind(kind);
  return row == nullptr ? Speaker::kMember : row->speaker;
}

wire::ObservedMessage Observe(const Envelope& copy, absl::Time wall_now) {
  wire::ObservedMessage message;
  message.set_at_us(absl::ToUnixMicros(wall_now));
  message.set_kind(copy.header.kind());
  message.set_from(copy.header.from());
  message.set_to(copy.destination.ToString());
  message.set_message_id(copy.header.message_id());
  message.set_answers(copy.header.answers());
  if (copy.body.has_response()) {
    message.mutable_response()->set_code(copy.body.response().code());
    message.mutable_response()->set_text(
        protocol::FittingText(copy.body.response().text(), kObservedTextBytesMax));
  }
  if (copy.body.has_progress()) {
    message.set_phase(copy.body.progress().phase());
    message.set_bytes_done(copy.body.progress().bytes_done());
    message.set_bytes_total(copy.body.progress().bytes_total());
  }
  return message;
}

}  // namespace

void Timeline::OnCopy(const Envelope& copy, absl::Time wall_now) {
  if (copy.conversation().is_zero() || copy.destination.kind == Destination::Kind::kCoordinator) {
    return;
  }
  Seen* seen = Open(copy, wall_now);
  if (seen == nullptr) {
    return;
  }
  Touch(copy.conversation(), *seen);
  seen->facts.set_last_us(absl::ToUnixMicros(wall_now));
  seen->facts.set_messages(seen->facts.messages() + 1);
  NoteParties(copy, *seen);
  Keep(copy, wall_now, *seen);
  while (conversations_.size() > 1 && bytes_ > limits_.bytes_max) {
    ForgetOldest();
  }
}

// Askers begin a conversation; so do pillars, for one that began before this coordinator. The
// broker's own words only join one, and so do finals of what the coordinator answers itself.
Timeline::Seen* Timeline::Open(const Envelope& copy, absl::Time wall_now) {
  const auto found = conversations_.find(copy.conversation());
  if (found != conversations_.end()) {
    return &found->second;
  }
  const Speaker speaker = SpeakerOf(copy.header.kind());
  const bool begins = speaker == Speaker::kAsker ||
                      (speaker == Speaker::kContributor && copy.header.from() != coordinator_id_);
  if (!begins) {
    return nullptr;
  }
  if (conversations_.size() >= limits_.conversations_max) {
    ForgetOldest();
  }
  Seen& seen = conversations_[copy.conversation()];
  seen.place = next_place_++;
  by_place_.emplace(seen.place, copy.conversation());
  seen.facts.set_conversation_id(copy.header.conversation_id());
  seen.facts.set_first_us(absl::ToUnixMicros(wall_now));
  Grow(seen, kConversationBytes);
  return &seen;
}

void Timeline::Touch(const base::ConversationId& id, Seen& seen) {
  by_touch_.erase(seen.touch);
  seen.touch = next_touch_++;
  by_touch_.emplace(seen.touch, id);
}

void Timeline::NoteParties(const Envelope& copy, Seen& seen) {
  const wire::Header& header = copy.header;
  wire::ObservedConversation& facts = seen.facts;
  if (facts.operation() == wire::OPERATION_UNSPECIFIED) {
    facts.set_operation(header.operation());
  }
  if (facts.collection_id().empty()) {
    facts.set_collection_id(header.collection_id());
  }
  if (facts.file_id().empty()) {
    facts.set_file_id(protocol::FileIdOf(copy.body));
    Grow(seen, facts.file_id().size());
  }
  if (facts.principal().empty() && SpeakerOf(header.kind()) == Speaker::kAsker) {
    facts.set_principal(header.from());
  }
  const auto settle = [&](const std::string& pillar, State state) {
    const auto found = seen.contributors.find(pillar);
    if (found != seen.contributors.end() && found->second.request == header.answers()) {
      found->second.state = state;
    }
  };
  switch (header.kind()) {
    case wire::REQUEST: {
      const std::string& pillar = copy.destination.id;
      const bool known = seen.contributors.contains(pillar);
      if (known || seen.contributors.size() < limits_.contributors_max) {
        Contributor& asked = seen.contributors[pillar];
        // The same request said again of one that has answered is answered again.
        if (asked.request != header.message_id() || asked.state == State::kFailed) {
          asked = {header.message_id(), State::kOwed};
        }
        if (!known) {
          Grow(seen, kContributorBytes + pillar.size());
        }
      }
      return;
    }
    case wire::FINAL:
      return settle(header.from(), copy.body.response().code() == wire::OPERATION_COMPLETED
                                       ? State::kDone
                                       : State::kFailed);
    case wire::UNDELIVERED:
      return settle(copy.body.undelivered().to(), State::kFailed);
    case wire::REFUSED:
      for (auto& [pillar, contributor] : seen.contributors) {
        settle(pillar, State::kFailed);
      }
      return;
    default:
      return;
  }
}

void Timeline::Keep(const Envelope& copy, absl::Time wall_now, Seen& seen) {
  wire::ObservedMessage message = Observe(copy, wall_now);
  Grow(seen, message.SpaceUsedLong());
  if (seen.first.size() < limits_.first_messages_max) {
    seen.first.push_back(std::move(message));
    return;
  }
  seen.last.push_back(std::move(message));
  if (seen.last.size() > limits_.last_messages_max) {
    Shrink(seen, seen.last.front().SpaceUsedLong());
    seen.last.pop_front();
  }
}

void Timeline::Grow(Seen& seen, size_t bytes) {
  seen.bytes += bytes;
  bytes_ += bytes;
}

void Timeline::Shrink(Seen& seen, size_t bytes) {
  seen.bytes -= bytes;
  bytes_ -= bytes;
}

void Timeline::ForgetOldest() {
  const auto oldest = by_touch_.begin();
  const auto found = conversations_.find(oldest->second);
  bytes_ -= found->second.bytes;
  by_place_.erase(found->second.place);
  conversations_.erase(found);
  by_touch_.erase(oldest);
  ++forgotten_;
}

wire::ObservedConversation Timeline::Facts(const Seen& seen) {
  wire::ObservedConversation facts = seen.facts;
  for (const auto& [pillar, contributor] : seen.contributors) {
    switch (contributor.state) {
      case State::kOwed:
        facts.add_owed_by(pillar);
        break;
      case State::kDone:
        facts.add_done_by(pillar);
        break;
      case State::kFailed:
        facts.add_failed_at(pillar);
        break;
    }
  }
  return facts;
}

std::optional<wire::ObservedConversation> Timeline::Describe(const base::ConversationId& id) const {
  const auto found = conversations_.find(id);
  if (found == conversations_.end()) {
    return std::nullopt;
  }
  wire::ObservedConversation observed = Facts(found->second);
  for (const auto& message : found->second.first) {
    *observed.add_timeline() = message;
  }
  for (const auto& message : found->second.last) {
    *observed.add_timeline() = message;
  }
  return observed;
}

std::vector<Timeline::Placed> Timeline::List(uint64_t place, size_t count) const {
  std::vector<Placed> listed;
  for (auto it = by_place_.lower_bound(place); it != by_place_.begin() && listed.size() < count;) {
    --it;
    listed.push_back({it->first, Facts(conversations_.at(it->second))});
  }
  return listed;
}

}  // namespace bitrepo::watch
