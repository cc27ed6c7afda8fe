/* device.h: --device and --precision of the tools that compute with lib/backend. */
#ifndef MM_CLI_DEVICE_H
#define MM_CLI_DEVICE_H

#include "backend/backend.h"
#include "cli/tool.h"

/* Values of the options; begin with MM_DEVICE_DEFAULTS. */
typedef struct {
    const char *name; /* --device; NULL: not given */
    int precision;    /* an mm_precision; −1: not given */
} mm_device_values;

#define MM_DEVICE_DEFAULTS                                                                                             \
    {                                                                                                                  \
        .name = NULL, .precision = -1                                                                                  \
    }

void mm_device_opts(mm_opts *o, mm_device_values *v);

/* The settings for mm_dev_open, from these options, MM_DEVICE, -j and the log. Default precision: fp32. */
mm_dev_opts mm_device_of(const mm_run *r, const mm_device_values *v);

#endif
