/* math_table.h -- polynomials of the float functions; written by tools/math_table.py. */

/* 2^(j/16) */
static const float exp_sixteenth[16] = {
    0x1p+0f, 0x1.0b5586p+0f, 0x1.172b84p+0f, 0x1.2387a6p+0f, 0x1.306fep+0f, 0x1.3dea64p+0f,
    0x1.4bfdaep+0f, 0x1.5ab07ep+0f, 0x1.6a09e6p+0f, 0x1.7a1148p+0f, 0x1.8ace54p+0f, 0x1.9c4918p+0f,
    0x1.ae89fap+0f, 0x1.c199bep+0f, 0x1.d5818ep+0f, 0x1.ea4afap+0f,
};

/* e^r = 1 + r (1 + c0 r + c1 r^2) for |r| <= ln(2) / 32 */
static const float exp_short[2] = {
    0x1.00022ep-1f, 0x1.55564ep-3f,
};

/* log(1 + f) = f - f^2/2 + f^3 (c0 + c1 f + ...) for sqrt(1/2) <= 1 + f <= sqrt(2) */
static const float log_tail[8] = {
    0x1.555564p-2f, -0x1.00023cp-2f, 0x1.99986p-3f, -0x1.54679p-3f, 0x1.236438p-3f, -0x1.0e6826p-3f,
    0x1.025beap-3f, -0x1.2d3636p-4f,
};

/* sin r = r + r^3 (c0 + c1 r^2 + ...) for |r| <= pi/4 */
static const float sin_odd[4] = {
    -0x1.555556p-3f, 0x1.111166p-7f, -0x1.a04a7cp-13f, 0x1.78684ep-19f,
};

/* cos r = 1 - r^2/2 + r^4 (c0 + c1 r^2 + ...) for |r| <= pi/4 */
static const float cos_even[3] = {
    0x1.55554ap-5f, -0x1.6c0c2cp-10f, 0x1.99e9fp-16f,
};

/* asin x = x + x^3 (c0 + c1 x^2 + ...) for |x| <= 1/2 */
static const float asin_odd[5] = {
    0x1.5555bap-3f, 0x1.33061p-4f, 0x1.741ce8p-5f, 0x1.8fb22ap-6f, 0x1.569246p-5f,
};

/* atan x = x + x^3 (c0 + c1 x^2 + ...) for |x| <= 1 */
static const float atan_odd[8] = {
    -0x1.5554ep-2f, 0x1.997958p-3f, -0x1.230c4ap-3f, 0x1.b4e236p-4f, -0x1.35484ap-4f, 0x1.61bcfep-5f,
    -0x1.0bbdfap-6f, 0x1.7dc4ap-9f,
};

/* sinh x = x + x^3 (c0 + c1 x^2 + ...) for |x| <= 1 */
static const float sinh_odd[4] = {
    0x1.555556p-3f, 0x1.1110e8p-7f, 0x1.a01d7p-13f, 0x1.7642cap-19f,
};

/* erf x = x + x (c0 + c1 x^2 + ...) below 15/16 */
static const float erf_odd[6] = {
    0x1.06eba6p-3f, -0x1.8126d8p-2f, 0x1.ce174cp-4f, -0x1.b6575ap-6f, 0x1.45f4b2p-8f, -0x1.34af16p-11f,
};

/* erf x = 1 - exp(c0 + c1 x + ...) from 15/16 to 4 */
static const float erf_log[8] = {
    0x1.6dd2ecp-13f, -0x1.2127e4p+0f, -0x1.4445b6p-1f, -0x1.bb89f8p-4f, 0x1.9ba6b6p-6f, -0x1.118d2p-8f,
    0x1.c865d6p-12f, -0x1.63536ep-16f,
};

/* P(X > t) = e^(-t^2/2) / (t + 2) (c0 + c1 u + ...), u = (t - 2) / (t + 2), X normal, 0 <= t <= 14.6 */
static const float normal_tail[11] = {
    0x1.5845dcp-1f, -0x1.535bb6p-2f, 0x1.d7d63ep-6f, 0x1.2cd1acp-5f, -0x1.fca7cp-12f, -0x1.ba4a1cp-8f,
    -0x1.ee0898p-10f, 0x1.ccb862p-11f, 0x1.77179cp-11f, 0x1.202dcep-15f, -0x1.2c1b9ep-14f,
};

/* t P(X > t) e^(t^2/2), X normal, 0 <= t <= 14.75, by pieces of t + 1, as in tanh_table.h */
static const float normal_shift = 0x1p+0f, normal_furthest = 0x1.d8p+3f;

/* The centre of each piece; and the coefficients of d^0, d^1, ..., d = |x| - centre. */
static const float normal_centre[16] = {
    0x1.3f2ep+0f, 0x1.c151cp+0f, 0x1.1f87ap+1f, 0x1.60386p+1f, 0x1.c1458p+1f, 0x1.1fb6ep+2f,
    0x1.60d3cp+2f, 0x1.a13b4p+2f, 0x1.ff5ap+2f, 0x1.3f484p+3f, 0x1.803a8p+3f, 0x1.bf82p+3f,
    0x0p+0f, 0x1.7fe8p-2f, 0x1.408d4p-1f, 0x1.c0754p-1f,
};
static const float normal_piece[6][16] = {
    { /* d^0 */
        0x1.271194p-2f, 0x1.4c38a4p-2f, 0x1.61e2e8p-2f, 0x1.7028f6p-2f, 0x1.7d4542p-2f, 0x1.86be26p-2f,
        0x1.8c3922p-2f, 0x1.8f83b2p-2f, 0x1.9265a6p-2f, 0x1.9487fcp-2f, 0x1.95bd88p-2f, 0x1.967594p-2f,
        0x0p+0f, 0x1.237baap-3f, 0x1.9e5674p-3f, 0x1.f59d3ap-3f,
    },
    { /* d^1 */
        0x1.7cdc04p-4f, 0x1.bafb5ap-5f, 0x1.169376p-5f, 0x1.6bde56p-6f, 0x1.9fc8ep-7f, 0x1.c0e042p-8f,
        0x1.063ae2p-8f, 0x1.4bec06p-9f, 0x1.777e88p-10f, 0x1.8d8458p-11f, 0x1.d02cb4p-12f, 0x1.28dd56p-12f,
        0x1p-1f, 0x1.2238eap-2f, 0x1.99ae24p-3f, 0x1.2869dep-3f,
    },
    { /* d^2 */
        -0x1.b0b6eep-5f, -0x1.bb37bcp-6f, -0x1.f09f7cp-7f, -0x1.222708p-7f, -0x1.1c5bdcp-8f, -0x1.012212p-9f,
        -0x1.ffc08ep-11f, -0x1.197fp-11f, -0x1.0a5c6p-12f, -0x1.cc64eap-14f, -0x1.c3bff6p-15f, -0x1.f37e2cp-16f,
        -0x1.9882b6p-2f, -0x1.a0bde4p-3f, -0x1.1272fap-3f, -0x1.733606p-4f,
    },
    { /* d^3 */
        0x1.92046ap-6f, 0x1.6f48bap-7f, 0x1.72949p-8f, 0x1.86e38cp-9f, 0x1.4c0a0ep-10f, 0x1.fc40f6p-12f,
        0x1.b1cb1ep-13f, 0x1.a0dc62p-14f, 0x1.4bb044p-15f, 0x1.d5efb2p-17f, 0x1.84561p-18f, 0x1.73c598p-19f,
        0x1.ff84e2p-3f, 0x1.dc406cp-4f, 0x1.271d8ep-4f, 0x1.780bbep-5f,
    },
    { /* d^4 */
        -0x1.49e8aap-7f, -0x1.0f02dcp-8f, -0x1.efa06ap-10f, -0x1.dadbap-11f, -0x1.65ca0cp-12f, -0x1.d0ca5ep-14f,
        -0x1.554656p-15f, -0x1.1f0f7ep-16f, -0x1.88367ap-18f, -0x1.c57748p-20f, -0x1.3af4f4p-21f, -0x1.04709p-22f,
        -0x1.0a8304p-3f, -0x1.d4262p-5f, -0x1.127bcp-5f, -0x1.4b46e4p-6f,
    },
    { /* d^5 */
        0x1.e2d242p-9f, 0x1.6e1c52p-10f, 0x1.2b6e4cp-11f, 0x1.0920dcp-12f, 0x1.65df7p-14f, 0x1.8650dp-16f,
        0x1.fbff54p-18f, 0x1.7a5582p-19f, 0x1.aae4eap-21f, 0x1.93e9c2p-23f, 0x1.e4926ep-25f, 0x1.571904p-26f,
        0x1.8cb8c2p-5f, 0x1.9da20ap-6f, 0x1.cbbf7p-7f, 0x1.08adbp-7f,
    },
};
