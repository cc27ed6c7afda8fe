#include "cli/decoding.h"

#include "base/hash.h"
#include "cli/ordered.h"

#include <stdlib.h>

/* One source on its way to records, or a record that passes. */
typedef struct {
    mm_decoding *d;
    mm_blob *blob;
    bool passes;
    mm_record rec;                 /* in the blob's arena */
    mm_source_reuse_records piece; /* what FILE holds of it */
    mm_ordered_slot *slot;
    mm_arena *arena; /* of the record at hand */
    char stamp[MM_STAMP_SIZE];
    bool noted;           /* mm_key_check_note */
    msgpack_object label; /* of the file */
    bool labelled, unlabelled;
} job;

/* ---- the next source ---- */

static mm_blob *next_blob(mm_decoding *d, mm_source_reuse_records *piece)
{
    mm_blob *b = mm_source_reuse_more(d->unchanged, piece);
    mm_err e;
    if (b)
        return b;
    *piece = (mm_source_reuse_records){0, 0};
    mm_status s = d->sidecars ? mm_sidecars_next(d->sidecars, &b, &e) : mm_source_next(d->sources, &b, &e);
    if (s == MM_FATAL)
        mm_die_of(d->r, &e);
    if (s != MM_OK)
        return NULL;
    return b->kept ? mm_source_reuse_begin(d->unchanged, b, piece) : b;
}

static mm_blob *next_of_sources(mm_decoding *d, mm_source_reuse_records *piece)
{
    mm_blob *b;
    while ((b = next_blob(d, piece)) && mm_resume_has_source(d->r, b->src)) {
        mm_key_check_recall(&d->keys, b);
        mm_blob_free(b);
    }
    return b;
}

/* Marks are written once for a file, not for each row or member in it: its sender knows it by its key. */
static void prepare_mark(mm_decoding *d, const mm_blob *b)
{
    d->mark = mm_blob_new();
    if (d->mark)
        d->mark->key = mm_str_of(mm_arena_strdup(mm_blob_arena(d->mark), b->key));
    if (!d->mark || !d->mark->key.p)
        mm_die(d->r, "out of memory");
}

static mm_blob *take_mark(mm_decoding *d, mm_record *rec)
{
    mm_blob *b = d->mark;
    d->mark = NULL;
    *rec = mm_record_new(MM_KIND_MARK);
    rec->key = b->key;
    return b;
}

/* A file of the streams, or a member of one that is an archive; *passes: *rec, which is something else. */
static mm_blob *next_of_streams(mm_decoding *d, bool *passes, mm_record *rec)
{
    mm_blob *b;
    mm_err e;
    for (;;) {
        mm_status s = mm_source_next(d->sources, &b, &e);
        if (s == MM_FATAL)
            mm_die_of(d->r, &e);
        if (s == MM_OK)
            return b;
        *passes = d->mark != NULL;
        if (d->mark)
            return take_mark(d, rec);
        b = mm_file_records_next(d->files, passes, rec);
        if (!b || *passes)
            return b;
        if (d->marks)
            prepare_mark(d, b);
        mm_source_give(d->sources, b);
    }
}

static void *next_job(void *ctx)
{
    mm_decoding *d = ctx;
    job *j = malloc(sizeof *j);
    if (!j)
        mm_die(d->r, "out of memory");
    *j = (job){.d = d};
    j->blob = d->files ? next_of_streams(d, &j->passes, &j->rec) : next_of_sources(d, &j->piece);
    if (!j->blob) {
        free(j);
        return NULL;
    }
    j->label = j->blob->label;
    mm_progress(d->r, ++d->begun, 0);
    return j;
}

/* ---- labels ---- */

static bool look_up(job *j, mm_str given, mm_str path, mm_str key, msgpack_object *label, mm_err *e)
{
    return mm_labels_option_find(j->d->r, &j->d->labelling, &(mm_label_query){given, path, key}, label, e);
}

static void count_label(job *j, const msgpack_object *label)
{
    j->labelled |= label->type != MSGPACK_OBJECT_NIL;
    j->unlabelled |= label->type == MSGPACK_OBJECT_NIL;
}

/* The file's label. Rows that disagree about it are a failure of the file. */
static void label_file(job *j)
{
    mm_blob *b = j->blob;
    mm_err e;
    if (look_up(j, b->given, b->path, b->key, &j->label, &e))
        return;
    b->status = MM_SKIP;
    b->code = "label";
    b->err = e;
}

/* The label of a record that does not bring one. */
static msgpack_object label_of(job *j, const mm_record *rec)
{
    mm_decoding *d = j->d;
    const mm_blob *b = j->blob;
    mm_err ignored;
    msgpack_object label = j->label;
    if (d->files && b->label.type != MSGPACK_OBJECT_NIL)
        return label;
    if (!d->labelling.labels && !d->sidecars)
        return d->label ? mm_object_str(b->dir) : rec->label;
    if (d->labelling.labels && !mm_str_eq(rec->key, b->key)) /* a row or line may have a label of its own */
        look_up(j, b->given, b->path, rec->key, &label, &ignored);
    count_label(j, &label);
    return label;
}

/* Counts the label of a record from FILE, which is the same today; the look-up tells the table that its row is used. */
static void count_kept_label(job *j, const mm_record *rec)
{
    const mm_blob *b = j->blob;
    msgpack_object label;
    mm_err ignored;
    if (j->d->labelling.labels && b->inside)
        look_up(j, rec->src, (mm_str){NULL, 0}, rec->key, &label, &ignored);
    else if (j->d->labelling.labels && !mm_str_eq(rec->key, b->key))
        look_up(j, b->given, b->path, rec->key, &label, &ignored);
    count_label(j, &rec->label);
}

/* ---- records ---- */

static void report_failure(const mm_decoding *d, const mm_record *rec)
{
    const char *member = memchr(rec->src.p, '!', rec->src.n);
    mm_str input = {rec->src.p, member ? (size_t)(member - rec->src.p) : rec->src.n};
    if (d->sidecars && mm_str_is(rec->error.code, "label")) /* a mistyped member fails all files: said once */
        input = mm_str_of(d->label);
    mm_item_failed_in(d->r, input, rec->src, rec->error.text, rec->error.hint);
}

/* A file record's time is when its file begins and ends; that of what comes of it is counted from the file's start. */
static void set_time(mm_record *rec, const mm_blob *b)
{
    for (int i = 0; b->timed && i < 2; i++)
        rec->time[i] = rec->has_time ? rec->time[i] + b->time[0] : b->time[i];
    rec->has_time |= b->timed;
}

static mm_status emit(void *ctx, const mm_record *rec, mm_err *e)
{
    job *j = ctx;
    mm_record out = *rec;
    if (rec->kind == MM_KIND_MARK)
        return mm_ordered_put(j->slot, rec, e);
    set_time(&out, j->blob);
    if (rec->kind == MM_KIND_ERROR) {
        report_failure(j->d, rec);
    } else {
        __atomic_store_n(&j->d->decoded, true, __ATOMIC_RELAXED);
        if (out.label.type == MSGPACK_OBJECT_NIL)
            out.label = label_of(j, rec);
    }
    mm_status s = *j->stamp ? mm_meta_put_str(&out, j->arena, MM_STAMP, mm_str_of(j->stamp), e) : MM_OK;
    if (s == MM_OK)
        s = mm_key_check_note(&j->d->keys, j->slot, &j->noted, j->blob, rec, e);
    return s == MM_OK ? mm_ordered_put(j->slot, &out, e) : s;
}

/* Decodes the source; *n: how many records it gave. */
static mm_status decode_source(job *j, int64_t *n, mm_err *e)
{
    mm_blob *b = j->blob;
    if (b->kept && b->status == MM_OK)
        mm_blob_open_kept(b);
    if (b->live && !mm_decode_is_live(b, &j->d->decode) && mm_blob_swallow_live(b, e) != MM_OK)
        return MM_FATAL;
    mm_source_reuse_stamp(j->d->unchanged, b, &j->label, j->stamp);
    return mm_decode(b, &j->d->decode, j->arena, emit, j, n, e);
}

/* Puts the records that FILE has of the source. */
static mm_status put_kept(job *j, mm_err *e)
{
    mm_record rec;
    mm_status s = MM_OK;
    for (int64_t i = 0; s == MM_OK && i < j->piece.n; i++) {
        mm_source_reuse_fetch(j->d->unchanged, j->piece.first + i, j->arena, &rec);
        count_kept_label(j, &rec);
        s = mm_key_check_note(&j->d->keys, j->slot, &j->noted, j->blob, &rec, e);
        if (s == MM_OK)
            s = mm_ordered_put(j->slot, &rec, e);
        mm_arena_reset(j->arena);
    }
    return s;
}

/* Counts a source that gave no record, and logs why. */
static void count_skipped(mm_decoding *d, const mm_blob *b)
{
    const mm_format *format;
    mm_skipped why = mm_why_skipped(b, &d->decode, &format);
    bool unread = why == MM_SKIPPED_UNREAD;
    if (unread)
        __atomic_store_n(&d->unread[format - mm_formats], true, __ATOMIC_RELAXED);
    __atomic_fetch_add(&d->skipped[why], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&d->r->skipped, 1, __ATOMIC_RELAXED);
    mm_say(&d->r->log, MM_LOG_INFO, "%.*s: skipped: %s%s%s", MM_STRF(b->src), mm_decoding_reason(why),
           unread ? ": " : "", unread ? format->what : "");
}

static void pass_on(job *j, mm_ordered_slot *slot)
{
    mm_decoding *d = j->d;
    mm_err e;
    if (j->rec.kind == MM_KIND_ERROR && d->last)
        mm_run_worsen(d->r, 1); /* no other tool is left to tell of it */
    if (mm_ordered_put(slot, &j->rec, &e) == MM_FATAL)
        mm_die_of(d->r, &e);
    __atomic_fetch_add(&d->passed, 1, __ATOMIC_RELAXED);
    mm_blob_free(j->blob);
    free(j);
}

static void do_job(void *ctx, void *work, mm_ordered_slot *slot, int worker)
{
    mm_decoding *d = ctx;
    job *j = work;
    mm_blob *b = j->blob;
    int64_t n = j->piece.n;
    mm_err e = {0};
    if (j->passes) {
        pass_on(j, slot);
        return;
    }
    j->slot = slot;
    j->arena = &d->arena[worker];
    bool labelled = d->files && b->label.type != MSGPACK_OBJECT_NIL;
    if (d->labelling.labels && b->status == MM_OK && !labelled && !(b->kept && b->inside))
        label_file(j);
    bool kept = b->kept && b->status == MM_OK && mm_source_reuse_has_label(d->unchanged, b, &j->label);
    if ((kept ? put_kept(j, &e) : decode_source(j, &n, &e)) == MM_FATAL)
        mm_die(d->r, "%.*s: %s", MM_STRF(b->src), e.text);
    if (n)
        mm_key_check_count(&d->keys, b);
    else
        count_skipped(d, b);
    __atomic_fetch_add(&d->r->done, n, __ATOMIC_RELAXED);
    __atomic_fetch_add(&d->kept, kept, __ATOMIC_RELAXED);
    mm_labels_option_count(&d->labelling, j->labelled, j->unlabelled);
    mm_blob_free(b);
    free(j);
}

static bool pass(void *ctx, void *note, mm_record *rec)
{
    return mm_key_check_pass(&((mm_decoding *)ctx)->keys, note, rec);
}

/* ---- the run ---- */

static bool keep(void *ctx, mm_blob *b)
{
    return mm_source_reuse_keep(((mm_decoding *)ctx)->unchanged, b);
}

static void open_unchanged(mm_decoding *d)
{
    mm_source_reuse_opts o = {
        .options = d->options, .by_file = d->labelling.labels || d->sidecars, .beside = d->sidecars};
    if (d->labelling.labels) {
        o.inside = mm_labels_digest(d->labelling.labels);
        if (d->decode.lines || d->decode.column || d->decode.as) /* rows have labels of their own */
            o.options = mm_hash_more(o.options, &o.inside, sizeof o.inside);
    }
    d->unchanged = mm_source_reuse_open(d->r, &o);
}

static mm_status next_listed(void *ctx, const char **path, mm_err *e)
{
    mm_decoding *d = ctx;
    mm_status s = mm_operands_next(d->r, path, e);
    d->listed += s == MM_OK;
    return s;
}

void mm_decoding_open(mm_decoding *d)
{
    static const char *const standard_input[] = {"-"};
    mm_run *r = d->r;
    mm_err e;
    bool given = r->n_operands || r->lists_live || d->records;
    int n = d->records ? 0 : given ? r->n_operands : 1;
    d->decode.log = d->source.log = &r->log;
    d->decode.notes = &d->notes;
    d->decode.mark = d->marks && !d->records;
    d->source.keep = r->update ? keep : NULL;
    d->source.keep_ctx = d;
    if (d->label && strcmp(d->label, "dir") != 0 && !mm_sidecar_rule_of(&d->sidecar, d->label))
        mm_usage(r, "--label takes dir, cls, json or json:FIELD, not %s", d->label);
    mm_labels_option_open(r, &d->labelling);
    if (!given || d->records)
        mm_in_check(r);
    if (d->sidecar.extension && d->records)
        mm_usage(r, "--label=%s finds labels in files beside files; --records has none", d->label);
    if (r->lists_live) {
        d->source.more = next_listed;
        d->source.more_ctx = d;
    }
    const char *const *operands = given ? r->operands : standard_input;
    if (mm_source_open(&d->sources, operands, n, &d->source, &e) != MM_OK)
        mm_die_in(r, "--key", &e); /* nothing else can be wrong yet */
    if (d->sidecar.extension && mm_sidecars_open(&d->sidecars, d->sources, &d->sidecar, &e) != MM_OK)
        mm_die_of(r, &e);
    mm_out_open(r);
    d->last = !mm_out_is_passed_on(r);
    if (d->records)
        d->files = mm_file_records_open(r, d->source.max_bytes);
    mm_resume_sources(r);
    open_unchanged(d);
    bool apart = !d->records && !d->marks; /* keys on two sides of a mark may be the same */
    mm_key_check_open(r, &d->keys, r->lists_live ? NULL : operands, apart ? &d->source : NULL,
                      d->decode.key_column || d->labelling.file_column);
    d->arena = calloc((size_t)r->threads, sizeof *d->arena);
    if (!d->arena)
        mm_die(r, "out of memory");
}

void mm_decoding_run(mm_decoding *d)
{
    mm_ordered_run(d->r, &(mm_ordered_jobs){next_job, do_job, d, d->decode.live, pass});
    mm_resume_sources_end(d->r);
}

void mm_decoding_close(mm_decoding *d)
{
    mm_decoding_report(d);
    if (d->r->lists_live && !d->r->n_operands && !d->listed)
        mm_die(d->r, "the list of files is empty");
    if (d->records)
        mm_in_require(d->r);
    else if (!d->r->done)
        mm_decoding_die_empty(d);
    if (!d->decoded && !d->kept && !d->r->resume) /* FILE.part may hold good ones */
        mm_source_reuse_spare(d->unchanged);
    mm_key_check_fit(&d->keys, d->key);
    mm_out_close(d->r);
    for (int i = 0; i < d->r->threads; i++)
        mm_arena_free(&d->arena[i]);
    free(d->arena);
    mm_file_records_close(d->files);
    mm_blob_free(d->mark);
    mm_sidecars_close(d->sidecars);
    mm_source_close(d->sources);
    mm_key_check_close(&d->keys);
    mm_source_reuse_close(d->unchanged);
}
