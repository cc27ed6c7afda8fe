/* Subtitles: whatever the bytes are, each call takes something, cues lie inside the text, and pieces give what the
 * whole gives. Texts of cues are never longer than what they are made from. */
#include "media/text/cue_text.h"
#include "media/text/subtitles.h"
#include "media/text/transcript.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static uint64_t weigh(const mm_cue *cue, bool vtt)
{
    mm_cue_text c = {.rest = cue->text, .vtt = vtt};
    mm_arena a = {0};
    mm_str text, speaker;
    uint64_t sum = (uint64_t)(cue->time[0] * 1000) + (uint64_t)(cue->time[1] * 1000);
    size_t all = 0;
    while (mm_cue_text_next(&c, &text, &speaker, &a)) {
        all += text.n;
        for (size_t i = 0; i < text.n; i++)
            sum = sum * 31 + (uint8_t)text.p[i];
        for (size_t i = 0; i < speaker.n; i++)
            sum = sum * 37 + (uint8_t)speaker.p[i];
    }
    if (all > cue->text.n)
        __builtin_trap();
    mm_arena_free(&a);
    return sum;
}

/* All cues, of a text that comes in pieces of at most `piece` bytes, as a sum. Every piece is a copy, so that nothing
 * outside it can be read unnoticed. */
static uint64_t read_all(const uint8_t *data, size_t n, bool vtt, size_t piece)
{
    mm_subtitles s = {.vtt = vtt};
    uint64_t sum = 0;
    size_t begin = 0, end = piece < n ? piece : n, taken;
    for (;;) {
        mm_cue cue;
        mm_err e;
        mm_status st;
        char *copy = malloc(end - begin + 1);
        size_t at = 0;
        memcpy(copy, data + begin, end - begin);
        while ((st = mm_subtitles_next(&s, &cue, (mm_str){copy + at, end - begin - at}, end == n, &taken, &e)) !=
               MM_EOF) {
            if (st == MM_FATAL || taken == 0 || at + taken > end - begin)
                __builtin_trap();
            at += taken;
            sum = sum * 41 + (st == MM_OK ? weigh(&cue, vtt) : 1);
        }
        begin += at + taken;
        free(copy);
        if (end == n)
            return sum + (uint64_t)s.line;
        end = end + piece < n ? end + piece : n;
    }
}

/* The first byte chooses the format and the pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0 || n > 1 << 19)
        return 0;
    bool vtt = data[0] & 1;
    size_t piece = 1 + (data[0] >> 1) % 40;
    if (read_all(data + 1, n - 1, vtt, piece) != read_all(data + 1, n - 1, vtt, n))
        __builtin_trap();
    mm_transcript t;
    mm_segment one;
    mm_err e;
    if (mm_transcript_open(&t, (mm_str){(const char *)data + 1, n - 1}))
        for (size_t i = 0; i < json_array_size(t.segments); i++)
            mm_transcript_segment(&one, &t, i, &e);
    mm_transcript_close(&t);
    return 0;
}
