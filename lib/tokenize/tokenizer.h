/* tokenizer.h: text to token ids, exactly as the model's reference tokenizer does it.
 *
 * WordPiece (BERT family: vocab.txt or tokenizer.json, cased and uncased) and byte-level BPE (CLIP: tokenizer.json,
 * or vocab.json + merges.txt). Input bytes that are not UTF-8 become U+FFFD as Python's errors="replace" has it. */
#ifndef MM_TOKENIZE_TOKENIZER_H
#define MM_TOKENIZE_TOKENIZER_H

#include "base/arena.h"
#include "base/str.h"
#include "model/model.h"

typedef struct mm_tokenizer mm_tokenizer;

typedef struct {
    int32_t *id; /* [n], special tokens included ([CLS] … [SEP]; <|startoftext|> … <|endoftext|>) */
    int64_t n;
    int64_t total; /* n without a limit: total > n means that the text was cut */
} mm_tokens;

mm_status mm_tokenizer_open(mm_tokenizer **out, mm_model *m, mm_err *e);
void mm_tokenizer_close(mm_tokenizer *t); /* NULL is fine */

/* Ids of text, at most `limit` with the special tokens (0: no limit), from the arena. Thread safe. */
mm_status mm_tokenizer_encode(const mm_tokenizer *t, mm_str text, int64_t limit, mm_arena *a, mm_tokens *out,
                              mm_err *e);

/* Splits text into pieces of at most `limit` ids each, special tokens included, in order; between words where a word
 * fits. *pieces from the arena. */
mm_status mm_tokenizer_chunks(const mm_tokenizer *t, mm_str text, int64_t limit, mm_arena *a, mm_tokens **pieces,
                              int *n, mm_err *e);

/* The longest input that the model takes, special tokens included: the smallest of config.json's
 * max_position_embeddings, tokenizer_config.json's model_max_length and sentence_bert_config.json's max_seq_length;
 * 0: none of them says. */
int64_t mm_tokenizer_model_limit(const mm_tokenizer *t);

#endif
