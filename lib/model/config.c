/* config.c: values of config.json by dotted path. */
#include "base/json.h"
#include "model/model.h"

#include <math.h>

int64_t mm_config_int(const json_t *config, const char *path, int64_t otherwise)
{
    const json_t *v = mm_json_at(config, path);
    if (json_is_integer(v))
        return json_integer_value(v);
    if (json_is_real(v) && fabs(json_real_value(v)) < 0x1p62) /* Python writes 16.0 now and then */
        return (int64_t)json_real_value(v);
    return otherwise;
}

double mm_config_float(const json_t *config, const char *path, double otherwise)
{
    const json_t *v = mm_json_at(config, path);
    return json_is_number(v) ? json_number_value(v) : otherwise;
}

const char *mm_config_str(const json_t *config, const char *path, const char *otherwise)
{
    const json_t *v = mm_json_at(config, path);
    return json_is_string(v) ? json_string_value(v) : otherwise;
}

bool mm_config_bool(const json_t *config, const char *path, bool otherwise)
{
    const json_t *v = mm_json_at(config, path);
    return json_is_boolean(v) ? json_is_true(v) : otherwise;
}
