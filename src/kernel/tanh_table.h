/* tanh_table.h -- polynomials of the float tanh; written by tools/tanh_table.py, which explains them. */
static const float tanh_shift = 0x1.4p-1f, tanh_furthest = 0x1.28p+3f;

/* The centre of each piece; and the coefficients of d^0, d^1, ..., d = |x| - centre. */
static const float tanh_centre[32] = {
    0x1.80198p+0f, 0x1.bf98cp+0f, 0x1.0051p+1f, 0x1.20bbep+1f, 0x1.3f344p+1f, 0x1.610d8p+1f,
    0x1.7eefp+1f, 0x1.9f2ccp+1f, 0x1.d0b1ap+1f, 0x1.074d98p+2f, 0x1.27b85p+2f, 0x1.474a1p+2f,
    0x1.67d03p+2f, 0x1.88b7cp+2f, 0x1.a8951p+2f, 0x1.c917a8p+2f, 0x1.f704p+2f, 0x1.1b222p+3f,
    0x0p+0f, 0x1.7f67p-4f, 0x1.40dfcp-3f, 0x1.c0bb4p-3f, 0x1.1f322p-2f, 0x1.5f004p-2f,
    0x1.c06acp-2f, 0x1.2006cp-1f, 0x1.608dap-1f, 0x1.a00b6p-1f, 0x1.e0186p-1f, 0x1.0ff01p+0f,
    0x1.30a05p+0f, 0x1.4f43p+0f,
};
static const float tanh_piece[5][32] = {
    { /* d^0 */
        0x1.cf78cep-1f, 0x1.e1e47p-1f, 0x1.edabdcp-1f, 0x1.f4e052p-1f, 0x1.f90fb4p-1f, 0x1.fbe66p-1f,
        0x1.fd6cf4p-1f, 0x1.fe716p-1f, 0x1.ff47f8p-1f, 0x1.ffba06p-1f, 0x1.ffe696p-1f, 0x1.fff686p-1f,
        0x1.fffc92p-1f, 0x1.fffec6p-1f, 0x1.ffff8cp-1f, 0x1.ffffd6p-1f, 0x1.fffff6p-1f, 0x1.fffffep-1f,
        0x0p+0f, 0x1.7e4958p-4f, 0x1.3e4624p-3f, 0x1.b9af92p-3f, 0x1.17e526p-2f, 0x1.51defp-2f,
        0x1.a5cb46p-2f, 0x1.050d6ep-1f, 0x1.31b312p-1f, 0x1.578f4p-1f, 0x1.77e376p-1f, 0x1.92b38cp-1f,
        0x1.a93f72p-1f, 0x1.ba7592p-1f,
    },
    { /* d^1 */
        0x1.71d3b8p-3f, 0x1.d38ed2p-4f, 0x1.20021cp-4f, 0x1.60173ap-5f, 0x1.b90fc8p-6f, 0x1.055a72p-6f,
        0x1.48b126p-7f, 0x1.8e03dcp-8f, 0x1.6fbeb8p-9f, 0x1.17c982p-10f, 0x1.96850ep-12f, 0x1.2f30dcp-13f,
        0x1.b6ec98p-15f, 0x1.39f27p-16f, 0x1.cfef9ep-18f, 0x1.4ff2ecp-19f, 0x1.3f2888p-21f, 0x1.4078c4p-24f,
        0x1p+0f, 0x1.fb8a4p-1f, 0x1.f3a26cp-1f, 0x1.e82f8cp-1f, 0x1.d9bf56p-1f, 0x1.c84268p-1f,
        0x1.a9213ap-1f, 0x1.7ae5d6p-1f, 0x1.4979f2p-1f, 0x1.197774p-1f, 0x1.d813e4p-2f, 0x1.8687aap-2f,
        0x1.3d9c5p-2f, 0x1.0345d2p-2f,
    },
    { /* d^2 */
        -0x1.4ec68cp-3f, -0x1.b811p-4f, -0x1.15b28ap-4f, -0x1.586f88p-5f, -0x1.b3190ap-6f, -0x1.03406cp-6f,
        -0x1.470d5ap-7f, -0x1.8cd1e2p-8f, -0x1.6f383ap-9f, -0x1.17b964p-10f, -0x1.96853cp-12f, -0x1.2f452ap-13f,
        -0x1.b706e2p-15f, -0x1.39e1cep-16f, -0x1.d0761p-18f, -0x1.500ddcp-19f, -0x1.40087p-21f, 0x1.bc700cp-23f,
        0x0p+0f, -0x1.7af524p-4f, -0x1.36963p-3f, -0x1.a52456p-3f, -0x1.02fbcap-2f, -0x1.2d1656p-2f,
        -0x1.5e3a86p-2f, -0x1.82602cp-2f, -0x1.8970f2p-2f, -0x1.79bc9p-2f, -0x1.5a944ep-2f, -0x1.332972p-2f,
        -0x1.07cbbcp-2f, -0x1.c01d6ap-3f,
    },
    { /* d^3 */
        0x1.675182p-4f, 0x1.02a064p-4f, 0x1.58455cp-5f, 0x1.b87156p-6f, 0x1.1b139ep-6f, 0x1.554efap-7f,
        0x1.b135aap-8f, 0x1.07e688p-8f, 0x1.efe244p-10f, 0x1.7a3bfp-11f, 0x1.132192p-12f, 0x1.9a784ap-14f,
        0x1.2939d8p-15f, 0x1.a92d7ap-17f, 0x1.3a5a02p-18f, 0x1.c71c9p-20f, 0x1.c5a7bep-22f, 0x1.02ae3p-23f,
        -0x1.55a588p-2f, -0x1.495514p-2f, -0x1.34cfc4p-2f, -0x1.17ede2p-2f, -0x1.e9e2f8p-3f, -0x1.9981bp-3f,
        -0x1.165f28p-3f, -0x1.be90c6p-5f, 0x1.deb67cp-7f, 0x1.060158p-4f, 0x1.8342c2p-4f, 0x1.bce428p-4f,
        0x1.c468e4p-4f, 0x1.ac8894p-4f,
    },
    { /* d^4 */
        -0x1.9674dcp-6f, -0x1.80bfaep-6f, -0x1.2506cap-6f, -0x1.939288p-7f, -0x1.08d06cp-7f, -0x1.4e0d9cp-8f,
        -0x1.a2fc58p-9f, -0x1.01c068p-9f, -0x1.ef52b6p-11f, -0x1.71861ep-12f, -0x1.0fc19ep-13f, -0x1.91521ap-15f,
        -0x1.256666p-16f, -0x1.aff86p-18f, -0x1.2ef478p-19f, -0x1.c7db94p-21f, -0x1.b3fae4p-23f, -0x1.001f8ap-20f,
        0x1.ac2f8ap-7f, 0x1.f4f3dp-5f, 0x1.8d95aep-4f, 0x1.04d57ap-3f, 0x1.328b16p-3f, 0x1.4f6c8p-3f,
        0x1.5b82a6p-3f, 0x1.3a0362p-3f, 0x1.e96788p-4f, 0x1.476e26p-4f, 0x1.6338d6p-5f, 0x1.dac808p-7f,
        -0x1.72b36cp-8f, -0x1.20eb98p-6f,
    },
};

/* tanh x = x + x^3 (c0 + c1 x^2 + c2 x^4 + ...) below 5/8 */
static const float tanh_odd[5] = {
    -0x1.555536p-2f, 0x1.1107aep-3f, -0x1.b84b26p-5f, 0x1.527aa2p-6f, -0x1.77307ap-8f,
};

/* e^r = 1 + r + r^2 (c0 + c1 r + c2 r^2 + ...) for |r| <= ln(2) / 2 */
static const float exp_tail[5] = {
    0x1.fffff8p-2f, 0x1.555486p-3f, 0x1.555b7cp-5f, 0x1.1241c2p-7f, 0x1.687d62p-10f,
};
