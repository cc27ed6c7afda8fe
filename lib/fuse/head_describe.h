/* head_describe.h: facts about a trained head's file. */
#ifndef MM_FUSE_HEAD_DESCRIBE_H
#define MM_FUSE_HEAD_DESCRIBE_H

#include "fuse/head.h"

/* Whether `name` is a file of safetensors, by its first bytes or its suffix. */
bool mm_head_is_file(const char *name);
/* A JSON object, which the caller owns: path, parameters, mm_head_json's members, each output's temperature. */
mm_status mm_head_describe(json_t **out, const char *path, mm_err *e);

#endif
