// The program's own team, lent to the library: a stand-in for OpenMP made of plain threads.
#ifndef SEQUELA_TESTS_LENT_CASES_H
#define SEQUELA_TESTS_LENT_CASES_H

#include <pthread.h>

#include "example.h"

namespace {

constexpr int kTeam = 3;
thread_local int team_number = 0, team_members = 1;
// What the next team has, what it had promised, and how often one was asked for.
int team_gives = kTeam, team_promises = kTeam, teams = 0;

struct Member {
  void (*run)(void *);
  void *context;
  int number, size;
};

void *as_member(void *argument) {
  const Member *member = static_cast<Member *>(argument);
  team_number = member->number, team_members = member->size;
  member->run(member->context);
  team_number = 0, team_members = 1;
  return nullptr;
}

void in_parallel(void (*run)(void *), void *context, unsigned, unsigned) {
  ++teams;
  pthread_t threads[kTeam];
  Member members[kTeam];
  for (int i = 0; i < team_gives; ++i) members[i] = {run, context, i, team_gives};
  for (int i = 1; i < team_gives; ++i)
    pthread_create(&threads[i], nullptr, as_member, &members[i]);
  if (team_gives) as_member(&members[0]);
  for (int i = 1; i < team_gives; ++i) pthread_join(threads[i], nullptr);
}

// Forward and backward; rows are split over the threads, or with few rows the units are.
template <class T>
struct Lent {
  Example<T> example;
  double sum = 0;
  explicit Lent(bool few)
      : example(2, std::vector<int64_t>(5, few ? 2 : 20), few ? 2 : 20, 9, few ? 128 : 33, 0,
                kTeam) {}
  static void *train(void *lent) {
    Lent *self = static_cast<Lent *>(lent);
    self->sum = self->example.train();
    return nullptr;
  }
};

// The same bits as on the library's own threads; how many teams were asked for.
int same_bits(const Lent<float> &wanted, bool few, bool elsewhere, const char *what) {
  seed = 5;
  Lent<float> found(few);
  const int before = teams;
  if (elsewhere) {
    pthread_t thread;
    pthread_create(&thread, nullptr, Lent<float>::train, &found);
    pthread_join(thread, nullptr);
  } else {
    Lent<float>::train(&found);
  }
  expect(found.sum == wanted.sum && found.example.out == wanted.example.out, what);
  return teams - before;
}

void lent_teams() {
  const sequela_openmp openmp = {in_parallel, [] { return team_number; },
                                 [] { return team_members; }, [] { return team_promises; }};
  for (bool few : {false, true}) {
    seed = 5;
    Lent<float> wanted(few);
    Lent<float>::train(&wanted);
    sequela_share_threads(&openmp);
    // Two calls, each on one team; with few rows a call may be alone, where a barrier was slow.
    const int asked = same_bits(wanted, few, false, "a lent team");
    expect(few || asked == 2, "both calls run on the lent team");
    for (team_gives = 0; team_gives < kTeam; ++team_gives)
      expect(same_bits(wanted, few, false, "a smaller team") == 2 || few, "a smaller team is asked");
    expect(same_bits(wanted, few, true, "another thread") == 0, "another thread has its own team");
    team_promises = kTeam - 1;
    expect(same_bits(wanted, few, false, "another size") == 0, "a team of another size");
    team_promises = kTeam;
    sequela_share_threads(nullptr);
    expect(same_bits(wanted, few, false, "nothing lent") == 0, "null ends it");
  }
}

}  // namespace

#endif
