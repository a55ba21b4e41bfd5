# SPDX-License-Identifier: Apache-2.0
# `cmake --install`: headers, library, command, and what CMake and pkg-config find it by.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

target_include_directories(cleat PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
install(TARGETS cleat EXPORT cleat-targets)
install(DIRECTORY include/cleat DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET cleat_command)
    install(TARGETS cleat_command)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cleat)
install(EXPORT cleat-targets NAMESPACE cleat:: DESTINATION ${package_dir})
configure_file(cmake/cleat-config.cmake.in cleat-config.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cleat-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cleat-config.cmake
    ${PROJECT_BINARY_DIR}/cleat-config-version.cmake DESTINATION ${package_dir})

set(pc_private_requires "")
if(CLEAT_LINK_OPENCL)
    set(pc_private_requires OpenCL)
endif()
set(pc_private_libs "-pthread -lm")
foreach(library IN LISTS CMAKE_DL_LIBS)
    string(APPEND pc_private_libs " -l${library}")
endforeach()
if(CLBlast_FOUND)
    string(PREPEND pc_private_libs "-lclblast ")
endif()
configure_file(cmake/cleat.pc.in cleat.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/cleat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
