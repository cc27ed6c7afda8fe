/* name.h: the parts of a file's name that say what it is. */
#ifndef MM_FORMAT_NAME_H
#define MM_FORMAT_NAME_H

#include "base/str.h"

/* The extension without its dot; empty when there is none (".bashrc" has none). */
mm_str mm_name_extension(mm_str path);
/* README, LICENSE and the like, with any extension: about the files beside them. */
bool mm_name_is_about(mm_str path);

/* Whether a list of words, with a space between two, has this one, without regard to case. */
bool mm_has_word(const char *list, mm_str word);

#endif
