/* key.h: from a file's path to its sample's key. */
#ifndef MM_MEDIA_KEY_H
#define MM_MEDIA_KEY_H

#include "media/source.h"

#include <regex.h>

/* A path as records show it: no leading "/", "./" or "../", no "//" or "/./"; bytes that are not UTF-8 as %XX.
 * All results of this header are in the arena or part of the argument; p NULL when memory is out. */
mm_str mm_path_clean(mm_arena *a, mm_str raw);
/* Only the escaping. */
mm_str mm_path_escape(mm_arena *a, mm_str raw);
mm_str mm_path_join(mm_arena *a, mm_str dir, mm_str name); /* either may be empty */

/* The path without its extension, and without that of a compression in front of which one stands:
 * a/photo.v2.jpg → a/photo.v2, clip.wav.gz → clip, shard.tar.xz → shard, a/.profile → a/.profile. */
mm_str mm_path_stem(mm_str path);
/* The path without a compression's extension: clip.wav.gz → clip.wav, logo.svgz and a.tgz as they are. */
mm_str mm_path_unpacked(mm_str path);
mm_str mm_path_base(mm_str path);
/* The name of the directory that holds it; empty when there is none. */
mm_str mm_path_dir(mm_str path);
/* Whether their last parts tell these stems apart: none has one base and another directory than the next. Sorts them.
 */
bool mm_stems_differ_by_base(mm_str *stem, size_t n);
/* A component starts with a dot. */
bool mm_path_hidden(mm_str path);

typedef struct {
    mm_key_rule rule;
    regex_t re; /* with MM_KEY_REGEX */
} mm_keyer;

mm_status mm_keyer_open(mm_keyer *k, const mm_source_opts *o, mm_err *e);
void mm_keyer_close(mm_keyer *k);
/* The key of a cleaned path. A path that the expression does not match keeps its own. */
mm_str mm_keyer_key(const mm_keyer *k, mm_arena *a, mm_str path);

#endif
