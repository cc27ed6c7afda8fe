/* mm-model: list, describe, check, import, fetch and pack models. */
#include "cli/device_text.h"
#include "cli/model_text.h"
#include "encode/encode.h"
#include "fuse/head.h"
#include "hub/fetch.h"
#include "import/import.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool as_json, names_only, all_files;
static const char *config, *preprocessor, *packed_dir;
static int of = -1;
static mm_list set, set_prep;
static mm_device_values device = MM_DEVICE_DEFAULTS;

static const mm_opt OPTS[] = {
    {0, "json", MM_OPT_FLAG, &as_json, .help = "list, info, devices: print JSON instead of text", .group = "Looking",
     .commands = "list|info|devices"},
    {0, "names", MM_OPT_FLAG, &names_only, .help = "list: print nothing but names", .commands = "list"},
    {0, "of", MM_OPT_CHOICE, &of, "MODALITY", .help = "list: only models that encode this",
     .choices = "image|text|audio", .commands = "list"},
    {0, "all", MM_OPT_FLAG, &all_files,
     .help = "fetch: every file of the repository, not only those that mm tools read",
     .group = "Fetching and importing", .commands = "fetch"},
    {0, "config", MM_OPT_STR, &config, "FILE",
     .help = "import: members of this config.json override those that the importer infers",
     .complete = MM_COMPLETE_FILE, .commands = "import"},
    {0, "preprocessor", MM_OPT_STR, &preprocessor, "FILE", .help = "import: the same for preprocessor_config.json",
     .complete = MM_COMPLETE_FILE, .commands = "import"},
    {0, "set", MM_OPT_LIST, &set, "KEY=VALUE", .help = "import: set a member of config.json", .commands = "import"},
    {0, "set-prep", MM_OPT_LIST, &set_prep, "KEY=VALUE", .help = "import: set a member of preprocessor_config.json",
     .commands = "import"},
    {'o', "output", MM_OPT_STR, &packed_dir, "DIR",
     .help = "pack: the directory to make, or the name of a model beside your others (NAME-PRECISION)",
     .complete = MM_COMPLETE_DIR, .group = "Packing", .commands = "pack"},
    {0},
};

static void add_options(mm_opts *o)
{
    mm_opts_add(o, OPTS);
    int first = o->n;
    mm_device_opts(o, &device);
    for (int i = first; i < o->n; i++)
        o->v[i].commands = "pack|devices";
}

static const char *const synopsis[] = {
    "[--json|--names] [--of MODALITY] list",
    "[--json] info MODEL|HEAD.safetensors...",
    "verify MODEL...",
    "[--config FILE] [--set KEY=VALUE] import SOURCE DESTINATION",
    "[--all] fetch OWNER/NAME[@REVISION] [DESTINATION]",
    "--precision bf16|int16|int8 [-o DESTINATION] pack MODEL",
    "[--json] devices",
    NULL,
};

static const char *const HINT[] = {
    "mm-model list                          what is on the search path",
    "mm-model info minilm-l6                architecture, size, preprocessing, licence",
    "mm-model info head.safetensors         what a trained head takes and gives",
    "mm-model verify minilm-l6              every weight and checksum",
    "mm-model import export.onnx my-model   an ONNX export or a CTranslate2 Whisper model",
    "mm-model fetch facebook/dinov2-small   from a hub (HF_ENDPOINT, HF_TOKEN)",
    "mm-model pack --precision int8 minilm-l6   weights laid out for this processor: starts faster",
    "mm-model devices                       what can compute here, and how fast",
    NULL,
};

static const mm_tool TOOL = {
    .name = "mm-model",
    .summary = "list, describe, check, import, fetch and pack models",
    .synopsis = synopsis,
    .operands = "list|info|verify|import|fetch|pack|devices [ARGUMENT]...",
    .examples = HINT,
    .add_opts = add_options,
    .takes = MM_TAKES_THREADS | MM_TAKES_PROGRESS,
    .model_commands = "info|verify|pack",
    .name_commands = "list|fetch|devices",
};

/* ---- list, info, verify ---- */

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
    if (mm_encoders_describe(&o, path, NULL, &e) != MM_OK)
        return mm_item_failed(l->r, name, &e);
    if (of >= 0 && !strstr(mm_model_modalities(o, buf), mm_modality_name((mm_modality)of)))
        ; /* another modality */
    else if (names_only)
        puts(name);
    else if (as_json)
        json_array_append(l->all, o);
    else
        mm_print_model_row(o, name, path);
    json_decref(o);
    return true;
}

static void do_list(mm_run *r, const char **v, int n)
{
    (void)v, (void)n;
    listing l = {r, json_array(), 0};
    mm_err e = {0};
    mm_must(r, mm_model_each(list_one, &l, &e), &e);
    if (as_json)
        mm_print_json(l.all);
    json_decref(l.all);
    if (!l.n && !names_only && !as_json) {
        char home[PATH_MAX];
        mm_warn(r, "no models yet; `mm-model fetch OWNER/NAME` puts one into %s",
                mm_model_home(home, sizeof home) ? home : "the first directory of MM_MODELS, which has to be set");
    }
}

static void do_info(mm_run *r, const char **v, int n)
{
    for (int i = 0; i < n; i++) {
        json_t *o;
        mm_err e = {0};
        bool head = mm_head_is_file(v[i]);
        if ((head ? mm_head_describe(&o, v[i], &e) : mm_encoders_describe(&o, v[i], &r->log, &e)) != MM_OK) {
            mm_item_failed(r, v[i], &e);
            continue;
        }
        if (as_json)
            mm_print_json(o);
        else if (head)
            mm_print_head(o);
        else
            mm_print_model(o);
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

/* ---- import, fetch, pack ---- */

static void do_import(mm_run *r, const char **v, int n)
{
    char dest[PATH_MAX];
    mm_err e = {0};
    (void)n;
    mm_import_opts o = {config, preprocessor, set.v, set_prep.v, set.n, set_prep.n, &r->log};
    mm_must(r, mm_model_destination(dest, v[1], &e), &e);
    mm_must(r, mm_import(v[0], dest, &o, &e), &e);
    if (!r->quiet)
        puts(dest);
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
    mm_fetch_opts o = {.endpoint = getenv("HF_ENDPOINT"),
                       .token = getenv("HF_TOKEN"),
                       .all = all_files,
                       .log = &r->log,
                       .progress = fetched,
                       .ctx = r};
    mm_must(r, mm_model_destination(dest, n > 1 ? v[1] : name, &e), &e);
    mm_must(r, mm_fetch(v[0], dest, &o, &e), &e);
    if (!r->quiet)
        puts(dest);
}

static void do_pack(mm_run *r, const char **v, int n)
{
    char dest[PATH_MAX], name[256];
    mm_dev_opts o = mm_device_of(r, &device);
    mm_model *m = NULL;
    mm_dev *d = NULL;
    mm_err e = {0};
    (void)n;
    if (o.precision != MM_PREC_BF16 && o.precision != MM_PREC_INT16 && o.precision != MM_PREC_INT8)
        mm_usage(r, "pack takes --precision bf16, int16 or int8: fp32 weights are used from their file unchanged");
    mm_must(r, mm_model_open(&m, v[0], &r->log, &e), &e);
    mm_must(r, mm_dev_open(&d, &o, &e), &e);
    snprintf(name, sizeof name, "%s-%s", mm_model_name(m), mm_precision_name(o.precision));
    mm_must(r, mm_model_destination(dest, packed_dir ? packed_dir : name, &e), &e);
    mm_must(r, mm_encoders_pack(m, d, dest, &e), &e);
    if (!r->quiet)
        puts(dest);
    mm_dev_close(d);
    mm_model_close(m);
}

/* ---- devices, the commands ---- */

static void do_devices(mm_run *r, const char **v, int n)
{
    (void)v, (void)n;
    mm_print_devices(r, &device, as_json);
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
    {"fetch", 1, 2, "OWNER/NAME[@REVISION] and optionally a name or directory", do_fetch},
    {"pack", 1, 1, "a model", do_pack},
    {"devices", 0, 0, "no arguments", do_devices},
};

int main(int argc, char **argv)
{
    mm_run r;
    mm_run_begin(&r, &TOOL, argc, argv);
    const char *name = r.n_operands ? r.operands[0] : "";
    const char **v = r.operands + 1;
    int n = r.n_operands - 1;
    for (size_t i = 0; i < sizeof COMMANDS / sizeof *COMMANDS; i++)
        if (strcmp(name, COMMANDS[i].name) == 0) {
            if (n < COMMANDS[i].min || n > COMMANDS[i].max)
                mm_usage(&r, "%s takes %s", COMMANDS[i].name, COMMANDS[i].wants);
            COMMANDS[i].run(&r, v, n);
            return mm_run_end(&r);
        }
    mm_usage(&r, "%s command%s%s: list, info, verify, import, fetch, pack or devices", *name ? "no" : "missing",
             *name ? " " : "", name);
}
