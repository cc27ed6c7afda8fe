/* dataset.h: records joined by key into samples, to train heads and to evaluate retrieval.
 *
 * The feature records of one key make one sample. Each counts under its modality (its `of`, or a name given to the
 * stream); several records of one modality (windows, frames) are stacked as rows of the sample, in order of arrival.
 * Any record of the key can carry the label. Samples keep the order in which their keys first appear. */
#ifndef MM_FUSE_DATASET_H
#define MM_FUSE_DATASET_H

#include "fuse/head.h"
#include "stream/record.h"

typedef struct {
    const char *name, *space; /* "image"; the space of all its vectors */
    int64_t width;
    float *x;    /* [cu[n], width], sample by sample; valid after mm_dataset_finish */
    int64_t *cu; /* [n+1] */
} mm_data_modality;

/* One label field over all samples; numbers in it can serve as regression targets. */
typedef struct {
    const char *name;           /* "label" for plain labels; a key of the map where labels are maps */
    const char *const *classes; /* distinct values, sorted */
    int count;
    int32_t *id;          /* [n] index into classes; −1: the sample has none */
    double *number;       /* [n] as a number; NaN where it is none */
    const char *conflict; /* a message: one key has two values; NULL: none has */
} mm_data_field;

typedef struct {
    int n;
    const char **key;      /* [n] */
    int64_t *records;      /* [n] feature records of each sample */
    int64_t mixed;         /* samples with several sources of one modality */
    const char *mixed_key; /* … key of the first */
    int modalities, fields;
    mm_data_modality modality[MM_MAX_MODALITIES];
    mm_data_field field[MM_MAX_OUTPUTS];
} mm_data; /* owned by the mm_dataset */

typedef struct mm_dataset mm_dataset;

mm_status mm_dataset_new(mm_dataset **out, mm_err *e);
void mm_dataset_free(mm_dataset *d); /* NULL is fine */

/* Adds a feature record (copied); `as` names its modality (NULL: the record's own). Records of other kinds only bring
 * their label. MM_FATAL: memory, a second space or width for one modality, too many modalities or label fields. */
mm_status mm_dataset_add(mm_dataset *d, const mm_record *rec, const char *as, mm_err *e);

/* Packs the samples; nothing can be added afterwards. The view lives as long as the dataset. */
mm_status mm_dataset_finish(mm_dataset *d, const mm_data **out, mm_err *e);

const mm_data_modality *mm_data_modality_of(const mm_data *d, const char *name); /* NULL: none */
const mm_data_field *mm_data_field_of(const mm_data *d, const char *name);
/* How many rows a sample has of a modality; none of NULL. */
static inline int64_t mm_data_rows(const mm_data_modality *x, int32_t sample)
{
    return x ? x->cu[sample + 1] - x->cu[sample] : 0;
}

/* For a new head, the data's modalities as inputs, in the order of the comma-separated list `of`, or (NULL) image,
 * text, audio, video, others. MM_SKIP: there are none. */
mm_status mm_head_inputs_from_data(mm_head *like, const mm_data *d, const char *of, mm_err *e);
/* … and these label fields, or all (n 0), as outputs of like->task. MM_SKIP: a field does not exist or cannot be
 * learned. */
mm_status mm_head_outputs_from_data(mm_head *like, const mm_data *d, const char *const *field, int n, mm_err *e);

/* Which of a sample's rows of a modality go into a batch: the index of one row, or one of these. */
enum { MM_ALL_ROWS = -1, MM_NO_ROWS = -2 };

/* Gathers and standardises the rows of these samples, modalities in the head's order; a modality that the data lacks is
 * missing for all. pick (NULL: all rows) is [samples, inputs]: modality dropout leaves rows out, alignment takes one
 * caption of five. Memory from the arena. MM_FATAL: a width that the head does not take. */
mm_status mm_data_batch(mm_fuse_batch *out, const mm_data *d, const mm_head *h, const int32_t *sample, int samples,
                        const int32_t *pick, mm_arena *a, mm_err *e);

#endif
