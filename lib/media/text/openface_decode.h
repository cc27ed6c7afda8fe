/* openface_decode.h: the tables of OpenFace (FeatureExtraction, FaceLandmarkVid, FaceLandmarkVidMulti) become features
 * of faces: f32 [D] for each frame with a face, or [T,D] for each window of time. */
#ifndef MM_MEDIA_TEXT_OPENFACE_DECODE_H
#define MM_MEDIA_TEXT_OPENFACE_DECODE_H

#include "media/record_sink.h"
#include "media/table/live_text.h"

/* Whether text is a list of groups of columns: "au,gaze". */
mm_status mm_parse_face_groups(const char *text, mm_err *e);

/* Reads text, or `live` where that is not NULL. Results as mm_text_decode's. */
mm_status mm_openface_decode(mm_sink *s, mm_str text, mm_live_text *live, mm_fault *f);

#endif
