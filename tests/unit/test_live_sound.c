/* Sound files through a pipe, whole, cut off anywhere and damaged: the same records as from the file, and never a hang.
 * All of them fit into a pipe's buffer, so that nobody has to write while another reads. */
#include "decode_util.h"
#include "media/av/av_bytes.h"

#include <unistd.h>

enum { RECORDS = 64 };
static const mm_decode_opts options = {.image = true, .audio = true, .text = true, .rate = 16000, .window = 0.01};

/* What decoding gave, in a few numbers each. */
typedef struct {
    int n;
    struct {
        mm_kind kind;
        int64_t part, samples;
        double from, until, sum;
    } of[RECORDS];
} outcome;

static mm_status note(void *ctx, const mm_record *rec, mm_err *e)
{
    outcome *o = ctx;
    (void)e;
    int i = o->n < RECORDS - 1 ? o->n : RECORDS - 1; /* damaged ones may be many */
    o->n++;
    o->of[i].kind = rec->kind;
    o->of[i].part = rec->part;
    o->of[i].from = rec->has_time ? rec->time[0] : -1;
    o->of[i].until = rec->has_time ? rec->time[1] : -1;
    o->of[i].samples = rec->has_tensor ? rec->tensor.s.dim[0] : 0;
    const float *x = rec->has_tensor ? (const float *)rec->tensor.data : NULL;
    for (int64_t k = 0; k < o->of[i].samples; k++)
        o->of[i].sum += (double)(x[k] * (float)(k + 1));
    return MM_OK;
}

static void decode(mm_blob *b, bool live, outcome *out)
{
    mm_decode_opts o = options;
    mm_arena a = {0};
    mm_err e;
    int64_t emitted;
    memset(out, 0, sizeof *out);
    o.live = live;
    if (b->live && !mm_decode_is_live(b, &o))
        assert_int_equal(mm_blob_swallow_live(b, &e), MM_OK);
    assert_int_equal(mm_decode(b, &o, &a, note, out, &emitted, &e), MM_OK);
    mm_arena_free(&a);
}

static void from_file(const uint8_t *p, size_t n, outcome *out)
{
    mm_blob b = {.key = MM_STR("k"), .src = MM_STR("-"), .path = MM_STR("-"), .named = true, .fd = -1};
    b.bytes = p;
    b.size = (int64_t)n;
    decode(&b, false, out);
}

/* The first `front` bytes have come when the format is told, the rest later. */
static void from_pipe(const uint8_t *p, size_t n, size_t front, outcome *out)
{
    int fd[2];
    mm_err e;
    mm_blob *b = mm_blob_new();
    assert_int_equal(pipe(fd), 0);
    assert_int_equal(write(fd[1], p + front, n - front), n - front);
    close(fd[1]);
    b->key = MM_STR("k");
    b->src = b->path = MM_STR("-");
    b->named = true;
    b->fd = fd[0];
    assert_int_equal(mm_blob_go_live(b, p, front, 1 << 20, &e), MM_OK);
    decode(b, true, out);
    mm_blob_free(b);
}

static const char *const files[] = {"mono16.wav",   "stereo44k.wav", "mulaw.wav",    "float.wav",  "mono24.wav",
                                    "mono22k.aiff", "mono48k.au",    "mono44k.flac", "mono8k.ogg", "stereo44k.ogg"};
enum { FILES = sizeof files / sizeof *files };

static uint8_t *load(int i, size_t *n)
{
    char path[256];
    snprintf(path, sizeof path, "tests/goldens/sound/%s", files[i]);
    return file_bytes(path, n);
}

static void as_from_the_file(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        size_t n;
        uint8_t *p = load(i, &n);
        outcome file, piped;
        from_file(p, n, &file);
        from_pipe(p, n, 16, &piped);
        assert_int_equal(file.of[0].kind, MM_KIND_AUDIO);
        if (memcmp(&file, &piped, sizeof file) != 0)
            fail_msg("%s: %d records, and %d from a pipe", files[i], file.n, piped.n);
        free(p);
    }
}

/* Cut off anywhere: what comes of the beginning of a file comes of it through a pipe. */
static void cut_off(void **state)
{
    (void)state;
    for (int i = 0; i < FILES; i++) {
        size_t n;
        uint8_t *p = load(i, &n);
        outcome file, piped;
        for (size_t cut = 17; cut < n; cut += cut < 160 ? 1 : 97) {
            from_file(p, cut, &file);
            from_pipe(p, cut, 16, &piped);
            if (memcmp(&file, &piped, sizeof file) != 0)
                fail_msg("%s, its first %zu bytes: %d records, and %d from a pipe", files[i], cut, file.n, piped.n);
        }
        free(p);
    }
}

static void damaged(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int i = 0; i < FILES; i++) {
        size_t n;
        uint8_t *p = load(i, &n);
        outcome piped;
        for (int k = 0; k < 200; k++) {
            random = random * 1664525 + 1013904223;
            size_t at = (random >> 8) % (k % 2 ? n : 64);
            uint8_t was = p[at];
            p[at] ^= (uint8_t)(1 + (random & 0x7f));
            from_pipe(p, n, 16, &piped); /* ends, whatever it makes of it */
            p[at] = was;
        }
        free(p);
    }
}

/* A source that sends more as soon as somebody says that nothing has come. */
typedef struct {
    int fd, said;
    char line[2][160];
} sleeper;

static void wake(void *ctx, mm_log_level level, mm_hint hint, const char *line)
{
    sleeper *s = ctx;
    (void)level, (void)hint;
    assert_true(s->said < 2);
    snprintf(s->line[s->said++], sizeof s->line[0], "%s", line);
    if (s->said == 1)
        assert_int_equal(write(s->fd, "more", 4), 4);
}

static void stall_is_said(void **state)
{
    int fd[2], seconds = -1, end = 0;
    char got[8];
    mm_av_bytes x;
    mm_fault f;
    mm_err e;
    (void)state;
    assert_int_equal(pipe(fd), 0);
    sleeper s = {.fd = fd[1]};
    mm_log log = {.say = wake, .ctx = &s};
    mm_blob *b = mm_blob_new();
    b->src = MM_STR("-");
    b->fd = fd[0];
    assert_int_equal(mm_blob_go_live(b, "head", 4, 1 << 20, &e), MM_OK);
    assert_int_equal(mm_av_bytes_open(&x, b, &log, &f), MM_OK);
    assert_int_equal(x.patience, 5000);
    x.patience = 20;
    assert_int_equal(mm_av_bytes_next(&x, got, sizeof got), 4);
    assert_int_equal(s.said, 0); /* what is there is not waited for */
    assert_int_equal(mm_av_bytes_next(&x, got, sizeof got), 4);
    assert_memory_equal(got, "more", 4);
    assert_string_equal(s.line[0], "-: nothing has come for 0.02 s; waiting");
    assert_int_equal(sscanf(s.line[1], "-: goes on after %d s without a byte%n", &seconds, &end), 1);
    assert_int_equal(end, strlen(s.line[1]));
    close(fd[1]);
    assert_int_equal(mm_av_bytes_next(&x, got, sizeof got), 0);
    assert_int_equal(s.said, 2); /* an end is no stall */
    mm_av_bytes_close(&x);
    mm_blob_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_from_the_file), cmocka_unit_test(cut_off),
                                       cmocka_unit_test(damaged), cmocka_unit_test(stall_is_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
