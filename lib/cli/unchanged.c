#include "cli/unchanged.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/id_map.h"
#include "cli/old.h"
#include "cli/state.h"
#include "source/blob.h"
#include "source/clean_path.h"
#include "stream/serialise.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* The second half of a stamp: what labels depend on. Odd: the file is an archive, with labels of its own. */
enum { NO_LABELS = 0, NEVER_AGAIN = 1, LEAST_INSIDE = 3, LEAST_OUTSIDE = 2 };

/* What one file gave: records that lie together. */
typedef struct {
    uint64_t stamp, labels;
    uint64_t src; /* hash of the first source's */
    int64_t source, sources;
    int64_t end; /* after its last record */
    bool failed; /* a record is an error or another tool's, or some may be missing */
} run;

struct mm_unchanged {
    mm_run *r;
    mm_unchanged_opts o;
    mm_old old;
    int64_t records; /* all that FILE holds */
    run *run;
    int64_t runs, runs_room;
    int64_t *source; /* the first record of each source of the runs */
    int64_t sources, sources_room;
    bool open;          /* the next record may belong to the last run */
    uint64_t last_src;  /* hash of the last record's */
    mm_id_map of_stamp; /* the run */
    mm_id_map turn;     /* of a file that came: 0 or 1 */
    int64_t at, last;   /* sources of a kept archive that are still to come */
    mm_blob as;         /* its place among the sources */
    int64_t number;     /* of the next source of an archive: below those of mm_source_next */
};

/* ---- stamps ---- */

static uint64_t hash_str(uint64_t h, mm_str s)
{
    return mm_hash_more(mm_hash_more(h, &s.n, sizeof s.n), s.n ? s.p : "", s.n);
}

/* All that the records of the file depend on, but labels. */
static uint64_t hash_file(const mm_unchanged *u, const mm_blob *b)
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

static uint64_t labels_of(const mm_unchanged *u, const mm_blob *b, const msgpack_object *label)
{
    if (!u->o.by_file)
        return NO_LABELS;
    if (!b->inside)
        return (hash_label(u->r, label) & ~UINT64_C(1)) | LEAST_OUTSIDE;
    return b->unpacked && u->o.beside ? NEVER_AGAIN : u->o.inside | LEAST_INSIDE;
}

void mm_unchanged_stamp(const mm_unchanged *u, const mm_blob *b, const msgpack_object *label, char *out)
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

/* Whether another tool made it, of one that had the stamp. */
static bool is_derived(const mm_record *rec)
{
    return rec->kind == MM_KIND_LABEL || mm_map_get(&rec->meta, "input");
}

/* ---- what FILE holds ---- */

static void begin_run(mm_unchanged *u, uint64_t stamp, uint64_t labels, const mm_record *rec)
{
    if (!mm_grow(&u->run, &u->runs_room, u->runs))
        mm_die(u->r, "out of memory");
    u->run[u->runs++] = (run){.stamp = stamp, .labels = labels, .src = mm_hash(rec->src), .source = u->sources};
}

static void begin_source(mm_unchanged *u)
{
    if (!mm_grow(&u->source, &u->sources_room, u->sources))
        mm_die(u->r, "out of memory");
    u->source[u->sources++] = u->old.n;
    u->run[u->runs - 1].sources++;
}

static bool note(void *ctx, const mm_record *rec)
{
    mm_unchanged *u = ctx;
    uint64_t stamp, labels, src = mm_hash(rec->src);
    const run *last = u->runs ? &u->run[u->runs - 1] : NULL;
    u->records++;
    bool stamped = read_stamp(rec, &stamp, &labels);
    if (!stamped) {
        u->open = false;
        return false;
    }
    bool goes_on = u->open && last->stamp == stamp && last->labels == labels;
    if (!goes_on)
        begin_run(u, stamp, labels, rec);
    if (!goes_on || src != u->last_src)
        begin_source(u);
    run *now = &u->run[u->runs - 1];
    now->failed |= rec->kind == MM_KIND_ERROR || is_derived(rec);
    now->end = u->old.n + 1;
    u->last_src = src;
    u->open = true;
    return true;
}

static int64_t length(const mm_unchanged *u, const run *x)
{
    return x->end - u->source[x->source];
}

/* A file that came three times has two runs of one stamp, and they are alike; others are pieces. */
static void index_runs(mm_unchanged *u)
{
    if (u->old.broken && u->open)
        u->run[u->runs - 1].failed = true;
    for (int64_t i = 0; i < u->runs; i++) {
        run *x = &u->run[i];
        int64_t other = mm_id_map_get(&u->of_stamp, x->stamp);
        x->failed |= other >= 0 && (u->run[other].failed || length(u, &u->run[other]) != length(u, x));
        if (!mm_id_map_put(&u->of_stamp, x->stamp, i))
            mm_die(u->r, "out of memory");
    }
}

mm_unchanged *mm_unchanged_open(mm_run *r, const mm_unchanged_opts *o)
{
    if (!r->update)
        return NULL;
    mm_unchanged *u = calloc(1, sizeof *u);
    if (!u)
        mm_die(r, "out of memory");
    u->r = r;
    u->o = *o;
    u->number = -2; /* −1 is nobody's */
    mm_old_open(r, &u->old, note, u);
    index_runs(u);
    if (u->records && !u->old.n)
        mm_warn(r, "%s was made without --update, or of pipes alone: everything is decoded anew", r->output);
    mm_say(&r->log, MM_LOG_INFO, "%s: %lld records that may be kept", r->output, (long long)u->old.n);
    return u;
}

void mm_unchanged_close(mm_unchanged *u)
{
    if (!u)
        return;
    mm_old_close(&u->old);
    mm_id_map_free(&u->of_stamp);
    mm_id_map_free(&u->turn);
    free(u->run);
    free(u->source);
    free(u);
}

void mm_unchanged_spare(const mm_unchanged *u)
{
    if (!u || !u->records)
        return;
    u->r->state->out.resumable = false; /* another input would not begin like this one */
    mm_die(u->r, "%s is kept as it was, because nothing of the input could be decoded", u->r->output);
}

void mm_unchanged_fetch(const mm_unchanged *u, int64_t i, mm_arena *a, mm_record *rec)
{
    if (!mm_old_fetch(&u->old, i, a, rec))
        mm_die(u->r, "%s: a record cannot be read any more", u->r->output);
}

/* ---- files ---- */

static const run *run_of(const mm_unchanged *u, const mm_blob *b)
{
    return &u->run[mm_id_map_get(&u->of_stamp, b->stamp)];
}

/* A file that comes again gets another stamp every second time, so that what it gave twice, without anything in
 * between, is not taken for what it gave once. */
static void take_turn(mm_unchanged *u, mm_blob *b)
{
    bool second = mm_id_map_get(&u->turn, b->stamp) == 0;
    if (!mm_id_map_put(&u->turn, b->stamp, second))
        mm_die(u->r, "out of memory");
    if (second)
        b->stamp = mm_hash_more(b->stamp, "2", 1);
}

/* No file beside an archive is meant by what it is called, only by the names of its members. */
static void name_as_directory(mm_unchanged *u, mm_blob *b)
{
    b->given = mm_str_of(mm_arena_printf(mm_blob_arena(b), "%.*s/", MM_STRF(mm_path_stem(b->given))));
    b->path = b->given;
    if (!b->given.p)
        mm_die(u->r, "out of memory");
}

bool mm_unchanged_keep(mm_unchanged *u, mm_blob *b)
{
    b->stamp = hash_file(u, b);
    take_turn(u, b);
    int64_t i = mm_id_map_get(&u->of_stamp, b->stamp);
    if (i < 0 || u->run[i].failed)
        return false;
    bool archive = u->run[i].labels & 1;
    if (archive && u->run[i].labels != (u->o.inside | LEAST_INSIDE))
        return false;
    if (archive)
        name_as_directory(u, b);
    b->inside = archive;
    return true;
}

mm_blob *mm_unchanged_begin(mm_unchanged *u, mm_blob *b, mm_unchanged_piece *p)
{
    const run *x = run_of(u, b);
    *p = (mm_unchanged_piece){u->source[x->source], length(u, x)};
    if (x->src == mm_hash(b->src))
        return b;
    u->at = x->source;
    u->last = x->source + x->sources;
    u->as = (mm_blob){.stamp = b->stamp, .number = b->number, .operand = b->operand, .fresh = b->fresh};
    mm_blob_free(b);
    return mm_unchanged_more(u, p);
}

/* The source's own key. Rows have others, which no two sources share. */
static mm_str key_of(const mm_record *rec)
{
    char row[32];
    int n = snprintf(row, sizeof row, ":%lld", (long long)rec->part + 1);
    bool is_row = rec->kind == MM_KIND_FEATURE && rec->key.n > (size_t)n &&
                  memcmp(rec->key.p + rec->key.n - n, row, (size_t)n) == 0;
    return is_row ? MM_STR("") : rec->key;
}

mm_blob *mm_unchanged_more(mm_unchanged *u, mm_unchanged_piece *p)
{
    mm_record rec;
    mm_arena scratch = {0};
    if (!u || u->at == u->last)
        return NULL;
    mm_blob *b = mm_blob_new();
    if (!b)
        mm_die(u->r, "out of memory");
    mm_arena *a = mm_blob_arena(b);
    int64_t end = u->at + 1 < u->last ? u->source[u->at + 1] : run_of(u, &u->as)->end;
    *p = (mm_unchanged_piece){u->source[u->at], end - u->source[u->at]};
    mm_unchanged_fetch(u, p->first, &scratch, &rec);
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

bool mm_unchanged_has_label(const mm_unchanged *u, const mm_blob *b, const msgpack_object *label)
{
    return b->inside || run_of(u, b)->labels == labels_of(u, b, label);
}
