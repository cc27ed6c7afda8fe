/* key_clash.h: no two sources of a run may give one key the same modality: the second would silently be mixed with the
 * first.
 *
 * Keys are remembered by 96 bits of SHA-256 of modality and key, so that no two different ones are ever taken for each
 * other, in at most 32 bytes each. Only who shares a key is found here; several records of one source (frames, windows)
 * are no clash, nor are rows of a table, whose keys are their own. */
#ifndef MM_SOURCE_KEY_CLASH_H
#define MM_SOURCE_KEY_CLASH_H

#include "source/source_options.h"
#include "stream/record.h"

typedef struct mm_clash mm_clash;

/* One source, as mm_clash_check meets it. */
typedef struct {
    int64_t number; /* tells it from other sources */
    int operand;    /* mm_blob */
    bool fresh;
    bool refused; /* set here: the source has been told */
} mm_clash_source;

/* operands: those of mm_source_open, which must outlive it, as must o. */
mm_status mm_clash_new(mm_clash **out, const char *const *operands, const mm_source_opts *o, mm_err *e);
void mm_clash_free(mm_clash *c); /* NULL is fine */

/* Whether a record that a source makes under its own key can have that key; records come in the order of sources. The
 * still beside a video's frames can, and an operand that is given twice is read twice. MM_OK; MM_SKIP: another source
 * has it, e says which and what keeps them apart; MM_EOF: the same again, from a source that was refused. */
mm_status mm_clash_check(mm_clash *c, mm_clash_source *from, const mm_record *rec, mm_err *e);

/* How many keys it remembers, and the bytes that this takes. */
int64_t mm_clash_keys(const mm_clash *c, size_t *bytes);

#endif
