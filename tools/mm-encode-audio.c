/* mm-encode-audio: turns audio records into feature records. */
#include "cli/encoding.h"
#include "model/prep.h"

#include <math.h>
#include <stdlib.h>

static mm_encoding_values opt = {MM_ENCODING_DEFAULTS(8)};
static double window;
static bool pad, whole;

static const mm_opt options[] = {
    {0, "pad", MM_OPT_FLAG, &pad,
     .help = "Whisper: pad every window with silence to 30 s, as the reference implementation does; pooling skips the "
             "padding"},
    {0, "window", MM_OPT_FLOAT, &window, "SECONDS",
     .help = "split longer sounds into windows of this length, 0.1 or more (default: Whisper 30, others no windows)",
     .least = 0.1, .most = INFINITY},
    {0, "whole", MM_OPT_FLAG, &whole,
     .help = "one vector for each sound: the mean of its windows, weighted by their lengths"},
    {0},
};

static void add_options(mm_opts *o)
{
    mm_encoding_opts(o, &opt, 0);
    mm_opts_add(o, options);
    mm_device_opts(o, &opt.device);
}

static const char *const synopsis[] = {
    "-m MODEL [OPTION]... [STREAM]...",
    NULL,
};

static const char *const examples[] = {
    "mm-decode speech/ | mm-encode-audio -m whisper-base > features.mm",
    "mm-decode call.mp3 | mm-encode-audio -m wav2vec2 --pool none --layer 6 > frames.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-encode-audio",
    .summary = "turn sound into feature vectors (Wav2Vec2, HuBERT, Whisper)",
    .synopsis = synopsis,
    .operands = "[STREAM]...",
    .examples = examples,
    .add_opts = add_options,
    .takes = MM_TAKES_ALL | MM_TAKES_UPDATE,
    .encodes = "audio",
};

/* A sound's windows among the batch's inputs. */
typedef struct {
    int first, n;
    int64_t samples; /* of the sound */
} windows;

typedef struct {
    mm_encoding x;
    mm_audio_prep prep;
    int64_t window; /* samples; 0: whole sounds */
    windows *w[2];  /* of each sound of a batch, by slot */
    mm_err *bad[2]; /* what could not be prepared */
} audio;

static bool wants(void *ctx, const mm_record *rec)
{
    (void)ctx;
    return rec->kind == MM_KIND_AUDIO;
}

static mm_status check(audio *m, const mm_record *rec, mm_err *e)
{
    if (!rec->has_tensor || rec->tensor.s.type != MM_F32 || rec->tensor.s.rank != 1)
        return mm_fail(e, MM_SKIP, "not mono samples [N]");
    if (rec->rate != m->prep.rate)
        return mm_fail(e, MM_SKIP, "%lld samples a second, the model takes %lld: mm-decode --rate %lld resamples",
                       (long long)rec->rate, (long long)m->prep.rate, (long long)m->prep.rate);
    if (mm_shape_count(&rec->tensor.s) == 0)
        return mm_fail(e, MM_SKIP, "no samples");
    int64_t at = mm_tensor_not_finite(&rec->tensor);
    if (at >= 0)
        return mm_fail(e, MM_SKIP, "sample %lld is not a finite number", (long long)at);
    return MM_OK;
}

/* The model's input from x[n]: normalised samples, or log-mel frames. */
static mm_status prepare(audio *m, mm_input *in, const float *x, int64_t n, mm_arena *a, mm_err *e)
{
    if (m->prep.mel) {
        float *mel;
        int64_t frames;
        mm_status s =
            mm_log_mel(&mel, &frames, x, n, pad ? m->prep.window : 0, &m->prep, mm_dev_threads(m->x.dev), a, e);
        const int64_t dim[2] = {frames, m->prep.n_mels};
        in->valid = pad ? (n + m->prep.hop - 1) / m->prep.hop : 0;
        in->in.data = mel;
        return s == MM_OK ? mm_shape_make(&in->in.s, MM_F32, 2, dim, e) : s;
    }
    if (m->prep.normalize) {
        float *y = mm_arena_alloc(a, (size_t)n * sizeof *y);
        if (!y)
            return mm_fail_memory(e);
        mm_audio_normalize(y, x, n);
        x = y;
    }
    in->in.data = x;
    return mm_shape_make(&in->in.s, MM_F32, 1, &n, e);
}

static int count_windows(const audio *m, int64_t samples)
{
    return !m->window || samples <= m->window ? 1 : (int)((samples + m->window - 1) / m->window);
}

/* The first sample of window k; of k = n, the end of the last one. A last window below a tenth of a second, too short
 * for some models, begins earlier, and the one before it ends there. */
static int64_t start_of(const audio *m, const windows *w, int k)
{
    int64_t at = k * m->window, latest = w->samples - m->prep.rate / 10;
    if (k == w->n)
        return w->samples;
    return k > 0 && at > latest ? latest : at;
}

static mm_status cut(audio *m, windows *w, mm_input *in, const mm_record *rec, mm_arena *a, mm_err *e)
{
    const float *x = mm_tensor_f32(a, &rec->tensor);
    mm_status s = x ? MM_OK : mm_fail_memory(e);
    for (int k = 0; s == MM_OK && k < w->n; k++) {
        int64_t from = start_of(m, w, k);
        s = prepare(m, &in[k], x + from, start_of(m, w, k + 1) - from, a, e);
    }
    return s;
}

/* Sets the record's time to window k's. */
static void set_time(const audio *m, mm_record *rec, const windows *w, int k)
{
    double start = rec->has_time ? rec->time[0] : 0, rate = (double)m->prep.rate;
    if (w->n == 1 && rec->has_time)
        return;
    rec->has_time = true;
    rec->time[0] = start + (double)start_of(m, w, k) / rate;
    rec->time[1] = start + (double)start_of(m, w, k + 1) / rate;
}

static mm_status emit_windows(audio *m, mm_run *r, int i, const mm_record *from, const windows *w, const mm_output *out,
                              mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    for (int k = 0; s == MM_OK && k < w->n; k++) {
        mm_record rec = *from, done;
        set_time(m, &rec, w, k);
        if (w->n > 1 && from->part < 0)
            rec.part = k;
        else if (w->n > 1)
            s = mm_meta_put_int(&rec, a, "window", k, e);
        if (s == MM_OK)
            s = mm_encoding_record(&m->x, &done, &rec, &out[k], a, e);
        if (s == MM_OK)
            mm_filter_emit(r, i, &done);
    }
    return s;
}

/* The mean over all windows' positions. */
static mm_status emit_whole(audio *m, mm_run *r, int i, const mm_record *from, const windows *w, const mm_output *out,
                            mm_arena *a, mm_err *e)
{
    mm_record rec = *from, done;
    mm_output mean = out[0];
    int64_t width = mm_shape_count(&mean.t.s), rows = 0;
    float *sum = mm_arena_zalloc(a, (size_t)width, sizeof *sum);
    if (!sum)
        return mm_fail_memory(e);
    for (int k = 0; k < w->n; k++)
        rows += out[k].rows;
    for (int k = 0; k < w->n; k++)
        for (int64_t c = 0; c < width; c++)
            sum[c] += ((const float *)out[k].t.data)[c] * (float)((double)out[k].rows / (double)rows);
    mean.t.data = sum;
    mm_status s = mm_encoding_record(&m->x, &done, &rec, &mean, a, e);
    if (s == MM_OK)
        mm_filter_emit(r, i, &done);
    return s;
}

static mm_status begin(void *ctx, int slot, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    audio *m = ctx;
    mm_arena *a = &m->x.slot[slot].a;
    mm_arena_reset(a);
    windows *w = m->w[slot] = mm_arena_zalloc(a, (size_t)n, sizeof *w);
    mm_err *bad = m->bad[slot] = mm_arena_zalloc(a, (size_t)n, sizeof *bad);
    int total = 0, ready = 0;
    if (!w || !bad)
        return mm_fail_memory(e);
    for (int i = 0; i < n; i++) {
        if (check(m, rec[i], &bad[i]) != MM_OK)
            continue;
        w[i].samples = mm_shape_count(&rec[i]->tensor.s);
        w[i].n = count_windows(m, w[i].samples);
        total += w[i].n;
    }
    mm_input *in = mm_arena_zalloc(a, (size_t)total + 1, sizeof *in);
    if (!in)
        return mm_fail_memory(e);
    for (int i = 0; i < n; i++) {
        w[i].first = ready;
        if (bad[i].status == MM_OK && cut(m, &w[i], in + ready, rec[i], arena[i], &bad[i]) == MM_OK)
            ready += w[i].n;
        else
            w[i].n = 0;
    }
    return mm_encoding_start(&m->x, slot, in, ready, e);
}

static mm_status step(void *ctx, int slot, mm_run *r, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    audio *m = ctx;
    const mm_encoding_slot *t = &m->x.slot[slot];
    const windows *w = m->w[slot];
    mm_status s = mm_encoding_finish(&m->x, slot, e);
    for (int i = 0; s == MM_OK && i < n; i++) {
        const mm_err *why = &m->bad[slot][i];
        for (int k = 0; k < w[i].n && why->status == MM_OK; k++)
            why = &t->failed[w[i].first + k];
        if (why->status != MM_OK)
            mm_filter_fail(r, i, "encode-audio", "encode", why);
        else if (whole && w[i].n > 1)
            s = emit_whole(m, r, i, rec[i], &w[i], &t->out[w[i].first], arena[i], e);
        else
            s = emit_windows(m, r, i, rec[i], &w[i], &t->out[w[i].first], arena[i], e);
    }
    return s;
}

int main(int argc, char **argv)
{
    mm_run r;
    audio m = {0};
    mm_err e;
    mm_run_begin(&r, &tool, argc, argv);
    mm_encoding_open(&m.x, &r, &opt, MM_OF_AUDIO, pad);
    if (mm_model_audio_prep(m.x.model, &m.prep, &e) != MM_OK)
        mm_die_of(&r, &e);
    if (whole && !mm_encoder_pools_mean(m.x.encoder))
        mm_usage(&r, "--whole needs --pool mean: only means of windows can be averaged");
    m.window = window > 0 ? (int64_t)(window * (double)m.prep.rate) : m.prep.window;
    if (m.prep.window && m.window > m.prep.window)
        mm_usage(&r, "this model takes %g seconds at most", (double)m.prep.window / (double)m.prep.rate);
    if (window > 0)
        mm_encoding_setting(&m.x, "window", "%lld", (long long)m.window);
    if (whole)
        mm_encoding_setting(&m.x, "whole", "1");
    mm_encoding_run(&m.x, (mm_filter){.wants = wants, .begin = begin, .step = step, .ctx = &m});
    mm_encoding_close(&m.x);
    return mm_run_end(&r);
}
