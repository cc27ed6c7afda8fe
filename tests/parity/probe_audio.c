/* probe_audio: the audio functions for tests/parity/mel.py.
 * stdin: i32 n, pad_to, n_mels, then n f32; repeated. n_mels 0: mm_audio_normalize, -1: the mel filters for n bands
 * as f64. stdout: i32 rows, columns, then rows * columns f32 (f64); i32 -1 -1 on error. */
#include "media/sound/audio_prep.h"

#include <stdio.h>
#include <stdlib.h>

static void put(int32_t rows, int32_t columns, const void *data, size_t size)
{
    int32_t shape[2] = {rows, columns};
    fwrite(shape, sizeof shape, 1, stdout);
    if (data)
        fwrite(data, size, (size_t)rows * (size_t)columns, stdout);
    fflush(stdout);
}

int main(void)
{
    int32_t v[3];
    mm_arena a = {0};
    while (fread(v, sizeof v, 1, stdin) == 1) {
        mm_audio_prep p = {.rate = 16000, .mel = true, .n_fft = 400, .hop = 160, .n_mels = v[2]};
        if (v[2] < 0) {
            put(v[0], 201, mm_mel_filters(v[0], 400, 16000, &a), sizeof(double));
            continue;
        }
        float *x = mm_arena_zalloc(&a, (size_t)v[0], sizeof *x), *mel;
        int64_t frames;
        mm_err e;
        if (!x || fread(x, sizeof *x, (size_t)v[0], stdin) != (size_t)v[0])
            return 1;
        if (v[2] == 0) {
            mm_audio_normalize(x, x, v[0]);
            put(1, v[0], x, sizeof *x);
        } else if (mm_log_mel(&mel, &frames, x, v[0], v[1], &p, NULL, &a, &e) == MM_OK) {
            put((int32_t)frames, v[2], mel, sizeof *mel);
        } else {
            fprintf(stderr, "%s\n", e.text);
            put(-1, -1, NULL, 0);
        }
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    return 0;
}
