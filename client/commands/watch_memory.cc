// SPDX-License-Identifier: Apache-2.0
#include "client/commands/watch_memory.h"

#include <utility>

#include "bus/protocol/primitive.h"
#include "bus/protocol/subject.h"

namespace bitrepo::commands {

template <typename Value>
bool WatchMemory::Kept<Value>::Keep(const std::string& key, Value value, size_t most) {
  if (!values.emplace(key, std::move(value)).second) return false;
  order.push_back(key);
  if (order.size() > most) {
    values.erase(order.front());
    order.pop_front();
  }
  return true;
}

Heard WatchMemory::Note(bus::WatchCopy copy, absl::Time at) {
  Heard heard;
  heard.at = at;
  const wire::Header& header = copy.header;
  const protocol::KindRow* kind = protocol::FindKind(header.kind());
  if (kind != nullptr && kind->speaker == protocol::Speaker::kAsker) {
    heard.repeated = !asked_.Keep(header.message_id(), at, remembered_max_);
  }
  if (const auto found = asked_.values.find(header.answers()); found != asked_.values.end()) {
    heard.waited = at - found->second;
  }
  heard.file = protocol::FileIdOf(copy.body);
  if (!header.conversation_id().empty()) {
    if (!heard.file.empty()) {
      files_.Keep(header.conversation_id(), heard.file, remembered_max_);
    } else if (const auto found = files_.values.find(header.conversation_id());
               found != files_.values.end()) {
      heard.file = found->second;
    }
  }
  heard.copy = std::move(copy);
  return heard;
}

}  // namespace bitrepo::commands
