/* mm-cat: look at, cut, count and convert feature streams. */
#include "base/name_list.h"
#include "base/suggest.h"
#include "cli/labels_option.h"
#include "view/feature_rows.h"
#include "view/field.h"
#include "view/field_check.h"
#include "view/npy_writer.h"
#include "view/record_json.h"
#include "view/summary.h"
#include "view/value_counts.h"
#include "view/where.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool summary, json, tsv, keys, count, rows;
static const char *npy, *count_by, *fields;
static mm_list where;
static int64_t head = -1;
static int data = -1, header = 1;
static mm_labels_option labelling = {.table = -1};

static const mm_opt opts[] = {
    {'s', "summary", MM_OPT_FLAG, &summary, .group = "Formats",
     .help = "one line a record for people; the default on a terminal"},
    {'J', "json", MM_OPT_FLAG, &json, .help = "one JSON object a record and line"},
    {'t', "tsv", MM_OPT_FLAG, &tsv, .help = "tab-separated columns, see --fields"},
    {'n', "npy", MM_OPT_STR, &npy, "FILE",
     .help = "write the features to one NumPy array FILE, float32, and the rows' keys to FILE with the suffix .tsv "
             "instead of .npy",
     .complete = MM_COMPLETE_FILE},
    {'k', "keys", MM_OPT_FLAG, &keys, .help = "the key of each sample, one a line"},
    {'c', "count", MM_OPT_FLAG, &count, .help = "how many records there are of each kind"},
    {0, "count-by", MM_OPT_STR, &count_by, "FIELD", .help = "how many records there are for each value of FIELD"},
    {'f', "fields", MM_OPT_STR, &fields, "LIST",
     .help = "--tsv: the columns, separated by commas: fields of mm-stream(5), dotted paths into maps, shape "
             "(key,kind,part,time,shape,label,error.text)"},
    {0, "header", MM_OPT_SWITCH, &header, .help = "--tsv: begin with a line of column names; the default"},
    {0, "rows", MM_OPT_FLAG, &rows,
     .help = "--npy: each vector of a feature of several is a row of the array, with its time or patch in the TSV"},
    {'d', "data", MM_OPT_SWITCH, &data,
     .help = "--data: --json with all values of tensors; --no-data: streams without payloads"},
    {'w', "where", MM_OPT_LIST, &where, "COND", .group = "Which records",
     .help = "only records for which this holds: FIELD=VALUE, FIELD!=VALUE, FIELD~REGEX, FIELD!~REGEX, FIELD<N, <=, >, "
             ">=, or FIELD alone (it is there); given more than once, all must hold"},
    {'N', "head", MM_OPT_INT, &head, "N", .help = "only the first N records", .min = 0, .max = INT64_MAX},
    {0, "labels", MM_OPT_STR, &labelling.path, "FILE", .group = "New labels",
     .help = "replace the records' labels by those of this table of files or keys: see mm-decode(1)",
     .complete = MM_COMPLETE_FILE},
    {0, "label-column", MM_OPT_STR, &labelling.column, "COLUMN",
     .help = "the label column (every other column, as a map)"},
    {0, "field", MM_OPT_STR, &labelling.column, "COLUMN",
     .help = "the same as --label-column, as mm-label and mm-eval call it"},
    {0, "key-column", MM_OPT_STR, &labelling.file_column, "COLUMN", .help = "the column of files or keys"},
    {0, "table", MM_OPT_CHOICE, &labelling.table, .help = "the format of the table (its first row tells)",
     .choices = MM_TABLE_KINDS},
    {0},
};

static const char *const examples[] = {
    "mm-decode photos/ | mm-cat",
    "mm-cat --json --data features.mm | jq .data.values",
    "mm-cat --where of=image --npy vectors.npy features.mm",
    "mm-cat monday.mm tuesday.mm > both.mm",
    "mm-cat --labels labels.csv features.mm > labelled.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-cat",
    .summary = "Look at, cut, count and convert feature streams",
    .operands = "[STREAM]...",
    .examples = examples,
    .opts = opts,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_PROGRESS | MM_TAKES_FILES,
};

/* A column of --tsv, or of the rows beside --npy. */
typedef struct {
    const char *title, *field;
} column;

typedef struct cat {
    mm_run run;
    FILE *f; /* text formats; --npy: the array */
    mm_where *where;
    mm_seen *values;       /* [where.n] what the fields of --where hold */
    mm_arena keep;         /* … in here */
    mm_field_check *asked; /* fields that the command line names */
    bool any;              /* a record came */
    column *column;
    int columns;
    char *column_names; /* of --fields */
    mm_str last_key;    /* --keys: in last */
    mm_arena last;
    mm_value_counts counts;
    mm_npy npy;
    FILE *rows;     /* --npy: the keys */
    mm_arena arena; /* the current record and what is made from it */
} cat;

/* A format: what is done once before, for each record, and once after. */
typedef struct {
    void (*begin)(cat *c);
    void (*put)(cat *c, mm_record *rec);
    void (*end)(cat *c);
} format;

/* The command line names this field: at the end it is an error when nothing had it. */
static void ask(cat *c, const char *field)
{
    mm_err e;
    if (mm_field_check_add(c->asked, field, &e) != MM_OK)
        mm_die_of(&c->run, &e);
}

static void begin_text(cat *c)
{
    c->f = mm_out_text(&c->run);
}

static void end_nothing(cat *c)
{
    (void)c;
}

/* ---- streams, summaries, JSON, keys ------------------------------------------------------------------------- */

static void begin_stream(cat *c)
{
    mm_out_open(&c->run);
}

static void put_stream(cat *c, mm_record *rec)
{
    if (data == 0 && (rec->has_tensor || rec->text.p)) {
        rec->has_tensor = false;
        rec->text = rec->raw = (mm_str){0};
    }
    mm_out_put(&c->run, rec);
}

static void put_summary(cat *c, mm_record *rec)
{
    mm_summary_record(c->f, rec, c->run.colour && !c->run.output, &c->arena);
}

static void put_json(cat *c, mm_record *rec)
{
    mm_json_record(c->f, rec, data == 1, &c->arena);
}

/* Records of one sample stand together: its key is named once. */
static void put_key(cat *c, mm_record *rec)
{
    if (c->last_key.p && mm_str_eq(c->last_key, rec->key))
        return;
    mm_arena_reset(&c->last);
    c->last_key = (mm_str){mm_arena_strdup(&c->last, rec->key), rec->key.n};
    mm_field_put_tsv(c->f, rec->key);
    putc('\n', c->f);
}

/* ---- TSV ---------------------------------------------------------------------------------------------------- */

static void split_fields(cat *c, const char *list)
{
    char *rest = c->column_names = strdup(list), *name;
    c->column = calloc(strlen(list) + 1, sizeof *c->column);
    if (!rest || !c->column)
        mm_die(&c->run, "out of memory");
    while ((name = strsep(&rest, ",")))
        c->column[c->columns++] = (column){name, name};
}

static void put_header(cat *c, FILE *f)
{
    for (int i = 0; i < c->columns; i++)
        fprintf(f, "%s%s", i ? "\t" : "", c->column[i].title);
    putc('\n', f);
}

static void put_columns(cat *c, FILE *f, const mm_record *rec)
{
    msgpack_object o;
    for (int i = 0; i < c->columns; i++) {
        if (i)
            putc('\t', f);
        if (mm_field_get(&o, rec, c->column[i].field, &c->arena))
            mm_field_put_tsv(f, mm_field_text(&o, &c->arena));
    }
    putc('\n', f);
}

static void begin_tsv(cat *c)
{
    begin_text(c);
    split_fields(c, fields ? fields : "key,kind,part,time,shape,label,error.text");
    for (int i = 0; fields && i < c->columns; i++)
        ask(c, c->column[i].field);
    if (header)
        put_header(c, c->f);
}

static void put_tsv(cat *c, mm_record *rec)
{
    put_columns(c, c->f, rec);
}

/* ---- counts ------------------------------------------------------------------------------------------------- */

static void put_count(cat *c, mm_record *rec)
{
    msgpack_object o;
    mm_err e;
    bool there = mm_field_get(&o, rec, count_by, &c->arena);
    if (mm_value_counts_add(&c->counts, there ? mm_field_text(&o, &c->arena) : MM_STR(""), &e) != MM_OK)
        mm_die_of(&c->run, &e);
}

static void end_count(cat *c)
{
    mm_value_counts_sort(&c->counts);
    for (size_t i = 0; i < c->counts.used; i++) {
        mm_field_put_tsv(c->f, (mm_str){c->counts.slot[i].text, c->counts.slot[i].n});
        fprintf(c->f, "\t%lld\n", (long long)c->counts.slot[i].times);
    }
    mm_value_counts_free(&c->counts);
}

/* ---- NPY ---------------------------------------------------------------------------------------------------- */

static const column npy_columns[] = {{"key", "key"},    {"src", "src"}, {"part", "part"},   {"start", "time.0"},
                                     {"end", "time.1"}, {"of", "of"},   {"space", "space"}, {"label", "label"},
                                     {"row", "row"},    {"y", "y"},     {"x", "x"}};
enum { NPY_COLUMNS = 8, ROW_COLUMNS = 11 }; /* without and with those of --rows */

static void take_npy_columns(cat *c)
{
    c->column = malloc(sizeof npy_columns);
    if (!c->column)
        mm_die(&c->run, "out of memory");
    memcpy(c->column, npy_columns, sizeof npy_columns);
    c->columns = rows ? ROW_COLUMNS : NPY_COLUMNS;
}

static void begin_npy(cat *c)
{
    mm_err e;
    size_t n = strlen(npy);
    bool suffix = n > 4 && strcmp(npy + n - 4, ".npy") == 0;
    char *beside = NULL;
    c->run.output = npy;
    c->f = mm_out_text(&c->run);
    if (mm_npy_begin(&c->npy, c->f, &e) != MM_OK)
        mm_die_in(&c->run, npy, &e);
    if (asprintf(&beside, "%.*s.tsv", (int)(suffix ? n - 4 : n), npy) < 0)
        mm_die(&c->run, "out of memory");
    c->rows = mm_out_beside(&c->run, beside);
    free(beside);
    take_npy_columns(c);
    put_header(c, c->rows);
}

static void put_vectors(cat *c, const mm_record *rec)
{
    mm_err e;
    if (mm_npy_put(&c->npy, rec, &c->arena, &e) != MM_OK)
        mm_die_of(&c->run, &e);
    put_columns(c, c->rows, rec);
}

static void put_npy(cat *c, mm_record *rec)
{
    mm_err e;
    mm_record row;
    if (rec->kind != MM_KIND_FEATURE || !rec->has_tensor)
        return;
    if (!rows) {
        put_vectors(c, rec);
        return;
    }
    for (int64_t i = 0; i < mm_feature_row_count(rec); i++) {
        if (mm_feature_row(&row, rec, i, &c->arena, &e) != MM_OK)
            mm_die_of(&c->run, &e);
        put_vectors(c, &row);
    }
}

static void end_npy(cat *c)
{
    mm_err e;
    if (!c->npy.rows && c->any)
        mm_warn(&c->run, "%s: an array without a row, for no record%s holds a vector", npy,
                where.n ? " that --where chooses" : "");
    if (mm_npy_end(&c->npy, &e) != MM_OK)
        mm_die_in(&c->run, npy, &e);
}

/* ---- the tool ----------------------------------------------------------------------------------------------- */

static const format as_stream = {begin_stream, put_stream, end_nothing};
static const format as_summary = {begin_text, put_summary, end_nothing};
static const format as_json = {begin_text, put_json, end_nothing};
static const format as_tsv = {begin_tsv, put_tsv, end_nothing};
static const format as_keys = {begin_text, put_key, end_nothing};
static const format as_count = {begin_text, put_count, end_count};
static const format as_npy = {begin_npy, put_npy, end_npy};

static const format *choose_format(mm_run *r)
{
    if (count && !count_by)
        count_by = "kind";
    if (summary + json + tsv + keys + !!count_by + !!npy > 1)
        mm_usage(r, "one format at a time: --summary, --json, --tsv, --keys, --count or --npy");
    if (npy && r->output)
        mm_usage(r, "--npy FILE names the output already: leave -o out");
    if (npy && strcmp(npy, "-") == 0)
        mm_usage(r, "--npy takes the name of a file: the array's header is written last, and its keys lie beside it");
    if (rows && !npy)
        mm_usage(r, "--rows goes with --npy");
    if (!summary && !json && !keys && !count_by && !npy)
        tsv |= fields != NULL;
    if (fields && !tsv)
        mm_usage(r, "--fields goes with --tsv");
    if (!summary && !json && !tsv && !keys && !count_by && !npy)
        summary = !r->output && isatty(STDOUT_FILENO);
    return summary    ? &as_summary
           : json     ? &as_json
           : tsv      ? &as_tsv
           : keys     ? &as_keys
           : count_by ? &as_count
           : npy      ? &as_npy
                      : &as_stream;
}

static void parse_conditions(cat *c)
{
    mm_err e;
    c->where = calloc((size_t)where.n + 1, sizeof *c->where);
    c->values = calloc((size_t)where.n + 1, sizeof *c->values);
    if (!c->where || !c->values)
        mm_die(&c->run, "out of memory");
    for (int i = 0; i < where.n; i++)
        if (mm_where_parse(&c->where[i], where.v[i], &e) != MM_OK)
            mm_usage_of(&c->run, NULL, &e);
    for (int i = 0; i < where.n; i++)
        if (!mm_where_asks_presence(&c->where[i]))
            ask(c, c->where[i].field);
}

/* What --where asks a field to be is compared with what it is, should no record be chosen. */
static void note_values(cat *c, const mm_record *rec)
{
    msgpack_object o;
    for (int i = 0; i < where.n; i++)
        if (c->where[i].relation == MM_EQ && mm_field_get(&o, rec, c->where[i].field, &c->arena))
            mm_seen_add(&c->values[i], mm_field_text(&o, &c->arena), &c->keep);
}

/* No record was chosen: for fields of few values, such as modalities, the likely reason is given. */
static void say_what_there_is(cat *c)
{
    char hint[200];
    for (int i = 0; i < where.n; i++) {
        mm_str wanted = mm_str_of(c->where[i].value ? c->where[i].value : "");
        const mm_seen *v = &c->values[i];
        if (!v->n || v->n == MM_MOST_SEEN || mm_seen_has(v, wanted))
            continue;
        if (strcmp(c->where[i].field, "of") == 0 || mm_suggest(wanted, v->v, v->n).p)
            mm_warn(&c->run, "no record has %s=%.*s%s", c->where[i].field, MM_STRF(wanted),
                    mm_suggest_text(hint, sizeof hint, wanted, v->v, v->n));
    }
}

static bool is_chosen(cat *c, const mm_record *rec)
{
    for (int i = 0; i < where.n; i++)
        if (!mm_where_holds(&c->where[i], rec, &c->arena))
            return false;
    return true;
}

static bool is_labelled(mm_kind kind)
{
    return kind != MM_KIND_ERROR && kind != MM_KIND_LABEL && kind != MM_KIND_OTHER;
}

/* The label that the table has for rec, or none. */
static void label_anew(cat *c, mm_record *rec)
{
    mm_err e, why;
    mm_run *r = &c->run;
    msgpack_object label;
    if (!is_labelled(rec->kind))
        return;
    if (!mm_labels_option_find(r, &labelling, &(mm_label_query){.given = rec->src, .key = rec->key}, &label, &e)) {
        mm_fail_hint(&why, MM_SKIP, e.hint, "%.*s: %s", MM_STRF(rec->key), e.text);
        mm_item_failed(r, NULL, &why);
        if (mm_record_to_error(rec, &c->arena, "cat", "label", &e, &why) != MM_OK)
            mm_die_of(r, &why);
        return;
    }
    bool none = label.type == MSGPACK_OBJECT_NIL;
    mm_labels_option_count(&labelling, !none, none);
    if (none && rec->label.type == MSGPACK_OBJECT_NIL)
        return;
    rec->label = label;
    rec->raw = (mm_str){0};
}

static void copy_records(cat *c, const format *f)
{
    mm_record rec;
    mm_err e;
    mm_run *r = &c->run;
    while ((head < 0 || r->done < head) && mm_in_next(r, &c->arena, &rec) == MM_OK) {
        if (rec.kind == MM_KIND_ERROR) /* a shell without pipefail has forgotten the tool that failed */
            mm_run_worsen(r, 1);
        c->any = true;
        if (labelling.path)
            label_anew(c, &rec);
        if (mm_field_check_record(c->asked, &rec, &c->arena, &e) != MM_OK)
            mm_die_of(r, &e);
        if (!r->done)
            note_values(c, &rec);
        if (!is_chosen(c, &rec))
            continue;
        f->put(c, &rec);
        mm_progress(r, ++r->done, 0);
    }
}

/* A misspelt field makes a result that nobody wanted: -o FILE does not appear. */
static void check_asked(cat *c)
{
    mm_err e;
    if (mm_field_check_end(c->asked, &e) != MM_OK)
        mm_die_of(&c->run, &e);
    if (c->any && !c->run.done && head != 0)
        say_what_there_is(c);
    if (c->any || head == 0)
        return;
    if (c->run.output)
        mm_in_require(&c->run);
    else if (c->f) /* nothing is an answer to whoever looks, such as for failures */
        mm_warn(&c->run, "the input holds no record");
}

int main(int argc, char **argv)
{
    cat c = {0};
    mm_err e;
    mm_run_begin(&c.run, &tool, argc, argv);
    const format *f = choose_format(&c.run);
    if (mm_field_check_new(&c.asked, &e) != MM_OK)
        mm_die_of(&c.run, &e);
    parse_conditions(&c);
    if (count_by)
        ask(&c, count_by);
    if (!labelling.path && (labelling.column || labelling.file_column || labelling.table >= 0))
        mm_usage(&c.run, "--label-column (--field), --key-column and --table are columns and format of --labels FILE; "
                         "--fields LIST chooses the columns of --tsv");
    mm_labels_option_open(&c.run, &labelling);
    f->begin(&c);
    copy_records(&c, f);
    check_asked(&c);
    mm_labels_option_end(&c.run, &labelling, "records");
    f->end(&c);
    mm_out_close(&c.run);
    mm_field_check_free(c.asked);
    for (int i = 0; i < where.n; i++)
        mm_where_free(&c.where[i]);
    free(c.where);
    free(c.values);
    mm_arena_free(&c.keep);
    free(c.column);
    free(c.column_names);
    mm_arena_free(&c.arena);
    mm_arena_free(&c.last);
    return mm_run_end(&c.run);
}
