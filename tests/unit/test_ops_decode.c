/* Stepping from a cache is recomputing: a small decoder takes the tokens of several sequences one by one, or
 * some at a time, and has the bits of all tokens at once, in every instruction set and precision of the CPU. On
 * MM_TEST_DEVICE, where large and small products may be summed in different orders, it comes close. */
#include "backend_util.h"

enum { ITEMS = 4, LAYERS = 2, WIDTH = 40, HEADS = 4, KV_HEADS = 2, HEAD = 12, PAIRS = 4, INNER = 56, REACH = 12 };
enum { QUERY = HEADS * HEAD, KEY = KV_HEADS * HEAD, QKV = QUERY + 2 * KEY, CAP = 560 };

/* More keys than attention takes at a time; a single token; and between. A prompt holds its prefix. */
static const int64_t lengths[ITEMS] = {540, 1, 37, 18}, prompts[ITEMS] = {505, 1, 1, 5};

/* What attention has to do besides causality. */
typedef struct {
    int64_t window, prefix[ITEMS];
    bool prefixed, distance;
} shape;
static const shape shapes[] = {{0}, {.window = 30, .prefix = {3, 1, 0, 5}, .prefixed = true}, {.distance = true}};
enum { SHAPES = sizeof shapes / sizeof *shapes };

typedef struct {
    float *gain, *qkv, *out, *up, *down; /* [W], [QKV,W], [W,QUERY], [2 INNER,W], [W,INNER] */
} numbers;

typedef struct {
    mm_weight *gain, *qkv, *out, *up, *down;
    mm_mat keys, values; /* [ITEMS × CAP, KEY] */
} layer;

typedef struct {
    mm_dev *d;
    const shape *s;
    layer layers[LAYERS];
    mm_mat table, distance, x, h, wide, attended; /* all but the first two: [rows, …] */
    int64_t done[ITEMS];                          /* tokens in the cache */
} decoder;

static mm_weight *linear_weight(mm_dev *d, const float *w, int64_t n, int64_t k)
{
    mm_weight *out;
    assert_int_equal(
        mm_dev_linear_weight(&out, d, &(mm_linear_weight){.parts = 1, .w = {tensor(MM_F32, w, 2, n, k)}}, NULL), MM_OK);
    return out;
}

static decoder open_decoder(mm_dev *d, const shape *s, const numbers *f, const float *table, const float *distance)
{
    decoder o = {.d = d, .s = s};
    const int64_t rows = lengths[0] + lengths[1] + lengths[2] + lengths[3];
    for (int i = 0; i < LAYERS; i++) {
        layer *l = &o.layers[i];
        const mm_tensor gain = tensor(MM_F32, f[i].gain, 1, (int64_t)WIDTH);
        assert_int_equal(mm_dev_vector(&l->gain, d, &gain, NULL), MM_OK);
        l->qkv = linear_weight(d, f[i].qkv, QKV, WIDTH);
        l->out = linear_weight(d, f[i].out, WIDTH, QUERY);
        l->up = linear_weight(d, f[i].up, 2 * INNER, WIDTH);
        l->down = linear_weight(d, f[i].down, WIDTH, INNER);
        l->keys = mat(d, NULL, ITEMS * CAP, KEY, 0);
        l->values = mat(d, NULL, ITEMS * CAP, KEY, 4);
    }
    o.table = mat(d, table, CAP, 2 * PAIRS, 0);
    o.distance = mat(d, distance, HEADS, 2 * REACH + 1, 0);
    o.x = mat(d, NULL, rows, WIDTH, 0);
    o.h = mat(d, NULL, rows, WIDTH, 0);
    o.wide = mat(d, NULL, rows, QKV > 2 * INNER ? QKV : 2 * INNER, 0);
    o.attended = mat(d, NULL, rows, QUERY, 0);
    return o;
}

static void close_decoder(decoder *o)
{
    for (int i = 0; i < LAYERS; i++) {
        layer *l = &o->layers[i];
        mm_weight *w[] = {l->gain, l->qkv, l->out, l->up, l->down};
        for (int j = 0; j < 5; j++)
            mm_dev_weight_free(o->d, w[j]);
        mm_dev_free(o->d, l->keys.buf);
        mm_dev_free(o->d, l->values.buf);
    }
    const mm_mat *m[] = {&o->table, &o->distance, &o->x, &o->h, &o->wide, &o->attended};
    for (int i = 0; i < 6; i++)
        mm_dev_free(o->d, m[i]->buf);
    close_dev(o->d);
}

static mm_mat columns(mm_mat m, int64_t from)
{
    m.off += from;
    return m;
}

/* x += out(attention(norm(x))): new keys and values go to the end of each item's cache. */
static void attention(const decoder *o, const layer *l, int64_t rows, const int64_t *cu, const int64_t *end,
                      const int32_t *positions, const int32_t *places)
{
    static const int64_t start[ITEMS] = {0, CAP, 2 * CAP, 3 * CAP};
    const mm_mat q = o->wide, k = columns(q, QUERY), v = columns(k, KEY);
    mm_dev_norm(
        o->d,
        &(mm_norm_op){
            .kind = MM_NORM_RMS, .x = o->x, .y = o->h, .rows = rows, .channels = WIDTH, .gain = l->gain, .eps = 1e-6f});
    mm_dev_linear(o->d, &(mm_linear_op){.x = o->h, .y = q, .w = l->qkv, .rows = rows});
    for (int i = 0; i < 2; i++)
        mm_dev_rotate(o->d, &(mm_rotate_op){.x = i ? k : q,
                                            .y = i ? k : q,
                                            .rows = rows,
                                            .heads = i ? KV_HEADS : HEADS,
                                            .head = HEAD,
                                            .pairs = PAIRS,
                                            .table = o->table,
                                            .ids = positions});
    for (int i = 0; i < 2; i++)
        mm_dev_scatter(
            o->d,
            &(mm_scatter_op){.x = i ? v : k, .y = i ? l->values : l->keys, .rows = rows, .width = KEY, .ids = places});
    mm_dev_attend(o->d, &(mm_attend_op){.q = q,
                                        .k = l->keys,
                                        .v = l->values,
                                        .out = o->attended,
                                        .heads = HEADS,
                                        .kv_heads = KV_HEADS,
                                        .head = HEAD,
                                        .n = ITEMS,
                                        .cu_q = cu,
                                        .k_start = start,
                                        .k_count = end,
                                        .q_start = o->done,
                                        .scale = 1,
                                        .causal = true,
                                        .window = o->s->window,
                                        .prefix = o->s->prefixed ? o->s->prefix : NULL,
                                        .distance = o->s->distance ? o->distance : (mm_mat){0},
                                        .reach = REACH});
    mm_dev_linear(o->d, &(mm_linear_op){.x = o->attended, .y = o->x, .w = l->out, .rows = rows, .residual = o->x});
}

/* x += down(silu(a) ⊙ b) with a and b = up(norm(x)) */
static void feed_forward(const decoder *o, const layer *l, int64_t rows)
{
    const mm_mat a = o->wide, b = columns(a, INNER);
    mm_dev_norm(
        o->d,
        &(mm_norm_op){
            .kind = MM_NORM_RMS, .x = o->x, .y = o->h, .rows = rows, .channels = WIDTH, .gain = l->gain, .eps = 1e-6f});
    mm_dev_linear(o->d, &(mm_linear_op){.x = o->h, .y = a, .w = l->up, .rows = rows});
    mm_dev_glu(o->d, &(mm_glu_op){.a = a, .b = b, .y = a, .rows = rows, .width = INNER, .act = MM_ACT_SILU});
    mm_dev_linear(o->d, &(mm_linear_op){.x = a, .y = o->x, .w = l->down, .rows = rows, .residual = o->x});
}

/* The next count[i] tokens of each item; what becomes of them goes to their places in y. Both [ITEMS][CAP][WIDTH]. */
static void take(decoder *o, const float *tokens, float *y, const int64_t *count)
{
    int64_t cu[ITEMS + 1] = {0}, end[ITEMS];
    int32_t positions[ITEMS * CAP], places[ITEMS * CAP];
    mm_err e = {0};
    for (int i = 0; i < ITEMS; i++) {
        cu[i + 1] = cu[i] + count[i];
        end[i] = o->done[i] + count[i];
        for (int64_t r = 0; r < count[i]; r++) {
            positions[cu[i] + r] = (int32_t)(o->done[i] + r);
            places[cu[i] + r] = (int32_t)(i * CAP + o->done[i] + r);
        }
        mm_dev_write(o->d, o->x.buf, o->x.off + cu[i] * WIDTH, tokens + (i * CAP + o->done[i]) * WIDTH,
                     count[i] * WIDTH);
    }
    for (int i = 0; i < LAYERS; i++) {
        attention(o, &o->layers[i], cu[ITEMS], cu, end, positions, places);
        feed_forward(o, &o->layers[i], cu[ITEMS]);
    }
    for (int i = 0; i < ITEMS; i++)
        mm_dev_read(o->d, o->x.buf, o->x.off + cu[i] * WIDTH, y + (i * CAP + o->done[i]) * WIDTH, count[i] * WIDTH);
    if (mm_dev_flush(o->d, &e) != MM_OK)
        fail_msg("%s", e.text);
    memcpy(o->done, end, sizeof end);
}

/* Prompts at once, then a token of each sequence that is not at its end; every fifth time three. */
static void step_through(decoder *o, const float *tokens, float *y)
{
    take(o, tokens, y, prompts);
    for (int t = 1;; t++) {
        int64_t count[ITEMS], all = 0;
        for (int i = 0; i < ITEMS; i++) {
            const int64_t left = lengths[i] - o->done[i], some = t % 5 ? 1 : 3;
            all += count[i] = left < some ? left : some;
        }
        if (all == 0)
            return;
        take(o, tokens, y, count);
    }
}

static void check(const cpu_mask *m, mm_precision p, const shape *s, const numbers *f, const float *table,
                  const float *distance, const float *tokens)
{
    const size_t all = (size_t)ITEMS * CAP * WIDTH;
    float *whole = calloc(all, sizeof *whole), *stepped = calloc(all, sizeof *stepped);
    double *expected = malloc(all * sizeof *expected);
    decoder once = open_decoder(open_dev(m, p, 2), s, f, table, distance);
    take(&once, tokens, whole, lengths);
    close_decoder(&once);
    decoder steps = open_decoder(open_dev(m, p, 1), s, f, table, distance);
    step_through(&steps, tokens, stepped);
    close_decoder(&steps);
    for (size_t i = 0; i < all; i++)
        expected[i] = whole[i];
    if (other_device())
        close_to(stepped, expected, (int64_t)all, 1e-5, "steps");
    for (size_t i = 0; !other_device() && i < all; i++)
        if (memcmp(&whole[i], &stepped[i], sizeof *whole) != 0)
            fail_msg("%s %s, shape %d: sequence %zu, token %zu, number %zu: %.9g, not %.9g", m->cpu,
                     mm_precision_name(p), (int)(s - shapes), i / WIDTH / CAP, i / WIDTH % CAP, i % WIDTH, stepped[i],
                     whole[i]);
    free(whole);
    free(stepped);
    free(expected);
}

static float *scaled(int64_t n, float by)
{
    float *x = random_floats(n);
    for (int64_t i = 0; i < n; i++)
        x[i] *= by;
    return x;
}

static void test_steps(void **state)
{
    (void)state;
    seed = 3;
    numbers f[LAYERS];
    for (int i = 0; i < LAYERS; i++)
        f[i] = (numbers){scaled(WIDTH, 1), scaled(QKV * WIDTH, 0.3f), scaled(WIDTH * QUERY, 0.2f),
                         scaled(2 * INNER * WIDTH, 0.2f), scaled(WIDTH * INNER, 0.2f)};
    float *table = random_floats(CAP * 2 * PAIRS), *distance = random_floats(HEADS * (2 * REACH + 1)),
          *tokens = random_floats(ITEMS * CAP * WIDTH);
    for (int i = 0; i < CAP * PAIRS; i++) {
        const double angle = i / PAIRS * pow(1e4, -(double)(i % PAIRS) / PAIRS);
        table[i / PAIRS * 2 * PAIRS + i % PAIRS] = (float)cos(angle);
        table[i / PAIRS * 2 * PAIRS + PAIRS + i % PAIRS] = (float)sin(angle);
    }
    static const mm_precision precisions[] = {MM_PREC_FP32, MM_PREC_BF16, MM_PREC_INT8};
    for (int t = 0; t < MASKS; t++)
        for (int p = 0; p < (other_device() ? 1 : 3); p++)
            for (int s = 0; s < SHAPES; s++)
                if (have_mask(&masks[t]) && (p > 0 || !masks[t].reduced))
                    check(&masks[t], precisions[p], &shapes[s], f, table, distance, tokens);
    for (int i = 0; i < LAYERS; i++) {
        float *own[] = {f[i].gain, f[i].qkv, f[i].out, f[i].up, f[i].down};
        for (int j = 0; j < 5; j++)
            free(own[j]);
    }
    free(table);
    free(distance);
    free(tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
