/* import_ct2.c: CTranslate2's Whisper binary to Hugging Face's names.
 *
 * The file, as the converter (CTranslate2, python/ctranslate2/specs/model_spec.py) writes it, little-endian:
 *   u32 version (6) · string spec · u32 revision · u32 variables
 *   each variable: string name · u8 rank · u32 dims[rank] · u8 type · u32 bytes · bytes
 *   u32 aliases, each: string alias · string variable
 * a string is u16 length (its NUL included) and bytes. int8 weights have NAME_scale [rows]: value = int8 / scale. */
#include "base/bytes.h"
#include "import/import.h"

#include <stdlib.h>

enum { VERSION_MIN = 5, VERSION_MAX = 6, MAX_VARIABLES = 8192 };

static const mm_type TYPES[] = {MM_F32, MM_I8, MM_I16, MM_I32, MM_F16, MM_BF16}; /* by type id */

typedef struct {
    const uint8_t *p, *end;
    const char *path;
} cursor;

typedef struct {
    mm_draft *d; /* result */
    mm_draft in; /* variables under their own names */
    const char *path;
} import;

static mm_status cut_short(const cursor *c, mm_err *e)
{
    return mm_fail(e, MM_FATAL, "%s: the file is cut short or damaged", c->path);
}

/* A little-endian number of `size` bytes. */
static mm_status number(cursor *c, int size, uint64_t *out, mm_err *e)
{
    *out = 0;
    if (c->end - c->p < size)
        return cut_short(c, e);
    *out = mm_uint(c->p, size, false);
    c->p += size;
    return MM_OK;
}

static mm_status string(cursor *c, char out[256], mm_err *e)
{
    uint64_t n;
    mm_status s = number(c, 2, &n, e);
    if (s != MM_OK)
        return s;
    if (n == 0 || n > 255 || (size_t)(c->end - c->p) < n)
        return cut_short(c, e);
    memcpy(out, c->p, n);
    out[n] = 0;
    c->p += n;
    return MM_OK;
}

static mm_status variable(cursor *c, mm_draft *in, mm_err *e)
{
    char name[256];
    uint64_t rank, v, type, bytes;
    int64_t dim[MM_MAX_RANK] = {0};
    mm_status s = string(c, name, e);
    if (s == MM_OK)
        s = number(c, 1, &rank, e);
    if (s == MM_OK && rank > MM_MAX_RANK)
        s = mm_fail(e, MM_FATAL, "%s: variable %.80s has %d dimensions", c->path, name, (int)rank);
    for (uint64_t i = 0; s == MM_OK && i < rank; i++) {
        s = number(c, 4, &v, e);
        dim[i] = (int64_t)v;
    }
    if (s == MM_OK)
        s = number(c, 1, &type, e);
    if (s == MM_OK)
        s = number(c, 4, &bytes, e);
    if (s != MM_OK)
        return s;
    if (type >= sizeof TYPES / sizeof *TYPES)
        return mm_fail(e, MM_FATAL, "%s: variable %.80s has element type %d, which is not known", c->path, name,
                       (int)type);
    mm_tensor t = {.data = c->p};
    s = mm_shape_make(&t.s, TYPES[type], (int)rank, dim, e);
    if (s != MM_OK)
        return s;
    if (bytes != mm_shape_bytes(&t.s) || bytes > (uint64_t)(c->end - c->p))
        return cut_short(c, e);
    c->p += bytes;
    return mm_draft_add(in, name, &t, e);
}

static mm_status header(cursor *c, uint64_t *variables, mm_err *e)
{
    char spec[256];
    uint64_t version, revision;
    mm_status s = number(c, 4, &version, e);
    if (s == MM_OK && (version < VERSION_MIN || version > VERSION_MAX))
        return mm_fail(e, MM_FATAL, "%s: not a CTranslate2 model of version %d to %d", c->path, VERSION_MIN,
                       VERSION_MAX);
    if (s == MM_OK)
        s = string(c, spec, e);
    if (s == MM_OK && strcmp(spec, "WhisperSpec") != 0)
        return mm_fail(e, MM_FATAL, "%s: a CTranslate2 %.60s; only Whisper models are imported from CTranslate2",
                       c->path, spec);
    if (s == MM_OK)
        s = number(c, 4, &revision, e);
    if (s == MM_OK)
        s = number(c, 4, variables, e);
    if (s == MM_OK && *variables > MAX_VARIABLES)
        s = mm_fail(e, MM_FATAL, "%s: %llu variables", c->path, (unsigned long long)*variables);
    return s;
}

static mm_status read_variables(import *m, const uint8_t *p, size_t n, mm_err *e)
{
    cursor c = {p, p + n, m->path};
    uint64_t variables = 0, aliases = 0;
    mm_status s = header(&c, &variables, e);
    for (uint64_t i = 0; s == MM_OK && i < variables; i++)
        s = variable(&c, &m->in, e);
    if (s == MM_OK)
        s = number(&c, 4, &aliases, e);
    for (uint64_t i = 0; s == MM_OK && i < aliases; i++) {
        char alias[256], of[256];
        s = string(&c, alias, e);
        if (s == MM_OK)
            s = string(&c, of, e);
        const mm_tensor *t = s == MM_OK ? mm_draft_find(&m->in, of) : NULL;
        if (s == MM_OK && !t)
            s = mm_fail(e, MM_FATAL, "%s: alias %.80s of %.80s, which does not exist", m->path, alias, of);
        if (t)
            s = mm_draft_add(&m->in, alias, t, e);
    }
    if (s == MM_OK && c.p != c.end)
        s = mm_fail(e, MM_FATAL, "%s: %zu bytes after the last alias", m->path, (size_t)(c.end - c.p));
    return s;
}

/* ---- renaming ---- */

static const mm_tensor *in_tensor(import *m, const char *prefix, const char *name)
{
    char full[256];
    return snprintf(full, sizeof full, "%s%s", prefix, name) < (int)sizeof full ? mm_draft_find(&m->in, full) : NULL;
}

/* int8 rows → f32: value / scale[row]. */
static mm_status dequantised(import *m, mm_tensor *t, const mm_tensor *scale, const char *name, mm_err *e)
{
    int64_t n = mm_shape_count(&t->s), rows = t->s.rank ? t->s.dim[0] : 0;
    if (!scale || scale->s.type != MM_F32 || rows == 0 || mm_shape_count(&scale->s) != rows)
        return mm_fail(e, MM_FATAL, "%s: %.100s is int8 without a scale for each row", m->path, name);
    float *out = mm_arena_zalloc(&m->d->arena, (size_t)n, sizeof *out);
    const float *k = mm_tensor_f32(&m->d->arena, scale);
    if (!out || !k)
        return mm_fail_memory(e);
    mm_to_f32(out, t->data, MM_I8, n);
    for (int64_t i = 0; i < n; i++)
        out[i] /= k[i / (n / rows)];
    t->s.type = MM_F32;
    t->data = out;
    return MM_OK;
}

static mm_status take(import *m, mm_tensor *out, const char *prefix, const char *name, mm_err *e)
{
    char full[256], scale[256];
    const mm_tensor *t = in_tensor(m, prefix, name);
    if (!t || snprintf(full, sizeof full, "%s%s", prefix, name) >= (int)sizeof full ||
        snprintf(scale, sizeof scale, "%s_scale", full) >= (int)sizeof scale)
        return mm_fail(e, MM_FATAL, "%s: variable %s%s is missing", m->path, prefix, name);
    *out = *t;
    if (t->s.type == MM_I8)
        return dequantised(m, out, mm_draft_find(&m->in, scale), full, e);
    if (t->s.type == MM_I16 || t->s.type == MM_I32)
        return mm_fail(e, MM_FATAL, "%s: %s is %s; float32, float16, bfloat16 and int8 are imported", m->path, full,
                       mm_type_name(t->s.type));
    return MM_OK;
}

/* `from` of the input under `to` in the output. */
static mm_status move(import *m, const char *from_prefix, const char *from, const char *to_prefix, const char *to,
                      mm_err *e)
{
    mm_tensor t;
    mm_status s = take(m, &t, from_prefix, from, e);
    return s == MM_OK ? mm_draft_addf(m->d, &t, e, "%s%s", to_prefix, to) : s;
}

static mm_status move_pair(import *m, const char *from_prefix, const char *from, const char *to_prefix, const char *to,
                           bool norm, mm_err *e)
{
    char a[64], b[64];
    snprintf(a, sizeof a, "%.40s/%s", from, norm ? "gamma" : "weight");
    snprintf(b, sizeof b, "%.40s.weight", to);
    mm_status s = move(m, from_prefix, a, to_prefix, b, e);
    snprintf(a, sizeof a, "%.40s/%s", from, norm ? "beta" : "bias");
    snprintf(b, sizeof b, "%.40s.bias", to);
    return s == MM_OK ? move(m, from_prefix, a, to_prefix, b, e) : s;
}

static bool all_zero(const mm_tensor *t)
{
    const uint8_t *p = t->data;
    for (size_t i = 0, n = mm_shape_bytes(&t->s); i < n; i++)
        if (p[i])
            return false;
    return true;
}

/* Splits a fused projection into equal parts under their own names. Whisper's keys have no bias: that part of the fused
 * bias is zero. */
static mm_status split(import *m, const char *from_prefix, const char *from, const char *to_prefix,
                       const char *const *part, int parts, mm_err *e)
{
    char name[64];
    mm_tensor w, b;
    snprintf(name, sizeof name, "%.40s/weight", from);
    mm_status s = take(m, &w, from_prefix, name, e);
    snprintf(name, sizeof name, "%.40s/bias", from);
    if (s == MM_OK)
        s = take(m, &b, from_prefix, name, e);
    if (s != MM_OK)
        return s;
    if (w.s.rank != 2 || b.s.rank != 1 || w.s.dim[0] % parts || b.s.dim[0] != w.s.dim[0])
        return mm_fail(e, MM_FATAL, "%s: %s%s is no fusion of %d projections", m->path, from_prefix, from, parts);
    int64_t rows = w.s.dim[0] / parts;
    for (int i = 0; i < parts && s == MM_OK; i++) {
        mm_tensor wi = mm_tensor_rows(&w, i * rows, (i + 1) * rows), bi = mm_tensor_rows(&b, i * rows, (i + 1) * rows);
        bool key = strstr(part[i], "k_proj") != NULL;
        if (key && !all_zero(&bi))
            return mm_fail(e, MM_FATAL, "%s: %s%s has a bias on its keys, unlike Whisper", m->path, from_prefix, from);
        s = mm_draft_addf(m->d, &wi, e, "%s%s.weight", to_prefix, part[i]);
        if (s == MM_OK && !key)
            s = mm_draft_addf(m->d, &bi, e, "%s%s.bias", to_prefix, part[i]);
    }
    return s;
}

static mm_status self_attention(import *m, const char *from, const char *to, mm_err *e)
{
    static const char *const qkv[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
    mm_status s = split(m, from, "self_attention/linear_0", to, qkv, 3, e);
    if (s == MM_OK)
        s = move_pair(m, from, "self_attention/linear_1", to, "self_attn.out_proj", false, e);
    return s == MM_OK ? move_pair(m, from, "self_attention/layer_norm", to, "self_attn_layer_norm", true, e) : s;
}

static mm_status cross_attention(import *m, const char *from, const char *to, mm_err *e)
{
    static const char *const kv[] = {"k_proj", "v_proj"};
    char inner[128];
    snprintf(inner, sizeof inner, "%.100sencoder_attn.", to);
    mm_status s = move_pair(m, from, "attention/linear_0", to, "encoder_attn.q_proj", false, e);
    if (s == MM_OK)
        s = split(m, from, "attention/linear_1", inner, kv, 2, e);
    if (s == MM_OK)
        s = move_pair(m, from, "attention/linear_2", to, "encoder_attn.out_proj", false, e);
    return s == MM_OK ? move_pair(m, from, "attention/layer_norm", to, "encoder_attn_layer_norm", true, e) : s;
}

static mm_status feed_forward(import *m, const char *from, const char *to, mm_err *e)
{
    mm_status s = move_pair(m, from, "ffn/linear_0", to, "fc1", false, e);
    if (s == MM_OK)
        s = move_pair(m, from, "ffn/linear_1", to, "fc2", false, e);
    return s == MM_OK ? move_pair(m, from, "ffn/layer_norm", to, "final_layer_norm", true, e) : s;
}

/* The layers of one side ("encoder", "decoder"); counts them in *layers. */
static mm_status layers_of(import *m, const char *side, int *layers, mm_err *e)
{
    mm_status s = MM_OK;
    for (*layers = 0; s == MM_OK; ++*layers) {
        char from[64], to[64];
        snprintf(from, sizeof from, "%s/layer_%d/", side, *layers);
        snprintf(to, sizeof to, "model.%s.layers.%d.", side, *layers);
        if (!in_tensor(m, from, "ffn/layer_norm/gamma"))
            break;
        s = self_attention(m, from, to, e);
        if (s == MM_OK && side[0] == 'd')
            s = cross_attention(m, from, to, e);
        if (s == MM_OK)
            s = feed_forward(m, from, to, e);
    }
    if (s == MM_OK && *layers == 0)
        s = mm_fail(e, MM_FATAL, "%s: no %s layers", m->path, side);
    return s;
}

static mm_status encoder(import *m, int *layers, mm_err *e)
{
    mm_status s = move_pair(m, "encoder/", "conv1", "model.encoder.", "conv1", false, e);
    if (s == MM_OK)
        s = move_pair(m, "encoder/", "conv2", "model.encoder.", "conv2", false, e);
    if (s == MM_OK)
        s = move(m, "encoder/", "position_encodings/encodings", "model.encoder.", "embed_positions.weight", e);
    if (s == MM_OK)
        s = layers_of(m, "encoder", layers, e);
    return s == MM_OK ? move_pair(m, "encoder/", "layer_norm", "model.encoder.", "layer_norm", true, e) : s;
}

static mm_status decoder(import *m, int *layers, mm_err *e)
{
    mm_status s = move(m, "decoder/", "embeddings/weight", "model.decoder.", "embed_tokens.weight", e);
    if (s == MM_OK)
        s = move(m, "decoder/", "position_encodings/encodings", "model.decoder.", "embed_positions.weight", e);
    if (s == MM_OK)
        s = layers_of(m, "decoder", layers, e);
    return s == MM_OK ? move_pair(m, "decoder/", "layer_norm", "model.decoder.", "layer_norm", true, e) : s;
}

/* ---- config ---- */

static int64_t scalar(import *m, const char *name)
{
    const mm_tensor *t = mm_draft_find(&m->in, name);
    if (!t || t->s.rank || (t->s.type != MM_I16 && t->s.type != MM_I32 && t->s.type != MM_I8))
        return 0;
    float v;
    mm_to_f32(&v, t->data, t->s.type, 1);
    return (int64_t)v;
}

static int64_t dim_of(import *m, const char *tensor, int i)
{
    const mm_tensor *t = mm_draft_find(m->d, tensor);
    return t && i < t->s.rank ? t->s.dim[i] : 0;
}

/* Values that all of OpenAI's Whisper models share are constants; the rest comes from the shapes. */
static mm_status write_config(import *m, int encoder_layers, int decoder_layers, mm_err *e)
{
    int64_t width = dim_of(m, "model.encoder.conv1.weight", 0), mels = dim_of(m, "model.encoder.conv1.weight", 1);
    int64_t heads = scalar(m, "encoder/num_heads"), decoder_heads = scalar(m, "decoder/num_heads");
    int64_t vocab = dim_of(m, "model.decoder.embed_tokens.weight", 0);
    if (width < 1 || heads < 1 || decoder_heads < 1 || width % heads || width % decoder_heads)
        return mm_fail(e, MM_FATAL, "%s: width %lld does not divide into %lld heads", m->path, (long long)width,
                       (long long)heads);
    bool english = vocab == 51864; /* the English-only models have one token less */
    int64_t start = english ? 50257 : 50258, end = english ? 50256 : 50257;
    json_t *c = json_pack(
        "{s:s, s:[s], s:I, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:b}",
        "model_type", "whisper", "architectures", "WhisperForConditionalGeneration", "d_model", (json_int_t)width,
        "encoder_layers", encoder_layers, "decoder_layers", decoder_layers, "encoder_attention_heads",
        (json_int_t)heads, "decoder_attention_heads", (json_int_t)decoder_heads, "encoder_ffn_dim",
        (json_int_t)dim_of(m, "model.encoder.layers.0.fc1.weight", 0), "decoder_ffn_dim",
        (json_int_t)dim_of(m, "model.decoder.layers.0.fc1.weight", 0), "num_mel_bins", (json_int_t)mels,
        "max_source_positions", (json_int_t)dim_of(m, "model.encoder.embed_positions.weight", 0),
        "max_target_positions", (json_int_t)dim_of(m, "model.decoder.embed_positions.weight", 0), "vocab_size",
        (json_int_t)vocab, "activation_function", "gelu", "scale_embedding", 0, "is_encoder_decoder", 1, "bos_token_id",
        (json_int_t)end, "eos_token_id", (json_int_t)end, "pad_token_id", (json_int_t)end, "decoder_start_token_id",
        (json_int_t)start, "tie_word_embeddings", 1);
    m->d->preprocessor =
        json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:i, s:i, s:f, s:s, s:b}", "feature_extractor_type",
                  "WhisperFeatureExtractor", "feature_size", (json_int_t)mels, "sampling_rate", 16000, "hop_length",
                  160, "n_fft", 400, "chunk_length", 30, "n_samples", 480000, "nb_max_frames", 3000, "padding_value",
                  0.0, "padding_side", "right", "return_attention_mask", 0);
    int bad = !c || !m->d->preprocessor || json_object_update(m->d->config, c);
    json_decref(c);
    return bad ? mm_fail_memory(e) : MM_OK;
}

static mm_status check_spec(import *m, mm_err *e)
{
    if (scalar(m, "decoder/pre_norm") != 1 || scalar(m, "decoder/activation") != 3) /* 3: GELU with erf */
        return mm_fail(e, MM_FATAL, "%s: not Whisper's layout (pre-norm, GELU)", m->path);
    return MM_OK;
}

static mm_status fill(import *m, const void *bytes, size_t n, const char *dir, mm_err *e)
{
    static const char *const beside[] = {"tokenizer.json",         "tokenizer_config.json", "vocab.json", "merges.txt",
                                         "normalizer.json",        "added_tokens.json",     "LICENSE",    "README.md",
                                         "special_tokens_map.json"};
    int encoder_layers = 0, decoder_layers = 0;
    mm_status s = read_variables(m, bytes, n, e);
    if (s == MM_OK)
        s = check_spec(m, e);
    if (s == MM_OK)
        s = encoder(m, &encoder_layers, e);
    if (s == MM_OK)
        s = decoder(m, &decoder_layers, e);
    if (s == MM_OK)
        s = write_config(m, encoder_layers, decoder_layers, e);
    for (size_t i = 0; s == MM_OK && i < sizeof beside / sizeof *beside; i++)
        s = mm_draft_copy(m->d, dir, beside[i], e);
    return s;
}

mm_status mm_import_ct2(mm_draft *d, const void *bytes, size_t n, const char *path, const char *dir,
                        const mm_import_opts *o, mm_err *e)
{
    (void)o;
import m = {.d = d, .path = path };
    mm_status s = mm_draft_init(&m.in, e);
    if (s == MM_OK)
        s = fill(&m, bytes, n, dir, e);
    mm_draft_free(&m.in);
    return s;
}
