// SPDX-License-Identifier: Apache-2.0
#include "bus/protocol/asker.h"

#include <algorithm>
#include <utility>

namespace bitrepo::protocol {

absl::StatusOr<Envelope> Asker::Make(wire::Kind kind, Destination destination, wire::Body body,
                                     absl::Time now, std::string secret) {
  const absl::Time wall_now = spec.wall_start + (now - started);
  wire::Header header;
  header.set_repository_id(spec.repository_id);
  header.set_conversation_id(spec.id.ToBytes());
  header.set_message_id(base::MessageId::Make(wall_now, random).ToBytes());
  header.set_kind(kind);
  header.set_operation(spec.operation);
  if (spec.collection.has_value()) {
    header.set_collection_id(spec.collection->text());
  }
  header.set_from(spec.principal);
  if (destination.kind == Destination::Kind::kPillar) {
    header.set_to(destination.id);
  }
  header.set_reply_to(spec.session);
  header.set_issued_at_us(std::max<int64_t>(absl::ToUnixMicros(wall_now), 0));
  return SealEnvelope(std::move(destination), std::move(header), std::move(body),
                      std::move(secret));
}

absl::Time Asker::Deadline(absl::Time last_word, absl::Duration patience) const {
  const absl::Duration absence = spec.patience.bus_absence;
  const absl::Time since = std::max(last_word, bus_changed);
  return std::min(since + (bus_up ? patience : absence), last_word + patience + absence);
}

void Resends::Restart(absl::Duration first, absl::Time now, base::Random& random) {
  pause_ = std::max(first, absl::Milliseconds(1));  // never two at one instant
  at_ = now + random.Jitter(pause_);
}

void Resends::Next(absl::Duration longest, absl::Time now, base::Random& random) {
  pause_ = std::max(pause_, std::min(2 * pause_, longest));
  at_ = now + random.Jitter(pause_);
}

}  // namespace bitrepo::protocol
