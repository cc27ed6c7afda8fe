#include "label/matcher.h"

#include "label/distance.h"
#include "label/vector.h"

#include <stdlib.h>

struct mm_matcher {
    mm_matcher_opts o;
    double limit;   /* the distance up to which a feature is normal */
    float *query;   /* [batch, stride] */
    mm_near *near;  /* [batch, k] */
    mm_vote *votes; /* [max(k, labels)] */
};

mm_status mm_matcher_new(mm_matcher **out, const mm_matcher_opts *o, mm_err *e)
{
    mm_matcher *m = *out = calloc(1, sizeof *m);
    if (!m)
        return mm_fail_memory(e);
    m->o = *o;
    m->o.k = o->how == MM_MATCH_ZERO_SHOT ? 0 : o->k < o->refs->n ? o->k : (int)o->refs->n;
    size_t batch = (size_t)o->batch, votes = (size_t)(m->o.k ? m->o.k : o->refs->n);
    m->query = aligned_alloc(64, batch * (size_t)o->refs->stride * sizeof *m->query);
    m->near = malloc(batch * (size_t)m->o.k * sizeof *m->near + 1);
    m->votes = malloc(votes * sizeof *m->votes);
    if (!m->query || !m->near || !m->votes)
        return mm_fail_memory(e);
    if (o->how != MM_MATCH_DISTANCE)
        return MM_OK;
    return mm_distance_quantile(&m->limit, o->refs, m->o.k, o->quantile, o->pool, e);
}

void mm_matcher_free(mm_matcher *m)
{
    if (!m)
        return;
    free(m->query);
    free(m->near);
    free(m->votes);
    free(m);
}

mm_status mm_matcher_set(mm_matcher *m, int i, const mm_record *rec, mm_arena *a, mm_err *e)
{
    return mm_vector_unit(m->query + i * m->o.refs->stride, m->o.refs->dim, rec, a, e);
}

mm_status mm_matcher_run(mm_matcher *m, const mm_str *key, int n, mm_err *e)
{
    if (m->o.how == MM_MATCH_ZERO_SHOT || !n)
        return MM_OK;
    const mm_str *skip = m->o.leave_one_out ? key : NULL;
    return (m->o.by_label ? mm_search_labels : mm_search)(m->near, m->o.k, m->o.refs, m->query, n, skip, m->o.pool, e);
}

const mm_near *mm_matcher_near(const mm_matcher *m, int i, int *k)
{
    *k = m->o.k;
    return m->o.how == MM_MATCH_ZERO_SHOT ? NULL : m->near + (size_t)i * (size_t)m->o.k;
}

/* d / (d + limit): one half where normal ends */
static int label_by_distance(const mm_matcher *m, int i, bool distribution, mm_scored_label *scored)
{
    int k;
    double d = mm_distance(mm_matcher_near(m, i, &k), m->o.k), sum = d + m->limit, score = sum > 0 ? d / sum : 0;
    bool odd = d > m->limit;
    scored[0] = (mm_scored_label){odd ? MM_STR("anomaly") : MM_STR("normal"), distribution && !odd ? 1 - score : score};
    scored[1] = (mm_scored_label){odd ? MM_STR("normal") : MM_STR("anomaly"), odd ? 1 - score : score};
    return distribution ? 2 : 1;
}

mm_status mm_matcher_labels(mm_matcher *m, int i, bool distribution, mm_scored_label **scored, int *n, mm_arena *a,
                            mm_err *e)
{
    int most = m->o.how == MM_MATCH_DISTANCE ? 2 : m->o.k ? m->o.k : (int)m->o.refs->n;
    mm_scored_label *g = *scored = mm_arena_zalloc(a, (size_t)most + 1, sizeof *g);
    if (!g)
        return mm_fail_memory(e);
    if (m->o.how == MM_MATCH_DISTANCE) {
        *n = label_by_distance(m, i, distribution, g);
        return MM_OK;
    }
    mm_status s = MM_OK;
    *n = most;
    const mm_near *near = m->near + (size_t)i * (size_t)m->o.k;
    if (m->o.how == MM_MATCH_VOTES)
        *n = mm_vote_near(m->votes, near, m->o.k, m->o.refs, m->o.rule);
    else if (m->o.how == MM_MATCH_NEAREST)
        *n = mm_vote_nearest(m->votes, near, m->o.k, m->o.refs);
    else
        s = mm_vote_softmax(m->votes, m->o.refs, m->query + i * m->o.refs->stride, m->o.scale, e);
    for (int v = 0; s == MM_OK && v < *n; v++)
        g[v] = (mm_scored_label){m->o.refs->names.name[m->votes[v].label], m->votes[v].score};
    return s;
}
