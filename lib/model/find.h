/* find.h: where models live. mm_model_find and mm_model_each are in model.h. */
#ifndef MM_MODEL_FIND_H
#define MM_MODEL_FIND_H

#include "base/status.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The directory that new models go into: the first of $MM_MODELS, else $XDG_DATA_HOME/mm/models, else
 * ~/.local/share/mm/models; it need not exist. false when the user has no home directory or path is too short. */
bool mm_model_home(char *path, size_t size);

/* Where a new model called `name` goes: a name without a slash is a directory in mm_model_home, unless the working
 * directory has it. Makes the directories above it. */
mm_status mm_model_destination(char path[PATH_MAX], const char *name, mm_err *e);

#endif
