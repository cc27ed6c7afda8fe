/* mm-decode: files, directories, archives, standard input → records of images, sound, text and numbers. */
#include "base/hash.h"
#include "cli/decoding.h"
#include "media/text/openface_decode.h"

#include <math.h>

static struct {
    const char *only, *key, *root, *of, *label, *labels;    /* what is read, and its names and labels */
    const char *column, *label_column, *key_column, *space; /* tables */
    const char *time_column, *epoch, *of_column, *face_groups;
    const char *rate, *channel, *track, *pcm, *background, *range; /* sound and images */
    int table, as, pages;
    mm_list models;
    int64_t max_pixels, max_bytes, max_depth, face;
    double fps, window, hop, max_duration, max_ratio, face_confidence;
    bool lines, hidden, follow, meta, flush, records, mark;
} opt = {.rate = "", .key = "path", .table = -1, .as = -1, .pages = -1, .face = -1, .face_confidence = .7};

static const mm_opt options[] = {
    {0, "only", MM_OPT_STR, &opt.only, "KINDS",
     .help = "decode only these of image, audio and text, separated by commas", .group = "Inputs"},
    {'m', "model", MM_OPT_LIST, &opt.models, "MODEL",
     .help = "prepare media as this model takes them: size, crop, rate; may be given once for each modality",
     .complete = MM_COMPLETE_MODEL},
    {0, "hidden", MM_OPT_FLAG, &opt.hidden, .help = "also read files whose names begin with a dot"},
    {0, "follow", MM_OPT_FLAG, &opt.follow, .help = "follow symbolic links to directories"},
    {0, "meta", MM_OPT_FLAG, &opt.meta, .help = "also keep metadata about people and places: position, camera"},

    {0, "key", MM_OPT_STR, &opt.key, "RULE",
     .help = "the key of a sample: path (without extension), file (with it), archive (path, with the archive's own "
             "before its members'), base (its last part), or a regular expression, whose first group is the key",
     .group = "Keys and labels"},
    {0, "root", MM_OPT_STR, &opt.root, "DIR",
     .help = "name operands by their paths below DIR, as if they were found in it", .complete = MM_COMPLETE_DIR},
    {0, "of", MM_OPT_STR, &opt.of, "NAME",
     .help = "the modality of all records in joins and heads, such as mic or camera1 (default: their kinds)"},
    {0, "label", MM_OPT_STR, &opt.label, "RULE",
     .help = "label media with the name of their directory (dir), or from a file beside them: its text (cls), all "
             "its members (json) or one of them (json:FIELD)"},
    {0, "labels", MM_OPT_STR, &opt.labels, "FILE",
     .help = "label media from this table (CSV, TSV, JSON, JSON lines, a Label Studio export), which has a column of "
             "files and columns of labels",
     .complete = MM_COMPLETE_FILE},
    {0, "label-column", MM_OPT_STR, &opt.label_column, "COLUMN",
     .help = "the column of labels (default with --labels: every other column, as a map)", .with = "labels|column|as"},
    {0, "field", MM_OPT_STR, &opt.label_column, "COLUMN",
     .help = "the same as --label-column, as mm-label and mm-eval call it", .with = "labels|column|as"},
    {0, "key-column", MM_OPT_STR, &opt.key_column, "COLUMN", .help = "the column of keys, or of files with --labels",
     .with = "labels|column|as"},

    {0, "lines", MM_OPT_FLAG, &opt.lines, .help = "a record for each line of a text", .group = "Texts and tables"},
    {0, "column", MM_OPT_STR, &opt.column, "COLUMN",
     .help = "a record for each row of CSV, TSV or JSON, with the text in this column (a name; a number where the "
             "table has no names)"},
    {0, "time-column", MM_OPT_STR, &opt.time_column, "START[,END]",
     .help = "the columns of a row's start and end: seconds, h:m:s or date and time; without END rows are instants",
     .with = "column|as"},
    {0, "epoch", MM_OPT_STR, &opt.epoch, "TIME",
     .help = "what counts as zero in columns of times: a date and time (2024-03-12T14:05:11Z), or seconds since 1970",
     .with = "time-column"},
    {0, "of-column", MM_OPT_STR, &opt.of_column, "COLUMN",
     .help = "the column of modalities, such as a chat's speakers; of subtitles and transcripts: speaker"},
    {0, "table", MM_OPT_CHOICE, &opt.table, .help = "the format of tables (default: as the first row looks)",
     .choices = MM_TABLE_KINDS, .with = "labels|column|as"},
    {0, "as", MM_OPT_CHOICE, &opt.as,
     .help = "read tables of numbers: each row as a feature, the whole as a series, or OpenFace's faces as features",
     .choices = "feature|series|openface"},
    {0, "space", MM_OPT_STR, &opt.space, "NAME",
     .help = "the space of a table's features (default: numbers/NAME/WIDTH)", .with = "as=feature|as=openface"},
    {0, "face-groups", MM_OPT_STR, &opt.face_groups, "GROUPS",
     .help =
         "OpenFace's columns: au, gaze, pose, presence, eyes, landmarks, landmarks3d, shape (default: au,gaze,pose)",
     .with = "as=openface"},
    {0, "face-confidence", MM_OPT_FLOAT, &opt.face_confidence, "C", .help = "leave out faces with less confidence",
     .most = 1, .with = "as=openface"},
    {0, "face", MM_OPT_INT, &opt.face, "ID",
     .help = "of several faces the one with this face_id (default: the most confident one of each frame)",
     .max = INT64_MAX, .with = "as=openface"},

    {0, "rate", MM_OPT_STR, &opt.rate, "HZ",
     .help = "resample to this rate, or native to keep it (default: the model's, or 16000); with --as=series: rows a "
             "second",
     .group = "Sound"},
    {0, "window", MM_OPT_FLOAT, &opt.window, "SECONDS", .help = "cut into windows of this length", .above = true,
     .most = INFINITY},
    {0, "hop", MM_OPT_FLOAT, &opt.hop, "SECONDS",
     .help = "from the start of one window to the next (default: the window's length)", .above = true, .most = INFINITY,
     .with = "window"},
    {0, "channel", MM_OPT_STR, &opt.channel, "CHANNEL",
     .help = "one channel (1, 2, left, right) in place of the mean of all; 1=agent,2=customer makes records of each, "
             "with that modality"},
    {0, "track", MM_OPT_STR, &opt.track, "TRACK",
     .help = "one of several tracks, by its number (from 1) or language (default: the best)"},

    {0, "pcm", MM_OPT_STR, &opt.pcm, "FORMAT,RATE[,CHANNELS]",
     .help = "samples without a header (s16le, s24le, s32le, f32le, u8, mulaw, alaw): what has no format of its own is "
             "read as such"},

    {0, "fps", MM_OPT_FLOAT, &opt.fps, "N", .help = "video: N frames a second (default: every frame)", .above = true,
     .most = INFINITY, .group = "Images and video"},
    {0, "pages", MM_OPT_CHOICE, &opt.pages,
     .help = "of an image file with several pages or frames: the first, or a record for each (default: first)",
     .choices = "first|all"},
    {0, "background", MM_OPT_STR, &opt.background, "COLOUR",
     .help = "lay transparent images over #RRGGBB, black or white (default: transparency is dropped)"},
    {0, "range", MM_OPT_STR, &opt.range, "BLACK,WHITE",
     .help = "images deeper than 8 bits: the sample values of black and white; auto takes the least and the greatest "
             "of each image"},

    {0, "flush", MM_OPT_FLAG, &opt.flush,
     .help = "read lists and pipes as they come, and write each record as soon as it is complete",
     .group = "Live input"},
    {0, "records", MM_OPT_FLAG, &opt.records,
     .help = "the operands are streams: decode their records of kind file, and pass all others on",
     .without = "key|root|hidden|follow|files-from|files0-from|null|resume|update"},
    {0, "mark", MM_OPT_FLAG, &opt.mark,
     .help = "write a mark after each source: a file, a line or row, a window of a live input",
     .without = "resume|update"},

    {0, "max-pixels", MM_OPT_INT, &opt.max_pixels, "N", .help = "refuse larger images (default: 178956970)", .min = 1,
     .max = INT64_MAX, .group = "Limits"},
    {0, "max-duration", MM_OPT_FLOAT, &opt.max_duration, "SECONDS",
     .help = "stop with an error in sound and video that is longer (default: 86400)", .above = true, .most = INFINITY},
    {0, "max-bytes", MM_OPT_INT, &opt.max_bytes, "N",
     .help = "refuse larger archive members and piped inputs (default: 4G)", .min = 1, .max = INT64_MAX},
    {0, "max-depth", MM_OPT_INT, &opt.max_depth, "N",
     .help = "read archives inside archives to this depth (default: 4)", .min = 1, .max = 64},
    {0, "max-ratio", MM_OPT_FLOAT, &opt.max_ratio, "N",
     .help = "stop reading an archive that expands to more than N times its size (default: 1000)", .above = true,
     .most = INFINITY},
    {0},
};

static const char *const examples[] = {
    "mm-decode photos.tar | mm-encode-image -m imgfocus-vits14 > features.mm",
    "mm-decode --label dir -m vit train/ > train.mm",
    "mm-decode --column review --label-column sentiment reviews.csv",
    "mm-decode --fps 1 --window 2 --hop 1 talk.mp4",
    NULL,
};

static const mm_tool tool = {
    .name = "mm-decode",
    .summary = "turn files, directories and archives into a stream of media records",
    .operands = "[FILE|DIRECTORY|-]...",
    .examples = examples,
    .opts = options,
    .takes = MM_TAKES_OUTPUT | MM_TAKES_RESUME | MM_TAKES_UPDATE | MM_TAKES_THREADS | MM_TAKES_PROGRESS |
             MM_TAKES_FILES | MM_TAKES_STRICT,
    .live = &opt.flush,
};

/* Ends the program with the message of an option's parser. */
static void require(mm_run *r, mm_status s, const char *option, const mm_err *e)
{
    if (s != MM_OK)
        mm_usage_of(r, option, e);
}

static void check_options(mm_run *r)
{
    if (opt.label && opt.labels)
        mm_usage(r, "--label and --labels exclude each other");
    if (opt.of && (!*opt.of || strchr(opt.of, ',')))
        mm_usage(r, "--of takes one name, without commas: other tools take lists of them");
    if (opt.lines && opt.column)
        mm_usage(r, "--lines and --column exclude each other");
    if (opt.as + 1 == MM_AS_OPENFACE &&
        (opt.time_column || opt.of_column || (!opt.labels && (opt.key_column || opt.label_column))))
        mm_usage(r, "--as=openface knows the columns of its tables");
    if (opt.as >= 0 && (opt.lines || opt.column))
        mm_usage(r, "--as and --%s exclude each other", opt.lines ? "lines" : "column");
    if (opt.as + 1 == MM_AS_SERIES && (opt.of_column || (!opt.labels && opt.label_column)))
        mm_usage(r, "--as=series makes no record of a row: --%s goes with --as=feature",
                 opt.of_column ? "of-column" : "label-column");
    if (opt.as + 1 == MM_AS_SERIES && opt.time_column && !*opt.rate && opt.window <= 0)
        mm_usage(r, "--as=series --time-column goes with --window or --rate: without one a series has no times");
    if (opt.as + 1 == MM_AS_SERIES && opt.window > 0 && !*opt.rate && !opt.time_column)
        mm_usage(r, "--as=series --window goes with --rate or --time-column: without one rows have no time");
}

static mm_decode_opts decode_options(mm_run *r)
{
    mm_err e;
    mm_decode_opts o = {
        .rate = 16000, /* what speech models take */
        .fps = opt.fps,
        .window = opt.window,
        .hop = opt.hop,
        .all_pages = opt.pages == 1,
        .has_range = opt.range,
        .lines = opt.lines,
        .column = opt.column,
        .label_column = opt.labels ? NULL : opt.label_column,
        .key_column = opt.labels ? NULL : opt.key_column,
        .of_column = opt.of_column,
        .table = (mm_table_kind)(opt.table + 1),
        .as = (mm_numbers_as)(opt.as + 1),
        .face_groups = opt.face_groups,
        .face_confidence = opt.face_confidence,
        .has_face = opt.face >= 0,
        .face = opt.face,
        .of = opt.of,
        .space = opt.space,
        .max_pixels = opt.max_pixels,
        .max_duration = opt.max_duration,
        .all_meta = opt.meta,
        .live = opt.flush,
        .answer = opt.records,
    };
    require(r, mm_parse_media(&o, opt.only, &e), "only", &e);
    require(r, mm_parse_background(&o, opt.background, &e), "background", &e);
    require(r, mm_parse_channels(&o, opt.channel, &e), "channel", &e);
    require(r, mm_parse_time_columns(&o, opt.time_column, &e), "time-column", &e);
    require(r, mm_parse_epoch(&o, opt.epoch, &e), "epoch", &e);
    require(r, mm_parse_face_groups(opt.face_groups, &e), "face-groups", &e);
    require(r, mm_parse_track(&o, opt.track, &e), "track", &e);
    if (opt.pcm)
        require(r, mm_raw_sound_parse(&o.raw, opt.pcm, &e), "pcm", &e);
    if (opt.range)
        require(r, mm_range_parse(&o.range, opt.range, &e), "range", &e);
    mm_decoding_prepare_for(r, &opt.models, &o);
    if (*opt.rate) {
        require(r, mm_parse_rate(&o.rate, opt.rate, o.as == MM_AS_SERIES ? 1 : 100, &e), "rate", &e);
        o.series_rate = o.rate;
    }
    return o;
}

static mm_source_opts source_options(void)
{
    return (mm_source_opts){
        .key_rule = opt.records ? MM_KEY_ARCHIVE : mm_key_rule_of(opt.key),
        .key_regex = opt.key,
        .root = opt.root,
        .max_bytes = opt.max_bytes,
        .max_depth = (int)opt.max_depth,
        .max_ratio = opt.max_ratio,
        .follow = opt.follow,
        .hidden = opt.hidden,
        .live = opt.flush,
        .live_raw = opt.flush && opt.pcm,
        .live_text = opt.flush && (opt.lines || opt.column || opt.as >= 0),
    };
}

/* Of all options that a record depends on; models, tables and operands count by what they lead to. */
static uint64_t hash_options(const mm_decode_opts *o)
{
    const void *const but[] = {&opt.models, &opt.labels, &opt.root, &opt.follow, &opt.flush};
    const int64_t rates[] = {o->rate, o->series_rate};
    const char *digest = o->image_prep_digest ? o->image_prep_digest : "";
    uint64_t h = mm_opts_hash(options, but, sizeof but / sizeof *but);
    h = mm_hash_more(h, rates, sizeof rates);
    return mm_hash_more(h, digest, strlen(digest) + 1);
}

int main(int argc, char **argv)
{
    mm_run r;
    mm_run_begin(&r, &tool, argc, argv);
    check_options(&r);
    mm_decoding d = {
        .r = &r,
        .decode = decode_options(&r),
        .source = source_options(),
        .key = opt.key,
        .label = opt.label,
        .marks = opt.mark,
        .records = opt.records,
        .labelling = {opt.labels, opt.key_column, opt.label_column, opt.table, NULL, 0, 0},
    };
    d.options = hash_options(&d.decode);
    mm_decoding_open(&d);
    mm_decoding_run(&d);
    mm_decoding_close(&d);
    return mm_run_end(&r);
}
