#include "fuse/fuser.h"

#include "base/suggest.h"
#include "fuse/fuser_state.h"

#include <stdlib.h>

/* Whether the head takes every modality that --of names. */
static mm_status check_inputs(const mm_head *h, const char *of, mm_err *e)
{
    mm_str input[MM_MAX_MODALITIES];
    char hint[160];
    for (int m = 0; m < h->inputs; m++)
        input[m] = mm_str_of(h->input[m].name);
    for (mm_str name; (name = mm_name_next(&of)).p;) {
        int m = 0;
        while (m < h->inputs && !mm_str_eq(input[m], name))
            m++;
        if (m == h->inputs)
            return mm_fail(e, MM_SKIP, "the head takes no %.*s%s", MM_STRF(name),
                           mm_suggest_text(hint, sizeof hint, name, input, h->inputs));
    }
    return MM_OK;
}

mm_status mm_fuser_new(mm_fuser **out, const mm_fuser_opts *o, mm_err *e)
{
    mm_fuser *f = *out = calloc(1, sizeof *f);
    if (!f)
        return mm_fail_memory(e);
    f->o = *o;
    if (o->head && o->labels && !o->head->outputs)
        return mm_fail(e, MM_SKIP, "this head aligns modalities: it has no labels to give");
    if (o->head && check_inputs(o->head, o->of, e) != MM_OK)
        return MM_SKIP;
    if (mm_check_reliability(o->reliability, e) != MM_OK)
        return MM_SKIP;
    const char *of = o->mode == MM_FUSE_RULE ? o->of : NULL; /* fixes the layout, in the order of the list */
    for (mm_str name; (name = mm_name_next(&of)).p;) {
        if (f->layout.n == MM_MAX_MODALITIES)
            return mm_fail(e, MM_SKIP, "at most %d modalities can be fused", MM_MAX_MODALITIES);
        f->layout.of[f->layout.n++].of = name;
    }
    return mm_join_new(&f->join, o->streams, o->memory, e);
}

void mm_fuser_free(mm_fuser *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    mm_join_free(f->join);
    mm_arena_free(&f->keep);
    mm_arena_free(&f->batch);
    free(f);
}

int mm_fuser_next_stream(const mm_fuser *f)
{
    return mm_join_next_stream(f->join);
}

mm_fuser_tally mm_fuser_counts(const mm_fuser *f)
{
    mm_fuser_tally t = f->tally;
    t.split = mm_join_split_keys(f->join);
    return t;
}

/* ---- records ---- */

static mm_status take_joined(mm_fuser *f, mm_err *e)
{
    mm_status s = MM_OK;
    for (mm_sample *one; s == MM_OK && (one = mm_join_next(f->join));)
        s = f->o.mode == MM_FUSE_EVIDENCE ? mm_fuser_combine_labels(f, one, e) : mm_fuser_add_sample(f, one, e);
    return s;
}

static bool head_takes(const mm_fuser *f, mm_str modality)
{
    for (int m = 0; m < f->o.head->inputs; m++)
        if (mm_str_is(modality, f->o.head->input[m].name))
            return mm_fuser_uses(f, modality);
    return false;
}

static void pass_through(mm_fuser *f, const mm_record *rec)
{
    f->tally.passed += rec->kind != MM_KIND_ERROR;
    f->o.put(f->o.ctx, rec, false);
}

mm_status mm_fuser_take(mm_fuser *f, int stream, const mm_record *rec, mm_err *e)
{
    mm_status s = MM_OK;
    bool handled = rec->kind == (f->o.mode == MM_FUSE_EVIDENCE ? MM_KIND_LABEL : MM_KIND_FEATURE);
    if (handled)
        mm_seen_add(&f->seen, mm_record_modality(rec), &f->keep);
    f->tally.taken += handled;
    if (mm_fuser_is_unjoined(f)) {
        if (handled && rec->has_tensor && head_takes(f, rec->of))
            return mm_fuser_add_record(f, rec, e);
        handled = false;
        s = mm_fuser_run_batch(f, e); /* the order of records stays: a text before its vector */
    }
    if (s == MM_OK && !handled)
        pass_through(f, rec);
    else if (s == MM_OK)
        s = mm_join_add(f->join, stream, rec, e);
    return s == MM_OK && handled ? take_joined(f, e) : s;
}

mm_status mm_fuser_end(mm_fuser *f, int stream, mm_err *e)
{
    mm_join_end(f->join, stream);
    mm_status s = take_joined(f, e);
    return s == MM_OK && ++f->ended == f->o.streams ? mm_fuser_run_batch(f, e) : s;
}

bool mm_fuser_takes_labels(const mm_fuser *f)
{
    return f->o.mode == MM_FUSE_EVIDENCE;
}

/* ---- names that no record matched ---- */

/* Fails with s when no record is of one of these names. */
static mm_status check_names(const mm_fuser *f, const char *list, mm_status s, mm_err *e)
{
    char hint[200];
    mm_str name = mm_seen_missing(&f->seen, list);
    if (!name.p)
        return MM_OK;
    return mm_fail(e, s, "no record is of %.*s%s", MM_STRF(name),
                   mm_suggest_text(hint, sizeof hint, name, f->seen.v, f->seen.n));
}

mm_status mm_fuser_check(const mm_fuser *f, mm_err *e)
{
    const mm_head *h = f->o.head;
    char takes[120];
    mm_status s = check_names(f, f->o.reliability, MM_FATAL, e);
    if (s == MM_OK)
        s = check_names(f, f->o.of, MM_SKIP, e);
    bool silent = mm_fuser_is_unjoined(f) || f->o.window > 0; /* elsewhere each sample has its own error record */
    if (s != MM_OK || !h || !silent || !f->seen.n || f->seen.n == MM_MOST_SEEN)
        return s;
    for (int m = 0; m < h->inputs; m++)
        if (mm_seen_has(&f->seen, mm_str_of(h->input[m].name)))
            return MM_OK;
    return mm_fail(e, MM_SKIP, "the head takes features of %s; the input has %.*s%s",
                   mm_head_input_names(h, takes, sizeof takes), MM_STRF(f->seen.v[0]),
                   f->seen.n > 1 ? " and others" : "");
}
