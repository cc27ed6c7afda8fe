/* comparable_name.h: names of files, as tables write them, in the form in which they are compared with paths.
 *
 * Results are in the arena or part of the argument; p NULL when memory is out. */
#ifndef MM_SOURCE_LABELS_COMPARABLE_NAME_H
#define MM_SOURCE_LABELS_COMPARABLE_NAME_H

#include "base/arena.h"
#include "base/str.h"

/* One kind of slash, no "./", no host, archives as directories, accents composed. */
mm_str mm_comparable_name(mm_arena *a, mm_str name);

/* The file of a Label Studio address: /data/local-files/?d=pets/my%20cat.jpg is pets/my cat.jpg. p NULL also when it is
 * not such an address. */
mm_str mm_name_of_local_file(mm_arena *a, mm_str address);
/* What a file that was uploaded to Label Studio was called: /data/upload/7/0a1b2c3d-cat.jpg was cat.jpg. p NULL also
 * when it is not such an address. */
mm_str mm_name_before_upload(mm_arena *a, mm_str address);

#endif
