# The CBLAS for large products, where -DWK_CBLAS=ON asks for one: what FindBLAS finds, of the kind that BLA_VENDOR names
# (OpenBLAS, FLAME for BLIS, Generic ...), or the files of WK_CBLAS_LIBRARIES. It must bring <cblas.h>.
option(WK_CBLAS "Large products go through a CBLAS" OFF)
set(WK_CBLAS_LIBRARIES "" CACHE STRING "The CBLAS to link with; empty: what is found")
set(WK_CBLAS_FROM "" CACHE STRING "Multiplications (m n k) from which on a product goes through it; empty: as measured")
mark_as_advanced(WK_CBLAS_LIBRARIES WK_CBLAS_FROM)
if(NOT WK_CBLAS)
    return()
endif()

set(cblas_libraries ${WK_CBLAS_LIBRARIES})
if(NOT cblas_libraries)
    find_package(BLAS)
    set(cblas_libraries ${BLAS_LIBRARIES})
endif()
find_path(WK_CBLAS_INCLUDE cblas.h PATH_SUFFIXES openblas blis)
mark_as_advanced(WK_CBLAS_INCLUDE)

include(CheckSourceCompiles)
set(CMAKE_REQUIRED_INCLUDES ${WK_CBLAS_INCLUDE})
set(CMAKE_REQUIRED_LIBRARIES ${cblas_libraries})
check_source_compiles(C "#include <cblas.h>
int main(void) { float c = 0; cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, 1, 1, 1, 1, &c, 1, &c, 1, 0, &c, 1); }"
    WK_CBLAS_LINKS)
unset(CMAKE_REQUIRED_INCLUDES)
unset(CMAKE_REQUIRED_LIBRARIES)
if(NOT WK_CBLAS_LINKS)
    unset(WK_CBLAS_LINKS CACHE) # so that it is tried again
    message(FATAL_ERROR "WK_CBLAS is on, but no library with cblas_sgemm was found (tried: ${cblas_libraries}), or no "
        "cblas.h. Install one, such as Debian's libopenblas-dev, or name its files in -DWK_CBLAS_LIBRARIES=.")
endif()

list(GET cblas_libraries 0 first)
get_filename_component(cblas_name ${first} NAME)
add_compile_definitions(WK_CBLAS WK_CBLAS_NAME="${cblas_name}"
    $<$<BOOL:${WK_CBLAS_FROM}>:WK_CBLAS_FROM=${WK_CBLAS_FROM}>)
list(JOIN cblas_libraries " " cblas_flags) # for wick.pc
