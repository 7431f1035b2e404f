// The multiply-add peak: twelve independent chains per thread, the best of several tries.
// Compiled with -O2 -march=native. Prints GFLOP/s for the given number of threads, of float32 or,
// with "bfloat16" as the second argument, of its dot products (nothing where there are none).
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif
#define CHAINS 12
typedef float vec __attribute__((vector_size(BYTES)));

static const long kRounds = 4000000;
static pthread_barrier_t barrier;

static double now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

struct Times {
  double begin, end;
};

static void *work(void *argument) {
  struct Times *times = (struct Times *)argument;
  vec a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, b, c;
  b = (vec){} + 0.999f, c = (vec){} + 0.001f;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = c;
  pthread_barrier_wait(&barrier);
  times->begin = now();
  for (long i = 0; i < kRounds; ++i) {
#define STEP(a) a = a * b + c; asm volatile("" : "+v"(a));
    STEP(a0) STEP(a1) STEP(a2) STEP(a3) STEP(a4) STEP(a5)
    STEP(a6) STEP(a7) STEP(a8) STEP(a9) STEP(a10) STEP(a11)
  }
  times->end = now();
  return 0;
}

#if defined(__AVX512BF16__)
static void *work_bfloat16(void *argument) {
  struct Times *times = (struct Times *)argument;
  __m512 a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11;
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.01f), _mm512_set1_ps(0.01f));
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = _mm512_setzero_ps();
  pthread_barrier_wait(&barrier);
  times->begin = now();
  for (long i = 0; i < kRounds; ++i) {
#undef STEP
#define STEP(a) a = _mm512_dpbf16_ps(a, b, b); asm volatile("" : "+v"(a));
    STEP(a0) STEP(a1) STEP(a2) STEP(a3) STEP(a4) STEP(a5)
    STEP(a6) STEP(a7) STEP(a8) STEP(a9) STEP(a10) STEP(a11)
  }
  times->end = now();
  return 0;
}
#endif

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 1;
  const bool halves = count > 2 && !strcmp(arguments[2], "bfloat16");
  void *(*job)(void *) = work;
  if (halves) {
#if defined(__AVX512BF16__)
    job = work_bfloat16;
#else
    return 0;
#endif
  }
  double best = 0;
  for (int attempt = 0; attempt < 7; ++attempt) {
    pthread_t ids[64];
    struct Times times[64];
    pthread_barrier_init(&barrier, 0, threads);
    for (int i = 0; i < threads; ++i) pthread_create(&ids[i], 0, job, &times[i]);
    for (int i = 0; i < threads; ++i) pthread_join(ids[i], 0);
    double begin = times[0].begin, end = times[0].end;
    for (int i = 1; i < threads; ++i) {
      if (times[i].begin < begin) begin = times[i].begin;
      if (times[i].end > end) end = times[i].end;
    }
    const double seconds = end - begin;
    const double rate = (halves ? 4.0 : 2.0) * kRounds * CHAINS * (BYTES / 4) * threads / seconds * 1e-9;
    if (rate > best) best = rate;
  }
  printf("%.1f\n", best);
}
