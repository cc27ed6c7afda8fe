#include "eval/output.h"

extern const mm_eval_output mm_eval_text, mm_eval_json;

/* In the order in which --format names them. */
static const mm_eval_output *const outputs[] = {
    &mm_eval_text,
    &mm_eval_json,
    NULL,
};

const mm_eval_output *mm_eval_output_at(int i)
{
    return outputs[i];
}

const char *mm_eval_output_name(int i)
{
    return outputs[i] ? outputs[i]->name : NULL;
}
