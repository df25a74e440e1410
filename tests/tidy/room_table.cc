// SPDX-License-Identifier: Apache-2.0
#include "tests/tidy/room_table.h"

#include <sstream>

#include "tests/tidy/source_tree.h"

namespace bitrepo::tidy {
namespace {

std::set<std::string> Join(std::set<std::string> a, const std::set<std::string>& b) {
  a.insert(b.begin(), b.end());
  return a;
}

RoomTable Build() {
  using Rooms = std::set<std::string>;
  // A pure room sees words and generated types only.
  const Rooms pure = {"base", "proto"};
  // A room with I/O sees the engine room too.
  const Rooms engine = Join(pure, {"base/runtime"});
  // Control: messages.
  const Rooms bus = {"bus", "bus/protocol"};
  // Data: bytes. Control and data meet in the hosts only.
  const Rooms channel = {"channel", "channel/transfer"};

  RoomTable table;
  table["proto"] = {};
  table["base"] = {};
  table["base/runtime"] = {"base"};
  table["base/zeromq"] = {"base", "base/runtime"};

  table["bus/protocol"] = pure;
  table["channel/transfer"] = pure;
  table["bus"] = Join(engine, {"base/zeromq", "bus/protocol"});
  table["channel"] = Join(engine, {"base/zeromq", "channel/transfer"});

  // The pillar: the store knows nothing of messages; requests speak and move bytes by token.
  table["pillar/store"] = engine;
  table["pillar/requests"] = Join(Join(engine, channel), {"bus/protocol", "pillar/store"});
  table["pillar"] = Join(Join(Join(engine, bus), channel), {"pillar/store", "pillar/requests"});

  // The client never meets the pillar; the command line stands on the library, not the reverse.
  table["client"] = Join(Join(engine, bus), channel);
  table["client/commands"] = Join(table["client"], {"client"});

  // The coordinator repairs through the client: it has no data channel of its own.
  table["coordinator/broker"] = Join(engine, bus);
  table["coordinator/watch"] = Join(Join(engine, bus), {"client"});
  table["coordinator/integrity"] = Join(Join(engine, bus), {"client", "coordinator/watch"});
  table["coordinator"] = Join(Join(engine, bus), {"client", "coordinator/broker",
                                                  "coordinator/watch", "coordinator/integrity"});
  return table;
}

}  // namespace

const RoomTable& MayInclude() {
  static const RoomTable kTable = Build();
  return kTable;
}

const RoomTable& MainMayInclude() {
  static const RoomTable kTable = {
      {"pillar", Join(MayInclude().at("pillar"), {"base/zeromq"})},
      {"client", Join(MayInclude().at("client/commands"), {"client/commands", "base/zeromq"})},
      {"coordinator",
       Join(MayInclude().at("coordinator"), {"base/zeromq", "channel", "channel/transfer"})},
  };
  return kTable;
}

RoomTable ParseFloors(const std::string& text) {
  RoomTable table;
  const std::string opening = "\nfloor(";
  for (std::size_t at = text.find(opening); at != std::string::npos;
       at = text.find(opening, at + 1)) {
    const std::size_t begin = at + opening.size();
    std::istringstream words(text.substr(begin, text.find(')', begin) - begin));
    std::string room, level, may;
    words >> room >> level >> may;
    std::set<std::string>& allowed = table[room];
    for (std::string used; words >> used;) allowed.insert(used);
  }
  return table;
}

bool IsPure(const std::string& path) {
  if (StartsWith(path, "bus/protocol/") || StartsWith(path, "channel/transfer/")) return true;
  if (StartsWith(path, "coordinator/broker/bus_broker.")) return true;
  if (!StartsWith(path, "base/") || StartsWith(path, "base/runtime/") ||
      StartsWith(path, "base/zeromq/")) {
    return false;
  }
  // The seams themselves: each hides one way to the world.
  static const std::set<std::string> kSeams = {"base/log.cc", "base/clock.cc", "base/random.cc",
                                               "base/mutex.h", "base/mutex.cc"};
  return kSeams.count(path) == 0;
}

}  // namespace bitrepo::tidy
