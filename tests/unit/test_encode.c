/* Every architecture against what transformers computed with the same tiny weights (tests/goldens/make_encode.py), in
 * every instruction set that this processor has; the promise that an item's result is bit-identical whatever it is
 * batched with and however many threads there are; weights that are missing or misshapen; inputs that do not fit. */
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
#include <unistd.h>

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

/* ---- helpers ---- */

static const char *const tier_names[] = {"portable", "neon", "avx2", "avx512"};
enum { TIERS = 4 };

static bool have_tier(int i)
{
    if (other_device())
        return i == 0;
    static const uint32_t need[TIERS] = {0, MM_CPU_NEON, MM_CPU_AVX2, MM_CPU_AVX512};
    return (mm_cpu_features() & need[i]) == need[i];
}

static mm_dev *open_dev(const char *tier, int threads)
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
static mm_dev *open_best(int threads)
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
} bench;

static const mm_tensor *wanted(const bench *b, const char *fmt, ...)
{
    char name[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    const mm_named_tensor *t = mm_safetensors_find(b->golden, name);
    return t ? &t->t : NULL;
}

static bench setup(const specimen *s, mm_dev *d, mm_encode_opts o)
{
    bench b = {.s = s};
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

static void teardown(bench *b)
{
    mm_encoder_close(b->enc);
    mm_safetensors_close(b->golden);
    mm_model_close(b->model);
    mm_arena_free(&b->arena);
}

static void run(bench *b, const mm_input *in, int n, mm_output *out)
{
    mm_err failed[BATCH], e = {0};
    assert_true(n <= BATCH);
    if (mm_encoder_run(b->enc, in, n, out, failed, &b->arena, &e) != MM_OK)
        fail_msg("%s: %s", b->s->name, e.text);
    for (int i = 0; i < n; i++)
        if (failed[i].status != MM_OK)
            fail_msg("%s: %s", b->s->name, failed[i].text);
}

static double cosine_of(const float *a, const float *b, int64_t n)
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
static void assert_close(const float *got, const float *want, int64_t n, const char *fmt, ...)
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

/* ---- against the reference ---- */

static void check_states(bench *b, const mm_output *out, int i)
{
    for (int k = 0; k <= LAYERS; k++) {
        const mm_tensor *want = wanted(b, "hidden.%d.%d", i, k);
        assert_non_null(want);
        assert_int_equal(out->t.s.dim[0], want->s.dim[0]);
        assert_int_equal(want->s.dim[1], WIDTH);
        for (int64_t r = 0; r < want->s.dim[0]; r++)
            assert_close((const float *)out->t.data + r * 3 * WIDTH + k * WIDTH, (const float *)want->data + r * WIDTH,
                         WIDTH, "%s: input %d, hidden state %d, row %lld", b->s->name, i, k, (long long)r);
    }
}

static void check_grid(const bench *b, const mm_output *out, int i)
{
    const mm_shape *s = &b->in[i].in.s;
    assert_int_equal(out->has_grid, b->s->prefix >= 0);
    if (b->s->patch > 0) {
        assert_int_equal(out->grid.prefix, b->s->prefix);
        assert_int_equal(out->grid.rows, s->dim[0] / b->s->patch);
        assert_int_equal(out->grid.cols, s->dim[1] / b->s->patch);
        assert_int_equal(out->rows, out->grid.prefix + out->grid.rows * out->grid.cols);
    } else if (b->s->of == MM_OF_AUDIO) {
        assert_int_equal(out->grid.frames, out->rows);
        assert_true(out->grid.step > 0);
    }
}

/* Mean of the golden's rows from..to of the last state, summed in double. */
static void mean_of(const bench *b, int i, int64_t from, int64_t to, float mean[WIDTH])
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

static void states_match(mm_dev *d, const specimen *s)
{
    bench b = setup(s, d, every_state);
    mm_output out[MOST_INPUTS];
    assert_int_equal(mm_encoder_width(b.enc), 3 * WIDTH);
    run(&b, b.in, b.inputs, out);
    for (int i = 0; i < b.inputs; i++) {
        check_states(&b, &out[i], i);
        check_grid(&b, &out[i], i);
    }
    teardown(&b);
}

static void means_match(mm_dev *d, const specimen *s)
{
    bench b = setup(s, d, (mm_encode_opts){.pools = 1, .pool = {MM_POOL_MEAN}});
    mm_output out[MOST_INPUTS];
    float mean[WIDTH];
    run(&b, b.in, b.inputs, out);
    for (int i = 0; i < b.inputs; i++) {
        mean_of(&b, i, s->prefix > 0 ? s->prefix : 0, -1, mean);
        assert_int_equal(out[i].t.s.rank, 1);
        assert_close(out[i].t.data, mean, WIDTH, "%s: input %d, mean", s->name, i);
    }
    teardown(&b);
}

/* CLIP's joint space, and logits, where the golden has them. */
static void named_match(mm_dev *d, const specimen *s, const char *name, mm_encode_opts o)
{
    mm_output out[MOST_INPUTS];
    bench b = setup(s, d, o);
    run(&b, b.in, b.inputs, out);
    for (int i = 0; i < b.inputs; i++) {
        const mm_tensor *want = wanted(&b, "%s.%d", name, i);
        assert_int_equal(out[i].t.s.dim[0], want->s.dim[0]);
        assert_close(out[i].t.data, want->data, want->s.dim[0], "%s: input %d, %s", s->name, i, name);
    }
    teardown(&b);
}

static bool golden_has(const specimen *s, const char *name)
{
    mm_safetensors *g;
    char path[256];
    snprintf(path, sizeof path, "tests/goldens/encode/%s/%s.safetensors", s->name, s->golden);
    assert_int_equal(mm_safetensors_open(&g, path, NULL), MM_OK);
    bool has = mm_safetensors_find(g, name) != NULL;
    mm_safetensors_close(g);
    return has;
}

static void reference(void **state)
{
    (void)state;
    int joint = 0, heads = 0;
    for (int tier = 0; tier < TIERS; tier++) {
        if (!have_tier(tier))
            continue;
        mm_dev *d = open_dev(tier_names[tier], 1 + tier % 3);
        for (int i = 0; i < SPECIMENS; i++) {
            const specimen *s = &specimens[i];
            states_match(d, s);
            means_match(d, s);
            if (golden_has(s, "pooled.0") && ++joint)
                named_match(d, s, "pooled", own);
            if (golden_has(s, "logits.0") && ++heads)
                named_match(d, s, "logits", (mm_encode_opts){.classify = true});
        }
        close_dev(d);
    }
    assert_true(joint >= 3 && heads >= 3);
}

/* Reduced precision, beside the same fp32 reference: the mean cosine over all positions of the last hidden state. With
 * 16 channels a rounding error weighs more than in models of real width, whose bars are tests/parity's. */
static void check_reduced(mm_dev *d, double least)
{
    for (int i = 0; i < SPECIMENS; i++) {
        bench b = setup(&specimens[i], d, every_state);
        mm_output out[MOST_INPUTS];
        double sum = 0;
        int64_t rows = 0;
        run(&b, b.in, b.inputs, out);
        for (int k = 0; k < b.inputs; k++) {
            const mm_tensor *want = wanted(&b, "hidden.%d.%d", k, LAYERS);
            for (int64_t r = 0; r < want->s.dim[0]; r++, rows++)
                sum += cosine_of((const float *)out[k].t.data + r * 3 * WIDTH + LAYERS * WIDTH,
                                 (const float *)want->data + r * WIDTH, WIDTH);
        }
        if (!(sum / (double)rows >= least))
            fail_msg("%s, %s, %s: mean cosine %.6f", b.s->name, mm_dev_name(d), mm_precision_name(mm_dev_precision(d)),
                     sum / (double)rows);
        teardown(&b);
    }
}

static void reduced_precision(void **state)
{
    (void)state;
    static const struct {
        const char *cpu;
        uint32_t need;
    } masks[] = {
        {"portable", 0}, {"neon", MM_CPU_NEON}, {"avx2", MM_CPU_AVX2}, {"avx512,-amx", MM_CPU_AVX512}, {"", 0}};
    static const struct {
        mm_precision p;
        double least;
    } bars[] = {{MM_PREC_BF16, 0.9999}, {MM_PREC_INT8, 0.998}};
    for (int c = 0; c < 10; c++) {
        const int m = c / 2, p = c % 2;
        if ((mm_cpu_features() & masks[m].need) != masks[m].need)
            continue;
        mm_dev *d;
        mm_err e = {0};
        setenv("MM_CPU", masks[m].cpu, 1);
        assert_int_equal(mm_dev_open(&d, &(mm_dev_opts){.name = "cpu", .precision = bars[p].p}, &e), MM_OK);
        unsetenv("MM_CPU");
        assert_int_equal(mm_dev_precision(d), bars[p].p);
        check_reduced(d, bars[p].least);
        mm_dev_close(d);
    }
}

/* The same on the device that is tested in place of the CPU: fp16, and int8 where it has it. */
static void reduced_elsewhere(void **state)
{
    (void)state;
    if (!other_device())
        skip();
    mm_dev *d = open_other(MM_PREC_FP16, 1);
    check_reduced(d, 0.9999);
    close_dev(d);
    mm_err e;
    const mm_dev_opts int8 = {.name = other_device(), .threads = 1, .precision = MM_PREC_INT8};
    if (mm_dev_open(&d, &int8, &e) != MM_OK) {
        print_message("%s\n", e.text);
        return;
    }
    check_reduced(d, 0.998);
    close_dev(d);
}

/* ---- what is pooled by default ---- */

static void append_mean(const bench *b, int i, int64_t from, int64_t to, float **out)
{
    mean_of(b, i, from, to, *out);
    *out += WIDTH;
}

/* modules.json of this model asks for CLS and mean behind one another, normalised, and at most 9 tokens. */
static void sentence_transformers_pooling(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    bench b = setup(&specimens[8], d, own);
    mm_output out[MOST_INPUTS];
    float want[2 * WIDTH], *at;
    assert_int_equal(mm_encoder_max_tokens(b.enc), 9);
    assert_int_equal(mm_encoder_width(b.enc), 2 * WIDTH);
    run(&b, b.in, 2, out);
    for (int i = 0; i < 2; i++) {
        at = want;
        append_mean(&b, i, 0, 1, &at);
        append_mean(&b, i, 0, -1, &at);
        double sum = 0;
        for (int c = 0; c < 2 * WIDTH; c++)
            sum += (double)want[c] * want[c];
        for (int c = 0; c < 2 * WIDTH; c++)
            want[c] = (float)(want[c] / sqrt(sum));
        assert_close(out[i].t.data, want, 2 * WIDTH, "input %d", i);
    }
    teardown(&b);
    mm_dev_close(d);
}

/* Layers and pools behind one another: layer by layer, pool by pool. */
static void layers_and_pools(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    bench b = setup(&specimens[4], d,
                    (mm_encode_opts){.layers = 2, .layer = {1, -1}, .pools = 2, .pool = {MM_POOL_MEAN, MM_POOL_CLS}});
    mm_output out[MOST_INPUTS];
    run(&b, b.in, b.inputs, out);
    assert_int_equal(mm_encoder_width(b.enc), 4 * WIDTH);
    for (int i = 0; i < b.inputs; i++) {
        float mean[WIDTH];
        const float *got = out[i].t.data;
        const mm_tensor *first = wanted(&b, "hidden.%d.1", i);
        assert_close(got + WIDTH, first->data, WIDTH, "CLS of layer 1");
        mean_of(&b, i, 4, -1, mean); /* without CLS and three registers */
        assert_close(got + 2 * WIDTH, mean, WIDTH, "mean of the output");
        assert_close(got + 3 * WIDTH, wanted(&b, "hidden.%d.2", i)->data, WIDTH, "CLS of the output");
    }
    assert_non_null(strstr(mm_encoder_space(b.enc), "/1+2/mean+cls"));
    teardown(&b);
    mm_dev_close(d);
}

/* Padding of a log-mel spectrogram stays out of rows, grid and mean. */
static void padding_is_left_out(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    for (int pooled = 0; pooled < 2; pooled++) {
        bench b =
            setup(&specimens[13], d, (mm_encode_opts){.pools = 1, .pool = {pooled ? MM_POOL_MEAN : MM_POOL_NONE}});
        mm_output out;
        float mean[WIDTH];
        b.in[0].valid = 13; /* of 40 frames: 7 rows of 20 */
        run(&b, b.in, 1, &out);
        assert_int_equal(out.rows, 7);
        mean_of(&b, 0, 0, 7, mean);
        if (pooled)
            assert_close(out.t.data, mean, WIDTH, "mean over what holds sound");
        else
            assert_close(out.t.data, wanted(&b, "hidden.0.%d", LAYERS)->data, 7 * WIDTH, "the first seven rows");
        teardown(&b);
    }
    mm_dev_close(d);
}

static void labels_and_scales(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    bench b = setup(&specimens[0], d, (mm_encode_opts){.classify = true});
    assert_int_equal(mm_encoder_classes(b.enc), CLASSES);
    assert_string_equal(mm_encoder_class(b.enc, 2), "a red car");
    assert_null(mm_encoder_class(b.enc, 3));
    teardown(&b);
    char image_space[256];
    b = setup(&specimens[5], d, own);
    snprintf(image_space, sizeof image_space, "%s", mm_encoder_space(b.enc));
    assert_true(mm_encoder_logit_scale(b.enc) > 0);
    teardown(&b);
    b = setup(&specimens[6], d, own);
    assert_string_equal(mm_encoder_space(b.enc), image_space); /* one joint space */
    teardown(&b);
    mm_dev_close(d);
}

/* ---- batches ---- */

static void assert_same(const mm_output *a, const mm_output *b, const char *name, int n, int threads)
{
    assert_int_equal(a->t.s.rank, b->t.s.rank);
    assert_int_equal(a->t.s.dim[0], b->t.s.dim[0]);
    size_t floats = (size_t)mm_shape_count(&a->t.s);
    assert_int_equal(floats, mm_shape_count(&b->t.s));
    if (memcmp(a->t.data, b->t.data, floats * sizeof(float)) != 0)
        fail_msg("%s: differs from the item alone in a batch of %d with %d threads", name, n, threads);
}

/* Batches of 1 to BATCH of the inputs in an order without pattern, beside each input alone with one thread. */
static void batches_of(const char *tier, const specimen *s, mm_encode_opts o)
{
    mm_dev *one = open_dev(tier, 1);
    bench alone = setup(s, one, o);
    mm_output want[MOST_INPUTS], got[BATCH];
    for (int i = 0; i < alone.inputs; i++)
        run(&alone, &alone.in[i], 1, &want[i]);
    for (int threads = 1; threads <= (other_device() ? 1 : 4); threads++) {
        mm_dev *d = open_dev(tier, threads);
        bench b = setup(s, d, o);
        unsigned order = 12345;
        for (int n = 1; n <= BATCH; n++) {
            if (other_device() && n != 3 && n != BATCH)
                continue; /* a device without threads of its own to tell apart, and often a slow one */
            mm_input in[BATCH];
            int which[BATCH];
            for (int i = 0; i < n; i++) {
                order = order * 1103515245u + 12345u;
                which[i] = (int)((order >> 16) % (unsigned)b.inputs);
                in[i] = b.in[which[i]];
            }
            run(&b, in, n, got);
            for (int i = 0; i < n; i++)
                assert_same(&got[i], &want[which[i]], s->name, n, threads);
        }
        teardown(&b);
        close_dev(d);
    }
    teardown(&alone);
    close_dev(one);
}

static void batches(void **state)
{
    (void)state;
    for (int tier = 0; tier < TIERS; tier++)
        for (int i = 0; i < SPECIMENS && have_tier(tier); i++) {
            if (!other_device())
                batches_of(tier_names[tier], &specimens[i], every_state);
            batches_of(tier_names[tier], &specimens[i], own);
            if (golden_has(&specimens[i], "logits.0"))
                batches_of(tier_names[tier], &specimens[i], (mm_encode_opts){.classify = true});
        }
}

/* More passes on their way than a device has places for, each with inputs of its own. */
static void passes_overlap(void **state)
{
    (void)state;
    enum { PASSES = 9 };
    for (int i = 0; i < SPECIMENS; i++) {
        if (other_device() && i % 4 != 0)
            continue; /* drivers that compute on the CPU are slow, and what overlaps is the same for all */
        mm_dev *d = other_device() ? open_dev("", 1) : open_best(2);
        bench b = setup(&specimens[i], d, every_state);
        mm_output want[MOST_INPUTS], out[PASSES][2];
        mm_err failed[PASSES][2], e = {0};
        mm_pass *pass[PASSES];
        run(&b, b.in, b.inputs, want);
        for (int k = 0; k < PASSES; k++) {
            const mm_input in[2] = {b.in[k % b.inputs], b.in[(k + 1) % b.inputs]};
            assert_int_equal(mm_encoder_start(&pass[k], b.enc, in, 1 + k % 2, out[k], failed[k], &b.arena, &e), MM_OK);
        }
        for (int k = 0; k < PASSES; k++) {
            assert_int_equal(mm_encoder_finish(pass[k], &e), MM_OK);
            for (int j = 0; j < 1 + k % 2; j++) {
                assert_int_equal(failed[k][j].status, MM_OK);
                assert_same(&out[k][j], &want[(k + j) % b.inputs], specimens[i].name, k, j);
            }
        }
        teardown(&b);
        close_dev(d);
    }
}

/* ---- inputs that do not fit ---- */

static mm_tensor made(mm_type type, const void *data, int rank, int64_t a, int64_t b, int64_t c)
{
    return (mm_tensor){{type, rank, {a, b, c}}, data};
}

/* The misfit fails with a message that holds `why`; its neighbours come out as if it were not there. */
static void refuses(const specimen *s, mm_tensor misfit, const char *why)
{
    mm_dev *d = open_best(2);
    bench b = setup(s, d, every_state);
    mm_output out[3], want;
    mm_err failed[3], e = {0};
    run(&b, b.in, 1, &want);
    mm_input in[3] = {b.in[0], {.in = misfit}, b.in[0]};
    assert_int_equal(mm_encoder_run(b.enc, in, 3, out, failed, &b.arena, &e), MM_OK);
    assert_int_equal(failed[1].status, MM_SKIP);
    if (!strstr(failed[1].text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", s->name, failed[1].text, why);
    assert_null(out[1].t.data);
    assert_int_equal(failed[0].status, MM_OK);
    assert_int_equal(failed[2].status, MM_OK);
    assert_same(&out[0], &want, s->name, 3, 2);
    assert_same(&out[2], &want, s->name, 3, 2);
    teardown(&b);
    mm_dev_close(d);
}

static void misfits(void **state)
{
    (void)state;
    static const float zeros[4096];
    static const int32_t ids[32] = {2, 40}, many[32];
    refuses(&specimens[0], made(MM_F32, zeros, 3, 7, 32, 3), "smaller than one patch");
    refuses(&specimens[3], made(MM_F32, zeros, 3, 16, 16, 4), "f32[height,width,3]");
    refuses(&specimens[5], made(MM_U8, zeros, 3, 16, 16, 3), "f32[height,width,3]");
    refuses(&specimens[8], made(MM_I32, ids, 1, 2, 0, 0), "40");
    refuses(&specimens[8], made(MM_I32, many, 1, 13, 0, 0), "12");
    refuses(&specimens[7], made(MM_I32, many, 1, 0, 0, 0), "");
    /* convolutions of 10, 3, 2 taps with steps of 5, 2, 2: the shortest that leaves a row has 30 samples */
    for (int i = 10; i < 13; i++) {
        refuses(&specimens[i], made(MM_F32, zeros, 1, 29, 0, 0), "at least 30");
        refuses(&specimens[i], made(MM_F32, zeros, 1, 0, 0, 0), "too short");
    }
    refuses(&specimens[13], made(MM_F32, zeros, 2, 42, 6, 0), "cut the sound");
    refuses(&specimens[13], made(MM_F32, zeros, 2, 10, 7, 0), "f32[frames,6]");
}

static void options_refused(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    struct {
        int of; /* specimen */
        mm_encode_opts o;
        const char *why;
    } bad[] = {
        {0, {.layers = 1, .layer = {3}}, "no layer 3"},
        {0, {.layers = 1, .layer = {-4}}, "no layer -4"},
        {0, {.project = 1}, "projected"},
        {1, {.classify = true}, "no classification head"},
        {10, {.pools = 1, .pool = {MM_POOL_CLS}}, "no CLS"},
        {8, {.pools = 1, .pool = {MM_POOL_EOS}}, "no end-of-text"},
        {8, {.pools = 2, .pool = {MM_POOL_NONE, MM_POOL_CLS}}, "stands alone"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const specimen *s = &specimens[bad[i].of];
        char path[256];
        mm_model *m;
        mm_encoder *x = NULL;
        mm_err e = {0};
        snprintf(path, sizeof path, "tests/goldens/encode/%s", s->name);
        assert_int_equal(mm_model_open(&m, path, NULL, &e), MM_OK);
        assert_int_equal(mm_encoder_open(&x, m, s->of, d, &bad[i].o, &e), MM_FATAL);
        if (!strstr(e.text, bad[i].why))
            fail_msg("\"%s\" does not say \"%s\"", e.text, bad[i].why);
        mm_model_close(m);
    }
    mm_dev_close(d);
}

/* ---- weights that do not fit ---- */

/* Weights that this tower does not need: those of training, of the other tower, heads, and the bias of keys, which adds
 * the same to all of a query's scores, so that softmax cancels it (Whisper has none). */
static bool dispensable(const specimen *s, const char *name)
{
    static const char *const never[] = {"mask_token",         "masked_spec_embed", "pooler.",      "decoder.",
                                        "proj_out",           "logit_scale",       "position_ids", "classifier",
                                        "_projection.weight", "key.bias",          "k_proj.bias",  "k_lin.bias"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(name, never[i]))
            return !strstr(name, "feature_projection");
    return !strcmp(s->name, "clip") && strncmp(name, s->of == MM_OF_TEXT ? "vision_" : "text_", 5) == 0;
}

/* A directory with the specimen's config.json and these weights. */
static void write_model(const char *dir, const specimen *s, const mm_named_tensor *t, int64_t n)
{
    char from[256], to[256], command[600];
    mm_err e = {0};
    snprintf(from, sizeof from, "tests/goldens/encode/%s/config.json", s->name);
    snprintf(command, sizeof command, "cp %s %s/config.json", from, dir);
    assert_int_equal(system(command), 0);
    snprintf(to, sizeof to, "%s/model.safetensors", dir);
    if (mm_safetensors_write(to, t, n, NULL, &e) != MM_OK)
        fail_msg("%s", e.text);
}

static void opens_or_names(const char *dir, const specimen *s, mm_dev *d, const char *tensor, const char *what)
{
    mm_model *m = NULL;
    mm_encoder *x = NULL;
    mm_err e = {0};
    if (mm_model_open(&m, dir, NULL, &e) != MM_OK)
        fail_msg("%s", e.text);
    mm_status st = mm_encoder_open(&x, m, s->of, d, &own, &e);
    if (st == MM_OK && !dispensable(s, tensor))
        fail_msg("%s: %s %s goes unnoticed", s->name, tensor, what);
    if (st != MM_OK && !strstr(e.text, tensor))
        fail_msg("%s: %s %s is reported as \"%s\"", s->name, tensor, what, e.text);
    mm_encoder_close(x);
    mm_model_close(m);
}

/* Each weight in turn is left out, then has one column too many. */
static void spoil(const specimen *s, mm_dev *d, const char *dir)
{
    char path[256];
    mm_safetensors *f;
    static const char room[1 << 16];
    snprintf(path, sizeof path, "tests/goldens/encode/%s/model.safetensors", s->name);
    assert_int_equal(mm_safetensors_open(&f, path, NULL), MM_OK);
    int64_t n = mm_safetensors_count(f);
    mm_named_tensor *all = calloc((size_t)n, sizeof *all), *less = calloc((size_t)n, sizeof *less);
    for (int64_t i = 0; i < n; i++)
        all[i] = *mm_safetensors_at(f, i);
    for (int64_t i = 0; i < n; i++) {
        if (all[i].t.s.rank == 0)
            continue;
        memcpy(less, all, (size_t)i * sizeof *less);
        memcpy(less + i, all + i + 1, (size_t)(n - i - 1) * sizeof *less);
        write_model(dir, s, less, n - 1);
        opens_or_names(dir, s, d, all[i].name, "missing");
        mm_named_tensor good = all[i];
        all[i].t.s.dim[all[i].t.s.rank - 1]++;
        all[i].t.data = room;
        assert_true((size_t)mm_shape_count(&all[i].t.s) * mm_type_size(all[i].t.s.type) <= sizeof room);
        write_model(dir, s, all, n);
        opens_or_names(dir, s, d, all[i].name, "misshapen");
        all[i] = good;
    }
    free(all);
    free(less);
    mm_safetensors_close(f);
}

static void spoilt_weights(void **state)
{
    (void)state;
    char dir[] = "/tmp/mm-encode-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    mm_dev *d = open_best(1);
    for (int i = 0; i < SPECIMENS; i++)
        spoil(&specimens[i], d, dir);
    mm_dev_close(d);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void wrong_modality(void **state)
{
    (void)state;
    mm_dev *d = open_best(1);
    mm_model *m;
    mm_encoder *x = NULL;
    mm_err e = {0};
    assert_int_equal(mm_model_open(&m, "tests/goldens/encode/vit", NULL, &e), MM_OK);
    assert_int_equal(mm_encoder_open(&x, m, MM_OF_TEXT, d, &own, &e), MM_FATAL);
    assert_non_null(strstr(e.text, "vit encodes image, not text"));
    mm_model_close(m);
    mm_dev_close(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference),         cmocka_unit_test(sentence_transformers_pooling),
        cmocka_unit_test(layers_and_pools),  cmocka_unit_test(padding_is_left_out),
        cmocka_unit_test(labels_and_scales), cmocka_unit_test(batches),
        cmocka_unit_test(misfits),           cmocka_unit_test(options_refused),
        cmocka_unit_test(spoilt_weights),    cmocka_unit_test(wrong_modality),
        cmocka_unit_test(reduced_precision), cmocka_unit_test(reduced_elsewhere),
        cmocka_unit_test(passes_overlap),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
