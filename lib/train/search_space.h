/* search_space.h: the settings that a search tries: "lr=1e-4..1e-2:log,batch=16|32|64,weight-decay=0..1".
 *
 * A hyperparameter has a list of values or a range. Lists alone make a grid: all its points are tried or, with fewer
 * trials than points, a random subset. With a range every trial is drawn at random. Random search finds equally good
 * settings in fewer trials: Bergstra & Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012. */
#ifndef MM_TRAIN_SEARCH_SPACE_H
#define MM_TRAIN_SEARCH_SPACE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum { MM_MAX_DIMS = 16, MM_MAX_TRIALS = 10000 };

typedef struct {
    const char *name;
    const char **value; /* [n] the list; n 0: a range */
    int n;
    double low, high;
    bool log;   /* draw the logarithm uniformly */
    bool whole; /* draw whole numbers; set by the caller */
} mm_hyperparameter;

typedef struct {
    mm_hyperparameter dim[MM_MAX_DIMS];
    int n;
} mm_search_space;

/* MM_SKIP: a syntax error; the text shows it. Memory from the arena. */
mm_status mm_search_space_parse(mm_search_space *g, const char *text, mm_arena *a, mm_err *e);

/* Draws *count trials: value[trial * g->n + dim], as text. trials 0: all points of a grid; 16 with a range. The same
 * seed draws the same values. MM_SKIP: too many. */
mm_status mm_search_space_sample(const mm_search_space *g, int trials, uint64_t seed, const char ***value, int *count,
                                 mm_arena *a, mm_err *e);

#endif
