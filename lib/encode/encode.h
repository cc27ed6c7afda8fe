/* encode.h: from prepared inputs to feature vectors, whatever the architecture. What the tools call.
 *
 * An architecture (arch.h) is one file and one row in model/architectures.def; it turns a batch of inputs into hidden
 * states on the device. Choosing layers, pooling, projecting, normalising and naming the space is done here, once. */
#ifndef MM_ENCODE_ENCODE_H
#define MM_ENCODE_ENCODE_H

#include "backend/backend.h"
#include "model/architecture.h"
#include "stream/record.h"

enum { MM_MAX_LAYERS = 16, MM_MAX_POOLS = 4 };

/* none: every position. cls: the first token. mean: over all tokens of a text, all patches of an image (without CLS and
 * registers), all frames of a sound. eos: the end-of-text token (CLIP text). */
typedef enum { MM_POOL_NONE, MM_POOL_CLS, MM_POOL_MEAN, MM_POOL_EOS } mm_pooling;
const char *mm_pooling_name(mm_pooling p); /* "mean" */

typedef struct {
    int layers; /* 0: the model's output */
    /* k < last: hidden_states[k] as transformers counts them (0: embeddings, k: after the k-th layer). The last one is
     * last_hidden_state, with the final norm of models that have one; CLIP's image encoder norms only its pooled CLS,
     * as the reference does. Negative numbers count from the end. */
    int layer[MM_MAX_LAYERS];
    int pools; /* 0: what the model was trained for (sentence-transformers' modules.json respected) */
    mm_pooling pool[MM_MAX_POOLS];
    /* Several layers and pools are concatenated: for each layer in order, each pool in order. */
    int normalize;  /* L2: 1 yes, 0 no, −1 what the model was trained for */
    int project;    /* CLIP's joint space: 1, 0, −1 yes when layer and pooling are the model's own */
    bool pad_audio; /* sounds are padded to the model's window, as the reference does; part of the space's name */
    bool classify;  /* the model's own classification head instead of a feature */
} mm_encode_opts;

/* One input, prepared: image f32 [H,W,3], text i32 [T] ids, audio f32 [N] samples or [frames, mels]. */
typedef struct {
    mm_tensor in;
    int64_t valid; /* audio with padding: frames (mel) that hold sound; 0: all */
    int64_t lead;  /* text: tokens of a prompt at its beginning, left out of means; at least one row stays */
} mm_input;

/* One output; memory from the arena that the batch was given. */
typedef struct {
    mm_tensor t;  /* f32: [D] when pooled, else [T,D] (without the rows of padding); with classify [classes] logits */
    int64_t rows; /* T, also when pooled: positions of the input */
    bool has_grid;
    mm_grid grid; /* how the T positions lie; with [T,D] of images and sounds */
} mm_output;

typedef struct mm_encoder mm_encoder;

/* Loads the model's encoder for this modality. Model and device outlive it. MM_FATAL: no such encoder, a weight that is
 * missing or misshapen, options that do not fit the model. */
mm_status mm_encoder_open(mm_encoder **out, mm_model *m, mm_modality of, mm_dev *d, const mm_encode_opts *o, mm_err *e);
void mm_encoder_close(mm_encoder *x); /* NULL is fine; before the device and the model */

int64_t mm_encoder_max_tokens(const mm_encoder *x);           /* text: ids the model takes at most; 0: any number */
bool mm_encoder_pools_mean(const mm_encoder *x);              /* vectors of parts average to the vector of the whole */
int64_t mm_encoder_classes(const mm_encoder *x);              /* of the classification head; 0: none */
const char *mm_encoder_class(const mm_encoder *x, int64_t i); /* config.json's id2label; NULL: unnamed */
double mm_encoder_logit_scale(const mm_encoder *x);           /* of the joint space: exp(logit_scale); 0: none */
/* "model/digest/layers/pooling", or "model/digest/joint" for CLIP: equal spaces are comparable, others never. */
const char *mm_encoder_space(const mm_encoder *x);

/* Encodes n inputs of any mix of sizes, in two steps, so that a device that computes by itself (mm_dev_overlaps) has
 * the next batch before this one's results are fetched. Results are bit-identical whatever shares the batch. An input
 * that cannot be encoded (too short for the model's receptive field) gets failed[i].status = MM_SKIP and no output; the
 * others have failed[i].status = MM_OK. Memory is bounded: a long batch takes several forward passes.
 *
 * The inputs' data may be freed when mm_encoder_start returns; mm_encoder_finish fills `out` and `failed`, and they and
 * the arena must live until then. Batches are finished in the order of their start. After a failure of either call
 * nothing is in flight, and batches that were started before are lost, too. */
typedef struct mm_pass mm_pass;
mm_status mm_encoder_start(mm_pass **pass, mm_encoder *x, const mm_input *in, int n, mm_output *out, mm_err *failed,
                           mm_arena *a, mm_err *e);
mm_status mm_encoder_finish(mm_pass *pass, mm_err *e);

/* mm_model_describe's object of a model by name or directory, and encodes, refused, pooling, normalized, max_tokens,
 * prompts, default_prompt where they apply. The caller owns it. */
mm_status mm_encoders_describe(json_t **out, const char *name, const mm_log *log, mm_err *e);

/* Writes a packed model (model/packed_model.h): the weights of all of m's encoders in d's layout and precision. */
mm_status mm_encoders_pack(mm_model *m, mm_dev *d, const char *dir, mm_err *e);

#endif
