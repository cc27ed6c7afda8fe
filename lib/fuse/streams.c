#include "fuse/streams.h"

#include <string.h>

uint64_t mm_streams_all(const mm_streams *t)
{
    return t->n == MM_MAX_STREAMS ? UINT64_MAX : ((uint64_t)1 << t->n) - 1;
}

uint64_t mm_streams_resting(const mm_streams *t)
{
    return t->ended | t->marked;
}

bool mm_streams_at_mark(const mm_streams *t)
{
    return t->marked && mm_streams_resting(t) == mm_streams_all(t);
}

void mm_streams_pass_mark(mm_streams *t)
{
    t->marked = 0;
    memset(t->keys, 0, sizeof t->keys);
}

int mm_streams_furthest_behind(const mm_streams *t, uint64_t but)
{
    int best = -1;
    for (int s = 0; s < t->n; s++) {
        if ((mm_streams_resting(t) | but) >> s & 1)
            continue;
        if (best < 0 || t->keys[s] < t->keys[best] || (t->keys[s] == t->keys[best] && t->at[s] < t->at[best]))
            best = s;
    }
    return best;
}
