/* head_from_data.c: the inputs and outputs of a new head, from the samples that it will learn. */
#include "base/name_list.h"
#include "base/suggest.h"
#include "fuse/dataset.h"

#include <math.h>
#include <stdio.h>

/* Where the list `of` has the name; without a list its usual rank. */
static int place(const char *name, const char *of)
{
    int i = 0;
    if (!of)
        return mm_modality_rank(mm_str_of(name));
    for (mm_str one; (one = mm_name_next(&of)).p; i++)
        if (mm_str_is(one, name))
            return i;
    return MM_MAX_MODALITIES;
}

mm_status mm_head_inputs_from_data(mm_head *like, const mm_data *d, const char *of, mm_err *e)
{
    int order[MM_MAX_MODALITIES];
    for (int m = 0; m < d->modalities; m++) { /* stable insertion sort by place */
        int at = m;
        for (; at > 0 && place(d->modality[m].name, of) < place(d->modality[order[at - 1]].name, of); at--)
            order[at] = order[at - 1];
        order[at] = m;
    }
    for (int m = 0; m < d->modalities; m++) {
        const mm_data_modality *from = &d->modality[order[m]];
        like->input[like->inputs++] = (mm_head_input){.name = from->name, .space = from->space, .width = from->width};
    }
    if (!like->inputs)
        return mm_fail_hint(e, MM_SKIP, MM_HINT_ENCODE, "no feature records%s%s", of ? " of " : "", of ? of : "");
    if (like->task == MM_TASK_ALIGN && like->inputs == 1)
        return mm_fail(e, MM_SKIP, "align needs two modalities under one key; there is only %s", like->input[0].name);
    return MM_OK;
}

/* Fills in the names of the fields and returns how many there are. */
static int names_of(mm_str name[MM_MAX_OUTPUTS], const mm_data *d)
{
    for (int f = 0; f < d->fields; f++)
        name[f] = mm_str_of(d->field[f].name);
    return d->fields;
}

/* Fails because a field cannot be learned, and lists the others. */
static mm_status refuse(const mm_data *d, const char *why, mm_err *e)
{
    char list[200] = "";
    size_t used = 0;
    for (int f = 0; f < d->fields && used < sizeof list; f++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", f ? ", " : "", d->field[f].name);
    if (d->fields < 2)
        return mm_fail(e, MM_SKIP, "%s", why);
    return mm_fail_hint(e, MM_SKIP, MM_HINT_FIELD, "%s (fields: %s)", why, list);
}

static bool has_numbers(const mm_data *d, const mm_data_field *f)
{
    for (int i = 0; i < d->n; i++)
        if (!isnan(f->number[i]))
            return true;
    return false;
}

static mm_status add_output(mm_head *like, const mm_data *d, const mm_data_field *f, mm_err *e)
{
    char why[160];
    bool classes = like->task == MM_TASK_CLASSIFY;
    if (f->conflict)
        return mm_fail(e, MM_SKIP, "%s", f->conflict);
    mm_head_output *o = &like->output[like->outputs++];
    *o = (mm_head_output){.name = f->name, .width = classes ? f->count : 1, .temperature = 1};
    if (classes && f->count < 2) {
        snprintf(why, sizeof why, "label field %s has only one value, %s: nothing to learn", f->name,
                 f->count ? f->classes[0] : "");
        return refuse(d, why, e);
    }
    if (!classes && !has_numbers(d, f)) {
        snprintf(why, sizeof why, "label field %s has values such as \"%s\", not numbers", f->name,
                 f->count ? f->classes[0] : "");
        return refuse(d, why, e);
    }
    o->classes = classes ? f->classes : NULL;
    return MM_OK;
}

static mm_status add_field(mm_head *like, const mm_data *d, mm_str wanted, mm_err *e)
{
    mm_str name[MM_MAX_OUTPUTS];
    char hint[200];
    int n = names_of(name, d), f = 0;
    while (f < n && !mm_str_eq(name[f], wanted))
        f++;
    if (f == n)
        return mm_fail(e, MM_SKIP, "no record has a label field %.*s%s", MM_STRF(wanted),
                       mm_suggest_text(hint, sizeof hint, wanted, name, n));
    if (like->outputs == MM_MAX_OUTPUTS)
        return mm_fail(e, MM_SKIP, "more than %d label fields", MM_MAX_OUTPUTS);
    for (int i = 0; i < like->outputs; i++)
        if (like->output[i].name == d->field[f].name)
            return mm_fail(e, MM_SKIP, "label field %.*s is given twice", MM_STRF(wanted));
    return add_output(like, d, &d->field[f], e);
}

/* Adds the field of this name, which may contain a comma, or else the fields of a comma-separated list. */
static mm_status add_named(mm_head *like, const mm_data *d, const char *list, mm_err *e)
{
    if (mm_data_field_of(d, list) || !strchr(list, ','))
        return add_field(like, d, mm_str_of(list), e);
    mm_status s = MM_OK;
    for (const char *p = list; s == MM_OK && *p; p += strcspn(p, ","), p += *p == ',')
        s = add_field(like, d, (mm_str){p, strcspn(p, ",")}, e);
    return s;
}

mm_status mm_head_outputs_from_data(mm_head *like, const mm_data *d, const char *const *field, int n, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; s == MM_OK && i < n; i++)
        s = add_named(like, d, field[i], e);
    for (int f = 0; s == MM_OK && !n && f < d->fields; f++)
        s = add_output(like, d, &d->field[f], e);
    if (s == MM_OK && !like->outputs)
        s = mm_fail_hint(e, MM_SKIP, MM_HINT_LABELS, "the records have no labels");
    return s;
}
