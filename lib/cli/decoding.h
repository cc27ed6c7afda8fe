/* decoding.h: the sources of mm-decode become records: side by side, in the order of the sources, with labels, and
 * without what --resume and --update find done.
 *
 * The sources are operands, or the records of kind file in streams, whose other records pass.
 *
 * The tool fills in what its options say; each function dies when it cannot go on. */
#ifndef MM_CLI_DECODING_H
#define MM_CLI_DECODING_H

#include "cli/file_records.h"
#include "cli/key_check.h"
#include "cli/labels_option.h"
#include "cli/source_reuse.h"
#include "decode/decode.h"
#include "decode/skipped.h"
#include "source/labels/sidecar.h"

typedef struct {
    mm_run *r;
    mm_decode_opts decode; /* log, notes and mark are set here, */
    mm_source_opts source; /* … as are log and keep */
    const char *key;       /* --key */
    uint64_t options;      /* a hash of all options that change a result */

    /* Where labels come from: one of these, or the rows of tables. */
    mm_labels_option labelling; /* a table beside the media; path NULL: none */
    const char *label;          /* --label: the name of their directory (dir), or files beside them; NULL: none */
    bool marks;                 /* a mark after each source, or after what comes of each file record */
    bool records;               /* the operands are streams, whose file records are decoded, or label themselves */

    /* What follows belongs to decoding.c. */
    mm_source *sources;
    mm_file_records *files;  /* NULL: the sources are operands */
    mm_blob *mark;           /* … with `marks`: the mark that follows what comes of the file at hand */
    mm_sidecar_rule sidecar; /* of label; extension NULL: none */
    mm_sidecars *sidecars;
    mm_key_check keys;
    mm_source_reuse *unchanged; /* NULL without --update */
    mm_arena *arena;            /* one a worker */
    mm_decode_notes notes;
    int64_t listed;                      /* names that came out of lists, where these are read as they come */
    int64_t passed;                      /* records of streams that are not decoded */
    bool last;                           /* no tool reads the output */
    int64_t begun, kept;                 /* sources; those that were not decoded again */
    bool decoded;                        /* one of the others gave a record that is not an error */
    int64_t skipped[MM_SKIPPED_REASONS]; /* sources that gave no record, by reason */
    bool unread[MM_FORMATS];             /* formats among them that are not read */
} mm_decoding;

/* Opens sources, labels and the output; d has the tool's choices. */
void mm_decoding_open(mm_decoding *d);
void mm_decoding_run(mm_decoding *d);
/* Completes the output and says what a user should know: dies when not one record came. */
void mm_decoding_close(mm_decoding *d);

/* In decoding_models.c. Media are prepared as these models take them: of each modality the last counts. */
void mm_decoding_prepare_for(mm_run *r, const mm_list *models, mm_decode_opts *o);

/* In decoding_report.c. Why a source gave no record, for people: "empty". */
const char *mm_decoding_reason(mm_skipped why);
/* What was skipped, not read, not labelled. */
void mm_decoding_report(mm_decoding *d);
/* Not one record came: says what was skipped instead, and ends. */
#if defined(__GNUC__)
__attribute__((noreturn))
#endif
void
mm_decoding_die_empty(mm_decoding *d);

#endif
