# How the sources are compiled. The kernels of an instruction set are compiled for it, and run only where the processor
# has it (kernel/select.c).
set(as_fast $<$<C_COMPILER_ID:GNU>:-O2;-ftree-vectorize>) # -O3 adds a fifth to the size of a table, nothing in speed
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    set(WK_ISAS "ref avx2 avx512" CACHE INTERNAL "")
    set(avx2 -mavx2 -mfma -mf16c -fno-math-errno) # nobody looks at errno, which keeps roots from becoming vectors
    set(avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw ${avx2})
    target_sources(wick_objects PRIVATE kernel/simd_avx2.c kernel/simd_avx512.c)
    set_source_files_properties(kernel/simd_avx2.c PROPERTIES COMPILE_OPTIONS "${avx2};${as_fast}")
    set_source_files_properties(kernel/simd_avx512.c PROPERTIES COMPILE_OPTIONS "${avx512}")
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    set(WK_ISAS "ref neon" CACHE INTERNAL "")
    target_sources(wick_objects PRIVATE kernel/simd_neon.c)
    set_source_files_properties(kernel/simd_neon.c PROPERTIES COMPILE_OPTIONS "-fno-math-errno;${as_fast}")
else()
    set(WK_ISAS "ref" CACHE INTERNAL "")
endif()

# Above the kernels, loops run over a few inputs or dimensions: vectors, or calls of memcpy and memset in place of a
# loop, would only make them longer.
get_target_property(engine wick_objects SOURCES)
list(FILTER engine INCLUDE REGEX "^(tensor|grad|op|nn|optim|io)/")
set_source_files_properties(${engine} PROPERTIES COMPILE_OPTIONS
    "-fno-tree-vectorize;$<$<C_COMPILER_ID:GNU>:-fno-tree-loop-distribute-patterns>")

# Nothing unwinds through a kernel, and what tables for that would take is room.
get_target_property(kernels wick_objects SOURCES)
list(FILTER kernels INCLUDE REGEX "^kernel/")
set_property(SOURCE ${kernels} APPEND PROPERTY COMPILE_OPTIONS -fno-asynchronous-unwind-tables)
# The plain kernels exist for every type: loops for neighbours become vectors, and nothing else that takes room.
set_property(SOURCE kernel/convert.c APPEND PROPERTY COMPILE_OPTIONS
    "$<$<C_COMPILER_ID:GNU>:-O2;-ftree-loop-vectorize;-fvect-cost-model=dynamic>")
set_property(SOURCE kernel/ref.c APPEND PROPERTY COMPILE_OPTIONS
    "$<$<C_COMPILER_ID:GNU>:-O2;-ftree-loop-vectorize;-fvect-cost-model=dynamic;-fversion-loops-for-strides>"
    $<$<C_COMPILER_ID:GNU>:-falign-loops=32>) # a short loop that lies badly takes twice its time

# What does not run in each step of a program, or waits for a file or a reader, is compiled to be small, which
# takes a quarter to a half off these files.
get_target_property(cold wick_objects SOURCES)
list(FILTER cold INCLUDE REGEX "^(nn|io|viz)/|^kernel/record.c|^base/(failure|options|writer)|^tensor/(range|text|wrap)\
|^grad/(checkpoint|context|gradcheck|graph|hooks|log|text)|^op/(close|custom|einsum|find|move|multinomial|op_table)\
|^plan/(arguments|compare|text)")
list(FILTER cold EXCLUDE REGEX "^nn/(gru|layer|linear|lstm|recurrent|rnn)\\.") # whose forwards take a step's time
set_property(SOURCE ${cold} APPEND PROPERTY COMPILE_OPTIONS -Os)

# So are, less so, plans but for their replay, layers, and rows that are not called many times in a step.
get_target_property(small wick_objects SOURCES)
list(FILTER small INCLUDE REGEX "^(nn|plan|op)/")
list(FILTER small EXCLUDE REGEX "^plan/(run|chain|entry)")
list(FILTER small EXCLUDE REGEX
    "^op/(activation|arithmetic|binary|elementwise|linear|matmul|matrix|mse_loss|recurrent|reduce|stack|tanh|unary|view)")
list(REMOVE_ITEM small ${cold})
set_property(SOURCE ${small} APPEND PROPERTY COMPILE_OPTIONS -O2)
