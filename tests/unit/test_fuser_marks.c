/* Several streams with marks: what each request holds is joined by itself, and its mark leaves after it; beside a plain
 * count over all records, for samples and for windows that close while records come. */
#include "base/rng.h"
#include "fuse/fuser.h"
#include "stream_util.h"

#include <math.h>

enum { STREAMS = 4, MOST = 120, KEYS = 6, REQUESTS = 8, OUT = 1000 };

/* A record: of key `key` with this value, or (key −1) a mark. */
typedef struct {
    int key;
    float value;
} item;

typedef struct {
    int n, at, marks;
    item v[MOST];
} stream;

typedef struct {
    bool mark;
    char key[16];
    double value;
} answer;

typedef struct {
    int n, delivered; /* how many were written when they were last delivered */
    answer v[OUT];
} answers;

static void put(void *ctx, const mm_record *rec, bool made)
{
    answers *out = ctx;
    answer *x = &out->v[out->n++];
    assert_true(out->n < OUT);
    assert_int_equal(made, rec->kind == MM_KIND_FEATURE);
    x->mark = rec->kind == MM_KIND_MARK;
    snprintf(x->key, sizeof x->key, "%.*s", MM_STRF(rec->key));
    x->value = x->mark ? 0 : (double)*(const float *)rec->tensor.data;
}

static void fail_sample(void *ctx, const mm_record *error, const mm_err *why)
{
    (void)ctx;
    (void)error;
    fail_msg("%s", why->text);
}

static void deliver(void *ctx)
{
    answers *out = ctx;
    out->delivered = out->n;
}

/* Keys in an order of the stream's own, each at most once a request, in a number of records. */
static void write_stream(stream *s, mm_rng *r)
{
    *s = (stream){0};
    for (int request = 0, n = (int)mm_rng_below(r, REQUESTS + 1); request <= n; request++) {
        int first = (int)mm_rng_below(r, KEYS), step = mm_rng_below(r, 2) ? 1 : 5;
        for (int i = 0; i < KEYS; i++)
            for (int k = (int)mm_rng_below(r, 3); k > 0; k--)
                s->v[s->n++] = (item){(first + i * step) % KEYS, (float)mm_rng_uniform(r)};
        if (request < n) {
            s->v[s->n++] = (item){.key = -1};
            s->marks++;
        }
    }
}

static void take(mm_fuser *f, int s, const item *x, int mark)
{
    static const char *const names[STREAMS] = {"a", "b", "c", "d"};
    mm_record rec = mm_record_new(x->key < 0 ? MM_KIND_MARK : MM_KIND_FEATURE), read;
    mm_buf bytes = {0};
    mm_arena a = {0};
    mm_err e;
    size_t used;
    const int64_t width = 1;
    rec.key = mm_str_of(x->key < 0 ? mm_arena_printf(&a, "mark%d", mark) : mm_arena_printf(&a, "key%d", x->key));
    if (x->key >= 0) {
        rec.of = mm_str_of(names[s]);
        rec.space = MM_STR("s");
        rec.has_tensor = true;
        rec.tensor.data = &x->value;
        assert_int_equal(mm_shape_make(&rec.tensor.s, MM_F32, 1, &width, &e), MM_OK);
    }
    assert_int_equal(mm_record_serialise(&rec, &bytes, &e), MM_OK);
    assert_int_equal(mm_record_parse(bytes.p, bytes.n, &used, &a, &read, &e), MM_OK);
    assert_int_equal(mm_fuser_take(f, s, &read, 0, &e), MM_OK);
    mm_arena_free(&a);
    mm_buf_free(&bytes);
}

/* Reads whatever the fuser asks for. Nothing that stands before a mark which has left waits for more input. */
static void run(stream *in, int streams, bool live, answers *out)
{
    mm_err e;
    mm_fuser *f;
    int marks[STREAMS] = {0};
    mm_fuser_opts o = {.mode = MM_FUSE_RULE,
                       .rule = MM_COMBINE_MEAN,
                       .window = live ? 100 : 0,
                       .live = live,
                       .lateness = 1,
                       .streams = streams,
                       .memory = 1 << 20,
                       .put = put,
                       .fail = fail_sample,
                       .deliver = deliver,
                       .ctx = out};
    *out = (answers){0};
    assert_int_equal(mm_fuser_new(&f, &o, &e), MM_OK);
    for (int s; (s = mm_fuser_next_stream(f, 0)) >= 0;) {
        stream *x = &in[s];
        if (x->at == x->n) {
            assert_int_equal(mm_fuser_end(f, s, &e), MM_OK);
            continue;
        }
        const item *next = &x->v[x->at++];
        marks[s] += next->key < 0;
        for (int other = 0; other < streams; other++) /* it waits at its mark */
            assert_true(in[other].at == in[other].n || marks[s] <= marks[other] + 1);
        take(f, s, next, marks[s]);
        if (x->at % 7 == 0) {
            assert_int_equal(mm_fuser_idle(f, &e), MM_OK);
            for (int i = out->delivered; i < out->n; i++)
                assert_false(out->v[i].mark);
        }
    }
    mm_fuser_free(f);
}

/* The mean over the streams of the means of their records of a key in a request; NaN: none has it. */
static double value_of(const stream *in, int streams, int request, int key)
{
    double sum = 0;
    int have = 0;
    for (int s = 0; s < streams; s++) {
        double mean = 0;
        int n = 0, at = 0;
        for (int i = 0; i < in[s].n; i++) {
            at += in[s].v[i].key < 0;
            if (at == request && in[s].v[i].key == key) {
                mean += (double)in[s].v[i].value;
                n++;
            }
        }
        sum += n ? mean / n : 0;
        have += n > 0;
    }
    return have ? sum / have : NAN;
}

static void check(const stream *in, int streams, const answers *got)
{
    int requests = 0, at = 0;
    for (int s = 0; s < streams; s++)
        requests = in[s].marks > requests ? in[s].marks : requests;
    for (int request = 0; request <= requests; request++) {
        unsigned seen = 0, wanted = 0;
        for (int key = 0; key < KEYS; key++)
            wanted |= (unsigned)!isnan(value_of(in, streams, request, key)) << key;
        for (; at < got->n && !got->v[at].mark; at++) {
            int key = got->v[at].key[3] - '0';
            assert_false(seen >> key & 1);
            seen |= 1u << key;
            assert_true(fabs(got->v[at].value - value_of(in, streams, request, key)) < 1e-5);
        }
        assert_int_equal(seen, wanted);
        if (request == requests)
            break;
        assert_true(at < got->n);
        char mark[16];
        snprintf(mark, sizeof mark, "mark%d", request + 1);
        assert_string_equal(got->v[at++].key, mark);
    }
    assert_int_equal(at, got->n);
}

static void test_marks(void **state)
{
    static stream in[STREAMS];
    static answers got;
    mm_rng r = {5};
    (void)state;
    for (int round = 0; round < 200; round++) {
        int streams = 1 + (int)mm_rng_below(&r, STREAMS);
        for (int s = 0; s < streams; s++)
            write_stream(&in[s], &r);
        for (int live = 0; live < 2; live++) {
            for (int s = 0; s < streams; s++)
                in[s].at = 0;
            run(in, streams, live, &got);
            check(in, streams, &got);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_marks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
