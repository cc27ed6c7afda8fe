#include "view/summary.h"

#include "view/field.h"

#include <utf8proc.h>

enum { KEY_WIDTH = 28, TEXT_CHARS = 60, NOTE_CHARS = 48 };

/* Prints at most `most` characters, then "…"; control characters become "·". Returns the columns printed. */
static int put_plain(FILE *f, mm_str s, int most)
{
    int columns = 0, chars = 0;
    for (size_t i = 0; i < s.n; chars++) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p + i, (utf8proc_ssize_t)(s.n - i), &c);
        if (chars == most) {
            fputs("…", f);
            return columns + 1;
        }
        bool printable = n > 0 && c >= ' ' && utf8proc_category(c) != UTF8PROC_CATEGORY_CC &&
                         utf8proc_category(c) != UTF8PROC_CATEGORY_CF;
        if (printable)
            fwrite(s.p + i, 1, (size_t)n, f);
        else
            fputs("·", f);
        columns += printable ? utf8proc_charwidth(c) : 1;
        i += n > 0 ? (size_t)n : 1;
    }
    return columns;
}

static void put_kind(FILE *f, const mm_record *rec, bool colour)
{
    mm_str kind = rec->kind_name.p ? rec->kind_name : mm_str_of(mm_kind_name(rec->kind));
    fputs(!colour ? "" : rec->kind == MM_KIND_ERROR ? "\033[31m" : "\033[36m", f);
    int n = put_plain(f, kind, NOTE_CHARS);
    fprintf(f, "%*s%s ", n < 8 ? 8 - n : 0, "", colour ? "\033[m" : "");
}

static void put_place(FILE *f, const mm_record *rec)
{
    if (rec->part >= 0)
        fprintf(f, "  #%lld", (long long)rec->part);
    if (rec->has_time)
        fprintf(f, "  %.2f-%.2fs", rec->time[0], rec->time[1]);
}

static void put_payload(FILE *f, const mm_record *rec)
{
    char shape[128];
    if (rec->has_tensor)
        fprintf(f, "  %s", mm_shape_text(&rec->tensor.s, shape, sizeof shape));
    if (rec->bytes.p)
        fprintf(f, "  bin[%zu]", rec->bytes.n);
    if (rec->rate)
        fprintf(f, "  %lld Hz", (long long)rec->rate);
    if (rec->text.p) {
        fputs("  \"", f);
        put_plain(f, rec->text, TEXT_CHARS);
        putc('"', f);
    }
}

static void put_origin(FILE *f, const mm_record *rec)
{
    if (rec->of.p) {
        fputs("  of ", f);
        put_plain(f, rec->of, NOTE_CHARS);
    }
    if (rec->space.p) {
        fputs("  ", f);
        put_plain(f, rec->space, NOTE_CHARS);
    }
}

static void put_label(FILE *f, const mm_record *rec, mm_arena *a)
{
    msgpack_object o;
    if (!mm_field_get(&o, rec, "label", a))
        return;
    fputs("  label=", f);
    put_plain(f, mm_field_text(&o, a), NOTE_CHARS);
}

static void put_error(FILE *f, const mm_record *rec)
{
    if (rec->kind != MM_KIND_ERROR)
        return;
    fputs("  ", f);
    put_plain(f, rec->error.stage, NOTE_CHARS);
    putc('/', f);
    put_plain(f, rec->error.code, NOTE_CHARS);
    fputs(": ", f);
    put_plain(f, rec->error.text, 160);
}

void mm_summary_record(FILE *f, const mm_record *rec, bool colour, mm_arena *a)
{
    put_kind(f, rec, colour);
    int n = put_plain(f, rec->key, 200);
    fprintf(f, "%*s", n < KEY_WIDTH ? KEY_WIDTH - n : 0, "");
    put_place(f, rec);
    put_payload(f, rec);
    put_origin(f, rec);
    put_label(f, rec, a);
    put_error(f, rec);
    putc('\n', f);
}
