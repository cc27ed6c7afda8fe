/* JSON of a model directory and of a hub's answer: whatever it says, lookups and the choice of files stay sane. */
#include "base/json.h"
#include "hub/hub.h"
#include "model/model.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    json_t *j;
    mm_err e = {0};
    if (mm_json_parse(&j, (const char *)data, n, "fuzz", &e) != MM_OK)
        return 0;
    mm_config_int(j, "hidden_size", 0);
    mm_config_float(j, "vision_config.layer_norm_eps", 0);
    mm_config_str(j, "model_type", "");
    mm_arena a = {0};
    mm_hub_repo r;
    for (int all = 0; all < 2; all++)
        if (mm_hub_read(&r, j, "owner/name", all, &a, &e) == MM_OK)
            for (int i = 0; i < r.files; i++)
                if (r.file[i].name[0] == '/' || r.file[i].name[0] == '.' || strstr(r.file[i].name, "/.") ||
                    r.file[i].size < -1)
                    __builtin_trap();
    mm_arena_free(&a);
    json_decref(j);
    return 0;
}
