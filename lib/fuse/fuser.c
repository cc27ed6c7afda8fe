#include "fuse/fuser.h"

#include "base/suggest.h"
#include "fuse/fuser_state.h"

#include <math.h>
#include <stdlib.h>

enum { REMEMBERED = 1 << 20 }; /* keys of a stream that may have no end */

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

/* Windows wait for the modalities that the head takes, or that --of names. */
static mm_status new_live(mm_fuser *f, mm_err *e)
{
    const mm_head *h = f->o.head;
    const char *of = h ? NULL : f->o.of;
    mm_live_opts o = {
        .streams = f->o.streams, .grid = mm_fuser_grid(f), .lateness = f->o.lateness, .limit = f->o.memory};
    for (int m = 0; h && m < h->inputs; m++)
        if (mm_fuser_uses(f, mm_str_of(h->input[m].name)))
            o.expected[o.n_expected++] = mm_str_of(h->input[m].name);
    for (mm_str name; o.n_expected < MM_MAX_MODALITIES && (name = mm_name_next(&of)).p;)
        o.expected[o.n_expected++] = name;
    return mm_live_new(&f->live, &o, e);
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
    if (o->mode == MM_FUSE_EVIDENCE && o->window > 0)
        return mm_fail(e, MM_SKIP, "label records are combined over a whole key, not over windows of time");
    const char *of = o->mode == MM_FUSE_RULE ? o->of : NULL; /* fixes the layout, in the order of the list */
    for (mm_str name; (name = mm_name_next(&of)).p;) {
        if (f->layout.n == MM_MAX_MODALITIES)
            return mm_fail(e, MM_SKIP, "at most %d modalities can be fused", MM_MAX_MODALITIES);
        f->layout.of[f->layout.n++].of = name;
    }
    if (o->live && o->window > 0)
        return new_live(f, e);
    mm_status s = mm_join_new(&f->join, o->streams, o->memory, e);
    if (s == MM_OK && o->flush)
        mm_join_remember(f->join, REMEMBERED);
    return s;
}

void mm_fuser_free(mm_fuser *f)
{
    if (!f)
        return;
    for (int i = 0; i < f->samples; i++)
        mm_sample_free(f->sample[i]);
    mm_sample_free(f->mark);
    mm_join_free(f->join);
    mm_live_free(f->live);
    mm_arena_free(&f->keep);
    mm_arena_free(&f->batch);
    free(f);
}

int mm_fuser_next_stream(const mm_fuser *f, uint64_t asleep)
{
    return f->live ? mm_live_next_stream(f->live, asleep) : mm_join_next_stream(f->join);
}

mm_fuser_tally mm_fuser_counts(const mm_fuser *f)
{
    mm_fuser_tally t = f->tally;
    t.split = f->join ? mm_join_split_keys(f->join) : 0;
    if (f->live) {
        mm_live_tally live = mm_live_counts(f->live);
        t.samples = live.keys;
        t.late = live.late;
    }
    return t;
}

/* ---- records ---- */

static mm_status take_windows(mm_fuser *f, mm_err *e)
{
    mm_sample *own;
    mm_features *window;
    mm_err why;
    mm_status s, found;
    do {
        found = mm_live_next(f->live, &own, &window, &why);
        if (found == MM_FATAL)
            *e = why;
        s = found == MM_OK || found == MM_SKIP ? mm_fuser_add_window(f, own, window, found, &why, e) : found;
    } while (found != MM_EOF && s == MM_OK);
    return s == MM_EOF ? MM_OK : s;
}

/* The samples, or windows, that are complete. */
static mm_status take_complete(mm_fuser *f, mm_err *e)
{
    mm_status s = MM_OK;
    if (f->live)
        return take_windows(f, e);
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

static mm_status pass_through(mm_fuser *f, const mm_record *rec, mm_err *e)
{
    f->tally.passed += rec->kind != MM_KIND_ERROR;
    return mm_fuser_pass(f, rec, e);
}

/* ---- marks ---- */

static void check_key(mm_fuser *f, const mm_record *mark, int stream)
{
    if (f->marks_differ || mm_str_eq(f->mark->key, mark->key))
        return;
    f->marks_differ = true;
    mm_say(f->o.log, MM_LOG_WARN,
           "mark %lld is %.*s in stream %d and %.*s in stream %d: the streams are not of the same requests",
           (long long)f->passed_marks + 1, MM_STRF(f->mark->key), f->mark_stream + 1, MM_STRF(mark->key), stream + 1);
}

/* Keeps the first stream's mark for all of them. */
static mm_status keep_mark(mm_fuser *f, int stream, const mm_record *mark, mm_err *e)
{
    if (f->mark)
        check_key(f, mark, stream);
    if (f->mark && f->mark_stream < stream)
        return MM_OK;
    mm_sample_free(f->mark);
    f->mark = NULL;
    f->mark_stream = stream;
    return mm_sample_of_record(&f->mark, mark, e);
}

/* Lets the mark leave after all that came before it, once every stream has reached it. */
static mm_status pass_mark(mm_fuser *f, const mm_record *mark, mm_err *e)
{
    if (!(f->live ? mm_live_at_mark(f->live) : mm_join_at_mark(f->join)))
        return MM_OK;
    mm_status s = mm_fuser_pass(f, mark, e);
    f->live ? mm_live_pass_mark(f->live) : mm_join_pass_mark(f->join);
    mm_sample_free(f->mark);
    f->mark = NULL;
    f->passed_marks++;
    return s;
}

static mm_status take_mark(mm_fuser *f, int stream, const mm_record *mark, mm_err *e)
{
    bool alone = f->o.streams == 1;
    mm_status s = alone ? MM_OK : keep_mark(f, stream, mark, e);
    if (s != MM_OK)
        return s;
    f->live ? mm_live_mark(f->live, stream) : mm_join_mark(f->join, stream);
    s = take_complete(f, e);
    return s == MM_OK ? pass_mark(f, alone ? mark : &f->mark->rec[0], e) : s;
}

/* ---- the input ---- */

static bool handles(const mm_fuser *f, const mm_record *rec)
{
    return rec->kind == (f->o.mode == MM_FUSE_EVIDENCE ? MM_KIND_LABEL : MM_KIND_FEATURE);
}

/* The first record that is late is reported when it comes: a live run may have no end. */
static void report_late(mm_fuser *f)
{
    mm_live_tally t = mm_live_counts(f->live);
    if (!t.late || f->said_late)
        return;
    f->said_late = true;
    mm_say(f->o.log, MM_LOG_WARN, "a record came after its window was closed, and is left out there: %s",
           t.late_example ? t.late_example : "");
}

static mm_status take_live(mm_fuser *f, int stream, const mm_record *rec, double came, mm_err *e)
{
    mm_err why;
    mm_str of = mm_record_modality(rec);
    bool counts = mm_record_is_feature(rec) && (f->o.head ? head_takes(f, of) : mm_fuser_uses(f, of));
    mm_status s = mm_live_add(f->live, stream, rec, counts, came, &why);
    if (s == MM_FATAL)
        *e = why;
    if (s == MM_SKIP)
        s = mm_fuser_fail_key(f, rec, &why, e);
    f->tally.records++;
    report_late(f);
    return s == MM_OK ? take_complete(f, e) : s;
}

mm_status mm_fuser_take(mm_fuser *f, int stream, const mm_record *rec, double came, mm_err *e)
{
    if (rec->kind == MM_KIND_MARK)
        return take_mark(f, stream, rec, e);
    if (!handles(f, rec))
        return pass_through(f, rec, e);
    mm_seen_add(&f->seen, mm_record_modality(rec), &f->keep);
    f->tally.taken++;
    if (mm_fuser_is_unjoined(f))
        return rec->has_tensor && head_takes(f, rec->of) ? mm_fuser_add_record(f, rec, e) : pass_through(f, rec, e);
    if (f->live)
        return take_live(f, stream, rec, came, e);
    mm_status s = mm_join_add(f->join, stream, rec, e);
    return s == MM_OK ? take_complete(f, e) : s;
}

mm_status mm_fuser_end(mm_fuser *f, int stream, mm_err *e)
{
    f->live ? mm_live_end(f->live, stream) : mm_join_end(f->join, stream);
    mm_status s = take_complete(f, e);
    if (s == MM_OK && f->mark)
        s = pass_mark(f, &f->mark->rec[0], e);
    return s == MM_OK && ++f->ended == f->o.streams ? mm_fuser_run_batch(f, e) : s;
}

mm_status mm_fuser_idle(mm_fuser *f, mm_err *e)
{
    bool asked = f->o.flush || f->live;
    mm_status s = f->marks || asked ? mm_fuser_run_batch(f, e) : MM_OK;
    if (s == MM_OK && (f->owed || asked) && f->o.deliver)
        f->o.deliver(f->o.ctx);
    f->owed = 0;
    return s;
}

void mm_fuser_sleep(mm_fuser *f, uint64_t asleep)
{
    if (f->live)
        mm_live_sleep(f->live, asleep);
}

double mm_fuser_deadline(const mm_fuser *f, uint64_t readable)
{
    return f->live ? mm_live_deadline(f->live, readable) : INFINITY;
}

mm_status mm_fuser_tick(mm_fuser *f, double now, uint64_t readable, mm_err *e)
{
    if (!f->live)
        return MM_OK;
    mm_live_tick(f->live, now, readable);
    return take_complete(f, e);
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
