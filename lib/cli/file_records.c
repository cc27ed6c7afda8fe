#include "cli/file_records.h"

#include "source/clean_path.h"

#include <stdlib.h>

struct mm_file_records {
    mm_run *r;
    int64_t max_bytes;
    mm_blob *open; /* a file whose last part is still to come, its bytes so far, and the part that is expected */
    mm_spool bytes;
    int64_t part;
    mm_buf lost;   /* the key of the file that failed last, whose other parts are left out; n 0: none */
    mm_blob *held; /* a record that comes after the failure of `open` has been reported */
    mm_record rec;
};

mm_file_records *mm_file_records_open(mm_run *r, int64_t max_bytes)
{
    mm_file_records *x = calloc(1, sizeof *x);
    if (!x)
        mm_die(r, "out of memory");
    x->r = r;
    x->max_bytes = max_bytes > 0 ? max_bytes : (int64_t)4 << 30;
    mm_spool_init(&x->bytes);
    return x;
}

void mm_file_records_close(mm_file_records *x)
{
    if (!x)
        return;
    mm_blob_free(x->open);
    mm_blob_free(x->held);
    mm_spool_free(&x->bytes);
    mm_buf_free(&x->lost);
    free(x);
}

/* ---- one record ---- */

/* The names of b are those of its record, which is in its arena. */
static void name_file(mm_run *r, mm_blob *b, const mm_record *rec)
{
    mm_arena *a = mm_blob_arena(b);
    b->named = true;
    b->key = rec->key.p ? rec->key : MM_STR("");
    b->src = rec->src.p ? rec->src : b->key;
    b->path = b->given = mm_path_clean(a, b->src);
    if (!b->path.p)
        mm_die(r, "out of memory");
    b->dir = mm_path_dir(b->path);
    b->label = rec->label;
    b->of = rec->of;
    b->timed = rec->has_time;
    memcpy(b->time, rec->time, sizeof b->time);
    if (!b->key.n)
        mm_blob_fail(b, "record", "a file without a key");
}

static mm_blob *read_record(mm_file_records *x, mm_record *rec)
{
    mm_blob *b = mm_blob_new();
    if (!b)
        mm_die(x->r, "out of memory");
    if (mm_in_next(x->r, mm_blob_arena(b), rec) != MM_OK) {
        mm_blob_free(b);
        return NULL;
    }
    if (rec->kind == MM_KIND_FILE)
        name_file(x->r, b, rec);
    return b;
}

static bool is_last(const mm_record *rec)
{
    const msgpack_object *last = mm_map_get(&rec->meta, "last");
    return last && last->type == MSGPACK_OBJECT_BOOLEAN && last->via.boolean;
}

/* ---- files in parts ---- */

/* What is left of the file called `key` is not read. */
static void lose(mm_file_records *x, mm_str key)
{
    mm_err e;
    x->lost.n = 0;
    if (mm_buf_append(&x->lost, key.p, key.n, &e) != MM_OK)
        mm_die_of(x->r, &e);
}

/* The open file, complete or failed. */
static mm_blob *close_open(mm_file_records *x)
{
    mm_blob *b = x->open;
    x->open = NULL;
    if (b->status == MM_OK)
        mm_spool_into(&x->bytes, b);
    mm_spool_free(&x->bytes);
    return b;
}

static mm_blob *cut_off(mm_file_records *x)
{
    mm_blob_fail(x->open, "truncated", "the file ends before part %lld", (long long)x->part);
    lose(x, x->open->key);
    return close_open(x);
}

static void add_bytes(mm_file_records *x, mm_str bytes)
{
    mm_err e;
    if ((int64_t)bytes.n > x->max_bytes - x->bytes.n) {
        mm_blob_fail_hint(x->open, MM_HINT_MAX_BYTES, "too-large", "more than %lld bytes", (long long)x->max_bytes);
        return;
    }
    mm_status s = mm_spool_add(&x->bytes, bytes.p, bytes.n, &e);
    if (s == MM_FATAL)
        mm_die_of(x->r, &e);
    if (s == MM_SKIP)
        mm_blob_fail(x->open, "temporary", "%s", e.text);
}

/* Takes the next part of the open file. The file, if that was the last or it fails here; else NULL. */
static mm_blob *take_part(mm_file_records *x, const mm_record *rec)
{
    if (rec->part != x->part)
        mm_blob_fail(x->open, "part", "part %lld of the file comes where part %lld should", (long long)rec->part,
                     (long long)x->part);
    else
        add_bytes(x, rec->bytes);
    x->part++;
    bool failed = x->open->status != MM_OK, last = is_last(rec);
    if (failed && !last)
        lose(x, x->open->key);
    return failed || last ? close_open(x) : NULL;
}

/* Opens the file that b, part 0, begins. */
static mm_blob *begin_file(mm_file_records *x, mm_blob *b, const mm_record *rec)
{
    x->open = b;
    x->part = 0;
    return take_part(x, rec);
}

/* The file that b is by itself. */
static mm_blob *whole_file(const mm_file_records *x, mm_blob *b, const mm_record *rec)
{
    b->size = (int64_t)rec->bytes.n;
    b->bytes = (const uint8_t *)rec->bytes.p;
    if (b->size > x->max_bytes)
        mm_blob_fail_hint(b, MM_HINT_MAX_BYTES, "too-large", "more than %lld bytes", (long long)x->max_bytes);
    return b;
}

/* A part of no file that is open. */
static mm_blob *stray_part(mm_file_records *x, mm_blob *b, const mm_record *rec)
{
    mm_blob_fail(b, "part", "part %lld of the file comes before part 0", (long long)rec->part);
    if (!is_last(rec))
        lose(x, b->key);
    return b;
}

static bool continues(const mm_record *rec, mm_str key)
{
    return rec->kind == MM_KIND_FILE && rec->part > 0 && mm_str_eq(rec->key, key);
}

static mm_str lost_key(const mm_file_records *x)
{
    return (mm_str){(const char *)x->lost.p, x->lost.n};
}

/* Whether rec is what is left of the file that failed last, however late. */
static bool is_left_over(mm_file_records *x, const mm_record *rec)
{
    bool is = x->lost.n && continues(rec, lost_key(x));
    if (is && is_last(rec))
        x->lost.n = 0;
    return is;
}

/* The file that b completes; NULL: it is a part. */
static mm_blob *take_file(mm_file_records *x, mm_blob *b, const mm_record *rec)
{
    mm_blob *file = NULL;
    if (mm_str_eq(rec->key, lost_key(x)))
        x->lost.n = 0;
    if (x->open) {
        file = take_part(x, rec);
        mm_blob_free(b);
        return file;
    }
    if (b->status != MM_OK)
        return b;
    if (rec->part > 0)
        return stray_part(x, b, rec);
    return rec->part < 0 || is_last(rec) ? whole_file(x, b, rec) : begin_file(x, b, rec);
}

/* ---- the next ---- */

/* Whether rec leaves the open file incomplete. */
static bool cuts_off(const mm_file_records *x, const mm_record *rec)
{
    bool ends = rec->kind == MM_KIND_FILE || rec->kind == MM_KIND_MARK;
    return x->open && ends && !continues(rec, x->open->key);
}

mm_blob *mm_file_records_next(mm_file_records *x, bool *passes, mm_record *rec)
{
    mm_blob *b, *file = NULL;
    *passes = false;
    while (!file) {
        b = x->held;
        x->held = NULL;
        if (!b)
            b = read_record(x, &x->rec);
        if (b && is_left_over(x, &x->rec)) {
            mm_blob_free(b);
            continue;
        }
        if (b && cuts_off(x, &x->rec)) {
            x->held = b;
            return cut_off(x);
        }
        if (!b)
            return x->open ? cut_off(x) : NULL;
        *rec = x->rec;
        *passes = rec->kind != MM_KIND_FILE;
        file = *passes ? b : take_file(x, b, rec);
    }
    return file;
}
