// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "tests/tidy/room_table.h"
#include "tests/tidy/rules.h"

namespace bitrepo::tidy {
namespace {

// The folder of an include of ours, "" for one of somebody else's.
std::string IncludedRoom(const std::string& path) {
  const std::vector<std::string>& wings = Wings();
  const std::string top = path.substr(0, path.find('/'));
  if (path.find('/') == std::string::npos) return "";
  if (std::find(wings.begin(), wings.end(), top) == wings.end()) return "";
  return path.substr(0, path.rfind('/'));
}

// Headers that bring the world into a pure file. An entry that ends in '/' stands for a folder.
const std::vector<std::string>& WorldlyHeaders() {
  static const std::vector<std::string> kHeaders = {
      // threads
      "thread", "mutex", "shared_mutex", "condition_variable", "future", "stop_token", "semaphore",
      "latch", "barrier", "pthread.h", "absl/synchronization/", "base/mutex.h",
      // files
      "filesystem", "fstream", "iostream", "fcntl.h", "unistd.h", "dirent.h", "stdio.h", "sys/",
      "sqlite3.h",
      // sockets
      "poll.h", "netdb.h", "netinet/", "arpa/", "zmq.h", "zmq.hpp", "zmq_addon.hpp",
      // clocks, and other things that differ from run to run
      "chrono", "ctime", "time.h", "signal.h", "csignal", "absl/time/clock.h", "absl/random/",
      "openssl/rand.h", "base/runtime/", "base/zeromq/"};
  return kHeaders;
}

// Calls that do the same without a header of their own.
const std::vector<std::string>& WorldlyCalls() {
  static const std::vector<std::string> kCalls = {"absl::Now",
                                                  "absl::GetCurrentTimeNanos",
                                                  "absl::SleepFor",
                                                  "time(nullptr)",
                                                  "time(NULL)",
                                                  "time(0)",
                                                  "gettimeofday(",
                                                  "clock_gettime(",
                                                  "rand()",
                                                  "srand(",
                                                  "std::random_device",
                                                  "getenv(",
                                                  "fopen(",
                                                  "std::thread",
                                                  "std::ifstream",
                                                  "std::ofstream",
                                                  "RAND_bytes("};
  return kCalls;
}

struct HeavyHeader {
  std::string start;    // what its include paths begin with
  bool tests_are_free;  // only the product is counted
};

const std::vector<HeavyHeader>& HeavyOnes() {
  static const std::vector<HeavyHeader> kHeaders = {
      {"toml++/", false}, {"CLI/", true}, {"nlohmann/", true}};
  return kHeaders;
}

using Graph = std::map<std::string, std::set<std::string>>;

// Depth first from `room`; the first way back to a room on `way` is a circle.
bool FindCircle(const Graph& graph, const std::string& room, std::vector<std::string>& way,
                std::set<std::string>& done) {
  const bool met_before = std::find(way.begin(), way.end(), room) != way.end();
  way.push_back(room);
  if (met_before) return true;
  if (done.count(room) == 0) {
    const auto edges = graph.find(room);
    if (edges != graph.end()) {
      for (const std::string& next : edges->second) {
        if (FindCircle(graph, next, way, done)) return true;
      }
    }
    done.insert(room);
  }
  way.pop_back();
  return false;
}

}  // namespace

Faults BrokenArrows(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SourceFile& file : files) {
    const std::string room = file.folder();
    if (file.is_product() && MayInclude().count(room) == 0) {
      faults.push_back(Place(file, 1) + room +
                       " is no room of the table in tests/tidy/room_table.cc");
      continue;
    }
    for (const Include& include : file.includes) {
      if (include.quoted && include.path.find('/') == std::string::npos) {
        faults.push_back(Place(file, include.line) + "\"" + include.path +
                         "\" is not a full path from the root");
      }
      const std::string used = IncludedRoom(include.path);
      if (!file.is_product() || used.empty() || used == room) continue;
      const RoomTable& table = file.is_main() ? MainMayInclude() : MayInclude();
      const auto row = table.find(room);
      if (row != table.end() && row->second.count(used) > 0) continue;
      faults.push_back(Place(file, include.line) + room + " may not include " + include.path);
    }
  }
  return faults;
}

Faults Circles(const std::vector<SourceFile>& files) {
  Graph graph;
  for (const SourceFile& file : files) {
    if (!file.is_product() || file.is_main()) continue;
    for (const Include& include : file.includes) {
      const std::string used = IncludedRoom(include.path);
      if (!used.empty() && used != file.folder()) graph[file.folder()].insert(used);
    }
  }
  std::set<std::string> done;
  for (const auto& [room, edges] : graph) {
    std::vector<std::string> way;
    if (!FindCircle(graph, room, way, done)) continue;
    std::string circle;
    const auto start = std::find(way.begin(), way.end(), way.back());
    for (auto step = start; step != way.end(); ++step)
      circle += (step == start ? "" : " -> ") + *step;
    return {"rooms in a circle: " + circle};
  }
  return {};
}

Faults Impurities(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const SourceFile& file : files) {
    if (!IsPure(file.path)) continue;
    for (const Include& include : file.includes) {
      for (const std::string& header : WorldlyHeaders()) {
        const bool hit =
            header.back() == '/' ? StartsWith(include.path, header) : include.path == header;
        if (hit)
          faults.push_back(Place(file, include.line) + "a pure file includes " + include.path);
      }
    }
    for (std::size_t i = 0; i < file.code.size(); ++i) {
      for (const std::string& call : WorldlyCalls()) {
        if (FindWord(file.code[i], call) == std::string::npos) continue;
        faults.push_back(Place(file, i + 1) + "a pure file uses " + call);
      }
    }
  }
  return faults;
}

Faults HeavyHeaders(const std::vector<SourceFile>& files) {
  Faults faults;
  for (const HeavyHeader& heavy : HeavyOnes()) {
    std::set<std::string> users;
    for (const SourceFile& file : files) {
      if (heavy.tests_are_free && !file.is_product()) continue;
      for (const Include& include : file.includes) {
        if (!StartsWith(include.path, heavy.start)) continue;
        if (file.is_header()) {
          faults.push_back(Place(file, include.line) + "a header includes " + include.path +
                           ": put it behind a .cc");
        }
        users.insert(file.path);
      }
    }
    if (users.size() <= 1) continue;
    std::string list;
    for (const std::string& user : users) list += " " + user;
    faults.push_back(heavy.start + " is included by more than one file:" + list);
  }
  return faults;
}

}  // namespace bitrepo::tidy
