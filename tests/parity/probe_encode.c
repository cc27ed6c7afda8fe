/* probe_encode MODEL image|text|audio LAYERS IN OUT: encodes one tensor, every hidden state at every position.
 *
 * IN: int64 rank, then the dimensions, then f32 values (int32 ids for text). OUT: f32 [T, (LAYERS + 1) · D]; T to
 * standard output. MM_DEVICE names the device (cpu), MM_PRECISION=fp16 its number format. */
#include "encode/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const mm_err *e)
{
    fprintf(stderr, "probe_encode: %s%s%s\n", what, e ? ": " : "", e ? e->text : "");
    exit(1);
}

static mm_tensor read_input(const char *path, mm_type type, mm_arena *a)
{
    int64_t rank, dim[MM_MAX_RANK];
    mm_tensor t;
    mm_err e;
    FILE *f = fopen(path, "rb");
    if (!f || fread(&rank, 8, 1, f) != 1 || rank < 1 || rank > MM_MAX_RANK ||
        fread(dim, 8, (size_t)rank, f) != (size_t)rank)
        die(path, NULL);
    if (mm_shape_make(&t.s, type, (int)rank, dim, &e) != MM_OK)
        die(path, &e);
    void *p = mm_arena_alloc(a, mm_shape_bytes(&t.s));
    if (!p || fread(p, 1, mm_shape_bytes(&t.s), f) != mm_shape_bytes(&t.s))
        die(path, NULL);
    fclose(f);
    t.data = p;
    return t;
}

int main(int argc, char **argv)
{
    mm_model *m;
    mm_dev *d;
    mm_encoder *x;
    mm_arena a = {0};
    mm_err e = {0}, failed = {0};
    mm_encode_opts o = {.normalize = 0, .project = 0, .pools = 1, .pool = {MM_POOL_NONE}};
    mm_input in = {0};
    mm_output out;
    mm_pass *pass;
    if (argc != 6)
        die("usage: probe_encode MODEL image|text|audio LAYERS IN OUT", NULL);
    const char *device = getenv("MM_DEVICE"), *precision = getenv("MM_PRECISION");
    const mm_dev_opts on = {.name = device ? device : "cpu",
                            .precision = precision && !strcmp(precision, "fp16") ? MM_PREC_FP16 : MM_PREC_FP32};
    mm_modality of = *argv[2] == 'i' ? MM_OF_IMAGE : *argv[2] == 't' ? MM_OF_TEXT : MM_OF_AUDIO;
    for (int k = 0; k <= atoi(argv[3]); k++)
        o.layer[o.layers++] = k;
    in.in = read_input(argv[4], of == MM_OF_TEXT ? MM_I32 : MM_F32, &a);
    if (mm_model_open(&m, argv[1], NULL, &e) != MM_OK || mm_dev_open(&d, &on, &e) != MM_OK ||
        mm_encoder_open(&x, m, of, d, &o, &e) != MM_OK ||
        mm_encoder_start(&pass, x, &in, 1, &out, &failed, &a, &e) != MM_OK || mm_encoder_finish(pass, &e) != MM_OK)
        die(argv[1], &e);
    if (failed.status != MM_OK)
        die(argv[1], &failed);
    FILE *f = fopen(argv[5], "wb");
    if (!f || fwrite(out.t.data, 1, mm_shape_bytes(&out.t.s), f) != mm_shape_bytes(&out.t.s) || fclose(f) != 0)
        die(argv[5], NULL);
    printf("%lld\n", (long long)out.t.s.dim[0]);
    mm_encoder_close(x);
    mm_dev_close(d);
    mm_model_close(m);
    mm_arena_free(&a);
    return 0;
}
