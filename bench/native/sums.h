// Sums, in blocks of single precision and independent lanes, so that a strict compiler may use vectors too.

enum { LANES = 32, BLOCK = 4096 };

static inline float total(float *lanes) {
  for (int half = LANES / 2; half > 0; half /= 2)
    for (int lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

#define SUM(name, TERM)                                                            \
  static inline double name(const float *restrict x, long n) {                     \
    double sums = 0;                                                               \
    for (long block = 0; block < n; block += BLOCK) {                              \
      const long end = n - block < BLOCK ? n : block + BLOCK;                      \
      float lanes[LANES] = {0};                                                    \
      long i = block;                                                              \
      for (; i + LANES <= end; i += LANES)                                         \
        for (int lane = 0; lane < LANES; lane++) lanes[lane] += TERM(x[i + lane]); \
      for (; i < end; i++) lanes[0] += TERM(x[i]);                                 \
      sums += total(lanes);                                                        \
    }                                                                              \
    return sums;                                                                   \
  }

#define VALUE(x) (x)
#define SQUARE(x) ((x) * (x))

SUM(sum, VALUE)
SUM(sumOfSquares, SQUARE)
