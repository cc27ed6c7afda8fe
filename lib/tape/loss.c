/* loss.c: the losses. Each saves d loss / d input, so that the backward pass is one multiplication. */
#include "tape/node.h"

#include <math.h>

static void loss_back(mm_tape *t, mm_node *y)
{
    mm_node *x = y->s.in[0];
    float *dx = mm_grad_of(t, x);
    for (int64_t i = 0; dx && i < x->rows * x->cols; i++)
        dx[i] += y->grad[0] * y->s.saved[i];
}

/* A [1,1] node over x; the caller fills in y->s.saved, the gradient [x's size], which is 0. */
static mm_node *loss_over(mm_tape *t, mm_node *x)
{
    mm_node *y = mm_node_of(t, 1, 1, loss_back, x, NULL);
    float *slope = mm_tape_alloc(t, (size_t)(x->rows * x->cols), sizeof *slope);
    if (mm_tape_ok(t)) {
        y->s.saved = slope;
        y->value[0] = 0;
    }
    return y;
}

static double log_sum_exp(const float *x, int64_t n, int64_t step)
{
    double top = -INFINITY, sum = 0;
    for (int64_t c = 0; c < n; c++)
        top = fmax(top, x[c * step]);
    for (int64_t c = 0; c < n; c++)
        sum += exp(x[c * step] - top);
    return top + log(sum);
}

/* As torch: loss_r = (1−ε) w[t] (−log p_t) + ε/C Σ_c w[c] (−log p_c), their sum over Σ_r w[t_r]. */
mm_node *mm_t_cross_entropy(mm_tape *t, mm_node *logits, const int32_t *target, float smoothing, const float *weight)
{
    mm_node *y = loss_over(t, logits);
    if (!mm_tape_ok(t))
        return y;
    int64_t classes = logits->cols;
    double total = 0, sum = 0, all_weights = 0;
    for (int64_t r = 0; r < logits->rows; r++)
        if (target[r] >= 0)
            total += weight ? weight[target[r]] : 1;
    for (int64_t c = 0; c < classes; c++)
        all_weights += weight ? weight[c] : 1;
    for (int64_t r = 0; r < logits->rows && total > 0; r++) {
        if (target[r] < 0)
            continue;
        const float *x = logits->value + r * classes;
        double lse = log_sum_exp(x, classes, 1), hit = (1 - smoothing) * (weight ? weight[target[r]] : 1);
        double each = smoothing / (double)classes, mass = hit + each * all_weights;
        for (int64_t c = 0; c < classes; c++) {
            double weighted = each * (weight ? weight[c] : 1) + (c == target[r] ? hit : 0);
            sum -= weighted * (x[c] - lse);
            y->s.saved[r * classes + c] = (float)((mass * exp(x[c] - lse) - weighted) / total);
        }
    }
    y->value[0] = total > 0 ? (float)(sum / total) : 0;
    return y;
}

mm_node *mm_t_mse(mm_tape *t, mm_node *x, const float *target)
{
    mm_node *y = loss_over(t, x);
    if (!mm_tape_ok(t))
        return y;
    int64_t count = 0, size = x->rows * x->cols;
    double sum = 0;
    for (int64_t i = 0; i < size; i++)
        count += !isnan(target[i]);
    for (int64_t i = 0; i < size; i++) {
        if (isnan(target[i]))
            continue;
        double d = (double)x->value[i] - target[i];
        sum += d * d;
        y->s.saved[i] = (float)(2 * d / (double)count);
    }
    y->value[0] = count ? (float)(sum / (double)count) : 0;
    return y;
}

mm_node *mm_t_info_nce(mm_tape *t, mm_node *logits)
{
    mm_node *y = loss_over(t, logits);
    int64_t n = logits->rows;
    if (!mm_tape_ok(t) || n != logits->cols) {
        mm_tape_misuse(t, "InfoNCE", logits, NULL);
        return y;
    }
    double sum = 0, unit = 0.5 / (double)n; /* the mean of both directions */
    for (int64_t i = 0; i < n; i++) {
        const float *row = logits->value + i * n, *col = logits->value + i;
        double by_row = log_sum_exp(row, n, 1), by_col = log_sum_exp(col, n, n);
        sum += unit * (by_row + by_col - 2 * (double)row[i]);
        for (int64_t j = 0; j < n; j++) {
            y->s.saved[i * n + j] += (float)(unit * (exp(row[j] - by_row) - (i == j)));
            y->s.saved[j * n + i] += (float)(unit * (exp(col[j * n] - by_col) - (i == j)));
        }
    }
    y->value[0] = (float)sum;
    return y;
}

mm_node *mm_t_sigmoid_loss(mm_tape *t, mm_node *logits)
{
    mm_node *y = loss_over(t, logits);
    int64_t n = logits->rows;
    if (!mm_tape_ok(t) || n != logits->cols) {
        mm_tape_misuse(t, "sigmoid loss", logits, NULL);
        return y;
    }
    double sum = 0;
    for (int64_t i = 0; i < n * n; i++) {
        double sign = i / n == i % n ? 1 : -1, z = sign * logits->value[i];
        sum += (z > 0 ? log1p(exp(-z)) : log1p(exp(z)) - z) / (double)n; /* −log σ(z) without overflow */
        y->s.saved[i] = (float)(-sign / (1 + exp(z)) / (double)n);
    }
    y->value[0] = (float)sum;
    return y;
}
