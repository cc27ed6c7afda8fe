#include "label/output.h"

extern const mm_label_output mm_output_tsv, mm_output_jsonl, mm_output_stream, mm_output_studio, mm_output_hits;

/* In the order in which --format names them. */
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

mm_status mm_label_begin(mm_label_writer *w, const mm_record *first, mm_err *e)
{
    if (w->begun || !w->f)
        return MM_OK;
    w->begun = true;
    if (w->fields < 0)
        w->fields = first && mm_label_field(first).p;
    return w->out->begin ? w->out->begin(w, e) : MM_OK;
}

mm_status mm_label_write(mm_label_writer *w, mm_labelled *x, mm_record *out, mm_arena *a, mm_err *e)
{
    x->n = mm_scored_cut(x->scored, x->n, w->top, w->threshold, w->unknown);
    if (!w->neighbours && !w->out->searches)
        x->near = NULL;
    if (!w->f)
        return w->out->record(out, x, a, e);
    mm_status s = mm_label_begin(w, x->rec, e);
    return s == MM_OK ? w->out->put(w, x, e) : s;
}

void mm_label_mark(const mm_label_writer *w, const mm_record *mark)
{
    if (w->out->mark)
        w->out->mark(w->f, mark);
}

mm_status mm_label_end(mm_label_writer *w, mm_err *e)
{
    mm_status s = mm_label_begin(w, NULL, e);
    return s == MM_OK && w->out->end ? w->out->end(w, e) : s;
}
