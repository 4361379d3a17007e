# SPDX-License-Identifier: Apache-2.0
# The house flags: warnings for everyone, hardening where the compiler has it.
# One INTERFACE target carries them, so no flag is global and dependencies
# (which are SYSTEM includes through pkg-config) are not judged by our taste.
include(CheckCCompilerFlag)

add_library(house_flags INTERFACE)
add_library(house_hardening INTERFACE)
target_compile_definitions(house_flags INTERFACE _POSIX_C_SOURCE=200809L)

set(house_warnings
    -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wformat=2
    -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition -Wpointer-arith
    -Wcast-qual -Wwrite-strings -Wundef -Wvla -Wdouble-promotion -Wnull-dereference
    -Wimplicit-fallthrough
    -Werror=implicit -Werror=incompatible-pointer-types -Werror=int-conversion
    -Werror=format-security)
set(house_warnings_gcc
    -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
    -Warith-conversion -Wcast-align=strict -Wformat-signedness -Wformat-overflow=2
    -Wformat-truncation=2 -Wstringop-overflow=4 -Wuse-after-free=3 -Wdangling-pointer=2
    -Walloc-zero -Wtrampolines -Wbidi-chars=any)
set(house_warnings_clang
    -Wmissing-variable-declarations -Wconditional-uninitialized -Wcomma -Wassign-enum
    -Wextra-semi-stmt -Wcast-align -Wunreachable-code)

target_compile_options(house_flags INTERFACE ${house_warnings})
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(house_flags INTERFACE ${house_warnings_gcc})
elseif(CMAKE_C_COMPILER_ID MATCHES "Clang")
    target_compile_options(house_flags INTERFACE ${house_warnings_clang})
endif()

# Hardening is probed flag by flag: what a compiler does not know is left out and said.
option(HEARBACK_HARDEN "Build hardened programs" OFF)
if(HEARBACK_HARDEN)
    set(house_hardening_wanted
        -fstack-protector-strong -fstack-clash-protection -ftrivial-auto-var-init=zero
        -fno-strict-overflow -fno-strict-aliasing -fno-delete-null-pointer-checks)
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64")
        list(APPEND house_hardening_wanted -fcf-protection=full)
    elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64")
        list(APPEND house_hardening_wanted -mbranch-protection=standard)
    endif()
    foreach(flag IN LISTS house_hardening_wanted)
        string(MAKE_C_IDENTIFIER "HOUSE_HAS${flag}" known)
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            target_compile_options(house_hardening INTERFACE ${flag})
        else()
            message(STATUS "hardening: this compiler has no ${flag}")
        endif()
    endforeach()
    target_compile_options(house_hardening INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
    target_link_options(house_hardening INTERFACE
        -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,-z,nodlopen -Wl,--as-needed
        -Wl,--no-copy-dt-needed-entries)
    set(CMAKE_POSITION_INDEPENDENT_CODE ON)
    target_link_options(house_hardening INTERFACE -pie)
endif()

# house_library(NAME SOURCES… LIBS…): one static library a folder, sources listed by hand.
function(house_library name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    add_library(${name} STATIC ${arg_SOURCES})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${arg_LIBS} PRIVATE house_flags house_hardening)
endfunction()

# house_program(NAME SOURCES… LIBS…)
function(house_program name)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} house_flags house_hardening)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
endfunction()

# house_test(NAME LAYER SOURCES… LIBS…): a cmocka program, run by ctest under its layer's label.
function(house_test name layer)
    cmake_parse_arguments(arg "" "" "SOURCES;LIBS" ${ARGN})
    add_executable(${name} ${arg_SOURCES})
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${arg_LIBS} house_flags PkgConfig::cmocka)
    target_compile_definitions(${name} PRIVATE HEARBACK_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                               HEARBACK_BINARY_DIR="${CMAKE_BINARY_DIR}")
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${layer}/${name} COMMAND ${name})
    set_tests_properties(${layer}/${name} PROPERTIES LABELS ${layer} TIMEOUT 120)
endfunction()
