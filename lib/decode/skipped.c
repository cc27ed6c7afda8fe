#include "decode/skipped.h"

#include "format/name.h"

#include <ctype.h>
#include <strings.h>

/* ---- what the bytes are, for people ---- */

static bool all_zero(const mm_blob *b, const uint8_t *head, size_t n)
{
    uint8_t more[MM_FORMAT_HEAD];
    for (int64_t at = 0, got = (int64_t)n; got > 0; at += got, got = mm_blob_read(b, at, more, sizeof more)) {
        const uint8_t *p = at ? more : head;
        if (p[0] || (got > 1 && memcmp(p, p + 1, (size_t)got - 1) != 0))
            return false;
    }
    return n > 0;
}

static bool starts(const uint8_t *p, size_t n, const char *z)
{
    size_t k = strlen(z);
    return n >= k && strncasecmp((const char *)p, z, k) == 0;
}

static const char *kind_of_text(const uint8_t *p, size_t n)
{
    if (starts(p, n, "\xef\xbb\xbf"))
        p += 3, n -= 3;
    while (n && isspace(*p))
        p++, n--;
    if (starts(p, n, "version https://git-lfs.github.com/"))
        return "a Git LFS pointer (git lfs pull fetches the file)";
    if (starts(p, n, "<!doctype html") || starts(p, n, "<html") || starts(p, n, "<head") || starts(p, n, "<body"))
        return "HTML";
    if (starts(p, n, "<?xml"))
        return "XML";
    return n && (*p == '{' || *p == '[') ? "text (JSON)" : "text";
}

/* "named .jpg, but holds HTML" */
static mm_status broken_promise(const mm_blob *b, const mm_format *format, const uint8_t *p, size_t n, mm_fault *f)
{
    mm_str x = mm_name_extension(b->path);
    const mm_format *inner = NULL;
    const char *what = "no such data", *more = "";
    char before[40] = "";
    size_t at = 0;
    if (format && format->advice)
        what = format->what, more = ", which is not read";
    else if (all_zero(b, p, n))
        what = "zeros only";
    else if (format && format->kind == MM_FORMAT_TEXT)
        what = kind_of_text(p, n);
    else if (format)
        what = format->what;
    else if ((inner = mm_format_inside(p, n, &at)))
        what = inner->what;
    if (inner)
        snprintf(before, sizeof before, "%zu %s before ", at, at == 1 ? "byte" : "bytes");
    return mm_fault_set(f, "corrupt", "named .%.*s, but holds %s%s%s", (int)(x.n > 16 ? 16 : x.n), x.p, before, what,
                        more);
}

/* ---- what is a fault ---- */

static bool asked_for(mm_format_kind kind, const mm_decode_opts *o)
{
    switch (kind) {
    case MM_FORMAT_IMAGE: return o->image;
    case MM_FORMAT_SOUND: return o->audio;
    case MM_FORMAT_VIDEO: return o->image || o->audio;
    case MM_FORMAT_TEXT: return o->text;
    case MM_FORMAT_NUMBERS: return o->as || (o->image && o->audio && o->text);
    case MM_FORMAT_ARCHIVE: return true;
    case MM_FORMAT_TABLE: return o->as || o->column || o->lines;
    default: return false;
    }
}

/* AppleDouble: macOS writes it beside a file, under the file's name with "._" before it. */
static bool is_sidecar(const uint8_t *p, size_t n)
{
    return n >= 4 && memcmp(p, "\0\5\x16\7", 4) == 0;
}

static mm_status unread(const mm_format *format, mm_fault *f)
{
    return mm_fault_set(f, "unsupported", "%s is not read: %s", format->what, format->advice);
}

mm_status mm_skipped_check(const mm_blob *b, const mm_decode_opts *o, const mm_format *format, const uint8_t *p,
                           size_t n, mm_fault *f)
{
    mm_format_kind promised = mm_name_promises(b->path);
    if (format && format->kind == MM_FORMAT_IMAGE && !format->letters) /* under any name, as an image that is read */
        return o->image ? unread(format, f) : MM_OK;
    if (format && format->advice && (promised == MM_FORMAT_UNKNOWN || promised == format->kind) &&
        (b->named || asked_for(format->kind, o)))
        return unread(format, f);
    if (is_sidecar(p, n) || !asked_for(promised, o) || promised == MM_FORMAT_TABLE ||
        (promised == MM_FORMAT_TEXT && mm_format_read_as(format) == MM_FORMAT_TEXT))
        return MM_OK;
    return broken_promise(b, format, p, n, f);
}

/* ---- what is skipped ---- */

mm_skipped mm_why_skipped(const mm_blob *b, const mm_decode_opts *o, const mm_format **format)
{
    uint8_t head[MM_FORMAT_HEAD];
    int64_t n = mm_blob_read(b, 0, head, sizeof head);
    *format = n > 0 ? mm_format_of(head, (size_t)n, b->path) : NULL;
    if (n == 0)
        return MM_SKIPPED_EMPTY;
    if (!*format || (*format)->kind == MM_FORMAT_PROGRAM)
        return MM_SKIPPED_FOREIGN;
    if ((*format)->advice)
        return MM_SKIPPED_UNREAD;
    if ((*format)->kind == MM_FORMAT_TEXT && !b->named && !mm_name_is_text(b->path, false))
        return mm_name_is_about(b->path) ? MM_SKIPPED_ABOUT : MM_SKIPPED_TEXT;
    if (mm_format_is_subtitles(*format))
        return MM_SKIPPED_CUELESS;
    if ((*format)->kind == MM_FORMAT_TEXT && (o->as || o->column))
        return o->as == MM_AS_OPENFACE ? MM_SKIPPED_FACELESS : MM_SKIPPED_ROWLESS;
    return MM_SKIPPED_UNASKED;
}
