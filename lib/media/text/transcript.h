/* transcript.h: what Whisper and its relatives write as JSON: openai-whisper, whisper-ctranslate2, WhisperX and
 * OpenAI's servers "segments" of start, end, text and perhaps speaker; whisper.cpp "transcription" with offsets in
 * milliseconds. */
#ifndef MM_MEDIA_TEXT_TRANSCRIPT_H
#define MM_MEDIA_TEXT_TRANSCRIPT_H

#include "base/status.h"
#include "base/str.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct {
    json_t *doc;
    const json_t *segments; /* an array in doc */
    mm_str language;        /* "en"; p NULL: not said */
} mm_transcript;

typedef struct {
    double time[2];       /* seconds */
    mm_str text, speaker; /* of doc; speaker.p NULL: not said */
} mm_segment;

/* False: the file is none. */
bool mm_transcript_open(mm_transcript *t, mm_str file);
void mm_transcript_close(mm_transcript *t);
/* Segment i. MM_SKIP: it has no text, or no times that make sense. */
mm_status mm_transcript_segment(mm_segment *out, const mm_transcript *t, size_t i, mm_err *e);

#endif
