/* other_device.h: MM_TEST_DEVICE (tests/gpu/run) lets tests of the backend and of the encoders test that device in
 * place of the CPU. */
#ifndef OTHER_DEVICE_H
#define OTHER_DEVICE_H

#include "backend/ops.h"
#include "backend/vulkan/vulkan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The device to test in place of the CPU; NULL: the CPU. */
static inline const char *other_device(void)
{
    const char *name = getenv("MM_TEST_DEVICE");
    return name && *name ? name : NULL;
}

static inline void say(void *ctx, mm_log_level level, mm_hint hint, const char *line)
{
    (void)hint;
    (void)ctx;
    if (level == MM_LOG_WARN)
        print_message("%s\n", line);
}

static inline mm_dev *open_other(mm_precision p, int threads)
{
    static const mm_log log = {.say = say};
    mm_dev *d;
    mm_err e = {0};
    const mm_dev_opts o = {.name = other_device(), .threads = threads, .precision = p, .log = &log};
    if (mm_dev_open(&d, &o, &e) != MM_OK)
        fail_msg("%s", e.text);
    return d;
}

/* Nothing that was recorded may have displeased the validation layer. */
static inline void close_dev(mm_dev *d)
{
    if (other_device())
        assert_int_equal(mm_vulkan_messages(d), 0);
    mm_dev_close(d);
}

/* Some drivers cannot be loaded again and again in one process (NVIDIA's: some dozens of times): one device that stays
 * open for all tests keeps the driver loaded. */
static inline int keep_driver(void **state)
{
    if (other_device())
        *state = open_other(MM_PREC_FP32, 1);
    return 0;
}

static inline int let_driver_go(void **state)
{
    mm_dev_close(*state);
    return 0;
}

#endif
