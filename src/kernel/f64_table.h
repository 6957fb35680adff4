/* f64_table.h -- polynomials of the functions of doubles; written by tools/f64_table.py. */

/* e^r = 1 + r + r^2 (c0 + c1 r + ...) for |r| <= ln(2) / 2 */
static const double exp_tail_f64[10] = {
    0x1.000000000000cp-1, 0x1.555555555555cp-3, 0x1.555555554fdd8p-5, 0x1.111111110e9dep-7,
    0x1.6c16c18616ed7p-10, 0x1.a01a01b455d91p-13, 0x1.a0199584f4af5p-16, 0x1.71ddee3ecd7a3p-19,
    0x1.28b12fe550e4bp-22, 0x1.af6ee586ebd03p-26,
};

/* erf x = x + x (c0 + c1 x^2 + ...) below 0.85 */
static const double erf_odd_f64[11] = {
    0x1.06eba8214db68p-3, -0x1.812746b037994p-2, 0x1.ce2f21a03e69dp-4, -0x1.b82ce311199d7p-6,
    0x1.565bcccfa28acp-8, -0x1.c02da76a34865p-11, 0x1.f9a19289ae5ddp-14, -0x1.f4b1983d96920p-17,
    0x1.b82f1832349dep-20, -0x1.50f4b6a255c3dp-23, 0x1.6e36a9589b66cp-27,
};

/* 1 / (1 - erf x)^(1/8) = 1 + x (c0 + c1 x + ...) from 0.85 to 5.95 */
static const double erf_root_f64[19] = {
    0x1.20dd75e67f1f7p-3, 0x1.6eb152bd1b689p-4, 0x1.920b85c082854p-6, 0x1.bcd3cd100a456p-9,
    0x1.4e21e92b0372cp-10, 0x1.61997250d0ee5p-12, -0x1.499d42bc7a896p-16, 0x1.a4c95c19a57a4p-18,
    0x1.04a3ba8ee2ccbp-16, -0x1.47e0557513b9bp-17, 0x1.271989fcf0380p-18, -0x1.861dda8429fbbp-20,
    0x1.9f3ceccef5733p-22, -0x1.608c60f0429acp-24, 0x1.dba83b56e93c1p-27, -0x1.ea85131489776p-30,
    0x1.6e6fa58bfa45dp-33, -0x1.610042262aeabp-37, 0x1.52e89379276b6p-42,
};

/* P(X > t) = e^(-t^2/2) / (t + 4) (r0 + r1 u + r2 u^2 + u^3 (c0 + c1 u + ...)), u = (t - 4) / (t + 4), for
 * normal X and 0 <= t <= 38.8; r */
static const double normal_ratio_f64[3] = {
    0x1.82b4bb8c94dcep-1, -0x1.373e3a893c28ap-1, 0x1.8c6dbf2cfc281p-2,
};

/* and c */
static const double normal_tail_f64[21] = {
    -0x1.7dff2bff683a2p-3, 0x1.eec4cc3e50c54p-5, -0x1.ee276104802fbp-8, -0x1.c81719d90a123p-9,
    0x1.ab825fc1466c2p-10, 0x1.17a4b05c4bf0bp-13, -0x1.e4a4256a3d2fap-13, -0x1.0021664594104p-19,
    0x1.26d09589a7f41p-15, 0x1.80df11fc1f88dp-21, -0x1.8d4a3125f72b7p-18, -0x1.525267463a2dap-21,
    0x1.1228d0da742a6p-20, 0x1.2499a5c7fbf80p-22, -0x1.4bfd129788aa1p-23, -0x1.719c3309493a3p-24,
    0x1.bb7e7e0aadf5ap-27, 0x1.56f3ad1bb71f0p-26, 0x1.24fa30c902149p-29, -0x1.657fc3010fab8p-29,
    -0x1.ac3ea4b226737p-31,
};

#define F64_LOG2_LINEAR 0x1.71547652b82fep+1
#define F64_LOG2_LINEAR_LOW 0x1.777d0ffda0d24p-55

#define F64_LOG2_CUBIC 0x1.ec709dc3a03fdp-1
#define F64_LOG2_CUBIC_LOW 0x1.d27f05548af0cp-55

/* log2 (1 + s) / (1 - s) = s LINEAR + s^3 CUBIC + s^5 (c0 + c1 s^2 + ...) for s^2 <= 0.0296 */
static const double log2_tail_f64[9] = {
    0x1.2776c50ef9bffp-1, 0x1.a61762a7adc29p-2, 0x1.484b13d7ec2c2p-2, 0x1.0c9a84812cfe6p-2,
    0x1.c68f663b081eap-3, 0x1.89f086d5d71b2p-3, 0x1.5c003410a5408p-3, 0x1.2f81e6ded02d4p-3,
    0x1.638226c382571p-3,
};

/* 2^r = 1 + r (c0 + c1 r + ...) for |r| <= 1/2 */
static const double exp2_f64[12] = {
    0x1.62e42fefa39efp-1, 0x1.ebfbdff82c58fp-3, 0x1.c6b08d704a183p-5, 0x1.3b2ab6fba4d80p-7,
    0x1.5d87fe7888b62p-10, 0x1.430912f8a93b7p-13, 0x1.ffcbfcdbb0815p-17, 0x1.62c021635f524p-20,
    0x1.b524224fbe196p-24, 0x1.e4d2017c60869p-28, 0x1.eafe8868eac99p-32, 0x1.c0e2e02dac2bfp-36,
};
