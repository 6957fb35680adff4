/* fuzz_safetensors.h -- the entry that libFuzzer looks for. Ends the program when what must hold does not. */
#ifndef WK_TESTS_FUZZ_SAFETENSORS_H
#define WK_TESTS_FUZZ_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t nbytes);

#endif
