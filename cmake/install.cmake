# SPDX-License-Identifier: Apache-2.0
# `cmake --install`: headers, both libraries, command, and what CMake and pkg-config find them by.
# Components: runtime (the shared library), development, command; where there is libcleat-onnx,
# onnx_runtime and onnx_development.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS cleat cleat_other EXPORT cleat-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
    RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/cleat DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
    PATTERN onnx.h EXCLUDE)
set(components runtime development command)
if(CLEAT_HAVE_ONNX)
    install(TARGETS cleat_onnx cleat_onnx_other EXPORT cleat-onnx-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT onnx_runtime
            NAMELINK_COMPONENT onnx_development
        RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT onnx_runtime
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT onnx_development
        INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    install(FILES include/cleat/onnx.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cleat
        COMPONENT onnx_development)
    list(APPEND components onnx_runtime onnx_development)
endif()
if(TARGET cleat_command)
    install(TARGETS cleat_command DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
    install(FILES src/cli/cleat.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT command)
    install(FILES src/cli/cleat.bash RENAME cleat COMPONENT command
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endif()
# A copy for each of Debian's packages (package.cmake).
foreach(component IN LISTS components)
    set(package_of_runtime libcleat${PROJECT_VERSION_MAJOR})
    set(package_of_development libcleat-dev)
    set(package_of_onnx_runtime libcleat-onnx${PROJECT_VERSION_MAJOR})
    set(package_of_onnx_development libcleat-onnx-dev)
    set(package_of_command cleat)
    install(FILES LICENSE RENAME copyright COMPONENT ${component}
        DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package_of_${component}})
endforeach()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cleat)
install(EXPORT cleat-targets NAMESPACE cleat:: DESTINATION ${package_dir} COMPONENT development)
if(CLEAT_HAVE_ONNX)
    install(EXPORT cleat-onnx-targets NAMESPACE cleat:: DESTINATION ${package_dir}
        COMPONENT onnx_development)
endif()
configure_file(cmake/cleat-config.cmake.in cleat-config.cmake @ONLY)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cleat-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cleat-config.cmake
    ${PROJECT_BINARY_DIR}/cleat-config-version.cmake DESTINATION ${package_dir}
    COMPONENT development)

# The .pc finds its prefix from where it lies, so that the installed tree can be moved.
set(pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH pc_prefix ${pc_dir} ${CMAKE_INSTALL_PREFIX})
file(RELATIVE_PATH pc_libdir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH pc_includedir ${CMAKE_INSTALL_PREFIX} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
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
install(FILES ${PROJECT_BINARY_DIR}/cleat.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
    COMPONENT development)
if(CLEAT_HAVE_ONNX)
    configure_file(cmake/cleat-onnx.pc.in cleat-onnx.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/cleat-onnx.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
        COMPONENT onnx_development)
endif()
