/* load.c: references from a stream. */
#include "label/load.h"

#include "stream/object.h"
#include "stream/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

mm_status mm_text_memory_see(mm_text_memory *m, const mm_record *rec, mm_err *e)
{
    if (rec->kind != MM_KIND_TEXT || !rec->text.p)
        return MM_OK;
    mm_arena_reset(&m->arena);
    m->key = (mm_str){mm_arena_strdup(&m->arena, rec->key), rec->key.n};
    m->text = (mm_str){mm_arena_strdup(&m->arena, rec->text), rec->text.n};
    m->part = rec->part;
    return m->key.p && m->text.p ? MM_OK : mm_fail_memory(e);
}

mm_str mm_text_memory_of(const mm_text_memory *m, const mm_record *rec)
{
    const msgpack_object *text = mm_map_get(&rec->meta, "text");
    if (text && text->type == MSGPACK_OBJECT_STR)
        return mm_object_as_str(text);
    bool its =
        m->key.p && mm_str_is(mm_record_medium(rec), "text") && m->part == rec->part && mm_str_eq(m->key, rec->key);
    return its ? m->text : (mm_str){0};
}

/* The name of a reference: its label, else its text, else its key. */
static mm_status name_of(mm_str *name, const mm_record *rec, const mm_load *how, const mm_text_memory *m, mm_arena *a,
                         mm_err *e)
{
    if (how->by_key) {
        *name = rec->key;
        return MM_OK;
    }
    if (how->must_be_labelled || rec->label.type != MSGPACK_OBJECT_NIL)
        return mm_label_text(name, rec, how->field, a, e);
    *name = mm_text_memory_of(m, rec);
    if (!name->p)
        *name = rec->key;
    return MM_OK;
}

static mm_status load_record(mm_refs *refs, const mm_record *rec, const mm_load *how, mm_text_memory *m, mm_arena *a,
                             mm_err *e)
{
    mm_str name;
    mm_status s = mm_text_memory_see(m, rec, e);
    if (s != MM_OK || rec->kind != MM_KIND_FEATURE || (how->of && !mm_str_is(rec->of, how->of)))
        return s;
    s = name_of(&name, rec, how, m, a, e);
    if (s == MM_OK)
        s = mm_refs_add(refs, rec, name, e);
    mm_str text = s == MM_OK && how->texts ? mm_text_memory_of(m, rec) : (mm_str){0};
    return text.p ? mm_refs_set_text(refs, text, e) : s;
}

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

mm_status mm_refs_load(mm_refs *refs, const char *path, const mm_load *how, mm_err *e)
{
    mm_reader *reader = NULL;
    mm_arena a = {0};
    mm_text_memory m = {0};
    mm_record rec;
    mm_err why = {0};
    int64_t left_out = 0; /* the first is named, the others are counted */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    mm_status s = fd < 0 ? mm_fail(e, MM_FATAL, "%s: %s", path, strerror(errno)) : mm_reader_new(&reader, fd, path, e);
    while (s == MM_OK) {
        mm_arena_reset(&a);
        s = mm_reader_next(reader, &a, &rec, &why);
        if (s == MM_OK)
            s = load_record(refs, &rec, how, &m, &a, &why);
        if (s == MM_SKIP) {
            mm_say_hint(how->log, left_out++ ? MM_LOG_INFO : MM_LOG_WARN, why.hint, "%s: %s: left out", path, why.text);
            s = MM_OK;
        }
        if (s == MM_FATAL) /* the reader names the file itself */
            mm_fail_hint(e, s, why.hint, "%s%s%s", strstr(why.text, path) ? "" : path,
                         strstr(why.text, path) ? "" : ": ", why.text);
    }
    if (left_out > 1)
        mm_say(how->log, MM_LOG_WARN, "%s: %lld more are left out (-v names them)", path, (long long)left_out - 1);
    mm_arena_free(&a);
    mm_arena_free(&m.arena);
    mm_reader_free(reader);
    bool again = s == MM_EOF && !refs->n && how->of && is_regular(fd);
    if (fd >= 0)
        close(fd);
    if (again) { /* a search across modalities, such as for photos by a sentence */
        mm_load any = *how;
        any.of = NULL;
        refs->of_others = true;
        return mm_refs_load(refs, path, &any, e);
    }
    if (s == MM_EOF && !refs->n && how->field && left_out)
        return mm_fail(e, MM_FATAL, "%s: no label field %s", path, how->field);
    if (s == MM_EOF && !refs->n)
        return mm_fail(e, MM_FATAL, "%s: holds no %sfeatures%s%s to compare with", path,
                       how->must_be_labelled ? "labelled " : "", how->of ? " of " : "", how->of ? how->of : "");
    return s == MM_EOF ? MM_OK : s;
}
