/* row_match.h: which row of a table of files means a file (label_table.h has the rules).
 *
 * Names are kept with their components reversed and separated by NUL, "1.jpg\0cat\0pets", and sorted by bytes: names
 * that end alike are neighbours, and the rows that share most components with a path are found by bisection. */
#ifndef MM_SOURCE_LABELS_ROW_MATCH_H
#define MM_SOURCE_LABELS_ROW_MATCH_H

#include "base/arena.h"
#include "base/status.h"
#include "base/str.h"

#include <stdatomic.h>
#include <stdint.h>

/* What is to be labelled. given and path are those of a blob (blob.h); path.p NULL: only a record's src, as given, and
 * its key are known, and the key is the path below the operand if given ends with it. If it does not (a row of a table,
 * --key), a row may also name the end of the key, and takes precedence over rows that name the file. */
typedef struct {
    mm_str given, path, key;
} mm_label_query;

/* A row's name: as written, without its extension, or as the file was called before it was uploaded to Label Studio. */
typedef enum { MM_NAME_WHOLE, MM_NAME_STEM, MM_NAME_UPLOAD } mm_name_form;

typedef struct {
    mm_str name; /* reversed */
    int64_t row;
    mm_name_form form;
} mm_row_name;

typedef struct {
    mm_arena arena;
    mm_row_name *v; /* [n], sorted by mm_row_names_sort */
    int64_t n, cap;
    int64_t *alike;         /* [n] the first name after this one whose row says something else */
    _Atomic int64_t *reach; /* [n] where the matches that began with this name ended */
    mm_str *dir;            /* [dirs] sorted: the names' directories, reversed */
    int64_t dirs, dirs_cap;
    char *pool; /* of strings */
    size_t pool_left;
} mm_row_names; /* all zero is empty */

/* A copy of s that lives as long as the names. p NULL, or false below: memory is out. */
mm_str mm_row_names_keep(mm_row_names *x, mm_str s);
/* Adds a row's name; uses scratch meanwhile. */
bool mm_row_names_add(mm_row_names *x, mm_arena *scratch, mm_str name, int64_t row);
/* After the last name: alike tells whether two rows say the same. */
bool mm_row_names_sort(mm_row_names *x, bool (*alike)(const void *ctx, int64_t row, int64_t other), const void *ctx);
/* Two rows with one name that do not say the same; false: there are none. */
bool mm_row_names_clash(const mm_row_names *x, int64_t *row, int64_t *other);
void mm_row_names_free(mm_row_names *x);

typedef struct {
    int64_t row;    /* −1: none */
    int64_t other;  /* one that is as near and says something else; −1: none */
    bool elsewhere; /* the row names another directory than the path does */
} mm_row_match;

/* MM_FATAL when memory is out. Thread safe. */
mm_status mm_row_names_find(mm_row_names *x, const mm_label_query *what, mm_row_match *match, mm_err *e);

/* How many of the rows were never found. */
int64_t mm_row_names_unused(const mm_row_names *x, int64_t rows);

#endif
