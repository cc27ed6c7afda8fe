/* hints.c: what would help, in terms of the options of programs (mm_hint in base/status.h). */
#include "cli/state.h"

static const char *const words[MM_HINTS] = {
    [MM_HINT_ALIGN] = "`mm-train align` brings them into one",
    [MM_HINT_CAPTIONS] = "--column and --key-column with these columns read several texts a file",
    [MM_HINT_CHANNEL] = "--channel takes one",
    [MM_HINT_COLUMN_NUMBER] = "--label-column takes the number of a column, too",
    [MM_HINT_CONTROL] = "--from-name names another",
    [MM_HINT_DEVICES] = "`mm-model devices` lists them",
    [MM_HINT_ENCODE] = "mm-encode-image, mm-encode-text and mm-encode-audio make them",
    [MM_HINT_EPOCH] = "--epoch TIME says it",
    [MM_HINT_FIELD] = "choose one with --field",
    [MM_HINT_FOLLOW] = "--follow reads it",
    [MM_HINT_FPS] = "a lower --fps reads it",
    [MM_HINT_GPU_LOST] = "start again, or use --device cpu",
    [MM_HINT_GPU_MEMORY] = "use a smaller --batch or model, --precision fp16, or --device cpu",
    [MM_HINT_GPU_PRECISION] = "use --precision fp16 or auto, or --device cpu",
    [MM_HINT_HEAD] = "a trained head goes to mm-fuse -m or mm-label -m",
    [MM_HINT_HEADS] = "--set num_attention_heads=N gives it",
    [MM_HINT_HIDDEN] = "--hidden reads it",
    [MM_HINT_IMPORT] = "`mm-model import` makes a model of it",
    [MM_HINT_KEY_ARCHIVE] = "--key archive keeps them apart",
    [MM_HINT_KEY_FILE] = "--key file keeps them apart, when their extensions differ",
    [MM_HINT_KEY_ROOT] = "--root DIR, with a directory above both operands, keeps them apart",
    [MM_HINT_LABELS] = "mm-decode --labels FILE.csv or --label dir adds them",
    [MM_HINT_LINES] = "--lines or --column reads it in pieces",
    [MM_HINT_MAX_BYTES] = "--max-bytes sets the limit",
    [MM_HINT_MAX_DEPTH] = "--max-depth sets the limit",
    [MM_HINT_MAX_DURATION] = "--max-duration sets the limit",
    [MM_HINT_MAX_PIXELS] = "--max-pixels sets the limit",
    [MM_HINT_MAX_RATIO] = "--max-ratio sets the limit",
    [MM_HINT_MEMORY] = "--memory sets the limit",
    [MM_HINT_MODELS] = "`mm-model list` shows what there is",
    [MM_HINT_NAMELESS] = "--key-column 1 --label-column 2 reads such a table",
    [MM_HINT_PACK] = "run `mm-model pack` again",
    [MM_HINT_PACKED] = "leave out --precision, or run `mm-model pack` again",
    [MM_HINT_POOL] = "give the encoder --pool",
    [MM_HINT_PRECISION] = "use --precision bf16 or auto",
    [MM_HINT_QUOTED_TSV] = "--table=quoted-tsv removes them",
    [MM_HINT_RANGE] = "mm-decode --range BLACK,WHITE says it (--range auto: from the least to the greatest)",
    [MM_HINT_ROOT] = "--root takes a directory above all operands",
    [MM_HINT_ROWS] = "choose some with --where, pool them, or write a row for each vector (--rows)",
    [MM_HINT_WHERE] = "--where takes such a condition",
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
