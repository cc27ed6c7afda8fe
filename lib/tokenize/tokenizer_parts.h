/* tokenizer_parts.h: the stages of a tokenizer. Internal to tokenize/.
 *
 *   text → code points → (added tokens cut out) → normalised → words → ids → special tokens around them
 *
 * The stages are those of Hugging Face's tokenizers library and tokenizer.json. */
#ifndef MM_TOKENIZE_TOKENIZER_PARTS_H
#define MM_TOKENIZE_TOKENIZER_PARTS_H

#include "base/file.h"
#include "base/status.h"
#include "tokenize/tokenizer.h"
#include "tokenize/unicode.h"
#include "tokenize/vocab.h"

/* ---- normalize.c: one step after another over a stretch of text ---- */

typedef enum {
    MM_NORMALIZE_CLEAN,         /* BERT: control characters dropped, white space to ' ' */
    MM_NORMALIZE_CHINESE,       /* BERT: spaces around CJK characters */
    MM_NORMALIZE_NFD,           /* canonical decomposition */
    MM_NORMALIZE_NFC,           /* canonical composition */
    MM_NORMALIZE_STRIP_ACCENTS, /* nonspacing marks dropped */
    MM_NORMALIZE_LOWER,
    MM_NORMALIZE_COLLAPSE, /* runs of white space to one ' ' */
} mm_normalize_step;

/* p NULL: out of memory. May change r in place. */
mm_runes mm_normalize(mm_runes r, const mm_normalize_step *steps, int n, mm_arena *a);

/* ---- pretokenize.c: where words begin and end ---- */

typedef enum {
    MM_SPLIT_BERT,      /* at white space, which is dropped, and around punctuation */
    MM_SPLIT_CLIP,      /* 's|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+; the rest is dropped */
    MM_SPLIT_CLIP_MARK, /* the same after <\|startoftext\|>|<\|endoftext\|>| */
    MM_SPLIT_GPT2,      /* 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+ */
} mm_split_step;

typedef struct {
    int64_t first, end;
} mm_word;

typedef struct {
    mm_word *p;
    int64_t n;
} mm_words; /* p NULL: out of memory */

mm_words mm_pretokenize(mm_runes r, const mm_split_step *steps, int n, mm_arena *a);

/* ---- a growing list of ids ---- */

typedef struct {
    mm_arena *arena;
    int32_t *id;
    bool *opens; /* [n] whether the id begins a word */
    int64_t n, cap;
    bool failed; /* out of memory; sticky */
} mm_token_ids;

void mm_token_ids_add(mm_token_ids *ids, int32_t id, bool opens);

/* ---- wordpiece.c ---- */

typedef struct {
    mm_str prefix;     /* "##" */
    int64_t max_chars; /* longer words are unknown: 100 */
    int32_t unknown;
} mm_wordpiece;

/* The longest token that the word begins with, then the longest that continues it, and so on; a word that tokens cannot
 * cover is unknown as a whole (Wu et al. 2016). */
void mm_wordpiece_word(const mm_wordpiece *w, const mm_vocab *v, const uint32_t *p, int64_t n, mm_token_ids *out);

/* ---- bpe.c ---- */

typedef struct {
    int32_t left, right; /* left −1: free */
    int32_t rank, id;
} mm_merge;

typedef struct {
    mm_merge *merge; /* [size], open addressing by (left, right) */
    uint32_t size, used;
    int32_t byte[256], last[256]; /* a byte's symbol; as the last of a word (CLIP's "</w>"); −1: none */
    int32_t unknown;              /* −1: none */
} mm_bpe;

/* Looks up the symbols of the 256 bytes. `suffix` may be empty. */
void mm_bpe_bytes(mm_bpe *b, const mm_vocab *v, mm_str suffix);
bool mm_bpe_merges_init(mm_bpe *b, size_t expected, mm_arena *a);
/* Adds merge number `rank`. MM_FATAL names a token that is not in the vocabulary. */
mm_status mm_bpe_merge_put(mm_bpe *b, const mm_vocab *v, mm_str left, mm_str right, int32_t rank, mm_arena *a,
                           mm_err *e);

/* Byte-level pair encoding of one word (Sennrich et al. 2016; bytes as in GPT-2): merges the adjacent pair of lowest
 * rank, the leftmost first, until none is left. A heap makes that n log n for a word of n bytes. */
void mm_bpe_word(const mm_bpe *b, const uint32_t *p, int64_t n, mm_token_ids *out);

/* ---- the whole ---- */

typedef struct {
    mm_str content;
    mm_runes text; /* as searched for */
    int32_t id;
    bool normalized;     /* searched for in normalised text */
    bool single_word;    /* only without a letter or digit next to it */
    bool lstrip, rstrip; /* includes the white space before, after it */
} mm_added_token;

enum { MM_MAX_STEPS = 16, MM_MAX_AROUND = 8 };

struct mm_tokenizer {
    mm_arena arena;
    mm_map file[2]; /* tokens point into these */
    mm_normalize_step norm[MM_MAX_STEPS];
    int norms;
    mm_split_step split[MM_MAX_STEPS];
    int splits;
    bool is_bpe;
    mm_vocab vocab;
    mm_wordpiece wordpiece;
    mm_bpe bpe;
    mm_added_token *added; /* longest first */
    int addeds;
    int64_t added_cap;
    uint64_t added_first[2]; /* [normalized] code points that begin one, modulo 64 */
    int32_t before[MM_MAX_AROUND], after[MM_MAX_AROUND];
    int befores, afters;
    int64_t limit;
    /* while opening: */
    bool bert_class;      /* transformers would load it as a BertTokenizer */
    const json_t *config; /* tokenizer_config.json; NULL: absent */
};

/* tokenizer_json.c, tokenizer_files.c: fill a tokenizer that is zero but for what it needs while opening. */
mm_status mm_tokenizer_from_json(mm_tokenizer *t, const char *path, mm_err *e);
mm_status mm_tokenizer_from_vocab_txt(mm_tokenizer *t, const char *path, mm_err *e);
mm_status mm_tokenizer_from_bpe_files(mm_tokenizer *t, const char *vocab, const char *merges, mm_err *e);

/* The text of a tokenizer.json, which must outlive the tokenizer (fuzzing). */
mm_status mm_tokenizer_parse_json(mm_tokenizer *t, mm_str text, const char *path, mm_err *e);

/* ---- tokenizer_setup.c: for the readers of the files ---- */

/* Id and flags of an added token from its JSON object, as both tokenizer.json and tokenizer_config.json have them. */
mm_added_token mm_added_token_of(const json_t *j, int64_t id);
/* Appends an added token, once the normalizer's steps are known. */
mm_status mm_tokenizer_add(mm_tokenizer *t, mm_str text, mm_added_token flags, mm_err *e);
/* An entry of the vocabulary; ctx is the tokenizer. */
mm_status mm_tokenizer_put_token(void *ctx, mm_str token, int64_t id, mm_err *e);
void mm_bert_steps(mm_tokenizer *t, bool clean, bool chinese, bool strip, bool lower);
/* The same from tokenizer_config.json's do_lower_case, strip_accents, tokenize_chinese_chars. */
void mm_bert_config_steps(mm_tokenizer *t);

#endif
