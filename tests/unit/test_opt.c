/* The command line parser. */
#include "cli/opt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    bool keep, key;
    int verbose, normalize, help, precision, colour, ties;
    const char *output;
    int64_t batch;
    double rate, fraction;
    mm_list model;
} values;

typedef struct {
    values v;
    mm_opt table[16];
    mm_opts opts;
    mm_parsed parsed;
    mm_arena arena;
    mm_err e;
} fixture;

static const char *colour_at(int i)
{
    return (const char *const[]){"red", "green", NULL}[i];
}

static void setup(fixture *f)
{
    values *v = &f->v;
    const mm_opt table[] = {
        {'k', "keep", MM_OPT_FLAG, &v->keep, .help = "h"},
        {0, "keyed", MM_OPT_FLAG, &v->key, .help = "h"},
        {'v', "verbose", MM_OPT_COUNT, &v->verbose, .help = "h"},
        {0, "normalize", MM_OPT_SWITCH, &v->normalize, .help = "h"},
        {'o', "output", MM_OPT_STR, &v->output, "FILE", .help = "h"},
        {'b', "batch", MM_OPT_INT, &v->batch, "N", .help = "h", .min = 1, .max = 4096},
        {0, "rate", MM_OPT_FLOAT, &v->rate, "R", .help = "h"},
        {'m', "model", MM_OPT_LIST, &v->model, "DIR", .help = "h"},
        {0, "precision", MM_OPT_CHOICE, &v->precision, "TYPE", .help = "h", .choices = "fp32|bf16|auto"},
        {'h', "help", MM_OPT_CHOICE, &v->help, "[FORMAT]", .help = "h", .choices = "text|mdoc"},
        {0, "colour", MM_OPT_CHOICE, &v->colour, .help = "h", .choice_at = colour_at, .group = "Looks"},
        {0, "valid-fraction", MM_OPT_FLOAT, &v->fraction, "F", .help = "h", .group = "Looks", .was = "valid-share"},
        {0, "ties", MM_OPT_SWITCH, &v->ties, .help = "h", .group = "Votes", .was = "draws"},
        {0},
    };
    *f = (fixture){.v = {.normalize = -1, .precision = -1, .help = -1, .ties = -1}};
    memcpy(f->table, table, sizeof table);
    mm_opts_add(&f->opts, f->table);
}

/* Words are separated by single blanks; an empty word is written as "". */
static mm_status parse(fixture *f, const char *line)
{
    setup(f);
    char *copy = mm_arena_strdup(&f->arena, mm_str_of(line)), *argv[32], *save = NULL;
    int argc = 1;
    argv[0] = "mm-test";
    for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    mm_status s = mm_opts_match(&f->opts, argc, argv, &f->parsed, &f->arena, &f->e);
    return s == MM_OK ? mm_opts_apply(&f->parsed, &f->arena, &f->e) : s;
}

static void done(fixture *f)
{
    mm_arena_free(&f->arena);
}

static void test_every_spelling(void **state)
{
    static const char *const lines[] = {
        "-kvv -o x -b 8 in",   "-kvvox -b8 in", "--keep -v -v --output=x --batch=8 in", "in --keep -vv --out x --ba 8",
        "-kvv -ox -b 8 -- in",
    };
    fixture f;
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(parse(&f, lines[i]), MM_OK);
        assert_true(f.v.keep && !f.v.key);
        assert_int_equal(f.v.verbose, 2);
        assert_string_equal(f.v.output, "x");
        assert_int_equal(f.v.batch, 8);
        assert_int_equal(f.parsed.n_operands, 1);
        assert_string_equal(f.parsed.operand[0], "in");
        done(&f);
    }
}

static void test_operands(void **state)
{
    fixture f;
    (void)state;
    assert_int_equal(parse(&f, "- -k -- -v --keep"), MM_OK);
    assert_int_equal(f.parsed.n_operands, 3);
    assert_string_equal(f.parsed.operand[0], "-");
    assert_string_equal(f.parsed.operand[1], "-v");
    assert_string_equal(f.parsed.operand[2], "--keep");
    assert_int_equal(f.v.verbose, 0);
    done(&f);
}

static void test_switch_list_choice_float(void **state)
{
    fixture f;
    (void)state;
    assert_int_equal(parse(&f, "--no-norm -m a --model=b -m c -md --rate -2.5e1 --precision bf16"), MM_OK);
    assert_int_equal(f.v.normalize, 0);
    assert_int_equal(f.v.model.n, 4);
    for (int i = 0; i < 4; i++)
        assert_string_equal(f.v.model.v[i], ((const char *[]){"a", "b", "c", "d"})[i]);
    assert_true(f.v.rate > -25.1 && f.v.rate < -24.9);
    assert_int_equal(f.v.precision, 1);
    assert_int_equal(f.v.help, -1);
    done(&f);
    assert_int_equal(parse(&f, "--normalize"), MM_OK);
    assert_int_equal(f.v.normalize, 1);
    done(&f);
    assert_int_equal(parse(&f, "--help"), MM_OK);
    assert_int_equal(f.v.help, 0);
    done(&f);
    assert_int_equal(parse(&f, "-h"), MM_OK);
    assert_int_equal(f.v.help, 0);
    done(&f);
    assert_int_equal(parse(&f, "--help=mdoc --colour green"), MM_OK);
    assert_int_equal(f.v.help, 1);
    assert_int_equal(f.v.colour, 1);
    done(&f);
}

static const mm_opt *row(const fixture *f, const char *name)
{
    for (int i = 0; i < f->opts.n; i++)
        if (strcmp(f->opts.v[i].name, name) == 0)
            return &f->opts.v[i];
    return NULL;
}

static void test_choices_by_number(void **state)
{
    fixture f;
    char all[32];
    (void)state;
    setup(&f);
    assert_true(mm_str_is(mm_opt_choice(row(&f, "precision"), 2), "auto"));
    assert_true(mm_str_is(mm_opt_choice(row(&f, "colour"), 0), "red"));
    assert_null(mm_opt_choice(row(&f, "precision"), 3).p);
    assert_null(mm_opt_choice(row(&f, "precision"), -1).p);
    assert_null(mm_opt_choice(row(&f, "colour"), 2).p);
    assert_string_equal(mm_opt_choices(row(&f, "precision"), all, sizeof all), "fp32|bf16|auto");
    assert_string_equal(mm_opt_choices(row(&f, "colour"), all, sizeof all), "red|green");
    done(&f);
}

/* The former name of an option, whole, does what the new one does, and is remembered; it is no other option's rival. */
static void test_former_name(void **state)
{
    fixture f;
    (void)state;
    assert_int_equal(parse(&f, "--valid-share=0.3 --no-draws --ties --no-draws"), MM_OK);
    assert_true(f.v.fraction > 0.29 && f.v.fraction < 0.31);
    assert_int_equal(f.v.ties, 0);
    assert_int_equal(f.parsed.n, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(f.parsed.hit[i].old, i != 2);
    done(&f);
    assert_int_equal(parse(&f, "--valid 0.1"), MM_OK);
    assert_false(f.parsed.hit[0].old);
    done(&f);
    assert_int_equal(parse(&f, "--valid-sha 0.1"), MM_SKIP);
    done(&f);
}

static void test_headings(void **state)
{
    fixture f;
    (void)state;
    setup(&f);
    for (int i = 0; i < f.opts.n; i++) {
        const char *heading = mm_opts_heading(&f.opts, i), *name = f.opts.v[i].name;
        const char *expected = strcmp(name, "colour") == 0 ? "Looks" : strcmp(name, "ties") == 0 ? "Votes" : NULL;
        if (expected ? !heading || strcmp(heading, expected) != 0 : heading != NULL)
            fail_msg("--%s: \"%s\"", name, heading ? heading : "no heading");
    }
    done(&f);
}

/* What --update compares: a choice counts by its name, and a new name of an option changes nothing. */
static void test_hash(void **state)
{
    int precision = 1;
    double share = 0.5;
    const mm_opt before[] = {{0, "precision", MM_OPT_CHOICE, &precision, .help = "h", .choices = "fp32|bf16"},
                             {0, "share", MM_OPT_FLOAT, &share, "F", .help = "h"},
                             {0}},
                 after[] = {{0, "precision", MM_OPT_CHOICE, &(int){2}, .help = "h", .choices = "fp32|fp16|bf16"},
                            {0, "fraction", MM_OPT_FLOAT, &share, "F", .help = "h", .was = "share"},
                            {0}};
    (void)state;
    uint64_t h = mm_opts_hash(before, NULL, 0);
    assert_true(h == mm_opts_hash(after, NULL, 0));
    const mm_opt turned[] = {after[1], after[0], {0}};
    assert_true(h == mm_opts_hash(turned, NULL, 0));
    precision = 0;
    assert_true(h != mm_opts_hash(before, NULL, 0));
    const void *but[] = {&precision};
    h = mm_opts_hash(before, but, 1);
    precision = -1;
    assert_true(h == mm_opts_hash(before, but, 1));
}

static void test_refused(void **state)
{
    static const struct {
        const char *line, *says;
    } cases[] = {
        {"--keap", "did you mean '--keep'?"},
        {"--ke", "could be '--keep' or '--keyed'"},
        {"-x", "unknown option '-x'"},
        {"--output", "needs a value (FILE)"},
        {"-o", "needs a value (FILE)"},
        {"--keep=1", "takes no value"},
        {"--batch=0", "1 to 4096"},
        {"--batch=9x", "whole number"},
        {"--batch=", "whole number"},
        {"--rate=fast", "takes a number"},
        {"--rate=nan", "takes a number"},
        {"--precision=fp", "one of fp32|bf16|auto"},
        {"--precision=", "one of"},
        {"--xyzzyplugh", "unknown option '--xyzzyplugh'"},
        {"--no-keep", "unknown option"},
        {"--help=html", "one of text|mdoc"},
        {"--colour=blue", "one of red|green"},
        {"--colour=", "one of red|green"},
    };
    fixture f;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(&f, cases[i].line), MM_SKIP);
        if (!strstr(f.e.text, cases[i].says))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].line, f.e.text, cases[i].says);
        done(&f);
    }
}

static void test_numbers(void **state)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } cases[] = {
        {"0", true, 0},
        {"-3", true, -3},
        {"4k", true, 4096},
        {"2M", true, 2 << 20},
        {"1G", true, 1 << 30},
        {"9223372036854775807", true, INT64_MAX},
        {"9223372036854775808", false, 0},
        {"9007199254740992k", false, 0},
        {"", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1kk", false, 0},
        {"k", false, 0},
        {"0x10", false, 0},
        {"1.5", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t v = 0;
        bool good = mm_parse_int(cases[i].text, &v);
        if (good != cases[i].good || (good && v != cases[i].value))
            fail_msg("'%s' is read as %d, %lld", cases[i].text, good, (long long)v);
    }
}

static void test_too_many_options(void **state)
{
    mm_opt table[MM_MAX_OPTS + 2] = {{0}};
    mm_opts all = {.n = 0};
    mm_parsed parsed;
    mm_arena arena = {0};
    mm_err e;
    bool to;
    (void)state;
    for (int i = 0; i <= MM_MAX_OPTS; i++)
        table[i] = (mm_opt){0, "one", MM_OPT_FLAG, &to, .help = "h"};
    mm_opts_add(&all, table + 1);
    assert_int_equal(all.n, MM_MAX_OPTS);
    assert_int_equal(mm_opts_match(&all, 1, (char *[]){"mm-test"}, &parsed, &arena, &e), MM_OK);
    mm_opts_add(&all, table + MM_MAX_OPTS);
    assert_int_equal(mm_opts_match(&all, 1, (char *[]){"mm-test"}, &parsed, &arena, &e), MM_FATAL);
    mm_arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_spelling),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_switch_list_choice_float),
        cmocka_unit_test(test_choices_by_number),
        cmocka_unit_test(test_former_name),
        cmocka_unit_test(test_headings),
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_too_many_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
