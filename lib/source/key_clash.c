#include "source/key_clash.h"

#include "base/file.h"
#include "base/grow.h"
#include "base/hash.h"
#include "base/sha256.h"
#include "base/utf8.h"
#include "source/clean_path.h"

#include <stdlib.h>

enum { SEGMENTS = 64, FREE = -1 }; /* they grow one by one, so that growing never needs room for all keys twice */

/* A modality of a key, by the 96 bits that identify both. */
typedef struct {
    uint32_t id[3];
    int32_t from; /* the source that has it: its operand, or a hash of its name where operands are not known */
} slot;

typedef struct {
    slot *v;
    uint32_t n, cap;
} segment;

/* A modality of the last key, and the source that gave it. */
typedef struct {
    uint32_t id[3];
    mm_str src;
} holder;

struct mm_clash {
    const char *const *operands;
    const mm_source_opts *o;
    segment of[SEGMENTS];
    int64_t n;
    /* the sources of the last key: most clashes are with a neighbour, which the message can name */
    mm_arena arena;
    mm_str key;
    holder *holders;
    int64_t held, held_cap;
    /* what the last source was allowed */
    int64_t source;
    uint32_t (*given)[3];
    int64_t count, given_cap;
};

mm_status mm_clash_new(mm_clash **out, const char *const *operands, const mm_source_opts *o, mm_err *e)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return mm_fail_memory(e);
    (*out)->operands = operands;
    (*out)->o = o;
    (*out)->source = -1;
    return MM_OK;
}

static void forget(mm_clash *c)
{
    for (int i = 0; c->n && i < SEGMENTS; i++) {
        free(c->of[i].v);
        c->of[i] = (segment){0};
    }
    c->n = 0;
}

void mm_clash_free(mm_clash *c)
{
    if (!c)
        return;
    forget(c);
    free(c->holders);
    free(c->given);
    mm_arena_free(&c->arena);
    free(c);
}

int64_t mm_clash_keys(const mm_clash *c, size_t *bytes)
{
    *bytes = sizeof *c + (size_t)c->held_cap * sizeof *c->holders;
    for (int i = 0; i < SEGMENTS; i++)
        *bytes += c->of[i].cap * sizeof(slot);
    return c->n;
}

/* ---- the table ---- */

static bool same(const uint32_t *a, const uint32_t *b)
{
    return memcmp(a, b, 3 * sizeof *a) == 0;
}

/* The frames of a video are a modality of their own, beside a still of the same name. */
static void identify(uint32_t id[3], const mm_record *rec)
{
    mm_sha256 h;
    char hex[65];
    const mm_str part[] = {rec->kind_name, rec->of, rec->key};
    const char frame = rec->kind == MM_KIND_IMAGE && rec->has_time;
    mm_sha256_init(&h);
    mm_sha256_add(&h, &frame, 1);
    for (int i = 0; i < 3; i++) {
        mm_sha256_add(&h, &part[i].n, sizeof part[i].n);
        mm_sha256_add(&h, part[i].p ? part[i].p : "", part[i].n);
    }
    mm_sha256_end(&h, hex);
    memcpy(id, h.h, 3 * sizeof *id);
}

/* The slot of id, or the free one where it belongs. */
static slot *find(const segment *s, const uint32_t *id)
{
    uint32_t at = id[1] % s->cap;
    while (s->v[at].from != FREE && !same(s->v[at].id, id))
        at = at + 1 < s->cap ? at + 1 : 0;
    return &s->v[at];
}

/* At most 7 of 8 slots are taken; growing by half makes at most 28 bytes a key. */
static bool make_room(segment *s)
{
    if (8 * ((uint64_t)s->n + 1) <= 7 * (uint64_t)s->cap)
        return true;
    segment more = {.n = s->n, .cap = s->cap + s->cap / 2 + 4};
    more.v = malloc(more.cap * sizeof *more.v);
    if (!more.v)
        return false;
    for (uint32_t i = 0; i < more.cap; i++)
        more.v[i].from = FREE;
    for (uint32_t i = 0; i < s->cap; i++)
        if (s->v[i].from != FREE)
            *find(&more, s->v[i].id) = s->v[i];
    free(s->v);
    *s = more;
    return true;
}

/* ---- the sources of the last key ---- */

/* The source that has id, if it is one of the last key's; else p NULL. */
static mm_str neighbour(const mm_clash *c, const uint32_t *id, mm_str key)
{
    for (int64_t i = 0; c->key.p && mm_str_eq(c->key, key) && i < c->held; i++)
        if (same(c->holders[i].id, id))
            return c->holders[i].src;
    return (mm_str){NULL, 0};
}

static mm_status hold(mm_clash *c, const uint32_t *id, const mm_record *rec, mm_err *e)
{
    if (!c->key.p || !mm_str_eq(c->key, rec->key)) {
        mm_arena_reset(&c->arena);
        c->held = 0;
        c->key = (mm_str){mm_arena_strdup(&c->arena, rec->key), rec->key.n};
    }
    if (neighbour(c, id, rec->key).p)
        return MM_OK; /* given again */
    mm_str src = {mm_arena_strdup(&c->arena, rec->src), rec->src.n};
    if (!c->key.p || !src.p || !mm_grow(&c->holders, &c->held_cap, c->held))
        return mm_fail_memory(e);
    holder *h = &c->holders[c->held++];
    memcpy(h->id, id, sizeof h->id);
    h->src = src;
    return MM_OK;
}

/* ---- messages ---- */

/* What keeps the two sources apart. */
static mm_hint remedy(const mm_clash *c, const slot *has, const mm_clash_source *from, const mm_record *rec)
{
    bool apart = (!c->operands || has->from != from->operand) && !c->o->root;
    bool member = memchr(rec->src.p, '!', rec->src.n);
    if (apart && c->operands && (mm_dir_exists(c->operands[has->from]) || mm_dir_exists(c->operands[from->operand])))
        return MM_HINT_KEY_ROOT;
    if (apart && member && c->o->key_rule != MM_KEY_ARCHIVE)
        return MM_HINT_KEY_ARCHIVE;
    return c->o->key_rule != MM_KEY_FILE ? MM_HINT_KEY_FILE : MM_HINT_NONE;
}

static mm_status refuse(const mm_clash *c, const uint32_t *id, const slot *has, const mm_clash_source *from,
                        const mm_record *rec, mm_err *e)
{
    enum { NAME = 72 };
    mm_str key = mm_utf8_tail(rec->key, NAME), first = neighbour(c, id, rec->key);
    bool twice = first.p && mm_str_eq(first, rec->src);
    mm_hint hint = twice ? MM_HINT_NONE : remedy(c, has, from, rec);
    if (!first.p)
        first = c->operands ? mm_str_of(c->operands[has->from]) : MM_STR("an earlier input");
    first = mm_utf8_tail(first, NAME);
    return mm_fail_hint(e, MM_SKIP, hint, "key \"%.*s\" has its %.*s from %.*s already%s", MM_STRF(key),
                        MM_STRF(mm_record_modality(rec)), MM_STRF(first),
                        twice  ? ": the archive holds it twice"
                        : hint ? ""
                               : ": rename one of them");
}

/* ---- one record ---- */

static int32_t name_of(const mm_clash *c, const mm_clash_source *from, const mm_record *rec)
{
    return c->operands ? (int32_t)from->operand : (int32_t)(mm_hash(rec->src) >> 33);
}

/* Whether the source that has the key is this one, given before. */
static bool is_again(const mm_clash *c, const slot *has, int32_t name)
{
    if (!c->operands)
        return has->from == name;
    return has->from != name && strcmp(c->operands[has->from], c->operands[name]) == 0;
}

/* Whether this source was allowed the same before. */
static bool was_given(mm_clash *c, const mm_clash_source *from, const uint32_t *id)
{
    if (c->source != from->number) {
        c->source = from->number;
        c->count = 0;
    }
    for (int64_t i = 0; i < c->count; i++)
        if (same(c->given[i], id))
            return true;
    return false;
}

static mm_status give(mm_clash *c, slot *to, const mm_clash_source *from, const uint32_t *id, const mm_record *rec,
                      mm_err *e)
{
    if (!mm_grow(&c->given, &c->given_cap, c->count))
        return mm_fail_memory(e);
    memcpy(c->given[c->count++], id, sizeof *c->given);
    memcpy(to->id, id, sizeof to->id);
    to->from = name_of(c, from, rec);
    return hold(c, id, rec, e);
}

mm_status mm_clash_check(mm_clash *c, mm_clash_source *from, const mm_record *rec, mm_err *e)
{
    uint32_t id[3];
    if (rec->kind == MM_KIND_ERROR)
        return MM_OK;
    identify(id, rec);
    if (was_given(c, from, id))
        return MM_OK;
    if (from->fresh)
        forget(c);
    from->fresh = false;
    segment *s = &c->of[id[0] % SEGMENTS];
    if (!make_room(s))
        return mm_fail_memory(e);
    slot *at = find(s, id);
    if (at->from == FREE) {
        s->n++;
        c->n++;
    } else if (!is_again(c, at, name_of(c, from, rec))) {
        mm_status refused = from->refused ? MM_EOF : refuse(c, id, at, from, rec, e);
        from->refused = true;
        return refused;
    }
    return give(c, at, from, id, rec, e);
}
