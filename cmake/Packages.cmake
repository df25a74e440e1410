# SPDX-License-Identifier: Apache-2.0
#
# What we stand on, found once. A room names a package by its short name here (room(... LIBS zmq));
# a name with :: in it (absl::flat_hash_map) passes through.

# Says which Debian package is missing, and how to get it.
function(bitrepo_need found package)
  if(NOT found)
    message(FATAL_ERROR "the Debian package ${package} is missing: run deploy/install-deps.sh")
  endif()
endfunction()

# bitrepo_package(SHORT_NAME TARGET...): LIBS SHORT_NAME links TARGETs.
function(bitrepo_package name)
  add_library("bitrepo_package_${name}" INTERFACE)
  target_link_libraries("bitrepo_package_${name}" INTERFACE ${ARGN})
endfunction()

# bitrepo_plain_package(SHORT_NAME HEADER PACKAGE LIBRARY...): for one without a CMake file.
function(bitrepo_plain_package name header package)
  find_path("BITREPO_${name}_INCLUDE" "${header}")
  bitrepo_need("${BITREPO_${name}_INCLUDE}" "${package}")
  add_library("bitrepo_package_${name}" INTERFACE)
  target_include_directories("bitrepo_package_${name}" SYSTEM INTERFACE
                             "${BITREPO_${name}_INCLUDE}")
  foreach(library IN LISTS ARGN)
    find_library("BITREPO_${library}_LIBRARY" "${library}")
    bitrepo_need("${BITREPO_${library}_LIBRARY}" "${package}")
    target_link_libraries("bitrepo_package_${name}" INTERFACE "${BITREPO_${library}_LIBRARY}")
  endforeach()
endfunction()

find_package(Threads REQUIRED)
bitrepo_package(threads Threads::Threads)

bitrepo_plain_package(libzmq zmq.h libzmq3-dev zmq)
bitrepo_plain_package(cppzmq zmq.hpp cppzmq-dev)
bitrepo_package(zmq bitrepo_package_cppzmq bitrepo_package_libzmq)
bitrepo_plain_package(sqlite sqlite3.h libsqlite3-dev sqlite3)
bitrepo_plain_package(xxhash xxhash.h libxxhash-dev xxhash)

find_package(Protobuf QUIET)
bitrepo_need("${Protobuf_FOUND}" libprotobuf-dev)
bitrepo_need("${Protobuf_PROTOC_EXECUTABLE}" protobuf-compiler)
bitrepo_package(protobuf protobuf::libprotobuf Threads::Threads)

find_package(absl CONFIG QUIET)
bitrepo_need("${absl_FOUND}" libabsl-dev)
bitrepo_package(absl
  absl::status absl::statusor absl::strings absl::str_format absl::time absl::span absl::optional
  absl::any_invocable absl::function_ref absl::cleanup absl::btree absl::flat_hash_map
  absl::flat_hash_set absl::inlined_vector absl::hash absl::int128 absl::core_headers)

find_package(OpenSSL 3.0 QUIET COMPONENTS Crypto SSL)
bitrepo_need("${OPENSSL_FOUND}" libssl-dev)
bitrepo_package(crypto OpenSSL::Crypto)

# The heavy ones: each is included by one .cc of ours (tests/tidy/ counts), so the flags of these
# stay inside the room that links them.
set(BITREPO_PRIVATE_PACKAGES toml cli11 json sqlite)
find_package(tomlplusplus CONFIG QUIET)
bitrepo_need("${tomlplusplus_FOUND}" libtomlplusplus-dev)
bitrepo_package(toml tomlplusplus::tomlplusplus)
find_package(CLI11 CONFIG QUIET)
bitrepo_need("${CLI11_FOUND}" libcli11-dev)
bitrepo_package(cli11 CLI11::CLI11)
find_package(nlohmann_json CONFIG QUIET)
bitrepo_need("${nlohmann_json_FOUND}" nlohmann-json3-dev)
bitrepo_package(json nlohmann_json::nlohmann_json)

if(BUILD_TESTING)
  find_package(GTest CONFIG QUIET)
  bitrepo_need("${GTest_FOUND}" libgtest-dev)
  if(NOT TARGET GTest::gmock)
    bitrepo_need(FALSE libgmock-dev)
  endif()
  bitrepo_package(gtest GTest::gtest)
  bitrepo_package(gmock GTest::gmock GTest::gtest)
endif()

# bench/ is built on request only, in any preset: absence shows when a benchmark is asked for.
find_package(benchmark CONFIG QUIET)
bitrepo_package(benchmark benchmark::benchmark)
