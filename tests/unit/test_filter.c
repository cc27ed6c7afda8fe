/* The loop that the encoders share, with a real filter in a process of its own: texts become upper case, those that
 * begin with '!' fail, one with '?' ends the program, other records pass. */
#include "cli/state.h"
#include "stream/parse.h"
#include "stream/serialise.h"
#include "stream_util.h"

#include <ctype.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int64_t batch = 4;
static bool keep, flush_each, overlap;
static const mm_opt opts[] = {
    {0, "batch", MM_OPT_INT, &batch, "N", .help = "h"},
    {0, "keep", MM_OPT_FLAG, &keep, .help = "h"},
    {0, "flush", MM_OPT_FLAG, &flush_each, .help = "h"},
    {0, "overlap", MM_OPT_FLAG, &overlap, .help = "h"},
    {0},
};
static const mm_tool tool = {.name = "upper", .summary = "s", .operands = "", .opts = opts, .takes = MM_TAKES_ALL};

static bool wants(void *ctx, const mm_record *rec)
{
    (void)ctx;
    return rec->kind == MM_KIND_TEXT;
}

/* A text of two words gives two records, one of none nothing. */
static void upper(mm_run *r, int i, mm_record *rec, mm_arena *a)
{
    mm_record out = *rec;
    char *p = mm_arena_strdup(a, rec->text), *save = NULL;
    out.raw = (mm_str){0};
    for (char *c = p; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    for (char *w = strtok_r(p, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        out.text = mm_str_of(w);
        mm_filter_emit(r, i, &out);
    }
}

/* What began in each slot and has not ended. */
static mm_record *const *begun[2];

static mm_status begin(void *ctx, int slot, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    (void)ctx, (void)arena;
    if (n < 1 || n > batch)
        return mm_fail(e, MM_FATAL, "a batch of %d", n);
    if (slot < 0 || slot > 1 || begun[slot])
        return mm_fail(e, MM_FATAL, "slot %d is not over", slot);
    begun[slot] = rec;
    return MM_OK;
}

static mm_status step(void *ctx, int slot, mm_run *r, mm_record *const *rec, mm_arena *const *arena, int n, mm_err *e)
{
    (void)ctx;
    if (begun[slot] != rec)
        return mm_fail(e, MM_FATAL, "slot %d had not begun", slot);
    begun[slot] = NULL;
    for (int i = 0; i < n; i++)
        if (rec[i]->text.n && rec[i]->text.p[0] == '?')
            return mm_fail(e, MM_FATAL, "no more");
        else if (rec[i]->text.n && rec[i]->text.p[0] == '!')
            mm_filter_fail(r, i, "upper", "loud",
                           &(mm_err){.status = MM_SKIP, .hint = MM_HINT_MAX_PIXELS, .text = "too loud"});
        else
            upper(r, i, rec[i], arena[i]);
    return MM_OK;
}

/* The n-th word of the text in capitals. */
static bool matches(void *ctx, const mm_record *made, const mm_record *from, int n)
{
    char word[64], *save = NULL;
    (void)ctx;
    snprintf(word, sizeof word, "%.*s", MM_STRF(from->text));
    char *w = strtok_r(word, " ", &save);
    for (; w && n > 0; n--)
        w = strtok_r(NULL, " ", &save);
    return w && made->kind == MM_KIND_TEXT && strlen(w) == made->text.n &&
           strncasecmp(w, made->text.p, made->text.n) == 0;
}

static int run_filter(char **argv)
{
    int argc = 0;
    mm_run r;
    while (argv[argc])
        argc++;
    mm_run_begin(&r, &tool, argc, argv);
    mm_filter_run(&r, &(mm_filter){.wants = wants,
                                   .begin = begin,
                                   .step = step,
                                   .matches = matches,
                                   .overlap = overlap,
                                   .batch = (int)batch,
                                   .keep = keep,
                                   .flush = flush_each});
    return mm_run_end(&r);
}

/* Runs the filter as a program of its own; its exit status. */
static int filter(const char *const *words)
{
    char *argv[16] = {"upper", "-q"};
    for (int i = 0; words[i]; i++)
        argv[i + 2] = (char *)words[i];
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(STDERR_FILENO); /* its number must not be the output's */
        exit(run_filter(argv));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}
#define FILTER(...) filter((const char *const[]){__VA_ARGS__, NULL})

static mm_buf file_bytes(const char *name)
{
    mm_buf b = {0};
    struct stat st;
    FILE *f = fopen(name, "rb");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    assert_int_equal(mm_buf_reserve(&b, (size_t)st.st_size + 1, NULL), MM_OK);
    b.n = fread(b.p, 1, (size_t)st.st_size, f);
    fclose(f);
    return b;
}

static void write_bytes(const char *name, const void *p, size_t n)
{
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void assert_same_file(const char *a, const char *b)
{
    mm_buf x = file_bytes(a), y = file_bytes(b);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.p, y.p, x.n);
    mm_buf_free(&x);
    mm_buf_free(&y);
}

static void put_text(mm_writer *w, const char *src, const char *text)
{
    mm_record rec = mm_record_new(MM_KIND_TEXT);
    rec.key = rec.src = mm_str_of(src);
    rec.text = mm_str_of(text);
    mm_writer_put(w, &rec);
}

static void put_label(mm_writer *w, const char *src)
{
    mm_record rec = mm_record_new(MM_KIND_LABEL);
    rec.key = rec.src = mm_str_of(src);
    rec.label = mm_object_str(MM_STR("cat"));
    mm_writer_put(w, &rec);
}

static void put_mark(mm_writer *w)
{
    mm_record rec = mm_record_new(MM_KIND_MARK);
    rec.key = MM_STR("m");
    mm_writer_put(w, &rec);
}

/* Sources a b c d e: texts and others in any order, a failure, a text that gives nothing, a source in two runs, marks
 * anywhere. */
static int write_input(void **state)
{
    char dir[] = "/tmp/mm-filter-XXXXXX";
    mm_writer *w;
    (void)state;
    if (!mkdtemp(dir) || chdir(dir) != 0)
        return -1;
    int fd = open("in.mm", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(mm_writer_new(&w, fd, NULL), MM_OK);
    put_label(w, "a");
    put_text(w, "a", "one");
    put_mark(w);
    put_text(w, "b", "two words");
    put_label(w, "b");
    put_mark(w);
    put_mark(w);
    put_label(w, "b");
    put_text(w, "c", "!three");
    put_text(w, "d", "");
    put_text(w, "d", "four");
    put_text(w, "e", "five six");
    put_label(w, "a");
    put_text(w, "a", "seven");
    put_text(w, "a", "eight");
    put_mark(w);
    assert_int_equal(mm_writer_close(w, NULL, NULL), MM_OK);
    close(fd);
    return FILTER("-o", "whole.mm", "in.mm") == 1 ? 0 : -1;
}

static const char *const want[] = {"+",
                                   "ONE",
                                   "*",
                                   "TWO",
                                   "WORDS",
                                   "+",
                                   "*",
                                   "*",
                                   "+",
                                   "-too loud; --max-pixels sets the limit",
                                   "-nothing was computed for this record",
                                   "FOUR",
                                   "FIVE",
                                   "SIX",
                                   "+",
                                   "SEVEN",
                                   "EIGHT",
                                   "*"};

static void assert_record(const mm_record *rec, const char *text)
{
    if (*text == '+')
        assert_int_equal(rec->kind, MM_KIND_LABEL);
    else if (*text == '*')
        assert_true(rec->kind == MM_KIND_MARK && mm_str_is(rec->key, "m"));
    else if (*text == '-')
        assert_true(rec->kind == MM_KIND_ERROR && mm_str_is(rec->error.text, text + 1));
    else
        assert_true(rec->kind == MM_KIND_TEXT && mm_str_is(rec->text, text));
}

static void test_order(void **state)
{
    mm_reader *in;
    mm_arena a = {0};
    mm_record rec;
    (void)state;
    int fd = open("whole.mm", O_RDONLY);
    assert_int_equal(mm_reader_new(&in, fd, "whole.mm", NULL), MM_OK);
    for (size_t i = 0; i < sizeof want / sizeof *want; i++, mm_arena_reset(&a)) {
        assert_int_equal(mm_reader_next(in, &a, &rec, NULL), MM_OK);
        assert_record(&rec, want[i]);
    }
    assert_int_equal(mm_reader_next(in, &a, &rec, NULL), MM_EOF);
    mm_reader_free(in);
    mm_arena_free(&a);
    close(fd);
}

static void test_batches_do_not_matter(void **state)
{
    (void)state;
    for (int n = 1; n < 14; n++) {
        char size[16];
        snprintf(size, sizeof size, "%d", n);
        assert_int_equal(FILTER("--batch", size, "-o", "got.mm", "in.mm"), 1);
        assert_same_file("got.mm", "whole.mm");
        assert_int_equal(FILTER("--batch", size, "--flush", "-o", "got.mm", "in.mm"), 1);
        assert_same_file("got.mm", "whole.mm");
        assert_int_equal(FILTER("--batch", size, "--overlap", "-o", "got.mm", "in.mm"), 1);
        assert_same_file("got.mm", "whole.mm");
        assert_int_equal(FILTER("--batch", size, "--overlap", "--flush", "-o", "got.mm", "in.mm"), 1);
        assert_same_file("got.mm", "whole.mm");
    }
}

/* The filter as a coprocess: `texts` of them, and with `mark` a mark, go in and come out before the next go in. */
static void converse(char **argv, int texts, bool mark)
{
    int in[2], out[2];
    assert_int_equal(pipe(in), 0);
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        close(out[0]);
        exit(run_filter(argv));
    }
    close(in[0]);
    close(out[1]);
    mm_writer *w;
    mm_reader *r;
    mm_arena a = {0};
    mm_record rec;
    assert_int_equal(mm_writer_new(&w, in[1], NULL), MM_OK);
    assert_int_equal(mm_reader_new(&r, out[0], "upper", NULL), MM_OK);
    for (int i = 0; i < 20; i++, mm_arena_reset(&a)) {
        for (int k = 0; k < texts; k++)
            put_text(w, "a", "word");
        if (mark)
            put_mark(w);
        mm_writer_flush(w);
        for (int k = 0; k < texts + mark; k++) {
            assert_int_equal(mm_reader_next(r, &a, &rec, NULL), MM_OK);
            assert_record(&rec, k < texts ? "WORD" : "*");
        }
    }
    assert_int_equal(mm_writer_close(w, NULL, NULL), MM_OK);
    close(in[1]);
    assert_int_equal(mm_reader_next(r, &a, &rec, NULL), MM_EOF);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    mm_reader_free(r);
    mm_arena_free(&a);
    close(out[0]);
}

static void test_coprocess(void **state)
{
    (void)state;
    converse((char *[]){"upper", "-q", "--flush", "--overlap", NULL}, 1, false);
    converse((char *[]){"upper", "-q", "--flush", "--batch", "2", NULL}, 7, false);
}

/* Batches begin at a mark, full or not, also where two of them are on their way. */
static void test_marks_are_answered(void **state)
{
    (void)state;
    for (int texts = 0; texts < 10; texts += 3) {
        converse((char *[]){"upper", "-q", NULL}, texts, true);
        converse((char *[]){"upper", "-q", "--overlap", NULL}, texts, true);
        converse((char *[]){"upper", "-q", "--overlap", "--keep", NULL}, 0, true);
    }
}

/* Dies with records in its buffer: they reach the reader of a pipe, and FILE.part. */
static void test_dying(void **state)
{
    (void)state;
    int out[2], status;
    mm_buf got = {0};
    mm_writer *w;
    int fd = open("dying.mm", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(mm_writer_new(&w, fd, NULL), MM_OK);
    put_text(w, "a", "one");
    put_label(w, "a");
    put_text(w, "b", "two words");
    put_text(w, "c", "?");
    assert_int_equal(mm_writer_close(w, NULL, NULL), MM_OK);
    close(fd);
    assert_int_equal(pipe(out), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        close(STDERR_FILENO);
        exit(run_filter((char *[]){"upper", "-q", "dying.mm", NULL}));
    }
    close(out[1]);
    assert_int_equal(mm_buf_reserve(&got, 4096, NULL), MM_OK);
    for (ssize_t n; (n = read(out[0], got.p + got.n, got.cap - got.n)) > 0;)
        got.n += (size_t)n;
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 2);
    assert_int_equal(FILTER("-o", "died.mm", "dying.mm"), 2);
    mm_buf part = file_bytes("died.mm.part");
    assert_int_equal(part.n, got.n);
    assert_memory_equal(part.p, got.p, part.n);

    static const char *const before[] = {"ONE", "+", "TWO", "WORDS"};
    mm_arena a = {0};
    mm_record rec;
    size_t at = 0;
    for (size_t i = 0, used; i < sizeof before / sizeof *before; i++, at += used) {
        assert_int_equal(mm_record_parse(got.p + at, got.n - at, &used, &a, &rec, NULL), MM_OK);
        assert_record(&rec, before[i]);
    }
    assert_int_equal(at, got.n);
    mm_arena_free(&a);
    mm_buf_free(&got);
    mm_buf_free(&part);
}

static void test_keep(void **state)
{
    (void)state;
    assert_int_equal(FILTER("--keep", "-o", "kept.mm", "in.mm"), 1);
    mm_buf all = file_bytes("kept.mm"), in = file_bytes("in.mm"), out = file_bytes("whole.mm");
    assert_true(all.n > out.n && all.n < out.n + in.n); /* each wanted source once, the others once in all */
    mm_buf_free(&all);
    mm_buf_free(&in);
    mm_buf_free(&out);
}

/* Killed after any byte. */
static void test_resume(void **state)
{
    (void)state;
    mm_buf whole = file_bytes("whole.mm");
    for (size_t n = 0; n <= whole.n; n++) {
        unlink("got.mm");
        write_bytes("got.mm.part", whole.p, n);
        assert_int_equal(FILTER("--resume", "-o", "got.mm", "in.mm"), 1); /* also when the failure is in what is kept */
        assert_same_file("got.mm", "whole.mm");
        assert_int_not_equal(access("got.mm.part", F_OK), 0);
    }
    mm_buf_free(&whole);
}

static void test_resume_refuses_other_files(void **state)
{
    (void)state;
    write_bytes("other.mm.part", "not a stream at all", 19);
    assert_int_equal(FILTER("--resume", "-o", "other.mm", "in.mm"), 2);
    mm_buf b = file_bytes("other.mm.part");
    assert_int_equal(b.n, 19); /* untouched */
    mm_buf_free(&b);
    assert_int_equal(FILTER("--resume", "in.mm"), 2);
}

static void test_strict_stops(void **state)
{
    (void)state;
    unlink("strict.mm");
    assert_int_equal(FILTER("--strict", "-o", "strict.mm", "in.mm"), 1);
    assert_int_not_equal(access("strict.mm", F_OK), 0);
    mm_buf part = file_bytes("strict.mm.part"), whole = file_bytes("whole.mm");
    assert_true(part.n > 0 && part.n < whole.n);
    assert_memory_equal(part.p, whole.p, part.n);
    mm_buf_free(&part);
    mm_buf_free(&whole);
}

/* The thread that writes ends the program when the record comes that says so: its status is settled by then. */
static void test_strict_without_a_stream(void **state)
{
    (void)state;
    mm_arena a = {0};
    mm_record rec;
    mm_run r;
    write_bytes("other.mm", "not a stream at all", 19);
    mm_run_begin(&r, &tool, 4, (char *[]){"upper", "-q", "--strict", "other.mm", NULL});
    assert_int_equal(mm_in_next(&r, &a, &rec), MM_OK);
    assert_int_equal(rec.kind, MM_KIND_ERROR);
    assert_int_equal(r.status, 2);
    assert_int_equal(mm_in_next(&r, &a, &rec), MM_EOF);
    assert_int_equal(mm_run_end(&r), 2);
    mm_arena_free(&a);
}

static void test_every_hint_is_worded(void **state)
{
    char out[MM_HINTED];
    (void)state;
    for (int i = MM_HINT_NONE + 1; i < MM_HINTS; i++) {
        const char *text = mm_hinted("why", (mm_hint)i, out);
        if (strncmp(text, "why; ", 5) != 0 || strstr(text, "(null)"))
            fail_msg("hint %d: %s", i, text);
    }
    assert_string_equal(mm_hinted("why", MM_HINT_NONE, out), "why");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_batches_do_not_matter),
        cmocka_unit_test(test_coprocess),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_resume_refuses_other_files),
        cmocka_unit_test(test_strict_stops),
        cmocka_unit_test(test_strict_without_a_stream),
        cmocka_unit_test(test_dying),
        cmocka_unit_test(test_every_hint_is_worded),
        cmocka_unit_test(test_marks_are_answered),
    };
    return cmocka_run_group_tests(tests, write_input, NULL);
}
