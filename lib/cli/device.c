#include "cli/device.h"

#include <stdlib.h>

void mm_device_opts(mm_opts *o, mm_device_values *v)
{
    mm_opts_put(o, (mm_opt){0, "device", MM_OPT_STR, &v->name, "NAME", .group = "Computation",
                            .help = "compute on this device: cpu, vulkan, vulkan:N or vulkan:NAME, or auto for a GPU "
                                    "if there is one, else the CPU; without it MM_DEVICE, else auto; mm-model devices "
                                    "lists them"});
    mm_opts_put(o, (mm_opt){0, "precision", MM_OPT_CHOICE, &v->precision, .group = "Computation",
                            .help = "compute in this data type; auto picks the fastest that this device is known to do "
                                    "well; without it what a packed model is made for, else fp32",
                            .choices = "fp32|bf16|fp16|int16|int8|auto"});
}

mm_dev_opts mm_device_of(const mm_run *r, const mm_device_values *v)
{
    const char *name = v->name ? v->name : getenv("MM_DEVICE");
    mm_dev_opts o = {.name = name && *name ? name : "auto",
                     .threads = r->threads,
                     .precision = v->precision >= 0 ? (mm_precision)v->precision : MM_PREC_FP32,
                     .log = &r->log};
    mm_say(&r->log, MM_LOG_INFO, "device: %s, precision: %s", o.name, mm_precision_name(o.precision));
    return o;
}
