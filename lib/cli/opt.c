#include "cli/opt.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/suggest.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void mm_opts_put(mm_opts *o, mm_opt row)
{
    if (o->n < MM_MAX_OPTS)
        o->v[o->n] = row;
    o->n++;
}

void mm_opts_add(mm_opts *o, const mm_opt *table)
{
    for (; table && table->name; table++)
        mm_opts_put(o, *table);
}

const char *mm_opts_heading(const mm_opts *o, int i)
{
    const char *now = o->v[i].group, *before = NULL;
    for (int k = i - 1; k >= 0 && !before; k--)
        before = o->v[k].group;
    return now && (!before || strcmp(now, before) != 0) ? now : NULL;
}

bool mm_opt_takes_value(const mm_opt *o)
{
    return o->type != MM_OPT_FLAG && o->type != MM_OPT_COUNT && o->type != MM_OPT_SWITCH;
}

bool mm_opt_value_optional(const mm_opt *o)
{
    return o->arg && o->arg[0] == '[' && o->type == MM_OPT_CHOICE;
}

mm_str mm_opt_choice(const mm_opt *o, int i)
{
    const char *c = i < 0 ? NULL : o->choice_at ? o->choice_at(i) : o->choices;
    for (; !o->choice_at && c && i > 0; i--)
        if ((c = strchr(c, '|')))
            c++;
    return c ? (mm_str){c, strcspn(c, "|")} : (mm_str){NULL, 0};
}

const char *mm_opt_choices(const mm_opt *o, char *out, size_t size)
{
    size_t at = 0;
    *out = 0;
    for (int i = 0; at < size && mm_opt_choice(o, i).p; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%.*s", i ? "|" : "", MM_STRF(mm_opt_choice(o, i)));
    return out;
}

/* ---- finding an option by its name -------------------------------------------------------------------------- */

static mm_str closest_name(const mm_opts *o, mm_str wanted)
{
    mm_str name[MM_MAX_OPTS];
    for (int i = 0; i < o->n; i++)
        name[i] = mm_str_of(o->v[i].name);
    return mm_suggest(wanted, name, o->n);
}

static bool begins(const char *whole, const char *name, size_t n)
{
    return strncmp(whole, name, n) == 0;
}

typedef struct {
    const mm_opt *opt, *rival; /* rival: a second option that begins like that */
    bool no, old;
    bool exact;
} found;

static void consider(found *f, const mm_opt *o, bool no, const char *name, size_t n)
{
    if (!f->exact && o->was && begins(o->was, name, n) && o->was[n] == 0)
        *f = (found){.opt = o, .no = no, .old = true, .exact = true};
    if (f->exact || !begins(o->name, name, n))
        return;
    if (o->name[n] == 0)
        *f = (found){.opt = o, .no = no, .exact = true};
    else if (f->opt && f->opt != o)
        f->rival = o;
    else
        f->opt = o, f->no = no;
}

static mm_status find_long(const mm_opts *o, const char *name, size_t n, found *f, mm_err *e)
{
    *f = (found){0};
    for (int i = 0; i < o->n; i++) {
        consider(f, &o->v[i], false, name, n);
        if (o->v[i].type == MM_OPT_SWITCH && n > 3 && begins(name, "no-", 3))
            consider(f, &o->v[i], true, name + 3, n - 3);
    }
    if (f->rival)
        return mm_fail(e, MM_SKIP, "option '--%.*s' could be '--%s%s' or '--%s'", (int)n, name, f->no ? "no-" : "",
                       f->opt->name, f->rival->name);
    if (f->opt)
        return MM_OK;
    mm_str near = closest_name(o, (mm_str){name, n});
    return near.p ? mm_fail(e, MM_SKIP, "unknown option '--%.*s'; did you mean '--%.*s'?", (int)n, name, MM_STRF(near))
                  : mm_fail(e, MM_SKIP, "unknown option '--%.*s'", (int)n, name);
}

static const mm_opt *find_brief(const mm_opts *o, char c)
{
    for (int i = 0; i < o->n; i++)
        if (o->v[i].brief == c)
            return &o->v[i];
    return NULL;
}

/* ---- reading the command line ------------------------------------------------------------------------------- */

typedef struct {
    const mm_opts *opts;
    int argc, at; /* argv[at] is the next word */
    char **argv;
    mm_parsed *out;
} cursor;

static void add_hit(cursor *c, mm_opt_hit hit)
{
    c->out->hit[c->out->n++] = hit;
}

/* `word` is what stands after the two dashes. */
static mm_status match_long(cursor *c, const char *word, mm_err *e)
{
    const char *eq = strchr(word, '=');
    size_t n = eq ? (size_t)(eq - word) : strlen(word);
    found f;
    mm_status s = find_long(c->opts, word, n, &f, e);
    if (s != MM_OK)
        return s;
    const char *value = eq ? eq + 1 : NULL;
    if (value && !mm_opt_takes_value(f.opt))
        return mm_fail(e, MM_SKIP, "option '--%s%s' takes no value", f.no ? "no-" : "", f.opt->name);
    if (!value && mm_opt_takes_value(f.opt) && !mm_opt_value_optional(f.opt)) {
        if (c->at == c->argc)
            return mm_fail(e, MM_SKIP, "option '--%s' needs a value (%s)", f.opt->name, f.opt->arg);
        value = c->argv[c->at++];
    }
    add_hit(c, (mm_opt_hit){f.opt, value, f.no, f.old});
    return MM_OK;
}

/* `word` is what stands after one dash: flags in a row, the last of them perhaps with a value. */
static mm_status match_brief(cursor *c, const char *word, mm_err *e)
{
    for (; *word; word++) {
        const mm_opt *o = find_brief(c->opts, *word);
        if (!o)
            return mm_fail(e, MM_SKIP, "unknown option '-%c'", *word);
        if (!mm_opt_takes_value(o) || mm_opt_value_optional(o)) {
            add_hit(c, (mm_opt_hit){.opt = o});
            continue;
        }
        const char *value = word[1] ? word + 1 : c->at < c->argc ? c->argv[c->at++] : NULL;
        if (!value)
            return mm_fail(e, MM_SKIP, "option '-%c' needs a value (%s)", *word, o->arg);
        add_hit(c, (mm_opt_hit){.opt = o, .value = value});
        break;
    }
    return MM_OK;
}

mm_status mm_opts_match(const mm_opts *o, int argc, char **argv, mm_parsed *p, mm_arena *a, mm_err *e)
{
    if (o->n > MM_MAX_OPTS)
        return mm_fail(e, MM_FATAL, "%d options: a tool has %d at most", o->n, MM_MAX_OPTS);
    size_t letters = 1; /* an upper bound of how many options there can be */
    for (int i = 1; i < argc; i++)
        letters += strlen(argv[i]);
    *p = (mm_parsed){.hit = mm_arena_alloc(a, letters * sizeof *p->hit),
                     .operand = mm_arena_alloc(a, (size_t)(argc + 1) * sizeof *p->operand)};
    if (!p->hit || !p->operand)
        return mm_fail_memory(e);
    cursor c = {.opts = o, .argc = argc, .at = 1, .argv = argv, .out = p};
    bool operands_only = false;
    while (c.at < argc) {
        const char *word = argv[c.at++];
        mm_status s = MM_OK;
        if (operands_only || word[0] != '-' || word[1] == 0)
            p->operand[p->n_operands++] = word;
        else if (word[1] != '-')
            s = match_brief(&c, word + 1, e);
        else if (word[2] == 0)
            operands_only = true;
        else
            s = match_long(&c, word + 2, e);
        if (s != MM_OK)
            return s;
    }
    return MM_OK;
}

/* ---- values ------------------------------------------------------------------------------------------------- */

bool mm_parse_int(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || errno || isspace((unsigned char)text[0]))
        return false;
    int shift = *end == 'k' || *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
    if (shift)
        end++;
    if (*end || v > INT64_MAX >> shift || v < INT64_MIN >> shift)
        return false;
    *out = (int64_t)v * ((int64_t)1 << shift);
    return true;
}

static mm_status set_int(const mm_opt *o, const char *value, mm_err *e)
{
    int64_t v;
    if (!mm_parse_int(value, &v))
        return mm_fail(e, MM_SKIP, "--%s takes a whole number (suffixes k, M, G), not '%s'", o->name, value);
    if (o->max > o->min && (v < o->min || v > o->max))
        return o->max == INT64_MAX
                   ? mm_fail(e, MM_SKIP, "--%s takes %lld or more, not '%s'", o->name, (long long)o->min, value)
                   : mm_fail(e, MM_SKIP, "--%s takes %lld to %lld, not '%s'", o->name, (long long)o->min,
                             (long long)o->max, value);
    *(int64_t *)o->to = v;
    return MM_OK;
}

static mm_status out_of_bounds(const mm_opt *o, const char *value, mm_err *e)
{
    if (isfinite(o->most))
        return mm_fail(e, MM_SKIP, "--%s takes %s%g to %g, not '%s'", o->name, o->above ? "above " : "", o->least,
                       o->most, value);
    return o->above ? mm_fail(e, MM_SKIP, "--%s takes a number above %g, not '%s'", o->name, o->least, value)
                    : mm_fail(e, MM_SKIP, "--%s takes %g or more, not '%s'", o->name, o->least, value);
}

static mm_status set_float(const mm_opt *o, const char *value, mm_err *e)
{
    char *end;
    errno = 0;
    double v = strtod(value, &end);
    if (end == value || *end || errno == ERANGE || v != v)
        return mm_fail(e, MM_SKIP, "--%s takes a number, not '%s'", o->name, value);
    if (o->most > o->least && (v < o->least || v > o->most || isinf(v) || (o->above && v == o->least)))
        return out_of_bounds(o, value, e);
    *(double *)o->to = v;
    return MM_OK;
}

static mm_status set_choice(const mm_opt *o, const char *value, mm_err *e)
{
    char all[512];
    int i = 0;
    for (mm_str name; value && (name = mm_opt_choice(o, i)).p; i++)
        if (mm_str_is(name, value))
            break;
    if (value && !mm_opt_choice(o, i).p)
        return mm_fail(e, MM_SKIP, "--%s takes one of %s, not '%s'", o->name, mm_opt_choices(o, all, sizeof all),
                       value);
    *(int *)o->to = i; /* 0: --help without =FORMAT */
    return MM_OK;
}

static mm_status append(mm_list *l, const char *value, mm_arena *a, mm_err *e)
{
    if (!mm_grow_in(a, &l->v, &l->cap, l->n))
        return mm_fail_memory(e);
    l->v[l->n++] = value;
    return MM_OK;
}

mm_status mm_opts_apply(const mm_parsed *p, mm_arena *a, mm_err *e)
{
    mm_status s = MM_OK;
    for (int i = 0; i < p->n && s == MM_OK; i++) {
        const mm_opt *o = p->hit[i].opt;
        const char *value = p->hit[i].value;
        switch (o->type) {
        case MM_OPT_FLAG: *(bool *)o->to = true; break;
        case MM_OPT_COUNT: ++*(int *)o->to; break;
        case MM_OPT_SWITCH: *(int *)o->to = !p->hit[i].no; break;
        case MM_OPT_STR: *(const char **)o->to = value; break;
        case MM_OPT_INT: s = set_int(o, value, e); break;
        case MM_OPT_FLOAT: s = set_float(o, value, e); break;
        case MM_OPT_LIST: s = append(o->to, value, a, e); break;
        case MM_OPT_CHOICE: s = set_choice(o, value, e); break;
        }
    }
    return s;
}

const mm_opt_hit *mm_opts_given(const mm_parsed *p, const void *to)
{
    for (int i = p->n - 1; i >= 0; i--)
        if (p->hit[i].opt->to == to)
            return &p->hit[i];
    return NULL;
}

/* ---- options that have an effect only together ---------------------------------------------------------------- */

/* The next of "a|b|c"; p NULL after the last. */
static mm_str next_of(const char **list)
{
    const char *at = *list;
    if (!at || !*at)
        return (mm_str){NULL, 0};
    size_t n = strcspn(at, "|");
    *list = at + n + (at[n] == '|');
    return (mm_str){at, n};
}

/* Whether the option of "name" is given, or that of "name=choice" has this value, given or by default. */
static bool has(const mm_opts *o, const mm_parsed *p, mm_str what)
{
    const char *eq = memchr(what.p, '=', what.n);
    mm_str name = {what.p, eq ? (size_t)(eq - what.p) : what.n};
    for (int i = 0; i < o->n; i++) {
        const mm_opt *row = &o->v[i];
        if (!mm_str_is(name, row->name))
            continue;
        if (!eq)
            return mm_opts_given(p, row->to) != NULL;
        return mm_str_eq(mm_opt_choice(row, *(const int *)row->to), (mm_str){eq + 1, what.n - name.n - 1});
    }
    return false;
}

/* "--a, --b or --c"; each begins with the prefix. */
static const char *listed(const char *all, const char *prefix, char *out, size_t size)
{
    size_t at = 0;
    *out = 0;
    for (mm_str one = next_of(&all); one.p && at < size; one = next_of(&all))
        at += (size_t)snprintf(out + at, size - at, "%s%s%.*s", !at ? "" : *all ? ", " : " or ", prefix, MM_STRF(one));
    return out;
}

mm_status mm_opts_go_together(const mm_opts *opts, const mm_parsed *p, const char *command, mm_err *e)
{
    char all[256];
    for (int i = 0; i < p->n; i++) {
        const mm_opt *o = p->hit[i].opt;
        const char *with = o->with, *without = o->without, *commands = command ? o->commands : NULL;
        bool together = !with, meant = !commands;
        for (mm_str one = next_of(&with); one.p && !together; one = next_of(&with))
            together = has(opts, p, one);
        for (mm_str one = next_of(&commands); one.p && !meant; one = next_of(&commands))
            meant = mm_str_is(one, command);
        if (!together)
            return mm_fail(e, MM_SKIP, "--%s goes with %s", o->name, listed(o->with, "--", all, sizeof all));
        for (mm_str one = next_of(&without); one.p; one = next_of(&without))
            if (has(opts, p, one))
                return mm_fail(e, MM_SKIP, "--%s and --%.*s exclude each other", o->name, MM_STRF(one));
        if (!meant)
            return mm_fail(e, MM_SKIP, "--%s goes with %s, not with %s", o->name,
                           listed(o->commands, "", all, sizeof all), command);
    }
    return MM_OK;
}

/* ---- a hash of the values --------------------------------------------------------------------------------------- */

static bool is_among(const void *to, const void *const *but, int n)
{
    for (int i = 0; i < n; i++)
        if (but[i] == to)
            return true;
    return false;
}

static uint64_t hash_text(uint64_t h, const char *text)
{
    return text ? mm_hash_more(h, text, strlen(text) + 1) : mm_hash_more(h, "\1", 1);
}

static uint64_t hash_value(uint64_t h, const mm_opt *o)
{
    const mm_list *l = o->to;
    switch (o->type) {
    case MM_OPT_FLAG: return mm_hash_more(h, o->to, sizeof(bool));
    case MM_OPT_COUNT:
    case MM_OPT_SWITCH: return mm_hash_more(h, o->to, sizeof(int));
    case MM_OPT_INT: return mm_hash_more(h, o->to, sizeof(int64_t));
    case MM_OPT_FLOAT: return mm_hash_more(h, o->to, sizeof(double));
    case MM_OPT_STR: return hash_text(h, *(const char **)o->to);
    case MM_OPT_CHOICE: {
        mm_str name = mm_opt_choice(o, *(const int *)o->to);
        return name.p ? mm_hash_more(mm_hash_more(h, name.p, name.n), "", 1) : hash_text(h, NULL);
    }
    case MM_OPT_LIST:
        for (int i = 0; i < l->n; i++)
            h = hash_text(h, l->v[i]);
    }
    return h;
}

uint64_t mm_opts_hash(const mm_opt *table, const void *const *but, int n)
{
    uint64_t sum = 0;
    for (const mm_opt *o = table; o->name; o++)
        if (!is_among(o->to, but, n))
            sum += hash_value(hash_text(MM_HASH_START, o->was ? o->was : o->name), o);
    return sum;
}
