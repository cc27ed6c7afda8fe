#include "media/text/transcript.h"

#include "base/json.h"
#include "media/table/charset.h"
#include "media/table/table_cell.h"

#include <stdlib.h>

static const size_t MOST = (size_t)128 << 20; /* bytes of JSON, which take ten times as many in memory */

static mm_str string_of(const json_t *j)
{
    return json_is_string(j) ? mm_cell_trim((mm_str){json_string_value(j), json_string_length(j)}) : (mm_str){0};
}

static const json_t *array_at(const json_t *doc, const char *name)
{
    const json_t *j = json_is_object(doc) ? json_object_get(doc, name) : NULL;
    return json_is_array(j) && (json_array_size(j) == 0 || json_is_object(json_array_get(j, 0))) ? j : NULL;
}

static bool has(mm_str s, const char *word)
{
    return s.n && memmem(s.p, s.n, word, strlen(word));
}

/* Copies JSON, with null for the NaN that Python writes (WhisperX, of words that it could not align). *n: bytes; the
 * caller frees them; NULL: memory is out. */
static char *without_nan(mm_str in, size_t *n)
{
    char *out = malloc(in.n + in.n / 3 + 1);
    bool inside = false; /* a string */
    *n = 0;
    for (size_t i = 0; out && i < in.n; i++) {
        bool escaped = inside && in.p[i] == '\\' && i + 1 < in.n;
        inside ^= in.p[i] == '"';
        if (!inside && in.n - i >= 3 && memcmp(in.p + i, "NaN", 3) == 0) {
            memcpy(out + *n, "null", 4);
            *n += 4;
            i += 2;
            continue;
        }
        out[(*n)++] = in.p[i];
        if (escaped)
            out[(*n)++] = in.p[++i];
    }
    return out;
}

/* Second, with what JSON does not allow repaired: NaN, and pieces of characters, which whisper.cpp writes as tokens. */
static json_t *parse(mm_str file)
{
    json_t *doc = NULL;
    mm_arena a = {0};
    mm_err ignored;
    int64_t replaced;
    size_t n;
    if (mm_json_parse(&doc, file.p, file.n, "", &ignored) == MM_OK)
        return doc;
    mm_str clean = mm_utf8_clean(&a, file, &replaced);
    char *copy = clean.p ? without_nan(clean, &n) : NULL;
    if (copy)
        mm_json_parse(&doc, copy, n, "", &ignored);
    free(copy);
    mm_arena_free(&a);
    return doc;
}

bool mm_transcript_open(mm_transcript *t, mm_str file)
{
    mm_str begin = mm_cell_trim(file);
    *t = (mm_transcript){0};
    if (!begin.n || *begin.p != '{' || file.n > MOST || (!has(file, "\"segments\"") && !has(file, "\"transcription\"")))
        return false;
    t->doc = parse(file);
    t->segments = array_at(t->doc, "segments");
    if (!t->segments)
        t->segments = array_at(t->doc, "transcription");
    t->language = string_of(mm_json_at(t->doc, "language"));
    if (!t->language.p)
        t->language = string_of(mm_json_at(t->doc, "result.language"));
    if (!t->segments)
        mm_transcript_close(t);
    return t->segments;
}

void mm_transcript_close(mm_transcript *t)
{
    json_decref(t->doc);
    *t = (mm_transcript){0};
}

mm_status mm_transcript_segment(mm_segment *out, const mm_transcript *t, size_t i, mm_err *e)
{
    const json_t *j = json_array_get(t->segments, i), *from = mm_json_at(j, "start"), *to = mm_json_at(j, "end");
    double unit = 1;
    if (!from) {
        from = mm_json_at(j, "offsets.from");
        to = mm_json_at(j, "offsets.to");
        unit = 1000;
    }
    *out = (mm_segment){.text = string_of(mm_json_at(j, "text")), .speaker = string_of(mm_json_at(j, "speaker"))};
    out->time[0] = json_number_value(from) / unit;
    out->time[1] = json_number_value(to) / unit;
    if (!out->text.p)
        return mm_fail(e, MM_SKIP, "segment %zu has no text", i + 1);
    if (!json_is_number(from) || !json_is_number(to))
        return mm_fail(e, MM_SKIP, "segment %zu has no start and end", i + 1);
    if (!(out->time[0] >= 0 && out->time[1] >= out->time[0]))
        return mm_fail(e, MM_SKIP, "segment %zu ends, at %g s, before it begins, at %g s", i + 1, out->time[1],
                       out->time[0]);
    return MM_OK;
}
