/* archive_links.h: the names of an archive's members and where each leads: to a member, or by a link to another one.
 *
 * A name costs 16 bytes: its hash and the number of its member. */
#ifndef MM_SOURCE_ARCHIVE_LINKS_H
#define MM_SOURCE_ARCHIVE_LINKS_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* Where a name leads: the number of a member, from 0, or one of these. */
enum { MM_LEADS_NOWHERE = -1, MM_LEADS_TO_DIRECTORY = -2 };

/* A link whose target has not come yet. */
typedef struct {
    mm_str name, target; /* target.p NULL: outside of the archive */
    int64_t own;         /* the member itself, an empty file if none of its other names has data; or nowhere */
    bool done;
} mm_late_link;

typedef struct {
    struct mm_name_slot *slot; /* open addressing, a power of two of them */
    int64_t n, slots;
    mm_arena arena; /* strings of `late` */
    mm_late_link *late;
    int64_t n_late, late_cap;
    int64_t next;           /* the late link to look at now */
    bool found, last_round; /* this round over the late links found a target; the round before found none */
} mm_links;                 /* all zero is empty */

void mm_links_free(mm_links *l);
/* From now on the cleaned path `name` leads to `at`, and the directories above it exist. False when memory is out. */
bool mm_links_note(mm_links *l, mm_str name, int64_t at);
int64_t mm_links_find(const mm_links *l, mm_str name); /* a name with p NULL leads nowhere */

/* A symbolic link's target as a cleaned path; p NULL when it leads out of the archive (or memory is out). */
mm_str mm_link_target(mm_arena *a, mm_str link_name, mm_str target);

/* Keeps a link for the end. False when memory is out. */
bool mm_links_defer(mm_links *l, mm_str name, mm_str target, int64_t own);
/* The next kept link whose target is known by now, with *at; then those that lead nowhere. NULL: all have come. */
const mm_late_link *mm_links_next_late(mm_links *l, int64_t *at);

#endif
