/* probe_image: the image functions for tests/parity/resize.py.
 * stdin: i32 h w rows cols filter mode, then h*w*3 bytes; repeated. stdout: i32 h w, then the bytes; i32 -1 -1 on
 * error. mode 0: resize; 1: centre crop; 2: shortest edge `rows`, then centre crop to `cols`; 3: orient by `filter`. */

#include "media/image/prepare.h"

#include <stdio.h>
#include <stdlib.h>

static bool run(const int32_t v[6], const mm_image *in, mm_image *out, mm_arena *a, mm_err *e)
{
    mm_image_prep p = {.resize = true,
                       .shortest_edge = v[2],
                       .filter = (mm_resize_filter)v[4],
                       .crop = true,
                       .crop_height = v[3],
                       .crop_width = v[3]};
    mm_image_prep crop = {.crop = true, .crop_height = v[2], .crop_width = v[3]};
    mm_raster turned, stored = {in->height, in->width, 3, in->rgb};
    bool ok;
    switch (v[5]) {
    case 1: return mm_image_prepare(out, in, &crop, a, e) == MM_OK;
    case 2: return mm_image_prepare(out, in, &p, a, e) == MM_OK;
    case 3:
        ok = mm_raster_orient(&turned, &stored, v[4], a, e) == MM_OK;
        *out = (mm_image){turned.height, turned.width, turned.p};
        return ok;
    default: return mm_image_resize(out, in, v[2], v[3], (mm_resize_filter)v[4], a, e) == MM_OK;
    }
}

int main(void)
{
    int32_t v[6];
    mm_arena a = {0};
    while (fread(v, sizeof v, 1, stdin) == 1) {
        size_t n = (size_t)v[0] * (size_t)v[1] * 3;
        uint8_t *rgb = malloc(n ? n : 1);
        if (!rgb || fread(rgb, 1, n, stdin) != n)
            return 1;
        mm_image in = {v[0], v[1], rgb}, out;
        mm_err e;
        int32_t size[2] = {-1, -1};
        if (run(v, &in, &out, &a, &e)) {
            size[0] = (int32_t)out.height;
            size[1] = (int32_t)out.width;
        } else {
            fprintf(stderr, "%s\n", e.text);
        }
        fwrite(size, sizeof size, 1, stdout);
        if (size[0] >= 0)
            fwrite(out.rgb, 3, (size_t)size[0] * (size_t)size[1], stdout);
        fflush(stdout);
        free(rgb);
        mm_arena_reset(&a);
    }
    mm_arena_free(&a);
    return 0;
}
