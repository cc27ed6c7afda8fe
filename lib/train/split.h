/* split.h: which samples train and which validate. */
#ifndef MM_TRAIN_SPLIT_H
#define MM_TRAIN_SPLIT_H

#include "fuse/dataset.h"

typedef struct {
    int32_t *train, *valid; /* indices of samples, ascending */
    int n_train, n_valid;
} mm_split;

/* Splits by group, never within one: about `fraction` of the samples validate. The group of a sample is the part of its
 * key that `group` matches (POSIX extended; the first sub-expression, or the whole match), or the whole key. `usable`
 * marks the samples to split, see below. Memory from the arena. */
mm_status mm_split_groups(mm_split *out, const mm_data *d, const uint8_t *usable, const char *group, double fraction,
                          uint64_t seed, mm_arena *a, mm_err *e);

/* The samples whose keys are in `valid` validate, the others train. */
mm_status mm_split_keys(mm_split *out, const mm_data *d, const uint8_t *usable, const mm_data *valid, mm_arena *a,
                        mm_err *e);

/* [n] 1: the sample has an input of the head and (classify, regress) a target; align: two inputs. NULL: memory. */
uint8_t *mm_usable_samples(const mm_data *d, const mm_head *h, mm_arena *a);

#endif
