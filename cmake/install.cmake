# What `cmake --install` puts where. Both wick.pc and the CMake package find their tree from where they lie, so --prefix
# and DESTDIR may be chosen at install time.
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/wick)

install(TARGETS wick wick_static EXPORT wick-config)
install(TARGETS wick_cli)
install(FILES cli/wick.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(DIRECTORY include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_BINARY_DIR}/include/wick/trace.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/wick)

file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" up ${up})
configure_file(wick.pc.in wick.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/wick.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(EXPORT wick-config NAMESPACE wick:: DESTINATION ${package})
write_basic_package_version_file(wick-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/wick-config-version.cmake DESTINATION ${package})

add_custom_target(uninstall COMMAND ${CMAKE_COMMAND} -P ${PROJECT_SOURCE_DIR}/cmake/uninstall.cmake)
