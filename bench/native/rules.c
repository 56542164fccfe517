// The rules of lanestep in C, each with the scalars folded as lanestep folds them, as a process that answers on its
// standard output, so that its rounds lie between those of the other peers:
//
//   reset <n>             n parameters from the seed, state as it begins     -> "ready"
//   run <rule> <n> <k>    k steps                                            -> "<nanoseconds> <checksum>"
//   params <n>                                                               -> n floats, raw
//
// Arguments: <name>=<value> for any of the settings below.
#define _POSIX_C_SOURCE 200112L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "noise.h"
#include "sums.h"

typedef const float *restrict In;
typedef float *restrict InOut;

static double learningRate = 1, b1 = 0.9, b2 = 0.999, eps, epsRoot, decay, maxNorm, rate, delta, eta, gamma_, threshold, every;
/** Elements of a leaf and of a row in it, what noise is scaled by, and its counter's words. */
static double leaf, columns, noiseScale = 1, leafHash, rule;
/** How the values begin: bytes between planes, what slots hold, whether the first holds parameters, a NaN how often. */
static double gap, initial, fromParams, nanEvery;

static const struct {
  const char *name;
  double *value;
} settings[] = {
    {"learningRate", &learningRate}, {"b1", &b1}, {"b2", &b2}, {"eps", &eps}, {"epsRoot", &epsRoot}, {"decay", &decay},
    {"maxNorm", &maxNorm}, {"rate", &rate}, {"delta", &delta}, {"eta", &eta}, {"gamma", &gamma_}, {"threshold", &threshold},
    {"every", &every}, {"leaf", &leaf}, {"columns", &columns}, {"noiseScale", &noiseScale}, {"leafHash", &leafHash},
    {"rule", &rule}, {"gap", &gap}, {"initial", &initial}, {"fromParams", &fromParams},
    {"nanEvery", &nanEvery},
};

/** What a step computes with. */
typedef struct {
  float factor, alpha, beta, odds, rest1, b2, rest2, root, eps, decay, rest, rate, delta, sigma;
  long count, parts;
} Scalars;

// ---- elementwise rules, without anything that a compiler would make a branch of

static inline float toward(float m, float x, float rest) { return m + rest * (x - m); }

static inline float adamOf(float x, InOut m, InOut v, Scalars k) {
  const float mean = toward(*m, x, k.rest1), square = k.b2 * *v + k.rest2 * (x * x);
  *m = mean;
  *v = square;
  return mean / (sqrtf(square + k.root) + k.eps);
}

static inline float adamaxOf(float x, InOut m, InOut v, Scalars k) {
  const float mean = toward(*m, x, k.rest1), before = k.b2 * *v, now = fabsf(x) + k.eps, largest = before > now ? before : now;
  *m = mean;
  *v = largest;
  return mean / largest;
}

static inline float beliefOf(float x, InOut m, InOut v, Scalars k) {
  const float d = x - *m, mean = *m + k.rest1 * d, square = k.b2 * *v + k.rest2 * (d * d) + k.root;
  *m = mean;
  *v = square;
  return mean / (sqrtf(square) + k.eps);
}

static inline float lionOf(float x, InOut m, Scalars k) {
  const float mean = k.odds * *m + x;
  *m = k.b2 * *m + k.rest2 * x;
  return (mean > 0 ? 1.0f : 0.0f) - (mean < 0 ? 1.0f : 0.0f);
}

static inline float momentumOf(float x, InOut m, InOut v, Scalars k) {
  *v = k.b2 * *v + k.rest2 * (x * x);
  return *m = toward(*m, x, k.rest1);
}

static inline float yogiOf(float x, InOut m, InOut v, Scalars k) {
  const float mean = toward(*m, x, k.rest1), squared = x * x, d = *v - squared;
  const float sign = (d > 0 ? 1.0f : 0.0f) - (d < 0 ? 1.0f : 0.0f), square = *v - sign * (k.rest2 * squared);
  *m = mean;
  *v = square;
  return mean / (sqrtf(square + k.root) + k.eps);
}

static inline float adadeltaOf(float x, InOut g, InOut d, Scalars k) {
  const float square = k.decay * *g + k.rest * (x * x), y = sqrtf(*d + k.eps) / sqrtf(square + k.eps) * x;
  *g = square;
  *d = k.decay * *d + k.rest * (y * y);
  return y;
}

static inline float rmsOf(float x, InOut v, Scalars k) {
  const float square = k.decay * *v + k.rest * (x * x);
  *v = square;
  return x / sqrtf(square + k.eps);
}

static inline float rssOf(float x, InOut s, Scalars k) {
  const float sum = *s + x * x;
  *s = sum;
  return (sum > 0 ? 1.0f : 0.0f) * x / sqrtf(sum + k.eps);
}

static inline float stddevOf(float x, InOut m, InOut v, Scalars k) {
  const float mean = toward(*m, x, k.rest), square = k.decay * *v + k.rest * (x * x), variance = square - mean * mean;
  *m = mean;
  *v = square;
  return x / sqrtf((variance > 0 ? variance : 0) + k.eps);
}

static inline float traceOf(float x, InOut t, Scalars k) { return *t = x + k.decay * *t; }

static inline float clipOf(float x, float limit) {
  const float low = x > limit ? limit : x;
  return low < -limit ? -limit : low;
}

/** On its bits: -ffast-math takes a comparison with itself away. */
static inline float zeroNan(float x) {
  unsigned bits;
  memcpy(&bits, &x, sizeof bits);
  bits = (bits & 0x7fffffff) > 0x7f800000 ? 0 : bits;
  memcpy(&x, &bits, sizeof x);
  return x;
}

#define RULE(name, ...)                                                                \
  static void name(InOut p, In g, InOut m, InOut v, long n, Scalars k) {               \
    p = __builtin_assume_aligned(p, 64), g = __builtin_assume_aligned(g, 64);          \
    m = __builtin_assume_aligned(m, 64), v = __builtin_assume_aligned(v, 64);          \
    for (long i = 0; i < n; i++) __VA_ARGS__;                                          \
  }

RULE(scale, p[i] += k.alpha * g[i])
RULE(addDecayedWeights, p[i] += k.alpha * g[i] + k.beta * p[i])
RULE(clip, p[i] += k.alpha * clipOf(g[i], k.delta))
RULE(zeroNans, p[i] += k.alpha * zeroNan(g[i]))
RULE(adam, p[i] += k.alpha * adamOf(g[i], &m[i], &v[i], k))
RULE(adamax, p[i] += k.alpha * adamaxOf(g[i], &m[i], &v[i], k))
RULE(adamw, p[i] += k.alpha * adamOf(k.factor * g[i], &m[i], &v[i], k) + k.beta * p[i])
RULE(clippedAdam, p[i] += k.alpha * adamOf(k.factor * g[i], &m[i], &v[i], k))
RULE(belief, p[i] += k.alpha * beliefOf(g[i], &m[i], &v[i], k))
RULE(lion, p[i] += k.alpha * lionOf(g[i], &m[i], k) + k.beta * p[i])
RULE(momentum, p[i] += k.alpha * momentumOf(g[i], &m[i], &v[i], k))
RULE(yogi, p[i] += k.alpha * yogiOf(g[i], &m[i], &v[i], k))
RULE(adadelta, p[i] += k.alpha * adadeltaOf(g[i], &m[i], &v[i], k))
RULE(rms, p[i] += k.alpha * rmsOf(g[i], &m[i], k))
RULE(rss, p[i] += k.alpha * rssOf(g[i], &m[i], k))
RULE(stddev, p[i] += k.alpha * stddevOf(g[i], &m[i], &v[i], k))
RULE(rmsTrace, p[i] += traceOf(k.alpha * rmsOf(g[i], &m[i], k), &v[i], k))
RULE(trace, p[i] += k.alpha * traceOf(g[i], &m[i], k))
RULE(nesterov, p[i] += k.alpha * (g[i] + k.decay * traceOf(g[i], &m[i], k)))
RULE(ema, p[i] += k.alpha * (m[i] = toward(m[i], g[i], k.rest)))
RULE(average, {
  p[i] += k.alpha * g[i];
  m[i] = toward(m[i], p[i], k.rate);
})
RULE(lookahead, p[i] = m[i] = toward(m[i], p[i] + k.alpha * g[i], k.rate))
RULE(start, m[i] = g[i])
RULE(add, m[i] += g[i])
RULE(applySum, p[i] += k.alpha * m[i])

// What memory takes to move the planes of a rule: parameters, gradients and 0, 1 or 2 slots; or the gradients into a slot.
RULE(move0, p[i] = 0.5f * (p[i] + g[i]))
RULE(move1, p[i] = m[i] = 0.25f * (p[i] + g[i] + m[i]))
RULE(move2, p[i] = m[i] = v[i] = 0.25f * (p[i] + g[i] + m[i] + v[i]))
RULE(moveSum, m[i] = 0.5f * (m[i] + g[i]))

// ---- rules that are more than a loop

static void radam(InOut p, In g, InOut m, InOut v, long n, Scalars k) {
  (k.parts ? adam : momentum)(p, g, m, v, n, k);
}

/** All but the last of `every` gradients are added up; behind the eighth step nothing but gathering is timed. */
static void accumulate(InOut p, In g, InOut m, InOut v, long n, Scalars k) {
  (k.parts == 1 ? start : add)(p, g, m, v, n, k);
  if (k.parts == (long)every) applySum(p, g, m, v, n, k);
}

/** Adds up the squares of both, in the loop that reads them. */
static void trust(InOut p, In g, InOut m, InOut v, long n, Scalars k) {
  for (long size = (long)leaf; n > 0; n -= size, p += size, g += size) {
    double params = 0, updates = 0;
    for (long from = 0; from < size; from += BLOCK) {
      float ofParams[LANES] = {0}, ofUpdates[LANES] = {0};
      for (long i = from; i < from + BLOCK; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
          ofParams[lane] += p[i + lane] * p[i + lane];
          ofUpdates[lane] += g[i + lane] * g[i + lane];
        }
      params += total(ofParams), updates += total(ofUpdates);
    }
    k.alpha = (float)(-learningRate * sqrt(params) / sqrt(updates));
    scale(p, g, m, v, size, k);
  }
}

/** As trust; what is added up are the updates of Adam with decay. */
static void lamb(InOut p, In g, InOut m, InOut v, long n, Scalars k) {
  static float u[1 << 16] __attribute__((aligned(64)));
  for (long size = (long)leaf; n > 0; n -= size, p += size, g += size, m += size, v += size) {
    double params = 0, updates = 0;
    for (long from = 0; from < size; from += BLOCK) {
      float ofParams[LANES] = {0}, ofUpdates[LANES] = {0};
      for (long i = from; i < from + BLOCK; i += LANES)
        for (int lane = 0; lane < LANES; lane++) {
          const long j = i + lane;
          const float update = k.factor * adamOf(g[j], &m[j], &v[j], k) + k.decay * p[j];
          u[j] = update;
          ofParams[lane] += p[j] * p[j];
          ofUpdates[lane] += update * update;
        }
      params += total(ofParams), updates += total(ofUpdates);
    }
    k.alpha = (float)(-learningRate * sqrt(params) / sqrt(updates));
    scale(p, u, m, v, size, k);
  }
}

static void centralize(InOut p, In g, InOut m, InOut v, long n, Scalars k) {
  const long size = (long)columns;
  for (; n > 0; n -= size, p += size, g += size) {
    const float mean = (float)(sum(g, size) / size);
    for (long i = 0; i < size; i++) p[i] += k.alpha * (g[i] - mean);
  }
}

static void noise(InOut p, In g, InOut m, InOut v, long n, Scalars k) {
  float z[NOISE];
  for (long from = 0; from < n; from += NOISE) {
    normal(z, (unsigned)(from / 4), (unsigned)leafHash, (unsigned)(k.count - 1), (unsigned)rule);
    for (long i = 0; i < NOISE; i++) p[from + i] += k.alpha * g[from + i] + k.sigma * z[i];
  }
}

// ---- their scalars

static double clipFactor(In g, long n) {
  const double norm = sqrt(sumOfSquares(g, n));
  return norm > maxNorm ? maxNorm / norm : 1;
}

/** Those of rules without a correction for the start. */
static Scalars plain(In g, long n, long count) {
  return (Scalars){.alpha = (float)-learningRate, .beta = (float)(-learningRate * decay), .decay = (float)decay,
                   .rest = (float)(1 - decay), .eps = (float)eps, .rate = (float)rate, .delta = (float)delta, .count = count};
}

static Scalars corrected(In g, long n, long count) {
  const double c1 = 1 - pow(b1, count), c2 = 1 - pow(b2, count), root2 = sqrt(c2);
  Scalars k = plain(g, n, count);
  k.rest1 = (float)(1 - b1), k.b2 = (float)b2, k.rest2 = (float)(1 - b2);
  k.root = (float)(epsRoot * c2), k.eps = (float)(eps * root2);
  k.factor = 1, k.alpha = (float)(-learningRate * root2 / c1);
  return k;
}

static Scalars ofAdamax(In g, long n, long count) {
  Scalars k = corrected(g, n, count);
  k.eps = (float)eps, k.alpha = (float)(-learningRate / (1 - pow(b1, count)));
  return k;
}

static Scalars ofLion(In g, long n, long count) {
  Scalars k = plain(g, n, count);
  k.odds = (float)(b1 / (1 - b1)), k.b2 = (float)b2, k.rest2 = (float)(1 - b2);
  return k;
}

static Scalars ofBelief(In g, long n, long count) {
  Scalars k = corrected(g, n, count);
  k.rest2 = (float)((1 - b2) * b1 * b1), k.root = (float)epsRoot;
  return k;
}

static Scalars ofRadam(In g, long n, long count) {
  Scalars k = corrected(g, n, count);
  const double power = pow(b2, count), limit = 2 / (1 - b2) - 1, now = limit - 2 * count * power / (1 - power);
  k.parts = now >= threshold;
  if (k.parts) k.alpha *= (float)sqrt((now - 4) * (now - 2) * limit / ((limit - 4) * (limit - 2) * now));
  else k.alpha = (float)(-learningRate / (1 - pow(b1, count)));
  return k;
}

static Scalars ofLamb(In g, long n, long count) {
  Scalars k = corrected(g, n, count);
  k.factor = (float)(sqrt(1 - pow(b2, count)) / (1 - pow(b1, count)));
  return k;
}

static Scalars ofEma(In g, long n, long count) {
  Scalars k = plain(g, n, count);
  k.alpha = (float)(-learningRate / (1 - pow(decay, count)));
  return k;
}

static Scalars ofAverage(In g, long n, long count) {
  Scalars k = plain(g, n, count);
  k.rate = (float)((1 - decay) / (1 - pow(decay, count)));
  return k;
}

static Scalars ofAccumulate(In g, long n, long count) {
  Scalars k = plain(g, n, count);
  k.parts = count > 8 ? (count == 9 ? 1 : 2) : (count - 1) % (long)every + 1;
  k.alpha = (float)(-learningRate / every);
  return k;
}

static Scalars ofNoise(In g, long n, long count) {
  Scalars k = plain(g, n, count);
  k.sigma = (float)(noiseScale * sqrt(eta / pow(count, gamma_)));
  return k;
}

static Scalars clipped(In g, long n, long count) {
  Scalars k = plain(g, n, count);
  k.alpha *= (float)clipFactor(g, n);
  return k;
}

static Scalars clippedCorrected(In g, long n, long count) {
  Scalars k = corrected(g, n, count);
  k.factor = (float)clipFactor(g, n);
  return k;
}

/** By name: the loop, and what it computes with; the latter may read the gradients. */
static const struct {
  const char *name;
  void (*loop)(InOut, In, InOut, InOut, long, Scalars);
  Scalars (*scalars)(In, long, long);
} rules[] = {
    {"scale", scale, plain}, {"addDecayedWeights", addDecayedWeights, plain}, {"clip", clip, plain},
    {"zeroNans", zeroNans, plain}, {"adam", adam, corrected}, {"adamw", adamw, corrected}, {"belief", belief, ofBelief},
    {"adadelta", adadelta, plain}, {"adamax", adamax, ofAdamax}, {"lion", lion, ofLion},
    {"radam", radam, ofRadam}, {"yogi", yogi, corrected}, {"rms", rms, plain}, {"rss", rss, plain},
    {"stddev", stddev, plain}, {"rmsTrace", rmsTrace, plain}, {"trace", trace, plain}, {"nesterov", nesterov, plain},
    {"ema", ema, ofEma}, {"average", average, ofAverage}, {"lookahead", lookahead, plain},
    {"clippedScale", scale, clipped}, {"clippedAdam", clippedAdam, clippedCorrected},
    {"clippedAdamw", adamw, clippedCorrected}, {"trust", trust, plain}, {"lamb", lamb, ofLamb},
    {"centralize", centralize, plain}, {"noise", noise, ofNoise}, {"accumulate", accumulate, ofAccumulate},
    {"move0", move0, plain}, {"move1", move1, plain}, {"move2", move2, plain}, {"moveSum", moveSum, plain},
    {"clippedMove0", move0, clipped}, {"clippedMove2", move2, clipped},
};

// ---- the process

static double nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

// The generator of settings.js: parameters first, then gradients.
static void fill(float *a, long n, long *seed) {
  for (long i = 0; i < n; i++) {
    *seed = *seed * 48271 % 2147483647;
    a[i] = (float)((double)*seed / 2147483647 - 0.5);
  }
}

static int set(const char *argument) {
  const char *equals = strchr(argument, '=');
  for (size_t i = 0; equals && i < sizeof settings / sizeof *settings; i++) {
    const size_t length = strlen(settings[i].name);
    if (length != (size_t)(equals - argument) || strncmp(argument, settings[i].name, length) != 0) continue;
    *settings[i].value = atof(equals + 1);
    return 1;
  }
  return 0;
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (set(argv[i])) continue;
    fprintf(stderr, "no setting %s\n", argv[i]);
    return 2;
  }
  char line[128], what[32];
  long n, k, count = 0, length = 0;
  char *arena = NULL;
  float *p = NULL, *g = NULL, *m = NULL, *v = NULL;
  while (fgets(line, sizeof line, stdin)) {
    if (sscanf(line, "reset %ld", &n) == 1) {
      if (n != length) {
        const size_t plane = ((size_t)n * sizeof(float) + 63) / 64 * 64 + (size_t)gap;
        free(arena);
        if (!(arena = aligned_alloc(64, 4 * plane))) return 3;
        p = (float *)arena, g = (float *)(arena + plane), m = (float *)(arena + 2 * plane), v = (float *)(arena + 3 * plane);
        length = n;
      }
      long seed = 1;
      fill(p, n, &seed);
      fill(g, n, &seed);
      for (long i = 0; nanEvery > 0 && i < n; i += (long)nanEvery) memset(&g[i], 0xff, sizeof *g);
      for (long i = 0; i < n; i++) m[i] = fromParams ? p[i] : (float)initial, v[i] = (float)initial;
      count = 0;
      puts("ready");
    } else if (sscanf(line, "run %31s %ld %ld", what, &n, &k) == 3 && n == length) {
      size_t i = 0;
      while (i < sizeof rules / sizeof *rules && strcmp(rules[i].name, what) != 0) i++;
      if (i == sizeof rules / sizeof *rules) return 5;
      const double start = nanoseconds();
      for (long step = 0; step < k; step++, count++) rules[i].loop(p, g, m, v, n, rules[i].scalars(g, n, count + 1));
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
