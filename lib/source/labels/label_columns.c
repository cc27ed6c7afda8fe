#include "source/labels/label_columns.h"

#include "format/formats.h"

#include <strings.h>

/* −1: no column has one of the usual names. */
static int usual_column(const mm_table *t)
{
    static const char *const USUAL[] = {"file",  "path",  "filename", "file_name", "file_path", "filepath",
                                        "image", "audio", "video",    "key",       "id"};
    for (size_t i = 0; t->header && i < sizeof USUAL / sizeof *USUAL; i++)
        for (int c = 0; c < t->columns; c++)
            if (t->header[c].n == strlen(USUAL[i]) && strncasecmp(t->header[c].p, USUAL[i], t->header[c].n) == 0)
                return c;
    return -1;
}

/* The columns of a Label Studio export that say who labelled and when. */
static bool is_about_labelling(const mm_table *t, mm_str name)
{
    static const char *const ABOUT[] = {"id",         "annotator", "annotation_id", "created_at",
                                        "updated_at", "lead_time", "agreement"};
    bool export = mm_table_column(t, "annotation_id", 0) >= 0 && mm_table_column(t, "lead_time", 0) >= 0;
    bool min = mm_table_names_itself(t) && mm_table_column(t, "id", 0) >= 0 && mm_table_column(t, "annotator", 0) >= 0;
    for (size_t i = 0; (export || min) && i < sizeof ABOUT / sizeof *ABOUT; i++)
        if (mm_str_is(name, ABOUT[i]))
            return true;
    return false;
}

mm_str mm_label_columns_name(const mm_label_columns *c, int column, mm_arena *a)
{
    return c->t->header ? c->t->header[column] : mm_str_of(mm_arena_printf(a, "%d", column + 1));
}

bool mm_label_columns_holds(const mm_label_columns *c, int column)
{
    if (column == c->file)
        return false;
    if (!c->t->header)
        return true;
    mm_str name = c->t->header[column]; /* pandas writes its index as a column without a name */
    return name.n && !is_about_labelling(c->t, name);
}

mm_str mm_label_columns_doubtful(const mm_label_columns *c)
{
    bool sure = c->nameless || !c->n || mm_table_names_itself(c->t) || usual_column(c->t) >= 0;
    return sure || !c->t->header[c->file].n ? (mm_str){NULL, 0} : c->t->header[c->file];
}

/* The first row names columns: it must not be a row of labels. */
static mm_status check_header(const mm_label_columns *c, const mm_labels_opts *o, mm_err *e)
{
    const mm_table *t = c->t;
    if (!t->header || mm_table_names_itself(t))
        return MM_OK;
    if (!o->file_column && mm_name_promises(t->header[c->file]) != MM_FORMAT_UNKNOWN)
        return mm_fail_hint(e, MM_SKIP, MM_HINT_NAMELESS, "the first row names %.*s and no columns",
                            MM_STRF(t->header[c->file]));
    for (int a = 0; a < t->columns; a++)
        for (int b = a + 1; b < t->columns; b++)
            if (t->header[a].n && mm_str_eq(t->header[a], t->header[b]) &&
                (!o->column || mm_str_is(t->header[a], o->column)))
                return mm_fail_hint(e, MM_SKIP, MM_HINT_COLUMN_NUMBER, "columns %d and %d are both called %.*s", a + 1,
                                    b + 1, MM_STRF(t->header[a]));
    return MM_OK;
}

mm_status mm_label_columns_find(mm_label_columns *c, mm_table *t, const mm_labels_opts *o, mm_err *e)
{
    mm_status s = MM_OK;
    *c = (mm_label_columns){.t = t, .label = -1};
    c->nameless =
        o->file_column && o->column && mm_table_is_nameless(t, (const char *[]){o->file_column, o->column}, 2);
    if (!c->nameless)
        s = mm_table_learn_names(t, e);
    c->n = c->nameless ? mm_table_width(t) : t->columns;
    if (s != MM_OK || !c->n)
        return s;
    c->file = usual_column(t);
    c->file = c->file < 0 ? 0 : c->file;
    if (o->file_column)
        s = mm_table_find(t, o->file_column, c->n, &c->file, e);
    if (s == MM_OK && o->column)
        s = mm_table_find(t, o->column, c->n, &c->label, e);
    if (s == MM_OK && !o->column && c->n == 1 && t->tasks)
        return mm_fail(e, MM_SKIP, "no annotation of a whole file in it: predictions and regions are no labels");
    if (s == MM_OK && !o->column && c->n == 1)
        return mm_fail(e, MM_SKIP, "only one column, %.*s, and so no labels", MM_STRF(t->header[0]));
    return s == MM_OK ? check_header(c, o, e) : s;
}
