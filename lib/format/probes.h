/* probes.h: tests for formats that no fixed bytes tell, each by the fields that the format's header must have; for the
 * rows of formats.def. */
#ifndef MM_FORMAT_PROBES_H
#define MM_FORMAT_PROBES_H

#include "base/str.h"

#include <stdint.h>

/* The first n bytes of a file, and its extension, which counts where the bytes alone do not tell. */
#define MM_PROBE(name) bool mm_probe_##name(const uint8_t *p, size_t n, __attribute__((unused)) mm_str extension)

MM_PROBE(bmp);
MM_PROBE(icon); /* ICO and CUR */
MM_PROBE(pnm);  /* PBM, PGM, PPM: P1 … P6 */
MM_PROBE(pam);  /* P7 */
MM_PROBE(pfm);  /* PF and Pf */
MM_PROBE(pcx);
MM_PROBE(targa);
MM_PROBE(bare_dicom); /* without its preamble */
MM_PROBE(svg);

MM_PROBE(vtt);
MM_PROBE(srt);

MM_PROBE(tar);
MM_PROBE(lha);
MM_PROBE(lzma); /* a .lzma file, which has no signature */
MM_PROBE(skippable_frame);
MM_PROBE(dos_program); /* and Windows' */
MM_PROBE(utf16);

MM_PROBE(mpeg_audio); /* without a tag */
MM_PROBE(mpeg_ts);
/* A run of MPEG audio frames that begins anywhere in these bytes. */
bool mm_finds_mpeg_audio(const uint8_t *p, size_t n);

#endif
