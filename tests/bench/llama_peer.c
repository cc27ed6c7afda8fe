/* llama_peer: llama.cpp as a peer of the benchmark (peers.py), through its own library; run.py compiles it.
 *
 *     llama_peer MODEL.gguf IDS OUT.npy THREADS BATCH
 *
 * IDS: 32-bit integers, for each item their number and then its tokens. Writes the mean over each item's last hidden
 * states to OUT.npy, says "ready", then encodes all items once for every line "go" and answers with the seconds of wall
 * and processor. A call takes BATCH items, or one where that is faster: attention in llama.cpp goes over all rows of a
 * call, with a mask. */
#include "llama.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
    struct llama_context *ctx;
    struct llama_batch room;
    int items, width;
    int32_t **ids; /* [items]: the number of tokens, then the tokens */
    float *out;    /* [items][width] */
} job;

static void die(const char *what)
{
    fprintf(stderr, "llama_peer: %s\n", what);
    exit(1);
}

static void quiet(enum ggml_log_level level, const char *text, void *ctx)
{
    (void)ctx;
    if (level >= GGML_LOG_LEVEL_WARN)
        fputs(text, stderr);
}

static double seconds(clockid_t of)
{
    struct timespec t;
    clock_gettime(of, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int longest(const job *j)
{
    int most = 0;
    for (int i = 0; i < j->items; i++)
        most = j->ids[i][0] > most ? j->ids[i][0] : most;
    return most;
}

static void load(job *j, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        die("no ids");
    for (int32_t n; fread(&n, sizeof n, 1, f) == 1; j->items++) {
        int32_t *item = malloc(((size_t)n + 1) * sizeof *item);
        j->ids = realloc(j->ids, ((size_t)j->items + 1) * sizeof *j->ids);
        if (!item || !j->ids || fread(item + 1, sizeof n, (size_t)n, f) != (size_t)n)
            die("ids are cut off");
        item[0] = n;
        j->ids[j->items] = item;
    }
    fclose(f);
}

static void open_model(job *j, const char *path, int threads, int batch)
{
    struct llama_model *m = llama_model_load_from_file(path, llama_model_default_params());
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = p.n_batch = p.n_ubatch = (uint32_t)(batch * longest(j));
    p.n_seq_max = (uint32_t)batch;
    p.n_threads = p.n_threads_batch = threads;
    p.embeddings = true;
    p.pooling_type = LLAMA_POOLING_TYPE_MEAN;
    if (!m || !(j->ctx = llama_init_from_model(m, p)))
        die("the model cannot be opened");
    j->width = llama_model_n_embd(m);
    j->out = malloc((size_t)(j->items * j->width) * sizeof *j->out);
    j->room = llama_batch_init((int32_t)p.n_batch, 0, 1);
}

/* Items i .. i+n-1 in one call. */
static void encode_some(job *j, int i, int n)
{
    struct llama_batch *b = &j->room;
    b->n_tokens = 0;
    for (int s = 0; s < n; s++)
        for (int32_t t = 0; t < j->ids[i + s][0]; t++, b->n_tokens++) {
            b->token[b->n_tokens] = j->ids[i + s][t + 1];
            b->pos[b->n_tokens] = t;
            b->n_seq_id[b->n_tokens] = 1;
            b->seq_id[b->n_tokens][0] = s;
            b->logits[b->n_tokens] = 1;
        }
    if (llama_encode(j->ctx, *b) != 0)
        die("llama_encode failed");
    for (int s = 0; s < n; s++)
        memcpy(j->out + (i + s) * j->width, llama_get_embeddings_seq(j->ctx, s), (size_t)j->width * sizeof *j->out);
}

static double encode(job *j, int batch)
{
    const double from = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < j->items; i += batch)
        encode_some(j, i, batch < j->items - i ? batch : j->items - i);
    return seconds(CLOCK_MONOTONIC) - from;
}

/* The first batch, in calls of n items. */
static double first(job *j, int batch, int n)
{
    const double from = seconds(CLOCK_MONOTONIC);
    for (int i = 0; i < batch && i < j->items; i += n)
        encode_some(j, i, n < j->items - i ? n : j->items - i);
    return seconds(CLOCK_MONOTONIC) - from;
}

/* The items of a call that took less time, the second time. */
static int faster(job *j, int batch)
{
    double alone = 0, together = 0;
    for (int i = 0; i < 2; i++) {
        alone = first(j, batch, 1);
        together = first(j, batch, batch);
    }
    return together < alone ? batch : 1;
}

static void save(const job *j, const char *path)
{
    char head[128];
    memset(head, ' ', sizeof head);
    memcpy(head, "\x93NUMPY\x01\x00\x76\x00", 10);
    int n = snprintf(head + 10, sizeof head - 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (%d, %d), }",
                     j->items, j->width);
    head[10 + n] = ' ';
    head[sizeof head - 1] = '\n';
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(head, sizeof head, 1, f) != 1 ||
        fwrite(j->out, sizeof *j->out * (size_t)j->width, (size_t)j->items, f) != (size_t)j->items || fclose(f))
        die("cannot write the vectors");
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 2;
    job j = {0};
    const int threads = atoi(argv[4]);
    int batch = atoi(argv[5]);
    llama_log_set(quiet, NULL);
    llama_backend_init();
    fprintf(stderr, "llama.cpp: %s\n", llama_print_system_info());
    load(&j, argv[2]);
    open_model(&j, argv[1], threads, batch);
    batch = batch > 1 ? faster(&j, batch) : 1;
    encode(&j, batch);
    save(&j, argv[3]);
    printf("{\"ready\": true, \"batch\": %d, \"items\": %d}\n", batch, j.items);
    fflush(stdout);
    for (char line[16]; fgets(line, sizeof line, stdin) && !strcmp(line, "go\n");) {
        const double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID), wall = encode(&j, batch);
        printf("{\"wall\": %.6f, \"cpu\": %.6f}\n", wall, seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
        fflush(stdout);
    }
    return 0;
}
