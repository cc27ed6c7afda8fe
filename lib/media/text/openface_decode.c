/* openface_decode.c: rows of faces, of which those of one frame follow one another, become features.
 *
 * A frame is known to be complete, and its end to be its successor's beginning, when a row of the next frame comes. */
#include "media/text/openface_decode.h"

#include "media/text/table_rows.h"
#include "media/text/time_window.h"

#include <math.h>
#include <stdlib.h>

/* ---- columns ---- */

/* The columns of a group: what their names begin with, and end with. In the order of the header. */
typedef struct {
    const char *name, *begin[3], *end;
} group;

static const group GROUPS[] = {
    {"au", {"AU"}, "_r"},                    /* intensities of action units, 0 to 5 */
    {"gaze", {"gaze_"}, ""},                 /* directions of both eyes, and the angle of their mean in radians */
    {"pose", {"pose_"}, ""},                 /* of the head: place in mm, rotation in radians */
    {"presence", {"AU"}, "_c"},              /* of action units, 0 or 1 */
    {"eyes", {"eye_lmk_"}, ""},              /* landmarks of the eyes */
    {"landmarks", {"x_", "y_"}, ""},         /* of the face, in pixels */
    {"landmarks3d", {"X_", "Y_", "Z_"}, ""}, /* … in mm */
    {"shape", {"p_"}, ""},                   /* parameters of the point distribution model */
};
enum { N_GROUPS = sizeof GROUPS / sizeof *GROUPS };

static const group *group_of(mm_str name)
{
    for (const group *g = GROUPS; g < GROUPS + N_GROUPS; g++)
        if (mm_str_is(name, g->name))
            return g;
    return NULL;
}

static bool begins(mm_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && memcmp(s.p, z, n) == 0;
}

static bool ends(mm_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && memcmp(s.p + s.n - n, z, n) == 0;
}

static bool has_column(const group *g, mm_str name)
{
    bool found = false;
    for (int i = 0; i < 3 && g->begin[i]; i++)
        found |= begins(name, g->begin[i]);
    return found && ends(name, g->end);
}

mm_status mm_parse_face_groups(const char *text, mm_err *e)
{
    for (const char *p = text; p && (*p || p == text); p += strcspn(p, ","), p += *p == ',')
        if (!group_of((mm_str){p, strcspn(p, ",")}))
            return mm_fail(e, MM_SKIP,
                           "au, gaze, pose, presence, eyes, landmarks, landmarks3d and shape are known, not %.*s",
                           (int)strcspn(p, ","), p);
    return MM_OK;
}

/* ---- a table ---- */

typedef struct {
    double frame;  /* its number; without numbers its time */
    double begins; /* seconds */
    double confidence;
    bool face; /* one was good; x is that of the best */
    float *x;  /* [width] */
} frame;

typedef struct {
    mm_table_input rows;
    mm_sink *s;
    mm_fault *f;
    int frame, face, time, confidence, success; /* columns; −1: there is none */
    int *column;                                /* [width], the columns of a feature */
    int64_t width;
    mm_str space;
    frame now;      /* whose rows are coming */
    bool begun;     /* there is one */
    int64_t number; /* of it, from 0 */
    double lasted;  /* seconds, the frame before it */
    float *row;     /* [width], the row at hand */
    mm_time_windows windows;
    mm_arena keep;
} openface;

static bool always(mm_table *t, const mm_decode_opts *o)
{
    (void)t, (void)o;
    return true;
}

/* Adds the columns of a group; names it in `names` when there are any. */
static mm_str add_group(openface *x, const group *g, mm_str names)
{
    const mm_table *t = &x->rows.t;
    int64_t before = x->width;
    for (int c = 0; c < t->columns; c++)
        if (has_column(g, t->header[c]))
            x->column[x->width++] = c;
    if (x->width == before)
        return names;
    return mm_str_of(mm_arena_printf(&x->keep, "%.*s%s%s", MM_STRF(names), names.n ? "+" : "", g->name));
}

static mm_status find_features(openface *x)
{
    const mm_decode_opts *o = x->s->o;
    const char *p = o->face_groups ? o->face_groups : "au,gaze,pose";
    mm_str names = MM_STR("");
    x->column = mm_arena_zalloc(&x->keep, (size_t)x->rows.t.columns * N_GROUPS, sizeof *x->column);
    if (!x->column)
        return mm_fault_memory(x->f);
    for (; *p && x->width <= (int64_t)x->rows.t.columns * (N_GROUPS - 1); p += strcspn(p, ","), p += *p == ',') {
        mm_str name = {p, strcspn(p, ",")};
        int64_t before = x->width;
        names = add_group(x, group_of(name), names);
        if (!names.p)
            return mm_fault_memory(x->f);
        if (x->width == before && o->face_groups)
            return mm_fault_set(x->f, "column", "no columns of %.*s", MM_STRF(name));
    }
    if (!x->width)
        return mm_fault_set(x->f, "column", "no columns of action units, gaze or pose: is it a table of OpenFace?");
    x->space = mm_str_of(
        o->space ? o->space : mm_arena_printf(&x->keep, "openface/%.*s/%lld", MM_STRF(names), (long long)x->width));
    x->row = mm_arena_zalloc(&x->keep, (size_t)x->width, sizeof *x->row);
    x->now.x = mm_arena_zalloc(&x->keep, (size_t)x->width, sizeof *x->row);
    return x->space.p && x->row && x->now.x ? MM_OK : mm_fault_memory(x->f);
}

static mm_status find_columns(openface *x)
{
    const mm_table *t = &x->rows.t;
    x->frame = mm_table_column(t, "frame", 0);
    x->face = mm_table_column(t, "face_id", 0);
    x->time = mm_table_column(t, "timestamp", 0);
    x->confidence = mm_table_column(t, "confidence", 0);
    x->success = mm_table_column(t, "success", 0);
    if (x->time < 0 || x->confidence < 0)
        return mm_fault_set(x->f, "column", "no column %s: OpenFace's tables of video have it",
                            x->time < 0 ? "timestamp" : "confidence");
    return find_features(x);
}

/* ---- records ---- */

/* Puts values[rows, width], or values[width] with rows −1. */
static mm_status put_feature(openface *x, const float *values, int64_t rows, int64_t part, const double time[2])
{
    mm_sink *s = x->s;
    mm_record rec = mm_sink_record(s, MM_KIND_FEATURE);
    const int64_t dim[2] = {rows < 0 ? x->width : rows, x->width};
    if (!rec.of.p)
        rec.of = MM_STR("face");
    rec.space = x->space;
    rec.part = part;
    rec.has_time = true;
    memcpy(rec.time, time, sizeof rec.time);
    return mm_sink_put_floats(s, &rec, values, rows < 0 ? 1 : 2, dim, x->f);
}

static mm_status put_window(void *ctx, const mm_time_window *w, mm_fault *f)
{
    (void)f; /* the same as that of x */
    return put_feature(ctx, w->x, w->rows, w->part, w->time);
}

/* The frame at hand is complete, and ends at `end`. */
static mm_status end_frame(openface *x, double end)
{
    const frame *now = &x->now;
    const double time[2] = {now->begins, end};
    mm_sink_note(x->s, offsetof(mm_decode_notes, frames), 1);
    if (!now->face)
        mm_sink_note(x->s, offsetof(mm_decode_notes, faceless), 1);
    if (!x->windows.window)
        return now->face ? put_feature(x, now->x, -1, x->number, time) : MM_OK;
    mm_status s = mm_time_windows_clock(&x->windows, now->begins, x->f);
    if (s == MM_OK && now->face)
        s = mm_time_windows_add(&x->windows, now->begins, now->x, x->f);
    return s == MM_OK ? mm_time_windows_clock(&x->windows, end, x->f) : s;
}

/* ---- rows ---- */

static mm_status number_at(const openface *x, int column, double *out, mm_fault *why)
{
    const mm_table_input *r = &x->rows;
    if (column < 0)
        return MM_OK;
    if (column >= r->n)
        return mm_fault_set(why, "row", "it ends before column %.*s", MM_STRF(r->t.header[column]));
    if (!mm_cell_number(r->cell[column], out))
        return mm_fault_set(why, "number", "%.*s is not a number: \"%.*s\"", MM_STRF(r->t.header[column]),
                            (int)(r->cell[column].n > 40 ? 40 : r->cell[column].n), r->cell[column].p);
    return MM_OK;
}

/* What a row says of its face, and when. */
typedef struct {
    double frame, face, time, confidence, success;
} facts;

static mm_status read_facts(const openface *x, facts *out, mm_fault *why)
{
    *out = (facts){.success = 1};
    mm_status s = number_at(x, x->frame, &out->frame, why);
    if (s == MM_OK)
        s = number_at(x, x->face, &out->face, why);
    if (s == MM_OK)
        s = number_at(x, x->time, &out->time, why);
    if (s == MM_OK)
        s = number_at(x, x->confidence, &out->confidence, why);
    if (s == MM_OK)
        s = number_at(x, x->success, &out->success, why);
    if (s == MM_OK && !(fabs(out->time) <= MM_TIME_WINDOWS_FARTHEST))
        s = mm_fault_set(why, "number", "no timestamp");
    if (x->frame < 0)
        out->frame = out->time;
    return s;
}

/* Into x->row. *whole: all of its numbers are finite. */
static mm_status read_values(openface *x, bool *whole, mm_fault *why)
{
    *whole = true;
    for (int64_t i = 0; i < x->width; i++) {
        double value;
        mm_status s = number_at(x, x->column[i], &value, why);
        if (s != MM_OK)
            return s;
        x->row[i] = (float)value;
        *whole &= isfinite(x->row[i]);
    }
    return MM_OK;
}

/* A row of another frame than the one at hand begins it. */
static mm_status turn_to(openface *x, const facts *row)
{
    frame *now = &x->now;
    mm_status s = MM_OK;
    if (x->begun && row->frame == now->frame)
        return MM_OK;
    if (x->begun) {
        double lasts = row->time - now->begins;
        x->lasted = lasts > 0 ? lasts : x->lasted; /* the clock may start anew */
        s = end_frame(x, now->begins + x->lasted);
        x->number++;
    }
    x->begun = true;
    now->frame = row->frame;
    now->begins = row->time;
    now->face = false;
    return s;
}

/* Takes the row's face if it is good, is the one that was asked for, and no better one of the frame came. */
static void consider(openface *x, const facts *row, bool whole)
{
    const mm_decode_opts *o = x->s->o;
    frame *now = &x->now;
    bool good = whole && row->success >= 1 && row->confidence >= o->face_confidence;
    if (!good || (o->has_face && row->face != (double)o->face))
        return;
    if (now->face)
        mm_sink_note(x->s, offsetof(mm_decode_notes, more_faces), 1);
    if (now->face && row->confidence <= now->confidence)
        return;
    now->face = true;
    now->confidence = row->confidence;
    memcpy(now->x, x->row, (size_t)x->width * sizeof *now->x);
}

static mm_status take_row(openface *x)
{
    facts row;
    bool whole;
    mm_fault why = {0};
    mm_status s = read_facts(x, &row, &why);
    if (s == MM_OK)
        s = read_values(x, &whole, &why);
    if (s != MM_OK)
        return mm_table_input_fault(&x->rows, &why);
    s = turn_to(x, &row);
    consider(x, &row, whole);
    return s;
}

mm_status mm_openface_decode(mm_sink *s, mm_str text, mm_live_text *live, mm_fault *f)
{
    const mm_decode_opts *o = s->o;
    openface x = {.s = s, .f = f};
    mm_status st = mm_table_input_open(&x.rows, s, text, live, always, f);
    if (st == MM_OK)
        st = find_columns(&x);
    x.windows = (mm_time_windows){.window = o->window, .hop = o->hop > 0 ? o->hop : o->window, .width = x.width};
    x.windows.put = put_window;
    x.windows.ctx = &x;
    while (st == MM_OK && (st = mm_table_input_next(&x.rows)) == MM_OK)
        st = take_row(&x);
    if (st == MM_EOF && x.begun) {
        double end = x.now.begins + x.lasted;
        st = end_frame(&x, end);
        if (st == MM_OK)
            st = mm_time_windows_end(&x.windows, end, f);
    }
    mm_time_windows_free(&x.windows);
    mm_table_input_close(&x.rows);
    mm_arena_free(&x.keep);
    return st == MM_EOF ? MM_OK : st;
}
