/* cache.c: compiled pipelines on disk, $XDG_CACHE_HOME/mm/vulkan-DIGEST (~/.cache by default). The digest covers the
 * device, its driver and every shader, so that a new driver or a new release starts a new file. The file begins with a
 * checksum, because a driver may crash on damaged data. Without the file everything works, but starts more slowly. */
#include "backend/vulkan/vk.h"
#include "base/file.h"
#include "base/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { DIGITS = 64, MOST = 64 << 20 };

static void key_of(const mm_vk_dev *d, char hex[DIGITS + 1])
{
    const VkPhysicalDeviceProperties *p = &d->card.properties;
    mm_sha256 s;
    mm_sha256_init(&s);
    mm_sha256_add(&s, MM_VERSION, strlen(MM_VERSION));
    mm_sha256_add(&s, &p->vendorID, sizeof p->vendorID);
    mm_sha256_add(&s, &p->deviceID, sizeof p->deviceID);
    mm_sha256_add(&s, &p->driverVersion, sizeof p->driverVersion);
    mm_sha256_add(&s, p->pipelineCacheUUID, sizeof p->pipelineCacheUUID);
    for (int i = 0; i < MM_VK_SHADERS; i++)
        mm_sha256_add(&s, mm_vk_code_of(i)->code, mm_vk_code_of(i)->bytes);
    mm_sha256_end(&s, hex);
}

/* Creates the directories, too. `path` is empty if there is no directory for caches. */
static void path_of(char *path, size_t size, const char *key)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    path[0] = '\0';
    int n = 0;
    if (cache && cache[0] == '/')
        n = snprintf(path, size, "%s", cache);
    else if (home && home[0] == '/')
        n = snprintf(path, size, "%s/.cache", home);
    if (n <= 0 || (size_t)n + 64 >= size) {
        path[0] = '\0';
        return;
    }
    mkdir(path, 0700);
    strcat(path, "/mm");
    mkdir(path, 0700);
    snprintf(path + strlen(path), size - strlen(path), "/vulkan-%.16s", key);
}

static void checksum(const void *bytes, size_t n, char hex[DIGITS + 1])
{
    mm_sha256 s;
    mm_sha256_init(&s);
    mm_sha256_add(&s, bytes, n);
    mm_sha256_end(&s, hex);
}

static bool wanted(void)
{
    const char *off = getenv("MM_VULKAN_DISABLE");
    return !off || !strstr(off, "cache");
}

void mm_vk_cache_load(mm_vk_dev *d)
{
    char key[DIGITS + 1], sum[DIGITS + 1];
    mm_buf b = {0};
    mm_err ignored;
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    if (wanted()) {
        key_of(d, key);
        path_of(d->cache_path, sizeof d->cache_path, key);
    }
    if (d->cache_path[0] && mm_file_exists(d->cache_path) && mm_file_read(&b, d->cache_path, MOST, &ignored) == MM_OK &&
        b.n > DIGITS) {
        checksum(b.p + DIGITS, b.n - DIGITS, sum);
        if (!memcmp(sum, b.p, DIGITS)) {
            info.pInitialData = b.p + DIGITS;
            info.initialDataSize = b.n - DIGITS;
        } else {
            mm_say(&d->log, MM_LOG_INFO, "vulkan: %s is damaged: rebuilding it", d->cache_path);
        }
    }
    if (vkCreatePipelineCache(d->device, &info, NULL, &d->cache) != VK_SUCCESS)
        d->cache = VK_NULL_HANDLE; /* pipelines are built without a cache */
    mm_buf_free(&b);
}

void mm_vk_cache_save(mm_vk_dev *d)
{
    size_t n = 0;
    if (!d->cache || !d->cache_path[0] || !d->cache_grown || d->lost ||
        vkGetPipelineCacheData(d->device, d->cache, &n, NULL) != VK_SUCCESS || n == 0 || n > MOST)
        return;
    char *all = malloc(DIGITS + n + 1), sum[DIGITS + 1];
    mm_err ignored;
    if (all && vkGetPipelineCacheData(d->device, d->cache, &n, all + DIGITS) == VK_SUCCESS) {
        checksum(all + DIGITS, n, sum);
        memcpy(all, sum, DIGITS);
        mm_file_write(d->cache_path, all, DIGITS + n, &ignored);
    }
    free(all);
}
