/* mm-model: list, describe, check, import, fetch and pack models. */
#include "backend/rate.h"
#include "base/file.h"
#include "cli/tool.h"
#include "encode/pack_encoders.h"
#include "encode/sentence.h"
#include "fuse/head.h"
#include "hub/fetch.h"
#include "import/import.h"
#include "model/describe.h"
#include "model/find.h"
#include "tokenize/tokenizer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool as_json, names_only, all_files;
static const char *config, *preprocessor, *packed_dir;
static int of = -1;
static mm_list set, set_prep;

static const mm_opt OPTS[] = {
    {0, "json", MM_OPT_FLAG, &as_json, .help = "list, info, devices: print JSON instead of text"},
    {0, "names", MM_OPT_FLAG, &names_only, .help = "list: print nothing but names"},
    {0, "of", MM_OPT_CHOICE, &of, "MODALITY", .help = "list: only models that encode this",
     .choices = "image|text|audio"},
    {0, "all", MM_OPT_FLAG, &all_files,
     .help = "fetch: take every file of the repository, not only what mm tools read"},
    {0, "config", MM_OPT_STR, &config, "FILE",
     .help = "import: members of this config.json win over those that the importer works out",
     .complete = MM_COMPLETE_FILE},
    {0, "preprocessor", MM_OPT_STR, &preprocessor, "FILE", .help = "import: the same for preprocessor_config.json",
     .complete = MM_COMPLETE_FILE},
    {'o', "output", MM_OPT_STR, &packed_dir, "DIR",
     .help = "pack: the directory to make, or a name beside your other models; without it NAME-PRECISION there",
     .complete = MM_COMPLETE_FILE},
    {0, "set", MM_OPT_LIST, &set, "KEY=VALUE", .help = "import: set a member of config.json"},
    {0, "set-prep", MM_OPT_LIST, &set_prep, "KEY=VALUE", .help = "import: set a member of preprocessor_config.json"},
    {0},
};

static const char *const HINT[] = {
    "mm-model list                          what is on the search path",
    "mm-model info minilm-l6                architecture, size, preprocessing, licence",
    "mm-model info head.safetensors         what a trained head takes and gives",
    "mm-model verify minilm-l6              every weight and checksum",
    "mm-model import export.onnx my-model   an ONNX export or a CTranslate2 Whisper model",
    "mm-model fetch facebook/dinov2-small   from a hub (HF_ENDPOINT, HF_TOKEN)",
    "mm-model pack --precision int8 minilm-l6   weights as this processor takes them: starts faster",
    "mm-model devices                       what can compute here, and how fast",
    NULL,
};

static const mm_tool TOOL = {
    .name = "mm-model",
    .summary = "list, describe, check, import, fetch and pack models",
    .operands = "list|info|verify|import|fetch|pack|devices [ARGUMENT]...",
    .examples = HINT,
    .opts = OPTS,
    .takes = MM_TAKES_THREADS | MM_TAKES_PROGRESS | MM_TAKES_DEVICE,
    .takes_models = "info|verify|pack",
    .takes_words = "list|fetch|devices",
};

/* ---- list, info ---- */

/* Whether mm-encode-text takes m's texts; else *why says what it lacks. A model without any tokenizer passes: its ids
 * may come from elsewhere. */
static bool takes_texts(mm_model *m, const mm_sentence *sentence, bool has_tokenizer, mm_err *why)
{
    mm_tokenizer *t;
    if (sentence->unsupported[0]) {
        mm_fail(why, MM_FATAL, "modules.json asks for \"%s\", which is not supported", sentence->unsupported);
        return false;
    }
    if (!has_tokenizer)
        return true;
    if (mm_tokenizer_open(&t, m, why) != MM_OK)
        return false;
    mm_tokenizer_close(t);
    return true;
}

/* Adds what m is encoded as, "encodes": [{"architecture": "bert", "modality": "text"}]: CLIP has two, unknown models
 * none; and "refused" when there is an encoder that cannot be used. */
static void add_encoders(json_t *o, mm_model *m, const mm_sentence *sentence)
{
    json_t *list = json_array();
    mm_err why = {0};
    const char *type = mm_config_str(mm_model_config(m), "model_type", "");
    const mm_architecture *a;
    for (int i = 0; (a = mm_architecture_at(i)); i++)
        if (mm_architecture_has(a, type) &&
            (a->of != MM_OF_TEXT || takes_texts(m, sentence, json_object_get(o, "tokenizer") != NULL, &why)))
            json_array_append_new(
                list, json_pack("{s:s, s:s}", "architecture", a->types[0], "modality", mm_modality_name(a->of)));
    json_object_set_new(o, "encodes", list);
    if (why.status != MM_OK)
        json_object_set_new(o, "refused", json_string(why.text));
}

static void add_sentence(json_t *o, const mm_sentence *s)
{
    json_t *pools = s->pools ? json_array() : NULL;
    for (int i = 0; i < s->pools; i++)
        json_array_append_new(pools, json_string(mm_pooling_name(s->pool[i])));
    if (pools) {
        json_object_set_new(o, "pooling", pools);
        json_object_set_new(o, "normalized", json_boolean(s->normalize));
    }
    if (pools && s->max_tokens)
        json_object_set_new(o, "max_tokens", json_integer(s->max_tokens));
}

/* "prompts": {"query": "query: "}, "default_prompt": "query" */
static void add_prompts(json_t *o, mm_model *m)
{
    const json_t *prompts = mm_sentence_prompts(m);
    const char *name = NULL;
    mm_sentence_default_prompt(&name, m, NULL);
    if (prompts)
        json_object_set_new(o, "prompts", json_deep_copy(prompts));
    if (name)
        json_object_set_new(o, "default_prompt", json_string(name));
}

static mm_status describe(json_t **out, const char *name, const mm_log *log, mm_err *e)
{
    mm_model *m;
    mm_sentence sentence = {0};
    mm_status s = mm_model_open(&m, name, log, e);
    if (s != MM_OK)
        return s;
    s = mm_model_describe(out, m, e);
    if (s == MM_OK) {
        mm_sentence_read(&sentence, m, NULL);
        add_encoders(*out, m, &sentence);
        add_sentence(*out, &sentence);
        add_prompts(*out, m);
    }
    mm_model_close(m);
    return s;
}

/* "image" or "image, text" into out. */
static const char *modalities(const json_t *o, char out[64])
{
    size_t i, n = 0;
    json_t *v;
    out[0] = 0;
    json_array_foreach(json_object_get(o, "encodes"), i, v)
    {
        const char *name = json_string_value(json_object_get(v, "modality"));
        if (!strstr(out, name) && n < 48)
            n += (size_t)snprintf(out + n, 64 - n, "%s%s", n ? ", " : "", name);
    }
    return n ? out : "not supported";
}

static void print_object(const json_t *o)
{
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(16));
    putchar('\n');
}

static void print_text(const json_t *o)
{
    char buf[64];
    const char *key;
    json_t *v;
    printf("%-14s %s\n", "modality", modalities(o, buf));
    json_object_foreach((json_t *)(uintptr_t)o, key, v)
    {
        if (json_is_string(v))
            printf("%-14s %s\n", key, json_string_value(v));
        else if (json_is_integer(v))
            printf("%-14s %lld\n", key, (long long)json_integer_value(v));
        else if (strcmp(key, "encodes") != 0) {
            char *text = json_dumps(v, JSON_REAL_PRECISION(7) | JSON_ENCODE_ANY);
            printf("%-14s %s\n", key, text ? text : "");
            free(text);
        }
    }
}

typedef struct {
    mm_run *r;
    json_t *all;
    int64_t n;
} listing;

static bool list_one(void *ctx, const char *name, const char *path)
{
    listing *l = ctx;
    json_t *o;
    mm_err e = {0};
    char buf[64];
    l->n++;
    if (names_only && of < 0) {
        puts(name);
        return true;
    }
    if (describe(&o, path, NULL, &e) != MM_OK)
        return mm_item_failed(l->r, name, &e);
    if (of >= 0 && !strstr(modalities(o, buf), mm_modality_name((mm_modality)of)))
        ; /* another's */
    else if (names_only)
        puts(name);
    else if (as_json)
        json_array_append(l->all, o);
    else
        printf("%-24s %-13s %-10s %7.1fM %-5s %s\n", name, modalities(o, buf),
               json_string_value(json_object_get(o, "model_type")),
               (double)json_integer_value(json_object_get(o, "parameters")) / 1e6,
               json_string_value(json_object_get(o, "dtype")), path);
    json_decref(o);
    return true;
}

static void do_list(mm_run *r, const char **v, int n)
{
    (void)v, (void)n;
    listing l = {r, json_array(), 0};
    mm_err e = {0};
    if (mm_model_each(list_one, &l, &e) != MM_OK)
        mm_die_of(r, &e);
    if (as_json)
        print_object(l.all);
    json_decref(l.all);
    if (!l.n && !names_only && !as_json) {
        char home[PATH_MAX];
        mm_warn(r, "no models yet; `mm-model fetch OWNER/NAME` puts one into %s",
                mm_model_home(home, sizeof home) ? home : "the first directory of MM_MODELS, which has to be set");
    }
}

/* ---- heads ---- */

/* A file of safetensors where a model's directory could stand: a trained head. Its first bytes tell, or its name. */
static bool is_head(const char *name)
{
    char head[9] = "";
    size_t n = strlen(name);
    FILE *f = mm_file_exists(name) ? fopen(name, "rb") : NULL;
    if (!f)
        return false;
    bool json = fread(head, 1, sizeof head, f) == sizeof head && head[8] == '{' && !head[6] && !head[7];
    fclose(f);
    return json || (n > 12 && strcmp(name + n - 12, ".safetensors") == 0);
}

static mm_status describe_head(json_t **out, const char *path, mm_err *e)
{
    mm_head *h;
    mm_status s = mm_head_load(&h, path, e);
    if (s != MM_OK)
        return s;
    int64_t parameters = 0;
    for (int i = 0; i < h->params.n; i++)
        parameters += h->params.p[i]->rows * h->params.p[i]->cols;
    json_t *o = json_pack("{s:s, s:I}", "path", path, "parameters", (json_int_t)parameters), *about = mm_head_json(h);
    if (o && about && json_object_update(o, about) == 0) {
        for (int i = 0; i < h->outputs; i++)
            json_object_set_new(json_array_get(json_object_get(o, "outputs"), (size_t)i), "temperature",
                                json_real((double)h->output[i].temperature));
        *out = o;
    } else {
        s = mm_fail_memory(e);
    }
    json_decref(about);
    mm_head_free(h);
    return s;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "any";
}

static void print_head(const json_t *o)
{
    const json_t *inputs = json_object_get(o, "inputs"), *outputs = json_object_get(o, "outputs"), *x, *name;
    size_t i, c;
    printf("%-14s %s\n%-14s %s\n%-14s %s\n", "head", text_of(o, "path"), "task", text_of(o, "task"), "method",
           text_of(o, "method"));
    printf("%-14s %lld\n", "parameters", (long long)json_integer_value(json_object_get(o, "parameters")));
    json_array_foreach(inputs, i, x)
        printf("%-14s %s: %lld numbers, space %s\n", "input", text_of(x, "name"),
               (long long)json_integer_value(json_object_get(x, "width")), text_of(x, "space"));
    json_array_foreach(outputs, i, x)
    {
        const json_t *classes = json_object_get(x, "classes");
        long long width = json_integer_value(json_object_get(x, "width"));
        printf("%-14s %s: %lld %s", "output", text_of(x, "name"), width,
               strcmp(text_of(o, "task"), "classify") == 0 ? "classes"
               : width == 1                                ? "number"
                                                           : "numbers");
        json_array_foreach(classes, c, name) printf("%s %s", c ? "," : ":", json_string_value(name));
        putchar('\n');
        double temperature = json_real_value(json_object_get(x, "temperature"));
        if (strcmp(text_of(o, "task"), "classify") == 0)
            printf("%-14s %s: %.4g%s\n", "temperature", text_of(x, "name"), temperature,
                   temperature == 1 ? " (not fitted: nothing validated)" : "");
    }
}

static void do_info(mm_run *r, const char **v, int n)
{
    for (int i = 0; i < n; i++) {
        json_t *o;
        mm_err e = {0};
        bool head = is_head(v[i]);
        if ((head ? describe_head(&o, v[i], &e) : describe(&o, v[i], &r->log, &e)) != MM_OK) {
            mm_item_failed(r, v[i], &e);
            continue;
        }
        if (as_json)
            print_object(o);
        else if (head)
            print_head(o);
        else
            print_text(o);
        json_decref(o);
    }
}

static void do_verify(mm_run *r, const char **v, int n)
{
    for (int i = 0; i < n; i++) {
        mm_model *m = NULL;
        mm_err e = {0};
        mm_status s = mm_model_open(&m, v[i], &r->log, &e);
        if (s == MM_OK)
            s = mm_model_verify(m, &e);
        if (s != MM_OK)
            mm_item_failed(r, v[i], &e);
        else if (!r->quiet)
            printf("%s: %lld tensors, good\n", mm_model_name(m), (long long)mm_model_tensor_count(m));
        mm_model_close(m);
    }
}

/* ---- import, fetch ---- */

/* A name without a slash becomes a directory beside the user's other models; its parents are made. */
static void destination(mm_run *r, const char *name, char path[PATH_MAX])
{
    char home[PATH_MAX];
    int n;
    if (strchr(name, '/') || mm_dir_exists(name))
        n = snprintf(path, PATH_MAX, "%s", name);
    else if (mm_model_home(home, sizeof home))
        n = snprintf(path, PATH_MAX, "%s/%s", home, name);
    else
        mm_die(r, "neither MM_MODELS nor a home directory: name a directory, with a slash in it");
    if (n >= PATH_MAX)
        mm_die(r, "%s: the path is too long", name);
    for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
        *p = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            mm_die(r, "%s: cannot be made: %s", path, strerror(errno));
        *p = '/';
    }
}

static void do_import(mm_run *r, const char **v, int n)
{
    char dest[PATH_MAX];
    mm_err e = {0};
    (void)n;
    mm_import_opts o = {config, preprocessor, set.v, set_prep.v, set.n, set_prep.n, &r->log};
    destination(r, v[1], dest);
    if (mm_import(v[0], dest, &o, &e) != MM_OK)
        mm_die_of(r, &e);
    if (!r->quiet)
        printf("%s\n", dest);
}

static void fetched(void *ctx, int64_t done, int64_t total)
{
    mm_progress(ctx, done >> 20, total >> 20);
}

static void do_fetch(mm_run *r, const char **v, int n)
{
    char dest[PATH_MAX], name[256];
    mm_err e = {0};
    const char *base = strrchr(v[0], '/') ? strrchr(v[0], '/') + 1 : v[0];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(base, "@"), base);
    destination(r, n > 1 ? v[1] : name, dest);
    mm_fetch_opts o = {.endpoint = getenv("HF_ENDPOINT"),
                       .token = getenv("HF_TOKEN"),
                       .all = all_files,
                       .log = &r->log,
                       .progress = fetched,
                       .ctx = r};
    if (mm_fetch(v[0], dest, &o, &e) != MM_OK)
        mm_die_of(r, &e);
    if (!r->quiet)
        printf("%s\n", dest);
}

/* ---- pack ---- */

static void do_pack(mm_run *r, const char **v, int n)
{
    char dest[PATH_MAX], name[256];
    mm_dev_opts o = mm_run_device(r);
    mm_model *m = NULL;
    mm_dev *d = NULL;
    mm_err e = {0};
    (void)n;
    if (r->precision != MM_PREC_BF16 && r->precision != MM_PREC_INT8)
        mm_usage(r, "pack takes --precision bf16 or int8: fp32 weights are used from their file as they are");
    if (mm_model_open(&m, v[0], &r->log, &e) != MM_OK || mm_dev_open(&d, &o, &e) != MM_OK)
        mm_die_of(r, &e);
    snprintf(name, sizeof name, "%s-%s", mm_model_name(m), mm_precision_name(r->precision));
    destination(r, packed_dir ? packed_dir : name, dest);
    if (mm_encoder_pack(m, d, dest, &e) != MM_OK)
        mm_die_of(r, &e);
    if (!r->quiet)
        printf("%s\n", dest);
    mm_dev_close(d);
    mm_model_close(m);
}

/* ---- devices ---- */

enum { MOST_FACTS = 32 };

static void print_device(const char *name, const mm_fact *f, int n)
{
    if (!as_json) {
        printf("%s\n", name);
        for (int i = 0; i < n; i++)
            printf("    %-20s %s\n", f[i].key, f[i].value);
        return;
    }
    json_t *o = json_object();
    json_object_set_new(o, "name", json_string(name));
    for (int i = 0; i < n; i++)
        json_object_set_new(o, f[i].key, json_string(f[i].value));
    char *line = json_dumps(o, JSON_COMPACT);
    printf("%s\n", line ? line : "{}");
    free(line);
    json_decref(o);
}

/* Opens one device, asks it everything, lets it multiply; a device that fails tells why. */
static void show_device(void *ctx, const char *name)
{
    mm_run *r = ctx;
    mm_dev_opts o = mm_run_device(r);
    mm_fact f[MOST_FACTS] = {{{0}, {0}}};
    mm_err e = {0};
    mm_dev *d;
    double rate = 0;
    int n = 0;
    o.name = name;
    mm_status s = mm_dev_open(&d, &o, &e);
    if (s == MM_OK) {
        snprintf(f[n].key, sizeof f[n].key, "computes as");
        snprintf(f[n].value, sizeof f[n].value, "%s, %s", mm_dev_name(d), mm_precision_name(mm_dev_precision(d)));
        n = 1 + mm_dev_facts(d, f + 1, MOST_FACTS - 3);
        s = mm_dev_rate(&rate, d, &e);
        snprintf(f[n].key, sizeof f[n].key, "matrix product");
        snprintf(f[n].value, sizeof f[n].value, "%.1f GFLOP/s", rate);
        n += s == MM_OK;
    }
    if (s != MM_OK) {
        snprintf(f[n].key, sizeof f[n].key, "error");
        snprintf(f[n++].value, sizeof f[0].value, "%s", e.text);
    }
    print_device(name, f, n);
    fflush(stdout);
    mm_dev_close(d);
}

static void do_devices(mm_run *r, const char **v, int n)
{
    (void)v, (void)n;
    if (strcmp(r->device, "auto") != 0)
        show_device(r, r->device);
    else
        mm_dev_each(show_device, r);
}

static const struct {
    const char *name;
    int min, max; /* arguments */
    const char *wants;
    void (*run)(mm_run *r, const char **v, int n);
} COMMANDS[] = {
    {"list", 0, 0, "no arguments", do_list},
    {"info", 1, INT_MAX, "a model", do_info},
    {"verify", 1, INT_MAX, "a model", do_verify},
    {"import", 2, 2, "a source and a name or directory for the model", do_import},
    {"fetch", 1, 2, "OWNER/NAME[@REVISION] and, if you like, a name or directory", do_fetch},
    {"pack", 1, 1, "a model", do_pack},
    {"devices", 0, 0, "no arguments", do_devices},
};

int main(int argc, char **argv)
{
    mm_run r;
    mm_run_begin(&r, &TOOL, argc, argv);
    if (!r.n_operands)
        mm_usage(&r, "what shall be done? list, info, verify, import, fetch, pack or devices");
    const char **v = r.operands + 1;
    int n = r.n_operands - 1;
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (strcmp(r.operands[0], COMMANDS[i].name) == 0) {
            if (n < COMMANDS[i].min || n > COMMANDS[i].max)
                mm_usage(&r, "%s takes %s", COMMANDS[i].name, COMMANDS[i].wants);
            COMMANDS[i].run(&r, v, n);
            return mm_run_end(&r);
        }
    mm_usage(&r, "no command %s: list, info, verify, import, fetch, pack or devices", r.operands[0]);
}
