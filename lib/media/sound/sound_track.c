#include "media/sound/sound_track.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char *language_of(const AVStream *st)
{
    const AVDictionaryEntry *e = av_dict_get(st->metadata, "language", NULL, 0);
    return e && *e->value ? e->value : NULL;
}

static bool is_wanted(const AVStream *st, int64_t number, const char *wanted)
{
    const char *language = language_of(st);
    if (isdigit((unsigned char)*wanted))
        return strtoll(wanted, NULL, 10) == number;
    return language && !strcasecmp(language, wanted);
}

/* "no sound track eng; there are 1 (deu), 2" */
static mm_status no_track(const AVFormatContext *fmt, const char *wanted, mm_fault *f)
{
    char list[160] = "";
    int64_t number = 0;
    for (unsigned i = 0; i < fmt->nb_streams; i++) {
        const AVStream *st = fmt->streams[i];
        const char *language = language_of(st);
        size_t n = strlen(list);
        if (st->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
            continue;
        snprintf(list + n, sizeof list - n, "%s%lld%s%.12s%s", number ? ", " : "", (long long)number + 1,
                 language ? " (" : "", language ? language : "", language ? ")" : "");
        number++;
    }
    return mm_fault_set(f, "track", "no sound track %s; there %s %s", wanted, number == 1 ? "is" : "are", list);
}

/* The first with a codec. */
static int first_track(const AVFormatContext *fmt)
{
    for (unsigned i = 0; i < fmt->nb_streams; i++) {
        const AVCodecParameters *par = fmt->streams[i]->codecpar;
        if (par->codec_type == AVMEDIA_TYPE_AUDIO && par->codec_id != AV_CODEC_ID_NONE)
            return (int)i;
    }
    return -1;
}

mm_status mm_sound_track_choose(mm_sound_track *t, AVFormatContext *fmt, bool unready, const char *wanted, mm_fault *f)
{
    int best = av_find_best_stream(fmt, AVMEDIA_TYPE_AUDIO, -1, -1, NULL, 0);
    if (best < 0 && unready)
        best = first_track(fmt);
    *t = (mm_sound_track){.stream = best >= 0 && !wanted ? best : -1};
    for (unsigned i = 0; best >= 0 && i < fmt->nb_streams; i++) {
        const AVStream *st = fmt->streams[i];
        if (st->codecpar->codec_type != AVMEDIA_TYPE_AUDIO)
            continue;
        t->count++;
        if (wanted && t->stream < 0 && is_wanted(st, t->count, wanted))
            t->stream = (int)i;
        if ((int)i == t->stream) {
            t->number = t->count;
            t->language = language_of(st);
        }
    }
    return best >= 0 && t->stream < 0 ? no_track(fmt, wanted, f) : MM_OK;
}
