// SPDX-License-Identifier: Apache-2.0
// What a watcher of the bus hears of conversations: valid copies, each made in one line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/random.h"
#include "bus/protocol/envelope.h"
#include "bus/watch_stream.h"

namespace bitrepo::bus_test {

// Of the repository "demo", the collection "books" and the coordinator "hub"; alice asks.
class Overheard {
 public:
  using Envelope = protocol::Envelope;

  base::ConversationId NewConversation();
  Envelope Identify(const base::ConversationId& id, const std::string& file,
                    wire::Operation operation = wire::PUT_FILE);
  Envelope Routed(const Envelope& identify, const std::vector<std::string>& sent_to,
                  const std::vector<std::string>& away = {});
  Envelope IdentifyReply(const Envelope& identify, const std::string& pillar,
                         wire::ResponseCode code = wire::IDENTIFICATION_POSITIVE);
  Envelope Request(const base::ConversationId& id, const std::string& pillar,
                   const std::string& file, wire::Operation operation = wire::PUT_FILE);
  Envelope Progress(const Envelope& request, wire::Phase phase, uint64_t done, uint64_t total);
  Envelope Final(const Envelope& request, wire::ResponseCode code = wire::OPERATION_COMPLETED,
                 const std::string& text = "");
  Envelope Undelivered(const Envelope& request, wire::ResponseCode code = wire::UNREACHABLE);
  Envelope Refused(const Envelope& request, wire::ResponseCode code = wire::DENIED);
  Envelope StatusRequest(const base::ConversationId& id);  // to the coordinator
  Envelope StatusFinal(const Envelope& request);
  Envelope Alarm(const std::string& from, const std::string& code, const std::string& file = "",
                 const std::string& text = "look here");

 private:
  wire::Header HeaderOf(wire::Kind kind, const std::string& from);
  wire::Header ReplyTo(const Envelope& asked, wire::Kind kind, const std::string& from);
  static Envelope Seal(const protocol::Destination& to, wire::Header header, wire::Body body);

  base::SeededRandom random_{77};
  int64_t made_ = 0;
};

// As the coordinator hands it to its watchers.
protocol::Frames FramesOf(const protocol::Envelope& envelope);
// As a watcher gets it.
bus::WatchCopy CopyOf(const protocol::Envelope& envelope, uint64_t sequence = 1,
                      uint64_t missed = 0);

}  // namespace bitrepo::bus_test
