/* encode.h: from prepared inputs to feature vectors, whatever the architecture. What the tools call.
 *
 * An architecture is one file and one line in arch.c's table; it turns a batch of inputs into hidden states
 * on the device. Choosing layers, pooling, projecting, normalising and naming the space is done here, once. */
#ifndef MM_ENCODE_ENCODE_H
#define MM_ENCODE_ENCODE_H

#include "backend/backend.h"
#include "media/audio.h"
#include "media/image.h"
#include "model/model.h"
#include "model/prep.h"
#include "stream/record.h"

enum { MM_MAX_LAYERS = 16, MM_MAX_POOLS = 4 };

typedef enum { MM_POOL_NONE, MM_POOL_CLS, MM_POOL_MEAN, MM_POOL_EOS } mm_pooling;

typedef struct {
    int layers;               /* 0: the model's output */
    int layer[MM_MAX_LAYERS]; /* k: hidden_states[k] as in transformers (0: embeddings); the last one is the model's
                                 output, its final norm included; negative counts from the end */
    int pools;                /* 0: what the model was trained for */
    mm_pooling pool[MM_MAX_POOLS];
    int normalize;  /* L2: 1 yes, 0 no, −1 what the model was trained for */
    int project;    /* CLIP's joint space: 1, 0, −1 the default (yes, when pool and layers are left alone) */
    bool pad_audio; /* Whisper: pad every window to 30 s as the reference does; pooling still skips it */
    bool classify;  /* the model's own classification head instead of a feature */
} mm_encode_opts;

/* One input, prepared: image f32 [H,W,3], text i32 [T] ids, audio f32 [N] samples or [frames, mels]. */
typedef struct {
    mm_tensor in;
    int64_t valid; /* audio with padding: frames (mel) that hold sound; 0: all */
} mm_input;

/* One output. rank 1 [D] when pooled, else [T,D]; memory from the arena given to mm_encoder_run. */
typedef struct {
    mm_tensor t;
    bool has_grid;
    mm_grid grid;
} mm_output;

typedef struct mm_encoder mm_encoder;

mm_status mm_encoder_open(mm_encoder **out, mm_model *m, mm_modality of, mm_dev *d, const mm_encode_opts *o, mm_err *e);
void mm_encoder_close(mm_encoder *x); /* NULL is fine; before the device and the model */

int64_t mm_encoder_width(const mm_encoder *x);      /* D */
int64_t mm_encoder_max_tokens(const mm_encoder *x); /* text: ids the model takes at most */
int mm_encoder_classes(const mm_encoder *x);        /* with classify: how many; their names below */
const char *mm_encoder_class(const mm_encoder *x, int i);
double mm_encoder_logit_scale(const mm_encoder *x); /* CLIP: exp(logit_scale); 0: none */
/* "model/digest/layer/pooling": equal spaces are comparable, others never. */
const char *mm_encoder_space(const mm_encoder *x);

/* Encodes n inputs of any mix of sizes. Results are bit-identical whatever shares the batch. An input that cannot be
 * encoded (too short for the model's receptive field) gets failed[i].status = MM_SKIP and no output; the others go on.
 */
mm_status mm_encoder_run(mm_encoder *x, const mm_input *in, int n, mm_output *out, mm_err *failed, mm_arena *a,
                         mm_err *e);

#endif
