#include "cli/labels_option.h"

void mm_labels_option_open(mm_run *r, mm_labels_option *l)
{
    mm_err e;
    if (l->path && strcmp(l->path, "-") == 0)
        mm_usage(r, "--labels takes the name of a file, not -: standard input is what is labelled");
    if (l->path &&
        mm_labels_open(&l->labels, l->path, &(mm_labels_opts){l->file_column, l->column, (mm_table_kind)(l->table + 1)},
                       &e) != MM_OK)
        mm_die_of(r, &e);
}

bool mm_labels_option_find(mm_run *r, const mm_labels_option *l, const mm_label_query *what, msgpack_object *label,
                           mm_err *e)
{
    mm_status s = mm_labels_find(l->labels, what, label, e);
    if (s == MM_FATAL)
        mm_die_of(r, e);
    return s == MM_OK;
}

void mm_labels_option_count(mm_labels_option *l, int64_t labelled, int64_t unlabelled)
{
    __atomic_fetch_add(&l->labelled, labelled, __ATOMIC_RELAXED);
    __atomic_fetch_add(&l->unlabelled, unlabelled, __ATOMIC_RELAXED);
}

void mm_labels_option_apply(mm_run *r, mm_labels_option *l, mm_record *rec, mm_arena *a)
{
    mm_err e, why;
    msgpack_object label;
    if (rec->kind == MM_KIND_ERROR || rec->kind == MM_KIND_LABEL || rec->kind == MM_KIND_MARK ||
        rec->kind == MM_KIND_OTHER)
        return;
    if (!mm_labels_option_find(r, l, &(mm_label_query){.given = rec->src, .key = rec->key}, &label, &why)) {
        mm_fail_hint(&e, MM_SKIP, why.hint, "%.*s: %s", MM_STRF(rec->key), why.text);
        mm_item_failed(r, NULL, &e);
        mm_must(r, mm_record_to_error(rec, a, "cat", "label", &why, &e), &e);
        return;
    }
    bool none = label.type == MSGPACK_OBJECT_NIL;
    mm_labels_option_count(l, !none, none);
    if (none && rec->label.type == MSGPACK_OBJECT_NIL)
        return;
    rec->label = label;
    rec->raw = (mm_str){0};
}

static void say_what_matched(mm_run *r, const mm_labels_option *l, const char *what)
{
    const char *example;
    int64_t unused = mm_labels_unused(l->labels), elsewhere = mm_labels_elsewhere(l->labels, &example);
    mm_str first = mm_labels_first(l->labels), names = mm_labels_names_as_data(l->labels),
           data = mm_labels_data_as_names(l->labels);
    if (names.p)
        mm_warn(r, "%s: " MM_TABLE_NAMES_AS_DATA, l->path, MM_STRF(names));
    if (data.p)
        mm_warn(r,
                "%s: the first row is taken for names of columns, and \"%.*s\" in it is the name of one of the %s: "
                "--key-column and --label-column with numbers (1, 2) read it as data",
                l->path, MM_STRF(data), what);
    if (elsewhere)
        mm_warn(r, "%s that took the label of a row of %s that names another directory: %lld (%s)", what, l->path,
                (long long)elsewhere, example);
    if (l->unlabelled)
        mm_warn(r, "%s without a label in %s: %lld", what, l->path, (long long)l->unlabelled);
    if (unused)
        mm_warn(r, "rows of %s that belong to none of the %s: %lld", l->path, what, (long long)unused);
    if (l->labelled || !l->unlabelled)
        return;
    mm_warn(r, "nothing was labelled: the rows of %s name files like \"%.*s\" (see Labels in mm-decode(1))", l->path,
            MM_STRF(first));
    mm_run_worsen(r, 1);
}

void mm_labels_option_end(mm_run *r, mm_labels_option *l, const char *what)
{
    if (l->labels)
        say_what_matched(r, l, what);
    mm_labels_close(l->labels);
    l->labels = NULL;
}
