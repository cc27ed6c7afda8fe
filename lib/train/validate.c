#include "train/validate.h"

#include "eval/metrics.h"

#include <math.h>

enum { VALID_BATCH = 256, MOST_ROUNDS = 8 };

static int best_class(const float *logits, int64_t n)
{
    int best = 0;
    for (int c = 1; c < n; c++)
        if (logits[c] > logits[best])
            best = c;
    return best;
}

/* The metric of the first output, collected over batches. */
typedef struct {
    int64_t hits, seen;
    double *target, *predicted;
    int64_t n;
} tally;

static void count(tally *y, const mm_objective *o, const mm_fused *f, const int32_t *sample, int n)
{
    const mm_data_field *field = mm_data_field_of(o->data, o->head->output[0].name);
    int64_t stride = mm_cols(f->out);
    for (int i = 0; i < n; i++) {
        const float *out = mm_value(f->out) + i * stride;
        if (o->head->task == MM_TASK_CLASSIFY && field->id[sample[i]] >= 0) {
            y->hits += best_class(out, o->head->output[0].width) == field->id[sample[i]];
            y->seen++;
        } else if (o->head->task == MM_TASK_REGRESS && !isnan(field->number[sample[i]])) {
            y->target[y->n] = field->number[sample[i]];
            y->predicted[y->n++] = out[0];
        }
    }
}

/* recall@1 of the rows of a among those of b, where row i belongs to row i */
static double recall_at_1(mm_node *a, mm_node *b)
{
    int64_t n = mm_rows(a), d = mm_cols(a), hits = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t best = 0;
        float top = -INFINITY;
        for (int64_t j = 0; j < n; j++) {
            float dot = 0;
            for (int64_t c = 0; c < d; c++)
                dot += mm_value(a)[i * d + c] * mm_value(b)[j * d + c];
            if (dot > top) {
                top = dot;
                best = j;
            }
        }
        hits += best == i;
    }
    return n ? (double)hits / (double)n : NAN;
}

/* The most rows that any sample has of a modality, up to MOST_ROUNDS. */
static int rounds_of(const mm_objective *o, const int32_t *sample, int n)
{
    int64_t most = 1;
    for (int m = 0; m < o->head->inputs; m++) {
        const mm_data_modality *x = mm_data_modality_of(o->data, o->head->input[m].name);
        for (int i = 0; i < n; i++)
            if (mm_data_rows(x, sample[i]) > most)
                most = mm_data_rows(x, sample[i]);
    }
    return (int)(most < MOST_ROUNDS ? most : MOST_ROUNDS);
}

/* One row of several (five captions of a photo) in each round: a query is one caption, too. */
static void pick_rows(int32_t *pick, const mm_objective *o, const int32_t *sample, int n, int round)
{
    for (int m = 0; m < o->head->inputs; m++) {
        const mm_data_modality *x = mm_data_modality_of(o->data, o->head->input[m].name);
        for (int i = 0; i < n; i++) {
            int64_t rows = mm_data_rows(x, sample[i]);
            pick[i * o->head->inputs + m] = rows > 1 ? (int32_t)(round % rows) : MM_ALL_ROWS;
        }
    }
}

/* Retrieval among all samples at once; loss and metric are means over the rounds. */
static mm_status validate_pairs(mm_validation *out, const mm_objective *o, const int32_t *sample, int n, mm_tape *t,
                                mm_arena *own, mm_err *e)
{
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_fused f;
    int rounds = rounds_of(o, sample, n);
    double loss = 0, metric = 0;
    int32_t *pick = mm_arena_alloc(own, (size_t)n * (size_t)o->head->inputs * sizeof *pick);
    mm_status s = pick ? MM_OK : mm_fail_memory(e);
    for (int r = 0; s == MM_OK && r < rounds; r++) {
        pick_rows(pick, o, sample, n, r);
        s = mm_objective_forward(o, t, sample, n, pick, &a, &b, &f, e);
        mm_node *y = s == MM_OK ? mm_objective_loss(o, t, &f, sample, n, &b, e) : NULL;
        if (s == MM_OK)
            s = y ? mm_tape_error(t, e) : MM_SKIP;
        if (s != MM_OK)
            break;
        loss += (double)mm_value(y)[0];
        metric += (recall_at_1(f.projection[0], f.projection[1]) + recall_at_1(f.projection[1], f.projection[0])) / 2;
    }
    if (s == MM_OK)
        *out = (mm_validation){(float)(loss / rounds), metric / rounds};
    mm_arena_free(&a);
    return s == MM_SKIP ? MM_OK : s; /* nothing to evaluate: both stay NaN */
}

static mm_status validate_targets(mm_validation *out, const mm_objective *o, const int32_t *sample, int n, mm_tape *t,
                                  mm_arena *own, mm_err *e)
{
    mm_arena a = {0};
    mm_fuse_batch b;
    mm_fused f;
    double sum = 0;
    tally y = {.target = mm_arena_alloc(own, (size_t)n * sizeof(double)),
               .predicted = mm_arena_alloc(own, (size_t)n * sizeof(double))};
    mm_status s = y.target && y.predicted ? MM_OK : mm_fail_memory(e);
    for (int i = 0; s == MM_OK && i < n; i += VALID_BATCH) {
        int m = n - i < VALID_BATCH ? n - i : VALID_BATCH;
        s = mm_objective_forward(o, t, sample + i, m, NULL, &a, &b, &f, e);
        mm_node *loss = s == MM_OK ? mm_objective_loss(o, t, &f, sample + i, m, &b, e) : NULL;
        if (s == MM_OK && loss)
            s = mm_tape_error(t, e);
        if (s != MM_OK || !loss)
            continue;
        sum += (double)mm_value(loss)[0] * m;
        count(&y, o, &f, sample + i, m);
    }
    out->loss = (float)(sum / n);
    if (o->head->task == MM_TASK_CLASSIFY)
        out->metric = y.seen ? (double)y.hits / (double)y.seen : NAN;
    else
        out->metric = mm_pearson(y.target, y.predicted, y.n);
    mm_arena_free(&a);
    return s;
}

mm_status mm_validate(mm_validation *out, const mm_objective *o, const int32_t *sample, int n, mm_threads *pool,
                      mm_err *e)
{
    mm_tape *t;
    mm_arena own = {0};
    *out = (mm_validation){NAN, NAN};
    if (!n)
        return MM_OK;
    mm_status s = mm_tape_new(&t, pool, false, e);
    if (s != MM_OK)
        return s;
    s = o->head->task == MM_TASK_ALIGN ? validate_pairs(out, o, sample, n, t, &own, e)
                                       : validate_targets(out, o, sample, n, t, &own, e);
    mm_tape_free(t);
    mm_arena_free(&own);
    return s;
}
