#include "cli/source_reuse.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/id_map.h"
#include "cli/previous_output.h"
#include "cli/state.h"
#include "source/blob.h"
#include "source/clean_path.h"
#include "stream/serialise.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* The second half of a stamp: what labels depend on. Odd: the file is an archive, with labels of its own. */
enum { NO_LABELS = 0, NEVER_AGAIN = 1, LEAST_INSIDE = 3, LEAST_OUTSIDE = 2 };

/* The records of one file, which are contiguous. */
typedef struct {
    uint64_t stamp, labels;
    uint64_t src; /* hash of the first source's */
    int64_t source, sources;
    int64_t end; /* after its last record */
    bool failed; /* a record is an error or another tool's, or some may be missing */
} span;

struct mm_source_reuse {
    mm_run *r;
    mm_source_reuse_opts o;
    mm_previous previous;
    int64_t records; /* all that FILE holds */
    span *span;
    int64_t spans, spans_room;
    int64_t *source; /* the first record of each source of the spans */
    int64_t sources, sources_room;
    bool open;          /* the next record may belong to the last span */
    uint64_t last_src;  /* hash of the last record's */
    mm_id_map of_stamp; /* the span */
    mm_id_map second;   /* of the stamp of a file that came: whether its last visit was the second of a pair */
    int64_t at, last;   /* sources of a kept archive that are still to come */
    mm_blob as;         /* its place among the sources */
    int64_t number;     /* of the next source of an archive: below those of mm_source_next */
};

/* ---- stamps ---- */

static uint64_t hash_str(uint64_t h, mm_str s)
{
    return mm_hash_more(mm_hash_more(h, &s.n, sizeof s.n), s.n ? s.p : "", s.n);
}

/* A hash of all that the records of the file depend on, labels apart. */
static uint64_t hash_file(const mm_source_reuse *u, const mm_blob *b)
{
    uint64_t h = u->o.options;
    h = mm_hash_more(h, MM_VERSION, sizeof MM_VERSION);
    h = hash_str(hash_str(hash_str(hash_str(h, b->src), b->path), b->key), b->dir);
    h = mm_hash_more(h, &b->named, sizeof b->named);
    h = mm_hash_more(h, &b->size, sizeof b->size);
    h = mm_hash_more(h, &b->changed, sizeof b->changed);
    return h ? h : 1;
}

static uint64_t hash_label(mm_run *r, const msgpack_object *label)
{
    mm_buf b = {0};
    mm_err e;
    mm_record rec = mm_record_new(MM_KIND_LABEL);
    rec.label = *label;
    if (mm_record_serialise(&rec, &b, &e) != MM_OK)
        mm_die_of(r, &e);
    uint64_t h = mm_hash_bytes(b.p, b.n, 0);
    mm_buf_free(&b);
    return h;
}

static uint64_t labels_of(const mm_source_reuse *u, const mm_blob *b, const msgpack_object *label)
{
    if (!u->o.by_file)
        return NO_LABELS;
    if (!b->inside)
        return (hash_label(u->r, label) & ~UINT64_C(1)) | LEAST_OUTSIDE;
    return b->unpacked && u->o.beside ? NEVER_AGAIN : u->o.inside | LEAST_INSIDE;
}

void mm_source_reuse_stamp(const mm_source_reuse *u, const mm_blob *b, const msgpack_object *label, char *out)
{
    *out = 0;
    if (!u || !b->stamp)
        return;
    uint64_t labels = labels_of(u, b, label);
    snprintf(out, MM_STAMP_SIZE, "%016" PRIx64, b->stamp);
    if (labels != NO_LABELS)
        snprintf(out + 16, MM_STAMP_SIZE - 16, "%016" PRIx64, labels);
}

static bool read_hex(const char *p, uint64_t *h)
{
    *h = 0;
    for (int i = 0; i < 16; i++) {
        if (!isxdigit((unsigned char)p[i]))
            return false;
        *h = *h << 4 | (uint64_t)(isdigit((unsigned char)p[i]) ? p[i] - '0' : (tolower(p[i]) - 'a' + 10));
    }
    return true;
}

/* False: it has none. */
static bool read_stamp(const mm_record *rec, uint64_t *stamp, uint64_t *labels)
{
    const msgpack_object *v = mm_map_get(&rec->meta, MM_STAMP);
    mm_str s = v ? mm_object_as_str(v) : (mm_str){NULL, 0};
    *labels = NO_LABELS;
    return (s.n == 16 || (s.n == 32 && read_hex(s.p + 16, labels))) && read_hex(s.p, stamp);
}

/* Whether another tool made it from a record with the stamp. */
static bool is_derived(const mm_record *rec)
{
    return rec->kind == MM_KIND_LABEL || mm_map_get(&rec->meta, "input");
}

/* ---- what FILE holds ---- */

static void begin_span(mm_source_reuse *u, uint64_t stamp, uint64_t labels, const mm_record *rec)
{
    if (!mm_grow(&u->span, &u->spans_room, u->spans))
        mm_die(u->r, "out of memory");
    u->span[u->spans++] = (span){.stamp = stamp, .labels = labels, .src = mm_hash(rec->src), .source = u->sources};
}

static void begin_source(mm_source_reuse *u)
{
    if (!mm_grow(&u->source, &u->sources_room, u->sources))
        mm_die(u->r, "out of memory");
    u->source[u->sources++] = u->previous.n;
    u->span[u->spans - 1].sources++;
}

static bool note(void *ctx, const mm_record *rec)
{
    mm_source_reuse *u = ctx;
    uint64_t stamp, labels, src = mm_hash(rec->src);
    const span *last = u->spans ? &u->span[u->spans - 1] : NULL;
    u->records++;
    bool stamped = read_stamp(rec, &stamp, &labels);
    if (!stamped) {
        u->open = false;
        return false;
    }
    bool goes_on = u->open && last->stamp == stamp && last->labels == labels;
    if (!goes_on)
        begin_span(u, stamp, labels, rec);
    if (!goes_on || src != u->last_src)
        begin_source(u);
    span *now = &u->span[u->spans - 1];
    now->failed |= rec->kind == MM_KIND_ERROR || is_derived(rec);
    now->end = u->previous.n + 1;
    u->last_src = src;
    u->open = true;
    return true;
}

static int64_t length(const mm_source_reuse *u, const span *x)
{
    return x->end - u->source[x->source];
}

/* A file that was given three times has two spans of one stamp and of one length; spans of other lengths are pieces. */
static void index_spans(mm_source_reuse *u)
{
    if (u->previous.broken && u->open)
        u->span[u->spans - 1].failed = true;
    for (int64_t i = 0; i < u->spans; i++) {
        span *x = &u->span[i];
        int64_t other = mm_id_map_get(&u->of_stamp, x->stamp);
        x->failed |= other >= 0 && (u->span[other].failed || length(u, &u->span[other]) != length(u, x));
        if (!mm_id_map_put(&u->of_stamp, x->stamp, i))
            mm_die(u->r, "out of memory");
    }
}

mm_source_reuse *mm_source_reuse_open(mm_run *r, const mm_source_reuse_opts *o)
{
    if (!r->update)
        return NULL;
    mm_source_reuse *u = calloc(1, sizeof *u);
    if (!u)
        mm_die(r, "out of memory");
    u->r = r;
    u->o = *o;
    u->number = -2; /* −1 is nobody's */
    mm_previous_open(r, &u->previous, note, u);
    index_spans(u);
    if (u->records && !u->previous.n)
        mm_warn(r, "%s was made without --update, or of pipes alone: everything is decoded again", r->output);
    mm_say(&r->log, MM_LOG_INFO, "%s: %lld records that may be kept", r->output, (long long)u->previous.n);
    return u;
}

void mm_source_reuse_close(mm_source_reuse *u)
{
    if (!u)
        return;
    mm_previous_close(&u->previous);
    mm_id_map_free(&u->of_stamp);
    mm_id_map_free(&u->second);
    free(u->span);
    free(u->source);
    free(u);
}

void mm_source_reuse_spare(const mm_source_reuse *u)
{
    if (!u || !u->records)
        return;
    u->r->state->out.resumable = false; /* another input would not begin like this one */
    mm_die(u->r, "%s is kept as it was, because nothing of the input could be decoded", u->r->output);
}

void mm_source_reuse_fetch(const mm_source_reuse *u, int64_t i, mm_arena *a, mm_record *rec)
{
    if (!mm_previous_fetch(&u->previous, i, a, rec))
        mm_die(u->r, "%s: a record cannot be read any more", u->r->output);
}

/* ---- files ---- */

static const span *span_of(const mm_source_reuse *u, const mm_blob *b)
{
    return &u->span[mm_id_map_get(&u->of_stamp, b->stamp)];
}

/* A file that is given again gets another stamp every second time, so that the records of two visits in a row are not
 * taken for those of one. */
static void tell_visits_apart(mm_source_reuse *u, mm_blob *b)
{
    bool second = mm_id_map_get(&u->second, b->stamp) == 0;
    if (!mm_id_map_put(&u->second, b->stamp, second))
        mm_die(u->r, "out of memory");
    if (second)
        b->stamp = mm_hash_more(b->stamp, "2", 1);
}

/* Labels beside an archive go by the names of its members, not by its own. */
static void name_as_directory(mm_source_reuse *u, mm_blob *b)
{
    b->given = mm_str_of(mm_arena_printf(mm_blob_arena(b), "%.*s/", MM_STRF(mm_path_stem(b->given))));
    b->path = b->given;
    if (!b->given.p)
        mm_die(u->r, "out of memory");
}

bool mm_source_reuse_keep(mm_source_reuse *u, mm_blob *b)
{
    b->stamp = hash_file(u, b);
    tell_visits_apart(u, b);
    int64_t i = mm_id_map_get(&u->of_stamp, b->stamp);
    if (i < 0 || u->span[i].failed)
        return false;
    bool archive = u->span[i].labels & 1;
    if (archive && u->span[i].labels != (u->o.inside | LEAST_INSIDE))
        return false;
    if (archive)
        name_as_directory(u, b);
    b->inside = archive;
    return true;
}

mm_blob *mm_source_reuse_begin(mm_source_reuse *u, mm_blob *b, mm_source_reuse_records *p)
{
    const span *x = span_of(u, b);
    *p = (mm_source_reuse_records){u->source[x->source], length(u, x)};
    if (x->src == mm_hash(b->src))
        return b;
    u->at = x->source;
    u->last = x->source + x->sources;
    u->as = (mm_blob){.stamp = b->stamp, .number = b->number, .operand = b->operand, .fresh = b->fresh};
    mm_blob_free(b);
    return mm_source_reuse_more(u, p);
}

/* The source's own key; "" for rows, whose keys differ from source to source. */
static mm_str key_of(const mm_record *rec)
{
    char row[32];
    int n = snprintf(row, sizeof row, ":%lld", (long long)rec->part + 1);
    bool is_row = rec->kind == MM_KIND_FEATURE && rec->key.n > (size_t)n &&
                  memcmp(rec->key.p + rec->key.n - n, row, (size_t)n) == 0;
    return is_row ? MM_STR("") : rec->key;
}

mm_blob *mm_source_reuse_more(mm_source_reuse *u, mm_source_reuse_records *p)
{
    mm_record rec;
    mm_arena scratch = {0};
    if (!u || u->at == u->last)
        return NULL;
    mm_blob *b = mm_blob_new();
    if (!b)
        mm_die(u->r, "out of memory");
    mm_arena *a = mm_blob_arena(b);
    int64_t end = u->at + 1 < u->last ? u->source[u->at + 1] : span_of(u, &u->as)->end;
    *p = (mm_source_reuse_records){u->source[u->at], end - u->source[u->at]};
    mm_source_reuse_fetch(u, p->first, &scratch, &rec);
    b->src = mm_str_of(mm_arena_strdup(a, rec.src));
    b->key = mm_str_of(mm_arena_strdup(a, key_of(&rec)));
    if (!b->src.p || !b->key.p)
        mm_die(u->r, "out of memory");
    mm_arena_free(&scratch);
    b->given = b->src;
    b->stamp = u->as.stamp;
    b->number = u->as.number;
    b->operand = u->as.operand;
    b->fresh = u->as.fresh;
    b->kept = b->inside = true;
    u->as.number = u->number--;
    u->as.fresh = false;
    u->at++;
    return b;
}

bool mm_source_reuse_has_label(const mm_source_reuse *u, const mm_blob *b, const msgpack_object *label)
{
    return b->inside || span_of(u, b)->labels == labels_of(u, b, label);
}
