// SPDX-License-Identifier: Apache-2.0
// The rooms of the house and who may include whom, stated a second time beside cmake/Floors.cmake.
#pragma once

#include <map>
#include <set>
#include <string>

namespace bitrepo::tidy {

using RoomTable = std::map<std::string, std::set<std::string>>;

// Room -> the rooms its files may include, besides the room itself.
const RoomTable& MayInclude();

// The same for the *_main.cc in a room: the host's rights and what only a main file may name.
const RoomTable& MainMayInclude();

// The table of cmake/Floors.cmake, read from its text: `floor(ROOM N MAY ROOM...)`.
RoomTable ParseFloors(const std::string& text);

// The files that decide without touching the world: no socket, thread, file or clock.
bool IsPure(const std::string& path);

}  // namespace bitrepo::tidy
