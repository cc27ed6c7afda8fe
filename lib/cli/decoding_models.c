/* decoding_models.c: what mm-decode -m asks for: how images are prepared, at which rate sound is. */
#include "cli/decoding.h"
#include "model/architecture.h"
#include "model/prep.h"

static mm_status prepare_for(mm_model *m, mm_decode_opts *o, mm_err *e)
{
    static mm_image_prep image;
    static char digest[64];
    mm_modality of;
    mm_audio_prep audio;
    mm_status s = mm_model_modality(m, &of, e);
    if (s == MM_OK && of == MM_OF_IMAGE && (s = mm_model_image_prep(m, &image, e)) == MM_OK) {
        o->image_prep = &image;
        o->image_prep_digest = mm_image_prep_digest(&image, digest, sizeof digest);
    } else if (s == MM_OK && of == MM_OF_AUDIO && (s = mm_model_audio_prep(m, &audio, e)) == MM_OK) {
        o->rate = audio.rate;
    }
    return s;
}

void mm_decoding_prepare_for(mm_run *r, const mm_list *models, mm_decode_opts *o)
{
    mm_err e;
    for (int i = 0; i < models->n; i++) {
        mm_model *m;
        mm_must(r, mm_model_open(&m, models->v[i], &r->log, &e), &e);
        mm_must(r, prepare_for(m, o, &e), &e);
        mm_model_close(m);
    }
}
