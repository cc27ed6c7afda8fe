#include "decode/decode.h"

#include "decode/skipped.h"
#include "decode/tracks.h"
#include "format/probes.h"
#include "media/av/live_format.h"
#include "media/image_record.h"
#include "media/text/numbers_decode.h"
#include "media/text/text_decode.h"

#include <sys/stat.h>

static const int64_t MAX_PICTURE_FILE = (int64_t)1 << 30;

static mm_status put_page(void *ctx, mm_picture *p, mm_fault *f)
{
    mm_sink *s = ctx;
    mm_record rec = mm_sink_record(s, MM_KIND_IMAGE);
    if (p->pages > 1 && s->o->all_pages)
        rec.part = p->page;
    rec.has_time = p->timed;
    rec.time[0] = p->from;
    rec.time[1] = p->to;
    return mm_sink_picture(s, p, &rec, f);
}

/* The frames of an animation that libav reads (GIF, PNG, AVIF), from its bytes. */
static mm_status decode_animation(mm_sink *s, const mm_picture_reader *r, mm_bytes in, mm_fault *f)
{
    const mm_blob *file = s->b;
    mm_blob memory = *file;
    mm_fault cut = {0};
    int found;
    size_t end = in.n;
    mm_status whole = r->ends ? r->ends(in, &end, &cut) : MM_OK;
    memory.bytes = in.p;
    memory.size = (int64_t)end;
    s->b = &memory;
    mm_status st = mm_decode_tracks(s, true, false, &found, f);
    s->b = file;
    if (st == MM_OK && !found)
        st = mm_fault_set(f, "empty", "an animation without moving pictures");
    if (st == MM_FATAL || whole == MM_OK)
        return st;
    *f = cut;
    return MM_SKIP;
}

/* Every page or frame, or the first. With several, the file's bytes have an arena of their own: the sink's is emptied
 * after each record. */
static mm_status decode_picture(mm_sink *s, const mm_format *format, mm_fault *f)
{
    const mm_picture_reader *r = mm_picture_reader_of(format);
    mm_picture_limits limits = mm_sink_limits(s);
    bool all = s->o->all_pages;
    mm_arena own = {0};
    mm_picture p;
    mm_str file;
    if (!s->o->image)
        return MM_OK;
    mm_status st = mm_blob_load(&file, s->b, MAX_PICTURE_FILE, "a picture file", all ? &own : s->a, f);
    mm_bytes in = {(const uint8_t *)file.p, file.n};
    if (st == MM_OK && all && r->is_animation && r->is_animation(in)) {
        st = decode_animation(s, r, in, f);
    } else if (st == MM_OK && all && r->pages) {
        st = r->pages(in, &limits, s->a, put_page, s, f);
    } else if (st == MM_OK) {
        st = r->read(&p, in, &limits, s->a, f);
        if (st == MM_OK)
            st = put_page(s, &p, f);
    }
    mm_arena_free(&own);
    return st;
}

/* Frames first, then the sound, in two passes, so that neither has to be held back in memory for the other. */
static mm_status decode_frames_then_sound(mm_sink *s, int *found, mm_fault *f)
{
    int sound = 0;
    mm_status st = MM_OK;
    *found = 0;
    if (s->o->image)
        st = mm_decode_tracks(s, true, false, found, f);
    if (st == MM_SKIP && *found) { /* the sound may be fine even so */
        mm_fault more = {0};
        st = s->o->audio ? mm_decode_tracks(s, false, true, &sound, &more) : MM_OK;
        return st == MM_FATAL ? st : MM_SKIP;
    }
    if (st == MM_OK && s->o->audio)
        st = mm_decode_tracks(s, false, true, &sound, f);
    *found += sound;
    return st;
}

static mm_status decode_av(mm_sink *s, mm_fault *f)
{
    int found;
    mm_status st =
        s->o->live ? mm_decode_tracks(s, s->o->image, s->o->audio, &found, f) : decode_frames_then_sound(s, &found, f);
    if (st == MM_OK && !found && s->o->image && s->o->audio)
        return mm_fault_set(f, "unsupported", "neither sound nor moving pictures in it");
    return st;
}

/* Sound after other bytes (zeros from a broken transfer, say) is found as players find it: by a run of frames. */
static bool is_late_sound(const mm_sink *s)
{
    enum { FRONT = 1 << 20 };
    if (mm_name_promises(s->b->path) != MM_FORMAT_SOUND)
        return false;
    uint8_t *p = mm_arena_alloc(s->a, FRONT);
    int64_t n = p ? mm_blob_read(s->b, 0, p, FRONT) : 0;
    bool found = n > 0 && mm_finds_mpeg_audio(p, (size_t)n);
    mm_arena_reset(s->a);
    return found;
}

static mm_status by_head(mm_sink *s, mm_fault *f)
{
    uint8_t head[MM_FORMAT_HEAD];
    int64_t n = mm_blob_read(s->b, 0, head, sizeof head);
    if (n < 0)
        return mm_fault_set(f, "read", "an error while reading");
    const mm_format *format = mm_format_of(head, (size_t)n, s->b->path);
    mm_status st;
    if (mm_raw_sound_of(s->b, s->o))
        return decode_av(s, f);
    switch (mm_format_read_as(format)) {
    case MM_FORMAT_IMAGE: return decode_picture(s, format, f);
    case MM_FORMAT_SOUND:
    case MM_FORMAT_VIDEO: return decode_av(s, f);
    case MM_FORMAT_NUMBERS: /* --only names media, and numbers are none */
        return s->o->as || (s->o->image && s->o->audio && s->o->text) ? mm_numbers_decode(s, f) : MM_OK;
    case MM_FORMAT_TEXT:
        st = mm_skipped_check(s->b, s->o, format, head, (size_t)n, f);
        return st == MM_OK ? mm_text_decode(s, f) : st;
    case MM_FORMAT_UNKNOWN:
    case MM_FORMAT_PROGRAM:
        return is_late_sound(s) ? decode_av(s, f) : mm_skipped_check(s->b, s->o, format, head, (size_t)n, f);
    default: return MM_OK; /* an archive that the source left whole */
    }
}

/* Whether b is a file that may be written to while it is read; *st: how it is now. */
static bool is_watched(const mm_blob *b, const mm_decode_opts *o, struct stat *st)
{
    return o->live && b->status == MM_OK && b->fd >= 0 && fstat(b->fd, st) == 0 && S_ISREG(st->st_mode);
}

static bool is_changed(const mm_blob *b, const struct stat *before)
{
    struct stat now;
    return fstat(b->fd, &now) == 0 && (now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
                                       now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

/* Why b gave nothing, as a fault, unless it was not asked for. */
static mm_status without_answer(const mm_blob *b, const mm_decode_opts *o, mm_fault *f)
{
    const mm_format *format;
    mm_skipped why = mm_why_skipped(b, o, &format);
    if (why != MM_SKIPPED_FOREIGN && why != MM_SKIPPED_EMPTY)
        return MM_OK;
    return mm_fault_set(f, why == MM_SKIPPED_EMPTY ? "empty" : "unknown", "%s",
                        why == MM_SKIPPED_EMPTY ? "the file is empty" : "nothing that is known");
}

mm_status mm_decode(const mm_blob *b, const mm_decode_opts *o, mm_arena *a, mm_emit emit, void *ctx, int64_t *emitted,
                    mm_err *e)
{
    mm_sink s = {b, o, a, emit, ctx, 0, false, e};
    mm_fault f = {0};
    mm_status st;
    struct stat before;
    bool watched = is_watched(b, o, &before);
    *emitted = 0;
    if (b->status != MM_OK) {
        f = (mm_fault){b->code, b->err};
        st = MM_SKIP;
    } else {
        st = by_head(&s, &f);
    }
    if (st == MM_OK && watched && is_changed(b, &before))
        st = mm_fault_set(&f, "changed", "the file was written to while it was read");
    if (st == MM_OK && !s.emitted && o->answer && b->named)
        st = without_answer(b, o, &f);
    if (st == MM_SKIP)
        st = mm_sink_fault(&s, &f);
    if (st == MM_OK && !s.marked)
        st = mm_sink_mark(&s, b->key);
    *emitted = s.emitted;
    return st;
}

bool mm_decode_is_live(const mm_blob *b, const mm_decode_opts *o)
{
    uint8_t head[MM_FORMAT_HEAD];
    int64_t n = mm_blob_read(b, 0, head, sizeof head);
    const mm_format *format = n > 0 ? mm_format_of(head, (size_t)n, b->path) : NULL;
    if (mm_raw_sound_of(b, o))
        return true;
    switch (mm_format_read_as(format)) {
    case MM_FORMAT_SOUND:
    case MM_FORMAT_VIDEO: return mm_av_can_follow(b);
    case MM_FORMAT_TEXT: return o->lines || o->column || o->as || mm_format_is_subtitles(format);
    default: return false;
    }
}
