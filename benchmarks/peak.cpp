// The multiply-add peak: twelve independent chains per thread, the best of several tries.
// Compiled with -O2 -march=native. Prints GFLOP/s of float32 for the given number of threads.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

static void *work(void *) {
  vec a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, b, c;
  b = (vec){} + 0.999f, c = (vec){} + 0.001f;
  a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = a8 = a9 = a10 = a11 = c;
  pthread_barrier_wait(&barrier);
  for (long i = 0; i < kRounds; ++i) {
#define STEP(a) a = a * b + c; asm volatile("" : "+v"(a));
    STEP(a0) STEP(a1) STEP(a2) STEP(a3) STEP(a4) STEP(a5)
    STEP(a6) STEP(a7) STEP(a8) STEP(a9) STEP(a10) STEP(a11)
  }
  pthread_barrier_wait(&barrier);
  return 0;
}

int main(int count, char **arguments) {
  const int threads = count > 1 ? atoi(arguments[1]) : 1;
  double best = 0;
  for (int attempt = 0; attempt < 7; ++attempt) {
    pthread_t ids[64];
    struct timespec begin, end;
    pthread_barrier_init(&barrier, 0, threads + 1);
    for (int i = 0; i < threads; ++i) pthread_create(&ids[i], 0, work, 0);
    pthread_barrier_wait(&barrier);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    pthread_barrier_wait(&barrier);
    clock_gettime(CLOCK_MONOTONIC, &end);
    for (int i = 0; i < threads; ++i) pthread_join(ids[i], 0);
    const double seconds = end.tv_sec - begin.tv_sec + 1e-9 * (end.tv_nsec - begin.tv_nsec);
    const double rate = 2.0 * kRounds * CHAINS * (BYTES / 4) * threads / seconds * 1e-9;
    if (rate > best) best = rate;
  }
  printf("%.1f\n", best);
}
