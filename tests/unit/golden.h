/* golden.h: goldens in JSON, and the made-up inputs and hashes of tests/goldens/make_media.py. */
#ifndef MM_TESTS_GOLDEN_H
#define MM_TESTS_GOLDEN_H

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline json_t *golden(const char *file)
{
    char path[512];
    json_error_t why;
    snprintf(path, sizeof path, "tests/goldens/%s", file);
    json_t *j = json_load_file(path, 0, &why);
    if (!j)
        fail_msg("%s: %s", path, why.text);
    return j;
}

static inline int64_t num(const json_t *j, const char *key)
{
    const json_t *v = json_object_get(j, key);
    assert_true(json_is_integer(v));
    return json_integer_value(v);
}

static inline uint32_t noise_next(uint64_t *x)
{
    *x = *x * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*x >> 32);
}

/* n bytes; the caller frees */
static inline uint8_t *noise_bytes(int64_t seed, int64_t n)
{
    uint64_t x = (uint64_t)seed;
    uint8_t *p = malloc((size_t)n);
    for (int64_t i = 0; i < n; i++)
        p[i] = (uint8_t)(noise_next(&x) >> 24);
    return p;
}

/* n samples in −1 .. 1; the caller frees */
static inline float *noise_samples(int64_t seed, int64_t n)
{
    uint64_t x = (uint64_t)seed;
    float *p = malloc((size_t)n * sizeof *p);
    for (int64_t i = 0; i < n; i++)
        p[i] = (float)(noise_next(&x) >> 8) / 8388608.0f - 1.0f;
    return p;
}

static inline void assert_fnv_text(const void *data, size_t n, const char *want)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    char text[17];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)h);
    assert_string_equal(text, want);
}

static inline void assert_fnv_key(const void *data, size_t n, const json_t *want, const char *key)
{
    assert_fnv_text(data, n, json_string_value(json_object_get(want, key)));
}

static inline void assert_fnv(const void *data, size_t n, const json_t *want)
{
    assert_fnv_key(data, n, want, "fnv");
}

#endif
