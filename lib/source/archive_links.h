/* archive_links.h: the names of an archive's members, and the links between them. A name costs 16 bytes: its hash and
 * where it is. */
#ifndef MM_SOURCE_ARCHIVE_LINKS_H
#define MM_SOURCE_ARCHIVE_LINKS_H

#include "base/arena.h"
#include "base/str.h"

#include <stdint.h>

/* Where a name leads: the number of a member, from 0, or one of these. */
enum { MM_LEADS_NOWHERE = -1, MM_LEADS_TO_DIRECTORY = -2 };

/* A link whose target was not there yet. */
typedef struct {
    mm_str name, target; /* target.p NULL: out of the archive */
    int64_t own;         /* the member itself, an empty file when no other of its names brought data; or nowhere */
    bool done;
} mm_late_link;

typedef struct {
    struct mm_name_slot *slot; /* open addressing, a power of two of them */
    int64_t n, slots;
    mm_arena arena; /* strings of `late` */
    mm_late_link *late;
    int64_t n_late, room, next; /* next: the one that is looked at now */
    bool found, last_round;     /* one at least in this round over them; none in the one before */
} mm_links;                     /* all zero is an empty one */

void mm_links_free(mm_links *l);
/* The cleaned path `name` leads to `at` from now on; the directories above it exist. False when memory is out. */
bool mm_links_note(mm_links *l, mm_str name, int64_t at);
int64_t mm_links_find(const mm_links *l, mm_str name); /* a name with p NULL leads nowhere */

/* A symbolic link's target as a cleaned path; p NULL when it leads out of the archive (or memory is out). */
mm_str mm_link_target(mm_arena *a, mm_str link_name, mm_str target);

/* Keeps a link for the end. False when memory is out. */
bool mm_links_defer(mm_links *l, mm_str name, mm_str target, int64_t own);
/* The next of them whose target is known by now, with *at; then those that lead nowhere. NULL when all have come. */
const mm_late_link *mm_links_next_late(mm_links *l, int64_t *at);

#endif
