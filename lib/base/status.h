/* status.h: how a library call says how it went.
 *
 * A library call never prints and never exits. It returns an mm_status and, when that is not MM_OK,
 * has written one line for people into the caller's mm_err: what failed, where, what would help. */
#ifndef MM_BASE_STATUS_H
#define MM_BASE_STATUS_H

#include <stdarg.h>

typedef enum {
    MM_OK = 0,
    MM_EOF = 1,    /* no more input; not an error, the mm_err is untouched */
    MM_SKIP = -1,  /* this item failed, the next one may work */
    MM_FATAL = -2, /* nothing more can be done with this object */
} mm_status;

/* What would help, where that is for whoever runs a program to choose. A library does not know the options of programs:
 * lib/cli words hints (hints.c), where it prints an error or puts it into a record. */
typedef enum {
    MM_HINT_NONE,
    MM_HINT_ALIGN,         /* train projections into one space */
    MM_HINT_CAPTIONS,      /* read a table's column of texts, with a column as their keys */
    MM_HINT_CHANNEL,       /* take one channel of a sound */
    MM_HINT_COLUMN_NUMBER, /* name a column by its number */
    MM_HINT_CONTROL,       /* name Label Studio's control */
    MM_HINT_DEVICES,       /* list the devices that are present */
    MM_HINT_ENCODE,        /* encode media into features */
    MM_HINT_EPOCH,         /* say which moment counts as zero */
    MM_HINT_FIELD,         /* choose one label field */
    MM_HINT_FOLLOW,        /* follow symbolic links */
    MM_HINT_FPS,           /* fewer frames a second */
    MM_HINT_GPU_LOST,      /* start again, or compute on another device */
    MM_HINT_GPU_MEMORY,    /* smaller batches, a smaller model or smaller numbers, or another device */
    MM_HINT_GPU_PRECISION, /* a precision that the GPU computes in, or another device */
    MM_HINT_HEAD,          /* give a trained head to a program that applies heads */
    MM_HINT_HEADS,         /* give the number of attention heads of an imported model */
    MM_HINT_HIDDEN,        /* read hidden files */
    MM_HINT_IMPORT,        /* import the model */
    MM_HINT_KEY_ARCHIVE,   /* put archives' keys before those of their members, which keeps two sources apart */
    MM_HINT_KEY_FILE,      /* keep extensions in keys, likewise */
    MM_HINT_KEY_ROOT,      /* name operands by their paths below a common directory, likewise */
    MM_HINT_LABELS,        /* decode with labels */
    MM_HINT_LINES,         /* read a text by lines, or a column of a table */
    MM_HINT_MAX_BYTES,     /* a higher limit of an input's bytes, */
    MM_HINT_MAX_DEPTH,     /* … of archives inside archives, */
    MM_HINT_MAX_DURATION,  /* … of the seconds of a sound or video, */
    MM_HINT_MAX_PIXELS,    /* … of an image's pixels, */
    MM_HINT_MAX_RATIO,     /* … of an archive's expansion */
    MM_HINT_MEMORY,        /* a higher limit of the memory of incomplete samples */
    MM_HINT_MODELS,        /* list the models that are installed */
    MM_HINT_NAMELESS,      /* give columns by number: the table does not name them */
    MM_HINT_PACK,          /* pack the model again */
    MM_HINT_PACKED,        /* … or take the precision that it is packed for */
    MM_HINT_POOL,          /* let the encoder pool its positions into one vector */
    MM_HINT_PRECISION,     /* a precision that the processor computes in */
    MM_HINT_QUOTED_TSV,    /* read a TSV whose cells are quoted */
    MM_HINT_RANGE,         /* say which samples are black and white */
    MM_HINT_ROOT,          /* a root above all operands */
    MM_HINT_ROWS,          /* select records of one shape, or write a row for each vector */
    MM_HINT_WHERE,         /* select records by a condition */
    MM_HINTS,              /* how many there are */
} mm_hint;

typedef struct {
    mm_status status;
    mm_hint hint;
    char text[256]; /* one line without a newline; always terminated */
} mm_err;

/* Writes the text (cut to fit), the status and the hint into e, which may be NULL. Returns s, so that a caller can
 * write `return mm_fail(e, MM_SKIP, "%s: not a JPEG", src);`. An error that is passed on under another text
 * (`"%s: %s", path, why.text`) keeps its hint only when it is passed on, too. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
mm_status
mm_fail_hint(mm_err *e, mm_status s, mm_hint hint, const char *fmt, ...);
#define mm_fail(e, s, ...) mm_fail_hint(e, s, MM_HINT_NONE, __VA_ARGS__)
/* The same of a list of arguments, among which e's own text may be. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 0)))
#endif
mm_status
mm_fail_list(mm_err *e, mm_status s, mm_hint hint, const char *fmt, va_list ap);

/* Out of memory, the one message that every module shares. */
mm_status mm_fail_memory(mm_err *e);

#endif
