#include "cli/key_check.h"

#include "cli/source_reuse.h"
#include "source/key.h"

#include <stdlib.h>

void mm_key_check_open(mm_run *r, mm_key_check *k, const char *const *operands, const mm_source_opts *o,
                       bool rows_have_keys)
{
    mm_err e;
    *k = (mm_key_check){.r = r, .replay = mm_replay_open(r), .rows_have_keys = rows_have_keys};
    if (o && !mm_key_merges(o->key_rule) && mm_clash_new(&k->clash, operands, o, &e) != MM_OK)
        mm_die_of(r, &e);
}

void mm_key_check_close(mm_key_check *k)
{
    size_t bytes;
    int64_t n = k->clash ? mm_clash_keys(k->clash, &bytes) : 0;
    if (n)
        mm_say(&k->r->log, MM_LOG_DEBUG, "%lld keys were remembered, in %zu bytes", (long long)n, bytes);
    mm_clash_free(k->clash);
    mm_replay_close(k->replay);
    free(atomic_load(&k->example));
    mm_arena_free(&k->arena);
}

/* Whether rec has its source's own key rather than a row's: only then is it a clash that another source has it, too.
 * Texts with times are no rows but parts of a recording, as windows of its sound are. */
static bool counts(const mm_key_check *k, const mm_blob *b, const mm_record *rec)
{
    bool row = rec->part >= 0 &&
               ((rec->kind == MM_KIND_TEXT && !rec->has_time) || (rec->kind == MM_KIND_FEATURE && k->rows_have_keys));
    return k->clash && rec->kind != MM_KIND_ERROR && !row && mm_str_eq(rec->key, b->key);
}

static mm_clash_source source_of(const mm_blob *b)
{
    return (mm_clash_source){.number = b->number, .operand = b->operand, .fresh = b->fresh};
}

void mm_key_check_recall(mm_key_check *k, const mm_blob *b)
{
    mm_clash_source from = source_of(b);
    const mm_record *rec;
    mm_err e;
    for (; k->replay && (rec = mm_replay_record(k->replay)) && mm_str_eq(rec->src, b->src); mm_replay_step(k->replay))
        if (counts(k, b, rec) && mm_clash_check(k->clash, &from, rec, &e) == MM_FATAL)
            mm_die_of(k->r, &e);
}

mm_status mm_key_check_note(const mm_key_check *k, mm_ordered_slot *t, bool *noted, const mm_blob *b,
                            const mm_record *rec, mm_err *e)
{
    if (*noted || !counts(k, b, rec))
        return MM_OK;
    mm_clash_source *note = malloc(sizeof *note);
    if (!note)
        return mm_fail_memory(e);
    *note = source_of(b);
    mm_ordered_attach(t, note);
    *noted = true;
    return MM_OK;
}

/* The stamp of its file stays. */
static mm_status to_error(mm_record *rec, mm_arena *a, const mm_err *why, mm_err *e)
{
    msgpack_object meta = rec->meta;
    const msgpack_object *stamp = mm_map_get(&meta, MM_STAMP);
    mm_status s = mm_record_to_error(rec, a, "decode", "clash", why, e);
    return s == MM_OK && stamp ? mm_meta_put(rec, a, MM_STAMP, *stamp, e) : s;
}

bool mm_key_check_pass(mm_key_check *k, void *note, mm_record *rec)
{
    mm_err why;
    mm_status s = mm_clash_check(k->clash, note, rec, &why);
    if (s == MM_SKIP) {
        mm_err e;
        mm_arena_reset(&k->arena);
        s = to_error(rec, &k->arena, &why, &e);
        mm_item_failed_in(k->r, rec->src, rec->src, rec->error.text, rec->error.hint);
    }
    if (s == MM_FATAL)
        mm_die_of(k->r, &why);
    return s == MM_OK;
}

void mm_key_check_count(mm_key_check *k, const mm_blob *b)
{
    char *none = NULL;
    __atomic_fetch_add(&k->sources, 1, __ATOMIC_RELAXED);
    if (!b->unfit || __atomic_fetch_add(&k->unfit, 1, __ATOMIC_RELAXED))
        return;
    char *path = strndup(b->path.p, b->path.n);
    if (!atomic_compare_exchange_strong(&k->example, &none, path))
        free(path);
}

void mm_key_check_fit(const mm_key_check *k, const char *expression)
{
    const char *example = atomic_load(&k->example);
    if (k->unfit && k->unfit == k->sources)
        mm_die(k->r, "--key '%s' fits the path of no source (such as %s), and would name none", expression,
               example ? example : "");
    if (k->unfit)
        mm_warn(k->r,
                "--key '%s' fits the paths of %lld of %lld sources; each of the others, such as %s, keeps its own",
                expression, (long long)(k->sources - k->unfit), (long long)k->sources, example ? example : "");
}
