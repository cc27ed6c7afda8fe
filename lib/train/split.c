#include "train/split.h"

#include "base/hash.h"
#include "base/key_group.h"

#include <math.h>
#include <stdlib.h>

uint8_t *mm_usable_samples(const mm_data *d, const mm_head *h, mm_arena *a)
{
    uint8_t *usable = mm_arena_zalloc(a, (size_t)d->n, 1);
    for (int i = 0; usable && i < d->n; i++) {
        int inputs = 0, targets = 0;
        for (int m = 0; m < h->inputs; m++)
            inputs += mm_data_rows(mm_data_modality_of(d, h->input[m].name), i) > 0;
        for (int o = 0; o < h->outputs; o++) {
            const mm_data_field *f = mm_data_field_of(d, h->output[o].name);
            if (f)
                targets += h->task == MM_TASK_REGRESS ? !isnan(f->number[i]) : f->id[i] >= 0;
        }
        usable[i] = h->task == MM_TASK_ALIGN ? inputs >= 2 : inputs && targets;
    }
    return usable;
}

typedef struct {
    mm_str group;
    int32_t sample;
    uint64_t draw; /* random, but fixed by group and seed: which groups validate does not depend on the input's order */
} member;

static uint64_t draw_of(mm_str group, uint64_t seed)
{
    mm_rng r = {.state = mm_hash(group) ^ seed * 0x9e3779b97f4a7c15u};
    mm_rng_next(&r);
    return mm_rng_next(&r);
}

static int by_draw(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->draw != y->draw)
        return x->draw < y->draw ? -1 : 1;
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static int ascending(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* How many members to take, in whole groups, to come closest to the wanted count; never all. */
static int cut_at(const member *m, int n, double fraction)
{
    int cut = 0, want = (int)lround(fraction * n);
    while (cut < want) {
        int next = cut + 1;
        while (next < n && m[next].draw == m[cut].draw)
            next++;
        if (next == n || next - want > want - cut)
            break;
        cut = next;
    }
    return cut;
}

mm_status mm_split_groups(mm_split *out, const mm_data *d, const uint8_t *usable, const char *group, double fraction,
                          uint64_t seed, mm_arena *a, mm_err *e)
{
    mm_grouper grouper;
    if (mm_grouper_open(&grouper, group, e) != MM_OK)
        return MM_FATAL;
    member *m = mm_arena_zalloc(a, (size_t)d->n, sizeof *m);
    out->train = mm_arena_zalloc(a, (size_t)d->n, sizeof *out->train);
    out->valid = mm_arena_zalloc(a, (size_t)d->n, sizeof *out->valid);
    int n = 0;
    bool memory = m && out->train && out->valid;
    for (int i = 0; memory && i < d->n; i++) {
        if (!usable[i])
            continue;
        mm_str g = mm_group_of(&grouper, d->key[i]);
        m[n++] = (member){g, i, draw_of(g, seed)};
    }
    mm_grouper_close(&grouper);
    if (!memory)
        return mm_fail_memory(e);
    qsort(m, (size_t)n, sizeof *m, by_draw);
    out->n_valid = cut_at(m, n, fraction);
    out->n_train = n - out->n_valid;
    for (int i = 0; i < n; i++)
        *(i < out->n_valid ? out->valid + i : out->train + i - out->n_valid) = m[i].sample;
    qsort(out->train, (size_t)out->n_train, sizeof *out->train, ascending);
    qsort(out->valid, (size_t)out->n_valid, sizeof *out->valid, ascending);
    return MM_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

mm_status mm_split_keys(mm_split *out, const mm_data *d, const uint8_t *usable, const mm_data *valid, mm_arena *a,
                        mm_err *e)
{
    const char **key = mm_arena_alloc(a, (size_t)(valid->n + 1) * sizeof *key);
    *out = (mm_split){.train = mm_arena_zalloc(a, (size_t)d->n, sizeof *out->train),
                      .valid = mm_arena_zalloc(a, (size_t)d->n, sizeof *out->valid)};
    if (!key || !out->train || !out->valid)
        return mm_fail_memory(e);
    for (int i = 0; i < valid->n; i++)
        key[i] = valid->key[i];
    qsort(key, (size_t)valid->n, sizeof *key, by_key);
    for (int i = 0; i < d->n; i++) {
        if (!usable[i])
            continue;
        bool validates = bsearch(&d->key[i], key, (size_t)valid->n, sizeof *key, by_key);
        *(validates ? &out->valid[out->n_valid++] : &out->train[out->n_train++]) = i;
    }
    return MM_OK;
}
