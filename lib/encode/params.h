/* params.h: an architecture's parameters, from names in the model's file to weights on the device.
 *
 * The first failure sticks and is reported by mm_params_done, so that a load function reads as a list of names.
 * mm_params_free frees all weights. */
#ifndef MM_ENCODE_PARAMS_H
#define MM_ENCODE_PARAMS_H

#include "backend/ops.h"
#include "model/model.h"

typedef struct {
    const mm_model *model;
    mm_dev *dev;
    bool ready;      /* the model is packed for this device */
    char prefix[96]; /* of every name: "vit." */
    mm_weight **owned;
    int n;
    int64_t cap;
    mm_arena arena; /* weights that were computed while loading */
    mm_err failed;
} mm_params;

void mm_params_init(mm_params *p, const mm_model *m, mm_dev *d);
/* Sets the prefix to the first of the NULL-terminated candidates with which `probe` exists; it is a failure if none
 * does. */
void mm_params_prefix(mm_params *p, const char *const *candidates, const char *probe);
/* MM_OK, or the first failure since init. */
mm_status mm_params_done(mm_params *p, mm_err *e);
void mm_params_free(mm_params *p);

/* Whether the file has prefix + name. */
bool mm_params_has(const mm_params *p, const char *name);
/* The tensor itself, shape checked; data NULL after a failure. */
mm_tensor mm_params_tensor(mm_params *p, const char *name, int rank, const int64_t *dim);
/* Records a failure. */
void mm_params_fail(mm_params *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Each returns NULL after a failure. Names are without ".weight" and ".bias". */
typedef enum {
    MM_BIAS,
    MM_NO_BIAS,
    MM_BIAS_NOT_KEY /* of an mm_params_qkv: all but the key have one (Whisper) */
} mm_bias;
mm_weight *mm_params_linear(mm_params *p, const char *name, int64_t out, int64_t in, mm_bias bias);
/* A head NAME.weight [*out, in] outside the prefix (a classifier or projection beside the backbone): *out is read from
 * the file; NULL and 0 when there is none. */
mm_weight *mm_params_head(mm_params *p, const char *name, int64_t *out, int64_t in, mm_bias bias);
/* Query, key and value [out,in] each, used as one [3·out, in]. */
mm_weight *mm_params_qkv(mm_params *p, const char *q, const char *k, const char *v, int64_t out, int64_t in,
                         mm_bias bias);
mm_weight *mm_params_conv(mm_params *p, const char *name, int rank, const int64_t *dim, int groups, mm_bias bias);
mm_weight *mm_params_vector(mm_params *p, const char *name, int64_t n);                  /* the full name; any rank */
mm_weight *mm_params_table(mm_params *p, const char *name, int64_t rows, int64_t width); /* rows −1: any number */

/* A layer norm's gain and bias: NAME.weight and NAME.bias, or NAME.gamma and NAME.beta as early BERT files have them.
 */
typedef struct {
    mm_weight *gain, *bias;
} mm_norm_params;
mm_norm_params mm_params_norm(mm_params *p, const char *name, int64_t n);

/* Takes ownership of a weight (NULL is fine) and returns it. */
mm_weight *mm_params_own(mm_params *p, mm_weight *w);

/* The activation ("gelu", "quick_gelu" …) at a dotted path of config.json. An unknown one is a failure. */
mm_act mm_params_act(mm_params *p, const char *path, const char *otherwise);

#endif
