#include "cli/device_text.h"

#include "cli/state.h"

#include <jansson.h>
#include <stdlib.h>

enum { MOST_FACTS = 32 };

typedef struct {
    const mm_run *run;
    const mm_device_values *values;
    bool as_json;
} listing;

static void print_facts(const char *name, const mm_fact *f, int n, bool as_json)
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

static void print_device(void *ctx, const char *name)
{
    const listing *l = ctx;
    mm_dev_opts o = mm_device_of(l->run, l->values);
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
        char worded[MM_HINTED];
        snprintf(f[n].key, sizeof f[n].key, "error");
        snprintf(f[n++].value, sizeof f[0].value, "%s", mm_hinted(e.text, e.hint, worded));
    }
    print_facts(name, f, n, l->as_json);
    fflush(stdout);
    mm_dev_close(d);
}

void mm_print_devices(const mm_run *r, const mm_device_values *v, bool as_json)
{
    listing l = {r, v, as_json};
    mm_dev_opts o = mm_device_of(r, v);
    if (strcmp(o.name, "auto") != 0)
        print_device(&l, o.name);
    else
        mm_dev_each(print_device, &l);
}
