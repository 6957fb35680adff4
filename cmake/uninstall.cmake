# Removes the files that the last `cmake --install` of this build wrote, and the folders that this leaves empty.
if(NOT EXISTS install_manifest.txt)
    message(FATAL_ERROR "Nothing is installed from this build: it has no install_manifest.txt.")
endif()

file(STRINGS install_manifest.txt files)
foreach(file ${files})
    file(REMOVE "$ENV{DESTDIR}${file}")
    cmake_path(GET file PARENT_PATH folder)
    list(APPEND folders "$ENV{DESTDIR}${folder}")
endforeach()

list(REMOVE_DUPLICATES folders)
foreach(folder ${folders})
    if(folder MATCHES "/wick$") # a folder that is ours alone: include/wick, lib/cmake/wick
        file(GLOB rest "${folder}/*")
        if(NOT rest)
            file(REMOVE_RECURSE "${folder}")
        endif()
    endif()
endforeach()
