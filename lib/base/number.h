/* number.h: numbers as text that reads back exactly. */
#ifndef MM_BASE_NUMBER_H
#define MM_BASE_NUMBER_H

enum { MM_NUMBER_TEXT = 32 }; /* bytes that hold any of them */

/* The shortest text that strtod reads back as x: "0.1", "1700000000.25", "inf". Returns out. */
const char *mm_number_text(char out[MM_NUMBER_TEXT], double x);

#endif
