#include "media/text/cue_decode.h"

#include "format/name.h"
#include "format/probes.h"
#include "media/text/cue_text.h"
#include "media/text/subtitles.h"
#include "media/text/table_rows.h"
#include "media/text/text_record.h"
#include "media/text/transcript.h"

typedef struct {
    mm_sink *s;
    mm_fault *f;
    const char *encoding; /* of the file, when it is known and not UTF-8 */
    mm_str language;
    int64_t part;
} reading;

/* ---- records ---- */

static mm_status put_speaker(reading *r, mm_record *rec, mm_str speaker, mm_fault *why)
{
    mm_sink *s = r->s;
    mm_err e;
    if (!speaker.n)
        return MM_OK;
    if (mm_meta_put_str(rec, s->a, "speaker", speaker, &e) != MM_OK)
        return mm_fault_memory(why);
    return s->o->of_column ? mm_sink_modality(s, rec, speaker, why) : MM_OK;
}

static mm_status put_text(reading *r, const double time[2], mm_str text, mm_str speaker)
{
    mm_sink *s = r->s;
    mm_err e;
    mm_fault why;
    mm_record rec = mm_sink_record(s, MM_KIND_TEXT);
    rec.part = r->part++;
    rec.has_time = true;
    rec.time[0] = time[0];
    rec.time[1] = time[1];
    if (put_speaker(r, &rec, speaker, &why) != MM_OK)
        return mm_sink_fault_of(s, &rec, &why);
    if (r->language.n && mm_meta_put_str(&rec, s->a, "language", r->language, &e) != MM_OK)
        return mm_fault_memory(r->f);
    return mm_sink_text(s, &rec, text, r->encoding, r->f);
}

static mm_status put_fault(reading *r, const mm_err *why)
{
    const mm_fault f = {.code = "cue", .err = *why};
    mm_record rec = mm_sink_record(r->s, MM_KIND_ERROR);
    rec.part = r->part++;
    return mm_sink_fault_of(r->s, &rec, &f);
}

/* ---- subtitles ---- */

static mm_status put_cue(reading *r, const mm_cue *cue, bool vtt)
{
    mm_cue_text c = {.rest = cue->text, .vtt = vtt};
    mm_str text, speaker;
    mm_status st = MM_OK;
    while (st == MM_OK && mm_cue_text_next(&c, &text, &speaker, r->s->a))
        st = put_text(r, cue->time, text, speaker);
    if (st == MM_OK && !text.p)
        return mm_fault_memory(r->f);
    mm_arena_reset(r->s->a);
    return st;
}

/* The cues in text; *taken bytes of it are done with. `all`: nothing follows. */
static mm_status put_cues(reading *r, mm_subtitles *s, mm_str text, bool all, size_t *taken)
{
    mm_cue cue;
    mm_err e;
    size_t more;
    mm_status st = MM_OK;
    *taken = 0;
    while (st == MM_OK) {
        mm_status got = mm_subtitles_next(s, &cue, text, all, &more, &e);
        text.p += more;
        text.n -= more;
        *taken += more;
        if (got == MM_EOF)
            return MM_OK;
        st = got == MM_OK     ? put_cue(r, &cue, s->vtt)
             : got == MM_SKIP ? put_fault(r, &e)
                              : mm_fault_set(r->f, "cue", "%s", e.text);
    }
    return st;
}

/* ---- transcripts ---- */

static mm_status put_segments(reading *r, const mm_transcript *t)
{
    mm_segment one;
    mm_err e;
    mm_status st = MM_OK;
    r->language = t->language;
    for (size_t i = 0; st == MM_OK && i < json_array_size(t->segments); i++) {
        mm_status got = mm_transcript_segment(&one, t, i, &e);
        if (got != MM_OK)
            st = put_fault(r, &e);
        else if (one.text.n)
            st = put_text(r, one.time, one.text, one.speaker);
    }
    return st;
}

/* ---- the file ---- */

/* By the text's beginning, or by the input's name. */
static bool is_subtitles(const mm_blob *b, mm_str text, bool *vtt)
{
    mm_str extension = mm_name_extension(b->path);
    const uint8_t *p = (const uint8_t *)text.p;
    *vtt = mm_probe_vtt(p, text.n, extension);
    return *vtt || mm_probe_srt(p, text.n, extension) || mm_has_word("srt vtt", extension);
}

/* Subtitles have no other column. */
static mm_status check_columns(const mm_decode_opts *o, mm_fault *f)
{
    if (o->of_column && strcmp(o->of_column, "speaker") != 0)
        return mm_fault_set(f, "column", "no column %s: subtitles and transcripts have speaker", o->of_column);
    return MM_OK;
}

mm_status mm_cues_decode(mm_sink *s, mm_str text, const char *encoding, bool *found, mm_fault *f)
{
    reading r = {.s = s, .f = f, .encoding = encoding};
    mm_subtitles cues = {0};
    mm_transcript t = {0};
    size_t taken;
    bool subtitles = is_subtitles(s->b, text, &cues.vtt);
    *found = subtitles || mm_transcript_open(&t, text);
    mm_status st = *found ? check_columns(s->o, f) : MM_OK;
    if (st == MM_OK && *found)
        st = subtitles ? put_cues(&r, &cues, text, true, &taken) : put_segments(&r, &t);
    mm_transcript_close(&t);
    return st;
}

mm_status mm_cues_decode_live(mm_sink *s, mm_fault *f)
{
    enum { HEAD = 64 }; /* bytes that tell WebVTT */
    char head[HEAD];
    int64_t n = mm_blob_read(s->b, 0, head, sizeof head);
    reading r = {.s = s, .f = f};
    mm_subtitles cues = {0};
    mm_live_text l = mm_live_text_of(s->b);
    mm_err e;
    size_t taken;
    is_subtitles(s->b, (mm_str){head, n > 0 ? (size_t)n : 0}, &cues.vtt);
    mm_status st = check_columns(s->o, f);
    while (st == MM_OK && !l.ended) {
        st = mm_live_text_more(&l, &e) == MM_FATAL ? mm_fault_memory(f) : put_cues(&r, &cues, l.text, l.ended, &taken);
        if (st == MM_OK)
            mm_live_text_drop(&l, taken);
    }
    if (st == MM_OK)
        st = mm_live_text_check(&l, f);
    mm_live_text_free(&l);
    return st;
}
