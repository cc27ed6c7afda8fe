/* describe.c: facts about a model without running it. */
#include "base/file.h"
#include "model/model.h"

#include <ctype.h>

static const size_t TEXT_MAX = (size_t)4 << 20; /* of a model card or licence */

static void put(json_t *o, const char *key, json_t *v)
{
    if (v)
        json_object_set_new(o, key, v);
}

/* The first of several keys that config.json has; 0: none. */
static int64_t first_int(const json_t *config, const char *const *path)
{
    int64_t v = 0;
    for (; *path && v <= 0; path++)
        v = mm_config_int(config, *path, 0);
    return v;
}

static void put_int(json_t *o, const char *key, int64_t v)
{
    if (v > 0)
        put(o, key, json_integer(v));
}

static void sizes(json_t *o, const mm_model *m)
{
    int64_t parameters = 0, bytes[MM_TYPES] = {0}, total = 0;
    mm_type most = MM_F32;
    for (int64_t i = 0; i < mm_model_tensor_count(m); i++) {
        mm_tensor t;
        mm_model_tensor_at(m, i, &t);
        bytes[t.s.type] += (int64_t)mm_shape_bytes(&t.s);
        total += (int64_t)mm_shape_bytes(&t.s);
        if (t.s.type == MM_F32 || t.s.type == MM_F16 || t.s.type == MM_BF16 || t.s.type == MM_F64)
            parameters += mm_shape_count(&t.s); /* integer tensors are buffers such as position_ids */
        if (bytes[t.s.type] > bytes[most])
            most = t.s.type;
    }
    put(o, "parameters", json_integer(parameters));
    put(o, "bytes", json_integer(total));
    put(o, "dtype", json_string(mm_type_name(most)));
}

static void shape(json_t *o, const json_t *config)
{
    static const char *const layers[] = {"num_hidden_layers",
                                         "encoder_layers",
                                         "n_layers",
                                         "vision_config.num_hidden_layers",
                                         "text_config.num_hidden_layers",
                                         NULL};
    static const char *const width[] = {
        "hidden_size", "d_model", "dim", "vision_config.hidden_size", "text_config.hidden_size", NULL};
    static const char *const heads[] = {"num_attention_heads",
                                        "encoder_attention_heads",
                                        "n_heads",
                                        "vision_config.num_attention_heads",
                                        "text_config.num_attention_heads",
                                        NULL};
    put_int(o, "layers", first_int(config, layers));
    put_int(o, "width", first_int(config, width));
    put_int(o, "heads", first_int(config, heads));
    put_int(o, "projection", mm_config_int(config, "projection_dim", 0));
    put_int(o, "image_size", mm_config_int(config, "image_size", mm_config_int(config, "vision_config.image_size", 0)));
    put_int(o, "patch_size", mm_config_int(config, "patch_size", mm_config_int(config, "vision_config.patch_size", 0)));
    put_int(o, "vocabulary", mm_config_int(config, "vocab_size", mm_config_int(config, "text_config.vocab_size", 0)));
    const json_t *labels = json_object_get(config, "id2label");
    if (json_object_size(labels))
        put(o, "labels", json_integer((json_int_t)json_object_size(labels)));
}

static mm_status tokenizer(json_t *o, mm_model *m, mm_err *e)
{
    const char *dir = mm_model_path(m);
    if (mm_dir_holds(dir, "tokenizer.json")) {
        const json_t *t = mm_model_json(m, "tokenizer.json", e);
        if (!t)
            return MM_FATAL;
        put(o, "tokenizer", json_sprintf("%s (tokenizer.json)", mm_config_str(t, "model.type", "unnamed type")));
    } else if (mm_dir_holds(dir, "vocab.txt")) {
        put(o, "tokenizer", json_string("WordPiece (vocab.txt)"));
    } else if (mm_dir_holds(dir, "vocab.json") && mm_dir_holds(dir, "merges.txt")) {
        put(o, "tokenizer", json_string("BPE (vocab.json, merges.txt)"));
    }
    return MM_OK;
}

/* A YAML value on one line, in quotes or plain: a comment ends a plain one. */
static json_t *scalar(const char *v)
{
    v += strspn(v, " \t");
    char quote = *v == '"' || *v == '\'' ? *v : 0;
    size_t n = 0;
    v += quote != 0;
    while (v[n] && v[n] != '\n' && (quote ? v[n] != quote : v[n] != '#' || (n && v[n - 1] != ' ')))
        n++;
    while (!quote && n && strchr(" \t\r", v[n - 1]))
        n--;
    return json_stringn(v, n);
}

/* The value of a "license:" line in the YAML between the two "---" at the top of a model card. */
static json_t *card_licence(char *text)
{
    if (strncmp(text, "---\n", 4) != 0)
        return NULL;
    char *end = strstr(text + 4, "\n---");
    if (!end)
        return NULL;
    *end = 0;
    char *line = text + 3;
    while (line && strncmp(line, "\nlicense:", 9) != 0)
        line = strchr(line + 1, '\n');
    if (!line)
        return NULL;
    return scalar(line + 9);
}

/* The first paragraph of a licence that begins with a letter, on one line: its title. Long ones end in "…". */
static json_t *title(char *text)
{
    enum { LONGEST = 100 };
    char out[LONGEST + 8] = "";
    size_t n = 0;
    const char *line = text;
    while (line && !isalpha((unsigned char)*(line += strspn(line, " \t\r\n=*-#"))))
        line = strchr(line, '\n');
    for (; line && *(line += strspn(line, " \t")) && *line != '\n' && *line != '\r'; line += line[0] == '\n') {
        size_t length = strcspn(line, "\r\n");
        if (n + length + 1 > LONGEST) {
            memcpy(out + n, "…", sizeof "…");
            break;
        }
        n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s", n ? " " : "", (int)length, line);
        line += length + (line[length] == '\r');
    }
    return *out ? json_string(out) : NULL;
}

static json_t *from_file(const mm_model *m, const char *file, json_t *(*parse)(char *text))
{
    char path[PATH_MAX];
    mm_buf b = {0};
    json_t *found = NULL;
    if (mm_dir_path(path, mm_model_path(m), file, NULL) == MM_OK && mm_file_exists(path) &&
        mm_file_read(&b, path, TEXT_MAX, NULL) == MM_OK && mm_buf_append(&b, "", 1, NULL) == MM_OK)
        found = parse((char *)b.p);
    mm_buf_free(&b);
    return found;
}

static void licence(json_t *o, const mm_model *m)
{
    static const char *const files[] = {"LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "COPYING"};
    json_t *found = from_file(m, "README.md", card_licence);
    for (size_t i = 0; !found && i < sizeof files / sizeof *files; i++)
        found = from_file(m, files[i], title);
    put(o, "licence", found);
}

mm_status mm_model_describe(json_t **out, mm_model *m, mm_err *e)
{
    const json_t *config = mm_model_config(m);
    json_t *o = json_object();
    *out = NULL;
    if (!o)
        return mm_fail_memory(e);
    put(o, "name", json_string(mm_model_name(m)));
    put(o, "path", json_string(mm_model_path(m)));
    put(o, "model_type", json_string(mm_config_str(config, "model_type", "")));
    put(o, "digest", json_string(mm_model_digest(m)));
    put(o, "tensors", json_integer(mm_model_tensor_count(m)));
    sizes(o, m);
    shape(o, config);
    licence(o, m);
    if (mm_model_preprocessor(m))
        put(o, "preprocessor", json_deep_copy(mm_model_preprocessor(m)));
    mm_status s = tokenizer(o, m, e);
    if (s != MM_OK)
        json_decref(o);
    else
        *out = o;
    return s;
}
