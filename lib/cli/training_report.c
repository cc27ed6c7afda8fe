#include "cli/training_report.h"

#include "train/calibrate.h"

#include <math.h>

const char *mm_training_metric(mm_task task)
{
    static const char *const names[] = {"accuracy", "Pearson", "recall@1"};
    return names[task];
}

const char *mm_training_scores(const mm_training_report *t, const char *prefix, double loss, double metric,
                               char out[128])
{
    char number[2][32] = {"-", "-"};
    if (!isnan(loss))
        snprintf(number[0], sizeof number[0], "%.4f", loss);
    if (!isnan(metric))
        snprintf(number[1], sizeof number[1], "%.4f", metric);
    *out = 0;
    if (t->data->split.n_valid)
        snprintf(out, 128, "%svalidation loss %s, %s %s", prefix, number[0], mm_training_metric(t->task), number[1]);
    return out;
}

static bool is_calibrated(const mm_training_report *t)
{
    return t->task == MM_TASK_CLASSIFY && t->data->split.n_valid;
}

const char *mm_training_temperatures(const mm_training_report *t, const mm_head *h)
{
    const char *text = "";
    for (int i = 0; text && is_calibrated(t) && i < h->outputs; i++)
        text = mm_arena_printf(t->arena, "%s, %s%stemperature %.3g", text, h->outputs > 1 ? h->output[i].name : "",
                               h->outputs > 1 ? " " : "", (double)h->output[i].temperature);
    return text ? text : "";
}

bool mm_training_epoch(void *ctx, const mm_epoch *row)
{
    mm_training_report *t = ctx;
    char scores[128];
    const double cells[] = {row->lr, row->train_loss, row->valid_loss, row->metric};
    if (row->best)
        t->best = *row;
    mm_convergence_add(&t->convergence, row);
    if (t->log) {
        fprintf(t->log, "%d\t", row->epoch);
        for (int i = 0; i < 4; i++)
            isnan(cells[i]) ? fputc('\t', t->log) : fprintf(t->log, "%.6g\t", cells[i]);
        fprintf(t->log, "%d\n", row->best);
    }
    mm_training_scores(t, ", ", row->valid_loss, row->metric, scores);
    mm_say(&t->run->log, MM_LOG_INFO, "epoch %d: loss %.4f%s%s", row->epoch, row->train_loss, scores,
           row->best && t->data->split.n_valid ? " *" : "");
    mm_progress_note(t->run, "loss %.4f%s", row->train_loss, scores);
    mm_progress(t->run, row->epoch, t->convergence.epochs);
    return true;
}

void mm_training_say_labels(const mm_training_report *t, const mm_head *h)
{
    const mm_data *d = t->data->data;
    for (int o = 0; t->task == MM_TASK_REGRESS && o < h->outputs; o++) {
        const mm_data_field *f = mm_data_field_of(d, h->output[o].name);
        int n = 0, last = -1;
        for (int i = 0; i < d->n; i++) {
            if (f->id[i] >= 0 && isnan(f->number[i])) {
                last = f->id[i];
                n++;
            }
        }
        if (n)
            mm_warn(t->run, "labels of %s that are not numbers and do not count: %d, such as \"%s\"", f->name, n,
                    f->classes[last]);
    }
}

void mm_training_say_columns(const mm_training_report *t, const mm_head *h)
{
    for (int m = 0; m < h->inputs; m++) {
        const mm_head_input *in = &h->input[m];
        const char *list = "";
        int n = 0;
        for (int64_t c = 0; list && c < in->width; c++)
            if (isinf(in->std[c]) && ++n <= 10)
                list = mm_arena_printf(t->arena, "%s%s%lld", list, n > 1 ? ", " : "", (long long)c + 1);
        if (n && list)
            mm_say(&t->run->log, MM_LOG_INFO, "%d of %lld columns of %s do not vary and are left out: %s%s", n,
                   (long long)in->width, in->name, list, n > 10 ? ", ..." : "");
    }
}

void mm_training_say_result(const mm_training_report *t, const mm_head *h)
{
    char scores[128];
    int valid = t->data->split.n_valid, all = t->data->split.n_train + valid;
    long long records = mm_training_data_records(t->data);
    if (t->run->quiet)
        return;
    if (valid)
        fprintf(stderr, "mm-train: %d samples of %lld records, %d of them for validation; best epoch %d: %s%s\n", all,
                records, valid, t->best.epoch, mm_training_scores(t, "", t->best.valid_loss, t->best.metric, scores),
                mm_training_temperatures(t, h));
    else
        fprintf(stderr, "mm-train: %d samples of %lld records, none for validation; %d epochs: loss %.4f\n", all,
                records, t->best.epoch, t->best.train_loss);
}

void mm_training_say_bounds(const mm_training_report *t, const mm_head *h)
{
    for (int i = 0; is_calibrated(t) && i < h->outputs; i++)
        if (mm_temperature_is_bound(h->output[i].temperature))
            mm_warn(t->run,
                    "the temperature of %s stopped at the bound of its range, %.2g: its probabilities are unreliable",
                    h->output[i].name, (double)h->output[i].temperature);
}

void mm_training_say_doubts(const mm_training_report *t, const mm_head *h)
{
    const mm_convergence *c = &t->convergence;
    mm_training_say_bounds(t, h);
    if (t->data->split.n_valid && isnan(t->best.valid_loss))
        mm_warn(t->run, "too few validation samples to tell epochs apart: the last epoch counts as the best");
    if (t->solver == MM_SOLVER_LBFGS && c->seen == c->epochs)
        mm_warn(t->run, "the minimum is not reached after %d iterations: raise --epochs", c->epochs);
    else if (t->solver != MM_SOLVER_LBFGS && mm_still_improving(c))
        mm_warn(t->run, "the loss was still falling after %d epochs: raise --epochs or --lr", c->epochs);
}
