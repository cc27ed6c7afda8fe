/* profile.c: where the time goes, shader by shader. Waiting for every dispatch makes the whole slower, by the time of a
 * submission each, which the figures contain. */
#include "backend/vulkan/vk.h"
#include "base/clock.h"

#include <stdlib.h>

struct mm_vk_profile {
    struct {
        double seconds, work;
        long calls;
    } of[MM_VK_SHADERS];
};

void mm_vk_profile_start(mm_vk_dev *d)
{
    const char *on = getenv("MM_VULKAN_PROFILE");
    if (on && *on && *on != '0')
        d->profile = calloc(1, sizeof *d->profile);
}

mm_status mm_vk_profile_add(mm_vk_dev *d, int shader, double work, mm_err *e)
{
    struct mm_vk_profile *p = d->profile;
    const double start = mm_seconds();
    mm_status s = mm_vk_drain(d, e);
    p->of[shader].seconds += mm_seconds() - start;
    p->of[shader].work += work;
    p->of[shader].calls++;
    return s;
}

void mm_vk_profile_end(mm_vk_dev *d)
{
    for (int i = 0; d->profile && i < MM_VK_SHADERS; i++)
        if (d->profile->of[i].calls)
            mm_say(&d->log, MM_LOG_INFO, "vulkan: %-18s %6ld dispatches %10.3f ms %10.1f GFLOP/s",
                   mm_vk_code_of(i)->name, d->profile->of[i].calls, 1e3 * d->profile->of[i].seconds,
                   2e-9 * d->profile->of[i].work / d->profile->of[i].seconds);
    free(d->profile);
    d->profile = NULL;
}
