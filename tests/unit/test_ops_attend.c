/* Attention in every instruction set that this processor has (or on MM_TEST_DEVICE), beside plain loops in double
 * precision: packed batches, caches with room after an item, grouped heads, windows, prefixes and biases. */
#include "backend_util.h"

enum { ITEMS = 8 };

typedef struct {
    int n, heads, kv_heads, head;
    int64_t queries[ITEMS], keys[ITEMS], q_start[ITEMS], prefix[ITEMS];
    int64_t room; /* unused rows after the keys of each item; < 0: packed, no k_count */
    bool causal, prefixed, started;
    int64_t window;
    int64_t bias_rows; /* 0: no bias; < 0: −that, and each item its own */
    int64_t reach;     /* of the bias by distance; < 0: none */
    float size;        /* of the scores */
} attend_case;

/* A case with its numbers. */
typedef struct {
    const attend_case *c;
    int64_t cu_q[ITEMS + 1], k_start[ITEMS + 1], bias_start[ITEMS], bias_rows, bias_width;
    float *q, *k, *v, *bias, *distance;
    int64_t nq, nk, width, kv_width;
} attend_data;

static bool sees(const attend_case *c, int item, int64_t p, int64_t j)
{
    if (c->prefixed && j < c->prefix[item])
        return true;
    return !(c->causal && j > p) && !(c->window && (p - j >= c->window || j - p >= c->window));
}

static double score(const attend_data *a, int item, int h, int64_t i, int64_t j)
{
    const attend_case *c = a->c;
    const int64_t p = (c->started ? c->q_start[item] : 0) + i, kv = h / (c->heads / c->kv_heads);
    const float *q = a->q + (a->cu_q[item] + i) * a->width + h * c->head;
    const float *k = a->k + (a->k_start[item] + j) * a->kv_width + kv * c->head;
    double s = 0;
    if (!sees(c, item, p, j))
        return -INFINITY;
    for (int x = 0; x < c->head; x++)
        s += (double)q[x] * k[x];
    s *= 1 / sqrtf((float)c->head);
    if (a->bias)
        s += a->bias[(a->bias_start[item] + h * a->bias_rows + p) * a->bias_width + j];
    if (a->distance) {
        const int64_t d = j - p < -c->reach ? -c->reach : j - p > c->reach ? c->reach : j - p;
        s += a->distance[h * (2 * c->reach + 1) + d + c->reach];
    }
    return s;
}

/* out[head] of query i of an item. */
static void reference(const attend_data *a, int item, int h, int64_t i, double *out)
{
    const attend_case *c = a->c;
    const int64_t keys = c->keys[item], kv = h / (c->heads / c->kv_heads);
    double *w = malloc((size_t)(keys + 1) * sizeof *w), top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < keys; j++)
        top = fmax(top, w[j] = score(a, item, h, i, j));
    for (int64_t j = 0; j < keys; j++)
        sum += w[j] = top > -INFINITY ? exp(w[j] - top) : 0;
    for (int x = 0; x < c->head; x++) {
        out[x] = 0;
        for (int64_t j = 0; j < keys && sum > 0; j++)
            out[x] += w[j] / sum * a->v[(a->k_start[item] + j) * a->kv_width + kv * c->head + x];
    }
    free(w);
}

static attend_data make(const attend_case *c)
{
    attend_data a = {.c = c, .width = (int64_t)c->heads * c->head, .kv_width = (int64_t)c->kv_heads * c->head};
    int64_t bias_rows = 0;
    for (int i = 0; i < c->n; i++) {
        a.cu_q[i + 1] = a.cu_q[i] + c->queries[i];
        a.k_start[i + 1] = a.k_start[i] + c->keys[i] + (c->room > 0 ? c->room : 0);
        a.bias_width = c->keys[i] > a.bias_width ? c->keys[i] : a.bias_width;
    }
    a.nq = a.cu_q[c->n];
    a.nk = a.k_start[c->n];
    a.q = random_floats(a.nq * a.width);
    a.k = random_floats(a.nk * a.kv_width);
    a.v = random_floats(a.nk * a.kv_width);
    for (int64_t i = 0; i < a.nq * a.width; i++)
        a.q[i] *= c->size;
    for (int i = 0; i < c->n && c->room > 0; i++) /* what nobody may read */
        for (int64_t r = (a.k_start[i + 1] - c->room) * a.kv_width; r < a.k_start[i + 1] * a.kv_width; r++)
            a.k[r] = a.v[r] = NAN;
    a.bias_rows = c->bias_rows < 0 ? -c->bias_rows : c->bias_rows;
    for (int i = 0; i < c->n; i++) {
        a.bias_start[i] = c->bias_rows < 0 ? i * c->heads * a.bias_rows : 0;
        bias_rows = a.bias_start[i] + c->heads * a.bias_rows;
    }
    if (a.bias_rows) {
        a.bias = random_floats(bias_rows * a.bias_width);
        for (int64_t i = 0; i < bias_rows * a.bias_width; i += 7)
            a.bias[i] = -INFINITY;
    }
    if (c->reach >= 0)
        a.distance = random_floats(c->heads * (2 * c->reach + 1));
    return a;
}

/* Rows of x among those of a buffer that is there. */
static mm_mat put(mm_dev *d, mm_dbuf *buf, const float *x, int64_t rows, int64_t width, int64_t off, int64_t ld)
{
    const mm_mat m = {.buf = buf, .off = off, .ld = ld};
    for (int64_t r = 0; r < rows; r++)
        mm_dev_write(d, buf, off + r * ld, x + r * width, width);
    return m;
}

/* Keys and values in buffers of their own, at odd places; or in one buffer, everything at multiples of four floats,
 * for which devices have faster paths. */
static void check_layout(mm_dev *d, const attend_case *c, bool together)
{
    attend_data a = make(c);
    mm_mat q, k, v, out, bias = {0}, distance = {0};
    mm_dbuf *both = NULL;
    if (together) {
        const int64_t half = (a.kv_width + 3) / 4 * 4;
        assert_int_equal(mm_dev_alloc(&both, d, a.nk * 2 * half + 4, NULL), MM_OK);
        k = put(d, both, a.k, a.nk, a.kv_width, 4, 2 * half);
        v = put(d, both, a.v, a.nk, a.kv_width, 4 + half, 2 * half);
        q = mat(d, NULL, a.nq + 1, (a.width + 3) / 4 * 4, 0);
        q = put(d, q.buf, a.q, a.nq, a.width, 0, q.ld);
        out = mat(d, NULL, a.nq, (a.width + 3) / 4 * 4, 0);
        out.off = 0;
    } else {
        q = mat(d, a.q, a.nq, a.width, 7);
        k = mat(d, a.k, a.nk, a.kv_width, 2);
        v = mat(d, a.v, a.nk, a.kv_width, 0);
        out = mat(d, NULL, a.nq, a.width, 1);
    }
    if (a.bias)
        bias = mat(d, a.bias, a.bias_start[c->n - 1] + c->heads * a.bias_rows, a.bias_width, 3);
    if (a.distance)
        distance = mat(d, a.distance, c->heads, 2 * c->reach + 1, 1);
    mm_dev_attend(d, &(mm_attend_op){.q = q,
                                     .k = k,
                                     .v = v,
                                     .out = out,
                                     .heads = c->heads,
                                     .kv_heads = c->kv_heads == c->heads ? 0 : c->kv_heads,
                                     .head = c->head,
                                     .n = c->n,
                                     .cu_q = a.cu_q,
                                     .k_start = a.k_start,
                                     .k_count = c->room < 0 ? NULL : c->keys,
                                     .q_start = c->started ? c->q_start : NULL,
                                     .scale = 1 / sqrtf((float)c->head),
                                     .causal = c->causal,
                                     .window = c->window,
                                     .prefix = c->prefixed ? c->prefix : NULL,
                                     .bias = bias,
                                     .distance = distance,
                                     .bias_rows = a.bias_rows,
                                     .reach = c->reach,
                                     .bias_start = c->bias_rows < 0 ? a.bias_start : NULL});
    float *y = fetch(d, &out, a.nq, a.width);
    double *ref = malloc((size_t)(a.nq * a.width + 1) * sizeof *ref);
    for (int item = 0; item < c->n; item++)
        for (int64_t i = 0; i < c->queries[item]; i++)
            for (int h = 0; h < c->heads; h++)
                reference(&a, item, h, i, ref + (a.cu_q[item] + i) * a.width + h * c->head);
    char what[160];
    snprintf(what, sizeof what,
             "attend %s: %d heads of %d, %d of keys, %lld keys, causal %d, window %lld, bias %lld, %lld",
             mm_dev_name(d), c->heads, c->head, c->kv_heads, (long long)a.nk, c->causal, (long long)c->window,
             (long long)c->bias_rows, (long long)c->reach);
    close_to(y, ref, a.nq * a.width, 2e-6 * (1 + c->size), what);
    mm_dbuf *const buffers[] = {q.buf,       together ? both : k.buf, together ? NULL : v.buf, out.buf, bias.buf,
                                distance.buf};
    for (int i = 0; i < 6; i++)
        mm_dev_free(d, buffers[i]);
    float *floats[] = {a.q, a.k, a.v, a.bias, a.distance, y};
    for (int i = 0; i < 6; i++)
        free(floats[i]);
    free(ref);
}

static void check_attend(mm_dev *d, const attend_case *c)
{
    check_layout(d, c, false);
    check_layout(d, c, true);
}

/* Packed batches, as encoders have them. */
static void packed_cases(mm_dev *d)
{
    const int widths[] = {32, 64, 80, 96, 128, 1, 7, 33, 72};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
        const int w = widths[i];
        const attend_case cases[] = {
            {4, 3, 3, w, {13, 0, 50, 1}, {13, 0, 50, 1}, .room = -1, .causal = i % 2, .reach = -1, .size = 1},
            {2, 2, 2, w, {5, 4}, {21, 29}, .room = -1, .reach = -1, .size = 5},
            {2,
             2,
             2,
             w,
             {5, 4},
             {21, 29},
             {16, 16},
             .room = -1,
             .causal = true,
             .started = true,
             .reach = -1,
             .size = 5},
        };
        for (int j = 0; j < 3; j++)
            check_attend(d, &cases[j]);
    }
    /* several passes; a decoder's step; no keys */
    const attend_case far[] = {
        {1, 1, 1, 16, {1100}, {1100}, .room = -1, .reach = -1, .size = 30},
        {1, 1, 1, 16, {1100}, {1100}, .room = -1, .causal = true, .reach = -1, .size = 30},
        {1, 2, 2, 16, {1}, {1100}, {1099}, .room = -1, .causal = true, .started = true, .reach = -1, .size = 30},
        {1, 2, 2, 16, {1}, {0}, .room = -1, .reach = -1, .size = 1},
    };
    for (int i = 0; i < 4; i++)
        check_attend(d, &far[i]);
}

static void test_packed(void **state)
{
    (void)state;
    each_tier(packed_cases);
}

/* What decoders and biased encoders ask for, one thing at a time and all at once. */
static void shaped_cases(mm_dev *d)
{
    static const attend_case cases[] = {
        /* caches of different lengths with room after them: a step, and a step of several tokens */
        {3,
         4,
         4,
         32,
         {1, 1, 1},
         {7, 40, 600},
         {6, 39, 599},
         .room = 5,
         .causal = true,
         .started = true,
         .reach = -1,
         .size = 4},
        {3,
         4,
         2,
         64,
         {3, 1, 20},
         {7, 40, 30},
         {4, 39, 10},
         .room = 9,
         .causal = true,
         .started = true,
         .reach = -1,
         .size = 4},
        /* grouped heads: with one head of keys, and with as many queries as several blocks have */
        {2, 6, 1, 24, {30, 11}, {30, 11}, .room = -1, .causal = true, .reach = -1, .size = 3},
        {2, 8, 2, 40, {300, 70}, {300, 70}, .room = -1, .reach = -1, .size = 3},
        {3, 4, 2, 64, {70, 0, 9}, {150, 40, 12}, .room = 2, .causal = true, .window = 50, .reach = -1, .size = 3},
        {2, 2, 2, 64, {90, 100}, {90, 100}, .room = -1, .bias_rows = -100, .reach = 6, .size = 3},
        /* windows: sliding, local, of one key, and whole blocks of keys that nobody sees */
        {2, 3, 3, 32, {50, 9}, {50, 9}, .room = -1, .causal = true, .window = 8, .reach = -1, .size = 4},
        {2, 3, 3, 32, {50, 9}, {50, 9}, .room = -1, .window = 5, .reach = -1, .size = 4},
        {1, 2, 1, 17, {40}, {40}, .room = -1, .window = 1, .reach = -1, .size = 4},
        {1, 2, 2, 16, {1400}, {1400}, .room = -1, .window = 65, .reach = -1, .size = 6},
        {2,
         2,
         1,
         16,
         {2, 5},
         {1400, 700},
         {1398, 695},
         .room = 3,
         .causal = true,
         .started = true,
         .window = 100,
         .reach = -1,
         .size = 6},
        /* queries beyond all keys that their window holds */
        {1, 2, 2, 16, {6}, {20}, {18}, .room = 2, .started = true, .window = 3, .reach = -1, .size = 2},
        /* prefixes: without and with a window that leaves a gap */
        {3,
         2,
         2,
         32,
         {20, 30, 5},
         {20, 30, 5},
         {0},
         {6, 0, 5},
         .room = -1,
         .causal = true,
         .prefixed = true,
         .reach = -1,
         .size = 4},
        {2,
         2,
         1,
         32,
         {700, 30},
         {700, 30},
         {0},
         {4, 2},
         .room = -1,
         .causal = true,
         .prefixed = true,
         .window = 9,
         .reach = -1,
         .size = 4},
        /* biases: for all items, for each, by distance, both */
        {2, 3, 3, 32, {31, 31}, {31, 31}, .room = -1, .bias_rows = 31, .reach = -1, .size = 4},
        {3, 3, 3, 32, {31, 8, 12}, {31, 8, 12}, .room = -1, .bias_rows = -40, .reach = -1, .size = 4},
        {2, 3, 3, 48, {31, 600}, {31, 600}, .room = -1, .reach = 20, .size = 4},
        {2, 2, 2, 16, {7, 7}, {7, 7}, .room = -1, .reach = 0, .size = 4},
        {2, 2, 2, 16, {2, 1}, {0, 0}, .room = -1, .bias_rows = 2, .reach = 3, .size = 1},
        {2,
         4,
         2,
         33,
         {9, 40},
         {30, 40},
         {21, 0},
         {3, 2},
         .room = 4,
         .causal = true,
         .prefixed = true,
         .started = true,
         .window = 7,
         .bias_rows = 50,
         .reach = 5,
         .size = 4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_attend(d, &cases[i]);
}

static void test_shaped(void **state)
{
    (void)state;
    each_tier(shaped_cases);
}

/* No keys: nothing is read, wherever they would begin. */
static void no_keys(mm_dev *d)
{
    enum { HEAD = 64 };
    const int64_t cu_q[] = {0, 1}, none[] = {0, 0};
    float *x = random_floats(HEAD);
    const mm_mat q = mat(d, x, 1, HEAD, 0), out = mat(d, x, 1, HEAD, 0);
    const mm_mat nowhere = {.buf = q.buf, .off = 1 << 20, .ld = HEAD};
    mm_dev_attend(d, &(mm_attend_op){.q = q,
                                     .k = nowhere,
                                     .v = nowhere,
                                     .out = out,
                                     .heads = 1,
                                     .head = HEAD,
                                     .n = 1,
                                     .cu_q = cu_q,
                                     .k_start = none,
                                     .scale = 1});
    float *y = fetch(d, &out, 1, HEAD);
    for (int i = 0; i < HEAD; i++)
        assert_true(y[i] == 0);
    mm_dev_free(d, q.buf);
    mm_dev_free(d, out.buf);
    free(x);
    free(y);
}

static void test_no_keys(void **state)
{
    (void)state;
    each_tier(no_keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed),
        cmocka_unit_test(test_shaped),
        cmocka_unit_test(test_no_keys),
    };
    return cmocka_run_group_tests(tests, keep_driver, let_driver_go);
}
