// SPDX-License-Identifier: Apache-2.0
// A conversation on a bench: what it says is kept, and the answers of pillars and broker are made
// by hand.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bus/protocol/conversation.h"
#include "bus/protocol/leg.h"
#include "tests/bus/protocol/message_samples.h"

namespace bitrepo::protocol::samples {

base::ComponentId Name(const std::string& text);
inline const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

// A spec for this operation in the collection "books", with its identify and request.
ConversationSpec SpecFor(wire::Operation operation, Reach reach);

// Answers to `asked`, from `from`.
Envelope IdentifyReply(const Envelope& asked, const std::string& from, wire::ResponseCode code,
                       uint64_t first_byte_us = 1000);
Envelope HeldAlready(const Envelope& asked, const std::string& from);
Envelope Progress(const Envelope& asked, const std::string& from, uint32_t sequence,
                  wire::Phase phase, wire::ResponseCode code, std::string secret = "");
Envelope Final(const Envelope& asked, const std::string& from, wire::ResponseCode code,
               const std::string& text = "");
// Of a list, with one item.
Envelope PageFinal(const Envelope& asked, const std::string& from, const std::string& next_cursor);
// From the broker.
Envelope Routed(const Envelope& asked, const std::vector<std::string>& sent_to,
                const std::vector<std::string>& away = {}, bool settling = false);
Envelope Undelivered(const Envelope& asked, wire::ResponseCode code = wire::UNREACHABLE);
Envelope Refused(const Envelope& asked, wire::ResponseCode code);

// Loop-confined.
class AskingBench {
 public:
  explicit AskingBench(ConversationSpec spec);

  // Each step clears what was said and told before, and adds to all().
  void Hear(const Envelope& message);
  void Wait(absl::Duration duration);  // lets every timer due until then fire, in order
  void BusUp();
  void BusDown();
  void Cancel();
  void NextPage(const std::string& component);
  void TransferFailed(const std::string& component, absl::Status why);
  void Activity(const std::string& component);
  void Ask(const std::string& component, wire::Body request);
  void Ask(const std::string& component);  // for what the spec asks for
  void Relieved(const std::string& component);
  void Enough();
  void Alarm(const std::string& code);

  // The identify that was sent; of this component, when they are named.
  const Envelope& identify(const std::string& component = "") const;
  // The last REQUEST to it. Requires: there was one.
  const Envelope& request(const std::string& component) const;
  bool asked(const std::string& component) const;
  const Envelope& cancel(const std::string& component) const;

  Conversation& machine() { return *machine_; }
  const Outcome& outcome() const { return machine_->outcome(); }
  const ContributorResult& result(const std::string& component) const;
  const std::vector<Envelope>& said() const { return out_.messages; }
  const std::vector<ConversationEvent>& told() const { return out_.events; }
  const std::vector<Envelope>& all() const { return all_; }
  const std::vector<ConversationEvent>& all_told() const { return all_told_; }
  size_t Count(EventKind kind, const std::string& component = "*") const;  // in all_told()
  absl::Time now() const { return now_; }

 private:
  const Envelope* Last(wire::Kind kind, const std::string& component) const;
  void Keep();

  absl::Time now_ = kStart;
  base::SeededRandom random_{11};
  ConversationOutbox out_;
  wire::Body request_;
  std::unique_ptr<Conversation> machine_;
  std::vector<Envelope> all_;
  std::vector<ConversationEvent> all_told_;
};

inline const std::vector<std::string> kThree = {"p-1", "p-2", "p-3"};
// All of `names` identify well, the first as the fastest; the broker has said that there are no
// others.
void IdentifyAll(AskingBench& bench, const std::vector<std::string>& names);
// ACCEPTED, with the token "token-NAME".
void Accept(AskingBench& bench, const std::string& name);
void Complete(AskingBench& bench, const std::string& name);

}  // namespace bitrepo::protocol::samples
