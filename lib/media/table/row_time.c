#include "media/table/row_time.h"

#include "media/table/table_cell.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

static const int64_t SECOND = 1000000000;
static const int64_t MOST = 4200000000; /* seconds: the difference of two times fits */

/* ---- pieces: each moves *s past what it takes ---- */

/* From `least` to `most` digits. False: there are fewer or more. */
static bool digits(mm_str *s, size_t least, size_t most, int64_t *out)
{
    size_t n = 0;
    *out = 0;
    while (n < s->n && isdigit((unsigned char)s->p[n]) && n <= most)
        *out = *out * 10 + (s->p[n++] - '0');
    s->p += n;
    s->n -= n;
    return n >= least && n <= most;
}

static bool take(mm_str *s, const char *any)
{
    bool there = s->n && *s->p && strchr(any, *s->p);
    s->p += there;
    s->n -= there;
    return there;
}

/* A fraction after a point or comma, in nanoseconds; 0 when there is none. False: no digit follows the point. */
static bool fraction(mm_str *s, int64_t *ns)
{
    int64_t unit = SECOND / 10;
    *ns = 0;
    if (!take(s, ".,"))
        return true;
    if (!s->n || !isdigit((unsigned char)*s->p))
        return false;
    for (; s->n && isdigit((unsigned char)*s->p); s->p++, s->n--, unit /= 10)
        *ns += unit * (*s->p - '0');
    return true;
}

/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar (Howard Hinnant's days_from_civil). */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t days_in(int64_t year, int64_t month)
{
    static const int64_t DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return DAYS[month - 1] + (month == 2 && leap);
}

/* Z, ±HH:MM, ±HHMM or ±HH, in seconds east of Greenwich. */
static bool zone(mm_str *s, int64_t *east)
{
    int64_t hours, minutes = 0;
    *east = 0;
    if (take(s, "Zz"))
        return true;
    bool west = s->n && *s->p == '-', together = s->n == 5 && s->p[3] != ':';
    if (!take(s, "+-") || !digits(s, 2, s->n == 4 ? 4 : 2, &hours))
        return false;
    if (together) {
        minutes = hours % 100;
        hours /= 100;
    } else if (take(s, ":") && !digits(s, 2, 2, &minutes)) {
        return false;
    }
    *east = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return hours < 24 && minutes < 60;
}

/* ---- the three ways to write a time ---- */

/* The nearest double: one division of two numbers that are exact, up to 2^53 of the smallest unit that is needed. */
static double in_seconds(int64_t ns)
{
    int64_t unit = SECOND;
    for (; unit > 1 && ns % 10 == 0; unit /= 10)
        ns /= 10;
    return (double)ns / (double)unit;
}

static bool set(mm_row_time *out, mm_row_time_kind kind, int64_t whole, int64_t ns)
{
    out->kind = kind;
    if (whole < -MOST || whole > MOST)
        return false;
    out->ns = whole * SECOND + ns;
    out->seconds = in_seconds(out->ns);
    return true;
}

static bool parse_date(mm_row_time *out, mm_str s)
{
    int64_t year, month, day, hour, minute, second = 0, ns = 0, east = 0;
    if (!digits(&s, 4, 4, &year) || !take(&s, "-") || !digits(&s, 2, 2, &month) || !take(&s, "-") ||
        !digits(&s, 2, 2, &day) || !take(&s, "Tt ") || !digits(&s, 2, 2, &hour) || !take(&s, ":") ||
        !digits(&s, 2, 2, &minute))
        return false;
    if (take(&s, ":") && (!digits(&s, 2, 2, &second) || !fraction(&s, &ns)))
        return false;
    if (year < 1900 || year > 2099 || month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 59)
        return false;
    bool zoned = s.n > 0;
    if (zoned && (!zone(&s, &east) || s.n))
        return false;
    int64_t whole = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - east;
    return set(out, zoned ? MM_TIME_ZONED : MM_TIME_LOCAL, whole, ns);
}

static bool parse_clock(mm_row_time *out, mm_str s)
{
    enum { LONGEST = 9 }; /* digits of the first number */
    int64_t part[3] = {0}, ns;
    int n = 1;
    if (!digits(&s, 1, LONGEST, &part[0]))
        return false;
    for (; n < 3 && take(&s, ":"); n++)
        if (!digits(&s, 1, 2, &part[n]))
            return false;
    if (n < 2 || !fraction(&s, &ns) || s.n || part[n - 1] > 59 || (n == 3 && part[1] > 59))
        return false;
    int64_t minutes = n == 3 ? part[0] * 60 + part[1] : part[0];
    return set(out, MM_TIME_SECONDS, minutes * 60 + part[n - 1], ns);
}

static bool parse_seconds(mm_row_time *out, mm_str s)
{
    static const double MILLISECONDS = 1e11; /* as JavaScript counts: since 1973, where seconds would be in 5138 */
    char text[64], *end;
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    if (strspn(text, "0123456789.eE+-") < s.n) /* strtod knows hexadecimal numbers, inf and nan as well */
        return false;
    out->kind = MM_TIME_SECONDS;
    out->seconds = strtod(text, &end);
    if (fabs(out->seconds) >= MILLISECONDS)
        out->seconds /= 1000;
    if (*end || !(fabs(out->seconds) <= (double)MOST))
        return false;
    out->ns = llround(out->seconds * 1e9);
    return true;
}

bool mm_row_time_parse(mm_row_time *out, mm_str text)
{
    text = mm_cell_trim(text);
    return parse_seconds(out, text) || parse_clock(out, text) || parse_date(out, text);
}

/* ---- from a zero ---- */

mm_status mm_row_time_read(double *seconds, mm_str cell, const mm_row_time *zero, mm_err *e)
{
    enum { QUOTED = 40 };
    mm_row_time t;
    mm_str name = {cell.p, cell.n < QUOTED ? cell.n : QUOTED};
    if (!mm_row_time_parse(&t, cell))
        return mm_fail(e, MM_SKIP, "not a time: \"%.*s\"", MM_STRF(name));
    if (!zero && t.kind != MM_TIME_SECONDS)
        return mm_fail_hint(e, MM_SKIP, MM_HINT_EPOCH, "\"%.*s\" is a date, and it is not said which one is zero",
                            MM_STRF(name));
    if (zero && t.kind == MM_TIME_LOCAL && zero->kind != MM_TIME_LOCAL)
        return mm_fail(e, MM_SKIP, "\"%.*s\" has no time zone, and what counts as zero has one", MM_STRF(name));
    if (zero && t.kind != MM_TIME_LOCAL && zero->kind == MM_TIME_LOCAL)
        return mm_fail(e, MM_SKIP, "\"%.*s\" cannot be counted from a date without a time zone", MM_STRF(name));
    *seconds = zero ? in_seconds(t.ns - zero->ns) : t.seconds;
    if (*seconds < 0)
        return mm_fail(e, MM_SKIP, "\"%.*s\" lies before zero", MM_STRF(name));
    return MM_OK;
}
