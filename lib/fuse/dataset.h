/* dataset.h: records joined by key into samples: what heads are trained on and applied to.
 *
 * Feature records of one key make one sample, each under its modality (its `of`, or a name given to the stream it came
 * from); several records of one modality (windows, frames) are stacked as rows of that sample, in the order of their
 * parts. Labels come from whichever record of the key carries one. Order of samples = order in which their keys first
 * appeared. */
#ifndef MM_FUSE_DATASET_H
#define MM_FUSE_DATASET_H

#include "fuse/head.h"
#include "stream/record.h"

typedef struct {
    const char *name, *space; /* "image"; the space all its vectors share */
    int64_t width;
    float *x;    /* [cu[n], width], sample by sample; valid after mm_dataset_finish */
    int64_t *cu; /* [n+1] */
} mm_data_modality;

/* One label field over all samples. A field whose values are all numbers can also serve as a regression target. */
typedef struct {
    const char *name;           /* "label" for plain strings; the map's keys where labels are maps */
    const char *const *classes; /* distinct values in order of name */
    int count;
    int32_t *id;       /* [n] index into classes; −1: the sample has none */
    double *number;    /* [n] as a number; NaN where it is none */
    const char *clash; /* one key has two values: which, and from where; NULL: none has */
} mm_data_field;

typedef struct {
    int n;
    const char **key;      /* [n] */
    int64_t *records;      /* [n] feature records that each was made of */
    int64_t mixed;         /* samples that several sources of one modality went into */
    const char *mixed_key; /* … the first of them */
    int modalities, fields;
    mm_data_modality modality[MM_MAX_MODALITIES];
    mm_data_field field[MM_MAX_OUTPUTS];
} mm_data; /* owned by the mm_dataset */

typedef struct mm_dataset mm_dataset;

mm_status mm_dataset_new(mm_dataset **out, mm_err *e);
void mm_dataset_free(mm_dataset *d); /* NULL is fine */

/* Takes in a feature record (copied); `as` names the modality (NULL: rec->of). Other kinds are ignored but for their
 * label. MM_FATAL: memory, a second space or width for one modality (both are named), too many modalities or label
 * fields. */
mm_status mm_dataset_add(mm_dataset *d, const mm_record *rec, const char *as, mm_err *e);

/* Packs what was added; no more adding afterwards. The view lives as long as the dataset. */
mm_status mm_dataset_finish(mm_dataset *d, const mm_data **out, mm_err *e);

int mm_data_modality_of(const mm_data *d, const char *name); /* index; −1: none */
int mm_data_field_of(const mm_data *d, const char *name);

/* Which of a sample's rows of a modality go into a batch: one by its number, or these. */
enum { MM_ALL_ROWS = -1, MM_NO_ROWS = -2 };

/* The batch of these samples for a head: rows gathered and standardised, modalities in the head's order; a modality
 * that the data lacks is missing for all. pick (NULL: all rows) is [samples, inputs]: modality dropout leaves some out,
 * alignment takes one caption of five. Memory from the arena. */
mm_status mm_data_batch(mm_fuse_batch *out, const mm_data *d, const mm_head *h, const int32_t *sample, int samples,
                        const int32_t *pick, mm_arena *a, mm_err *e);

#endif
