/* test_forged_files.c -- safetensors files that are forged, cut or changed: each is refused with its reason. */
#include "files.h"
#include "fuzz/fuzz_safetensors.h"

static void spill(const char *path, const void *bytes, size_t nbytes) {
    FILE *file = fopen(path, "wb");
    assert_int_equal(fwrite(bytes, 1, nbytes, file), nbytes);
    fclose(file);
}

/* A file with this header, whose length is put before it, and so many bytes of data behind it. */
static const char *forged(const char *header, size_t data_nbytes) {
    uint8_t bytes[4096] = {0};
    const uint64_t length = strlen(header);
    memcpy(bytes, &length, sizeof length);
    memcpy(bytes + 8, header, length);
    spill(scratch("forged"), bytes, 8 + length + data_nbytes);
    return scratch("forged");
}

/* ----------------------------------------------------------------------------------------------- forged headers --- */

#define ENTRY(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static const struct {
    const char *header;
    size_t data_nbytes;
    const char *problem; /* NULL: a fine file */
} headers[] = {
    {"{}", 0, NULL},
    {"{} \n", 0, NULL},
    {"{" ENTRY("x", "F32", "[2]", "[0,8]") "}", 8, NULL},
    {"{ \"x\" : { \"shape\" : [ 2 , 1 ] , \"data_offsets\" : [ 0 , 8 ] , \"dtype\" : \"F32\" } }", 8, NULL},
    {"{" ENTRY("b", "U8", "[1]", "[0,1]") "," ENTRY("a", "F4", "[2]", "[1,2]") "}", 2, NULL},
    {"{\"__metadata__\":{\"k\":\"v\"}," ENTRY("x", "F32", "[0,9]", "[0,0]") "}", 0, NULL},
    {"{" ENTRY("\\u00e9\\ud83d\\ude00\\/", "F32", "[]", "[0,4]") "}", 4, NULL},
    {"", 0, "byte 0 of the header: a header begins with {"},
    {"[]", 0, "byte 0 of the header: a header begins with {"},
    {" {}", 0, "byte 0 of the header: a header begins with {"},
    {"\n{\"__metadata__\":{}}", 0, "byte 0 of the header: a header begins with {"},
    {"\xef\xbb\xbf{}", 0, "byte 0 of the header: a header begins with {"},
    {"{", 0, "byte 1 of the header: a string expected"},
    {"{} x", 0, "byte 3 of the header: text after the end"},
    {"{\"x\"}", 0, "byte 4 of the header: : expected"},
    {"{\"x\":1}", 0, "byte 5 of the header: { expected"},
    {"{\"x\":{}}", 0, "byte 6 of the header: a string expected"},
    {"{\"x", 0, "byte 3 of the header: a string without an end"},
    {"{\"x\\", 0, "byte 4 of the header: an escape that is none, or that of the character 0"},
    {"{\"\\u0000\":", 0, "byte 8 of the header: an escape that is none, or that of the character 0"},
    {"{\"\\ud800\":", 0, "byte 8 of the header: an escape that is none, or that of the character 0"},
    {"{\"\\ud800\\u0041\":", 0, "byte 8 of the header: an escape that is none, or that of the character 0"},
    {"{\"\\udc00\\udc00\":", 0, "byte 8 of the header: an escape that is none, or that of the character 0"},
    {"{\"\\x\":", 0, "byte 4 of the header: an escape that is none, or that of the character 0"},
    {"{\"\n\":", 0, "byte 2 of the header: a byte that no string may hold"},
    {"{\"\x1f\":", 0, "byte 2 of the header: a byte that no string may hold"},
    {"{\"\xe0\x80\xaf\":", 0, "byte 2 of the header: a byte that no string may hold"},
    {"{\"\xff\":", 0, "byte 2 of the header: a byte that no string may hold"},
    {"{\"\xc0\xaf\":", 0, "byte 2 of the header: a byte that no string may hold"},
    {"{\"\xed\xa0\x80\":", 0, "byte 2 of the header: a byte that no string may hold"},
    {"{\"x\":{\"dtype\":\"F33\"", 0, "byte 19 of the header: a dtype that the format does not have"},
    {"{\"x\":{\"dtype\":\"f32\"", 0, "byte 19 of the header: a dtype that the format does not have"},
    {"{\"x\":{\"type\":\"F32\"", 0, "byte 12 of the header: a field that is not dtype, shape or data_offsets"},
    {"{\"x\":{\"dtype\":\"F32\",\"dtype\":\"F32\"", 0, "byte 27 of the header: a field that is there twice"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, "a tensor without dtype, shape or data_offsets"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[-1]", 0, "a whole number expected"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1.5]", 0, "] expected"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[01]", 0, "a number with a leading zero"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,]", 0, "a whole number expected"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[9223372036854775808]", 0, "a number too large"},
    {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]", 0, "a shape of more than 8 dimensions"},
    {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "a second __metadata__"},
    {"{\"__metadata__\":{\"k\":1}}", 0, "a string expected"},
    {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", 0, "\"k\" is there twice in __metadata__"},
    {"{" ENTRY("x", "F32", "[0]", "[0,0]") "," ENTRY("x", "F32", "[0]", "[0,0]") "}", 0, "\"x\" is there twice"},
    {"{" ENTRY("x", "F32", "[0]", "[0,0]") "," ENTRY("\\u0078", "F32", "[0]", "[0,0]") "}", 0, "\"x\" is there twice"},
    {"{" ENTRY("x", "F32", "[2]", "[8,0]") "}", 8, "\"x\" ends before it begins"},
    {"{" ENTRY("x", "F32", "[2]", "[0,7]") "}", 8, "\"x\" has another size than its shape and dtype"},
    {"{" ENTRY("x", "F4", "[1]", "[0,1]") "}", 1, "\"x\" has another size than its shape and dtype"},
    {"{" ENTRY("x", "F32", "[3]", "[0,12]") "}", 8, "\"x\" ends behind the end of the file"},
    {"{" ENTRY("x", "U8", "[9223372036854775807]", "[0,9223372036854775807]") "}", 8,
     "\"x\" ends behind the end of the file"},
    {"{" ENTRY("x", "F32", "[4611686018427387904]", "[0,0]") "}", 0, "has another size than its shape and dtype"},
    {"{" ENTRY("x", "F32", "[4294967296,4294967296,0]", "[0,0]") "}", 0, "has another size than its shape and dtype"},
    {"{" ENTRY("x", "F32", "[1]", "[4,8]") "}", 8, "\"x\" does not begin where the tensor before it ends"},
    {"{" ENTRY("x", "F32", "[1]", "[0,4]") "," ENTRY("y", "F32", "[1]", "[2,6]") "}", 6,
     "\"y\" overlaps another tensor"},
    {"{" ENTRY("x", "F32", "[1]", "[0,4]") "}", 8, "the tensors cover 4 of 8 bytes of data"},
    {"{}", 1, "the tensors cover 0 of 1 bytes of data"},
};

static void headers_that_lie(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        wk_safetensors *file = wk_safetensors_open(forged(headers[i].header, headers[i].data_nbytes), &error);
        assert_int_equal(file != NULL, headers[i].problem == NULL);
        if (headers[i].problem != NULL) assert_reports(WK_EFORMAT, "safetensors_open", headers[i].problem);
        else assert_int_equal(error.status, WK_OK);
        wk_safetensors_close(file);
    }
    assert_int_equal(emptied(), 1);
}

static void lengths_that_lie(void **state) {
    (void)state;
    static const uint64_t lengths[] = {3, 1000, 100000000, 100000001, UINT64_MAX, (uint64_t)INT64_MAX - 7};
    for (int i = 0; i < 6; i++) {
        uint8_t bytes[10] = {0};
        memcpy(bytes, &lengths[i], 8);
        spill(scratch("f"), bytes, sizeof bytes);
        assert_null(wk_safetensors_open(scratch("f"), &error));
        assert_reports(WK_EFORMAT, "safetensors_open",
                       lengths[i] > 100000000 ? "the header would be longer than 100 MB, so this is no safetensors file"
                                              : "the file ends within its header");
        spill(scratch("f"), bytes, (size_t)i);
        assert_null(wk_safetensors_open(scratch("f"), &error));
        assert_reports(WK_EFORMAT, "safetensors_open", "the file is too short to be safetensors");
    }
    assert_int_equal(emptied(), 1);
}

/* Cut anywhere a file is refused; changed anywhere it is refused, or reads as another file. */
static void cut_and_changed_anywhere(void **state) {
    (void)state;
    static const char *const names[] = {"weights.safetensors", "common.safetensors", "mixed.safetensors",
                                       "empty.safetensors"};
    static const uint8_t others[] = "\"\\{}[]:,0-9u \xff";
    for (int f = 0; f < 4; f++) {
        size_t nbytes;
        uint8_t *bytes = slurp(given(names[f]), &nbytes);
        LLVMFuzzerTestOneInput(bytes, nbytes);
        for (size_t i = 0; i < nbytes; i++) {
            const uint8_t was = bytes[i];
            spill(scratch("cut"), bytes, i);
            assert_null(wk_safetensors_open(scratch("cut"), &error));
            assert_int_equal(error.status, WK_EFORMAT);
            for (int bit = 0; bit < 8; bit++) {
                bytes[i] = was ^ (uint8_t)(1 << bit);
                LLVMFuzzerTestOneInput(bytes, nbytes);
            }
            for (size_t k = 0; k < sizeof others; k++) {
                bytes[i] = others[k];
                LLVMFuzzerTestOneInput(bytes, nbytes);
            }
            bytes[i] = was;
        }
        free(bytes);
    }
    assert_int_equal(emptied(), 1);
    assert_ok();
}

WK_TEST_MAIN("forged_files", WITH_FOLDER(headers_that_lie), WITH_FOLDER(lengths_that_lie),
             WITH_FOLDER(cut_and_changed_anywhere))
