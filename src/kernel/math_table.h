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
