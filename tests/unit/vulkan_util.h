/* vulkan_util.h: what tests of the Vulkan device share: the first device of the loader's list (lavapipe where there is
 * no GPU), and the smallest job. Tests are skipped where there is no device. */
#ifndef VULKAN_UTIL_H
#define VULKAN_UTIL_H

#include "backend/vulkan/vk.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static inline mm_status open_first(mm_dev **d, mm_err *e)
{
    *e = (mm_err){0};
    return mm_dev_open(d, &(mm_dev_opts){.name = "vulkan:0", .threads = 1}, e);
}

/* Dot products of 8-bit integers where they are offered, fast or not. */
static inline mm_status open_int8(mm_dev **d, mm_err *e)
{
    *e = (mm_err){0};
    setenv("MM_VULKAN_ENABLE", "int8", 1);
    mm_status s = mm_dev_open(d, &(mm_dev_opts){.name = "vulkan:0", .threads = 1, .precision = MM_PREC_INT8}, e);
    unsetenv("MM_VULKAN_ENABLE");
    return s;
}

static bool here;

static inline int look(void **state)
{
    (void)state;
    mm_dev *d;
    mm_err e;
    here = open_first(&d, &e) == MM_OK;
    if (!here)
        print_message("no Vulkan device: %s\n", e.text);
    mm_dev_close(d);
    return 0;
}

#define NEEDS_DEVICE                                                                                                   \
    if (!here)                                                                                                         \
    skip()

enum { ROWS = 9, WIDE = 70 };

/* y = x wᵀ with x = 1, 2, … and w the identity: y is x. */
static inline mm_status run_identity(mm_dev *d, mm_err *e)
{
    float *w = calloc(WIDE * WIDE, sizeof *w), x[ROWS * WIDE], y[ROWS * WIDE] = {0};
    for (int i = 0; i < WIDE; i++)
        w[i * WIDE + i] = 1;
    for (int i = 0; i < ROWS * WIDE; i++)
        x[i] = (float)i;
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {WIDE, WIDE}}, w}}};
    mm_weight *weight = NULL;
    mm_mat in = {.ld = WIDE}, out = {.ld = WIDE};
    mm_status s = mm_dev_linear_weight(&weight, d, &lw, e);
    if (s == MM_OK)
        s = mm_dev_alloc(&in.buf, d, ROWS * WIDE, e);
    if (s == MM_OK)
        s = mm_dev_alloc(&out.buf, d, ROWS * WIDE, e);
    if (s == MM_OK) {
        mm_dev_write(d, in.buf, 0, x, ROWS * WIDE);
        mm_dev_linear(d, &(mm_linear_op){.x = in, .y = out, .w = weight, .rows = ROWS});
        mm_dev_read(d, out.buf, 0, y, ROWS * WIDE);
        s = mm_dev_flush(d, e);
    }
    if (s == MM_OK)
        assert_memory_equal(x, y, sizeof x);
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, in.buf);
    mm_dev_free(d, out.buf);
    free(w);
    return s;
}

/* No pipeline cache of ours but where a test asks for one; Mesa's own cache stays where it is. */
static inline void hide_caches(void)
{
    char mesa[512];
    snprintf(mesa, sizeof mesa, "%.480s/.cache", getenv("HOME") ? getenv("HOME") : "/tmp");
    setenv("MESA_SHADER_CACHE_DIR", mesa, 0);
    setenv("XDG_CACHE_HOME", "relative: no cache", 1);
    unsetenv("HOME");
}
#endif
