/* ops_attention.c: scaled dot-product attention over packed sequences (Vaswani et al. 2017), forward and backward. */
#include "tape/node.h"

#include <math.h>

/* One item and one head: rows q0.. of q, rows k0.. of k, columns col.. of all matrices; p [nq,nk]: its weights. */
typedef struct {
    int64_t q0, nq, k0, nk, col, head, cols;
    float scale;
    float *p;
} attention_part;

static int64_t parts_of(const mm_node *y, int i, attention_part *a, int head_index)
{
    *a = (attention_part){.q0 = y->s.cu_q[i], .k0 = y->s.cu_k[i], .head = y->cols / y->s.heads, .cols = y->cols};
    a->nq = y->s.cu_q[i + 1] - a->q0;
    a->nk = y->s.cu_k[i + 1] - a->k0;
    a->col = head_index * a->head;
    a->scale = 1 / sqrtf((float)a->head);
    return a->nq * a->nk;
}

static const float *at(const float *m, const attention_part *a, int64_t row)
{
    return m + row * a->cols + a->col;
}

static float dot(const float *a, const float *b, int64_t n)
{
    float sum = 0;
    for (int64_t c = 0; c < n; c++)
        sum += a[c] * b[c];
    return sum;
}

static void softmax_in_place(float *p, int64_t n)
{
    float top = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++)
        top = fmaxf(top, p[j]);
    for (int64_t j = 0; j < n; j++)
        sum += p[j] = expf(p[j] - top);
    for (int64_t j = 0; j < n; j++)
        p[j] /= sum;
}

static void forward_part(mm_node *y, const attention_part *a)
{
    const float *q = y->s.in[0]->value, *k = y->s.in[1]->value, *v = y->s.in[2]->value;
    for (int64_t i = 0; i < a->nq; i++) {
        float *p = a->p + i * a->nk, *out = y->value + (a->q0 + i) * a->cols + a->col;
        for (int64_t j = 0; j < a->nk; j++)
            p[j] = a->scale * dot(at(q, a, a->q0 + i), at(k, a, a->k0 + j), a->head);
        softmax_in_place(p, a->nk);
        for (int64_t c = 0; c < a->head; c++)
            out[c] = 0;
        for (int64_t j = 0; j < a->nk; j++)
            for (int64_t c = 0; c < a->head; c++)
                out[c] += p[j] * at(v, a, a->k0 + j)[c];
    }
}

/* dv = pᵀ dy; ds = p ⊙ (dy vᵀ − Σ p (dy vᵀ)); dq = scale ds k; dk = scale dsᵀ q */
static void backward_part(mm_node *y, const attention_part *a, float *dq, float *dk, float *dv, float *ds)
{
    const float *q = y->s.in[0]->value, *k = y->s.in[1]->value, *v = y->s.in[2]->value;
    for (int64_t i = 0; i < a->nq; i++) {
        const float *p = a->p + i * a->nk, *dy = at(y->grad, a, a->q0 + i);
        float mean = 0;
        for (int64_t j = 0; j < a->nk; j++) {
            ds[j] = dot(dy, at(v, a, a->k0 + j), a->head);
            mean += p[j] * ds[j];
        }
        for (int64_t j = 0; j < a->nk; j++) {
            float d = a->scale * p[j] * (ds[j] - mean);
            int64_t kr = (a->k0 + j) * a->cols + a->col, qr = (a->q0 + i) * a->cols + a->col;
            for (int64_t c = 0; c < a->head; c++) {
                if (dq)
                    dq[qr + c] += d * k[kr + c];
                if (dk)
                    dk[kr + c] += d * q[qr + c];
                if (dv)
                    dv[kr + c] += p[j] * dy[c];
            }
        }
    }
}

static void attention_back(mm_tape *t, mm_node *y)
{
    float *dq = mm_grad_of(t, y->s.in[0]), *dk = mm_grad_of(t, y->s.in[1]), *dv = mm_grad_of(t, y->s.in[2]);
    float *ds = mm_tape_alloc(t, (size_t)y->s.in[1]->rows + 1, sizeof *ds);
    if (!mm_tape_ok(t))
        return;
    float *p = y->s.saved;
    for (int i = 0; i < y->s.n; i++) {
        for (int h = 0; h < y->s.heads; h++) {
            attention_part a;
            int64_t size = parts_of(y, i, &a, h);
            a.p = p;
            backward_part(y, &a, dq, dk, dv, ds);
            p += size;
        }
    }
}

/* The weights averaged over heads, item after item. */
static const float *mean_over_heads(mm_tape *t, const mm_node *y, int64_t total)
{
    float *mean = mm_tape_alloc(t, (size_t)total, sizeof *mean), *to = mean;
    const float *p = y->s.saved;
    for (int i = 0; mean && i < y->s.n; i++) {
        attention_part a;
        int64_t size = parts_of(y, i, &a, 0);
        for (int h = 0; h < y->s.heads; h++, p += size)
            for (int64_t j = 0; j < size; j++)
                to[j] += p[j] / (float)y->s.heads;
        to += size;
    }
    return mean;
}

mm_node *mm_t_attention(mm_tape *t, mm_node *q, mm_node *k, mm_node *v, int heads, int n, const int64_t *cu_q,
                        const int64_t *cu_k, const float **weights)
{
    mm_node *y = mm_node_of(t, q->rows, q->cols, attention_back, q, k);
    if (!mm_tape_ok(t) || q->cols != k->cols || k->cols != v->cols || k->rows != v->rows || q->cols % heads) {
        mm_tape_misuse(t, "attention", q, k);
        return y;
    }
    int64_t total = 0;
    for (int i = 0; i < n; i++)
        total += (cu_q[i + 1] - cu_q[i]) * (cu_k[i + 1] - cu_k[i]);
    int64_t *cu = mm_tape_alloc(t, 2 * ((size_t)n + 1), sizeof *cu);
    float *p = mm_tape_alloc(t, (size_t)(total * heads), sizeof *p);
    if (!mm_tape_ok(t))
        return y;
    memcpy(cu, cu_q, ((size_t)n + 1) * sizeof *cu);
    memcpy(cu + n + 1, cu_k, ((size_t)n + 1) * sizeof *cu);
    y->s.in[2] = v;
    y->flows |= v->flows;
    y->s.n = n;
    y->s.heads = heads;
    y->s.cu_q = cu;
    y->s.cu_k = cu + n + 1;
    y->s.saved = p;
    for (int i = 0; i < n; i++) {
        for (int h = 0; h < heads; h++) {
            attention_part a;
            int64_t size = parts_of(y, i, &a, h);
            a.p = p;
            forward_part(y, &a);
            p += size;
        }
    }
    if (weights)
        *weights = mean_over_heads(t, y, total);
    return y;
}
