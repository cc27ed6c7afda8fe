#include "media/text/text_record.h"

#include "media/table/charset.h"

static mm_status put_meta(mm_record *rec, mm_arena *a, const char *encoding, int64_t replaced, mm_err *e)
{
    mm_status st = MM_OK;
    if (replaced)
        st = mm_meta_put_str(rec, a, "encoding", MM_STR("unknown"), e);
    else if (encoding)
        st = mm_meta_put_str(rec, a, "encoding", mm_str_of(encoding), e);
    return st == MM_OK && replaced ? mm_meta_put_int(rec, a, "replaced", replaced, e) : st;
}

mm_status mm_sink_text(mm_sink *s, mm_record *rec, mm_str text, const char *encoding, mm_fault *f)
{
    int64_t replaced;
    mm_err e;
    rec->text = mm_utf8_clean(s->a, text, &replaced);
    if (!rec->text.p || put_meta(rec, s->a, encoding, replaced, &e) != MM_OK)
        return mm_fault_memory(f);
    if (replaced)
        mm_say(s->o->log, MM_LOG_WARN, "%.*s: not UTF-8: %lld place%s became U+FFFD", MM_STRF(rec->key),
               (long long)replaced, replaced == 1 ? "" : "s");
    return mm_sink_put(s, rec);
}

mm_status mm_text_too_long(mm_fault *f)
{
    return mm_fault_hint(f, MM_HINT_LINES, "too-large", "a text of more than 32 MiB");
}
