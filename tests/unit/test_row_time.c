/* Times of rows: what Python's datetime and float make of the same texts, and differences from a zero. */
#include "media/table/row_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const char *const KINDS[] = {"seconds", "zoned", "local"};

/* tests/goldens/make_times.py: text, kind, seconds. */
static void as_python(void **state)
{
    char line[256];
    FILE *f = fopen("tests/goldens/times/times.tsv", "r");
    int rows = 0;
    (void)state;
    assert_non_null(f);
    for (; fgets(line, sizeof line, f); rows++) {
        char *kind = strchr(line, '\t'), *value = strchr(kind + 1, '\t');
        *kind++ = *value++ = 0;
        mm_row_time t;
        bool found = mm_row_time_parse(&t, mm_str_of(line));
        if (found != (strcmp(kind, "none") != 0) || (found && strcmp(kind, KINDS[t.kind]) != 0))
            fail_msg("\"%s\": wanted %s, got %s", line, kind, found ? KINDS[t.kind] : "none");
        if (found && t.seconds != strtod(value, NULL))
            fail_msg("\"%s\": %.17g, not %s", line, t.seconds, value);
    }
    fclose(f);
    assert_true(rows > 400);
}

static void differences(void **state)
{
    static const struct {
        const char *zero, *cell; /* zero NULL: none */
        double seconds;          /* −1: an error, … */
        const char *why;         /* … whose text holds this */
    } cases[] = {
        {NULL, "1:15.5", 75.5, NULL},
        {"2024-03-12T13:05:11Z", "2024-03-12T14:05:11.25+01:00", 0.25, NULL},
        {"2024-03-12T13:05:11Z", "2024-03-12T13:20:11+0015", 0, NULL},
        {"2024-03-12T13:05:11Z", "2024-03-12T13:36:11+0030", 60, NULL},
        {"2024-03-12T13:05:11Z", "2024-03-12T09:35:12-0330", 1, NULL},
        {"2024-03-12T13:05:11Z", "2024-03-12T15:05:12+02", 1, NULL},
        {"2024-03-12T13:05:11Z", "2024-03-12T15:05:12+0:15", -1, "not a time"},
        {"2024-03-12T13:05:11Z", "2024-03-12T15:05:12+02:5", -1, "not a time"},
        {"2024-03-12T13:05:11Z", "2024-03-12T15:05:12+02151", -1, "not a time"},
        {"2024-03-12T13:05:11.1Z", "2024-03-12T13:05:11.3Z", 0.2, NULL},
        {"2024-03-12 13:05:11", "2024-03-13 13:05:11.001", 86400.001, NULL},
        {"1710248711", "2024-03-12T13:05:12Z", 1, NULL},
        {"2024-03-12T13:05:11Z", "1710248711.5", 0.5, NULL},
        {"0:20:57", "00:20:57,256", 0.256, NULL},
        {NULL, "2024-03-12T13:05:11Z", -1, "not said"},
        {NULL, "-1", -1, "before zero"},
        {"2024-03-12T13:05:11Z", "2024-03-12T13:05:12", -1, "no time zone"},
        {"2024-03-12T13:05:11", "2024-03-12T13:05:12Z", -1, "without a time zone"},
        {"2024-03-12T13:05:11", "12.5", -1, "without a time zone"},
        {"2024-03-12T13:05:11Z", "2024-03-12T13:05:10Z", -1, "before zero"},
        {"2099-12-31T23:59Z", "1900-01-01T00:00Z", -1, "before zero"},
        {NULL, "soon", -1, "not a time: \"soon\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mm_row_time zero;
        double seconds = -1;
        mm_err e = {0};
        assert_true(!cases[i].zero || mm_row_time_parse(&zero, mm_str_of(cases[i].zero)));
        mm_status s = mm_row_time_read(&seconds, mm_str_of(cases[i].cell), cases[i].zero ? &zero : NULL, &e);
        if (s != (cases[i].why ? MM_SKIP : MM_OK) || (cases[i].why && !strstr(e.text, cases[i].why)))
            fail_msg("%s: %s", cases[i].cell, e.text);
        if (s == MM_OK && seconds != cases[i].seconds)
            fail_msg("%s: %.17g", cases[i].cell, seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_python), cmocka_unit_test(differences)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
