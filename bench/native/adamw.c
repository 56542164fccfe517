// The step of assembly/adamw.ts in C, as a process that answers on its standard output, so that its rounds lie between
// those of the other peers:
//
//   reset <n>                   n parameters from the seed, empty state     -> "ready"
//   run <clip|plain> <n> <k>    k steps                                     -> "<nanoseconds> <checksum>"
//   params <n>                                                              -> n floats, raw
//
// Arguments: learningRate b1 b2 eps epsRoot decay maxNorm gap
#define _POSIX_C_SOURCE 200112L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LANES = 64, BLOCK = 4096 };

static double learningRate, b1, b2, eps, epsRoot, decay, maxNorm;

// Blocks are summed in single precision, in independent lanes, so that a strict compiler may use vectors too.
static double sumOfSquares(const float *restrict g, long n) {
  double total = 0;
  for (long block = 0; block < n; block += BLOCK) {
    const long end = n - block < BLOCK ? n : block + BLOCK;
    float lanes[LANES] = {0};
    long i = block;
    for (; i + LANES <= end; i += LANES)
      for (int lane = 0; lane < LANES; lane++) lanes[lane] += g[i + lane] * g[i + lane];
    for (; i < end; i++) lanes[0] += g[i] * g[i];
    for (int lane = 0; lane < LANES; lane++) total += lanes[lane];
  }
  return total;
}

static void adamw(float *restrict p, const float *restrict g, float *restrict m, float *restrict v, long n, float factor,
                  float oneMinusB1, float decay2, float oneMinusB2, float root, float e, float alpha, float beta) {
  p = __builtin_assume_aligned(p, 64);
  g = __builtin_assume_aligned(g, 64);
  m = __builtin_assume_aligned(m, 64);
  v = __builtin_assume_aligned(v, 64);
  for (long i = 0; i < n; i++) {
    const float x = factor * g[i];
    const float mean = m[i] + oneMinusB1 * (x - m[i]);
    const float square = decay2 * v[i] + oneMinusB2 * (x * x);
    m[i] = mean;
    v[i] = square;
    p[i] += alpha * (mean / (sqrtf(square + root) + e)) + beta * p[i];
  }
}

static void step(float *p, float *g, float *m, float *v, long n, long count, int clip) {
  double factor = 1;
  if (clip) {
    const double norm = sqrt(sumOfSquares(g, n));
    if (norm > maxNorm) factor = maxNorm / norm;
  }
  const double c1 = 1 - pow(b1, count), c2 = 1 - pow(b2, count);
  adamw(p, g, m, v, n, (float)factor, (float)(1 - b1), (float)b2, (float)(1 - b2), (float)(epsRoot * c2),
        (float)(eps * sqrt(c2)), (float)(-learningRate / c1 * sqrt(c2)), (float)(-learningRate * decay));
}

static double nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

// The generator of values.js: parameters first, then gradients.
static void fill(float *a, long n, long *seed) {
  for (long i = 0; i < n; i++) {
    *seed = *seed * 48271 % 2147483647;
    a[i] = (float)((double)*seed / 2147483647 - 0.5);
  }
}

int main(int argc, char **argv) {
  if (argc != 9) return 2;
  learningRate = atof(argv[1]), b1 = atof(argv[2]), b2 = atof(argv[3]), eps = atof(argv[4]), epsRoot = atof(argv[5]);
  decay = atof(argv[6]), maxNorm = atof(argv[7]);
  const size_t gap = (size_t)atol(argv[8]);
  char line[128], what[16];
  long n, k, count = 0, length = 0;
  char *arena = NULL;
  float *p = NULL, *g = NULL, *m = NULL, *v = NULL;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "reset %ld", &n) == 1) {
      if (n != length) {
        const size_t plane = ((size_t)n * sizeof(float) + 63) / 64 * 64 + gap;
        free(arena);
        if (!(arena = aligned_alloc(64, 4 * plane))) return 3;
        p = (float *)arena, g = (float *)(arena + plane), m = (float *)(arena + 2 * plane), v = (float *)(arena + 3 * plane);
        length = n;
      }
      long seed = 1;
      fill(p, n, &seed);
      fill(g, n, &seed);
      memset(m, 0, (size_t)n * sizeof(float));
      memset(v, 0, (size_t)n * sizeof(float));
      count = 0;
      puts("ready");
    } else if (sscanf(line, "run %15s %ld %ld", what, &n, &k) == 3 && n == length) {
      const int clip = strcmp(what, "clip") == 0;
      const double start = nanoseconds();
      for (long i = 0; i < k; i++) step(p, g, m, v, n, ++count, clip);
      const double took = nanoseconds() - start;
      double checksum = 0;
      for (long i = 0; i < n; i += 1 + n / 64) checksum += p[i];
      printf("%.0f %.9g\n", took, checksum);
    } else if (sscanf(line, "params %ld", &n) == 1 && n == length) {
      fwrite(p, sizeof(float), (size_t)n, stdout);
    } else {
      return 4;
    }
    fflush(stdout);
  }
  return 0;
}
