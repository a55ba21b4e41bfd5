# SPDX-License-Identifier: Apache-2.0
# libcleat-onnx, which reads ONNX files: a library of its own, so that libcleat needs no protobuf. Sets
# CLEAT_HAVE_ONNX.
set(CLEAT_HAVE_ONNX OFF)
if(CLEAT_ONNX STREQUAL "OFF")
    message(STATUS "ONNX files: left out (CLEAT_ONNX=OFF)")
    return()
endif()
find_program(PROTOC_C protoc-c)
mark_as_advanced(PROTOC_C)
find_package(PkgConfig QUIET)
if(PKG_CONFIG_FOUND)
    pkg_check_modules(CLEAT_PROTOBUF_C QUIET IMPORTED_TARGET libprotobuf-c>=1.3)
endif()
if(NOT PROTOC_C OR NOT CLEAT_PROTOBUF_C_FOUND)
    set(missing "protoc-c or libprotobuf-c was not found (Debian: protobuf-c-compiler, libprotobuf-c-dev)")
    if(CLEAT_ONNX STREQUAL "ON")
        message(FATAL_ERROR "CLEAT_ONNX=ON, but ${missing}")
    endif()
    message(STATUS "ONNX files: left out; ${missing}")
    return()
endif()
set(CLEAT_HAVE_ONNX ON)
message(STATUS "ONNX files: libcleat-onnx, by protobuf-c ${CLEAT_PROTOBUF_C_VERSION}")

set(subset ${PROJECT_BINARY_DIR}/onnx_subset)
file(MAKE_DIRECTORY ${subset})
add_custom_command(OUTPUT ${subset}/onnx_subset.pb-c.c ${subset}/onnx_subset.pb-c.h
    COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/src/onnx --c_out=${subset}
        ${PROJECT_SOURCE_DIR}/src/onnx/onnx_subset.proto
    DEPENDS src/onnx/onnx_subset.proto
    COMMENT "Compiling onnx_subset.proto")
set_source_files_properties(${subset}/onnx_subset.pb-c.c PROPERTIES COMPILE_OPTIONS -w)

file(GLOB onnx_sources CONFIGURE_DEPENDS src/onnx/*.c)
add_library(cleat_onnx_objects OBJECT ${onnx_sources} ${subset}/onnx_subset.pb-c.c)
target_include_directories(cleat_onnx_objects PRIVATE include src)
target_include_directories(cleat_onnx_objects SYSTEM PRIVATE ${subset})
target_compile_definitions(cleat_onnx_objects PRIVATE CLEAT_BUILDING
    $<$<BOOL:${BUILD_SHARED_LIBS}>:CLEAT_SHARED>)
target_link_libraries(cleat_onnx_objects PRIVATE cleat_build_flags PkgConfig::CLEAT_PROTOBUF_C)
target_compile_options(cleat_onnx_objects PRIVATE ${coverage_flags})
set_target_properties(cleat_onnx_objects PROPERTIES C_VISIBILITY_PRESET hidden
    POSITION_INDEPENDENT_CODE ON)

# As for libcleat.a: names that are not public are no program's business.
join_objects(cleat_onnx_objects onnx_archive_objects)

function(add_onnx_library name type core)
    if(type STREQUAL "STATIC")
        add_library(${name} STATIC ${onnx_archive_objects})
        set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C)
    else()
        add_library(${name} SHARED $<TARGET_OBJECTS:cleat_onnx_objects>)
    endif()
    target_link_libraries(${name} PUBLIC ${core} PRIVATE PkgConfig::CLEAT_PROTOBUF_C)
    string(TOLOWER ${type} export_name)
    set_target_properties(${name} PROPERTIES OUTPUT_NAME cleat-onnx EXPORT_NAME onnx_${export_name}
        VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
        INSTALL_RPATH "$ORIGIN") # libcleat lies beside it
endfunction()
if(BUILD_SHARED_LIBS)
    add_onnx_library(cleat_onnx SHARED cleat)
else()
    add_onnx_library(cleat_onnx STATIC cleat)
endif()
add_library(cleat::onnx ALIAS cleat_onnx)
if(CLEAT_INSTALL)
    add_onnx_library(cleat_onnx_other ${other_type} cleat_other)
endif()
