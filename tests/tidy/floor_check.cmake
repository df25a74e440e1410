# SPDX-License-Identifier: Apache-2.0
#
# Asks the floor check of the build whether ROOM may use USED, and prints "allowed" if it may.

cmake_minimum_required(VERSION 3.25)
get_filename_component(PROJECT_SOURCE_DIR "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
include("${PROJECT_SOURCE_DIR}/cmake/Floors.cmake")
include("${PROJECT_SOURCE_DIR}/cmake/Room.cmake")
bitrepo_check_floor("${ROOM}" "${USED}" "${BITREPO_MAY_${ROOM}}")
message(STATUS "allowed")
