/* profile.h: where a Vulkan device's time goes, shader by shader. The linker sends the library's mm_vk_run here (--wrap
 * in the Makefile). Every dispatch is waited for, so the whole takes longer, by a submission each, which the figures
 * contain. */
#ifndef BENCH_PROFILE_H
#define BENCH_PROFILE_H

#include "backend/vulkan/vk.h"
#include "base/clock.h"

#include <stdio.h>

static struct {
    bool on;
    struct {
        double seconds, work;
        long calls;
    } of[MM_VK_SHADERS];
} profile;

mm_status __real_mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e);
mm_status __wrap_mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e);
mm_status __wrap_mm_vk_run(mm_vk_dev *d, const mm_vk_dispatch *x, mm_err *e)
{
    mm_status s = profile.on ? mm_vk_drain(d, e) : MM_OK;
    const double start = mm_seconds();
    if (s == MM_OK)
        s = __real_mm_vk_run(d, x, e);
    if (s == MM_OK && profile.on)
        s = mm_vk_drain(d, e);
    profile.of[x->shader].seconds += mm_seconds() - start;
    profile.of[x->shader].work += x->work;
    profile.of[x->shader].calls++;
    return s;
}

static void print_profile(void)
{
    for (int i = 0; i < MM_VK_SHADERS; i++)
        if (profile.of[i].calls)
            printf("%-18s %6ld dispatches %10.3f ms %10.1f GFLOP/s\n", mm_vk_code_of(i)->name, profile.of[i].calls,
                   1e3 * profile.of[i].seconds, 2e-9 * profile.of[i].work / profile.of[i].seconds);
}

#endif
