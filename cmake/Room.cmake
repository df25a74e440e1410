# SPDX-License-Identifier: Apache-2.0
#
# How a room, a program and a test are declared:
#
#   room(NAME bus/protocol           folder = library = namespace
#     SOURCES envelope.cc page.cc    may be empty: the room is then headers only
#     HEADERS envelope.h page.h
#     DEPS base proto                rooms; refused unless cmake/Floors.cmake allows them
#     LIBS absl                      packages, by their short names in cmake/Packages.cmake
#     DEFINES NAME=value)            private definitions
#   room_program(NAME bitrepo-pillar SOURCES pillar_main.cc DEPS pillar base/runtime LIBS zmq)
#   test_library(NAME tests/support SOURCES ... HEADERS ... DEPS ... LIBS ...)
#   room_test(NAME page_test SOURCES page_test.cc DEPS bus/protocol tests/support LIBS ...
#     MOCK                           link gmock and its main
#     NO_MAIN                        the test brings its own main()
#     SERIAL                         never run beside another test
#     TIMEOUT 600                    seconds; 300 unless told
#     SHARDS 2                       so many ctest entries, each with its part of the tests
#     ARGS ... ENVIRONMENT N=v ... DEFINES N=v ...)
#
# Every room_test is one program, build/<preset>/tests/NAME, one ctest entry of the same name, and
# carries its folder as label: `ctest -L bus/protocol`, `ninja page_test`.

# The target of the room, or of the test library, called NAME: bus/protocol -> bitrepo_bus_protocol.
function(bitrepo_target name result)
  string(REPLACE "/" "_" name "${name}")
  set("${result}" "bitrepo_${name}" PARENT_SCOPE)
endfunction()

# The targets behind DEPS (rooms) and LIBS (packages).
function(bitrepo_targets result deps libs)
  set(targets "")
  foreach(dep IN LISTS deps)
    if(NOT dep IN_LIST BITREPO_ROOMS AND NOT dep MATCHES "^(tests|bench)/")
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}: DEPS names ${dep}, which is no room: "
                          "the rooms are in cmake/Floors.cmake")
    endif()
    bitrepo_target("${dep}" target)
    list(APPEND targets "${target}")
  endforeach()
  foreach(lib IN LISTS libs)
    if(TARGET "bitrepo_package_${lib}")
      list(APPEND targets "bitrepo_package_${lib}")
    elseif(lib MATCHES "::")
      list(APPEND targets "${lib}")
    else()
      message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}: LIBS names ${lib}, which "
                          "cmake/Packages.cmake does not know")
    endif()
  endforeach()
  set("${result}" "${targets}" PARENT_SCOPE)
endfunction()

# Stops unless every room of DEPS is among ALLOWED.
function(bitrepo_check_floor who deps allowed)
  foreach(dep IN LISTS deps)
    if(NOT dep IN_LIST allowed)
      message(FATAL_ERROR "the room ${who} may not use ${dep}: cmake/Floors.cmake allows it "
                          "\"${allowed}\" (the arrows are argued in ARCHITECTURE.md)")
    endif()
  endforeach()
endfunction()

# A static library when there are SOURCES, an interface library otherwise.
function(bitrepo_library target sources headers deps libs defines)
  set(private_libs "${libs}")
  list(FILTER private_libs INCLUDE REGEX "^(${BITREPO_PRIVATE_PACKAGES_REGEX})$")
  if(private_libs)
    list(REMOVE_ITEM libs ${private_libs})
  endif()
  bitrepo_targets(targets "${deps}" "${libs}")
  bitrepo_targets(private_targets "" "${private_libs}")
  if(sources)
    add_library("${target}" STATIC ${sources} ${headers})
    target_link_libraries("${target}" PUBLIC ${targets} PRIVATE ${private_targets} bitrepo_flags)
    target_compile_definitions("${target}" PRIVATE ${defines})
    bitrepo_precompile("${target}" rooms)
  else()
    add_library("${target}" INTERFACE ${headers})
    target_link_libraries("${target}" INTERFACE ${targets})
  endif()
endfunction()

# Stops at an argument that no keyword claims: a misspelt keyword is not ignored.
function(bitrepo_no_leftovers)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${CMAKE_CURRENT_SOURCE_DIR}: not understood: ${arg_UNPARSED_ARGUMENTS}")
  endif()
endfunction()

list(JOIN BITREPO_PRIVATE_PACKAGES "|" BITREPO_PRIVATE_PACKAGES_REGEX)

function(room)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME;FLOOR" "SOURCES;HEADERS;DEPS;LIBS;DEFINES")
  bitrepo_no_leftovers()
  if(NOT arg_NAME IN_LIST BITREPO_ROOMS)
    message(FATAL_ERROR "the room ${arg_NAME} has no place in cmake/Floors.cmake")
  endif()
  if(DEFINED arg_FLOOR AND NOT arg_FLOOR EQUAL "${BITREPO_FLOOR_${arg_NAME}}")
    message(FATAL_ERROR "the room ${arg_NAME} stands on floor ${BITREPO_FLOOR_${arg_NAME}} in "
                        "cmake/Floors.cmake, not on floor ${arg_FLOOR}")
  endif()
  bitrepo_check_floor("${arg_NAME}" "${arg_DEPS}" "${BITREPO_MAY_${arg_NAME}}")
  bitrepo_target("${arg_NAME}" target)
  bitrepo_library("${target}" "${arg_SOURCES}" "${arg_HEADERS}" "${arg_DEPS}" "${arg_LIBS}"
                  "${arg_DEFINES}")
  string(REPLACE "/" "_" alias "${arg_NAME}")
  add_library("bitrepo::${alias}" ALIAS "${target}")
endfunction()

# Does nothing until its main file is there.
function(room_program)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;DEPS;LIBS;DEFINES")
  bitrepo_no_leftovers()
  list(GET arg_SOURCES 0 main)
  file(GLOB present CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${main}")
  if(NOT present)
    return()
  endif()
  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}"
             OUTPUT_VARIABLE host)
  bitrepo_check_floor("${host} (its program)" "${arg_DEPS}" "${BITREPO_PROGRAM_MAY_${host}}")
  bitrepo_targets(targets "${arg_DEPS}" "${arg_LIBS}")
  add_executable("${arg_NAME}" ${arg_SOURCES})
  target_link_libraries("${arg_NAME}" PRIVATE ${targets} bitrepo_flags)
  target_compile_definitions("${arg_NAME}" PRIVATE ${arg_DEFINES})
  bitrepo_precompile("${arg_NAME}" rooms)
  install(TARGETS "${arg_NAME}" RUNTIME)
endfunction()

function(test_library)
  cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;HEADERS;DEPS;LIBS;DEFINES")
  bitrepo_no_leftovers()
  if(NOT arg_NAME MATCHES "^(tests|bench)/")
    message(FATAL_ERROR "the test library ${arg_NAME} must be named after its folder, tests/...")
  endif()
  bitrepo_target("${arg_NAME}" target)
  bitrepo_library("${target}" "${arg_SOURCES}" "${arg_HEADERS}" "${arg_DEPS}" "${arg_LIBS}"
                  "${arg_DEFINES}")
endfunction()

function(room_test)
  cmake_parse_arguments(PARSE_ARGV 0 arg "MOCK;NO_MAIN;SERIAL" "NAME;TIMEOUT;SHARDS"
                        "SOURCES;HEADERS;DEPS;LIBS;DEFINES;ARGS;ENVIRONMENT")
  bitrepo_no_leftovers()
  if(NOT DEFINED arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set(framework GTest::gtest)
  if(arg_MOCK)
    set(framework GTest::gmock GTest::gtest)
  endif()
  if(NOT arg_NO_MAIN)
    list(PREPEND framework "$<IF:$<BOOL:${arg_MOCK}>,GTest::gmock_main,GTest::gtest_main>")
  endif()
  bitrepo_targets(targets "${arg_DEPS}" "${arg_LIBS}")
  add_executable("${arg_NAME}" ${arg_SOURCES} ${arg_HEADERS})
  set_target_properties("${arg_NAME}" PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/tests")
  target_link_libraries("${arg_NAME}" PRIVATE ${targets} ${framework} bitrepo_flags
                        bitrepo_test_flags)
  target_compile_definitions("${arg_NAME}" PRIVATE ${arg_DEFINES})
  bitrepo_precompile("${arg_NAME}" tests)

  cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY "${PROJECT_SOURCE_DIR}/tests"
             OUTPUT_VARIABLE folder)
  if(NOT DEFINED arg_SHARDS)
    set(arg_SHARDS 1)
  endif()
  foreach(shard RANGE 1 ${arg_SHARDS})
    set(entry "${arg_NAME}")
    set(part "")
    if(arg_SHARDS GREATER 1)
      string(APPEND entry "_${shard}")
      math(EXPR index "${shard} - 1")
      set(part "GTEST_TOTAL_SHARDS=${arg_SHARDS}" "GTEST_SHARD_INDEX=${index}")
    endif()
    add_test(NAME "${entry}" COMMAND "${arg_NAME}" ${arg_ARGS})
    set_tests_properties("${entry}" PROPERTIES
      LABELS "${folder}"
      TIMEOUT "${arg_TIMEOUT}"
      RUN_SERIAL "${arg_SERIAL}"
      ENVIRONMENT "${BITREPO_TEST_ENVIRONMENT};${part};${arg_ENVIRONMENT}")
  endforeach()
endfunction()
