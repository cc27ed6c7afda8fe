#include "media/gaps.h"

#include <math.h>

static const double LONG = 2; /* seconds */

void mm_gaps_note(mm_gaps *g, const mm_sink *s, const char *what, double from, double seconds)
{
    if (!s->o->live)
        return;
    g->n++;
    g->seconds += seconds;
    if (seconds >= LONG)
        mm_say(s->o->log, MM_LOG_WARN, "%.*s: no %s from %.2f to %.2f s", MM_STRF(s->b->src), what, from,
               from + seconds);
}

void mm_gaps_say(const mm_gaps *g, const mm_sink *s, const char *what)
{
    char frames[48] = "";
    if (g->frames)
        snprintf(frames, sizeof frames, "; frames missing: %lld", (long long)g->frames);
    if (g->n)
        mm_say(s->o->log, MM_LOG_WARN, "%.*s: gaps in the %s: %lld, of %.2f s in all%s", MM_STRF(s->b->src), what,
               (long long)g->n, g->seconds, frames);
}

int64_t mm_pace_missing(mm_pace *p, double step)
{
    enum { LEARNT = 8, MEMORY = 16 };
    const double FAR = 1.75, REGULAR = 0.15, SILENCE = 1;
    bool known = p->n >= LEARNT, regular = known && p->off < REGULAR * p->step;
    bool gap = regular ? step > FAR * p->step : known && step > fmax(SILENCE, 8 * p->step);
    if (gap)
        return llround(step / p->step) - 1;
    double weight = 1.0 / (double)(p->n < MEMORY ? p->n + 1 : MEMORY);
    p->off += weight * ((p->n ? fabs(step - p->step) : 0) - p->off);
    p->step += weight * (step - p->step);
    p->n++;
    return 0;
}
