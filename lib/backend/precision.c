#include "backend/backend.h"

#include <string.h>

static const char *const precisions[] = {"fp32",  "bf16", "fp16",
                                         "int16", "int8", "auto"}; /* in the order of mm_precision */

const char *mm_precision_name(mm_precision p)
{
    return precisions[p];
}

bool mm_precision_of(mm_precision *out, const char *name)
{
    for (int i = 0; i <= MM_PREC_AUTO; i++)
        if (strcmp(precisions[i], name) == 0) {
            *out = (mm_precision)i;
            return true;
        }
    return false;
}
