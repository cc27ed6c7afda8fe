#include "base/buf.h"
#include "base/number.h"
#include "label/output.h"
#include "view/object_json.h"

#include <utf8proc.h>

json_t *mm_json_text(mm_str s)
{
    json_t *j = json_stringn(s.p ? s.p : "", s.n);
    mm_buf clean = {0};
    mm_status ok = MM_OK;
    for (size_t at = 0; !j && at < s.n && ok == MM_OK;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + at, (utf8proc_ssize_t)(s.n - at), &c);
        ok = n > 0 ? mm_buf_append(&clean, s.p + at, (size_t)n, NULL) : mm_buf_append(&clean, "\xef\xbf\xbd", 3, NULL);
        at += n > 0 ? (size_t)n : 1;
    }
    if (!j && ok == MM_OK)
        j = json_stringn((const char *)clean.p, clean.n);
    mm_buf_free(&clean);
    return j;
}

static void put_name(FILE *f, const char *name)
{
    fprintf(f, ",\"%s\":", name);
}

static void put_text(FILE *f, const char *name, mm_str s)
{
    if (!s.p)
        return;
    put_name(f, name);
    mm_json_string(f, s);
}

static void put_score(FILE *f, const char *name, double score)
{
    fprintf(f, ",\"%s\":%.7g", name, score);
}

static void put_labels(FILE *f, const mm_labelled *x)
{
    put_name(f, "labels");
    for (int i = 0; i < x->n; i++) {
        fputs(i ? ",{\"label\":" : "[{\"label\":", f);
        mm_json_string(f, x->scored[i].name);
        put_score(f, "score", x->scored[i].score);
        putc('}', f);
    }
    putc(']', f);
}

static void put_neighbours(FILE *f, const mm_labelled *x)
{
    const mm_refs *r = x->refs;
    put_name(f, "neighbours");
    putc('[', f);
    for (int i = 0; i < x->n_near && x->near[i].row >= 0; i++) {
        int64_t row = x->near[i].row;
        fputs(i ? ",{\"key\":" : "{\"key\":", f);
        mm_json_string(f, r->key[row]);
        put_text(f, "src", r->src[row]);
        if (r->part[row] >= 0)
            fprintf(f, ",\"part\":%lld", (long long)r->part[row]);
        put_text(f, "label", r->names.name[r->label[row]]);
        put_score(f, "cosine", (double)x->near[i].cosine);
        putc('}', f);
    }
    putc(']', f);
}

/* The label that the sample carried, of several fields that of the predicted one. NULL: none. */
static const msgpack_object *truth_of(const mm_record *rec)
{
    if (rec->kind != MM_KIND_LABEL)
        return &rec->label;
    const msgpack_object *truth = mm_map_get(&rec->meta, "truth");
    mm_str field = mm_label_field(rec);
    for (uint32_t i = 0; field.p && truth && truth->type == MSGPACK_OBJECT_MAP && i < truth->via.map.size; i++)
        if (mm_str_eq(mm_object_as_str(&truth->via.map.ptr[i].key), field))
            return &truth->via.map.ptr[i].val;
    return truth;
}

static mm_status jsonl_put(mm_label_writer *w, const mm_labelled *x, mm_err *e)
{
    FILE *f = w->f;
    (void)e;
    char start[MM_NUMBER_TEXT], end[MM_NUMBER_TEXT];
    const mm_record *rec = x->rec;
    fputs("{\"key\":", f);
    mm_json_string(f, rec->key);
    put_text(f, "src", rec->src);
    if (rec->part >= 0)
        fprintf(f, ",\"part\":%lld", (long long)rec->part);
    if (rec->has_time)
        fprintf(f, ",\"time\":[%s,%s]", mm_number_text(start, rec->time[0]), mm_number_text(end, rec->time[1]));
    put_text(f, "of", rec->of);
    put_text(f, "text", x->text);
    put_text(f, "field", mm_label_field(rec));
    const msgpack_object *truth = truth_of(rec);
    if (truth && truth->type != MSGPACK_OBJECT_NIL) {
        put_name(f, "truth");
        mm_json_object(f, truth);
    }
    if (mm_labelled_number(x)) {
        put_name(f, "label");
        mm_json_object(f, &rec->label);
    } else {
        put_text(f, "label", x->scored[0].name);
    }
    put_score(f, "score", x->scored[0].score);
    if (x->n > 1)
        put_labels(f, x);
    if (x->near)
        put_neighbours(f, x);
    fputs("}\n", f);
    return MM_OK;
}

static void jsonl_mark(FILE *f, const mm_record *mark)
{
    fputs("{\"kind\":\"mark\"", f);
    put_text(f, "key", mark->key);
    fputs("}\n", f);
}

const mm_label_output mm_output_jsonl = {.name = "jsonl", .put = jsonl_put, .mark = jsonl_mark};
