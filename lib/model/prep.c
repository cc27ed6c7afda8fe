/* prep.c: how audio is prepared; the digest and hash of any preparation. */
#include "model/prep.h"

#include "base/file.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

/* ---- audio ---- */

mm_status mm_audio_prep_of(const json_t *config, const json_t *preprocessor, mm_audio_prep *out, mm_err *e)
{
    const json_t *nested = json_object_get(preprocessor, "feature_extractor");
    const json_t *p = json_is_object(nested) ? nested : preprocessor;
    bool whisper = !strcmp(mm_config_str(config, "model_type", ""), "whisper") ||
                   strstr(mm_config_str(p, "feature_extractor_type", ""), "Whisper");
    int64_t rate = mm_config_int(p, "sampling_rate", 16000);
    int64_t n_fft = mm_config_int(p, "n_fft", 400), hop = mm_config_int(p, "hop_length", 160);
    int64_t mels = mm_config_int(p, "feature_size", mm_config_int(config, "num_mel_bins", 80));
    int64_t seconds = mm_config_int(p, "chunk_length", 30);
    if (rate < 100 || rate > 1000000)
        return mm_fail(e, MM_FATAL, "preprocessor_config.json: a sampling_rate of %lld is out of range",
                       (long long)rate);
    *out = (mm_audio_prep){.rate = rate, .normalize = mm_config_bool(p, "do_normalize", !whisper)};
    if (!whisper)
        return MM_OK;
    if (n_fft < 2 || n_fft > 65536 || hop < 1 || hop > n_fft || mels < 1 || mels > 4096 || seconds < 1 ||
        seconds > 3600)
        return mm_fail(e, MM_FATAL,
                       "preprocessor_config.json: n_fft %lld, hop_length %lld, feature_size %lld or chunk_length %lld "
                       "is out of range",
                       (long long)n_fft, (long long)hop, (long long)mels, (long long)seconds);
    out->mel = true;
    out->n_fft = (int)n_fft;
    out->hop = (int)hop;
    out->n_mels = (int)mels;
    out->window = seconds * rate;
    return MM_OK;
}

mm_status mm_model_audio_prep(const mm_model *m, mm_audio_prep *out, mm_err *e)
{
    mm_err why;
    mm_status s = mm_audio_prep_of(mm_model_config(m), mm_model_preprocessor(m), out, &why);
    return s == MM_OK ? s : mm_fail(e, s, "%s: %s", mm_model_name(m), why.text);
}

/* ---- images: model and digest ---- */

mm_status mm_model_image_prep(const mm_model *m, mm_image_prep *out, mm_err *e)
{
    mm_err why;
    mm_status s = mm_image_prep_of(mm_model_config(m), mm_model_preprocessor(m), out, &why);
    return s == MM_OK ? s : mm_fail(e, s, "%s: %s", mm_model_name(m), why.text);
}

char *mm_image_prep_digest(const mm_image_prep *p, char *out, size_t size)
{
    static const char *const FILTERS[] = {"nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"};
    char resize[64] = "as-is", longest[24] = "", crop[32] = "";
    const char *filter = FILTERS[p->filter];
    if (p->longest_edge > 0)
        snprintf(longest, sizeof longest, " longest=%d", (int)p->longest_edge);
    if (p->resize && p->shortest_edge > 0)
        snprintf(resize, sizeof resize, "shortest=%d%s %s", (int)p->shortest_edge, longest, filter);
    else if (p->resize)
        snprintf(resize, sizeof resize, "size=%dx%d %s", (int)p->out_height, (int)p->out_width, filter);
    if (p->crop)
        snprintf(crop, sizeof crop, " crop=%dx%d", (int)p->crop_height, (int)p->crop_width);
    snprintf(out, size, "%s%s", resize, crop);
    return out;
}

/* ---- all of it ---- */

uint64_t mm_model_prep_hash(const mm_model *m)
{
    static const char *const FILES[] = {"preprocessor_config.json",
                                        "processor_config.json",
                                        "tokenizer.json",
                                        "tokenizer_config.json",
                                        "special_tokens_map.json",
                                        "vocab.txt",
                                        "vocab.json",
                                        "merges.txt",
                                        "added_tokens.json",
                                        "sentence_bert_config.json"};
    char path[PATH_MAX];
    uint64_t h = 0;
    for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
        mm_map file;
        if (mm_dir_path(path, mm_model_path(m), FILES[i], NULL) != MM_OK || !mm_file_exists(path) ||
            mm_map_open(&file, path, NULL) != MM_OK)
            continue;
        h = mm_hash_bytes(file.p, file.n, mm_hash_more(h ^ MM_HASH_START, FILES[i], strlen(FILES[i])));
        mm_map_close(&file);
    }
    return h;
}
