/* mm-decode: files, directories, archives, standard input → records of images, sound, text and numbers. */
#include "base/hash.h"
#include "cli/keys.h"
#include "cli/labelling.h"
#include "cli/ordered.h"
#include "cli/tool.h"
#include "cli/unchanged.h"
#include "decode/decode.h"
#include "format/claim.h"
#include "model/architecture.h"
#include "model/prep.h"
#include "source/key.h"
#include "source/labels/sidecar.h"

#include <stdio.h>
#include <stdlib.h>

static struct {
    const char *only, *key, *root, *of, *label, *labels;     /* what is read, and its names and labels */
    const char *column, *label_column, *key_column, *space;  /* tables */
    const char *rate, *channel, *track, *background, *range; /* sound and images */
    int table, as, pages;
    mm_list models;
    int64_t max_pixels, max_bytes, max_depth;
    double fps, window, hop, max_duration, max_ratio;
    bool lines, hidden, follow, meta;
} opt = {.rate = "", .key = "path", .table = -1, .as = -1, .pages = -1};

static const mm_opt options[] = {
    {'m', "model", MM_OPT_LIST, &opt.models, "MODEL",
     .help = "prepare media for this model: its size, crop, rate; may be given once for each modality",
     .complete = MM_COMPLETE_MODEL},
    {0, "only", MM_OPT_STR, &opt.only, "KINDS",
     .help = "decode only these of image, audio and text, separated by commas"},
    {0, "key", MM_OPT_STR, &opt.key, "RULE",
     .help = "what names a sample: path (without extension), file (with it), archive (path, an archive's own in "
             "front of its members'), base (its last part), or a regular expression whose group is taken"},
    {0, "root", MM_OPT_STR, &opt.root, "DIR",
     .help = "name operands by their paths below DIR, as if they were found in it", .complete = MM_COMPLETE_DIR},
    {0, "label", MM_OPT_STR, &opt.label, "RULE",
     .help = "label media by the name of their directory (dir), or by a file beside them: its text (cls), all "
             "its members (json) or one of them (json:FIELD)"},
    {0, "labels", MM_OPT_STR, &opt.labels, "FILE",
     .help = "label media by this table (CSV, TSV, JSON, JSON lines, Label Studio's exports): a column of "
             "files, and labels",
     .complete = MM_COMPLETE_FILE},
    {0, "label-column", MM_OPT_STR, &opt.label_column, "COLUMN",
     .help = "column that holds the label (of --labels: all others, as a map)"},
    {0, "field", MM_OPT_STR, &opt.label_column, "COLUMN",
     .help = "the same as --label-column, as mm-label and mm-eval call it"},
    {0, "key-column", MM_OPT_STR, &opt.key_column, "COLUMN",
     .help = "column that holds the key, or the file of --labels"},
    {0, "lines", MM_OPT_FLAG, &opt.lines, .help = "texts: a record for each line"},
    {0, "column", MM_OPT_STR, &opt.column, "COLUMN",
     .help = "texts: a record for each row of CSV, TSV or JSON, from this column (a name; or a number where "
             "there are no names)"},
    {0, "table", MM_OPT_CHOICE, &opt.table, .help = "what tables are (the first row tells)", .choices = MM_TABLE_KINDS},
    {0, "as", MM_OPT_CHOICE, &opt.as, .help = "read tables of numbers: rows as features, or all of it as a series",
     .choices = "feature|series"},
    {0, "of", MM_OPT_STR, &opt.of, "NAME",
     .help = "what the media stand for in joins and heads, such as mic or camera1 (their kinds)"},
    {0, "space", MM_OPT_STR, &opt.space, "NAME",
     .help = "with --as=feature: the name of their space (numbers/NAME/width)"},
    {0, "rate", MM_OPT_STR, &opt.rate, "HZ",
     .help = "sound: resample to this rate, or native to keep it (16000, or the model's); with --as=series: how "
             "many rows a second the table has"},
    {0, "window", MM_OPT_FLOAT, &opt.window, "SECONDS", .help = "sound: cut into windows"},
    {0, "hop", MM_OPT_FLOAT, &opt.hop, "SECONDS", .help = "sound: from one window to the next (the window's length)"},
    {0, "channel", MM_OPT_STR, &opt.channel, "CHANNEL",
     .help = "sound: this channel (1, 2, left, right), not the mean of all; 1=agent,2=customer makes records of "
             "each, with that name as their modality"},
    {0, "track", MM_OPT_STR, &opt.track, "TRACK",
     .help = "sound: this track of a file that has several, by its number (from 1) or language (the best)"},
    {0, "fps", MM_OPT_FLOAT, &opt.fps, "N", .help = "video: N frames a second (every frame)"},
    {0, "background", MM_OPT_STR, &opt.background, "COLOUR",
     .help = "images: lay transparent ones over #RRGGBB, black or white (transparency is dropped)"},
    {0, "pages", MM_OPT_CHOICE, &opt.pages,
     .help = "images: the first page or frame of a file of several (first), or a record for each",
     .choices = "first|all"},
    {0, "range", MM_OPT_STR, &opt.range, "BLACK,WHITE",
     .help = "images of more than 8 bits: the samples that are black and white; auto takes the least and the "
             "greatest of each image"},
    {0, "hidden", MM_OPT_FLAG, &opt.hidden, .help = "also read files whose names begin with a dot"},
    {0, "follow", MM_OPT_FLAG, &opt.follow, .help = "follow symbolic links to directories"},
    {0, "meta", MM_OPT_FLAG, &opt.meta, .help = "keep what tells of people and places too: position, camera"},
    {0, "max-pixels", MM_OPT_INT, &opt.max_pixels, "N", .help = "refuse images of more pixels (178956970)", .min = 1,
     .max = INT64_MAX},
    {0, "max-bytes", MM_OPT_INT, &opt.max_bytes, "N",
     .help = "refuse members of archives and piped inputs of more bytes (4G)", .min = 1, .max = INT64_MAX},
    {0, "max-duration", MM_OPT_FLOAT, &opt.max_duration, "SECONDS",
     .help = "decode no more of a sound or video (86400)"},
    {0, "max-depth", MM_OPT_INT, &opt.max_depth, "N", .help = "archives inside archives to this depth (4)", .min = 1,
     .max = 64},
    {0, "max-ratio", MM_OPT_FLOAT, &opt.max_ratio, "N",
     .help = "stop an archive that expands to more than N times its size (1000)"},
    {0},
};

static const char *const examples[] = {
    "mm-decode photos.tar | mm-encode-image -m imgfocus-vits14 > features.mm",
    "mm-decode --label dir -m vit train/ > train.mm",
    "mm-decode --column review --label-column sentiment reviews.csv",
    "mm-decode --fps 1 --window 2 --hop 1 talk.mp4",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-decode",
    .summary = "turn files, directories and archives into a stream of media records",
    .operands = "FILE|DIRECTORY|-...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_RESUME | MM_TAKES_UPDATE | MM_TAKES_THREADS | MM_TAKES_PROGRESS |
             MM_TAKES_FILES | MM_TAKES_STRICT,
};

typedef struct {
    mm_run r;
    mm_decode_opts o;
    mm_source_opts so;
    mm_source *source;
    mm_labelling labelling;
    mm_keys keys;
    mm_unchanged *unchanged; /* --update */
    int64_t kept;            /* sources that were not decoded again */
    bool decoded;            /* one of the others gave a record that is no error */
    mm_sidecar_rule rule;    /* of --label; extension NULL: another one */
    mm_sidecars *sidecars;
    mm_image_prep image_prep;
    char digest[64];
    mm_arena *arena; /* one a worker */
    int64_t sources;
    mm_decode_notes notes;
    int64_t passed[MM_PASSED_REASONS]; /* inputs that gave no record, by reason */
    uint64_t unread;                   /* formats among them that are not read, a bit each */
} decode;

/* ---- options ---- */

/* Dies with the option's name before what its parser said. */
static void require(decode *d, mm_status s, const char *option, const mm_err *e)
{
    if (s != MM_OK)
        mm_usage(&d->r, "--%s: %s", option, e->text);
}

static void take_models(decode *d)
{
    mm_err e;
    for (int i = 0; i < opt.models.n; i++) {
        mm_model *m;
        mm_modality of;
        mm_audio_prep audio;
        if (mm_model_open(&m, opt.models.v[i], &d->r.log, &e) != MM_OK || mm_model_modality(m, &of, &e) != MM_OK)
            mm_die(&d->r, "%s", e.text);
        if (of == MM_OF_IMAGE) {
            if (mm_model_image_prep(m, &d->image_prep, &e) != MM_OK)
                mm_die(&d->r, "%s", e.text);
            d->o.image_prep = &d->image_prep;
            d->o.image_prep_digest = mm_image_prep_digest(&d->image_prep, d->digest, sizeof d->digest);
        } else if (of == MM_OF_AUDIO) {
            if (mm_model_audio_prep(m, &audio, &e) != MM_OK)
                mm_die(&d->r, "%s", e.text);
            d->o.rate = audio.rate;
        }
        mm_model_close(m);
    }
}

static bool keep(void *ctx, mm_blob *b)
{
    return mm_unchanged_keep(((decode *)ctx)->unchanged, b);
}

static void take_options(decode *d)
{
    mm_err e;
    require(d, mm_parse_media(&d->o, opt.only, &e), "only", &e);
    require(d, mm_parse_background(&d->o, opt.background, &e), "background", &e);
    require(d, mm_parse_channels(&d->o, opt.channel, &e), "channel", &e);
    require(d, mm_parse_track(&d->o, opt.track, &e), "track", &e);
    d->o.has_range = opt.range;
    if (opt.range)
        require(d, mm_range_parse(&d->o.range, opt.range, &e), "range", &e);
    d->o.all_pages = opt.pages == 1;
    d->o.rate = 16000; /* what speech models take */
    take_models(d);
    if (*opt.rate) {
        require(d, mm_parse_rate(&d->o.rate, opt.rate, &e), "rate", &e);
        d->o.series_rate = d->o.rate;
    }
    d->o.fps = opt.fps;
    d->o.window = opt.window;
    d->o.hop = opt.hop;
    d->o.lines = opt.lines;
    d->o.column = opt.column;
    d->o.table = (mm_table_kind)(opt.table + 1);
    d->o.label_column = opt.labels ? NULL : opt.label_column;
    d->o.key_column = opt.labels ? NULL : opt.key_column;
    d->o.as = (mm_numbers_as)(opt.as + 1);
    d->o.of = opt.of;
    d->o.space = opt.space;
    d->o.max_pixels = opt.max_pixels;
    d->o.max_duration = opt.max_duration;
    d->o.all_meta = opt.meta;
    d->o.log = &d->r.log;
    d->o.notes = &d->notes;
    d->so = (mm_source_opts){.max_bytes = opt.max_bytes,
                             .max_depth = (int)opt.max_depth,
                             .max_ratio = opt.max_ratio,
                             .follow = opt.follow,
                             .hidden = opt.hidden,
                             .log = &d->r.log};
    d->so.root = opt.root;
    d->so.key_rule = mm_key_rule_of(opt.key);
    d->so.key_regex = opt.key;
    d->so.keep = d->r.update ? keep : NULL;
    d->so.keep_ctx = d;
    if (opt.label && opt.labels)
        mm_usage(&d->r, "--label and --labels exclude each other");
    if (opt.label && strcmp(opt.label, "dir") != 0 && !mm_sidecar_rule_of(&d->rule, opt.label))
        mm_usage(&d->r, "--label takes dir, cls, json or json:FIELD, not %s", opt.label);
    if (!opt.labels && !opt.column && opt.as < 0 && (opt.label_column || opt.key_column))
        mm_usage(&d->r, "--%s names a column of a table: it goes with --labels, --column or --as",
                 opt.key_column ? "key-column" : "label-column");
    if (opt.of && (!*opt.of || strchr(opt.of, ',')))
        mm_usage(&d->r, "--of takes one name, without commas: other tools take lists of them");
    if (opt.hop > 0 && !(opt.window > 0))
        mm_usage(&d->r, "--hop goes with --window");
    if (opt.lines && opt.column)
        mm_usage(&d->r, "--lines and --column exclude each other");
}

/* ---- --update ---- */

/* All that a record depends on beside its file: options, but those that act by what they lead to. */
static uint64_t hash_options(const decode *d)
{
    const void *const but[] = {&opt.models, &opt.labels, &opt.root, &opt.follow};
    const int64_t rates[] = {d->o.rate, d->o.series_rate};
    uint64_t h = mm_opts_hash(options, but, sizeof but / sizeof *but);
    h = mm_hash_more(h, rates, sizeof rates);
    h = mm_hash_more(h, d->digest, strlen(d->digest) + 1);
    if (opt.labels && (opt.lines || opt.column || opt.as >= 0)) /* rows have labels of their own */
        h = mm_hash_more(h, &(uint64_t){mm_labels_digest(d->labelling.labels)}, sizeof(uint64_t));
    return h;
}

static void open_unchanged(decode *d)
{
    mm_unchanged_opts o = {.options = hash_options(d), .by_file = opt.labels || d->sidecars, .beside = d->sidecars};
    if (opt.labels)
        o.inside = mm_labels_digest(d->labelling.labels);
    d->unchanged = mm_unchanged_open(&d->r, &o);
}

/* ---- jobs ---- */

/* A source, and what FILE holds of it. */
typedef struct {
    mm_blob *blob;
    mm_unchanged_piece piece;
} task;

/* One source on its way to records. */
typedef struct {
    decode *d;
    const mm_blob *blob;
    mm_turn *turn;
    mm_arena *arena; /* of the record at hand */
    char stamp[MM_STAMP_SIZE];
    bool noted;           /* mm_keys_note */
    msgpack_object label; /* of the file */
    bool labelled, unlabelled;
} job;

static mm_blob *next_blob(decode *d, mm_unchanged_piece *piece)
{
    mm_blob *b = mm_unchanged_more(d->unchanged, piece);
    mm_err e;
    if (b)
        return b;
    *piece = (mm_unchanged_piece){0, 0};
    mm_status s = d->sidecars ? mm_sidecars_next(d->sidecars, &b, &e) : mm_source_next(d->source, &b, &e);
    if (s == MM_FATAL)
        mm_die(&d->r, "%s", e.text);
    if (s != MM_OK)
        return NULL;
    return b->kept ? mm_unchanged_begin(d->unchanged, b, piece) : b;
}

static void *next_source(void *ctx)
{
    decode *d = ctx;
    mm_unchanged_piece piece;
    mm_blob *b;
    while ((b = next_blob(d, &piece)) && mm_resume_has_source(&d->r, b->src)) {
        mm_keys_recall(&d->keys, b);
        mm_blob_free(b);
    }
    if (!b)
        return NULL;
    task *t = malloc(sizeof *t);
    if (!t)
        mm_die(&d->r, "out of memory");
    *t = (task){b, piece};
    mm_progress(&d->r, ++d->sources, 0);
    return t;
}

static msgpack_object label_of(job *j, const mm_record *rec)
{
    decode *d = j->d;
    const mm_blob *b = j->blob;
    mm_err ignored;
    msgpack_object label = j->label;
    if (!opt.labels && !d->sidecars)
        return opt.label ? mm_object_str(b->dir) : rec->label;
    if (opt.labels && !mm_str_eq(rec->key, b->key)) /* a row or line, which may have a label of its own */
        mm_labelling_find(&d->r, &d->labelling, &(mm_label_query){b->given, b->path, rec->key}, &label, &ignored);
    j->labelled |= label.type != MSGPACK_OBJECT_NIL;
    j->unlabelled |= label.type == MSGPACK_OBJECT_NIL;
    return label;
}

static mm_status emit(void *ctx, const mm_record *rec, mm_err *e)
{
    job *j = ctx;
    mm_record out = *rec;
    if (rec->kind == MM_KIND_ERROR) {
        const char *member = memchr(rec->src.p, '!', rec->src.n);
        mm_str input = {rec->src.p, member ? (size_t)(member - rec->src.p) : rec->src.n};
        if (j->d->sidecars && mm_str_is(rec->error.code, "label")) /* one mistyped member fails them all */
            input = mm_str_of(opt.label);
        mm_item_failed_in(&j->d->r, input, rec->src, rec->error.text);
    } else {
        __atomic_store_n(&j->d->decoded, true, __ATOMIC_RELAXED);
        if (out.label.type == MSGPACK_OBJECT_NIL)
            out.label = label_of(j, rec);
    }
    mm_status s = *j->stamp ? mm_meta_put_str(&out, j->arena, MM_STAMP, mm_str_of(j->stamp), e) : MM_OK;
    if (s == MM_OK)
        s = mm_keys_note(&j->d->keys, j->turn, &j->noted, j->blob, rec, e);
    return s == MM_OK ? mm_turn_put(j->turn, &out, e) : s;
}

static bool pass(void *ctx, void *note, mm_record *rec)
{
    return mm_keys_pass(&((decode *)ctx)->keys, note, rec);
}

/* Counts an input that gave no record, and says why. */
static void pass_over(decode *d, const mm_blob *b)
{
    int format;
    mm_passed why = mm_why_passed(b, &format);
    if (why == MM_PASSED_UNREAD)
        __atomic_fetch_or(&d->unread, UINT64_C(1) << format, __ATOMIC_RELAXED);
    __atomic_fetch_add(&d->passed[why], 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&d->r.skipped, 1, __ATOMIC_RELAXED);
    mm_say(&d->r.log, MM_LOG_INFO, "%.*s: skipped: %s%s%s", MM_STRF(b->src), mm_passed_text(why),
           format < 0 ? "" : ": ", format < 0 ? "" : mm_unread_name(format));
}

/* Rows that disagree about a file are its fault. */
static void find_label(job *j, mm_blob *b)
{
    mm_err e;
    decode *d = j->d;
    if (mm_labelling_find(&d->r, &d->labelling, &(mm_label_query){b->given, b->path, b->key}, &j->label, &e))
        return;
    b->status = MM_SKIP;
    b->code = "label";
    b->err = e;
}

/* The labels that it has are those of today's table; this tells the table that its rows are of use. */
static void count_label(job *j, const mm_record *rec)
{
    const mm_blob *b = j->blob;
    msgpack_object label;
    mm_err ignored;
    if (opt.labels && b->inside)
        mm_labelling_find(&j->d->r, &j->d->labelling, &(mm_label_query){rec->src, {NULL, 0}, rec->key}, &label,
                          &ignored);
    else if (opt.labels && !mm_str_eq(rec->key, b->key))
        mm_labelling_find(&j->d->r, &j->d->labelling, &(mm_label_query){b->given, b->path, rec->key}, &label, &ignored);
    j->labelled |= rec->label.type != MSGPACK_OBJECT_NIL;
    j->unlabelled |= rec->label.type == MSGPACK_OBJECT_NIL;
}

static mm_status put_kept(job *j, const mm_unchanged_piece *p, mm_err *e)
{
    mm_record rec;
    mm_status s = MM_OK;
    for (int64_t i = 0; s == MM_OK && i < p->n; i++) {
        mm_unchanged_fetch(j->d->unchanged, p->first + i, j->arena, &rec);
        count_label(j, &rec);
        s = mm_keys_note(&j->d->keys, j->turn, &j->noted, j->blob, &rec, e);
        if (s == MM_OK)
            s = mm_turn_put(j->turn, &rec, e);
        mm_arena_reset(j->arena);
    }
    return s;
}

static mm_status decode_anew(job *j, mm_blob *b, int64_t *emitted, mm_err *e)
{
    if (b->kept && b->status == MM_OK)
        mm_blob_open_kept(b);
    mm_unchanged_stamp(j->d->unchanged, b, &j->label, j->stamp);
    return mm_decode(b, &j->d->o, j->arena, emit, j, emitted, e);
}

static void decode_source(void *ctx, void *work, mm_turn *turn, int worker)
{
    decode *d = ctx;
    task *t = work;
    mm_blob *b = t->blob;
    job j = {.d = d, .blob = b, .turn = turn, .arena = &d->arena[worker], .label = b->label};
    int64_t emitted = t->piece.n;
    mm_err e = {0};
    if (opt.labels && b->status == MM_OK && !(b->kept && b->inside))
        find_label(&j, b);
    bool kept = b->kept && b->status == MM_OK && mm_unchanged_has_label(d->unchanged, b, &j.label);
    if ((kept ? put_kept(&j, &t->piece, &e) : decode_anew(&j, b, &emitted, &e)) == MM_FATAL)
        mm_die(&d->r, "%.*s: %s", MM_STRF(b->src), e.text);
    if (!emitted)
        pass_over(d, b);
    else
        mm_keys_count(&d->keys, b);
    __atomic_fetch_add(&d->r.done, emitted, __ATOMIC_RELAXED);
    __atomic_fetch_add(&d->kept, kept, __ATOMIC_RELAXED);
    mm_labelling_count(&d->labelling, j.labelled, j.unlabelled);
    mm_blob_free(b);
    free(t);
}

static void say_of_pictures(decode *d)
{
    if (d->notes.paged)
        mm_warn(&d->r, "pictures with further pages or frames: %lld, which hold %lld more (--pages=all reads them)",
                (long long)d->notes.paged, (long long)d->notes.further);
    if (d->notes.dim)
        mm_warn(
            &d->r,
            "16-bit pictures that use less than a sixteenth of their range, and look black: %lld (--range 0,4095 for "
            "12 bits, --range auto for each its own)",
            (long long)d->notes.dim);
}

static void say_of_tracks(decode *d)
{
    if (d->notes.more_sound)
        mm_warn(&d->r, "files that have further tracks of sound: %lld (--track chooses)",
                (long long)d->notes.more_sound);
    if (d->notes.more_video)
        mm_warn(&d->r, "files that have further tracks of video, which are not read: %lld",
                (long long)d->notes.more_video);
}

/* "PDF, SVG" */
static const char *unread_names(const decode *d, char *out, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < 64 && n < size; i++)
        if (d->unread >> i & 1)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", mm_unread_name(i));
    return out;
}

static void say_of_sidecars(decode *d)
{
    const mm_labelling *l = &d->labelling;
    if (l->unlabelled)
        mm_warn(&d->r, "inputs without a label in a .%s file beside them: %lld", d->rule.extension,
                (long long)l->unlabelled);
    if (mm_sidecars_orphans(d->sidecars))
        mm_warn(&d->r, ".%s files that lie beside no other file: %lld", d->rule.extension,
                (long long)mm_sidecars_orphans(d->sidecars));
    if (l->unlabelled && !l->labelled)
        mm_run_worsen(&d->r, 1); /* what comes next would be trained on nothing */
}

static void say_what_is_left(decode *d)
{
    int64_t skipped = d->r.skipped + mm_source_skipped(d->source);
    say_of_pictures(d);
    say_of_tracks(d);
    mm_labelling_end(&d->r, &d->labelling, "inputs");
    if (d->sidecars)
        say_of_sidecars(d);
    if (d->unchanged)
        mm_warn(&d->r, "%s: %lld kept, %lld decoded", d->r.output, (long long)d->kept,
                (long long)(d->sources - d->kept));
    if (skipped)
        mm_say(&d->r.log, MM_LOG_INFO, "%lld files skipped that hold no medium", (long long)skipped);
    if (d->passed[MM_PASSED_UNREAD] && d->r.done)
        mm_warn(&d->r, "files of formats that are not read were passed over: %lld (%s); -v names them",
                (long long)d->passed[MM_PASSED_UNREAD], unread_names(d, (char[200]){""}, 200));
}

/* Not one record came: says what was passed over instead, and ends. */
static void die_of_nothing(decode *d)
{
    char text[700] = "", names[200] = "";
    size_t n = 0;
    int64_t others = mm_source_skipped(d->source);
    for (mm_passed why = 0; why < MM_PASSED_REASONS; why++)
        if (d->passed[why] && n < sizeof text)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld (%s%s%s)", n ? ", " : "",
                                  (long long)d->passed[why], mm_passed_text(why), why == MM_PASSED_UNREAD ? ": " : "",
                                  why == MM_PASSED_UNREAD ? unread_names(d, names, sizeof names) : "");
    if (others && n < sizeof text)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld (hidden, a link, or an empty archive)", n ? ", " : "",
                              (long long)others);
    mm_die(&d->r, "nothing to decode%s%s%s", n ? "; passed over: " : "", text, n ? "; -v names each" : "");
}

int main(int argc, char **argv)
{
    static const char *const standard_input[] = {"-"};
    decode d = {0};
    mm_err e;
    mm_run_begin(&d.r, &tool, argc, argv);
    take_options(&d);
    d.labelling = (mm_labelling){opt.labels, opt.key_column, opt.label_column, opt.table, NULL, 0, 0};
    mm_labelling_open(&d.r, &d.labelling);
    if (!d.r.n_operands)
        mm_in_check(&d.r);
    const char *const *operands = d.r.n_operands ? d.r.operands : standard_input;
    if (mm_source_open(&d.source, operands, d.r.n_operands ? d.r.n_operands : 1, &d.so, &e) != MM_OK)
        mm_die(&d.r, "%s", e.text);
    if (d.rule.extension && mm_sidecars_open(&d.sidecars, d.source, &d.rule, &e) != MM_OK)
        mm_die(&d.r, "%s", e.text);
    mm_out_open(&d.r);
    mm_resume_sources(&d.r);
    open_unchanged(&d);
    mm_keys_open(&d.r, &d.keys, operands, &d.so, opt.key_column != NULL);
    d.arena = calloc((size_t)d.r.threads, sizeof *d.arena);
    if (!d.arena)
        mm_die(&d.r, "out of memory");
    mm_ordered_run(&d.r, &(mm_ordered_jobs){next_source, decode_source, &d, pass});
    mm_resume_sources_end(&d.r);
    say_what_is_left(&d);
    if (!d.r.done)
        die_of_nothing(&d);
    if (!d.decoded && !d.kept && !d.r.resume) /* FILE.part may hold good ones */
        mm_unchanged_spare(d.unchanged);
    mm_keys_check_fit(&d.keys, opt.key);
    mm_out_close(&d.r);
    for (int i = 0; i < d.r.threads; i++)
        mm_arena_free(&d.arena[i]);
    free(d.arena);
    mm_sidecars_close(d.sidecars);
    mm_source_close(d.source);
    mm_keys_close(&d.keys);
    mm_unchanged_close(d.unchanged);
    return mm_run_end(&d.r);
}
