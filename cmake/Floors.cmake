# SPDX-License-Identifier: Apache-2.0
#
# The rooms, the floor each stands on, and which rooms each may use: the table of ARCHITECTURE.md.
# room() refuses a dependency that is not in it. tests/tidy/ states the same table again on its own,
# for the includes, so that neither can be loosened unnoticed.
#
# Order: a room stands below every room that may use it.

set(BITREPO_ROOMS "")

# floor(ROOM N MAY ROOM...): ROOM stands on floor N and may use the rooms after MAY.
function(floor room level may)
  foreach(used IN LISTS ARGN)
    if(NOT used IN_LIST BITREPO_ROOMS)
      message(FATAL_ERROR "cmake/Floors.cmake: ${room} may use ${used}, which must stand above it")
    endif()
    if("${BITREPO_FLOOR_${used}}" GREATER "${level}")
      message(FATAL_ERROR "cmake/Floors.cmake: ${room} (floor ${level}) may not use ${used} "
                          "(floor ${BITREPO_FLOOR_${used}})")
    endif()
  endforeach()
  set(BITREPO_ROOMS ${BITREPO_ROOMS} "${room}" PARENT_SCOPE)
  set("BITREPO_FLOOR_${room}" "${level}" PARENT_SCOPE)
  set("BITREPO_MAY_${room}" "${ARGN}" PARENT_SCOPE)
endfunction()

floor(proto                 1 MAY)
floor(base                  1 MAY)
floor(base/runtime          1 MAY base)
floor(base/zeromq           1 MAY base base/runtime)

floor(bus/protocol          2 MAY base proto)
floor(bus                   2 MAY base base/runtime base/zeromq proto bus/protocol)
floor(channel/transfer      2 MAY base proto)
floor(channel               2 MAY base base/runtime base/zeromq proto channel/transfer)

floor(pillar/store          3 MAY base base/runtime proto)
floor(pillar/requests       3 MAY base base/runtime proto bus/protocol channel/transfer channel
                                  pillar/store)
floor(pillar                3 MAY base base/runtime proto bus/protocol bus channel/transfer channel
                                  pillar/store pillar/requests)
floor(client                3 MAY base base/runtime proto bus/protocol bus channel/transfer channel)
floor(client/commands       3 MAY base base/runtime proto bus/protocol bus channel/transfer channel
                                  client)

floor(coordinator/broker    4 MAY base base/runtime proto bus/protocol bus)
floor(coordinator/watch     4 MAY base base/runtime proto bus/protocol bus client)
floor(coordinator/integrity 4 MAY base base/runtime proto bus/protocol bus client
                                  coordinator/watch)
floor(coordinator           4 MAY base base/runtime proto bus/protocol bus client
                                  coordinator/broker coordinator/watch coordinator/integrity)

# A program may use what its host may, its host, and the rooms only a main file may name.
set(BITREPO_PROGRAM_MAY_client      ${BITREPO_MAY_client} client client/commands base/zeromq)
set(BITREPO_PROGRAM_MAY_pillar      ${BITREPO_MAY_pillar} pillar base/zeromq)
set(BITREPO_PROGRAM_MAY_coordinator ${BITREPO_MAY_coordinator} coordinator base/zeromq
                                    channel/transfer channel)
