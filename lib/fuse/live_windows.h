/* live_windows.h: windows of time of each key, each handed out as soon as it is closed, with only the records in memory
 * that windows still to come overlap.
 *
 * Of each source (a modality of a stream) records come in the order in which they begin. A source has passed the end of
 * its latest record less the longest overlap of two successive records so far; after one record, only that one's start.
 * A window is closed
 *   – when every source has passed its end: all that the key has, and the expected modalities, and every stream that is
 *     not past the key and has brought nothing of it yet;
 *   – or `lateness` seconds after the most advanced source has reached its end, when what it lacks could come only from
 *     streams that have nothing to read: on the clock of the machine (mm_live_tick), or on that of the records, while
 *     these streams are asleep (mm_live_sleep), or where half of the memory is taken. What can be read at once is read
 *     first, so nothing of a file is late;
 *   – or when every stream is past the key: it has gone on to another key, is at a mark, or has ended. A source whose
 *     stream is past the key counts as having reached, then, the end of the last window that it is in.
 * A key that no stream is at is given up, and all its windows are closed, when all streams that are not past it have
 * nothing to read, `lateness` seconds after the last of the others left it, or at once where half of the memory is
 * taken: memory is bounded beside a silent stream. Until the next mark all that comes of such a key is late (of the
 * latest million keys).
 * What comes for a window that is closed is late: counted, and left out of that window. Windows in which nothing
 * happens are left out. If no record is late, windows are those of mm_features_of_windows. */
#ifndef MM_FUSE_LIVE_WINDOWS_H
#define MM_FUSE_LIVE_WINDOWS_H

#include "fuse/windows.h"

typedef struct {
    int streams;
    mm_window_grid grid;
    double lateness;                    /* seconds */
    mm_str expected[MM_MAX_MODALITIES]; /* modalities that a window waits for even before their first record */
    int n_expected;
    size_t limit; /* bytes that records and the state of keys may take */
} mm_live_opts;

typedef struct mm_live mm_live;

mm_status mm_live_new(mm_live **out, const mm_live_opts *o, mm_err *e);
void mm_live_free(mm_live *l); /* NULL is fine */

/* Adds a feature record (copied) of stream s that came at this time (mm_seconds). Of one that does not count only the
 * key, the source, the label and the time matter. MM_SKIP: the key has two labels, or a modality of it two spaces, or
 * the time is absurd; the key gives no more windows. MM_FATAL: memory, or the limit. */
mm_status mm_live_add(mm_live *l, int s, const mm_record *rec, bool counts, double came, mm_err *e);
/* As in join.h: stream s has ended; has reached a mark; all have reached it; go on. */
void mm_live_end(mm_live *l, int s);
void mm_live_mark(mm_live *l, int s);
bool mm_live_at_mark(const mm_live *l);
void mm_live_pass_mark(mm_live *l);
/* These streams (bit s) were waited for long enough, and the others are read on without them: from now on, until the
 * next call. */
void mm_live_sleep(mm_live *l, uint64_t asleep);
/* The stream that is furthest behind, none of those in `asleep` (bit s). −1: all others have ended or are at a mark. */
int mm_live_next_stream(const mm_live *l, uint64_t asleep);
/* Nothing more has come until this time; but for these streams (bit s), of which something is there to be read. */
void mm_live_tick(mm_live *l, double now, uint64_t readable);
/* When the clock of the machine will next close a window (mm_seconds); INFINITY: not before something comes, or is
 * read of these streams. */
double mm_live_deadline(const mm_live *l, uint64_t readable);

/* The next window that is closed, and in *out what owns its memory, for the caller to free (mm_sample_free), after
 * MM_SKIP, too. MM_SKIP: the window failed; *window is what is known of it. MM_EOF: none for now. After MM_EOF and
 * MM_FATAL there is nothing to free. */
mm_status mm_live_next(mm_live *l, mm_sample **out, mm_features **window, mm_err *e);

typedef struct {
    int64_t keys, late;
    const char *late_example; /* key and modality of the first; NULL: none was */
} mm_live_tally;

mm_live_tally mm_live_counts(const mm_live *l);

#endif
