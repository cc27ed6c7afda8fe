/* decoding_report.c: what mm-decode says at the end of a run. */
#include "cli/decoding.h"

const char *mm_decoding_reason(mm_skipped why)
{
    static const char *const TEXT[MM_SKIPPED_REASONS] = {
        [MM_SKIPPED_UNREAD] = "a format that is not read",
        [MM_SKIPPED_TEXT] = "a text that is not named .txt or the like: --lines or --column takes it",
        [MM_SKIPPED_EMPTY] = "empty",
        [MM_SKIPPED_ABOUT] = "a text about the files beside it, such as a README or LICENSE: as an operand it is read",
        [MM_SKIPPED_CUELESS] = "subtitles without text, or left out by --only",
        [MM_SKIPPED_FACELESS] = "no face in it that --face and --face-confidence leave",
        [MM_SKIPPED_ROWLESS] = "a table without rows",
        [MM_SKIPPED_UNASKED] = "left out by --only",
        [MM_SKIPPED_FOREIGN] = "nothing that is known",
    };
    return TEXT[why];
}

static void report_images(mm_decoding *d)
{
    if (d->notes.paged)
        mm_warn(d->r, "images with further pages or frames: %lld, which hold %lld more (--pages=all reads them)",
                (long long)d->notes.paged, (long long)d->notes.further);
    if (d->notes.dim)
        mm_warn(d->r,
                "16-bit images that use less than a sixteenth of their range, and look black: %lld (--range 0,4095 for "
                "12 bits, --range auto for each its own)",
                (long long)d->notes.dim);
}

static void report_tracks(mm_decoding *d)
{
    if (d->notes.more_sound)
        mm_warn(d->r, "files with further tracks of sound: %lld (--track chooses)", (long long)d->notes.more_sound);
    if (d->notes.more_video)
        mm_warn(d->r, "files with further tracks of video, which are not read: %lld", (long long)d->notes.more_video);
}

static void report_faces(mm_decoding *d)
{
    const mm_decode_notes *n = &d->notes;
    if (n->faceless)
        mm_warn(d->r,
                "frames without a face, or with less confidence than %g (--face-confidence), which are left out: %lld "
                "of %lld",
                d->decode.face_confidence, (long long)n->faceless, (long long)n->frames);
    if (n->more_faces)
        mm_warn(d->r,
                "faces beside the most confident one of their frame, which are left out: %lld (--face chooses one)",
                (long long)n->more_faces);
}

static void report_sidecars(mm_decoding *d)
{
    const mm_labels_option *l = &d->labelling;
    int64_t orphans = mm_sidecars_orphans(d->sidecars);
    if (l->unlabelled)
        mm_warn(d->r, "inputs without a label in a .%s file beside them: %lld", d->sidecar.extension,
                (long long)l->unlabelled);
    if (orphans)
        mm_warn(d->r, ".%s files that lie beside no other file: %lld", d->sidecar.extension, (long long)orphans);
    if (l->unlabelled && !l->labelled)
        mm_run_worsen(d->r, 1); /* the next tool would train on nothing */
}

/* "PDF, SVG": the formats of skipped files that are not read. */
static const char *unread_names(const mm_decoding *d, char *out, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < MM_FORMATS && n < size; i++)
        if (d->unread[i])
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", mm_formats[i].what);
    return out;
}

void mm_decoding_report(mm_decoding *d)
{
    int64_t skipped = d->r->skipped + mm_source_skipped(d->sources);
    report_images(d);
    report_tracks(d);
    report_faces(d);
    mm_labels_option_end(d->r, &d->labelling, "inputs");
    if (d->sidecars)
        report_sidecars(d);
    if (d->unchanged)
        mm_warn(d->r, "%s: %lld kept, %lld decoded", d->r->output, (long long)d->kept, (long long)(d->begun - d->kept));
    if (skipped)
        mm_say(&d->r->log, MM_LOG_INFO, "skipped: %lld files that are not media", (long long)skipped);
    if (d->skipped[MM_SKIPPED_UNREAD] && d->r->done)
        mm_warn(d->r, "skipped: %lld files of formats that are not read (%s); -v names them",
                (long long)d->skipped[MM_SKIPPED_UNREAD], unread_names(d, (char[200]){""}, 200));
}

void mm_decoding_die_empty(mm_decoding *d)
{
    char text[700] = "", names[200] = "";
    size_t n = 0;
    int64_t others = mm_source_skipped(d->sources);
    for (mm_skipped why = 0; why < MM_SKIPPED_REASONS; why++) {
        bool unread = why == MM_SKIPPED_UNREAD;
        if (d->skipped[why] && n < sizeof text)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld (%s%s%s)", n ? ", " : "",
                                  (long long)d->skipped[why], mm_decoding_reason(why), unread ? ": " : "",
                                  unread ? unread_names(d, names, sizeof names) : "");
    }
    if (others && n < sizeof text)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%lld (hidden, a link, or an empty archive)", n ? ", " : "",
                              (long long)others);
    mm_die(d->r, "nothing to decode%s%s%s", n ? "; skipped: " : "", text, n ? "; -v names each" : "");
}
