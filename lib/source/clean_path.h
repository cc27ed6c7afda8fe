/* clean_path.h: paths as records show them, and their parts.
 *
 * Results are in the arena or part of the argument; p NULL when memory is out. */
#ifndef MM_SOURCE_CLEAN_PATH_H
#define MM_SOURCE_CLEAN_PATH_H

#include "base/arena.h"
#include "base/str.h"

/* The path without leading "/", "./" or "../", without "//" or "/./"; bytes that are not UTF-8 become %XX. */
mm_str mm_path_clean(mm_arena *a, mm_str raw);
/* Only the escaping. */
mm_str mm_path_escape(mm_arena *a, mm_str raw);
/* The path that a part of a URL stands for: %XX becomes the byte; ?, & or # and what follows is cut off. */
mm_str mm_url_unescape(mm_arena *a, mm_str part);
mm_str mm_path_join(mm_arena *a, mm_str dir, mm_str name); /* either may be empty */

/* The path without its extension, or without a compression's extension and the one before it:
 * a/photo.v2.jpg → a/photo.v2, clip.wav.gz → clip, shard.tar.xz → shard, a/.profile → a/.profile. */
mm_str mm_path_stem(mm_str path);
/* The path without a compression's extension: clip.wav.gz → clip.wav; logo.svgz and a.tgz stay as they are. */
mm_str mm_path_unpacked(mm_str path);
mm_str mm_path_base(mm_str path);
/* The name of the directory that holds it; empty when there is none. */
mm_str mm_path_dir(mm_str path);
/* The part of a cleaned path below a cleaned directory ("": all of it); p NULL when it lies elsewhere. */
mm_str mm_path_below(mm_str path, mm_str dir);
/* Whether a component starts with a dot. */
bool mm_path_hidden(mm_str path);

#endif
