/* ops_rows.c: operations on whole rows: copying them, and normalising over their columns. */
#include "tape/node.h"

#include <math.h>

/* ---- moving ---- */

static void concat_back(mm_tape *t, mm_node *y)
{
    int64_t at = 0;
    for (int i = 0; i < y->s.n; i++) {
        mm_node *x = y->s.many[i];
        float *dx = mm_grad_of(t, x);
        for (int64_t r = 0; dx && r < y->rows; r++)
            for (int64_t c = 0; c < x->cols; c++)
                dx[r * x->cols + c] += y->grad[r * y->cols + at + c];
        at += x->cols;
    }
}

static void stack_back(mm_tape *t, mm_node *y)
{
    int64_t at = 0;
    for (int i = 0; i < y->s.n; i++) {
        mm_node *x = y->s.many[i];
        float *dx = mm_grad_of(t, x);
        for (int64_t j = 0; dx && j < x->rows * x->cols; j++)
            dx[j] += y->grad[at + j];
        at += x->rows * x->cols;
    }
}

/* Saves the list of inputs in y; false: the tape is in error. */
static bool hold_many(mm_tape *t, mm_node *y, mm_node *const *x, int n)
{
    mm_node **many = mm_tape_alloc(t, (size_t)n, sizeof(mm_node *));
    if (!mm_tape_ok(t))
        return false;
    y->s.many = many;
    y->s.n = n;
    for (int i = 0; i < n; i++) {
        many[i] = x[i];
        y->flows |= x[i]->flows;
    }
    return true;
}

mm_node *mm_t_concat(mm_tape *t, mm_node *const *x, int n)
{
    int64_t cols = 0;
    for (int i = 0; i < n; i++) {
        cols += x[i]->cols;
        if (x[i]->rows != x[0]->rows)
            mm_tape_misuse(t, "concat", x[0], x[i]);
    }
    mm_node *y = mm_node_of(t, x[0]->rows, cols, concat_back, NULL, NULL);
    if (!mm_tape_ok(t) || !hold_many(t, y, x, n))
        return y;
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        for (int64_t r = 0; r < y->rows; r++)
            memcpy(y->value + r * cols + at, x[i]->value + r * x[i]->cols, (size_t)x[i]->cols * sizeof(float));
        at += x[i]->cols;
    }
    return y;
}

mm_node *mm_t_stack(mm_tape *t, mm_node *const *x, int n)
{
    int64_t rows = 0;
    for (int i = 0; i < n; i++) {
        rows += x[i]->rows;
        if (x[i]->cols != x[0]->cols)
            mm_tape_misuse(t, "stack", x[0], x[i]);
    }
    mm_node *y = mm_node_of(t, rows, x[0]->cols, stack_back, NULL, NULL);
    if (!mm_tape_ok(t) || !hold_many(t, y, x, n))
        return y;
    float *to = y->value;
    for (int i = 0; i < n; i++) {
        int64_t size = x[i]->rows * x[i]->cols;
        memcpy(to, x[i]->value, (size_t)size * sizeof(float));
        to += size;
    }
    return y;
}

static void take_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0];
    float *dx = mm_grad_of(t, x);
    for (int64_t r = 0; dx && r < y->rows; r++)
        for (int64_t c = 0; y->s.ids[r] >= 0 && c < y->cols; c++)
            dx[y->s.ids[r] * x->cols + c] += y->grad[r * y->cols + c];
}

mm_node *mm_t_take(mm_tape *t, mm_node *x, const int32_t *ids, int64_t rows)
{
    mm_node *y = mm_node_of(t, rows, x->cols, take_back, x, NULL);
    int32_t *own = mm_tape_alloc(t, (size_t)rows, sizeof *own);
    if (!mm_tape_ok(t))
        return y;
    y->s.ids = own;
    for (int64_t r = 0; r < rows; r++) {
        own[r] = ids[r] < x->rows ? ids[r] : -1;
        if (own[r] >= 0)
            memcpy(y->value + r * y->cols, x->value + own[r] * x->cols, (size_t)x->cols * sizeof(float));
        else
            memset(y->value + r * y->cols, 0, (size_t)x->cols * sizeof(float));
    }
    return y;
}

static void columns_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0];
    float *dx = mm_grad_of(t, x);
    for (int64_t r = 0; dx && r < y->rows; r++)
        for (int64_t c = 0; c < y->cols; c++)
            dx[r * x->cols + y->s.from + c] += y->grad[r * y->cols + c];
}

mm_node *mm_t_columns(mm_tape *t, mm_node *x, int64_t from, int64_t count)
{
    mm_node *y = mm_node_of(t, x->rows, count, columns_back, x, NULL);
    if (!mm_tape_ok(t) || from < 0 || from + count > x->cols) {
        mm_tape_misuse(t, "columns", x, y);
        return y;
    }
    y->s.from = from;
    for (int64_t r = 0; r < y->rows; r++)
        memcpy(y->value + r * count, x->value + r * x->cols + from, (size_t)count * sizeof(float));
    return y;
}

static void mean_rows_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0];
    float *dx = mm_grad_of(t, x);
    for (int64_t i = 0; dx && i < y->rows; i++) {
        int64_t lo = y->s.cu_q[i], hi = y->s.cu_q[i + 1];
        for (int64_t r = lo; r < hi; r++)
            for (int64_t c = 0; c < y->cols; c++)
                dx[r * y->cols + c] += y->grad[i * y->cols + c] / (float)(hi - lo);
    }
}

/* A copy of the n + 1 cumulative counts in tape memory. */
static const int64_t *own_cu(mm_tape *t, const int64_t *cu, int n)
{
    int64_t *own = mm_tape_alloc(t, (size_t)n + 1, sizeof *own);
    if (own)
        memcpy(own, cu, ((size_t)n + 1) * sizeof *own);
    return own;
}

mm_node *mm_t_mean_rows(mm_tape *t, mm_node *x, int n, const int64_t *cu)
{
    mm_node *y = mm_node_of(t, n, x->cols, mean_rows_back, x, NULL);
    const int64_t *own = own_cu(t, cu, n);
    if (!mm_tape_ok(t))
        return y;
    y->s.cu_q = own;
    memset(y->value, 0, (size_t)(y->rows * y->cols) * sizeof(float));
    for (int64_t i = 0; i < n; i++)
        for (int64_t r = cu[i]; r < cu[i + 1]; r++)
            for (int64_t c = 0; c < y->cols; c++)
                y->value[i * y->cols + c] += x->value[r * y->cols + c] / (float)(cu[i + 1] - cu[i]);
    return y;
}

/* ---- normalising ---- */

/* dx = y ⊙ (dy − Σ dy y), row by row; excluded columns have y = 0 */
static void softmax_back(mm_tape *t, mm_node *y)
{
    float *dx = mm_grad_of(t, y->s.in[0]);
    for (int64_t r = 0; dx && r < y->rows; r++) {
        const float *v = y->value + r * y->cols, *g = y->grad + r * y->cols;
        float dot = 0;
        for (int64_t c = 0; c < y->cols; c++)
            dot += g[c] * v[c];
        for (int64_t c = 0; c < y->cols; c++)
            dx[r * y->cols + c] += v[c] * (g[c] - dot);
    }
}

mm_node *mm_t_softmax(mm_tape *t, mm_node *x, const uint8_t *keep)
{
    mm_node *y = mm_node_of(t, x->rows, x->cols, softmax_back, x, NULL);
    for (int64_t r = 0; mm_tape_ok(t) && r < x->rows; r++) {
        const float *in = x->value + r * x->cols;
        const uint8_t *k = keep ? keep + r * x->cols : NULL;
        float *out = y->value + r * x->cols, top = -INFINITY, sum = 0;
        for (int64_t c = 0; c < x->cols; c++)
            if ((!k || k[c]) && in[c] > top)
                top = in[c];
        for (int64_t c = 0; c < x->cols; c++)
            sum += out[c] = !k || k[c] ? expf(in[c] - top) : 0;
        for (int64_t c = 0; sum > 0 && c < x->cols; c++)
            out[c] /= sum;
    }
    return y;
}

/* dx = (g − mean(g) − x̂ mean(g x̂)) / σ with g = dy ⊙ gain */
static void layer_norm_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0], *gain = y->s.in[1], *bias = y->s.in[2];
    int64_t n = y->cols;
    float *dx = mm_grad_of(t, x), *dgain = mm_grad_of(t, gain), *dbias = mm_grad_of(t, bias);
    for (int64_t r = 0; mm_tape_ok(t) && r < y->rows; r++) {
        const float *dy = y->grad + r * n, *hat = y->s.saved + y->rows + r * n;
        double mean = 0, along = 0;
        for (int64_t c = 0; c < n; c++) {
            float g = dy[c] * gain->value[c];
            mean += g;
            along += (double)g * hat[c];
            if (dgain)
                dgain[c] += dy[c] * hat[c];
            if (dbias)
                dbias[c] += dy[c];
        }
        mean /= (double)n;
        along /= (double)n;
        for (int64_t c = 0; dx && c < n; c++)
            dx[r * n + c] += (float)((dy[c] * gain->value[c] - mean - hat[c] * along) * y->s.saved[r]);
    }
}

mm_node *mm_t_layer_norm(mm_tape *t, mm_node *x, mm_param *gain, mm_param *bias, float eps)
{
    mm_node *gn = mm_t_use(t, gain), *bn = mm_t_use(t, bias);
    mm_node *y = mm_node_of(t, x->rows, x->cols, layer_norm_back, x, gn);
    float *saved = mm_tape_alloc(t, (size_t)(x->rows * (x->cols + 1)), sizeof *saved); /* 1/σ [rows], then x̂ */
    if (!mm_tape_ok(t) || gain->cols != x->cols || bias->cols != x->cols) {
        mm_tape_misuse(t, "layer norm", x, gn);
        return y;
    }
    y->s.in[2] = bn;
    y->s.saved = saved;
    y->flows |= bn->flows;
    int64_t n = x->cols;
    for (int64_t r = 0; r < x->rows; r++) {
        const float *in = x->value + r * n;
        float *hat = saved + x->rows + r * n;
        double mean = 0, var = 0;
        for (int64_t c = 0; c < n; c++)
            mean += in[c];
        mean /= (double)n;
        for (int64_t c = 0; c < n; c++)
            var += (in[c] - mean) * (in[c] - mean);
        saved[r] = (float)(1 / sqrt(var / (double)n + eps));
        for (int64_t c = 0; c < n; c++) {
            hat[c] = (float)(in[c] - mean) * saved[r];
            y->value[r * n + c] = hat[c] * gain->value[c] + bias->value[c];
        }
    }
    return y;
}

static float row_norm(const float *x, int64_t n)
{
    double sum = 0;
    for (int64_t c = 0; c < n; c++)
        sum += (double)x[c] * x[c];
    return (float)sqrt(sum);
}

/* dx = (dy − y (y·dy)) / ‖x‖ */
static void l2_normalize_back(mm_tape *t, mm_node *y)
{
    float *dx = mm_grad_of(t, y->s.in[0]);
    for (int64_t r = 0; dx && r < y->rows; r++) {
        const float *v = y->value + r * y->cols, *g = y->grad + r * y->cols;
        float dot = 0;
        for (int64_t c = 0; c < y->cols; c++)
            dot += v[c] * g[c];
        for (int64_t c = 0; c < y->cols; c++)
            dx[r * y->cols + c] += (g[c] - v[c] * dot) / y->s.saved[r];
    }
}

mm_node *mm_t_l2_normalize(mm_tape *t, mm_node *x)
{
    mm_node *y = mm_node_of(t, x->rows, x->cols, l2_normalize_back, x, NULL);
    float *norm = mm_tape_alloc(t, (size_t)x->rows, sizeof *norm);
    if (!mm_tape_ok(t))
        return y;
    y->s.saved = norm;
    for (int64_t r = 0; r < x->rows; r++) {
        norm[r] = fmaxf(row_norm(x->value + r * x->cols, x->cols), 1e-12f);
        for (int64_t c = 0; c < x->cols; c++)
            y->value[r * x->cols + c] = x->value[r * x->cols + c] / norm[r];
    }
    return y;
}

/* y = f(s) x with s = ‖x‖, f = s/(1+s²): dx = f dy + (f'/s) (x·dy) x, f' = (1−s²)/(1+s²)² */
static void squash_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0];
    float *dx = mm_grad_of(t, x);
    for (int64_t r = 0; dx && r < y->rows; r++) {
        const float *v = x->value + r * y->cols, *g = y->grad + r * y->cols;
        float s = row_norm(v, y->cols), q = 1 + s * s, dot = 0;
        for (int64_t c = 0; c < y->cols; c++)
            dot += v[c] * g[c];
        float along = s > 1e-12f ? (1 - s * s) / (q * q) / s * dot : 0;
        for (int64_t c = 0; c < y->cols; c++)
            dx[r * y->cols + c] += s / q * g[c] + along * v[c];
    }
}

mm_node *mm_t_squash(mm_tape *t, mm_node *x)
{
    mm_node *y = mm_node_of(t, x->rows, x->cols, squash_back, x, NULL);
    for (int64_t r = 0; mm_tape_ok(t) && r < x->rows; r++) {
        float s = row_norm(x->value + r * x->cols, x->cols);
        for (int64_t c = 0; c < x->cols; c++)
            y->value[r * x->cols + c] = x->value[r * x->cols + c] * (s / (1 + s * s));
    }
    return y;
}

static void row_dot_back(mm_tape *t, mm_node *y)
{
    mm_node *a = y->s.in[0], *b = y->s.in[1];
    float *da = mm_grad_of(t, a), *db = mm_grad_of(t, b);
    for (int64_t r = 0; r < a->rows; r++) {
        for (int64_t c = 0; c < a->cols; c++) {
            int64_t i = r * a->cols + c;
            if (da)
                da[i] += y->grad[r] * b->value[i];
            if (db)
                db[i] += y->grad[r] * a->value[i];
        }
    }
}

mm_node *mm_t_row_dot(mm_tape *t, mm_node *a, mm_node *b)
{
    mm_node *y = mm_node_of(t, a->rows, 1, row_dot_back, a, b);
    if (!mm_tape_ok(t) || a->rows != b->rows || a->cols != b->cols) {
        mm_tape_misuse(t, "row dot", a, b);
        return y;
    }
    for (int64_t r = 0; r < a->rows; r++) {
        y->value[r] = 0;
        for (int64_t c = 0; c < a->cols; c++)
            y->value[r] += a->value[r * a->cols + c] * b->value[r * a->cols + c];
    }
    return y;
}
