/* key.h: from a file's path to its sample's key. */
#ifndef MM_SOURCE_KEY_H
#define MM_SOURCE_KEY_H

#include "source/source.h"

#include <regex.h>

/* A path as records show it: no leading "/", "./" or "../", no "//" or "/./"; bytes that are not UTF-8 as %XX.
 * All results of this header are in the arena or part of the argument; p NULL when memory is out. */
mm_str mm_path_clean(mm_arena *a, mm_str raw);
/* Only the escaping. */
mm_str mm_path_escape(mm_arena *a, mm_str raw);
/* A part of a URL as the path that it stands for: %XX becomes the byte, what follows ?, & or # is left out. */
mm_str mm_url_unescape(mm_arena *a, mm_str part);
mm_str mm_path_join(mm_arena *a, mm_str dir, mm_str name); /* either may be empty */

/* The path without its extension, and without that of a compression in front of which one stands:
 * a/photo.v2.jpg → a/photo.v2, clip.wav.gz → clip, shard.tar.xz → shard, a/.profile → a/.profile. */
mm_str mm_path_stem(mm_str path);
/* The path without a compression's extension: clip.wav.gz → clip.wav, logo.svgz and a.tgz as they are. */
mm_str mm_path_unpacked(mm_str path);
mm_str mm_path_base(mm_str path);
/* The name of the directory that holds it; empty when there is none. */
mm_str mm_path_dir(mm_str path);
/* What of a cleaned path lies below a cleaned directory ("": all of it); p NULL when it lies elsewhere. */
mm_str mm_path_below(mm_str path, mm_str dir);
/* A component starts with a dot. */
bool mm_path_hidden(mm_str path);

typedef struct {
    mm_key_rule rule;
    regex_t re; /* with MM_KEY_REGEX */
} mm_keyer;

/* path, archive, file, base; anything else is an expression. */
mm_key_rule mm_key_rule_of(const char *name);
/* Keys that are cut out of paths may bring together files of any two places, and are meant to. */
bool mm_key_merges(mm_key_rule rule);
mm_status mm_keyer_open(mm_keyer *k, const mm_source_opts *o, mm_err *e);
void mm_keyer_close(mm_keyer *k);
/* False: there is an expression, and it does not fit the path. */
bool mm_keyer_fits(const mm_keyer *k, mm_arena *a, mm_str path);
/* The key of a cleaned path. A path that the expression does not match keeps its own. */
mm_str mm_keyer_key(const mm_keyer *k, mm_arena *a, mm_str path);

#endif
