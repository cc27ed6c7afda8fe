#include "format/name.h"

#include <strings.h>

static mm_str base_name(mm_str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    size_t skip = slash ? (size_t)(slash + 1 - path.p) : 0;
    return (mm_str){path.p + skip, path.n - skip};
}

mm_str mm_name_extension(mm_str path)
{
    mm_str base = base_name(path);
    for (size_t i = base.n; i > 1; i--)
        if (base.p[i - 1] == '.')
            return (mm_str){base.p + i, base.n - i};
    return (mm_str){"", 0};
}

bool mm_has_word(const char *list, mm_str word)
{
    for (size_t n; *list; list += n + (list[n] == ' ')) {
        n = strcspn(list, " ");
        if (n == word.n && strncasecmp(list, word.p, n) == 0)
            return true;
    }
    return false;
}

bool mm_name_is_about(mm_str path)
{
    mm_str base = base_name(path), x = mm_name_extension(path);
    return mm_has_word("readme license licence copying changelog authors notice contributing",
                       (mm_str){base.p, x.n ? base.n - x.n - 1 : base.n});
}
