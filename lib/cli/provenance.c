/* provenance.c: which record was made of which. An encoder's record carries a hash of its input's payload and of how
 * the model prepares it (meta.input) and, for options that its space does not name, a hash of those (meta.settings).
 * --resume and --update compare them. */
#include "base/hash.h"
#include "cli/encoding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { HEX = 17 };

static void put_hex(char *out, uint64_t h)
{
    snprintf(out, HEX, "%016" PRIx64, h);
}

/* ---- inputs and settings ---- */

/* The payload's bytes, what they mean, and what the model does with them first. */
static uint64_t hash_payload(const mm_encoding *x, const mm_record *rec)
{
    char about[256];
    const mm_shape *s = &rec->tensor.s;
    int n = snprintf(about, sizeof about, "%.*s %d %lld %.*s", MM_STRF(rec->kind_name),
                     rec->has_tensor ? (int)s->type : -1, (long long)rec->rate, MM_STRF(rec->prep));
    for (int i = 0; rec->has_tensor && i < s->rank && n < (int)sizeof about; i++)
        n += snprintf(about + n, sizeof about - (size_t)n, " %lld", (long long)s->dim[i]);
    uint64_t seed = mm_hash_more(x->prepares ^ MM_HASH_START, about, strlen(about));
    return rec->has_tensor ? mm_hash_bytes(rec->tensor.data, mm_shape_bytes(s), seed)
                           : mm_hash_bytes(rec->text.p, rec->text.n, seed);
}

void mm_encoding_setting(mm_encoding *x, const char *name, const char *fmt, ...)
{
    char value[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(value, sizeof value, fmt, ap);
    va_end(ap);
    uint64_t h = mm_hash_more(x->settings ? x->settings : MM_HASH_START, name, strlen(name) + 1);
    x->settings = mm_hash_more(h, value, strlen(value) + 1);
}

mm_status mm_provenance_put(mm_encoding *x, mm_record *out, const mm_record *from, mm_arena *a, mm_err *e)
{
    const void *payload = from->has_tensor ? from->tensor.data : from->text.p;
    char hex[HEX];
    if (payload != x->hashed) /* many records may come of one payload */
        x->hash = hash_payload(x, from);
    x->hashed = payload;
    put_hex(hex, x->hash);
    mm_status s = mm_meta_put_str(out, a, "input", mm_str_of(hex), e);
    if (s != MM_OK || !x->settings)
        return s;
    put_hex(hex, x->settings);
    return mm_meta_put_str(out, a, "settings", mm_str_of(hex), e);
}

/* ---- --resume ---- */

static bool holds(const mm_record *rec, const char *key, uint64_t h)
{
    char hex[HEX];
    const msgpack_object *v = mm_map_get(&rec->meta, key);
    put_hex(hex, h);
    return v && mm_str_is(mm_object_as_str(v), hex);
}

static bool is_of_these_settings(const mm_encoding *x, const mm_record *made)
{
    if (made->kind != (x->v->classify ? MM_KIND_LABEL : MM_KIND_FEATURE))
        return false;
    if (!x->v->classify && !mm_str_is(made->space, mm_encoder_space(x->encoder)))
        return false;
    return x->settings ? holds(made, "settings", x->settings) : !mm_map_get(&made->meta, "settings");
}

/* The number of a piece of an input that has a part already; −1: it is the only one. */
static int64_t piece_of(const mm_record *made)
{
    const msgpack_object *v = mm_map_get(&made->meta, "chunk");
    if (!v)
        v = mm_map_get(&made->meta, "window");
    return v && v->type == MSGPACK_OBJECT_POSITIVE_INTEGER && v->via.u64 < INT32_MAX ? (int64_t)v->via.u64 : -1;
}

/* Whether `made` has the part or piece of the record after n others of `from`. */
static bool is_nth(const mm_record *made, const mm_record *from, int n)
{
    if (n == 0)
        return made->part == from->part || (from->part < 0 && made->part == 0);
    return from->part < 0 ? made->part == n : made->part == from->part && piece_of(made) == n;
}

bool mm_provenance_matches(void *ctx, const mm_record *made, const mm_record *from, int n)
{
    const mm_encoding *x = ctx;
    return is_nth(made, from, n) && is_of_these_settings(x, made) && holds(made, "input", hash_payload(x, from));
}

/* ---- --update ---- */

/* A hash of `input` and of the record's place in its source. Never 0. */
static uint64_t identify(const char *input, mm_str src, int64_t part, int64_t piece)
{
    const int64_t place[] = {part, piece};
    uint64_t h = mm_hash_bytes(src.p, src.n, mm_hash(mm_str_of(input)));
    h = mm_hash_bytes(place, sizeof place, h);
    return h ? h : 1;
}

uint64_t mm_provenance_id(void *ctx, const mm_record *made)
{
    char hex[HEX];
    const msgpack_object *v = mm_map_get(&made->meta, "input");
    mm_str input = v ? mm_object_as_str(v) : (mm_str){NULL, 0};
    if (!is_of_these_settings(ctx, made) || input.n != HEX - 1)
        return 0;
    snprintf(hex, sizeof hex, "%.*s", MM_STRF(input));
    return identify(hex, made->src, made->part, piece_of(made));
}

uint64_t mm_provenance_expected_id(void *ctx, const mm_record *from, int n)
{
    char hex[HEX];
    put_hex(hex, hash_payload(ctx, from));
    if (n < 0)
        return identify(hex, from->src, from->part, piece_of(from));
    return from->part < 0 ? identify(hex, from->src, n, -1) : identify(hex, from->src, from->part, n);
}

/* The entry of meta, if an encoder puts it there ("kind" apart); else NULL. */
static const char *own_name(mm_str name)
{
    static const char *const own[] = {"text",  "truncated",   "chunk", "window",  "precision",
                                      "truth", "logit_scale", "input", "settings"};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (mm_str_is(name, own[i]))
            return own[i];
    return NULL;
}

mm_status mm_encoding_modality(mm_record *out, const mm_record *from, mm_arena *a, mm_err *e)
{
    out->of = mm_record_modality(from);
    return mm_str_eq(out->of, from->kind_name) ? MM_OK : mm_meta_put_str(out, a, "kind", from->kind_name, e);
}

/* In the order in which mm_encoding_record and its callers put them. */
static mm_status renew_meta(mm_record *out, const mm_record *made, const mm_record *from, mm_arena *a, mm_err *e)
{
    const msgpack_object_map *m = &made->meta.via.map;
    bool common = false; /* the entries of all encoders, which come after the tool's own, have begun */
    mm_status s = MM_OK;
    out->meta = from->meta;
    for (uint32_t i = 0; s == MM_OK && i < m->size; i++) {
        const char *name = own_name(mm_object_as_str(&m->ptr[i].key));
        bool early = name && (!strcmp(name, "text") || !strcmp(name, "truncated") || !strcmp(name, "chunk") ||
                              !strcmp(name, "window"));
        if (name && !early && !common) {
            common = true;
            s = mm_encoding_modality(out, from, a, e);
            if (s == MM_OK && made->kind == MM_KIND_LABEL && from->label.type != MSGPACK_OBJECT_NIL)
                s = mm_meta_put(out, a, "truth", from->label, e);
        }
        if (s == MM_OK && name && strcmp(name, "truth") != 0)
            s = mm_meta_put(out, a, name, m->ptr[i].val, e);
    }
    return s;
}

mm_status mm_provenance_refresh(void *ctx, mm_record *made, const mm_record *from, mm_arena *a, mm_err *e)
{
    mm_record out = *made;
    bool single = made->part == from->part && piece_of(made) < 0;
    bool first = from->part < 0 ? made->part == 0 : piece_of(made) == 0; /* of several */
    (void)ctx;
    if (!single && first && from->has_time && made->time[0] != from->time[0])
        return MM_SKIP; /* its windows begin at another time now */
    if (single && from->has_time) {
        out.has_time = true;
        memcpy(out.time, from->time, sizeof out.time);
    }
    out.raw = (mm_str){NULL, 0};
    out.key = from->key;
    out.others = from->others;
    if (made->kind == MM_KIND_FEATURE)
        out.label = from->label;
    mm_status s = renew_meta(&out, made, from, a, e);
    *made = out;
    return s;
}
