/* encode_util.h: what tests of the encoders share: the tiny models of tests/goldens/encode with what transformers
 * computed with their weights (tests/goldens/make_encode.py), and devices of every instruction set. */
#ifndef ENCODE_UTIL_H
#define ENCODE_UTIL_H

#include "base/cpu.h"
#include "encode/encode.h"
#include "model/safetensors.h"
#include "other_device.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 2, WIDTH = 16, CLASSES = 3, MOST_INPUTS = 3, BATCH = 8 };

/* Models are called by their directory; `of` and the golden file say which tower is meant. */
typedef struct {
    const char *name;
    mm_modality of;
    const char *golden;
    int64_t prefix; /* rows before patches; −1: no grid */
    int64_t patch;  /* 0: sound */
} specimen;

static const specimen specimens[] = {
    {"vit", MM_OF_IMAGE, "golden", 1, 8},
    {"vit_bare", MM_OF_IMAGE, "golden", 1, 8},
    {"deit", MM_OF_IMAGE, "golden", 2, 8},
    {"dinov2", MM_OF_IMAGE, "golden", 1, 8},
    {"dinov2_registers", MM_OF_IMAGE, "golden", 4, 8},
    {"clip", MM_OF_IMAGE, "golden", 1, 8},
    {"clip", MM_OF_TEXT, "golden_text", -1, 0},
    {"clip_text", MM_OF_TEXT, "golden", -1, 0},
    {"bert", MM_OF_TEXT, "golden", -1, 0},
    {"distilbert", MM_OF_TEXT, "golden", -1, 0},
    {"wav2vec2", MM_OF_AUDIO, "golden", 0, 0},
    {"wav2vec2_large", MM_OF_AUDIO, "golden", 0, 0},
    {"hubert", MM_OF_AUDIO, "golden", 0, 0},
    {"whisper", MM_OF_AUDIO, "golden", 0, 0},
};
enum { SPECIMENS = sizeof specimens / sizeof *specimens };

static const char *const tier_names[] = {"portable", "neon", "avx2", "avx512"};
enum { TIERS = 4 };

static inline bool have_tier(int i)
{
    if (other_device())
        return i == 0;
    static const uint32_t need[TIERS] = {0, MM_CPU_NEON, MM_CPU_AVX2, MM_CPU_AVX512};
    return (mm_cpu_features() & need[i]) == need[i];
}

static inline mm_dev *open_dev(const char *tier, int threads)
{
    mm_dev *d;
    mm_err e = {0};
    if (other_device())
        return open_other(MM_PREC_FP32, threads);
    setenv("MM_CPU", tier, 1);
    mm_status s = mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .threads = threads}, &e);
    unsetenv("MM_CPU");
    if (s != MM_OK)
        fail_msg("%s", e.text);
    return d;
}

/* The best tier that is there. */
static inline mm_dev *open_best(int threads)
{
    mm_dev *d;
    mm_err e = {0};
    if (mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .threads = threads}, &e) != MM_OK)
        fail_msg("%s", e.text);
    return d;
}

/* A model with its golden tensors and one encoder. */
typedef struct {
    const specimen *s;
    mm_model *model;
    mm_safetensors *golden;
    mm_encoder *enc;
    mm_arena arena;
    int inputs;
    mm_input in[MOST_INPUTS];
} fixture;

static inline const mm_tensor *wanted(const fixture *b, const char *fmt, ...)
{
    char name[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    const mm_named_tensor *t = mm_safetensors_find(b->golden, name);
    return t ? &t->t : NULL;
}

static inline fixture setup(const specimen *s, mm_dev *d, mm_encode_opts o)
{
    fixture b = {.s = s};
    char path[256];
    mm_err e = {0};
    snprintf(path, sizeof path, "tests/goldens/encode/%s", s->name);
    if (mm_model_open(&b.model, path, NULL, &e) != MM_OK || mm_encoder_open(&b.enc, b.model, s->of, d, &o, &e) != MM_OK)
        fail_msg("%s: %s", s->name, e.text);
    snprintf(path, sizeof path, "tests/goldens/encode/%s/%s.safetensors", s->name, s->golden);
    if (mm_safetensors_open(&b.golden, path, &e) != MM_OK)
        fail_msg("%s", e.text);
    const mm_tensor *t;
    while (b.inputs < MOST_INPUTS && (t = wanted(&b, "in.%d", b.inputs)))
        b.in[b.inputs++] = (mm_input){.in = *t};
    assert_true(b.inputs > 0);
    return b;
}

static inline void teardown(fixture *b)
{
    mm_encoder_close(b->enc);
    mm_safetensors_close(b->golden);
    mm_model_close(b->model);
    mm_arena_free(&b->arena);
}

static inline mm_status encode_batch(mm_encoder *x, const mm_input *in, int n, mm_output *out, mm_err *failed,
                                     mm_arena *a, mm_err *e)
{
    mm_pass *p;
    mm_status s = mm_encoder_start(&p, x, in, n, out, failed, a, e);
    return s == MM_OK ? mm_encoder_finish(p, e) : s;
}

static inline void run(fixture *b, const mm_input *in, int n, mm_output *out)
{
    mm_err failed[BATCH], e = {0};
    assert_true(n <= BATCH);
    if (encode_batch(b->enc, in, n, out, failed, &b->arena, &e) != MM_OK)
        fail_msg("%s: %s", b->s->name, e.text);
    for (int i = 0; i < n; i++)
        if (failed[i].status != MM_OK)
            fail_msg("%s: %s", b->s->name, failed[i].text);
}

static inline double cosine_of(const float *a, const float *b, int64_t n)
{
    double dot = 0, aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        dot += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return dot / sqrt(aa * bb);
}

/* The bar is the tools' own, 0.999999 in cosine, and an error that no wrong operation would keep to. */
static inline void assert_close(const float *got, const float *want, int64_t n, const char *fmt, ...)
{
    char what[128];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < n; i++) {
        worst = fmax(worst, fabs((double)got[i] - want[i]));
        largest = fmax(largest, fabs((double)want[i]));
    }
    double cosine = cosine_of(got, want, n);
    if (!(cosine >= 0.999999) || !(worst <= 5e-5 * (1 + largest)))
        fail_msg("%s: cosine %.8f, largest difference %g of %g", what, cosine, worst, largest);
}

static const mm_encode_opts every_state = {
    .layers = 3, .layer = {0, 1, -1}, .pools = 1, .pool = {MM_POOL_NONE}, .normalize = 0, .project = 0};
static const mm_encode_opts own = {.normalize = -1, .project = -1};

/* Mean of the golden's rows from..to of the last state, summed in double. */
static inline void mean_of(const fixture *b, int i, int64_t from, int64_t to, float mean[WIDTH])
{
    const mm_tensor *h = wanted(b, "hidden.%d.%d", i, LAYERS);
    to = to < 0 ? h->s.dim[0] : to;
    for (int c = 0; c < WIDTH; c++) {
        double sum = 0;
        for (int64_t r = from; r < to; r++)
            sum += ((const float *)h->data)[r * WIDTH + c];
        mean[c] = (float)(sum / (double)(to - from));
    }
}

static inline bool golden_has(const specimen *s, const char *name)
{
    mm_safetensors *g;
    char path[256];
    snprintf(path, sizeof path, "tests/goldens/encode/%s/%s.safetensors", s->name, s->golden);
    assert_int_equal(mm_safetensors_open(&g, path, NULL), MM_OK);
    bool has = mm_safetensors_find(g, name) != NULL;
    mm_safetensors_close(g);
    return has;
}

static inline void assert_same(const mm_output *a, const mm_output *b, const char *name, int n, int threads)
{
    assert_int_equal(a->t.s.rank, b->t.s.rank);
    assert_int_equal(a->t.s.dim[0], b->t.s.dim[0]);
    size_t floats = (size_t)mm_shape_count(&a->t.s);
    assert_int_equal(floats, mm_shape_count(&b->t.s));
    if (memcmp(a->t.data, b->t.data, floats * sizeof(float)) != 0)
        fail_msg("%s: differs from the item alone in a batch of %d with %d threads", name, n, threads);
}

#endif
