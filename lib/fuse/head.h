/* head.h: a small trained model over feature vectors: it fuses modalities and maps them to outputs.
 *
 * A head is a safetensors file whose tensors have the names and shapes of the PyTorch module in mm-heads(5), so that
 * state_dicts load in both directions. What a state_dict cannot say (method, modalities, spaces, class names) is in the
 * file's __metadata__; without that it is inferred from names and shapes.
 *
 * A fusion method is one file, method_*.c: it adds its parameters to a set and builds its forward pass on a tape.
 * Training and inference run the same code. */
#ifndef MM_FUSE_HEAD_H
#define MM_FUSE_HEAD_H

#include "base/rng.h"
#include "tape/tape.h"

#include <jansson.h>

enum { MM_MAX_MODALITIES = 8, MM_MAX_OUTPUTS = 8 };

typedef enum { MM_TASK_CLASSIFY, MM_TASK_REGRESS, MM_TASK_ALIGN } mm_task;
const char *mm_task_name(mm_task t); /* "classify" */
bool mm_task_of(mm_task *out, const char *name);

/* One input modality. */
typedef struct {
    const char *name;        /* "image": the modality of its feature records */
    const char *space;       /* the space of its vectors; NULL: not known, any fits */
    int64_t width;           /* D */
    const float *mean, *std; /* [D] standardisation, (x − mean) / std; NULL: none */
} mm_head_input;

/* One output: a label field with its classes, or a number. */
typedef struct {
    const char *name;           /* the label field: "label", "emotion" */
    const char *const *classes; /* [width] names; NULL for numbers */
    int64_t width;
    float temperature;    /* logits are divided by it before softmax; 1 when not calibrated */
    double scale, offset; /* a number is offset + scale · output; default 1 and 0 */
} mm_head_output;

typedef struct mm_fuse_method mm_fuse_method;

typedef struct {
    const mm_fuse_method *method;
    mm_task task;
    int inputs, outputs;
    mm_head_input input[MM_MAX_MODALITIES];
    mm_head_output output[MM_MAX_OUTPUTS];
    int64_t hidden; /* width of a modality's hidden vector: 128 */
    int heads;      /* attention, cross */
    int iterations; /* routing */
    float dropout;
    mm_param_set params;
    mm_arena arena; /* names, classes, statistics */
} mm_head;

/* A batch of n samples, already standardised. Modality m of sample i has rows cu[m][i] .. cu[m][i+1]-1 of x[m]: none if
 * it is missing, one for a pooled vector, T for a sequence. */
typedef struct {
    int n;
    const float *x[MM_MAX_MODALITIES];    /* [cu[m][n], width_m] */
    const int64_t *cu[MM_MAX_MODALITIES]; /* [n+1] */
} mm_fuse_batch;

/* y = the rows x [rows, in->width], standardised. */
void mm_head_standardise(const mm_head_input *in, float *restrict y, const float *restrict x, int64_t rows);

/* The outputs of a forward pass. */
typedef struct {
    mm_node *fused; /* [n, F]: the joint vector */
    mm_node *out;   /* [n, Σ output widths]: logits, numbers; NULL where the method has no outputs (align) */
    /* [n, inputs]: the weight of each modality, 0 if missing, rows sum to 1; NULL: the method has none */
    mm_node *weights;
    mm_node *projection[MM_MAX_MODALITIES]; /* align: each modality's vectors [cu[m][n], F], L2-normalised */
    const float *attention;                 /* cross, attention: weights over keys, item after item [queries, keys] */
} mm_fused;

struct mm_fuse_method {
    const char *name;    /* "mlp" */
    const char *summary; /* for --help */
    bool sequences;      /* takes all rows of [T,D]; other methods get their mean */
    bool flat;           /* no hidden layer between a modality's vector and the outputs */
    bool evidence;       /* exp(out) are masses; the conflict of the modalities is 1 minus their sum */
    /* Adds and initialises the parameters for the head's inputs and outputs. */
    mm_status (*init)(mm_head *h, mm_rng *r, mm_err *e);
    /* rng (may be NULL when not training) is for dropout. */
    mm_status (*forward)(const mm_head *h, mm_tape *t, const mm_fuse_batch *b, mm_rng *rng, mm_fused *out, mm_err *e);
};

/* The order in which heads and rules concatenate modalities: image, text, audio, video, then the alphabet. Below 0, 0
 * or above 0 as strcmp. */
int mm_modality_compare(mm_str a, mm_str b);
int mm_modality_rank(mm_str name); /* 0 .. 3 of the four above; 4: another */

const mm_fuse_method *mm_fuse_method_of(const char *name); /* NULL: none of that name */
const mm_fuse_method *const *mm_fuse_methods(void);        /* NULL-terminated */

/* A new head described by `like` (copied), its parameters initialised from the seed. */
mm_status mm_head_new(mm_head **out, const mm_head *like, uint64_t seed, mm_err *e);
mm_status mm_head_load(mm_head **out, const char *path, mm_err *e);
/* Writes path through path.part and a rename. */
mm_status mm_head_save(const mm_head *h, const char *path, mm_err *e);
/* The description of the head in its file: method, task, sizes, inputs, outputs. NULL when memory is out. */
json_t *mm_head_json(const mm_head *h);
void mm_head_free(mm_head *h); /* NULL is fine */

/* Whether `name` is a file of safetensors, by its first bytes or its suffix. */
bool mm_head_is_file(const char *name);
/* A JSON object, which the caller owns: path, parameters, mm_head_json's members, each output's temperature. */
mm_status mm_head_describe(json_t **out, const char *path, mm_err *e);

int64_t mm_head_out_width(const mm_head *h); /* Σ output widths */

/* "image, text"; returns out. */
const char *mm_head_input_names(const mm_head *h, char *out, size_t size);

/* The space of a head's joint vectors: the file's name and a digest of its parameters. NULL when memory is out. */
const char *mm_head_space(const mm_head *h, const char *path, mm_arena *a);

#endif
