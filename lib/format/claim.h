/* claim.h: files that no decoder takes: which of them are faults, and what is said of them.
 *
 * A name claims something by its extension: photo.jpg claims to be a picture. When its bytes are nothing that is read,
 * the file is broken, not foreign, and becomes an error record. So does a picture, sound or volume in a format that is
 * known and not read, and anything of such a format that was named outright. Documents, programs, sidecars and all that
 * claims nothing are passed over. */
#ifndef MM_FORMAT_CLAIM_H
#define MM_FORMAT_CLAIM_H

#include "base/fault.h"
#include "format/sniff.h"
#include "media/decode_options.h"
#include "source/blob.h"

typedef enum {
    MM_CLAIM_NOTHING,
    MM_CLAIM_IMAGE,
    MM_CLAIM_SOUND,
    MM_CLAIM_VIDEO,
    MM_CLAIM_TEXT,
    MM_CLAIM_NUMBERS, /* an array or a volume */
    MM_CLAIM_ARCHIVE,
    MM_CLAIM_TABLE,    /* only of formats that are not read */
    MM_CLAIM_DOCUMENT, /* likewise */
} mm_claim;

/* What the name says that the file is, without regard to case. */
mm_claim mm_name_claims(mm_str path);

/* Whether the name is that of one volume of several (x.7z.001, x.tar.gz.aa, x.part1.rar, x.z01): "; a volume of a set:
 * …" and what to do; else an empty text. */
bool mm_volume_advice(mm_str path, char *out, size_t size);

/* A format that is known and not read, or −1; told by the first n bytes, and by the name where these have no mark. */
int mm_unread_format(const uint8_t *head, size_t n, mm_str path);
const char *mm_unread_name(int format);   /* "Parquet" */
const char *mm_unread_advice(int format); /* what makes something of it that is read */

/* Judges b, whose head no decoder takes (`is` MM_SNIFF_NONE) or is text. MM_OK: let it pass; MM_SKIP with f set: a
 * fault. */
mm_status mm_claim_judge(const mm_blob *b, const mm_decode_opts *o, mm_sniff is, const uint8_t *head, size_t n,
                         mm_fault *f);

/* Why an input that is no fault gave no record. */
typedef enum {
    MM_PASSED_UNREAD, /* of a format that is not read */
    MM_PASSED_EMPTY,
    MM_PASSED_ABOUT,   /* a README and the like */
    MM_PASSED_TEXT,    /* a text that was found, and is not named like one */
    MM_PASSED_UNASKED, /* a medium that --only leaves out */
    MM_PASSED_FOREIGN, /* nothing that is known */
    MM_PASSED_REASONS,
} mm_passed;

mm_passed mm_why_passed(const mm_blob *b, int *format); /* *format: mm_unread_format */
const char *mm_passed_text(mm_passed why);              /* for people: "no medium" */

#endif
