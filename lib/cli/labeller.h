/* labeller.h: the loop of mm-label. Features are compared with references in batches, or joined into samples for a
 * trained head; label records in the stream are predictions already. */
#ifndef MM_CLI_LABELLER_H
#define MM_CLI_LABELLER_H

#include "cli/tool.h"
#include "fuse/head.h"
#include "label/matcher.h"

/* Features are compared this many at a time, so that large references pass through the caches once for all of them. */
enum { MM_LABEL_BATCH = 64 };

/* All of it is the caller's. */
typedef struct {
    mm_run *r;
    const char *of, *field; /* label only this modality, by this label field; NULL: all */
    const char *path;       /* the file of the references or the head, for messages */
    const mm_refs *refs;
    mm_matcher *matcher; /* over refs, MM_LABEL_BATCH features; NULL: nothing to compare with */
    const mm_head *head; /* NULL: none */
    mm_threads *pool;
    bool labelled; /* the references are examples with labels */
    bool flush;    /* write every result as soon as it is ready */
    mm_label_writer *w;
} mm_labeller;

/* Labels all input; the output is open and stays so. Dies when no record could be meant by `of` or `field`. */
void mm_labeller_run(const mm_labeller *o);
/* Dies with "no label field …" and the names that there are. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void mm_labeller_die_of_field(mm_run *r, const char *field, const mm_str *names, int n);

#endif
