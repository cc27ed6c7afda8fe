#include "label/search.h"

#include "label/vector.h"

#include <stdlib.h>

enum { ROWS = 128, QUERIES = 16 }; /* a task: so many rows against so many queries at a time, in L2 */

typedef struct {
    const mm_refs *refs;
    const float *query;
    const mm_str *skip_key;
    mm_dot_kernel *dot;
    bool by_label; /* of each label only the nearest row */
    int q, k;
    mm_near *best; /* [threads, q, k] */
    float *block;  /* [threads, QUERIES, ROWS] */
} search;

/* A strict order, so that the k best are the same whatever the order of the search. */
static bool nearer(float cosine, int64_t row, const mm_near *than)
{
    if (than->row < 0 || cosine != than->cosine)
        return than->row < 0 || cosine > than->cosine;
    return row < than->row;
}

/* The place of the row's label in a list of the k best; if it is not there, the last place, which it may take. */
static int place_of(const search *s, const mm_near *best, int64_t row)
{
    int i = 0;
    while (i < s->k - 1 && best[i].row >= 0 && s->refs->label[best[i].row] != s->refs->label[row])
        i++;
    return i;
}

/* Puts a row into a list of the k best, nearest first. */
static void offer(const search *s, mm_near *best, float cosine, int64_t row)
{
    if (!nearer(cosine, row, &best[s->k - 1]))
        return;
    int i = s->by_label ? place_of(s, best, row) : s->k - 1;
    if (!nearer(cosine, row, &best[i]))
        return;
    for (; i > 0 && nearer(cosine, row, &best[i - 1]); i--)
        best[i] = best[i - 1];
    best[i] = (mm_near){row, cosine};
}

static bool left_out(const search *s, int query, int64_t row)
{
    return s->skip_key && mm_str_eq(s->skip_key[query], s->refs->key[row]);
}

static void search_rows(void *ctx, int task, int worker)
{
    const search *s = ctx;
    int64_t from = (int64_t)task * ROWS, n = s->refs->n - from < ROWS ? s->refs->n - from : ROWS;
    int64_t stride = s->refs->stride;
    float *block = s->block + (size_t)worker * QUERIES * ROWS;
    for (int j = 0; j < s->q; j += QUERIES) {
        int nq = s->q - j < QUERIES ? s->q - j : QUERIES;
        s->dot(block, ROWS, s->refs->row + from * stride, n, s->query + j * stride, nq, stride);
        for (int p = 0; p < nq; p++) {
            mm_near *best = s->best + ((size_t)worker * (size_t)s->q + (size_t)(j + p)) * (size_t)s->k;
            for (int64_t i = 0; i < n; i++)
                if (nearer(block[p * ROWS + i], from + i, &best[s->k - 1]) && !left_out(s, j + p, from + i))
                    offer(s, best, block[p * ROWS + i], from + i);
        }
    }
}

static void merge(mm_near *near, const search *s, int threads)
{
    size_t each = (size_t)s->q * (size_t)s->k;
    memcpy(near, s->best, each * sizeof *near);
    for (size_t t = 1; t < (size_t)threads; t++)
        for (size_t i = 0; i < each; i++) {
            mm_near x = s->best[t * each + i];
            if (x.row >= 0)
                offer(s, near + i / (size_t)s->k * (size_t)s->k, x.cosine, x.row);
        }
}

/* Runs s, whose kernel and memory are set here. */
static mm_status run(mm_near *near, search s, mm_threads *pool, mm_err *e)
{
    int threads = mm_threads_count(pool);
    size_t lists = (size_t)threads * (size_t)s.q * (size_t)s.k;
    s.dot = mm_dot_best();
    s.best = malloc(lists * sizeof *s.best);
    s.block = malloc((size_t)threads * QUERIES * ROWS * sizeof *s.block);
    mm_status status = s.best && s.block ? MM_OK : mm_fail_memory(e);
    if (status == MM_OK) {
        for (size_t i = 0; i < lists; i++)
            s.best[i] = (mm_near){-1, 0};
        mm_threads_run(pool, (int)((s.refs->n + ROWS - 1) / ROWS), search_rows, &s);
        merge(near, &s, threads);
    }
    free(s.best);
    free(s.block);
    return status;
}

mm_status mm_search(mm_near *near, int k, const mm_refs *refs, const float *query, int q, const mm_str *skip_key,
                    mm_threads *pool, mm_err *e)
{
    return run(near, (search){.refs = refs, .query = query, .skip_key = skip_key, .q = q, .k = k}, pool, e);
}

mm_status mm_search_labels(mm_near *near, int k, const mm_refs *refs, const float *query, int q, const mm_str *skip_key,
                           mm_threads *pool, mm_err *e)
{
    return run(near, (search){.refs = refs, .query = query, .skip_key = skip_key, .by_label = true, .q = q, .k = k},
               pool, e);
}
