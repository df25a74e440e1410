# SPDX-License-Identifier: Apache-2.0
#
# The headers that nearly every file includes, compiled once: a build from nothing takes about half
# the time. They are headers of others only, and the presets quick and clang do without, so that a
# file which forgets an include of its own is found there.

option(BITREPO_PRECOMPILE "Compile the headers of others once for all rooms" OFF)

# Lets TARGET use the headers compiled for KIND: rooms (and libraries for tests), or tests (the
# programs, with GoogleTest).
function(bitrepo_precompile target kind)
  if(BITREPO_PRECOMPILE)
    target_precompile_headers("${target}" REUSE_FROM "bitrepo_precompiled_${kind}")
  endif()
endfunction()

if(NOT BITREPO_PRECOMPILE)
  return()
endif()

set(nothing "${PROJECT_BINARY_DIR}/precompile.cc")
file(CONFIGURE OUTPUT "${nothing}" CONTENT "")
function(bitrepo_precompiled kind)
  add_library("bitrepo_precompiled_${kind}" OBJECT "${nothing}")
  target_link_libraries("bitrepo_precompiled_${kind}" PRIVATE
    bitrepo_flags bitrepo_package_absl bitrepo_package_protobuf)
  target_precompile_headers("bitrepo_precompiled_${kind}" PRIVATE
    <algorithm> <array> <atomic> <cstdint> <deque> <functional> <map> <memory> <optional> <set>
    <span> <string> <utility> <variant> <vector>
    <absl/container/btree_map.h> <absl/container/btree_set.h> <absl/functional/any_invocable.h>
    <absl/status/status.h> <absl/status/statusor.h> <absl/strings/str_cat.h>
    <absl/strings/str_format.h> <absl/strings/str_join.h> <absl/strings/str_split.h>
    <absl/strings/string_view.h> <absl/time/time.h>
    <google/protobuf/extension_set.h> <google/protobuf/generated_message_reflection.h>
    <google/protobuf/message.h> <google/protobuf/unknown_field_set.h> ${ARGN})
endfunction()

bitrepo_precompiled(rooms)
if(BUILD_TESTING)
  bitrepo_precompiled(tests <filesystem> <fstream> <gmock/gmock.h> <gtest/gtest.h>)
  target_link_libraries(bitrepo_precompiled_tests PRIVATE
    bitrepo_package_gmock bitrepo_test_flags)
endif()
