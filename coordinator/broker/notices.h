// SPDX-License-Identifier: Apache-2.0
// The broker's own messages: what it says to one component, sealed and ready to send.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "bus/protocol/envelope.h"
#include "coordinator/broker/broker_spec.h"

namespace bitrepo::broker {

// Where a component hears.
protocol::Destination AddressOf(const wire::Hello& hello);

// Loop-confined. Lifetime: `random` outlives it. What could not be sealed comes back as nothing: it
// answers something that no version of the protocol can answer.
class Notices {
 public:
  Notices(const BrokerSpec& spec, absl::Time now, base::Random& random);

  using Notice = std::optional<Frames>;
  Notice Welcome(const wire::Header& hello, const protocol::Destination& to, absl::Time now) const;
  Notice Heartbeat(const protocol::Destination& to, absl::Time now) const;
  // Answers `asked`; the text is cut to what fits.
  Notice Refused(const wire::Header& asked, const protocol::Destination& to,
                 wire::ResponseCode code, absl::string_view text, absl::Time now) const;
  Notice Routed(const wire::Header& asked, const protocol::Destination& to,
                const std::vector<std::string>& sent_to, const std::vector<std::string>& away,
                bool settling, absl::Time now) const;
  Notice Undelivered(const wire::Header& asked, const protocol::Destination& to,
                     const std::string& absent, wire::ResponseCode code, absl::string_view text,
                     absl::Time now) const;
  // The final of a request to the coordinator.
  Notice Final(const wire::Header& asked, const protocol::Destination& to, wire::Body body,
               absl::Time now) const;
  Notice Alarm(absl::string_view code, absl::string_view text, absl::Time now) const;

 private:
  wire::Header StartHeader(wire::Kind kind, absl::Time now) const;
  // Of a reply: conversation, operation and collection are those of what is answered.
  wire::Header AnswerHeader(wire::Kind kind, const wire::Header& asked, absl::Time now) const;
  static Notice Seal(const protocol::Destination& to, wire::Header header, wire::Body body);

  const std::string repository_id_;
  const wire::Welcome welcome_;
  const absl::Time start_;
  const absl::Time wall_start_;
  base::Random& random_;
};

}  // namespace bitrepo::broker
