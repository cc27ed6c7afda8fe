/* output.c: the list of outputs, in the order in which --format names them. */
#include "label/output.h"

extern const mm_label_output mm_output_tsv, mm_output_jsonl, mm_output_stream, mm_output_studio, mm_output_hits;

static const mm_label_output *const outputs[] = {
    &mm_output_tsv, &mm_output_jsonl, &mm_output_stream, &mm_output_studio, &mm_output_hits, NULL,
};

const mm_label_output *mm_label_output_at(int i)
{
    return outputs[i];
}

const char *mm_label_output_name(int i)
{
    return outputs[i] ? outputs[i]->name : NULL;
}
