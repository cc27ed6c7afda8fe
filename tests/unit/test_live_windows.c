/* Windows of time that close while records come: beside what a plain simulation says, which computes everything anew
 * from all that has come so far, and, where no record is late, beside the windows of the whole sample, bit for bit. */
#include "base/rng.h"
#include "fuse/live_windows.h"
#include "stream_util.h"

#include <math.h>

enum { MOST = 400, WIDTH = 2, STREAMS = 3, KINDS = 3 };
static const char *const kinds[KINDS] = {"voice", "face", "words"};

/* A record as it comes, or (kind −1) the time at which nothing has come but for `streams`, or (kind −2) the end of a
 * stream, or (kind −3) `streams` fall asleep, and the others are awake. */
typedef struct {
    int stream, kind, key;
    uint64_t streams; /* bits */
    bool timed;
    double from, to, came;
    float x[WIDTH];
    mm_buf bytes;
} event;

typedef struct {
    mm_window_grid grid;
    double lateness;
    int streams, n;
    event v[MOST];
} script;

/* A window as it was, or should have been, written. */
typedef struct {
    int64_t part;
    bool has[KINDS];
    double x[KINDS][WIDTH];
} window;

typedef struct {
    int n;
    int64_t late;
    window v[4 * MOST];
} result;

static void make_record(event *x)
{
    mm_err e;
    mm_arena a = {0};
    mm_record rec = mm_record_new(MM_KIND_FEATURE);
    const int64_t width = WIDTH;
    rec.key = mm_str_of(mm_arena_printf(&a, "key%d", x->key));
    rec.src = MM_STR("call.wav");
    rec.of = mm_str_of(kinds[x->kind]);
    rec.space = MM_STR("s");
    rec.has_time = x->timed;
    rec.time[0] = x->from;
    rec.time[1] = x->to;
    rec.has_tensor = true;
    rec.tensor.data = x->x;
    assert_int_equal(mm_shape_make(&rec.tensor.s, MM_F32, 1, &width, &e), MM_OK);
    assert_int_equal(mm_record_serialise(&rec, &x->bytes, &e), MM_OK);
    mm_arena_free(&a);
}

static mm_record parsed(const event *x, mm_arena *a)
{
    mm_err e;
    mm_record rec;
    size_t used;
    assert_int_equal(mm_record_parse(x->bytes.p, x->bytes.n, &used, a, &rec, &e), MM_OK);
    return rec;
}

static void free_script(script *s)
{
    for (int i = 0; i < s->n; i++)
        mm_buf_free(&s->v[i].bytes);
}

/* ---- the simulation ---- */

static double overlap_of(const event *r, double from, double to)
{
    if (r->to - r->from < 1e-3)
        return r->from >= from && r->from < to ? 1e-3 : 0;
    double n = fmin(r->to, to) - fmax(r->from, from);
    return n > 1e-9 ? n : 0;
}

static double end_of(const event *r)
{
    return fmax(r->to, r->from + 1e-3);
}

/* Whether stream s has ended by event i. */
static bool has_ended(const script *s, int stream, int i)
{
    for (int k = 0; k <= i; k++)
        if (s->v[k].kind == -2 && s->v[k].stream == stream)
            return true;
    return false;
}

/* How far a source has come by event i: what it has passed, and what it has reached. False: it has brought nothing. */
static bool source_at(const script *s, int stream, int kind, int i, double *passed, double *reached)
{
    const event *last = NULL;
    double overlap = 0;
    int n = 0;
    for (int k = 0; k <= i; k++) {
        const event *r = &s->v[k];
        if (r->kind != kind || r->stream != stream || !r->timed || (last && r->from < last->from))
            continue;
        if (last)
            overlap = fmin(overlap, r->from - end_of(last));
        last = r;
        n++;
    }
    if (!last)
        return false;
    *reached = end_of(last) + overlap;
    *passed = n > 1 ? *reached : last->from;
    return true;
}

static double reached_at(const script *s, int i)
{
    double most = -INFINITY, passed, reached;
    for (int stream = 0; stream < s->streams; stream++)
        for (int kind = 0; kind < KINDS; kind++)
            if (source_at(s, stream, kind, i, &passed, &reached))
                most = fmax(most, reached);
    return most;
}

/* Which streams are asleep at event i. */
static uint64_t asleep_at(const script *s, int i)
{
    while (i >= 0 && s->v[i].kind != -3)
        i--;
    return i < 0 ? 0 : s->v[i].streams;
}

/* Until when windows are closed after event i, as far as these streams go; `expected`: kinds that must have come. */
static double passed_at(const script *s, int i, unsigned expected, uint64_t streams)
{
    double least = INFINITY, passed, reached;
    unsigned came = 0, open = 0;
    for (int stream = 0; stream < s->streams; stream++) {
        bool any = false, ended = has_ended(s, stream, i) || !(streams >> stream & 1);
        for (int kind = 0; kind < KINDS; kind++) {
            if (!source_at(s, stream, kind, i, &passed, &reached))
                continue;
            any = true;
            came |= 1u << kind;
            if (!ended)
                least = fmin(least, passed);
        }
        open += !ended;
        if (!ended && !any)
            least = -INFINITY;
    }
    if (!open)
        return INFINITY;
    if (expected & ~came)
        least = -INFINITY;
    return least;
}

/* The same by any rule but the clock of the machine. */
static double closed_at(const script *s, int i, unsigned expected)
{
    return fmax(passed_at(s, i, expected, UINT64_MAX),
                fmin(reached_at(s, i) - s->lateness, passed_at(s, i, expected, ~asleep_at(s, i))));
}

static void simulate(const script *s, unsigned expected, result *out)
{
    double until = -INFINITY, end = 0;
    int64_t first = 0;
    out->n = 0;
    out->late = 0;
    for (int i = 0; i < s->n; i++) {
        const event *now = &s->v[i];
        bool late = false;
        for (int64_t k = 0; now->kind >= 0 && now->timed && k < first; k++)
            late |= end_of(now) - k * s->grid.hop > 1e-9 && k * s->grid.hop + s->grid.window - now->from > 1e-9 &&
                    now->from < k * s->grid.hop + s->grid.window;
        out->late += late;
        if (now->kind >= 0 && now->timed)
            end = fmax(end, end_of(now));
        until = fmax(until, closed_at(s, i, expected));
        bool ticks = now->kind == -1 || (now->kind >= 0 && asleep_at(s, i));
        uint64_t readable = now->kind == -1 ? now->streams : ~asleep_at(s, i);
        for (int k = 0; ticks && k <= i; k++)
            if (s->v[k].kind >= 0 && s->v[k].came + s->lateness <= now->came)
                until = fmax(until, fmin(reached_at(s, k), passed_at(s, i, expected, readable)));
        double count = end > 0 ? ceil(end / s->grid.hop - 1e-9) : 1;
        for (; first < count && first * s->grid.hop + s->grid.window <= until + 1e-7; first++) {
            window *w = &out->v[out->n];
            double weight[KINDS] = {0};
            *w = (window){.part = first};
            for (int k = 0; k <= i; k++) {
                const event *r = &s->v[k];
                double from = first * s->grid.hop;
                double n = r->kind < 0 ? 0 : r->timed ? overlap_of(r, from, from + s->grid.window) : 1;
                for (int c = 0; n > 0 && c < WIDTH; c++)
                    w->x[r->kind][c] += n * (double)r->x[c];
                if (n > 0)
                    weight[r->kind] += n;
            }
            for (int kind = 0; kind < KINDS; kind++) {
                w->has[kind] = weight[kind] > 0;
                for (int c = 0; w->has[kind] && c < WIDTH; c++)
                    w->x[kind][c] /= weight[kind];
            }
            out->n += w->has[0] || w->has[1] || w->has[2];
        }
    }
}

/* ---- the real one ---- */

/* A window that is not empty, as the test compares it. */
static bool compared(const mm_features *f, window *w)
{
    bool any = false;
    *w = (window){.part = f->part};
    for (int kind = 0; kind < KINDS; kind++) {
        const mm_modality_rows *p = mm_features_find(f, mm_str_of(kinds[kind]));
        w->has[kind] = p && p->rows;
        any |= w->has[kind];
        for (int c = 0; w->has[kind] && c < WIDTH; c++)
            w->x[kind][c] = (double)p->x[c];
    }
    return any;
}

static void take_windows(mm_live *l, result *out)
{
    mm_sample *own;
    mm_features *w;
    mm_status s;
    mm_err e;
    while ((s = mm_live_next(l, &own, &w, &e)) == MM_OK) {
        assert_true(out->n < 4 * MOST);
        out->n += compared(w, &out->v[out->n]);
        mm_sample_free(own);
    }
    assert_int_equal(s, MM_EOF);
}

static void run(const script *s, unsigned expected, result *out)
{
    mm_live *l;
    mm_err e;
    mm_arena a = {0};
    mm_live_opts o = {.streams = s->streams, .grid = s->grid, .lateness = s->lateness, .limit = 1 << 24};
    for (int kind = 0; kind < KINDS; kind++)
        if (expected >> kind & 1)
            o.expected[o.n_expected++] = mm_str_of(kinds[kind]);
    assert_int_equal(mm_live_new(&l, &o, &e), MM_OK);
    out->n = 0;
    for (int i = 0; i < s->n; i++) {
        const event *x = &s->v[i];
        if (x->kind == -2)
            mm_live_end(l, x->stream);
        else if (x->kind == -1)
            mm_live_tick(l, x->came, x->streams);
        else if (x->kind == -3)
            mm_live_sleep(l, x->streams);
        else {
            const mm_record rec = parsed(x, &a);
            assert_int_equal(mm_live_add(l, x->stream, &rec, true, x->came, &e), MM_OK);
        }
        mm_arena_reset(&a);
        take_windows(l, out);
        if (x->kind == -1) /* nothing is left for which that time would do */
            assert_true(mm_live_deadline(l, x->streams) > x->came);
    }
    out->late = mm_live_counts(l).late;
    mm_live_free(l);
    mm_arena_free(&a);
}

static void compare(const result *got, const result *want)
{
    assert_int_equal(got->late, want->late);
    assert_int_equal(got->n, want->n);
    for (int i = 0; i < got->n; i++) {
        const window *g = &got->v[i], *w = &want->v[i];
        assert_int_equal(g->part, w->part);
        for (int kind = 0; kind < KINDS; kind++) {
            assert_int_equal(g->has[kind], w->has[kind]);
            for (int c = 0; c < WIDTH; c++)
                assert_true(fabs(g->x[kind][c] - w->x[kind][c]) < 1e-4);
        }
    }
}

/* ---- scripts ---- */

static double pick(mm_rng *r, const double *from, int n)
{
    return from[mm_rng_below(r, (uint64_t)n)];
}

static int by_time(const void *a, const void *b)
{
    const event *x = a, *y = b;
    return x->came < y->came ? -1 : x->came > y->came;
}

/* Sources of regular records, each at most `delay` seconds late, in the order in which they come. Without delay each
 * modality is a source by itself. */
static void write_script(script *s, mm_rng *r, double delay, bool pauses)
{
    static const double lengths[] = {0, 0.04, 0.5, 1, 2, 3.3}, hops[] = {0.1, 0.5, 1, 1.7, 2};
    int sources = 1 + (int)mm_rng_below(r, delay > 0 ? 4 : KINDS);
    *s = (script){.streams = 1 + (int)mm_rng_below(r, STREAMS)};
    s->grid.window = pick(r, hops, 5);
    s->grid.hop = mm_rng_below(r, 2) ? s->grid.window : pick(r, hops, 5);
    for (int i = 0; i < sources; i++) {
        int stream = (int)mm_rng_below(r, (uint64_t)s->streams), kind = (int)mm_rng_below(r, KINDS);
        if (!(delay > 0)) {
            kind = i;
            stream = i % s->streams;
        }
        double length = pick(r, lengths, 6), hop = fmax(pick(r, hops, 5), length / 4), at = mm_rng_uniform(r) * 4;
        for (int k = 0, n = (int)mm_rng_below(r, 60); k < n && s->n < MOST - STREAMS - 40; k++, at += hop) {
            event *x = &s->v[s->n++];
            *x = (event){.stream = stream, .kind = kind, .timed = true, .from = at, .to = at + length};
            x->came = x->to + delay * mm_rng_uniform(r);
            for (int c = 0; c < WIDTH; c++)
                x->x[c] = (float)mm_rng_uniform(r);
            if (mm_rng_below(r, 8) == 0)
                at += pauses ? 3 * hop : 0;
        }
    }
    for (int k = 0; delay > 0 && k < 30; k++)
        s->v[s->n++] = (event){
            .kind = k % 3 ? -1 : -3, .came = mm_rng_uniform(r) * 40, .streams = mm_rng_below(r, 1 << s->streams)};
    qsort(s->v, (size_t)s->n, sizeof s->v[0], by_time);
    for (int stream = 0; stream < s->streams; stream++)
        s->v[s->n++] = (event){.stream = stream, .kind = -2};
    for (int i = 0; i < s->n; i++)
        if (s->v[i].kind >= 0)
            make_record(&s->v[i]);
}

/* The windows of all records as one sample, put together by a join. */
static void whole(const script *s, result *out)
{
    mm_join *j;
    mm_sample *sample;
    mm_features *f;
    mm_err e;
    mm_arena a = {0};
    int n;
    out->n = 0;
    out->late = 0;
    assert_int_equal(mm_join_new(&j, s->streams, 1 << 24, &e), MM_OK);
    for (int i = 0; i < s->n; i++) {
        if (s->v[i].kind < 0)
            continue;
        const mm_record rec = parsed(&s->v[i], &a);
        assert_int_equal(mm_join_add(j, s->v[i].stream, &rec, &e), MM_OK);
    }
    for (int stream = 0; stream < s->streams; stream++)
        mm_join_end(j, stream);
    if ((sample = mm_join_next(j))) {
        assert_int_equal(mm_features_of_windows(&f, &n, sample, s->grid, &e), MM_OK);
        for (int k = 0; k < n; k++)
            out->n += compared(&f[k], &out->v[out->n]);
    }
    mm_sample_free(sample);
    mm_join_free(j);
    mm_arena_free(&a);
}

/* ---- tests ---- */

static script one;
static result got, want;

static void test_simulation(void **state)
{
    (void)state;
    static const double lateness[] = {0, 0.3, 1, 4, INFINITY};
    mm_rng r = {20};
    int64_t late = 0;
    for (int round = 0; round < 150; round++) {
        write_script(&one, &r, pick(&r, (double[]){0.2, 1, 5}, 3), true);
        one.lateness = pick(&r, lateness, 5);
        unsigned expected = (unsigned)mm_rng_below(&r, 8);
        run(&one, expected, &got);
        simulate(&one, expected, &want);
        compare(&got, &want);
        late += got.late;
        free_script(&one);
    }
    assert_true(late > 50);
}

static void test_on_time(void **state)
{
    (void)state;
    mm_rng r = {21};
    int64_t windows = 0;
    for (int round = 0; round < 150; round++) {
        write_script(&one, &r, 0, round % 2);
        one.lateness = round % 3 ? 0 : 10; /* what is there to be read is never late */
        run(&one, 7, &got);
        whole(&one, &want);
        assert_int_equal(got.late, 0);
        assert_int_equal(got.n, want.n);
        assert_memory_equal(got.v, want.v, (size_t)got.n * sizeof got.v[0]);
        windows += got.n;
        free_script(&one);
    }
    assert_true(windows > 500);
}

/* Hours of two sources, and no more memory than their last records take; or, where windows wait for a third, which is
 * not there, and no stream is asleep, than is allowed. */
static void run_long(bool missing)
{
    mm_live *l;
    mm_sample *own;
    mm_features *w;
    mm_err e;
    mm_arena a = {0};
    const mm_live_opts o = {.streams = 1,
                            .grid = {0.5, 0.5},
                            .lateness = 1,
                            .expected = {MM_STR("words")},
                            .n_expected = missing,
                            .limit = missing ? 40000 : 20000};
    int64_t windows = 0;
    event x = {.timed = true};
    assert_int_equal(mm_live_new(&l, &o, &e), MM_OK);
    make_record(&x);
    mm_record rec = parsed(&x, &a);
    for (int i = 0; i < 40000; i++) {
        rec.time[0] = i / 2 * 0.5;
        rec.time[1] = rec.time[0] + 0.5;
        rec.of = mm_str_of(kinds[i & 1]);
        mm_buf bytes = {0};
        mm_record copy = rec;
        copy.raw = (mm_str){0};
        assert_int_equal(mm_record_serialise(&copy, &bytes, &e), MM_OK);
        rec.raw = (mm_str){(const char *)bytes.p, bytes.n};
        assert_int_equal(mm_live_add(l, 0, &rec, true, rec.time[1], &e), MM_OK);
        mm_buf_free(&bytes);
        for (; mm_live_next(l, &own, &w, &e) == MM_OK; windows++) {
            assert_int_equal(w->part, windows);
            mm_sample_free(own);
        }
    }
    mm_live_end(l, 0);
    while (mm_live_next(l, &own, &w, &e) == MM_OK) {
        mm_sample_free(own);
        windows++;
    }
    assert_int_equal(windows, 20000);
    mm_live_free(l);
    mm_arena_free(&a);
    mm_buf_free(&x.bytes);
}

static void test_memory(void **state)
{
    (void)state;
    run_long(false);
    run_long(true);
}

/* A record of this key and time on a stream, which came at its end. */
static void add_at(mm_live *l, int stream, int key, double from, double to)
{
    mm_err e;
    mm_arena a = {0};
    event x = {.stream = stream, .kind = stream, .key = key, .timed = true, .from = from, .to = to};
    make_record(&x);
    const mm_record rec = parsed(&x, &a);
    assert_int_equal(mm_live_add(l, stream, &rec, true, to, &e), MM_OK);
    mm_arena_free(&a);
    mm_buf_free(&x.bytes);
}

static int count_windows(mm_live *l)
{
    got.n = 0;
    take_windows(l, &got);
    return got.n;
}

static mm_live *beside_silence(double lateness, size_t limit)
{
    mm_live *l;
    mm_err e;
    const mm_live_opts o = {.streams = 2, .grid = {2, 2}, .lateness = lateness, .limit = limit};
    assert_int_equal(mm_live_new(&l, &o, &e), MM_OK);
    return l;
}

/* Thousands of keys of one stream, in the memory of a few, while the other is silent: where the one pauses (a tick),
 * and where it never does (the other is asleep), also where only the limit ends the waiting. */
static void test_keys(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        mm_live *l = beside_silence(way < 2 ? 2.5 : 1e6, 200000);
        bool pauses = way == 1;
        int windows = 0, waiting = way < 2 ? 3 : 8;
        mm_live_sleep(l, pauses ? 0 : 1 << 1);
        for (int i = 0; i < 5000; i++) {
            add_at(l, 0, i, i, i + 0.5);
            if (pauses)
                mm_live_tick(l, i + 0.9, 0);
            windows += count_windows(l);
            assert_true(windows >= i - waiting);
        }
        add_at(l, 1, 7, 7, 7.5); /* of a key that was given up */
        add_at(l, 1, 7, 7.5, 8);
        add_at(l, 1, 4999, 4999, 5000);
        mm_live_end(l, 0);
        mm_live_end(l, 1);
        assert_int_equal(windows + count_windows(l), 5000);
        assert_int_equal(mm_live_counts(l).keys, 5000);
        assert_int_equal(mm_live_counts(l).late, 2);
        mm_live_free(l);
    }
}

/* A stream that leaves a key, or ends, has reached the end of its last window there; while the other is still in it. */
static void test_leaving(void **state)
{
    (void)state;
    for (int ends = 0; ends < 2; ends++) {
        mm_live *l = beside_silence(1, 1 << 20);
        add_at(l, 0, 0, 0, 1);
        add_at(l, 1, 0, 0, 0.5);
        ends ? mm_live_end(l, 0) : add_at(l, 0, 1, 4, 5);
        if (ends) {
            assert_true(mm_live_deadline(l, 0) <= 5); /* for the time that it is */
            mm_live_tick(l, 5, 0);
        }
        assert_int_equal(count_windows(l), 0);
        assert_true(mm_live_deadline(l, 0) == 6);
        mm_live_tick(l, 5.9, 0);
        assert_int_equal(count_windows(l), 0);
        mm_live_tick(l, 6, 0);
        assert_int_equal(count_windows(l), 1);
        assert_true(mm_live_deadline(l, 0) > 6);
        add_at(l, 1, 0, 1.5, 3); /* late in one window, on time in the next */
        assert_int_equal(mm_live_counts(l).late, 1);
        mm_live_free(l);
    }
}

/* After a mark a key that was given up is a new one. */
static void test_mark(void **state)
{
    (void)state;
    mm_live *l = beside_silence(1, 1 << 20);
    for (int i = 0; i < 3; i++) {
        add_at(l, 0, 0, 0, 1);
        mm_live_mark(l, 0);
        mm_live_tick(l, 3, 0);
        assert_int_equal(count_windows(l), 0);
        mm_live_tick(l, 4, 0);
        assert_int_equal(count_windows(l), 1);
        add_at(l, 1, 0, 0, 1);
        mm_live_mark(l, 1);
        assert_int_equal(count_windows(l), 0);
        assert_true(mm_live_at_mark(l));
        mm_live_pass_mark(l);
        assert_int_equal(mm_live_counts(l).late, i + 1);
    }
    mm_live_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_simulation), cmocka_unit_test(test_on_time), cmocka_unit_test(test_memory),
        cmocka_unit_test(test_keys),       cmocka_unit_test(test_leaving), cmocka_unit_test(test_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
