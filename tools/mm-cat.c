/* mm-cat: look at, cut, count and convert feature streams. */
#include "cli/labels_option.h"
#include "view/field_check.h"
#include "view/view_format.h"
#include "view/where.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool summary, json, tsv, keys, count, vtt, rows, flush;
static const char *npy, *count_by, *fields;
static mm_list where;
static int64_t head = -1;
static int data = -1, header = 1;
static mm_labels_option labelling = {.table = -1};

static const mm_opt opts[] = {
    {'s', "summary", MM_OPT_FLAG, &summary, .group = "Formats",
     .help = "one line per record for people; the default on a terminal"},
    {'J', "json", MM_OPT_FLAG, &json, .help = "one JSON object per record and line"},
    {'t', "tsv", MM_OPT_FLAG, &tsv, .help = "tab-separated columns, see --fields"},
    {'n', "npy", MM_OPT_STR, &npy, "FILE",
     .help = "write the features to one NumPy array FILE, float32, and the rows' keys to FILE with the suffix .tsv "
             "instead of .npy",
     .complete = MM_COMPLETE_FILE},
    {'k', "keys", MM_OPT_FLAG, &keys, .help = "the key of each sample, one per line"},
    {'c', "count", MM_OPT_FLAG, &count, .help = "how many records there are of each kind"},
    {0, "count-by", MM_OPT_STR, &count_by, "FIELD", .help = "how many records there are for each value of FIELD"},
    {0, "vtt", MM_OPT_FLAG, &vtt, .help = "subtitles (WebVTT) of labels and texts with times: a timeline"},
    {'f', "fields", MM_OPT_STR, &fields, "LIST",
     .help = "--tsv: the columns, separated by commas: fields of mm-stream(5), dotted paths into maps, shape "
             "(default: key,kind,part,time,shape,label,error.text)"},
    {0, "header", MM_OPT_SWITCH, &header, .help = "--tsv: begin with a line of column names (default: they are there)"},
    {0, "rows", MM_OPT_FLAG, &rows,
     .help = "--npy: each vector of a feature of several is a row of the array, with its time or patch in the TSV",
     .with = "npy"},
    {'d', "data", MM_OPT_SWITCH, &data,
     .help = "--data: --json with all values of tensors; --no-data: streams without payloads"},
    {0, "flush", MM_OPT_FLAG, &flush, .help = "write each record as soon as it is there"},
    {'w', "where", MM_OPT_LIST, &where, "COND", .group = "Which records",
     .help = "only records for which this holds: FIELD=VALUE, FIELD!=VALUE, FIELD~REGEX, FIELD!~REGEX, FIELD<N, <=, >, "
             ">=, or FIELD alone (it is there); given more than once, all must hold"},
    {'N', "head", MM_OPT_INT, &head, "N", .help = "only the first N records", .min = 0, .max = INT64_MAX},
    {0, "labels", MM_OPT_STR, &labelling.path, "FILE", .group = "New labels",
     .help = "replace the records' labels by those of this table of files or keys: see mm-decode(1)",
     .complete = MM_COMPLETE_FILE},
    {0, "label-column", MM_OPT_STR, &labelling.column, "COLUMN",
     .help = "the column of labels (default: every other column, as a map)"},
    {0, "field", MM_OPT_STR, &labelling.column, "COLUMN",
     .help = "the same as --label-column, as mm-label and mm-eval call it"},
    {0, "key-column", MM_OPT_STR, &labelling.file_column, "COLUMN", .help = "the column of keys or files"},
    {0, "table", MM_OPT_CHOICE, &labelling.table, .help = "the format of the table (default: as the first row looks)",
     .choices = MM_TABLE_KINDS},
    {0},
};

static const char *const examples[] = {
    "mm-decode photos/ | mm-cat",
    "mm-cat --json --data features.mm | jq .data.values",
    "mm-cat --where of=image --npy vectors.npy features.mm",
    "mm-cat monday.mm tuesday.mm > both.mm",
    "mm-cat --labels labels.csv features.mm > labelled.mm",
    "mm-cat --vtt -o call.vtt predictions.mm",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-cat",
    .summary = "look at, cut, count and convert feature streams",
    .operands = "[STREAM]...",
    .examples = examples,
    .opts = opts,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_PROGRESS | MM_TAKES_FILES,
};

/* NULL: a stream. */
static const mm_view_format *choose_format(mm_run *r)
{
    if (count && !count_by)
        count_by = "kind";
    const int asked = summary + json + tsv + keys + vtt + !!count_by + !!npy;
    if (asked > 1)
        mm_usage(r, "one format at a time: --summary, --json, --tsv, --keys, --count, --vtt or --npy");
    if (npy && r->output)
        mm_usage(r, "--npy FILE names the output already: leave -o out");
    if (npy && strcmp(npy, "-") == 0)
        mm_usage(r, "--npy takes the name of a file: the array's header is written last, and its keys lie beside it");
    tsv |= !asked && fields;
    if (fields && !tsv)
        mm_usage(r, "--fields goes with --tsv");
    if (!asked && !tsv)
        summary = !r->output && isatty(STDOUT_FILENO);
    return summary    ? &mm_view_summary
           : json     ? &mm_view_json
           : tsv      ? &mm_view_tsv
           : keys     ? &mm_view_keys
           : count_by ? &mm_view_counts
           : vtt      ? &mm_view_vtt
           : npy      ? &mm_view_array
                      : NULL;
}

typedef struct {
    mm_run r;
    const mm_view_format *format;
    mm_view view;
    mm_where_list where;
    mm_field_check *asked; /* fields that the command line names: at the end it is an error when nothing had one */
    bool any;              /* a record came */
    bool asked_for;        /* what is written must not wait: it holds a mark */
    mm_arena arena;        /* the current record and what is made from it */
} cat;

static void begin(cat *c)
{
    mm_err e;
    mm_run *r = &c->r;
    mm_view *v = &c->view;
    *v = (mm_view){.colour = r->colour && !r->output,
                   .values = data == 1,
                   .header = header,
                   .each_row = rows,
                   .at_once = flush,
                   .log = &r->log,
                   .fields = count_by ? count_by : fields};
    if (npy) {
        r->output = npy;
        v->f = mm_out_text(r);
        v->rows = mm_out_beside(r, ".npy", ".tsv");
    } else if (c->format)
        v->f = mm_out_text(r);
    else
        mm_out_open(r);
    if (c->format && c->format->begin && c->format->begin(v, &e) != MM_OK)
        mm_die_in(r, npy ? npy : "standard output", &e);
}

static void check_fields(cat *c)
{
    mm_err e;
    mm_must(&c->r, mm_field_check_new(&c->asked, &e), &e);
    for (int i = 0; i < c->where.n; i++)
        if (!mm_where_asks_presence(&c->where.v[i]))
            mm_must(&c->r, mm_field_check_add(c->asked, c->where.v[i].field, &e), &e);
    if (count_by)
        mm_must(&c->r, mm_field_check_add(c->asked, count_by, &e), &e);
    for (int i = 0; fields && i < c->view.columns; i++)
        mm_must(&c->r, mm_field_check_add(c->asked, c->view.column[i].field, &e), &e);
}

static void put(cat *c, mm_record *rec)
{
    mm_err e;
    if (data == 0 && !c->format)
        mm_record_drop_data(rec);
    if (c->format)
        mm_must(&c->r, mm_view_put(c->format, &c->view, rec, &c->arena, &e), &e);
    else
        mm_out_put(&c->r, rec);
    c->asked_for |= rec->kind == MM_KIND_MARK;
}

/* More input is not there yet, and somebody may wait for what came before it. */
static void answer(void *ctx)
{
    cat *c = ctx;
    if (flush || c->asked_for)
        mm_out_flush(&c->r);
    c->asked_for = false;
}

static void copy_records(cat *c)
{
    mm_record rec;
    mm_err e;
    mm_run *r = &c->r;
    mm_in_on_wait(r, answer, c);
    while ((head < 0 || r->done < head) && mm_in_next(r, &c->arena, &rec) == MM_OK) {
        if (rec.kind == MM_KIND_ERROR) /* a shell without pipefail has forgotten the tool that failed */
            mm_run_worsen(r, 1);
        c->any = true;
        if (rec.kind == MM_KIND_MARK) {
            put(c, &rec);
            continue;
        }
        if (labelling.path)
            mm_labels_option_apply(r, &labelling, &rec, &c->arena);
        mm_must(r, mm_field_check_record(c->asked, &rec, &c->arena, &e), &e);
        if (!r->done)
            mm_where_list_note(&c->where, &rec, &c->arena);
        if (!mm_where_list_holds(&c->where, &rec, &c->arena))
            continue;
        put(c, &rec);
        mm_progress(r, ++r->done, 0);
    }
}

/* A misspelt field makes a result that nobody wanted: -o FILE does not appear. */
static void check_what_came(cat *c)
{
    mm_err e;
    char text[512];
    mm_must(&c->r, mm_field_check_end(c->asked, &e), &e);
    for (int i = 0; c->any && !c->r.done && head != 0 && i < c->where.n; i++)
        if (mm_where_list_hint(&c->where, i, text, sizeof text))
            mm_warn(&c->r, "%s", text);
    if (npy && c->any && !c->view.npy.rows)
        mm_warn(&c->r, "%s: an array without a row, for no record%s holds a vector", npy,
                where.n ? " that --where chooses" : "");
    if (c->any || head == 0)
        return;
    if (c->r.output)
        mm_in_require(&c->r);
    else if (c->format) /* no output can be an answer, for instance to a search for failures */
        mm_warn(&c->r, "the input holds no record");
}

static void end(cat *c)
{
    mm_err e;
    if (c->format && c->format->end && c->format->end(&c->view, &e) != MM_OK)
        mm_die_in(&c->r, npy ? npy : "standard output", &e);
    mm_out_close(&c->r);
    mm_field_check_free(c->asked);
    mm_where_list_free(&c->where);
    mm_view_free(&c->view);
    mm_arena_free(&c->arena);
}

int main(int argc, char **argv)
{
    cat c = {0};
    mm_err e;
    mm_run_begin(&c.r, &tool, argc, argv);
    c.format = choose_format(&c.r);
    if (mm_where_list_parse(&c.where, where.v, where.n, &e) != MM_OK)
        mm_usage_of(&c.r, NULL, &e);
    if (!labelling.path && (labelling.column || labelling.file_column || labelling.table >= 0))
        mm_usage(&c.r, "--label-column (--field), --key-column and --table are columns and format of --labels FILE; "
                       "--fields LIST chooses the columns of --tsv");
    mm_labels_option_open(&c.r, &labelling);
    begin(&c);
    check_fields(&c);
    copy_records(&c);
    check_what_came(&c);
    mm_labels_option_end(&c.r, &labelling, "records");
    end(&c);
    return mm_run_end(&c.r);
}
