/* parse.h: the bytes of one record → an mm_record. */
#ifndef MM_STREAM_PARSE_H
#define MM_STREAM_PARSE_H

#include "stream/record.h"

/* Decodes one record from n bytes in memory; *used is its length. MM_EOF: the bytes end inside the record. MM_SKIP: a
 * whole record whose fields make no sense; *rec is then an error record with the same key. MM_FATAL: not a record at
 * all. The record refers to `data`, which must outlive it. */
mm_status mm_record_parse(const void *data, size_t n, size_t *used, mm_arena *a, mm_record *rec, mm_err *e);

#endif
