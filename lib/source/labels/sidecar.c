#include "source/labels/sidecar.h"

#include "format/name.h"
#include "media/table/charset.h"
#include "media/table/table.h"
#include "source/clean_path.h"
#include "source/labels/label_cell.h"

#include <stdlib.h>
#include <strings.h>

enum { MOST = 256 }; /* files in a group */
static const int64_t MAX_SIDECAR = (int64_t)1 << 30;

struct mm_sidecars {
    mm_source *source;
    mm_sidecar_rule rule;
    mm_blob *group[MOST]; /* files of one name up to its first dot */
    int n, at;
    mm_blob *ahead; /* the first of the next group */
    bool fresh;     /* a consumed sidecar was: so the next blob is */
    int64_t orphans;
};

bool mm_sidecar_rule_of(mm_sidecar_rule *rule, const char *text)
{
    *rule = (mm_sidecar_rule){.extension = strcmp(text, "cls") == 0 ? "cls" : "json"};
    if (strncmp(text, "json:", 5) == 0 && text[5])
        rule->field = text + 5;
    return rule->field || strcmp(text, rule->extension) == 0;
}

mm_status mm_sidecars_open(mm_sidecars **out, mm_source *s, const mm_sidecar_rule *rule, mm_err *e)
{
    mm_sidecars *x = *out = calloc(1, sizeof *x);
    if (!x)
        return mm_fail_memory(e);
    x->source = s;
    x->rule = *rule;
    return MM_OK;
}

void mm_sidecars_close(mm_sidecars *x)
{
    if (!x)
        return;
    while (x->at < x->n)
        mm_blob_free(x->group[x->at++]);
    mm_blob_free(x->ahead);
    free(x);
}

int64_t mm_sidecars_orphans(const mm_sidecars *x)
{
    return x->orphans;
}

/* ---- names ---- */

static bool is_sidecar(const mm_sidecars *x, const mm_blob *b)
{
    mm_str extension = mm_name_extension(b->path);
    return extension.n == strlen(x->rule.extension) && strncasecmp(extension.p, x->rule.extension, extension.n) == 0;
}

/* A sidecar's path without its extension. */
static mm_str stem_of(const mm_blob *sidecar)
{
    return (mm_str){sidecar->given.p, sidecar->given.n - mm_name_extension(sidecar->given).n - 1};
}

static bool belongs(const mm_blob *b, const mm_blob *sidecar)
{
    mm_str stem = stem_of(sidecar);
    return b->given.n > stem.n && b->given.p[stem.n] == '.' && memcmp(b->given.p, stem.p, stem.n) == 0;
}

/* The path up to the first dot of its last part. */
static mm_str sample_of(const mm_blob *b)
{
    mm_str base = mm_path_base(b->given);
    const char *dot = base.n > 1 ? memchr(base.p + 1, '.', base.n - 1) : NULL;
    return dot ? (mm_str){b->given.p, (size_t)(dot - b->given.p)} : b->given;
}

/* ---- labels ---- */

/* All members of the row that are not empty. */
static bool map_of(msgpack_object *label, mm_arena *a, const mm_table *t, const mm_str *cell, int n)
{
    msgpack_object_kv *kv = mm_arena_zalloc(a, (size_t)n + 1, sizeof *kv);
    uint32_t size = 0;
    for (int c = 0; kv && c < n; c++) {
        if (!mm_label_of_cell(&kv[size].val, a, cell[c]) || !mm_label_of_cell(&kv[size].key, a, t->header[c]))
            return false;
        size += kv[size].val.type != MSGPACK_OBJECT_NIL && kv[size].key.type == MSGPACK_OBJECT_STR;
    }
    if (size)
        *label = (msgpack_object){.type = MSGPACK_OBJECT_MAP, .via.map = {size, kv}};
    return kv != NULL;
}

static mm_status label_of_json(msgpack_object *label, mm_arena *a, mm_str text, const char *field, mm_err *e)
{
    mm_table t;
    mm_str *cell;
    int n, at = 0;
    mm_table_open(&t, text, MM_TABLE_JSONL);
    mm_status s = mm_table_next(&t, a, &cell, &n, e);
    if (s == MM_EOF)
        s = mm_fail(e, MM_SKIP, "no JSON object in it");
    if (s == MM_OK && field)
        s = mm_table_find(&t, field, t.columns, &at, e);
    if (s == MM_OK && !(field ? at >= n || mm_label_of_cell(label, a, cell[at]) : map_of(label, a, &t, cell, n)))
        s = mm_fail_memory(e);
    mm_table_close(&t);
    return s;
}

/* The sidecar's label into b and its arena. */
static mm_status read_label(const mm_sidecars *x, const mm_blob *sidecar, mm_blob *b, mm_err *e)
{
    mm_arena scratch = {0}, *a = mm_blob_arena(b);
    mm_fault f = {0};
    mm_str text;
    const char *encoding;
    mm_status s = mm_blob_load(&text, sidecar, MAX_SIDECAR, "a label", &scratch, &f);
    if (s == MM_OK)
        text = mm_text_unmark(&scratch, text, &encoding);
    if (s != MM_OK)
        s = mm_fail(e, MM_SKIP, "%s", f.err.text);
    else if (!text.p)
        s = mm_fail_memory(e);
    else if (strcmp(x->rule.extension, "json") == 0)
        s = label_of_json(&b->label, a, text, x->rule.field, e);
    else
        s = mm_label_of_cell(&b->label, a, text) ? MM_OK : mm_fail_memory(e);
    mm_arena_free(&scratch);
    return s;
}

/* ---- groups ---- */

/* The sidecar of b with the longest name; NULL: it has none. */
static mm_blob *sidecar_of(const mm_sidecars *x, const mm_blob *b)
{
    mm_blob *best = NULL;
    for (int i = 0; i < x->n; i++) {
        mm_blob *s = x->group[i];
        if (is_sidecar(x, s) && belongs(b, s) && (!best || stem_of(s).n > stem_of(best).n))
            best = s;
    }
    return best;
}

/* Labels the files of the group, then removes the sidecars from it, except those that failed. */
static void label_group(mm_sidecars *x)
{
    bool used[MOST] = {false};
    for (int i = 0; i < x->n; i++) {
        mm_blob *b = x->group[i], *s = is_sidecar(x, b) ? NULL : sidecar_of(x, b);
        mm_err e;
        for (int k = 0; s && k < x->n; k++)
            used[k] |= x->group[k] == s;
        if (s && s->status == MM_OK && read_label(x, s, b, &e) != MM_OK)
            mm_blob_fail(s, "label", "%s", e.text);
    }
    int kept = 0;
    for (int i = 0; i < x->n; i++) {
        bool gone = is_sidecar(x, x->group[i]) && x->group[i]->status == MM_OK;
        x->orphans += gone && !used[i];
        x->fresh |= x->group[i]->fresh;
        if (gone) {
            mm_blob_free(x->group[i]);
            continue;
        }
        x->group[kept++] = x->group[i];
        x->group[i]->fresh = x->fresh;
        x->fresh = false;
    }
    x->n = kept;
}

static mm_status next_group(mm_sidecars *x, mm_err *e)
{
    mm_status s = MM_OK;
    x->n = x->at = 0;
    if (!x->ahead)
        s = mm_source_next(x->source, &x->ahead, e);
    while (s == MM_OK && x->n < MOST && (x->n == 0 || mm_str_eq(sample_of(x->group[0]), sample_of(x->ahead)))) {
        x->group[x->n++] = x->ahead;
        x->ahead = NULL;
        s = mm_source_next(x->source, &x->ahead, e);
    }
    label_group(x);
    return x->n || s == MM_OK ? MM_OK : s; /* a failure or the end comes again with the next call */
}

mm_status mm_sidecars_next(mm_sidecars *x, mm_blob **b, mm_err *e)
{
    mm_status s = MM_OK;
    while (s == MM_OK && x->at == x->n)
        s = next_group(x, e);
    *b = s == MM_OK ? x->group[x->at++] : NULL;
    return s;
}
