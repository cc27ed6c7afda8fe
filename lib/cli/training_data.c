#include "cli/training_data.h"

#include "base/suggest.h"
#include "cli/grouping.h"

typedef struct {
    mm_training_data *d;
    bool validates;
} reading;

static mm_status take(void *ctx, mm_record *rec, mm_err *e)
{
    const reading *in = ctx;
    mm_training_data *d = in->d;
    mm_status s = in->validates ? mm_dataset_add(d->valid_set, rec, NULL, e) : MM_OK;
    if (rec->kind == MM_KIND_FEATURE) {
        mm_str modality = mm_record_modality(rec);
        mm_seen_add(&d->seen, modality, &d->arena);
        if (d->of && !mm_name_listed(d->of, modality))
            rec->has_tensor = false; /* its label still counts */
    }
    return s == MM_OK ? mm_dataset_add(d->set, rec, NULL, e) : s;
}

void mm_training_data_read(mm_training_data *d, mm_run *r)
{
    mm_err e;
    char hint[200];
    mm_must(r, mm_dataset_new(&d->set, &e), &e);
    mm_must(r, mm_dataset_new(&d->valid_set, &e), &e);
    mm_in_each(r, take, &(reading){d, false});
    if (d->valid)
        mm_in_each_of(r, d->valid, take, &(reading){d, true});
    mm_str missing = mm_seen_missing(&d->seen, d->of);
    if (missing.p)
        mm_die(r, "no record is of %.*s%s", MM_STRF(missing),
               mm_suggest_text(hint, sizeof hint, missing, d->seen.v, d->seen.n));
    mm_must(r, mm_dataset_finish(d->set, &d->data, &e), &e);
}

/* A --group that does not do what was meant would let one speaker both train and validate. */
static void check_groups(mm_training_data *d, mm_run *r, const uint8_t *usable)
{
    const char **key = mm_arena_alloc(&d->arena, (size_t)(d->data->n + 1) * sizeof *key);
    int n = 0;
    if (!key)
        mm_die(r, "out of memory");
    for (int i = 0; i < d->data->n; i++)
        if (usable[i])
            key[n++] = d->data->key[i];
    mm_grouping_check(r, d->group, key, n, d->fraction > 0 ? "to validate with" : NULL);
}

void mm_training_data_split(mm_training_data *d, mm_run *r, const mm_head *h)
{
    mm_err e;
    const mm_data *valid;
    uint8_t *usable = mm_usable_samples(d->data, h, &d->arena);
    if (!usable)
        mm_die(r, "out of memory");
    mm_must(r, mm_dataset_finish(d->valid_set, &valid, &e), &e);
    if (d->valid) {
        mm_must(r, mm_split_keys(&d->split, d->data, usable, valid, &d->arena, &e), &e);
        return;
    }
    check_groups(d, r, usable);
    mm_must(r, mm_split_groups(&d->split, d->data, usable, d->group, d->fraction, d->seed, &d->arena, &e), &e);
    if (d->group && d->fraction > 0 && !d->split.n_valid)
        mm_warn(r,
                "no group validates: the first group drawn is much larger than --valid-fraction %g of the samples; "
                "try another --seed or a larger --valid-fraction",
                d->fraction);
}

void mm_training_data_free(mm_training_data *d)
{
    mm_dataset_free(d->set);
    mm_dataset_free(d->valid_set);
    mm_arena_free(&d->arena);
}

int64_t mm_training_data_records(const mm_training_data *d)
{
    int64_t n = 0;
    for (int i = 0; i < d->split.n_train; i++)
        n += d->data->records[d->split.train[i]];
    for (int i = 0; i < d->split.n_valid; i++)
        n += d->data->records[d->split.valid[i]];
    return n;
}
