# A room is a folder of src/ and a static library. Beside its sources lie its unit tests
# (*_test.cc), fuzz targets (*_fuzz.cc) and micro-benchmarks (*_bench.cc).
#
#   add_room(NAME folder ROOMS rooms-it-may-include LIBS outside-libraries TEST_LIBS its-tests')
#
# makes ds_NAME, and with tests on NAME_test out of every *_test.cc below the folder.

add_library(ds_flags INTERFACE)
target_include_directories(ds_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(ds_flags INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
  -Wno-missing-field-initializers)
if(DATASTORM_WERROR)
  target_compile_options(ds_flags INTERFACE -Werror)
endif()
if(DATASTORM_SANITIZE)
  # g++ 12 sees uninitialised optionals in instrumented code where there are none.
  target_compile_options(ds_flags INTERFACE -fsanitize=${DATASTORM_SANITIZE} -fno-omit-frame-pointer
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(ds_flags INTERFACE -fsanitize=${DATASTORM_SANITIZE})
  if(DATASTORM_SANITIZE MATCHES thread)
    target_link_options(ds_flags INTERFACE LINKER:-u,thrd_create)  # threads_for_tsan.cc
  endif()
endif()
if(DATASTORM_FUZZ)  # what is fuzzed must count its branches too
  target_compile_options(ds_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_link_libraries(ds_flags INTERFACE fmt::fmt Threads::Threads)

# Inputs that were kept (tests/corpora/TARGET) go through each fuzz target in every build.
function(add_replay fuzzer room)
  get_filename_component(target ${fuzzer} NAME_WE)
  add_executable(${target}_replay ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/corpora/replay.cc)
  target_link_libraries(${target}_replay PRIVATE ${room} ds_base)
  add_test(NAME corpora.${target}
    COMMAND ${target}_replay ${CMAKE_SOURCE_DIR}/tests/corpora/${target})
  set_tests_properties(corpora.${target} PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# `cmake --build FOLDER --target micro-bench` builds and runs every *_bench.cc.
if(DATASTORM_TESTS AND benchmark_FOUND)
  add_custom_target(micro-bench)
endif()
if(DATASTORM_FUZZ)
  add_custom_target(fuzzers)
endif()

function(add_room name folder)
  cmake_parse_arguments(A "" "" "ROOMS;LIBS;EXCLUDE;TEST_LIBS" ${ARGN})
  file(GLOB_RECURSE all CONFIGURE_DEPENDS ${folder}/*.cc)
  foreach(outside IN LISTS A_EXCLUDE)
    list(FILTER all EXCLUDE REGEX "/${folder}/${outside}/")
  endforeach()
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$")
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(fuzzers ${all})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")

  set(benches ${all})
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")

  list(TRANSFORM A_ROOMS PREPEND ds_)
  if(sources)
    add_library(ds_${name} STATIC ${sources})
    target_link_libraries(ds_${name} PUBLIC ds_flags ${A_ROOMS} ${A_LIBS})
  else()
    add_library(ds_${name} INTERFACE)
    target_link_libraries(ds_${name} INTERFACE ds_flags ${A_ROOMS} ${A_LIBS})
  endif()

  if(DATASTORM_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ds_${name} GTest::gmock GTest::gtest_main
      ${A_TEST_LIBS})
    # RealKafka needs a server: tests/interop/client_test.py runs it with one.
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." TEST_FILTER "-RealKafka.*"
      PROPERTIES LABELS unit TIMEOUT 120
      DISCOVERY_TIMEOUT 60)
  endif()
  if(DATASTORM_TESTS)
    foreach(fuzzer IN LISTS fuzzers)
      add_replay(${fuzzer} ds_${name})
    endforeach()
  endif()
  if(TARGET micro-bench AND benches)
    add_executable(${name}_bench EXCLUDE_FROM_ALL ${benches})
    target_link_libraries(${name}_bench PRIVATE ds_${name} benchmark::benchmark_main)
    add_custom_target(${name}_bench_run COMMAND ${name}_bench USES_TERMINAL)
    add_dependencies(micro-bench ${name}_bench_run)
  endif()
  if(DATASTORM_FUZZ)
    foreach(fuzzer IN LISTS fuzzers)
      get_filename_component(target ${fuzzer} NAME_WE)
      add_executable(${target} ${fuzzer})
      target_link_libraries(${target} PRIVATE ds_${name})
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${target})
    endforeach()
  endif()
endfunction()
