// Checks a call, chooses the instruction set, prepares memory and threads, and runs the kernel.
#include <stdlib.h>
#include <string.h>

#include "dispatch.h"
#include "job.h"
#include "pages.h"
#include "sequela/recurrent.h"
#include "threads.h"

#if defined(__x86_64__)
extern const Kernels sequela_baseline_float, sequela_baseline_double;
extern const Kernels sequela_avx2_float, sequela_avx2_double;
extern const Kernels sequela_avx512_float, sequela_avx512_double;
#if defined(SEQUELA_BFLOAT)
extern const BfloatKernels sequela_avx512_bfloat;
#endif
#else
extern const Kernels sequela_native_float, sequela_native_double;
#endif

namespace {

struct InstructionSet {
  const char *name;
  bool (*present)();
  const Kernels *tables[2];
};

#if defined(__x86_64__)
bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("fma");
}
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool always() { return true; }
// From the fastest to the plainest.
const InstructionSet kSets[] = {
    {"avx512", has_avx512, {&sequela_avx512_float, &sequela_avx512_double}},
    {"avx2", has_avx2, {&sequela_avx2_float, &sequela_avx2_double}},
    {"baseline", always, {&sequela_baseline_float, &sequela_baseline_double}},
};
#else
bool always() { return true; }
#if defined(__aarch64__)
const char kName[] = "neon";
#else
const char kName[] = "baseline";
#endif
const InstructionSet kSets[] = {{kName, always, {&sequela_native_float, &sequela_native_double}}};
#endif

const InstructionSet *chosen;

const InstructionSet &instruction_set() {
  const InstructionSet *set = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
  if (set) return *set;
  const char *forced = getenv("SEQUELA_ISA");
  for (const InstructionSet &one : kSets) {
    if (!one.present()) continue;
    if (!set) set = &one;
    if (forced && !strcmp(forced, one.name)) set = &one;
  }
  __atomic_store_n(&chosen, set, __ATOMIC_RELEASE);
  return *set;
}

using sequela::kMost;

int64_t gates_of(int32_t cell) {
  return cell < SEQUELA_LSTM ? 1 : cell == SEQUELA_LSTM ? 4 : 3;
}

bool fits(int64_t a, int64_t b, int64_t c) {
  int64_t product;
  return !__builtin_mul_overflow(a, b, &product) && !__builtin_mul_overflow(product, c, &product) &&
         product <= kMost;
}

int32_t check_sizes(const sequela_layer &layer) {
  if (layer.cell < 0 || layer.cell > SEQUELA_GRU_BEFORE || layer.precision < 0 ||
      layer.precision > 1)
    return SEQUELA_BAD_CELL;
  const int64_t sizes[] = {layer.N, layer.B, layer.H, layer.D, layer.P};
  for (int64_t size : sizes)
    if (size < 0 || size > kMost) return SEQUELA_BAD_SIZE;  // before one is added to it
  const int64_t width = layer.H + 64, input = layer.D + 64;  // padding to whole vectors included
  if (layer.P < 0 || layer.P > kMost || !fits(layer.N + 1, layer.P + 64, 8) ||
      !fits(layer.B + 1, layer.P + 64, 8) || (layer.H <= kMost && !fits(width, layer.P + 64, 8)))
    return SEQUELA_BAD_SIZE;
  if (layer.N < 0 || layer.T < 0 || layer.B < 0 || layer.D < 0 || layer.H < 0 ||
      layer.H > kMost || layer.D > kMost || layer.B > kMost || layer.T > kMost ||
      !fits(layer.N + 1, width, 8) || !fits(layer.B + 1, width, 8) || !fits(width, input, 8) ||
      !fits(width, width, 8) || !fits(layer.N + 1, input, 1))
    return SEQUELA_BAD_SIZE;
  return SEQUELA_OK;
}

// Whether each step and the whole batch have as many rows of every sample.
int32_t check_samples(const sequela_layer &layer, int64_t samples) {
  if (samples < 0 || samples > kMost) return SEQUELA_BAD_SIZE;
  if (samples < 2) return SEQUELA_OK;
  bool even = layer.B % samples == 0;
  for (int64_t t = 0; t < layer.T; ++t) even = even && layer.batch_sizes[t] % samples == 0;
  return even ? SEQUELA_OK : SEQUELA_BAD_BATCH_SIZES;
}

bool is_zoned(const sequela_layer &layer) {
  return layer.keep_h || layer.keep_c || layer.zoneout_h != 0 || layer.zoneout_c != 0;
}

bool has_options(const sequela_layer &layer) {
  return layer.w_hr || layer.w_peephole || layer.norm_ih || layer.norm_hh || layer.norm_c ||
         layer.mask || is_zoned(layer) || layer.everything;
}

// Whether x is the product of the input with w_ih already.
bool is_given(const sequela_layer &layer) { return layer.D && layer.H && !layer.w_ih; }

int32_t check_options(const sequela_layer &layer) {
  if (is_given(layer) && has_options(layer)) return SEQUELA_BAD_OPTION;
  const bool only_lstm = layer.w_hr || layer.w_peephole || layer.norm_c || layer.norm_c_bias ||
                         layer.keep_c || layer.zoneout_c != 0;
  const bool rates = layer.zoneout_h >= 0 && layer.zoneout_h <= 1 && layer.zoneout_c >= 0 &&
                     layer.zoneout_c <= 1;
  if ((only_lstm && layer.cell != SEQUELA_LSTM) || (!layer.w_hr && layer.P != layer.H) || !rates ||
      (layer.norm_c_bias && !layer.norm_c))
    return SEQUELA_BAD_OPTION;
  return SEQUELA_OK;
}

int32_t check(const sequela_layer &layer, const void *out) {
  if (const int32_t status = check_sizes(layer)) return status;
  if (const int32_t status = check_options(layer)) return status;
  if (layer.T && !layer.batch_sizes) return SEQUELA_MISSING;
  int64_t sum = 0, previous = layer.B;
  for (int64_t t = 0; t < layer.T; ++t) {
    const int64_t size = layer.batch_sizes[t];
    if (size < 0 || size > previous || sum > layer.N - size) return SEQUELA_BAD_BATCH_SIZES;
    sum += size, previous = size;
  }
  if (sum != layer.N) return SEQUELA_BAD_BATCH_SIZES;
  const bool work = layer.N && layer.H;
  if (work && ((layer.D && !layer.x) || !out)) return SEQUELA_MISSING;
  // Weights are packed before anyone knows that there is no step.
  if (layer.H && !layer.w_hh) return SEQUELA_MISSING;
  if (is_given(layer) && layer.D != gates_of(layer.cell) * layer.H) return SEQUELA_MISSING;
  return SEQUELA_OK;
}

// With fewer rows than this for each thread the units are split instead of the rows: the weights
// then pass each core only once. Below the second size a step is too short for a barrier.
constexpr int64_t kRowsPerThread = 4, kUnitsWorthSplitting = 64 * 64;

// Rows for each thread such that all take about as long. A step costs its rows and, however few
// they are, the passing of the weights, which weighs as much as kPassing rows.
void split_rows(const sequela_layer &layer, const int64_t *lengths, int32_t threads,
                int64_t *begin) {
  constexpr int64_t kPassing = 2;
  int64_t total = layer.N + kPassing * threads * (layer.B ? lengths[0] : 0), b = 0;
  begin[0] = 0;
  for (int32_t i = 0; i < threads; ++i) {
    const int64_t wanted = total / (threads - i);
    int64_t cost = b < layer.B ? kPassing * lengths[b] : 0;
    while (b < layer.B && (i + 1 == threads || cost + lengths[b] / 2 <= wanted))
      cost += lengths[b++];
    total -= cost;
    begin[i + 1] = b;
  }
}

struct Run {
  const Kernels *kernels;
  Job job;
  bool backward;
  const BfloatKernels *bfloat;
};

void run_member(void *context, int32_t thread) {
  const Run *run = static_cast<Run *>(context);
  if (run->bfloat) return run->bfloat->forward(&run->job, thread);
  (run->backward ? run->kernels->backward : run->kernels->forward)(&run->job, thread);
}

Job job_of(const sequela_layer &layer) {
  Job job;
  memset(&job, 0, sizeof job);
  job.cell = layer.cell, job.reverse = layer.reverse != 0, job.threads = 1;
  job.rows = layer.N, job.steps = layer.T, job.batch = layer.B;
  job.input = layer.D, job.hidden = layer.H, job.given = is_given(layer);
  job.sizes = layer.batch_sizes, job.x = layer.x, job.h0 = layer.h0, job.c0 = layer.c0;
  job.w_ih = layer.w_ih, job.w_hh = layer.w_hh, job.b_ih = layer.b_ih, job.b_hh = layer.b_hh;
  if (job.cell != SEQUELA_LSTM) job.c0 = nullptr;
  while (job.steps && !job.sizes[job.steps - 1]) --job.steps;  // trailing steps without rows
  job.projected = job.out_stride = layer.P, job.optioned = has_options(layer), job.samples = 1;
  job.w_hr = layer.w_hr, job.w_peephole = layer.w_peephole, job.mask = layer.mask;
  job.norm_ih = layer.norm_ih, job.norm_hh = layer.norm_hh;
  job.norm_c = layer.norm_c, job.norm_c_bias = layer.norm_c_bias;
  job.keep_h = layer.keep_h, job.keep_c = layer.keep_c;
  job.zoneout_h = layer.zoneout_h, job.zoneout_c = layer.zoneout_c;
  return job;
}

// Steps' offsets, rows' lengths and each thread's first row, in one block.
int64_t *index_of(const sequela_layer &layer, Job *job) {
  const int64_t count = job->steps + 1 + layer.B + sequela::kMostThreads + 1;
  int64_t *offsets = static_cast<int64_t *>(malloc((size_t)count * sizeof(int64_t)));
  if (!offsets) return nullptr;
  int64_t *lengths = offsets + job->steps + 1, t = job->steps;
  offsets[0] = 0;
  for (int64_t i = 0; i < job->steps; ++i) offsets[i + 1] = offsets[i] + job->sizes[i];
  for (int64_t b = 0; b < layer.B; ++b) {
    while (t && job->sizes[t - 1] <= b) --t;
    lengths[b] = t;
  }
  job->offsets = offsets, job->lengths = lengths;
  return offsets;
}

int32_t run(const sequela_layer &layer, Run *run) {
  Job &job = run->job;
  int64_t *index = index_of(layer, &job);
  if (!index) return SEQUELA_NO_MEMORY;
  run->kernels = instruction_set().tables[layer.precision];
  const int64_t worth = ((job.given ? 0 : layer.D) + layer.H) * layer.H;
  const bool few = layer.B < kRowsPerThread * layer.threads && !job.optioned;
  const bool alone = few && (job.packed || worth < kUnitsWorthSplitting || sequela::is_crowded());
  int32_t wanted = alone ? 1 : layer.threads;
  if (job.optioned && wanted > layer.B) wanted = layer.B > 1 ? (int32_t)layer.B : 1;
  if (few && wanted > layer.H / 16) wanted = (int32_t)(layer.H / 16);
  sequela::Team team = sequela::take_team(wanted);
  job.threads = team.size, job.team = &team;
  job.split_units = team.size > 1 && few;
  int64_t *begin = index + job.steps + 1 + layer.B;
  split_rows(layer, job.lengths, team.size, begin);
  job.row_begin = begin;
  const int64_t bytes = run->bfloat ? run->bfloat->scratch_bytes(&job)
                                    : run->kernels->scratch_bytes(&job, run->backward);
  int32_t status = SEQUELA_OK;
  if (posix_memalign(&job.scratch, 64, bytes > 0 ? (size_t)bytes : 64))
    status = SEQUELA_NO_MEMORY;
  else {
    large_pages(job.scratch, bytes);
    (job.split_units ? sequela::run_tight_team : sequela::run_team)(&team, {run_member, run});
  }
  sequela::release_team(&team);
  if (!status) free(job.scratch);
  free(index);
  return status;
}

}  // namespace

const Kernels *sequela::kernels_of(int32_t precision) {
  return instruction_set().tables[precision];
}

int32_t sequela::forward_into(const sequela_layer &layer, void *out, int64_t stride, void *h_n,
                              void *c_n) {
  if (const int32_t status = check(layer, out)) return status;
  Run call = {nullptr, job_of(layer), false, nullptr};
  call.job.out = out, call.job.out_stride = stride, call.job.h_n = h_n;
  call.job.c_n = layer.cell == SEQUELA_LSTM ? c_n : nullptr;
  return run(layer, &call);
}

extern "C" int32_t sequela_interface_version(void) { return SEQUELA_INTERFACE_VERSION; }

extern "C" const char *sequela_instruction_set(void) { return instruction_set().name; }

extern "C" int64_t sequela_saved_bytes(const sequela_layer *layer) {
  if (const int32_t status = check_sizes(*layer)) return -status;
  sequela_layer sizes = *layer;
  sizes.T = 0;  // the batch sizes are not read
  const Job job = job_of(sizes);
  return instruction_set().tables[layer->precision]->saved_bytes(&job);
}

extern "C" int32_t sequela_forward(const sequela_layer *layer, void *out, void *h_n, void *c_n,
                                   void *saved, const sequela_everything *all) {
  if (const int32_t status = check(*layer, out)) return status;
  Run call = {nullptr, job_of(*layer), false, nullptr};
  call.job.out = out, call.job.h_n = h_n, call.job.saved = saved;
  const bool lstm = layer->cell == SEQUELA_LSTM;
  call.job.c_n = lstm ? c_n : nullptr;
  if (all && layer->everything) {
    call.job.all_c = lstm ? all->c : nullptr;
    for (int i = 0; i < 4; ++i) call.job.all_gates[i] = all->gates[i];
  }
  const int64_t size = layer->precision ? 8 : 4;
  large_pages(out, layer->N * layer->P * size);
  if (saved) large_pages(saved, sequela_saved_bytes(layer));
  return run(*layer, &call);
}

extern "C" int32_t sequela_backward(const sequela_layer *layer, const void *out, void *saved,
                                    const sequela_gradients *gradients) {
  if (const int32_t status = check(*layer, out)) return status;
  if (!saved && sequela_saved_bytes(layer) > 0) return SEQUELA_MISSING;
  if (const int32_t status = check_samples(*layer, gradients->samples)) return status;
  Run call = {nullptr, job_of(*layer), true, nullptr};
  Job &job = call.job;
  if (gradients->samples > 1) job.samples = gradients->samples;
  const bool lstm = layer->cell == SEQUELA_LSTM;
  job.out = const_cast<void *>(out), job.saved = saved;
  job.dout = gradients->dout, job.dh_n = gradients->dh_n;
  job.dc_n = lstm ? gradients->dc_n : nullptr;
  job.dx = gradients->dx, job.dw_hh = gradients->dw_hh;
  job.dw_ih = job.given ? nullptr : gradients->dw_ih;
  job.db_ih = gradients->db_ih, job.db_hh = gradients->db_hh;
  const int64_t size = layer->precision ? 8 : 4;
  large_pages(job.dx, layer->N * layer->D * size);
  if (job.samples > 1) {
    const int64_t rows = layer->H * gates_of(layer->cell) * job.samples;
    large_pages(job.dw_ih, rows * layer->D * size), large_pages(job.dw_hh, rows * layer->P * size);
  }
  job.dh0 = gradients->dh0, job.dc0 = lstm ? gradients->dc0 : nullptr;
  if (layer->everything) {
    job.dall_c = lstm ? gradients->dall_c : nullptr;
    for (int i = 0; i < 4; ++i) job.dall_gates[i] = gradients->dall_gates[i];
  }
  job.dw_hr = gradients->dw_hr, job.dw_peephole = gradients->dw_peephole;
  job.dnorm_ih = gradients->dnorm_ih, job.dnorm_hh = gradients->dnorm_hh;
  job.dnorm_c = gradients->dnorm_c, job.dnorm_c_bias = gradients->dnorm_c_bias;
  return run(*layer, &call);
}

namespace {

// A job that can be asked about its weights alone.
Job weights_of(const sequela_layer &layer) {
  static const int64_t no_rows[2] = {0, 0};
  Job job;
  memset(&job, 0, sizeof job);
  job.cell = layer.cell, job.threads = 1, job.row_begin = no_rows;
  job.input = layer.D, job.hidden = job.projected = layer.H;
  job.w_ih = layer.w_ih, job.w_hh = layer.w_hh, job.b_ih = layer.b_ih, job.b_hh = layer.b_hh;
  return job;
}

// Packed weights begin with samples of what they were packed from; the panels follow.
constexpr int kSamples = 16;
struct alignas(64) Samples {
  uint64_t at[4][kSamples];
};

Samples samples_of(const sequela_layer &layer) {
  const int64_t rows = layer.H * gates_of(layer.cell);
  const struct {
    const void *from;
    int64_t count;
  } arrays[] = {{layer.w_ih, rows * layer.D}, {layer.w_hh, rows * layer.H}, {layer.b_ih, rows},
                {layer.b_hh, rows}};
  const size_t size = layer.precision ? 8 : 4;
  Samples samples;
  memset(&samples, 0, sizeof samples);
  for (int a = 0; a < 4; ++a)
    for (int i = 0; i < kSamples && arrays[a].from && arrays[a].count; ++i) {
      const int64_t n = (arrays[a].count - 1) * i / (kSamples - 1);
      memcpy(&samples.at[a][i], static_cast<const char *>(arrays[a].from) + n * size, size);
    }
  return samples;
}

int32_t check_weights(const sequela_layer &layer) {
  if (const int32_t status = check_sizes(layer)) return status;
  const bool missing = is_given(layer) || (layer.H && !layer.w_hh);
  return missing ? SEQUELA_MISSING : SEQUELA_OK;
}

struct Drawing {
  const Kernels *kernels;
  Draw draw;
};

void draw_member(void *context, int32_t thread) {
  const Drawing *drawing = static_cast<Drawing *>(context);
  drawing->kernels->draw(&drawing->draw, thread);
}

}  // namespace

extern "C" int64_t sequela_packed_bytes(const sequela_layer *layer) {
  if (const int32_t status = check_sizes(*layer)) return -status;
  const Job job = weights_of(*layer);
  return (int64_t)sizeof(Samples) + instruction_set().tables[layer->precision]->packed_bytes(&job);
}

extern "C" int32_t sequela_pack(const sequela_layer *layer, void *packed) {
  if (const int32_t status = check_weights(*layer)) return status;
  if (!packed) return SEQUELA_MISSING;
  Samples *samples = static_cast<Samples *>(packed);
  *samples = samples_of(*layer);
  Job job = weights_of(*layer);
  job.packed = samples + 1;
  instruction_set().tables[layer->precision]->pack(&job);
  return SEQUELA_OK;
}

extern "C" int32_t sequela_step(const sequela_layer *weights, const void *packed, int64_t B,
                                const void *x, const void *h0, const void *c0, void *out, void *h_n,
                                void *c_n) {
  sequela_layer layer = *weights;
  layer.N = layer.B = B, layer.T = B ? 1 : 0, layer.reverse = 0, layer.P = layer.H;
  if (has_options(layer)) return SEQUELA_BAD_OPTION;
  layer.batch_sizes = &B, layer.x = x, layer.h0 = h0, layer.c0 = c0;
  if (const int32_t status = check(layer, out)) return status;
  if (!packed) return SEQUELA_MISSING;
  if (is_given(layer)) return SEQUELA_MISSING;
  const Samples now = samples_of(layer);
  if (memcmp(&now, packed, sizeof now)) return SEQUELA_STALE;
  Run call = {nullptr, job_of(layer), false, nullptr};
  call.job.packed = const_cast<char *>(static_cast<const char *>(packed)) + sizeof(Samples);
  call.job.out = out, call.job.h_n = h_n;
  call.job.c_n = layer.cell == SEQUELA_LSTM ? c_n : nullptr;
  return run(layer, &call);
}

extern "C" int32_t sequela_draw(const sequela_masks *masks, void *out) {
  if (masks->precision < 0 || masks->precision > 1) return SEQUELA_BAD_CELL;
  if (masks->count < 0 || masks->width < 0 || masks->count > kMost || masks->width > kMost ||
      !fits(masks->count, masks->width, 8))
    return SEQUELA_BAD_SIZE;
  if (!(masks->rate >= 0 && masks->rate <= 1)) return SEQUELA_BAD_OPTION;
  if (!masks->count || !masks->width) return SEQUELA_OK;
  if (!masks->rows || !masks->steps || !out) return SEQUELA_MISSING;
  constexpr int64_t kWorthATeam = 1 << 14;
  const bool small = masks->count * masks->width < kWorthATeam;
  sequela::Team team = sequela::take_team(small ? 1 : masks->threads);
  Drawing drawing = {instruction_set().tables[masks->precision],
                     {team.size, masks->stream, masks->seed,
                      (uint64_t)(masks->rate * 4294967296.0 + 0.5), masks->below, masks->above,
                      masks->count, masks->width, masks->rows, masks->steps, out}};
  sequela::run_team(&team, {draw_member, &drawing});
  sequela::release_team(&team);
  return SEQUELA_OK;
}

namespace {

const BfloatKernels *bfloat_kernels() {
#if defined(SEQUELA_BFLOAT)
  if (instruction_set().tables[0] == &sequela_avx512_float && __builtin_cpu_supports("avx512bf16"))
    return &sequela_avx512_bfloat;
#endif
  return nullptr;
}

}  // namespace

extern "C" int32_t sequela_has_bfloat16(void) { return bfloat_kernels() != nullptr; }

extern "C" int32_t sequela_forward_bfloat16(const sequela_layer *given, void *out, void *h_n,
                                            void *c_n) {
  sequela_layer layer = *given;
  layer.precision = SEQUELA_FLOAT32;  // of the sums
  if (has_options(layer)) return SEQUELA_BAD_OPTION;
  if (const int32_t status = check(layer, out)) return status;
  if (is_given(layer)) return SEQUELA_MISSING;
  if (!bfloat_kernels()) return SEQUELA_BAD_CELL;
  Run call = {nullptr, job_of(layer), false, bfloat_kernels()};
  call.job.out = out, call.job.h_n = h_n;
  call.job.c_n = layer.cell == SEQUELA_LSTM ? c_n : nullptr;
  return run(layer, &call);
}

extern "C" int32_t sequela_elementwise(int32_t function, int32_t precision, int64_t count,
                                       const void *x, void *y) {
  if (function < 0 || function > 2 || precision < 0 || precision > 1) return SEQUELA_BAD_CELL;
  if (count < 0) return SEQUELA_BAD_SIZE;
  if (count && (!x || !y)) return SEQUELA_MISSING;
  instruction_set().tables[precision]->elementwise(function, count, x, y);
  return SEQUELA_OK;
}
