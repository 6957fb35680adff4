/* tanh_table.h -- polynomials of the float tanh; written by tools/tanh_table.py, which explains them. */
static const float tanh_shift = 0x1.4p-1f, tanh_furthest = 0x1.28p+3f;

/* The centre of each piece; and the coefficients of d^0, d^1, ..., d = |x| - centre. */
static const float tanh_centre[16] = {
    0x1.9f6f6p+0f, 0x1.10b39p+1f, 0x1.4f67cp+1f, 0x1.8f623p+1f, 0x1.efaeap+1f, 0x1.37bcf8p+2f,
    0x1.78f258p+2f, 0x1.b7d878p+2f, 0x1.0b2eap+3f, 0x0p+0f, 0x1.7fe8p-3f, 0x1.40258p-2f,
    0x1.0084p-1f, 0x1.800d8p-1f, 0x1.fff2p-1f, 0x1.3f998p+0f,
};
static const float tanh_piece[6][16] = {
    { /* d^0 */
        0x1.d99d52p-1f, 0x1.f1c0eep-1f, 0x1.fa9adep-1f, 0x1.fe020ap-1f, 0x1.ff8e92p-1f, 0x1.fff098p-1f,
        0x1.fffdfep-1f, 0x1.ffffb8p-1f, 0x1.fffffcp-1f, 0x0p+0f, 0x1.7b78ccp-3f, 0x1.361b9ap-2f,
        0x1.da04c4p-2f, 0x1.453a4cp-1f, 0x1.85e9cap-1f, 0x1.b218acp-1f,
    },
    { /* d^1 */
        0x1.279284p-3f, 0x1.c18a98p-5f, 0x1.5776bep-6f, 0x1.fcf7f2p-8f, 0x1.c58728p-10f, 0x1.ecf968p-13f,
        0x1.0105aep-15f, 0x1.1fffd2p-18f, 0x1.e2e07ep-23f, 0x1p+0f, 0x1.ee6c08p-1f, 0x1.d10b24p-1f,
        0x1.92494ep-1f, 0x1.316978p-1f, 0x1.ae1faap-2f, 0x1.1fe856p-2f,
    },
    { /* d^2 */
        -0x1.116d8p-3f, -0x1.b50674p-5f, -0x1.53d3bep-6f, -0x1.faf46p-8f, -0x1.c494d6p-10f, -0x1.ec4d1cp-13f,
        -0x1.00b4d6p-15f, -0x1.1f9a04p-18f, -0x1.96f34ap-23f, 0x1.444f8ep-22f, -0x1.6e716ap-3f, -0x1.19aabp-2f,
        -0x1.747036p-2f, -0x1.840068p-2f, -0x1.478ffap-2f, -0x1.e83478p-3f,
    },
    { /* d^3 */
        0x1.34d084p-4f, 0x1.1305e2p-5f, 0x1.bb952ep-7f, 0x1.4f6252p-8f, 0x1.2d5896p-10f, 0x1.48584cp-13f,
        0x1.55a42cp-16f, 0x1.7fb068p-19f, 0x1.322268p-23f, -0x1.555b0ap-2f, -0x1.27a54cp-2f, -0x1.c16f32p-3f,
        -0x1.7f3db4p-4f, 0x1.56c24cp-5f, 0x1.a8529cp-4f, 0x1.bbf73ep-4f,
    },
    { /* d^4 */
        -0x1.97663cp-6f, -0x1.e8604ap-7f, -0x1.ac4894p-8f, -0x1.4d9a2ep-9f, -0x1.3a7dd4p-11f, -0x1.57f0d6p-14f,
        -0x1.667c8ap-17f, -0x1.92b15ap-20f, -0x1.e7203p-24f, 0x1.e796a4p-12f, 0x1.ce1abcp-4f, 0x1.4313c4p-3f,
        0x1.4ebdb4p-3f, 0x1.98582cp-4f, 0x1.cd2688p-6f, -0x1.8caea8p-7f,
    },
    { /* d^5 */
        0x1.29e5b8p-10f, 0x1.243344p-8f, 0x1.34b6ep-9f, 0x1.fe8a3ap-11f, 0x1.ee1172p-13f, 0x1.0eef78p-15f,
        0x1.280aeep-18f, 0x1.3e7fb4p-21f, 0x1.4fdadep-25f, 0x1.0a47a6p-3f, 0x1.7dadf2p-4f, 0x1.63cabcp-5f,
        -0x1.a3d22cp-6f, -0x1.02ee04p-4f, -0x1.7bd52p-5f, -0x1.3e41c6p-6f,
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
