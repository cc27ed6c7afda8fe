#include "label/search.h"
#include "label/vector.h"

#include <math.h>
#include <stdlib.h>

static int order(const void *a, const void *b)
{
    const mm_vote *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->label > y->label) - (x->label < y->label);
}

/* The higher score first; ties: the smaller label. */
static void sort(mm_vote *votes, int n)
{
    qsort(votes, (size_t)n, sizeof *votes, order);
}

/* Where the label stands among n votes; n: it is new. */
static int find(const mm_vote *votes, int n, int32_t label)
{
    int i = 0;
    while (i < n && votes[i].label != label)
        i++;
    return i;
}

static void count(mm_vote *votes, int *n, int32_t label, double weight)
{
    int i = find(votes, *n, label);
    if (i == *n)
        votes[(*n)++] = (mm_vote){label, 0};
    votes[i].score += weight;
}

int mm_vote_near(mm_vote *votes, const mm_near *near, int k, const mm_refs *refs, mm_vote_rule rule)
{
    int n = 0;
    double sum = 0;
    bool equal = rule == MM_VOTE_MAJORITY || k == 0 || near[0].row < 0 || near[0].cosine <= 0;
    for (int i = 0; i < k && near[i].row >= 0; i++) {
        double weight = equal ? 1 : near[i].cosine > 0 ? near[i].cosine : 0;
        count(votes, &n, refs->label[near[i].row], weight);
        sum += weight;
    }
    for (int i = 0; i < n; i++)
        votes[i].score /= sum;
    sort(votes, n);
    return n;
}

int mm_vote_nearest(mm_vote *votes, const mm_near *near, int k, const mm_refs *refs)
{
    int n = 0;
    for (int i = 0; i < k && near[i].row >= 0; i++) {
        int32_t label = refs->label[near[i].row];
        if (find(votes, n, label) == n)
            votes[n++] = (mm_vote){label, (double)near[i].cosine};
    }
    return n;
}

mm_status mm_vote_softmax(mm_vote *votes, const mm_refs *refs, const float *query, double scale, mm_err *e)
{
    int64_t n = refs->n;
    float *cosine = malloc((size_t)n * sizeof *cosine + 1);
    if (!cosine)
        return mm_fail_memory(e);
    mm_dot_best()(cosine, n, refs->row, n, query, 1, refs->stride);
    double sum = 0, most = -2;
    for (int64_t i = 0; i < n; i++)
        most = cosine[i] > most ? cosine[i] : most;
    for (int64_t i = 0; i < n; i++)
        sum += exp(scale * (cosine[i] - most));
    for (int64_t i = 0; i < n; i++)
        votes[i] = (mm_vote){refs->label[i], exp(scale * (cosine[i] - most)) / sum};
    sort(votes, (int)n);
    free(cosine);
    return MM_OK;
}
