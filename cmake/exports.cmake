# Makes include/wick/trace.h, wick.map and exports.txt in the build tree from the public headers, and gives libwick.so
# the version script.
file(GLOB headers ${PROJECT_SOURCE_DIR}/include/*.h ${PROJECT_SOURCE_DIR}/include/wick/*)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${headers} ${CMAKE_CURRENT_LIST_DIR}/exports.sh)
execute_process(
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/exports.sh ${PROJECT_SOURCE_DIR}/include ${PROJECT_BINARY_DIR} ${CMAKE_C_COMPILER}
    COMMAND_ERROR_IS_FATAL ANY)

set(map ${PROJECT_BINARY_DIR}/wick.map)
target_link_options(wick PRIVATE -Wl,--version-script=${map} -Wl,-Bsymbolic-functions)
set_target_properties(wick PROPERTIES LINK_DEPENDS ${map})
