#include "media/av/raw_sound.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;  /* FFmpeg's; ALSA's differ in case and underscores only */
    const char *other; /* SoX's */
    int bytes;
} FORMATS[] = {
    {"s16le", "s16", 2},   {"s24le", "s24", 3},   {"s32le", "s32", 4},   {"f32le", "f32", 4},   {"u8", "u8", 1},
    {"mulaw", "ul", 1},    {"alaw", "al", 1},     {"s8", "s8", 1},       {"f64le", "f64", 8},   {"s16be", "s16be", 2},
    {"s24be", "s24be", 3}, {"s32be", "s32be", 4}, {"f32be", "f32be", 4}, {"f64be", "f64be", 8},
};
enum { N_FORMATS = sizeof FORMATS / sizeof *FORMATS };
static const char NAMES[] = "s16le, s24le, s32le, f32le, f64le, u8, s8, mulaw, alaw, or be for le";

/* "S16_LE," → "s16le"; false: too long for any. Returns in *rest what follows the name. */
static bool plain_name(const char *text, char *out, size_t size, const char **rest)
{
    size_t n = 0;
    for (; *text && *text != ','; text++) {
        if (*text == '_')
            continue;
        if (n + 1 >= size)
            return false;
        out[n++] = (char)tolower((unsigned char)*text);
    }
    out[n] = 0;
    *rest = text;
    return true;
}

static bool parse_count(const char **text, int least, int most, int *out)
{
    char *end;
    if (**text != ',' || !isdigit((unsigned char)(*text)[1]))
        return false;
    long n = strtol(*text + 1, &end, 10);
    *text = end;
    *out = (int)(n > most ? most : n);
    return n >= least && n <= most;
}

mm_status mm_raw_sound_parse(mm_raw_sound *r, const char *text, mm_err *e)
{
    enum { LEAST_RATE = 100, MOST_RATE = 384000, MOST_CHANNELS = 64 };
    char name[16];
    const char *rest = text;
    int i = 0;
    bool plain = plain_name(text, name, sizeof name, &rest);
    while (plain && i < N_FORMATS && strcmp(name, FORMATS[i].name) != 0 && strcmp(name, FORMATS[i].other) != 0)
        i++;
    if (!plain || i == N_FORMATS)
        return mm_fail(e, MM_SKIP, "no such format of samples: %.40s; there are %s", text, NAMES);
    *r = (mm_raw_sound){FORMATS[i].name, FORMATS[i].bytes, 0, 1};
    if (!parse_count(&rest, LEAST_RATE, MOST_RATE, &r->rate))
        return mm_fail(e, MM_SKIP, "the rate must follow the format, from %d to %d samples a second: %s,16000",
                       LEAST_RATE, MOST_RATE, FORMATS[i].name);
    if (*rest && (!parse_count(&rest, 1, MOST_CHANNELS, &r->channels) || *rest))
        return mm_fail(e, MM_SKIP, "the number of channels must follow the rate, from 1 to %d: %s,%d,2", MOST_CHANNELS,
                       FORMATS[i].name, r->rate);
    return MM_OK;
}
