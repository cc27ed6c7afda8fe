#include "format/volume.h"

#include "format/formats.h"
#include "format/name.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

/* Whether x is `letter` and two digits: r00, z01. */
static bool is_numbered(mm_str x, char letter)
{
    return x.n == 3 && tolower((uint8_t)x.p[0]) == letter && isdigit((uint8_t)x.p[1]) && isdigit((uint8_t)x.p[2]);
}

/* What split(1) and 7z append to a name: 001, aa. */
static bool is_split(mm_str x)
{
    if (x.n < 2 || x.n > 4)
        return false;
    bool digits = true, letters = true;
    for (size_t i = 0; i < x.n; i++) {
        digits &= isdigit((uint8_t)x.p[i]) != 0;
        letters &= islower((uint8_t)x.p[i]) != 0;
    }
    return (digits && x.n > 2) || (letters && x.n == 2 && x.p[0] == 'a');
}

bool mm_volume_advice(mm_str path, char *out, size_t size)
{
    mm_str x = mm_name_extension(path), stem = {path.p, x.n ? path.n - x.n - 1 : path.n};
    mm_str inner = mm_name_extension(stem), base = stem;
    for (size_t i = stem.n; i > 0 && base.n == stem.n; i--)
        if (stem.p[i - 1] == '/')
            base = (mm_str){stem.p + i, stem.n - i};
    int n = base.n > 60 ? 60 : (int)base.n;
    *out = 0;
    if (is_split(x) && mm_name_promises(stem) == MM_FORMAT_ARCHIVE)
        snprintf(out, size, "; a volume of a set: join them first (cat %.*s.* > %.*s)", n, base.p, n, base.p);
    else if (is_numbered(x, 'z'))
        snprintf(out, size, "; a volume of a set: zip -s 0 %.*s.zip --out whole.zip joins them", n, base.p);
    else if (is_numbered(x, 'r') || (mm_has_word("rar", x) && inner.n > 4 && strncasecmp(inner.p, "part", 4) == 0))
        snprintf(out, size, "; a volume of a set: unrar x, or 7z x, of the first of them unpacks it");
    return *out;
}
