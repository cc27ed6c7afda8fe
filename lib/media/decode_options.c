#include "media/decode_options.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

mm_status mm_parse_media(mm_decode_opts *o, const char *text, mm_err *e)
{
    o->image = o->audio = o->text = !text;
    for (const char *p = text; p && *p; p += strcspn(p, ","), p += *p == ',') {
        mm_str kind = {p, strcspn(p, ",")};
        if (mm_str_is(kind, "image") || mm_str_is(kind, "images"))
            o->image = true;
        else if (mm_str_is(kind, "audio"))
            o->audio = true;
        else if (mm_str_is(kind, "text"))
            o->text = true;
        else
            return mm_fail(e, MM_SKIP, "image, audio and text are known, not %.*s", MM_STRF(kind));
    }
    return MM_OK;
}

mm_status mm_parse_background(mm_decode_opts *o, const char *text, mm_err *e)
{
    unsigned r, g, b;
    o->has_background = text;
    if (!text || strcmp(text, "black") == 0)
        memset(o->background, 0, 3);
    else if (strcmp(text, "white") == 0)
        memset(o->background, 255, 3);
    else if (strlen(text) == 7 && strspn(text + 1, "0123456789abcdefABCDEF") == 6 &&
             sscanf(text, "#%2x%2x%2x", &r, &g, &b) == 3)
        memcpy(o->background, (uint8_t[]){(uint8_t)r, (uint8_t)g, (uint8_t)b}, 3);
    else
        return mm_fail(e, MM_SKIP, "a colour is #RRGGBB, black or white, not %s", text);
    return MM_OK;
}

mm_status mm_parse_rate(int64_t *rate, const char *text, int64_t least, mm_err *e)
{
    char *end;
    *rate = 0;
    if (strcmp(text, "native") == 0)
        return MM_OK;
    *rate = strtoll(text, &end, 10);
    if (*end || *rate < least || *rate > 768000)
        return mm_fail(e, MM_SKIP, "a rate is a number of samples a second (%lld to 768000) or native, not %s",
                       (long long)least, text);
    return MM_OK;
}

mm_status mm_parse_track(mm_decode_opts *o, const char *text, mm_err *e)
{
    o->track = text;
    if (!text)
        return MM_OK;
    size_t digits = strspn(text, "0123456789"), n = digits;
    while (!digits && (isalpha((unsigned char)text[n]) || text[n] == '-'))
        n++;
    if (text[n] || *text == '0' || !isalnum((unsigned char)*text))
        return mm_fail(e, MM_SKIP, "a track is its number (from 1) or its language as the file has it (eng), not %s",
                       text);
    return MM_OK;
}

/* Counted from 1; 0: not a channel. */
static int channel_number(mm_str s)
{
    int n = 0;
    if (mm_str_is(s, "left"))
        return 1;
    if (mm_str_is(s, "right"))
        return 2;
    for (size_t i = 0; i < s.n; i++) {
        if (!isdigit((unsigned char)s.p[i]) || n > 9999)
            return 0;
        n = 10 * n + (s.p[i] - '0');
    }
    return n;
}

/* NUMBER or NUMBER=NAME. */
static mm_status parse_channel(mm_channel *out, mm_str s, mm_err *e)
{
    const char *equals = memchr(s.p, '=', s.n);
    mm_str which = {s.p, equals ? (size_t)(equals - s.p) : s.n};
    out->index = channel_number(which) - 1;
    out->of = equals ? (mm_str){equals + 1, s.n - which.n - 1} : (mm_str){0};
    if (out->index < 0)
        return mm_fail(e, MM_SKIP, "%.*s is not a channel: 1, 2, ..., left and right are", MM_STRF(which));
    if (equals && !out->of.n)
        return mm_fail(e, MM_SKIP, "no name for channel %.*s", MM_STRF(which));
    return MM_OK;
}

mm_status mm_parse_channels(mm_decode_opts *o, const char *text, mm_err *e)
{
    o->n_channels = 0;
    for (const char *p = text; p && (*p || p == text);) {
        mm_str s = {p, strcspn(p, ",")};
        if (o->n_channels == MM_MAX_CHANNELS)
            return mm_fail(e, MM_SKIP, "more than %d channels", MM_MAX_CHANNELS);
        mm_channel *new = &o->channels[o->n_channels];
        if (parse_channel(new, s, e) != MM_OK)
            return MM_SKIP;
        for (const mm_channel *c = o->channels; c < new; c++)
            if (mm_str_eq(c->of, new->of))
                return mm_fail(e, MM_SKIP, "several channels need names that differ: 1=agent,2=customer");
        o->n_channels++;
        p += s.n;
        p += *p == ',';
    }
    return MM_OK;
}

/* Copies a column's name. */
static mm_status put_name(char out[MM_MAX_COLUMN_NAME], mm_str name, mm_err *e)
{
    name = mm_cell_trim(name);
    if (!name.n || name.n >= MM_MAX_COLUMN_NAME)
        return mm_fail(e, MM_SKIP, "columns of times are START or START,END, with names of up to %d bytes",
                       MM_MAX_COLUMN_NAME - 1);
    memcpy(out, name.p, name.n);
    out[name.n] = 0;
    return MM_OK;
}

mm_status mm_parse_time_columns(mm_decode_opts *o, const char *text, mm_err *e)
{
    *o->start_column = *o->end_column = 0;
    if (!text)
        return MM_OK;
    const char *comma = strchr(text, ',');
    mm_status s = put_name(o->start_column, (mm_str){text, comma ? (size_t)(comma - text) : strlen(text)}, e);
    return s == MM_OK && comma ? put_name(o->end_column, mm_str_of(comma + 1), e) : s;
}

mm_status mm_parse_epoch(mm_decode_opts *o, const char *text, mm_err *e)
{
    o->has_epoch = text;
    if (text && !mm_row_time_parse(&o->epoch, mm_str_of(text)))
        return mm_fail(e, MM_SKIP,
                       "a time is written as 2024-03-12T14:05:11Z, 2024-03-12T15:05:11+01:00 or in seconds, "
                       "not %s",
                       text);
    return MM_OK;
}
