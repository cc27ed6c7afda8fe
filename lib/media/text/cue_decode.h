/* cue_decode.h: subtitles and transcripts become text records with times, one for each cue or segment: its text without
 * codes, who speaks in meta.speaker. A cue in which several speak is a record for each. */
#ifndef MM_MEDIA_TEXT_CUE_DECODE_H
#define MM_MEDIA_TEXT_CUE_DECODE_H

#include "media/record_sink.h"

/* Puts the records of a text that is SubRip, WebVTT or a transcript of Whisper: by what it holds, or by the input's
 * name where it begins like neither. *found false: it is another text, and nothing was put. encoding: as mm_sink_text
 * has it. Cues that fail become error records. MM_SKIP with f set when the text as a whole fails. */
mm_status mm_cues_decode(mm_sink *s, mm_str text, const char *encoding, bool *found, mm_fault *f);
/* The same of a live blob that begins like SubRip or WebVTT: each cue when the blank line after it, or the next cue's
 * time, is there. */
mm_status mm_cues_decode_live(mm_sink *s, mm_fault *f);

#endif
