/* pipeline.c: compute pipelines, built on first use: a process that encodes one sentence pays only for the four or five
 * that it needs. */
#include "backend/vulkan/vk.h"
#include "base/grow.h"

#include <stdlib.h>
#include <string.h>

mm_status mm_vk_pipelines_start(mm_vk_dev *d, mm_err *e)
{
    VkDescriptorSetLayoutBinding binding[MM_VK_BINDINGS];
    for (uint32_t i = 0; i < MM_VK_BINDINGS; i++)
        binding[i] = (VkDescriptorSetLayoutBinding){.binding = i,
                                                    .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                                    .descriptorCount = 1,
                                                    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
    const VkDescriptorSetLayoutCreateInfo sets = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                                  .bindingCount = MM_VK_BINDINGS,
                                                  .pBindings = binding};
    VkResult r = vkCreateDescriptorSetLayout(d->device, &sets, NULL, &d->set_layout);
    const VkPushConstantRange push = {VK_SHADER_STAGE_COMPUTE_BIT, 0, MM_VK_PUSH};
    const VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                               .setLayoutCount = 1,
                                               .pSetLayouts = &d->set_layout,
                                               .pushConstantRangeCount = 1,
                                               .pPushConstantRanges = &push};
    if (r == VK_SUCCESS)
        r = vkCreatePipelineLayout(d->device, &layout, NULL, &d->layout);
    if (r != VK_SUCCESS)
        return mm_vk_fail(e, r, "no pipeline layout");
    mm_vk_cache_load(d);
    return MM_OK;
}

void mm_vk_pipelines_end(mm_vk_dev *d)
{
    mm_vk_cache_save(d);
    for (int i = 0; i < d->n_pipelines; i++)
        vkDestroyPipeline(d->device, d->pipelines[i].pipeline, NULL);
    free(d->pipelines);
    vkDestroyPipelineCache(d->device, d->cache, NULL);
    vkDestroyPipelineLayout(d->device, d->layout, NULL);
    vkDestroyDescriptorSetLayout(d->device, d->set_layout, NULL);
}

static VkResult make(VkPipeline *out, mm_vk_dev *d, int shader, const uint32_t spec[MM_VK_SPECS])
{
    const mm_vk_code *code = mm_vk_code_of(shader);
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = d->card.coopmat == 8 ? 8 : 32};
    const VkShaderModuleCreateInfo module_info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = code->bytes, .pCode = code->code};
    VkShaderModule module;
    VkResult r = vkCreateShaderModule(d->device, &module_info, NULL, &module);
    if (r != VK_SUCCESS)
        return r;
    VkSpecializationMapEntry entry[MM_VK_SPECS];
    for (uint32_t i = 0; i < MM_VK_SPECS; i++)
        entry[i] = (VkSpecializationMapEntry){i, i * sizeof *spec, sizeof *spec};
    const VkSpecializationInfo constants = {MM_VK_SPECS, entry, MM_VK_SPECS * sizeof *spec, spec};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .layout = d->layout,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = code->matrix ? &subgroup : NULL,
                  .flags = code->matrix ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
    };
    r = vkCreateComputePipelines(d->device, d->cache, 1, &info, NULL, out);
    vkDestroyShaderModule(d->device, module, NULL);
    return r;
}

mm_status mm_vk_pipeline_of(VkPipeline *out, mm_vk_dev *d, int shader, const uint32_t spec[MM_VK_SPECS], mm_err *e)
{
    for (int i = 0; i < d->n_pipelines; i++)
        if (d->pipelines[i].shader == shader && !memcmp(d->pipelines[i].spec, spec, sizeof d->pipelines[i].spec)) {
            *out = d->pipelines[i].pipeline;
            return MM_OK;
        }
    if (!mm_grow(&d->pipelines, &d->cap_pipelines, d->n_pipelines))
        return mm_fail_memory(e);
    mm_vk_pipeline p = {.shader = shader};
    memcpy(p.spec, spec, sizeof p.spec);
    VkResult r = make(&p.pipeline, d, shader, spec);
    if (r != VK_SUCCESS) {
        char what[64] = "no pipeline for ";
        strncat(what, mm_vk_code_of(shader)->name, sizeof what - strlen(what) - 1);
        return mm_vk_fail(e, r, what);
    }
    mm_say(&d->log, MM_LOG_DEBUG, "vulkan: pipeline %s", mm_vk_code_of(shader)->name);
    d->pipelines[d->n_pipelines++] = p;
    d->cache_grown = true;
    *out = p.pipeline;
    return MM_OK;
}
