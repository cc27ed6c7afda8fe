/* sidecar.h: labels in files of their own beside the media, as in WebDataset's shards: 0001.jpg, 0001.cls.
 *
 * A sidecar belongs to the files whose names continue where its own has its extension: 0001.cls to 0001.jpg and
 * 0001.seg.png. It may come before or after them, in one run of files whose names are the same up to the first dot, as
 * they are in directories and shards anyway. */
#ifndef MM_SOURCE_LABELS_SIDECAR_H
#define MM_SOURCE_LABELS_SIDECAR_H

#include "source/source.h"

typedef struct {
    const char *extension; /* "cls": its text is the label; "json": the members of its object are */
    const char *field;     /* json: only this member; NULL: all of them */
} mm_sidecar_rule;

/* From "cls", "json" or "json:FIELD"; false: none of these. */
bool mm_sidecar_rule_of(mm_sidecar_rule *rule, const char *text);

typedef struct mm_sidecars mm_sidecars;

/* s must outlive it. MM_FATAL when memory is out. */
mm_status mm_sidecars_open(mm_sidecars **out, mm_source *s, const mm_sidecar_rule *rule, mm_err *e);
void mm_sidecars_close(mm_sidecars *x); /* NULL is fine */

/* Like mm_source_next, without the sidecars, which become the `label` of their blobs. One that cannot be read comes as
 * a blob that failed. */
mm_status mm_sidecars_next(mm_sidecars *x, mm_blob **b, mm_err *e);
int64_t mm_sidecars_orphans(const mm_sidecars *x); /* sidecars that belong to no file */

#endif
