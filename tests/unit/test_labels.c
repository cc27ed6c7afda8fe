/* Tables of labels: which row means which file, what a cell says, what is refused before anything is decoded. */
#include "source/labels/label_cell.h"
#include "source/labels/label_table.h"
#include "stream/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static mm_status open_labels(mm_labels **l, const char *text, size_t n, const mm_labels_opts *o, mm_err *e)
{
    char path[] = "/tmp/mm-labels-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, n) == (ssize_t)n);
    close(fd);
    mm_status s = mm_labels_open(l, path, o, e);
    unlink(path);
    return s;
}

static mm_labels *labels_of(const char *text)
{
    mm_labels *l;
    mm_err e;
    mm_status s = open_labels(&l, text, strlen(text), &(mm_labels_opts){0}, &e);
    if (s != MM_OK)
        fail_msg("%s", e.text);
    return l;
}

/* The label of path below the operand `root`: "-" for none, "!" when rows tie and disagree. */
static const char *label_of(mm_labels *l, const char *root, const char *path, const char *key)
{
    static char out[256];
    mm_err e;
    msgpack_object label;
    snprintf(out, sizeof out, "%s%s%s", root, *root ? "/" : "", path);
    mm_label_query what = {mm_str_of(out), mm_str_of(path), mm_str_of(key)};
    mm_status s = mm_labels_find(l, &what, &label, &e);
    assert_int_not_equal(s, MM_FATAL);
    if (s == MM_SKIP)
        return "!";
    mm_str text = mm_object_as_str(&label);
    snprintf(out, sizeof out, "%.*s", text.p ? (int)text.n : 1, text.p ? text.p : "-");
    return out;
}

static void suffixes(void **state)
{
    static const struct {
        const char *rows, *root, *path, *want;
    } cases[] = {
        /* the whole row is the end of the path as given */
        {"1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"cat/1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"pets/cat/1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"cat/1.jpg,x", "pets", "dog/1.jpg", "-"},
        {"at/1.jpg,x", "pets", "cat/1.jpg", "-"}, /* components, not letters */
        {"1.jpg,x", "pets", "cat/11.jpg", "-"},
        /* the whole path below the operand is the end of the row */
        {"data/pets/cat/1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"data/pets/cat/1.jpg,x", "/mnt/pets", "cat/1.jpg", "x"},
        {"data/pets/cat/1.jpg,x", "animals", "cat/1.jpg", "x"},
        {"data/pets/dog/2.jpg,x", "pets", "cat/2.jpg", "-"},
        {"C:\\pets\\cat\\1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"./cat//1.jpg,x", "pets", "cat/1.jpg", "x"},
        /* with or without extension; the same one wins */
        {"cat/1,x", "pets", "cat/1.jpg", "x"},
        {"cat/1.png,x", "pets", "cat/1.jpg", "x"},
        {"cat/1.png,x\ncat/1.jpg,y", "pets", "cat/1.jpg", "y"},
        {"cat/1.png,x\ncat/1.jpg,y", "pets", "cat/1.tif", "!"},
        {"clip.v2,x", "", "clip.v2.wav", "x"},
        {"1.5,x", "", "1.jpg", "-"}, /* a key with a dot */
        /* the longest wins */
        {"1.jpg,x\ncat/1.jpg,y", "pets", "cat/1.jpg", "y"},
        {"1.jpg,x\ncat/1.jpg,y", "pets", "dog/1.jpg", "x"},
        {"a/cat/1.jpg,x\npets/cat/1.jpg,y", "pets", "cat/1.jpg", "y"},
        {"cat/1,y\n1.jpg,x", "pets", "cat/1.jpg", "y"},
        /* ties */
        {"a/1.jpg,x\nb/1.jpg,y", "c", "1.jpg", "!"},
        {"a/1.jpg,x\nb/1.jpg,x", "c", "1.jpg", "x"},
        {"cat/1.jpg,x\ncat/1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"a/1.jpg,x\nb/1.jpg,y", "a", "1.jpg", "x"},
        /* a directory that the table knows is not labelled by rows of another */
        {"d/cat/1.jpg,x\nd/dog/2.jpg,y", "cat", "2.jpg", "-"},
        {"d/cat/1.jpg,x\nd/dog/2.jpg,y", "cat", "1.jpg", "x"},
        /* addresses */
        {"https://host.org/pets/cat/1.jpg?size=2,x", "pets", "cat/1.jpg", "x"},
        {"https://host.org/a%20b/1%231.jpg#top,x", "a b", "1#1.jpg", "x"},
        {"file:///home/me/a%20b/1.jpg,x", "a b", "1.jpg", "x"},
        {"gs://bucket/a%20b/1#1.jpg,x", "a%20b", "1#1.jpg", "x"},
        {"s3://bucket/cat/1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"/data/upload/3/0a1b2c3d-1.jpg,x", "pets", "cat/1.jpg", "x"},
        {"/data/upload/3/0a1b2c3d-1.jpg,x", "pets", "0a1b2c3d-1.jpg", "x"},
        {"/data/upload/0A1B2C3D-my%20cat.jpg,x", "pets", "my cat.jpg", "x"},
        {"0a1b2c3d-1.jpg,x", "pets", "1.jpg", "-"},
        {"/data/local-files/?d=pets/my%20cat.jpg,x", "pets", "my cat.jpg", "x"},
        {"/data/local-files/?d=pets/1.jpg,x", "dogs", "2.jpg", "-"},
        /* an empty cell is no label, and wins where it is the nearer row */
        {"cat/1.jpg, \n1.jpg,x", "pets", "cat/1.jpg", "-"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char table[256], key[64];
        snprintf(table, sizeof table, "file,label\n%s\n", cases[i].rows);
        snprintf(key, sizeof key, "%.*s", (int)(strrchr(cases[i].path, '.') - cases[i].path), cases[i].path);
        mm_labels *l = labels_of(table);
        const char *got = label_of(l, cases[i].root, cases[i].path, key);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s for %s/%s: %s, not %s", cases[i].rows, cases[i].root, cases[i].path, got, cases[i].want);
        mm_labels_close(l);
    }
}

static void keys(void **state)
{
    (void)state;
    mm_labels *l = labels_of("key,label\nspeaker7,x\nreviews:12,y\nreviews.csv,z\n");
    assert_string_equal(label_of(l, "d", "a/b.wav", "speaker7"), "x"); /* --key REGEX */
    assert_string_equal(label_of(l, "", "reviews.csv", "reviews:12"), "y");
    assert_string_equal(label_of(l, "", "reviews.csv", "reviews:13"), "z");
    mm_labels_close(l);
}

/* Of a record that exists already there are only src and key. */
static const char *label_of_record(mm_labels *l, const char *src, const char *key)
{
    static char out[64];
    mm_err e;
    msgpack_object label;
    mm_label_query what = {.given = mm_str_of(src), .key = mm_str_of(key)};
    assert_int_equal(mm_labels_find(l, &what, &label, &e), MM_OK);
    mm_str text = mm_object_as_str(&label);
    snprintf(out, sizeof out, "%.*s", text.p ? (int)text.n : 1, text.p ? text.p : "-");
    return out;
}

static void records(void **state)
{
    (void)state;
    mm_labels *l = labels_of("file,label\nall/shard/a/1.jpg,x\nshard.tar!a/2.jpg,y\nall/cat/3.jpg,z\n");
    assert_string_equal(label_of_record(l, "dir/shard.tar!a/1.jpg", "shard/a/1"), "x");
    assert_string_equal(label_of_record(l, "dir/shard.tar!a/1.jpg", "a/1"), "x");
    assert_string_equal(label_of_record(l, "shard.tar!a/2.jpg", "a/2"), "y");
    assert_string_equal(label_of_record(l, "dir/cat/3.jpg", "3"), "z");
    assert_string_equal(label_of_record(l, "dir/shard/3.jpg", "3"),
                        "z"); /* no file of this directory is in the table … */
    assert_string_equal(label_of_record(l, "dir/a/3.jpg", "3"), "-"); /* … and here there are some */
    mm_labels_close(l);
}

static void counts(void **state)
{
    const char *example;
    (void)state;
    mm_labels *l = labels_of("file,label\ntrain/1.jpg,x\ntrain/2.jpg,y\n3.jpg,z\n\n,\n");
    assert_int_equal(mm_labels_unused(l), 3);
    assert_string_equal(label_of(l, "val", "1.jpg", "1"), "x");
    assert_string_equal(label_of(l, "val", "3.jpg", "3"), "z");
    assert_int_equal(mm_labels_unused(l), 1);
    assert_int_equal(mm_labels_elsewhere(l, &example), 1);
    assert_string_equal(example, "val/1.jpg: train/1.jpg");
    assert_true(mm_str_is(mm_labels_first(l), "train/1.jpg"));
    mm_labels_close(l);
}

/* Opening fails, or not, and says so. */
static void refuses(const char *text, const mm_labels_opts *o, const char *why)
{
    mm_labels *l;
    mm_err e = {0};
    mm_status s = open_labels(&l, text, strlen(text), o, &e);
    mm_labels_close(l);
    assert_int_equal(s, MM_FATAL);
    if (!strstr(e.text, why))
        fail_msg("\"%s\" does not say \"%s\"", e.text, why);
}

static void refusals(void **state)
{
    const mm_labels_opts any = {0};
    (void)state;
    refuses("", &any, "no rows");
    refuses("file\n1.jpg\n", &any, "only one column, file");
    refuses("file,label\n1.jpg,x\nb.jpg,\"y\" z\n", &any, "row 2: ");
    refuses("file,label\n,x\n", &any, "row 1: it names no file");
    refuses("file,label\n1.jpg,x\n2.jpg,y\n./1.jpg,z\n", &any, "rows 1 and 3 both name 1.jpg");
    refuses("image,caption\n1.jpg,a dog\n1.jpg,one dog\n", &any, "texts in column caption of files in column image");
    refuses("file,label\n1,x\n", &(mm_labels_opts){.column = "lable"}, "no column lable; did you mean \"label\"?");
    refuses("file,label\n1,x\n", &(mm_labels_opts){.file_column = "x"}, "(there are: file, label)");
    refuses("[{\"file\":\"1\",\"label\":\"x\"}", &any, "row 2: not a JSON object: the array is not closed");
    refuses("not json\n", &(mm_labels_opts){.table = MM_TABLE_JSONL, .column = "c"}, "row 1: not a JSON object");
    refuses("PAR1\x15\x04", &any, "Parquet is not read");
}

static void formats(void **state)
{
    static const struct {
        const char *text;
        size_t n; /* 0: as long as it is */
    } same[] = {
        {"file,label\n1.jpg,x\n", 0},
        {"\xef\xbb\xbf"
         "file;label\r\n1.jpg;x\r\n",
         0},
        {"sep=;\r\nfile;label\r\n1.jpg;x", 0},
        {"\"sep=|\"\nfile|label\n1.jpg|x", 0},
        {"file\tlabel\r1.jpg\tx\r", 0},
        {" file , label \n 1.jpg , x \n", 0},
        {"label,File\nx,1.jpg\n", 0},
        {"{\"file_name\":\"1.jpg\",\"label\":\"x\"}\n", 0},
        {"{\n \"file_name\": \"1.jpg\",\n \"label\": \"x\"\n}\n{\n}\n", 0},
        {" [ {\"path\":\"1.jpg\",\"label\":\"x\"} , {\"path\":\"2.jpg\",\"label\":null} ] ", 0},
        {"[{\"image\":\"a/1.jpg\",\"label\":{\"choices\":[\"x\"]}}]\n[]", 0},
        {"[{\"id\":1,\"data\":{\"image\":\"1.jpg\"},\"annotations\":["
         "{\"was_cancelled\":true,\"result\":[{\"from_name\":\"c\",\"value\":{\"choices\":[\"z\"]}}]},"
         "{\"ground_truth\":true,\"result\":[{\"from_name\":\"c\",\"value\":{\"choices\":[\"x\"]}},"
         "{\"from_name\":\"box\",\"value\":{\"x\":1,\"rectanglelabels\":[\"r\"]}}]},"
         "{\"result\":[{\"from_name\":\"c\",\"value\":{\"choices\":[\"y\"]}}]}]}]",
         0},
        {"image,id,choice,annotator,annotation_id,lead_time\n/data/upload/1/0a1b2c3d-1.jpg,1,x,1,1,2.5\n", 0},
        {"\xff\xfe"
         "f\0i\0l\0e\0,\0l\0\n\0"
         "1\0.\0j\0p\0g\0,\0x\0\n\0",
         32},
    };
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        mm_labels *l;
        mm_err e;
        if (open_labels(&l, same[i].text, same[i].n ? same[i].n : strlen(same[i].text), &(mm_labels_opts){0}, &e) !=
            MM_OK)
            fail_msg("%s: %s", same[i].text, e.text);
        if (strcmp(label_of(l, "a", "1.jpg", "1"), "x") != 0)
            fail_msg("%s: %s", same[i].text, label_of(l, "a", "1.jpg", "1"));
        mm_labels_close(l);
    }
}

/* A label as text: maps as {key:value,}. */
static void cells(void **state)
{
    static const char *const cases[][2] = {
        {"", "-"},          {" \t", "-"},
        {" a b ", "a b"},   {"[\"a\"]", "a"},
        {"[]", "-"},        {"{\"choices\":[\"a\",\"b\"]}", "{a:1,b:1}"},
        {"[1,2]", "[1,2]"}, {"[{\"rating\":4}]", "4"},
        {"{oops", "{oops"}, {"{\"taxonomy\":[[\"animal\",\"dog\"]]}", "animal/dog"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[128] = "-";
        mm_arena a = {0};
        msgpack_object o;
        assert_true(mm_label_of_cell(&o, &a, mm_str_of(cases[i][0])));
        if (o.type == MSGPACK_OBJECT_STR)
            snprintf(out, sizeof out, "%.*s", MM_STRF(mm_object_as_str(&o)));
        if (o.type == MSGPACK_OBJECT_MAP) {
            strcpy(out, "{");
            for (uint32_t k = 0; k < o.via.map.size; k++)
                sprintf(out + strlen(out), "%s%.*s:%d", k ? "," : "", MM_STRF(mm_object_as_str(&o.via.map.ptr[k].key)),
                        (int)o.via.map.ptr[k].val.via.u64);
            strcat(out, "}");
        }
        assert_string_equal(out, cases[i][1]);
        mm_arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes), cmocka_unit_test(keys),    cmocka_unit_test(records), cmocka_unit_test(counts),
        cmocka_unit_test(refusals), cmocka_unit_test(formats), cmocka_unit_test(cells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
