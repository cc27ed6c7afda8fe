/* hints.c: what would help, in terms of the options of programs (mm_hint in base/status.h). */
#include "cli/state.h"

static const char *const words[MM_HINTS] = {
    [MM_HINT_CHANNEL] = "--channel takes one",
    [MM_HINT_FIELD] = "choose one with --field",
    [MM_HINT_MAX_PIXELS] = "--max-pixels sets the limit",
    [MM_HINT_POOL] = "give the encoder --pool",
};

const char *mm_hinted(const char *text, mm_hint hint, char out[MM_HINTED])
{
    if (hint == MM_HINT_NONE)
        return text;
    snprintf(out, MM_HINTED, "%s; %s", text, words[hint]);
    return out;
}

void mm_hint_record(mm_record *rec, char out[MM_HINTED])
{
    if (rec->kind != MM_KIND_ERROR || rec->error.hint == MM_HINT_NONE)
        return;
    snprintf(out, MM_HINTED, "%.*s; %s", MM_STRF(rec->error.text), words[rec->error.hint]);
    rec->error.text = mm_str_of(out);
    rec->error.hint = MM_HINT_NONE;
}
