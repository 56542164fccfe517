// Philox4x32-10 and the transform of Box and Muller in f32, as in assembly/kernels: stage by stage over arrays, so that a
// compiler may use vectors.

#include <math.h>
#include <stdint.h>
#include <string.h>

/** Normal numbers at a time, and the counters that give them. */
enum { NOISE = 256, COUNTERS = NOISE / 4 };

static inline uint32_t bitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static inline float floatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/** √(−2 ln u) for u = (word + ½)/2^32 = 2^k·(1 − v). */
static inline float radius(uint32_t word) {
  const float h = ((float)(int32_t)word + 0.5f) * 0x1p-32f;
  const int32_t above = (int32_t)word >> 31, k = ((int32_t)(bitsOf(h) - 0x3f000000) >> 23) & ~above;
  const float v = floatOf(0x3f800000 & ~above) - floatOf(bitsOf(h) - ((uint32_t)k << 23));
  float sum = ((2.361636f * v - 2.147675f) * v + 1.559328f) * v + 0.08043138f;
  sum = (((sum * v + 0.5436049f) * v + 0.6638189f) * v + 1.0000688f) * v + 1.9999998f;
  return sqrtf(sum * v - (float)k * 1.3862944f);
}

/** sin πt for t = turn/2^32, signed. */
static inline float sine(uint32_t turn) {
  const float t = (float)(int32_t)turn * 0x1p-32f, s = t * t;
  return ((((0.07693388f * s - 0.5980525f) * s + 2.5500708f) * s - 5.1677127f) * s + 3.1415927f) * t;
}

static inline void gaussians(float *restrict x, float *restrict y, const uint32_t *restrict w1, const uint32_t *restrict w2) {
  const uint32_t sign = 0x80000000;
  for (int i = 0; i < COUNTERS; i++) {
    const float r = radius(w1[i]);
    const uint32_t word = w2[i], twice = word << 1;
    x[i] = r * floatOf(bitsOf(sine(twice ^ sign)) ^ (~word & sign));
    y[i] = r * floatOf(bitsOf(sine(twice)) ^ ((word ^ twice) & sign));
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
