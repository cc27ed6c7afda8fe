/* Whatever a header says, the reader stays within the file. */
#include "model/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    mm_safetensors *s;
    mm_err e = {0};
    if (mm_safetensors_parse(&s, data, n, "fuzz", &e) != MM_OK)
        return 0;
    volatile uint8_t sink = 0;
    for (int64_t i = 0; i < mm_safetensors_count(s); i++) {
        const mm_named_tensor *t = mm_safetensors_at(s, i);
        const uint8_t *p = t->t.data;
        for (size_t k = 0; k < mm_shape_bytes(&t->t.s); k++)
            sink ^= p[k];
        if (mm_safetensors_find(s, t->name) != t)
            __builtin_trap();
    }
    sink ^= (uint8_t)mm_safetensors_digest(s, 1);
    (void)sink;
    mm_safetensors_close(s);
    return 0;
}
