/* vtt.c: labels and texts with times as WebVTT (https://www.w3.org/TR/webvtt1/): the timeline of a recording. */
#include "base/grow.h"
#include "stream/object.h"
#include "view/field.h"
#include "view/view_format.h"

#include <math.h>
#include <stdlib.h>

static const double INSTANT = 1; /* second that an instant is shown for: a cue has to end after it begins */

/* ---- texts: each piece is escaped, and none holds an empty line, which would end the cue ---- */

static void put_escaped(FILE *f, mm_str s, bool one_line)
{
    char last = '\n';
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i] == '\r' || s.p[i] == 0 ? '\n' : s.p[i];
        if (c == '\n' && one_line)
            c = ' ';
        if (c == '\n' && last == '\n')
            continue;
        if (c == '&' || c == '<' || c == '>')
            fputs(c == '&' ? "&amp;" : c == '<' ? "&lt;" : "&gt;", f);
        else
            putc(c, f);
        last = c;
    }
}

/* "happy 0.87" of a map of probabilities; "emotion joy, valence 0.3" of a map of fields; "0.3"; "joy". */
static void put_label(FILE *f, const msgpack_object *label, mm_arena *a)
{
    double x, best = -INFINITY;
    const msgpack_object_kv *top = NULL;
    bool numbers = label->type == MSGPACK_OBJECT_MAP;
    for (uint32_t i = 0; label->type == MSGPACK_OBJECT_MAP && i < label->via.map.size; i++) {
        const msgpack_object_kv *kv = &label->via.map.ptr[i];
        bool number = mm_object_float(&kv->val, &x);
        numbers &= number;
        if (number && x > best) {
            best = x;
            top = kv;
        }
    }
    if (numbers && top) {
        put_escaped(f, mm_object_as_str(&top->key), true);
        fprintf(f, " %.2f", best);
    } else if (label->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < label->via.map.size; i++) {
            fputs(i ? ", " : "", f);
            put_escaped(f, mm_object_as_str(&label->via.map.ptr[i].key), true);
            putc(' ', f);
            put_label(f, &label->via.map.ptr[i].val, a);
        }
    } else if (mm_object_float(label, &x)) {
        fprintf(f, "%.4g", x);
    } else {
        put_escaped(f, mm_field_text(label, a), true);
    }
}

/* " (agent 0.6, customer 0.3)". */
static void put_weights(FILE *f, const mm_record *rec)
{
    const msgpack_object *w = mm_map_get(&rec->meta, "weights");
    double x;
    int n = 0;
    for (uint32_t i = 0; w && w->type == MSGPACK_OBJECT_MAP && i < w->via.map.size; i++) {
        if (!mm_object_float(&w->via.map.ptr[i].val, &x))
            continue;
        fputs(n++ ? ", " : " (", f);
        put_escaped(f, mm_object_as_str(&w->via.map.ptr[i].key), true);
        fprintf(f, " %.2g", x);
    }
    fputs(n ? ")" : "", f);
}

static void put_label_record(FILE *f, const mm_record *rec, mm_arena *a)
{
    const msgpack_object *field = mm_map_get(&rec->meta, "field");
    if (rec->of.n && !mm_str_is(rec->of, "fused")) {
        put_escaped(f, rec->of, true);
        fputs(": ", f);
    }
    if (field) {
        put_escaped(f, mm_object_as_str(field), true);
        putc(' ', f);
    }
    put_label(f, &rec->label, a);
    put_weights(f, rec);
}

/* A text's, or the one that a feature was made from; n 0: there is none. */
static mm_str text_of(const mm_record *rec)
{
    const msgpack_object *kept = rec->kind == MM_KIND_FEATURE ? mm_map_get(&rec->meta, "text") : NULL;
    if (rec->kind == MM_KIND_TEXT)
        return rec->text;
    return kept ? mm_object_as_str(kept) : (mm_str){0};
}

/* <v Name> of who speaks, else of the modality, where that has a name. */
static void put_text_record(FILE *f, const mm_record *rec)
{
    const msgpack_object *speaker = mm_map_get(&rec->meta, "speaker");
    mm_str name = speaker ? mm_object_as_str(speaker) : rec->of;
    if (name.n) {
        fputs("<v ", f);
        put_escaped(f, name, true);
        putc('>', f);
    }
    put_escaped(f, text_of(rec), false);
}

/* ---- cues ---- */

static void put_stamp(FILE *f, int64_t ms)
{
    fprintf(f, "%02lld:%02lld:%02lld.%03lld", (long long)(ms / 3600000), (long long)(ms / 60000 % 60),
            (long long)(ms / 1000 % 60), (long long)(ms % 1000));
}

/* The key is the cue's identifier, a line that must not hold an arrow. */
static void put_identifier(FILE *f, mm_str key)
{
    for (size_t i = 0; i < key.n; i++)
        putc(key.p[i] == '\n' || key.p[i] == '\r' || key.p[i] == '>' || key.p[i] == 0 ? '_' : key.p[i], f);
    if (key.n)
        putc('\n', f);
}

static void put_cue(FILE *f, const mm_record *rec, mm_arena *a)
{
    int64_t from = llround(rec->time[0] * 1000), to = llround(rec->time[1] * 1000);
    if (rec->time[1] <= rec->time[0])
        to = from + llround(INSTANT * 1000);
    put_identifier(f, rec->key);
    put_stamp(f, from);
    fputs(" --> ", f);
    put_stamp(f, to > from ? to : from + 1);
    putc('\n', f);
    if (rec->kind == MM_KIND_LABEL)
        put_label_record(f, rec, a);
    else
        put_text_record(f, rec);
    fputs("\n\n", f);
}

static bool is_timed(const mm_record *rec)
{
    enum { LONGEST = 1 << 30 }; /* seconds */
    return rec->has_time && rec->time[0] >= 0 && rec->time[0] < LONGEST && rec->time[1] < LONGEST;
}

/* ---- the view: cues wait to be sorted, until a mark or the end, unless each is wanted at once ---- */

static int order(const void *x, const void *y)
{
    const mm_held_cue *a = x, *b = y;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static mm_status hold(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    char *p = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&p, &n);
    if (!f)
        return mm_fail_memory(e);
    put_cue(f, rec, a);
    bool bad = fclose(f) != 0 || !mm_grow(&v->held, &v->cap_held, v->n_held);
    if (!bad)
        v->held[v->n_held] = (mm_held_cue){.start = rec->time[0], .number = v->n_held, .text = p, .n = n};
    else
        free(p);
    v->n_held += !bad;
    return bad ? mm_fail_memory(e) : MM_OK;
}

static void let_go(mm_view *v)
{
    if (v->n_held)
        qsort(v->held, (size_t)v->n_held, sizeof *v->held, order);
    for (int64_t i = 0; i < v->n_held; i++) {
        fwrite(v->held[i].text, 1, v->held[i].n, v->f);
        free(v->held[i].text);
    }
    v->n_held = 0;
}

static mm_status begin(mm_view *v, mm_err *e)
{
    (void)e;
    fputs("WEBVTT\n\n", v->f);
    return MM_OK;
}

static mm_status put(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    bool shown = rec->kind == MM_KIND_LABEL || text_of(rec).n;
    v->shown += shown;
    v->others += !shown;
    if (shown && !is_timed(rec))
        v->untimed++;
    else if (shown && v->at_once)
        put_cue(v->f, rec, a);
    else if (shown)
        return hold(v, rec, a, e);
    return MM_OK;
}

static mm_status mark(mm_view *v, const mm_record *rec, mm_arena *a, mm_err *e)
{
    (void)rec, (void)a, (void)e;
    let_go(v);
    return MM_OK;
}

static mm_status end(mm_view *v, mm_err *e)
{
    (void)e;
    let_go(v);
    if (v->others && !v->shown)
        mm_say(v->log, MM_LOG_WARN, "no labels and no texts among the records, of which there are %lld",
               (long long)v->others);
    if (v->untimed)
        mm_say(v->log, MM_LOG_WARN, "labels and texts without a time, which have no place in a timeline: %lld",
               (long long)v->untimed);
    return MM_OK;
}

const mm_view_format mm_view_vtt = {.begin = begin, .put = put, .mark = mark, .end = end};
