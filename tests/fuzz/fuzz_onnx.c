/* Imports of ONNX files: what is taken from one must lie inside it. External data is looked for in a directory that
 * does not exist. */
#include "import/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    mm_draft d;
    mm_err e = {0};
    mm_import_opts o = {0};
    if (mm_draft_init(&d, &e) != MM_OK)
        return 0;
    volatile uint8_t sink = 0;
    if (mm_import_onnx(&d, data, n, "fuzz", "/nonexistent", &o, &e) == MM_OK)
        for (int64_t i = 0; i < d.n; i++)
            for (size_t k = 0; k < mm_shape_bytes(&d.t[i].t.s); k++)
                sink ^= ((const uint8_t *)d.t[i].t.data)[k];
    (void)sink;
    mm_draft_free(&d);
    return 0;
}
