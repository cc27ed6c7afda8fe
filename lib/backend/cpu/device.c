#include "backend/cpu/device.h"

#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- opening ---- */

static bool supports(mm_precision p)
{
    return p != MM_PREC_FP16;
}

/* What "auto" means on this processor: the fastest of those whose vectors keep a mean cosine of 0.9999 or more to
 * fp32's on real data. bf16 does (0.99999 MiniLM on STS-B, 0.99999 imgfocus-vits14, 0.99998 Whisper base on spoken
 * digits), and int16 (0.999998, 0.999999, 0.999994), int8 does not (0.9993, 0.9997, 0.9992). bf16 is faster than fp32
 * where there are matrix tiles, and by vdpbf16ps on AMD; on Intel that instruction has half the rate of an fp32
 * multiply-add. int16 is faster on 256-bit vectors; on 512 bits vpmaddwd and the addition share the two ports that an
 * fp32 multiply-add has alone. */
static mm_precision precision_for(mm_precision wanted, uint32_t features)
{
    const bool fast = (features & MM_CPU_AMX_BF16) || ((features & MM_CPU_AVX512_BF16) && (features & MM_CPU_AMD));
    const bool pairs = (features & MM_CPU_AVX2) && !(features & MM_CPU_AVX512);
    return wanted != MM_PREC_AUTO ? wanted : fast ? MM_PREC_BF16 : pairs ? MM_PREC_INT16 : MM_PREC_FP32;
}

/* Panels are a second copy of the weights: a quarter of the machine's memory at most. */
static size_t packed_limit(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages / 4 * (size_t)size : 0;
}

static void close_cpu(mm_dev *dev)
{
    mm_cpu_dev *d = (mm_cpu_dev *)dev;
    if (d->scratch)
        for (int i = 0; i < mm_threads_count(d->head.pool); i++)
            free(d->scratch[i]);
    free(d->scratch);
    free(d->panels);
    mm_threads_free(d->head.pool);
    free(d);
}

static mm_status start(mm_cpu_dev *d, int threads, mm_err *e)
{
    mm_status s = mm_threads_new(&d->head.pool, threads, e);
    if (s != MM_OK)
        return s;
    d->scratch = calloc((size_t)threads, sizeof *d->scratch);
    return d->scratch ? MM_OK : mm_fail_memory(e);
}

/* Panels with equal texts are the same, whatever instruction multiplies them. The first number is the layout's version.
 */
static void describe_layout(mm_cpu_dev *d)
{
    const mm_matmul *a = d->matmul, *b = d->precise;
    snprintf(d->layout, sizeof d->layout, "cpu 1 %s %d/%d/%d/%d %s %d/%d/%d/%d", mm_precision_name(a->precision),
             a->b_per, a->vl, a->nr, a->step, mm_precision_name(b->precision), b->b_per, b->vl, b->nr, b->step);
}

/* Weights marked precise are bf16 in an int8 run, fp32 in an int16 run. */
static void choose_formats(mm_cpu_dev *d, uint32_t features)
{
    const mm_precision p = d->head.precision;
    d->matmul = mm_matmul_for(features, p);
    d->precise = mm_matmul_for(features, p == MM_PREC_INT8 ? MM_PREC_BF16 : p == MM_PREC_INT16 ? MM_PREC_FP32 : p);
    describe_layout(d);
}

static mm_status open_cpu(mm_dev **out, const mm_dev_opts *o, mm_err *e)
{
    uint32_t features = mm_cpu_features();
    mm_status s = mm_cpu_limit(&features, getenv("MM_CPU"), e);
    if (s != MM_OK)
        return s;
    if (!supports(o->precision))
        return mm_fail_hint(e, MM_FATAL, MM_HINT_PRECISION,
                            "the CPU computes in fp32, bf16, int16 or int8, not in fp16");
    mm_cpu_dev *d = calloc(1, sizeof *d);
    if (!d)
        return mm_fail_memory(e);
    int threads = o->threads > 0 ? o->threads : mm_cpu_count();
    d->head.be = &mm_backend_cpu;
    d->head.precision = precision_for(o->precision, features);
    d->k = mm_kernels_for(features);
    choose_formats(d, features);
    d->packed_limit = packed_limit();
    if (o->log)
        d->log = *o->log;
    s = start(d, threads, e);
    if (s != MM_OK) {
        close_cpu(&d->head);
        return s;
    }
    const bool plain = d->matmul->precision == MM_PREC_FP32;
    snprintf(d->text, sizeof d->text, "cpu (%s, %s%s%d thread%s)", d->k->name, plain ? "" : d->matmul->name,
             plain ? "" : ", ", threads, threads == 1 ? "" : "s");
    mm_say(&d->log, MM_LOG_INFO, "device: %s", d->text);
    *out = &d->head;
    return MM_OK;
}

static const char *describe(const mm_dev *d)
{
    return ((const mm_cpu_dev *)d)->text;
}

static const char *layout(const mm_dev *d)
{
    return ((const mm_cpu_dev *)d)->layout;
}

/* Nothing to wait for: operations run before their calls return. */
static mm_status flush(mm_dev *d, mm_err *e)
{
    (void)d, (void)e;
    return MM_OK;
}

const mm_backend mm_backend_cpu = {
    .name = "cpu",
    .open = open_cpu,
    .close = close_cpu,
    .describe = describe,
    .supports = supports,
    .linear_weight = mm_cpu_linear_weight,
    .conv_weight = mm_cpu_conv_weight,
    .vector = mm_cpu_vector,
    .table = mm_cpu_table,
    .weight_free = mm_cpu_weight_free,
    .layout = layout,
    .lay_out = mm_cpu_lay_out,
    .alloc = mm_cpu_alloc,
    .free = mm_cpu_free,
    .write = mm_cpu_write,
    .read = mm_cpu_read,
#define ENTRY(name, rows) .name = mm_cpu_##name,
    MM_OPS(ENTRY)
#undef ENTRY
        .flush = flush,
};
