/* whisper.c: Whisper's encoder (Radford et al. 2022): two convolutions over log-mel frames, sinusoidal positions (as
 * the file has them), pre-norm layers. The reference pads every clip to 30 s; here a shorter clip takes the first
 * positions. */
#include "encode/arch.h"

typedef struct {
    mm_net net;
    mm_weight *conv1, *conv2; /* [W,mels,3], [W,W,3] */
    mm_weight *position;      /* [positions,W] */
    int64_t mels, positions;
    double step; /* seconds per row */
} whisper;

static const mm_stack_names names = {
    .layer = "layers.%d.",
    .q = "self_attn.q_proj",
    .k = "self_attn.k_proj",
    .v = "self_attn.v_proj",
    .out = "self_attn.out_proj",
    .norm1 = "self_attn_layer_norm",
    .norm2 = "final_layer_norm",
    .fc1 = "fc1",
    .fc2 = "fc2",
    .final_norm = "layer_norm",
};

static void load(mm_net *n)
{
    whisper *x = (whisper *)n;
    mm_params *p = &n->params;
    const json_t *c = mm_model_config(p->model), *pre = mm_model_preprocessor(p->model);
    mm_params_prefix(p, (const char *const[]){"", "encoder.", "model.encoder.", NULL}, "conv1.weight");
    mm_stack_spec spec = {.layers = (int)mm_config_int(c, "encoder_layers", 4),
                          .heads = (int)mm_config_int(c, "encoder_attention_heads", 6),
                          .width = mm_config_int(c, "d_model", 384),
                          .inner = mm_config_int(c, "encoder_ffn_dim", 1536),
                          .eps = 1e-5f,
                          .act = mm_params_act(p, "activation_function", "gelu"),
                          .qkv_bias = MM_BIAS_NOT_KEY};
    x->mels = mm_config_int(c, "num_mel_bins", 80);
    x->positions = mm_config_int(c, "max_source_positions", 1500);
    x->step = 2.0 * (double)mm_config_int(pre, "hop_length", 160) / (double)mm_config_int(pre, "sampling_rate", 16000);
    x->conv1 = mm_params_conv(p, "conv1", 3, (int64_t[]){spec.width, x->mels, 3}, 1, MM_BIAS);
    x->conv2 = mm_params_conv(p, "conv2", 3, (int64_t[]){spec.width, spec.width, 3}, 1, MM_BIAS);
    x->position = mm_params_table(p, "embed_positions.weight", x->positions, spec.width);
    mm_stack_load(&n->stack, p, &spec, &names);
    n->info = (mm_net_info){.layers = spec.layers, .width = spec.width, .pool = MM_POOL_MEAN};
}

/* Rows from a number of mel frames: the second convolution has stride 2. */
static int64_t rows_of(int64_t frames)
{
    return (frames - 1) / 2 + 1;
}

static int64_t floats_of(const mm_net *n, int64_t frames, int64_t rows)
{
    return frames * (((const whisper *)n)->mels + n->info.width) + rows * n->info.width +
           mm_stack_scratch(&n->stack, rows) + 4 * MM_WORKSPACE_ALIGN;
}

static mm_status check(const mm_net *n, const mm_input *in, int64_t *floats, mm_err *e)
{
    const whisper *x = (const whisper *)n;
    const mm_shape *s = &in->in.s;
    if (s->type != MM_F32 || s->rank != 2 || s->dim[1] != x->mels || s->dim[0] < 1) {
        char text[128];
        return mm_fail(e, MM_SKIP, "a log-mel spectrogram has the shape f32[frames,%lld], not %s", (long long)x->mels,
                       mm_shape_text(s, text, sizeof text));
    }
    int64_t frames = s->dim[0], rows = rows_of(frames);
    if (rows > x->positions)
        return mm_fail(e, MM_SKIP, "%lld frames are more than the model's %lld (30 s): cut the sound into windows",
                       (long long)frames, (long long)(2 * x->positions));
    *floats = floats_of(n, frames, rows);
    return MM_OK;
}

static void layout(const whisper *n, mm_forward *f, int64_t *cu_mel, int64_t *dim)
{
    f->cu[0] = 0;
    for (int i = 0; i < f->n; i++) {
        dim[i] = f->in[i].in.s.dim[0];
        cu_mel[i + 1] = cu_mel[i] + dim[i];
        f->cu[i + 1] = f->cu[i] + rows_of(dim[i]);
        if (f->in[i].valid > 0 && f->in[i].valid < dim[i])
            f->valid[i] = rows_of(f->in[i].valid);
        f->grid[i] = (mm_grid){.frames = mm_valid_rows(f, i), .step = n->step};
    }
}

/* x = gelu(conv2(gelu(conv1(mel)))) + positions */
static mm_status embed(const whisper *n, mm_mat mel, mm_mat h, mm_mat x, const mm_forward *f, const int64_t *cu_mel,
                       const int64_t *dim, mm_err *e)
{
    mm_dev *d = n->net.params.dev;
    mm_conv_op op = {.x = mel,
                     .y = h,
                     .w = n->conv1,
                     .rank = 1,
                     .n = f->n,
                     .in_dim = dim,
                     .cu_x = cu_mel,
                     .cu_y = cu_mel,
                     .stride = {1},
                     .pad = {1},
                     .act = MM_ACT_GELU};
    mm_dev_conv(d, &op);
    op.x = h;
    op.y = x;
    op.w = n->conv2;
    op.cu_y = f->cu;
    op.stride[0] = 2;
    mm_dev_conv(d, &op);

    int32_t *place = mm_arena_alloc(f->arena, (size_t)f->cu[f->n] * sizeof *place);
    if (!place)
        return mm_fail_memory(e);
    for (int i = 0; i < f->n; i++)
        for (int64_t r = f->cu[i]; r < f->cu[i + 1]; r++)
            place[r] = (int32_t)(r - f->cu[i]);
    mm_dev_gather(
        d,
        &(mm_gather_op){
            .table = n->position, .y = x, .rows = f->cu[f->n], .width = n->net.info.width, .ids = place, .add = true});
    return MM_OK;
}

static mm_status forward(mm_net *n, mm_forward *f, mm_err *e)
{
    const whisper *x = (const whisper *)n;
    mm_dev *d = n->params.dev;
    int64_t width = n->info.width;
    int64_t *cu_mel = mm_arena_zalloc(f->arena, (size_t)f->n + 1, sizeof *cu_mel);
    int64_t *dim = mm_arena_zalloc(f->arena, (size_t)f->n, sizeof *dim);
    if (!cu_mel || !dim)
        return mm_fail_memory(e);
    layout(x, f, cu_mel, dim);
    int64_t frames = cu_mel[f->n], rows = f->cu[f->n];
    mm_status s = mm_workspace_begin(&n->work, d, floats_of(n, frames, rows), e);
    if (s != MM_OK)
        return s;
    mm_mat mel = mm_workspace_take(&n->work, frames, x->mels), h = mm_workspace_take(&n->work, frames, width);
    mm_mat y = mm_workspace_take(&n->work, rows, width);
    mm_mat scratch = mm_workspace_take(&n->work, 1, mm_stack_scratch(&n->stack, rows));
    for (int i = 0; i < f->n; i++)
        mm_dev_write(d, mel.buf, mel.off + cu_mel[i] * x->mels, f->in[i].in.data, dim[i] * x->mels);
    s = embed(x, mel, h, y, f, cu_mel, dim, e);
    if (s == MM_OK)
        mm_stack_run(&n->stack, d, y, scratch, f);
    return s;
}

const mm_arch mm_arch_whisper = {.size = sizeof(whisper), .load = load, .check = check, .forward = forward};
