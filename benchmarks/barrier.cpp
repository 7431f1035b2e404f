// A barrier between two processors: each thread counts up its own flag and waits for the other's.
// Prints the nanoseconds of one, the median of several blocks; nothing with one processor.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const long kRounds = 4000;
static const int kBlocks = 9;
struct alignas(128) Flag {
  long value;
};
static Flag flags[2];
static int processors[2];
static double seconds[kBlocks];

static double now() {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static void meet(int mine, long round) {
  __atomic_store_n(&flags[mine].value, round, __ATOMIC_RELEASE);
  while (__atomic_load_n(&flags[1 - mine].value, __ATOMIC_ACQUIRE) < round) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
}

static void *work(void *argument) {
  const int mine = *(int *)argument;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processors[mine], &only);
  sched_setaffinity(0, sizeof(only), &only);
  long round = 0;
  meet(mine, ++round);
  for (int block = 0; block < kBlocks; ++block) {
    const double start = now();
    for (long i = 0; i < kRounds; ++i) meet(mine, ++round);
    if (mine == 0) seconds[block] = now() - start;
  }
  return 0;
}

static int compare(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

int main() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof(allowed), &allowed) || CPU_COUNT(&allowed) < 2) return 0;
  for (int cpu = 0, found = 0; cpu < CPU_SETSIZE && found < 2; ++cpu)
    if (CPU_ISSET(cpu, &allowed)) processors[found++] = cpu;
  pthread_t ids[2];
  int names[2] = {0, 1};
  for (int i = 0; i < 2; ++i) pthread_create(&ids[i], 0, work, &names[i]);
  for (int i = 0; i < 2; ++i) pthread_join(ids[i], 0);
  qsort(seconds, kBlocks, sizeof(double), compare);
  printf("%.1f\n", seconds[kBlocks / 2] / kRounds * 1e9);
}
