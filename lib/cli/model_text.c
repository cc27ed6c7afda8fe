#include "cli/model_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *mm_model_modalities(const json_t *o, char out[64])
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

void mm_print_json(const json_t *o)
{
    json_dumpf(o, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(16));
    putchar('\n');
}

void mm_print_model_row(const json_t *o, const char *name, const char *path)
{
    char buf[64];
    printf("%-24s %-13s %-10s %7.1fM %-5s %s\n", name, mm_model_modalities(o, buf),
           json_string_value(json_object_get(o, "model_type")),
           (double)json_integer_value(json_object_get(o, "parameters")) / 1e6,
           json_string_value(json_object_get(o, "dtype")), path);
}

void mm_print_model(const json_t *o)
{
    char buf[64];
    const char *key;
    json_t *v;
    printf("%-14s %s\n", "modality", mm_model_modalities(o, buf));
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

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text ? text : "any";
}

void mm_print_head(const json_t *o)
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
