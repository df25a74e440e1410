# SPDX-License-Identifier: Apache-2.0
#
# How our own code is compiled: the language, the warnings, the sanitizers, the linker.
# All of it hangs on the target bitrepo_flags, which room() and room_test() link privately.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
set(THREADS_PREFER_PTHREAD_FLAG ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
set(BITREPO_SANITIZE "" CACHE STRING "Sanitizers to compile in, as in address;undefined")
option(BITREPO_WERROR "Warnings stop the build" ON)

# NDEBUG is never defined: the checks of base/check.h are part of the product. Debug information
# stops at line numbers, which is what a stack trace needs and halves what the compiler writes.
set(CMAKE_CXX_FLAGS_RELEASE "-O2")
if(BITREPO_SANITIZE)
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1 -fno-omit-frame-pointer")
else()
  set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
endif()

find_program(BITREPO_CCACHE ccache)
if(BITREPO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${BITREPO_CCACHE}")
endif()

include(CheckLinkerFlag)
foreach(linker IN ITEMS lld gold)
  check_linker_flag(CXX "-fuse-ld=${linker}" BITREPO_HAS_${linker})
  if(BITREPO_HAS_${linker})
    add_link_options("-fuse-ld=${linker}")
    break()
  endif()
endforeach()

# Without the three checks of undefined behaviour that stand before every access through a pointer:
# they make a third of the compile time, the address sanitizer ends the program at the same null and
# the same overrun, and these machines take any alignment.
if(BITREPO_SANITIZE)
  string(REPLACE ";" "," sanitizers "${BITREPO_SANITIZE}")
  add_compile_options("-fsanitize=${sanitizers}" -fno-sanitize=null,alignment,object-size
                      -fno-sanitize-recover=all)
  add_link_options("-fsanitize=${sanitizers}")
elseif(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong
                      -fstack-clash-protection)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
add_compile_definitions(_GLIBCXX_ASSERTIONS)

# For the programs that only test: they spend their time in the rooms, and are compiled in a third of
# the time so. What a room does is watched by every sanitizer all the same.
add_library(bitrepo_test_flags INTERFACE)
if(BITREPO_SANITIZE MATCHES "address")
  target_compile_options(bitrepo_test_flags INTERFACE -O0 -fno-sanitize=undefined)
endif()

# Position-independent programs, and one flag for all that goes into them: rooms, programs and tests
# can then share what Precompile.cmake has compiled.
add_compile_options(-fPIE)
add_link_options(-pie)

add_library(bitrepo_flags INTERFACE)
target_include_directories(bitrepo_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_options(bitrepo_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wno-sign-conversion -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wold-style-cast -Wcast-qual -Wextra-semi -Wformat=2 -Wundef
  -Wimplicit-fallthrough -Wdouble-promotion
  $<$<BOOL:${BITREPO_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 is wrong about these in the optimiser's inlined view of the standard library
  # (gcc.gnu.org/PR105651, PR105562): they are shown, and only -Wrestrict is off altogether.
  target_compile_options(bitrepo_flags INTERFACE
    -Wno-restrict -Wno-error=maybe-uninitialized -Wno-error=stringop-overflow
    -Wno-error=stringop-overread -Wno-error=array-bounds -Wno-error=free-nonheap-object)
  if(BITREPO_SANITIZE)
    target_compile_options(bitrepo_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()
