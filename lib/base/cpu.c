#include "base/cpu.h"

#include "base/name_list.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__x86_64__)
/* Leaf 7 of cpuid; zeros where there is none. */
static unsigned leaf7(unsigned part, char reg)
{
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid_count(7, part, &a, &b, &c, &d))
        return 0;
    return reg == 'a' ? a : d;
}

/* The system saves the tile registers, and lets this process use them (must be requested: arch_prctl
 * ARCH_REQ_XCOMP_PERM for component 18). */
static bool tiles_allowed(void)
{
    unsigned lo, hi, a, b, c = 0, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
        return false;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return (lo >> 17 & 3) == 3 && syscall(SYS_arch_prctl, 0x1023, 18) == 0;
}

static uint32_t x86_features(void)
{
    uint32_t f = 0;
    __builtin_cpu_init();
    unsigned a, b, c = 0, d;
    bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C); /* clang 14 has no name for it */
    if (!f16c || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    f |= MM_CPU_AVX2 | (__builtin_cpu_is("amd") ? MM_CPU_AMD : 0);
    if (leaf7(1, 'a') >> 4 & 1)
        f |= MM_CPU_AVX_VNNI;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return f;
    f |= MM_CPU_AVX512;
    if (__builtin_cpu_supports("avx512bf16"))
        f |= MM_CPU_AVX512_BF16;
    if (__builtin_cpu_supports("avx512vnni"))
        f |= MM_CPU_AVX512_VNNI;
    const unsigned tiles = leaf7(0, 'd'); /* bits 22 AMX-BF16, 24 AMX-TILE, 25 AMX-INT8 */
    if ((tiles >> 24 & 1) && (f & MM_CPU_AVX512_BF16) && tiles_allowed())
        f |= (tiles >> 22 & 1 ? MM_CPU_AMX_BF16 : 0) | (tiles >> 25 & 1 ? MM_CPU_AMX_INT8 : 0);
    return f;
}
#endif

uint32_t mm_cpu_features(void)
{
    uint32_t f = 0;
#if defined(__x86_64__)
    f = x86_features();
#elif defined(__aarch64__)
    unsigned long hw = getauxval(AT_HWCAP), hw2 = getauxval(AT_HWCAP2);
    f |= MM_CPU_NEON;     /* part of the architecture */
    if (hw & (1ul << 20)) /* HWCAP_ASIMDDP */
        f |= MM_CPU_NEON_DOT;
    if (hw2 & (1ul << 14)) /* HWCAP2_BF16 */
        f |= MM_CPU_NEON_BF16;
#endif
    return f;
}

/* Applies one word of a limit to the features; false: unknown word. */
static bool apply_limit(uint32_t *features, const char *word, size_t n)
{
    static const struct {
        const char *name;
        uint32_t keep;
    } words[] = {
        {"portable", 0},
        {"avx2", MM_CPU_AVX2 | MM_CPU_AVX_VNNI | MM_CPU_AMD},
        {"avx512", ~0u},
        {"neon", ~0u},
        {"-bf16", ~(uint32_t)(MM_CPU_AVX512_BF16 | MM_CPU_NEON_BF16)},
        {"-vnni", ~(uint32_t)(MM_CPU_AVX512_VNNI | MM_CPU_AVX_VNNI)},
        {"-amx", ~(uint32_t)(MM_CPU_AMX_BF16 | MM_CPU_AMX_INT8)},
        {"-dot", ~(uint32_t)MM_CPU_NEON_DOT},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i].name) == n && memcmp(word, words[i].name, n) == 0) {
            *features &= words[i].keep;
            return true;
        }
    return false;
}

mm_status mm_cpu_limit(uint32_t *features, const char *limit, mm_err *e)
{
    for (const char *p = limit; p && *p;) {
        size_t n = strcspn(p, ",");
        if (!apply_limit(features, p, n))
            return mm_fail(e, MM_FATAL,
                           "MM_CPU=%s: not one of portable, avx2, avx512, neon, followed by any of "
                           ",-bf16 ,-vnni ,-amx ,-dot",
                           limit);
        p += n + (p[n] == ',');
    }
    return MM_OK;
}

/* ---- how many processors ---- */

static int affinity_count(void)
{
    for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) { /* the kernel refuses a mask smaller than its own */
        cpu_set_t *set = CPU_ALLOC((size_t)cpus);
        if (!set)
            return 1;
        size_t size = CPU_ALLOC_SIZE((size_t)cpus);
        int n = sched_getaffinity(0, size, set) == 0 ? CPU_COUNT_S(size, set) : 0;
        CPU_FREE(set);
        if (n > 0)
            return n;
    }
    return 1;
}

/* Reads one line; false when the file is not there. */
static bool read_line(char *line, size_t size, const char *path)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    bool ok = fgets(line, (int)size, f) != NULL;
    fclose(f);
    return ok;
}

/* Processors that a quota of `quota` µs in each period grants; 0: no limit. */
static int quota_cpus(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = (quota + period - 1) / period;
    return n > INT_MAX ? 0 : n < 1 ? 1 : (int)n;
}

/* One group's own limit. */
static int group_limit(const char *dir, bool v2)
{
    char path[PATH_MAX + 32], line[128];
    if (v2) {
        long long quota, period;
        snprintf(path, sizeof path, "%s/cpu.max", dir);
        if (!read_line(line, sizeof line, path) || sscanf(line, "%lld %lld", &quota, &period) != 2)
            return 0; /* "max 100000" */
        return quota_cpus(quota, period);
    }
    snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", dir);
    if (!read_line(line, sizeof line, path))
        return 0;
    long long quota = atoll(line);
    snprintf(path, sizeof path, "%s/cpu.cfs_period_us", dir);
    if (!read_line(line, sizeof line, path))
        return 0;
    return quota_cpus(quota, atoll(line));
}

static int tighter(int a, int b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

/* The tightest limit of root/group and its parents up to root itself. In a container the group's path may be
 * the host's and not exist below root: then root counts. */
static int walk_up(const char *root, const char *group, bool v2)
{
    char dir[PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s%s", root, group) >= (int)sizeof dir)
        return 0;
    size_t top = strlen(root);
    int limit = 0;
    for (;;) {
        limit = tighter(limit, group_limit(dir, v2));
        char *slash = strrchr(dir + top, '/');
        if (!slash)
            return limit;
        *slash = '\0';
    }
}

int mm_cgroup_cpus(const char *groups, const char *root)
{
    FILE *f = fopen(groups, "re");
    if (!f)
        return 0;
    char line[PATH_MAX + 256], mount[PATH_MAX];
    int limit = 0;
    while (fgets(line, sizeof line, f)) { /* "4:cpu,cpuacct:/path" in version 1, "0::/path" in version 2 */
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        controllers++;
        if (*controllers == '\0') {
            limit = tighter(limit, walk_up(root, group, true));
        } else if (mm_name_listed(controllers, MM_STR("cpu"))) {
            snprintf(mount, sizeof mount, "%.1000s/%.1000s", root, controllers);
            limit = tighter(limit, walk_up(mount, group, false));
            snprintf(mount, sizeof mount, "%.1000s/cpu", root);
            limit = tighter(limit, walk_up(mount, group, false));
        }
    }
    fclose(f);
    return limit;
}

int mm_cpu_count(void)
{
    int n = affinity_count(), granted = mm_cgroup_cpus("/proc/self/cgroup", "/sys/fs/cgroup");
    return granted > 0 && granted < n ? granted : n;
}
