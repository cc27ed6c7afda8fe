/* bench_ceiling: the rate that a Vulkan driver reaches with nothing but multiply-adds, and with a load for each four of
 * them, beside that of our linear layer: how much of the driver's own limit we use.
 *
 *     build/bench/bench_ceiling [-d DEVICE] [-s SECONDS] */
#include "backend/vulkan/vk.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const uint32_t arithmetic[] =
#include "shaders/ceiling.inc"
    ;
static const uint32_t loads[] =
#include "shaders/ceiling_loads.inc"
    ;

enum { LANES = 64, GROUPS = 256, SUMS = 8 * 16, TABLE = 512 }; /* as in ceiling.comp */

static void die(const mm_err *e)
{
    fprintf(stderr, "bench_ceiling: %s\n", e->text);
    exit(1);
}

static VkPipeline pipeline_of(mm_vk_dev *d, const uint32_t *code, size_t bytes)
{
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = bytes, .pCode = code};
    VkShaderModule module;
    VkPipeline made;
    mm_err e;
    VkResult r = vkCreateShaderModule(d->device, &module_info, NULL, &module);
    const VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                              .layout = d->layout,
                                              .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                        .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                        .module = module,
                                                        .pName = "main"}};
    if (r == VK_SUCCESS)
        r = vkCreateComputePipelines(d->device, VK_NULL_HANDLE, 1, &info, NULL, &made);
    if (r != VK_SUCCESS) {
        mm_vk_fail(&e, r, "no pipeline");
        die(&e);
    }
    vkDestroyShaderModule(d->device, module, NULL);
    return made;
}

typedef struct {
    mm_vk_dev *d;
    VkPipeline pipeline;
    mm_dbuf *x, *y;
} ceiling;

/* Seconds of one dispatch of so many steps. */
static double once(const ceiling *c, uint32_t steps)
{
    mm_vk_slot *slot;
    mm_vk_command *k;
    mm_err e;
    const double start = mm_seconds();
    if (mm_vk_open_slot(&slot, c->d, &e) != MM_OK || mm_vk_list_add(&k, &slot->list, &e) != MM_OK)
        die(&e);
    const VkDescriptorBufferInfo x = {((mm_vk_buf *)c->x)->mem.buffer, 0, TABLE * 16},
                                 y = {((mm_vk_buf *)c->y)->mem.buffer, 0, LANES * GROUPS * sizeof(float)};
    const struct {
        uint32_t steps;
        float seed;
    } push = {steps, 0.5f};
    k->pipeline = c->pipeline;
    k->bind[0] = k->bind[1] = k->bind[2] = x;
    k->bind[3] = y;
    memcpy(k->push, &push, sizeof push);
    k->push_bytes = sizeof push;
    k->groups[0] = GROUPS;
    k->groups[1] = k->groups[2] = 1;
    if (mm_vk_drain(c->d, &e) != MM_OK)
        die(&e);
    return mm_seconds() - start;
}

/* GFLOP/s of the longest of the dispatches that double until one takes `least` seconds. */
static double ceiling_rate(const ceiling *c, double least)
{
    double took = once(c, 1);
    uint32_t steps = 16;
    while ((took = once(c, steps)) < least && steps < 1u << 30)
        steps *= 2;
    return 2e-9 * SUMS * LANES * GROUPS * steps / took;
}

static double linear_rate(mm_dev *d, double least)
{
    enum { M = 197, K = 768, N = 768 };
    float *w = calloc(N * K, sizeof *w);
    const mm_linear_weight lw = {.parts = 1, .w = {{{MM_F32, 2, {N, K}}, w}}};
    mm_linear_op op = {.x = {.ld = K}, .y = {.ld = N}, .rows = M};
    mm_weight *weight;
    mm_err e;
    if (!w || mm_dev_linear_weight(&weight, d, &lw, &e) != MM_OK || mm_dev_alloc(&op.x.buf, d, M * K, &e) != MM_OK ||
        mm_dev_alloc(&op.y.buf, d, M * N, &e) != MM_OK)
        die(&e);
    op.w = weight;
    double took = 0;
    for (int n = 1, warm = 1; warm || took < least; n = warm ? 1 : 2 * n, warm = 0) {
        const double start = mm_seconds();
        for (int i = 0; i < n; i++)
            mm_dev_linear(d, &op);
        if (mm_dev_flush(d, &e) != MM_OK)
            die(&e);
        took = (mm_seconds() - start) / n * (warm ? 0 : 1);
        if (!warm && took * n >= least)
            break;
    }
    mm_dev_weight_free(d, weight);
    mm_dev_free(d, op.x.buf);
    mm_dev_free(d, op.y.buf);
    free(w);
    return 2e-9 * M * K * N / took;
}

int main(int argc, char **argv)
{
    mm_dev_opts o = {.name = "vulkan:0", .precision = MM_PREC_FP32};
    double least = 0.5;
    mm_err e;
    mm_dev *dev;
    for (int c; (c = getopt(argc, argv, "d:s:")) != -1;)
        switch (c) {
        case 'd': o.name = optarg; break;
        case 's': least = atof(optarg); break;
        default: return 2;
        }
    if (mm_dev_open(&dev, &o, &e) != MM_OK)
        die(&e);
    ceiling c = {.d = (mm_vk_dev *)dev};
    if (mm_dev_alloc(&c.x, dev, TABLE * 4, &e) != MM_OK || mm_dev_alloc(&c.y, dev, LANES * GROUPS, &e) != MM_OK)
        die(&e);
    c.pipeline = pipeline_of(c.d, arithmetic, sizeof arithmetic);
    const double fma = ceiling_rate(&c, least);
    vkDestroyPipeline(c.d->device, c.pipeline, NULL);
    c.pipeline = pipeline_of(c.d, loads, sizeof loads);
    const double load = ceiling_rate(&c, least);
    vkDestroyPipeline(c.d->device, c.pipeline, NULL);
    const double ours = linear_rate(dev, least);
    printf("%s\nmultiply-adds alone       %8.1f GFLOP/s\na load for each four      %8.1f GFLOP/s\n"
           "linear 197 x 768 x 768    %8.1f GFLOP/s: %.2f and %.2f of them\n",
           mm_dev_name(dev), fma, load, ours, ours / fma, ours / load);
    mm_dev_free(dev, c.x);
    mm_dev_free(dev, c.y);
    mm_dev_close(dev);
    return 0;
}
