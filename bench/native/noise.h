// Philox4x32-10 and the transform of Box and Muller, as in assembly/kernels: stage by stage over arrays, so that a
// compiler may use vectors.

#include <math.h>
#include <stdint.h>
#include <string.h>

/** Normal numbers at a time, and the counters that give them. */
enum { NOISE = 256, COUNTERS = NOISE / 4 };

/** ln u for u in (0, 1): u = m·2^k with m around 1, ln m = 2·artanh((m − 1)/(m + 1)). */
static inline double lnOf(double u) {
  int64_t bits;
  memcpy(&bits, &u, sizeof bits);
  const int32_t k = ((int32_t)(bits >> 32) - 0x3fe6a09e) >> 20;
  bits -= (int64_t)k << 52;
  double m;
  memcpy(&m, &bits, sizeof m);
  const double f = (m - 1) / (m + 1), s = f * f;
  return k * 0.6931471805599453 + (f + f) * ((((1.0 / 9 * s + 1.0 / 7) * s + 1.0 / 5) * s + 1.0 / 3) * s + 1);
}

/** Through a signed integer, for which there is an instruction. */
static inline double doubleOf(uint32_t word) { return (double)(int32_t)(word ^ 0x80000000u) + 0x1p31; }

static inline void gaussians(float *restrict x, float *restrict y, const uint32_t *restrict w1, const uint32_t *restrict w2) {
  for (int i = 0; i < COUNTERS; i++) {
    const double radius = sqrt(-2 * lnOf((doubleOf(w1[i]) + 0.5) * 0x1p-32)), quarters = doubleOf(w2[i]) * 0x1p-30;
    const int q = (int)(quarters + 0.5);
    const double t = (quarters - q) * 1.5707963267948966, s = t * t;
    const double sine = ((((1.0 / 362880 * s - 1.0 / 5040) * s + 1.0 / 120) * s - 1.0 / 6) * s + 1) * t;
    const double cosine = ((((-1.0 / 3628800 * s + 1.0 / 40320) * s - 1.0 / 720) * s + 1.0 / 24) * s - 0.5) * s + 1;
    const double a = q & 1 ? sine : cosine, b = q & 1 ? cosine : sine;
    x[i] = (float)(radius * ((q + 1) & 2 ? -a : a));
    y[i] = (float)(radius * (q & 2 ? -b : b));
  }
}

/** The normal numbers of the counters (first, leaf, count, rule) and those behind it, of the seed 0. */
static void normal(float *restrict z, uint32_t first, uint32_t leaf, uint32_t count, uint32_t rule) {
  uint32_t c0[COUNTERS], c1[COUNTERS], c2[COUNTERS], c3[COUNTERS], k0 = 0, k1 = 0;
  for (int i = 0; i < COUNTERS; i++) c0[i] = first + (uint32_t)i, c1[i] = leaf, c2[i] = count, c3[i] = rule;
  for (int round = 0; round < 10; round++, k0 += 0x9e3779b9, k1 += 0xbb67ae85) {
    for (int i = 0; i < COUNTERS; i++) {
      const uint64_t left = (uint64_t)0xd2511f53 * c0[i], right = (uint64_t)0xcd9e8d57 * c2[i];
      c0[i] = (uint32_t)(right >> 32) ^ c1[i] ^ k0;
      c1[i] = (uint32_t)right;
      c2[i] = (uint32_t)(left >> 32) ^ c3[i] ^ k1;
      c3[i] = (uint32_t)left;
    }
  }
  float x0[COUNTERS], y0[COUNTERS], x1[COUNTERS], y1[COUNTERS];
  gaussians(x0, y0, c0, c1);
  gaussians(x1, y1, c2, c3);
  for (int i = 0; i < COUNTERS; i++) z[4 * i] = x0[i], z[4 * i + 1] = y0[i], z[4 * i + 2] = x1[i], z[4 * i + 3] = y1[i];
}
