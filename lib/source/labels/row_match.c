#include "source/labels/row_match.h"

#include "base/grow.h"
#include "format/name.h"
#include "source/clean_path.h"
#include "source/labels/comparable_name.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- reversed names ---- */

static mm_str reversed(mm_arena *a, mm_str path)
{
    char *out = mm_arena_alloc(a, path.n + 1);
    size_t n = 0;
    for (size_t end = path.n; out && path.n;) {
        size_t from = end;
        while (from > 0 && path.p[from - 1] != '/')
            from--;
        memcpy(out + n, path.p + from, end - from);
        n += end - from;
        if (from == 0)
            break;
        out[n++] = 0;
        end = from - 1;
    }
    return (mm_str){out, n};
}

static int components(mm_str path)
{
    int n = path.n > 0;
    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '/';
    return n;
}

/* The first n components of a reversed name. */
static mm_str first_components(mm_str name, int n)
{
    size_t i = 0;
    while (i < name.n && (name.p[i] || --n > 0))
        i++;
    return (mm_str){name.p, i};
}

/* Below 0, 0 or above 0 as name sorts before, among or after those that begin with the components of `front`. */
static int beside(mm_str name, mm_str front)
{
    int c = memcmp(name.p, front.p, name.n < front.n ? name.n : front.n);
    if (c || name.n < front.n)
        return c ? c : -1;
    return name.n == front.n || name.p[front.n] == 0 ? 0 : 1;
}

static bool begins(mm_str name, mm_str front)
{
    return name.n >= front.n && beside(name, front) == 0;
}

static int in_order(mm_str a, mm_str b)
{
    int c = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* ---- the index ---- */

/* Packed: an arena by itself aligns every string to 64 bytes. */
mm_str mm_row_names_keep(mm_row_names *x, mm_str s)
{
    enum { POOL = 64 * 1024 };
    if (s.n > x->pool_left) {
        size_t n = s.n > POOL ? s.n : POOL;
        if (!(x->pool = mm_arena_alloc(&x->arena, n)))
            return (mm_str){NULL, 0};
        x->pool_left = n;
    }
    memcpy(x->pool, s.p, s.n);
    mm_str own = {x->pool, s.n};
    x->pool += s.n;
    x->pool_left -= s.n;
    return own;
}

static bool add(mm_row_names *x, mm_arena *a, mm_str name, int64_t row, mm_name_form form)
{
    mm_str back = reversed(a, name);
    if (!back.p || !mm_grow(&x->v, &x->cap, x->n))
        return false;
    back = mm_row_names_keep(x, back);
    x->v[x->n++] = (mm_row_name){back, row, form};
    return back.p != NULL;
}

/* Whether a row's name ends in an extension, not in a key's part after a dot: 1.5, photo.v2. */
static bool has_extension(mm_str name)
{
    mm_str x = mm_name_extension(name);
    int letters = 0;
    for (size_t i = 0; i < x.n; i++)
        letters += isalpha((unsigned char)x.p[i]) != 0;
    return letters > 1;
}

bool mm_row_names_add(mm_row_names *x, mm_arena *a, mm_str name, int64_t row)
{
    mm_str local = mm_name_of_local_file(a, name), upload = mm_name_before_upload(a, name);
    mm_str path = mm_comparable_name(a, local.p ? local : name);
    if (!path.p || (path.n && !add(x, a, path, row, MM_NAME_WHOLE)))
        return false;
    if (has_extension(path) && !add(x, a, mm_path_stem(path), row, MM_NAME_STEM))
        return false;
    if (!upload.p)
        return true;
    upload = mm_comparable_name(a, upload);
    return upload.p && add(x, a, upload, row, MM_NAME_UPLOAD) && add(x, a, mm_path_stem(upload), row, MM_NAME_UPLOAD);
}

static int by_name(const void *va, const void *vb)
{
    const mm_row_name *a = va, *b = vb;
    int c = in_order(a->name, b->name);
    if (c == 0)
        c = (int)a->form - (int)b->form;
    return c ? c : (a->row > b->row) - (a->row < b->row);
}

static int by_bytes(const void *va, const void *vb)
{
    return in_order(*(const mm_str *)va, *(const mm_str *)vb);
}

static bool list_directories(mm_row_names *x)
{
    for (int64_t i = 0; i < x->n; i++) {
        mm_str name = x->v[i].name, base = first_components(name, 1);
        if (base.n == name.n)
            continue;
        mm_str dir = {name.p + base.n + 1, name.n - base.n - 1};
        if (x->dirs && mm_str_eq(x->dir[x->dirs - 1], dir))
            continue;
        if (!mm_grow(&x->dir, &x->dirs_cap, x->dirs))
            return false;
        x->dir[x->dirs++] = dir;
    }
    if (x->dirs)
        qsort(x->dir, (size_t)x->dirs, sizeof *x->dir, by_bytes);
    return true;
}

bool mm_row_names_sort(mm_row_names *x, bool (*alike)(const void *ctx, int64_t row, int64_t other), const void *ctx)
{
    x->alike = calloc((size_t)x->n + 1, sizeof *x->alike);
    x->reach = calloc((size_t)x->n + 1, sizeof *x->reach);
    if (!x->alike || !x->reach)
        return false;
    if (x->n)
        qsort(x->v, (size_t)x->n, sizeof *x->v, by_name);
    for (int64_t i = x->n - 1; i >= 0; i--)
        x->alike[i] = i + 1 < x->n && alike(ctx, x->v[i].row, x->v[i + 1].row) ? x->alike[i + 1] : i + 1;
    return list_directories(x);
}

bool mm_row_names_clash(const mm_row_names *x, int64_t *row, int64_t *other)
{
    for (int64_t i = 1; i < x->n; i++) {
        const mm_row_name *a = &x->v[i - 1], *b = &x->v[i];
        if (a->form != MM_NAME_WHOLE || b->form != MM_NAME_WHOLE || x->alike[i - 1] > i || !mm_str_eq(a->name, b->name))
            continue;
        *row = a->row;
        *other = b->row;
        return true;
    }
    return false;
}

void mm_row_names_free(mm_row_names *x)
{
    free(x->v);
    free(x->alike);
    free(x->reach);
    free(x->dir);
    mm_arena_free(&x->arena);
    *x = (mm_row_names){0};
}

/* ---- finding ---- */

typedef struct {
    int64_t from, to; /* entries; from = to: none */
} range;

/* The entries that begin with `front`; `exactly`: those that are no longer than it. */
static range entries_of(const mm_row_names *x, mm_str front, bool exactly)
{
    int64_t lo = 0, hi = x->n;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (beside(x->v[mid].name, front) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    range r = {lo, lo};
    for (hi = x->n, lo = r.from; lo < hi;) {
        int64_t mid = lo + (hi - lo) / 2;
        if (exactly ? in_order(x->v[mid].name, front) <= 0 : beside(x->v[mid].name, front) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    r.to = lo;
    return r;
}

static bool knows_directory(const mm_row_names *x, mm_str dir)
{
    int64_t lo = 0, hi = x->dirs;
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (beside(x->dir[mid], dir) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < x->dirs && begins(x->dir[lo], dir);
}

/* What is to be labelled, names reversed. */
typedef struct {
    mm_str whole, stem; /* as given, with and without its extension */
    int given, below;   /* components, as given and below the operand */
    mm_str key;
    int key_components;
    bool key_is_path; /* given ends with it */
} wanted;

/* The rows that agree with the first n components: those with the same extension, if there are any. */
static range rows_at(const mm_row_names *x, const wanted *w, int n, bool exactly)
{
    range r = entries_of(x, first_components(w->whole, n), exactly);
    return r.from < r.to || w->stem.n == w->whole.n ? r : entries_of(x, first_components(w->stem, n), exactly);
}

/* Whether the table has files in the directory that holds the file (one component more than `below`): a row that names
 * another directory does not mean this file then. */
static bool names_another(const mm_row_names *x, const wanted *w)
{
    mm_str above = first_components(w->whole, w->below + 1);
    size_t base = first_components(w->whole, 1).n + 1;
    return w->given > w->below && knows_directory(x, (mm_str){above.p + base, above.n - base});
}

/* The nearest rows. *elsewhere: above their agreement they differ from the path as given. */
static range by_path(const mm_row_names *x, const wanted *w, bool *elsewhere)
{
    *elsewhere = false;
    for (int n = w->given; n > 0; n--) {
        range r = rows_at(x, w, n, true);
        if (r.from == r.to && n >= w->below)
            r = rows_at(x, w, n, false);
        else if (r.from < r.to)
            return r;
        if (r.from == r.to)
            continue;
        *elsewhere = n == w->below && n < w->given;
        if (!*elsewhere || !names_another(x, w))
            return r;
        *elsewhere = false;
    }
    return (range){0, 0};
}

/* Rows that name the end of the key. */
static range by_key(const mm_row_names *x, const wanted *w)
{
    range r = {0, 0};
    for (int n = w->key_components; n > 0 && r.from == r.to; n--)
        r = entries_of(x, first_components(w->key, n), true);
    return r;
}

static mm_status make_wanted(wanted *w, mm_arena *a, const mm_label_query *what, mm_err *e)
{
    mm_str given = mm_comparable_name(a, what->given),
           path = what->path.p ? mm_comparable_name(a, what->path) : MM_STR("");
    mm_str key = mm_comparable_name(a, what->key), stem = given.p ? mm_path_stem(given) : given;
    if (!given.p || !path.p || !key.p)
        return mm_fail_memory(e);
    *w = (wanted){.whole = reversed(a, given), .stem = reversed(a, stem), .key = reversed(a, key)};
    if (!w->whole.p || !w->stem.p || !w->key.p)
        return mm_fail_memory(e);
    w->key_is_path = key.n && (begins(w->stem, w->key) || begins(w->whole, w->key));
    w->given = components(given);
    w->key_components = components(key);
    w->below = path.n ? components(path) : w->key_is_path ? w->key_components : w->given;
    w->below = w->below < w->given ? w->below : w->given;
    return MM_OK;
}

/* Notes that r was found, in one step however long it is: mm_row_names_unused works from the noted ends. */
static void mark(mm_row_names *x, range r)
{
    int64_t reach = atomic_load(&x->reach[r.from]);
    while (reach < r.to && !atomic_compare_exchange_weak(&x->reach[r.from], &reach, r.to))
        continue;
}

mm_status mm_row_names_find(mm_row_names *x, const mm_label_query *what, mm_row_match *match, mm_err *e)
{
    mm_arena a = {0};
    wanted w;
    range r = {0, 0};
    *match = (mm_row_match){.row = -1, .other = -1};
    mm_status s = make_wanted(&w, &a, what, e);
    if (s == MM_OK && !w.key_is_path)
        r = by_key(x, &w);
    if (s == MM_OK && r.from == r.to)
        r = by_path(x, &w, &match->elsewhere);
    mm_arena_free(&a);
    if (r.from == r.to)
        return s;
    mark(x, r);
    match->row = x->v[r.from].row;
    if (x->alike[r.from] < r.to)
        match->other = x->v[x->alike[r.from]].row;
    return MM_OK;
}

int64_t mm_row_names_unused(const mm_row_names *x, int64_t rows)
{
    int64_t n = 0, reach = 0;
    bool *used = calloc((size_t)rows + 1, sizeof *used);
    for (int64_t i = 0; used && i < x->n; i++) {
        int64_t here = atomic_load(&x->reach[i]);
        reach = here > reach ? here : reach;
        used[x->v[i].row] |= i < reach;
    }
    for (int64_t i = 0; used && i < rows; i++)
        n += !used[i];
    free(used);
    return n;
}
