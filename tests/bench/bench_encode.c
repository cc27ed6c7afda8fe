/* bench_encode: items per second of one encoder on one device, random inputs, without decoding or pipes.
 *
 *     build/bench/bench_encode -m MODEL [-d DEVICE] [-p fp32|bf16|fp16|int8] [-j THREADS] [-b BATCH] [-n SIZE] [-s
 * SECONDS] [-P] image|text|audio
 *
 * SIZE: pixels of a side (224), tokens (128) or samples (160000). Every batch goes from host memory to vectors in host
 * memory. Prints BATCH, milliseconds a batch (the median of those that fit into SECONDS), items per second, and the
 * fewest milliseconds. With -P and a Vulkan device, the time of each shader follows. */
#include "base/clock.h"
#include "encode/encode.h"
#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void die(const mm_err *e)
{
    fprintf(stderr, "bench_encode: %s\n", e->text);
    exit(1);
}

static mm_tensor input(mm_modality of, long size, unsigned seed)
{
    mm_tensor t = {0};
    long n = of == MM_OF_IMAGE ? 3 * size * size : size;
    float *x = malloc((size_t)n * sizeof *x);
    for (long i = 0; x && i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(int32_t)seed / 2147483648.0f;
        if (of == MM_OF_TEXT)
            ((int32_t *)(void *)x)[i] = 1000 + (int32_t)(seed >> 8) % 20000;
    }
    t.data = x;
    t.s = of == MM_OF_IMAGE ? (mm_shape){MM_F32, 3, {size, size, 3}}
                            : (mm_shape){of == MM_OF_TEXT ? MM_I32 : MM_F32, 1, {size}};
    return t;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    mm_dev_opts on = {.name = "cpu"};
    const char *path = NULL;
    int batch = 1;
    long size = 0;
    double seconds = 2;
    for (int c; (c = getopt(argc, argv, "m:d:p:j:b:n:s:P")) != -1;)
        switch (c) {
        case 'm': path = optarg; break;
        case 'd': on.name = optarg; break;
        case 'p':
            if (!mm_precision_of(&on.precision, optarg))
                return 2;
            break;
        case 'j': on.threads = atoi(optarg); break;
        case 'b': batch = atoi(optarg); break;
        case 'n': size = atol(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'P': profile.on = true; break;
        default: return 2;
        }
    if (!path || optind + 1 != argc || batch < 1)
        return 2;
    const char kind = argv[optind][0];
    const mm_modality of = kind == 'i' ? MM_OF_IMAGE : kind == 't' ? MM_OF_TEXT : MM_OF_AUDIO;
    size = size ? size : kind == 'i' ? 224 : kind == 't' ? 128 : 160000;
    mm_model *m;
    mm_dev *d;
    mm_encoder *x;
    mm_err e, *failed = calloc((size_t)batch, sizeof *failed);
    mm_arena a = {0};
    mm_input *in = calloc((size_t)batch, sizeof *in);
    mm_output *out = calloc((size_t)batch, sizeof *out);
    if (mm_model_open(&m, path, NULL, &e) != MM_OK || mm_dev_open(&d, &on, &e) != MM_OK ||
        mm_encoder_open(&x, m, of, d, &(mm_encode_opts){.normalize = -1, .project = -1}, &e) != MM_OK)
        die(&e);
    for (int i = 0; i < batch; i++)
        in[i].in = input(of, size, (unsigned)i + 1);
    enum { MOST = 10000 };
    double *took = calloc(MOST, sizeof *took), start = 0;
    int n = 0;
    for (int i = -3; n < MOST && (i < 1 || mm_seconds() - start < seconds); i++) { /* three to warm up */
        double from = mm_seconds();
        if (i == 0)
            start = from;
        mm_pass *pass;
        if (mm_encoder_start(&pass, x, in, batch, out, failed, &a, &e) != MM_OK || mm_encoder_finish(pass, &e) != MM_OK)
            die(&e);
        if (failed[0].status != MM_OK)
            die(&failed[0]);
        if (i >= 0)
            took[n++] = mm_seconds() - from;
        mm_arena_reset(&a);
    }
    qsort(took, (size_t)n, sizeof *took, by_value);
    printf("%d %.4f %.2f %.4f\n", batch, 1e3 * took[n / 2], batch / took[n / 2], 1e3 * took[0]);
    if (profile.on)
        print_profile();
    mm_encoder_close(x);
    mm_dev_close(d);
    mm_model_close(m);
    mm_arena_free(&a);
    return 0;
}
