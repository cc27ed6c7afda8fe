/* cpu.h: what this processor can do, and how much of it this process may use. */
#ifndef MM_BASE_CPU_H
#define MM_BASE_CPU_H

#include "base/status.h"

#include <stdint.h>

/* Instruction sets that kernels exist for. A tier counts as present when the processor has all of it and the
 * operating system saves its registers. */
enum {
    MM_CPU_AVX2 = 1 << 0,        /* with FMA and F16C */
    MM_CPU_AVX512 = 1 << 1,      /* F, BW, DQ, VL */
    MM_CPU_AVX512_BF16 = 1 << 2, /* vdpbf16ps */
    MM_CPU_AVX512_VNNI = 1 << 3, /* vpdpbusd */
    MM_CPU_AVX_VNNI = 1 << 4,    /* vpdpbusd on 256 bits, VEX-encoded */
    MM_CPU_NEON = 1 << 5,
    MM_CPU_NEON_DOT = 1 << 6,  /* sdot */
    MM_CPU_NEON_BF16 = 1 << 7, /* bfdot */
    MM_CPU_AMX_BF16 = 1 << 8,  /* tdpbf16ps */
    MM_CPU_AMX_INT8 = 1 << 9,  /* tdpbusd */
    MM_CPU_AMD = 1 << 10,      /* no instruction set, but tells how fast one is */
};

uint32_t mm_cpu_features(void);

/* Takes features away: `limit` is "portable", "avx2", "avx512" or "neon" and keeps that tier and those below it. Words
 * after it (-bf16, -vnni, -amx, -dot) remove extensions of a tier: "avx512,-amx". NULL or "" keeps all. This is how
 * every tier is tested on one machine (environment MM_CPU). MM_FATAL: an unknown word. */
mm_status mm_cpu_limit(uint32_t *features, const char *limit, mm_err *e);

/* How many cores this process may use: its affinity mask and cgroup quota count; at least 1. */
int mm_cpu_count(void);

/* The processors' worth of time that control groups grant, rounded up; 0: no limit. Reads the process's groups
 * from the file `groups` (/proc/self/cgroup) and quotas below the mount point `root` (/sys/fs/cgroup); knows
 * version 1 (cpu.cfs_quota_us) and version 2 (cpu.max), and takes the tightest of a group and its parents. */
int mm_cgroup_cpus(const char *groups, const char *root);

#endif
