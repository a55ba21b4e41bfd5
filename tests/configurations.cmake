# SPDX-License-Identifier: Apache-2.0
# What ci/test adds to the suite: the same programs in short form on other implementations of OpenCL
# and in other builds. A build is itself a test, which the tests of its programs depend on.
if(CLEAT_TEST_LONG)
    set(effort normal)
else()
    set(effort short)
endif()

# The file name of a driver, as its .icd file gives it.
function(driver_library icd fallback result)
    set(library ${fallback})
    if(EXISTS /etc/OpenCL/vendors/${icd})
        file(STRINGS /etc/OpenCL/vendors/${icd} library LIMIT_COUNT 1)
        string(STRIP "${library}" library)
    endif()
    set(${result} ${library} PARENT_SCOPE)
endfunction()
driver_library(pocl.icd libpocl.so.2 pocl)
driver_library(rusticl.icd libRusticlOpenCL.so.1 rusticl)

# The programs of `folder` as tests called prefix.NAME, in `environment`, on driver `library`.
function(add_programs prefix folder library environment)
    foreach(name IN LISTS ARGN)
        add_test(NAME ${prefix}.${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/on_driver.sh
            ${library} ${folder}/${name})
        set_tests_properties(${prefix}.${name} PROPERTIES TIMEOUT ${time_limit} LABELS ${prefix}
            SKIP_RETURN_CODE 77 ENVIRONMENT "CLEAT_TEST_EFFORT=${effort};${environment}")
        take_slice(${prefix}.${name} ${name})
    endforeach()
endfunction()

# Another build as a test called prefix.build, of `targets` or, where that is empty, of all; ARGN are
# options for CMake.
function(add_build prefix targets)
    list(JOIN targets " " targets)
    add_test(NAME ${prefix}.build COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/build.sh
        ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/${prefix} "${targets}" -DCLEAT_WERROR=ON ${ARGN})
    set_tests_properties(${prefix}.build PROPERTIES TIMEOUT 300 LABELS ${prefix}
        FIXTURES_SETUP ${prefix} PROCESSORS 2 COST 1000)
endfunction()
function(need_build prefix)
    foreach(name IN LISTS ARGN)
        set_tests_properties(${prefix}.${name} PROPERTIES FIXTURES_REQUIRED ${prefix})
    endforeach()
endfunction()

# Mesa's rusticl on its software renderer: no fma, no fp64, small work-groups and local memory.
take_turn(1 ${CLEAT_TEST_SHARE} on_rusticl ${test_programs})
add_programs(rusticl ${CMAKE_CURRENT_BINARY_DIR} ${rusticl}
    "RUSTICL_ENABLE=llvmpipe;CLEAT_CACHE_DIR=${PROJECT_BINARY_DIR}/rusticl_cache" ${on_rusticl})

# What a graphics card would run, in f64, which rusticl has not, and where cards have kernels of their own.
set(on_gpu ${test_programs})
list(FILTER on_gpu INCLUDE REGEX "_f64$|_(recurrent|rotary|winograd)$|^test_half")
take_turn(2 ${CLEAT_TEST_SHARE} on_gpu ${on_gpu})
add_programs(gpu ${CMAKE_CURRENT_BINARY_DIR} ${pocl}
    "CLEAT_PROFILE=gpu;CLEAT_CACHE_DIR=${PROJECT_BINARY_DIR}/kernel_cache" ${on_gpu})

# What a processor of other vectors would run: the suite has kernels of this machine's width alone.
set(of_vectors test_activation test_attention test_conv2d test_conv_residual test_conv_views test_copy test_matmul
    test_normalization test_packed test_pool test_recurrent test_reduce test_softmax)
foreach(width IN ITEMS 4 8 16)
    take_turn(${width} ${CLEAT_TEST_SHARE} in_turn ${of_vectors})
    add_programs(vectors_${width} ${CMAKE_CURRENT_BINARY_DIR} ${pocl}
        "CLEAT_PROFILE=cpu:${width};CLEAT_CACHE_DIR=${PROJECT_BINARY_DIR}/kernel_cache" ${in_turn})
endforeach()

# clang's warnings, its AddressSanitizer and UndefinedBehaviorSanitizer, with OpenCL linked. PoCL alone: Mesa's drivers
# are opened in a way that AddressSanitizer refuses.
take_turn(3 ${CLEAT_TEST_SHARE} sanitized ${test_programs})
take_turn(0 ${CLEAT_TEST_SHARE} fuzzed operations options)
list(APPEND fuzzed files)
if(CLEAT_HAVE_ONNX)
    list(APPEND fuzzed onnx)
endif()
set(sanitizer_targets "")
if(CLEAT_TEST_SHARE GREATER 1)
    set(sanitizer_targets ${sanitized} ${fuzzed})
    list(TRANSFORM sanitizer_targets REPLACE "^([a-z]+)$" "fuzz_\\1")
    foreach(target IN ITEMS cleat_command onnx_backend adopt_opencl char_transformer fashion_mnist hello_matmul
            image_filter mlp)
        if(TARGET ${target})
            list(APPEND sanitizer_targets ${target})
        endif()
    endforeach()
endif()
add_build(sanitizer "${sanitizer_targets}" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-gline-tables-only
    -DCLEAT_SANITIZE=address,undefined -DCLEAT_LINK_OPENCL=ON -DCLEAT_BUILD_FUZZERS=ON)
set(sanitizer_environment
    "ASAN_OPTIONS=detect_stack_use_after_return=1:intercept_tls_get_addr=0;UBSAN_OPTIONS=print_stacktrace=1")
set(sanitizer_leaks "LSAN_OPTIONS=print_suppressions=0:suppressions=${CMAKE_CURRENT_SOURCE_DIR}")
add_programs(sanitizer ${PROJECT_BINARY_DIR}/sanitizer/tests ${pocl}
    "${sanitizer_environment};${sanitizer_leaks}/leaks.txt" ${sanitized})
need_build(sanitizer ${sanitized})
if(TARGET fashion_mnist)
    set(sanitizer_cases usage bad_data load bad_weights interrupt)
    add_example_cases(sanitizer.example ${PROJECT_BINARY_DIR}/sanitizer/examples/fashion_mnist
        "OCL_ICD_VENDORS=${pocl};${sanitizer_environment};${sanitizer_leaks}/leaks_example.txt"
        ${sanitizer_cases})
    list(TRANSFORM sanitizer_cases PREPEND example.)
    need_build(sanitizer ${sanitizer_cases})
endif()

# The kept inputs of the fuzzers, and some more that these lead to, always the same.
if(CLEAT_TEST_SHARE GREATER 1)
    set(fuzz_runs 200)
else()
    set(fuzz_runs 400)
endif()
foreach(name IN LISTS fuzzed)
    set(found ${PROJECT_BINARY_DIR}/fuzz_found/${name})
    set(fuzz_length "")
    if(name STREQUAL "onnx")
        set(fuzz_length -max_len=1000)
    endif()
    file(MAKE_DIRECTORY ${found})
    add_test(NAME fuzz.${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/run.sh
        ${PROJECT_BINARY_DIR}/sanitizer/tests/fuzz/fuzz_${name} -seed=1 -runs=${fuzz_runs} ${fuzz_length} ${found}
        ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT ${time_limit} LABELS fuzz
        FIXTURES_REQUIRED sanitizer)
endforeach()

# Two more builds, of a few programs each.
take_turn(1 ${CLEAT_TEST_SHARE} more_builds races plain)

# Threads under ThreadSanitizer, which knows of Cleat's own code alone.
if("races" IN_LIST more_builds)
    set(threaded test_threads test_cache_archive test_batch_queue test_batch_queue_ends
        test_model_threads)
    add_build(races "${threaded}" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Debug
        -DCMAKE_C_FLAGS_DEBUG=-gline-tables-only -DCLEAT_SANITIZE=thread -DCLEAT_LINK_OPENCL=ON -DCLEAT_CLBLAST=OFF
        -DCLEAT_BUILD_EXAMPLES=OFF -DCLEAT_BUILD_CLI=OFF)
    set(ignored "suppressions=${CMAKE_CURRENT_SOURCE_DIR}/races.txt ignore_noninstrumented_modules=1")
    add_programs(races ${PROJECT_BINARY_DIR}/races/tests ${pocl}
        "TSAN_OPTIONS=${ignored};CLEAT_CACHE_DIR=${PROJECT_BINARY_DIR}/kernel_cache" ${threaded})
    need_build(races ${threaded})
endif()

# Without CLBlast, as a shared library: what can depend on either.
if("plain" IN_LIST more_builds)
    set(some ${test_programs})
    list(FILTER some INCLUDE REGEX "matmul|conv|context|network")
    add_build(plain "${some}" -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG=-O1
        -DCLEAT_CLBLAST=OFF -DBUILD_SHARED_LIBS=ON)
    add_programs(plain ${PROJECT_BINARY_DIR}/plain/tests ${pocl} "" ${some})
    need_build(plain ${some})
endif()

# Every kernel under a simulator that sees reads and writes out of bounds, and races: slow, so
# without the programs about the library around the kernels. Nor test_compare: oclgrind 21.10 widens
# vectors of truth values by their sign, so that `mask & 1` of a byte, or `-mask`, gives 255.
if(CLEAT_TEST_LONG)
    set(kernel_programs ${test_programs})
    list(FILTER kernel_programs EXCLUDE REGEX
        "_(cache|cache_archive|compare|context|errors|example_files|fault_devices|fault_limits|fault_operations|faults|harness|onnx|onnx_refusals|opencl|plan|refusals|schedule|tensor|threads|variants|variants_refused|verify|verify_kinds|verify_operations)$")
    foreach(name IN LISTS kernel_programs)
        add_test(NAME oclgrind.${name} COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/oclgrind.sh
            ${CMAKE_CURRENT_BINARY_DIR}/${name})
        set_tests_properties(oclgrind.${name} PROPERTIES TIMEOUT ${time_limit} LABELS oclgrind
            SKIP_RETURN_CODE 77 ENVIRONMENT CLEAT_TEST_EFFORT=simulator)
    endforeach()
endif()
