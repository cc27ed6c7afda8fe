/* key_clash.h: no two sources of a run may give the same key the same modality: the second would silently be mixed with
 * the first.
 *
 * Keys are remembered by 96 bits of SHA-256 of modality and key, so that different keys are never confused, in at most
 * 32 bytes each. Only sources that share a key clash: several records of one source (frames, windows) do not, nor do
 * rows of a table, whose keys are their own. */
#ifndef MM_SOURCE_KEY_CLASH_H
#define MM_SOURCE_KEY_CLASH_H

#include "source/source_options.h"
#include "stream/record.h"

typedef struct mm_clash mm_clash;

/* One source, as mm_clash_check meets it. */
typedef struct {
    int64_t number;  /* tells it from other sources */
    int64_t operand; /* as in mm_blob, like fresh */
    bool fresh;
    bool refused; /* set here: its clash has been reported */
} mm_clash_source;

/* operands: those of mm_source_open; they and o must outlive it. NULL: they are not known beforehand; then a source
 * that comes again under its own name (a file that a list names whenever it changes) is read again, and no clash. */
mm_status mm_clash_new(mm_clash **out, const char *const *operands, const mm_source_opts *o, mm_err *e);
void mm_clash_free(mm_clash *c); /* NULL is fine */

/* Whether a record may have its source's own key; records come in the order of their sources. The still beside a
 * video's frames may, and an operand that is given twice is read twice. MM_OK; MM_SKIP: another source has the key,
 * e says which and what keeps them apart; MM_EOF: the same again, from a source that was refused before. */
mm_status mm_clash_check(mm_clash *c, mm_clash_source *from, const mm_record *rec, mm_err *e);

/* How many keys it remembers, and the bytes that this takes. */
int64_t mm_clash_keys(const mm_clash *c, size_t *bytes);

#endif
