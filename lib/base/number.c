#include "base/number.h"

#include <stdio.h>
#include <stdlib.h>

const char *mm_number_text(char out[MM_NUMBER_TEXT], double x)
{
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(out, MM_NUMBER_TEXT, "%.*g", digits, x);
        if (strtod(out, NULL) == x)
            break;
    }
    return out;
}
