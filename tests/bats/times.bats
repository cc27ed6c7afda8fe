# Texts with times: rows of tables, subtitles, transcripts.

bats_require_minimum_version 1.5.0

setup() {
    make=$PWD/tests/bats/media.py
    data=${MM_DATA:-$PWD/../shared/data}
    cd "$BATS_TEST_TMPDIR" || return 1
}
# time.0 time.1 modality text
lines() { mm-cat -J | jq -r 'select(.kind == "text") | "\(.time[0]) \(.time[1]) \(.of // "-") \(.data)"'; }
errors() { mm-cat -w kind=error --tsv --no-header --fields part,error.text; }

@test "rows have the times and modalities of their columns, and are parts of their table" {
    printf '%s\n' 'at,until,who,text' '0,1.5,agent,hello' '0:02,0:03.25,customer,hi' '"00:01:02,500",,agent,bye' '70,71,,ring' >call.csv
    mm-decode --column text --time-column at,until --of-column who call.csv >call.mm
    diff - <(lines <call.mm) <<<'0 1.5 agent hello
2 3.25 customer hi
62.5 62.5 agent bye
70 71 - ring'
    [ "$(mm-cat -k call.mm)" = call ]
    [ "$(mm-cat --tsv --no-header --fields part call.mm | tr '\n' ' ')" = "0 1 2 3 " ]
    # in front of them, a name that tells them from the channels of a sound
    mm-decode --column text --time-column at --of chat --of-column who call.csv | mm-cat --count-by of | sort | diff - <(
        printf 'chat\t1\nchat-agent\t2\nchat-customer\t1\n' | sort)
    # a column of keys wins; columns by number; JSON lines
    run -1 mm-decode --column 4 --time-column 1,2 --key-column 3 -o keys.mm call.csv
    mm-cat -w kind=text --tsv --no-header --fields key keys.mm | diff - <(printf '%s\n' agent customer agent)
    errors <keys.mm | diff - <(printf '0\trow 1: not a time: "at"\n4\trow 5: no key in column 3\n')
    printf '{"t": 1.5, "s": "a"}\n{"s": "b", "t": "0:02"}\n' | mm-decode --column s --time-column t - | lines |
        diff - <(printf '1.5 1.5 - a\n2 2 - b\n')
    # numbers, too
    printf 't,x,y\n0,1,2\n0.5,3,4\n' | mm-decode --as feature --time-column t - | mm-cat --tsv --no-header --fields time.0,shape |
        diff - <(printf '0\tf32[2]\n0.5\tf32[2]\n')
}

@test "dates are counted from --epoch" {
    printf '%s\n' 't;x' '2024-03-12T14:05:11.25+01:00;a' '2024-03-12 13:05:12Z;b' '1710248713;c' >z.csv
    for zero in 2024-03-12T13:05:11Z 2024-03-12T14:05:11+01:00 1710248711; do
        mm-decode --column x --time-column t --epoch "$zero" z.csv | lines | diff - <(printf '0.25 0.25 - a\n1 1 - b\n2 2 - c\n')
    done
    run ! mm-decode --column x --time-column t -o x.mm z.csv
    [ "$(errors <x.mm | grep -c -- '--epoch TIME says it')" -eq 2 ]
    run -2 mm-decode --column x --time-column t --epoch noon z.csv
    [[ $output == *"2024-03-12T14:05:11Z"* ]]
    run -2 mm-decode --column x --epoch 0 z.csv
    run -2 mm-decode --column x --time-column t, z.csv
}

@test "a row without a time that makes sense is an error of that row" {
    printf '%s\n' 'at,until,text' '1,2,a' ',2,b' 'soon,2,c' '3,2,d' '-1,2,e' '4,5,f' >x.csv
    run ! mm-decode --column text --time-column at,until -o x.mm x.csv
    diff - <(lines <x.mm) <<<'1 2 - a
4 5 - f'
    diff - <(errors <x.mm) <<<'1	row 2: no time in column at
2	row 3: not a time: "soon"
3	row 4: it ends, at 2, before it begins, at 3
4	row 5: "-1" lies before zero'
    run ! mm-decode --column text --time-column when x.csv
    [[ $output == *"no column when"* ]]
}

@test "MELD's utterances have the times that Python reads" {
    [ -d "$data/meld_text" ] || skip "needs $data/meld_text"
    mm-decode --column Utterance --time-column StartTime,EndTime --of-column Speaker "$data/meld_text/dev_sent_emo.csv" \
        2>/dev/null | mm-cat -J >got || true
    python3 - "$data/meld_text/dev_sent_emo.csv" <<'P'
import csv, json, re, sys
from datetime import timedelta

def seconds(t):
    h, m, s, ms = map(int, re.split("[:,]", t))
    return timedelta(hours=h, minutes=m, seconds=s, milliseconds=ms) / timedelta(seconds=1)

got = [json.loads(line) for line in open("got")]
rows = list(csv.DictReader(open(sys.argv[1], encoding="utf-8")))
assert len(got) == len(rows) > 1000
failed = 0
for g, r in zip(got, rows):
    start, end = seconds(r["StartTime"]), seconds(r["EndTime"])
    if g["kind"] == "error":
        assert end < start or "," in r["Speaker"], (g, r)
        failed += 1
    else:
        assert g["time"] == [start, end] and g["of"] == r["Speaker"].strip() and g["data"] == r["Utterance"], (g, r)
assert failed < 60, failed
P
}

@test "subtitles are texts with times, by their content, in directories and archives" {
    mkdir d
    printf '\xef\xbb\xbf1\r\n00:00:00,500 --> 00:00:02,000\r\n<i>a</i>\r\nb\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nc\r\n' >d/a.srt
    printf 'WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 line:0\n<v Anna>a &amp; b</v> <v Bob>c\n\n00:02.000 --> 00:03.000\nd\n' >d/b.vtt
    iconv -f utf-8 -t utf-16 d/a.srt >d/c.srt
    cp d/a.srt d/e.txt
    mm-decode d >d.mm
    diff - <(mm-cat -w key=a d.mm | lines) <<<'0.5 2 - a
b
3 4 - c'
    for key in c e; do diff <(mm-cat -w key=a d.mm | lines) <(mm-cat -w "key=$key" d.mm | lines); done
    diff - <(mm-cat -w key=b -J d.mm | jq -c '[.part, .time, .data, .meta.speaker]') <<<'[0,[1,2],"a & b","Anna"]
[1,[1,2],"c","Bob"]
[2,[2,3],"d",null]'
    mm-decode --of-column speaker d/b.vtt | mm-cat --count-by of | diff - <(printf '\t1\nAnna\t1\nBob\t1\n')
    tar cf d.tar d && mm-decode d.tar | mm-cat -c | diff - <(mm-cat -c d.mm)
    # as lines where that is asked for
    [ "$(mm-decode --lines d/b.vtt | mm-cat -c)" = "text	9" ]
    # two sources of one sample's text
    cp d/a.srt d/b.srt
    run ! mm-decode -o x.mm d
    mm-cat -w kind=error -J x.mm | jq -e 'select(.key == "b") | .error.text | test("has its text from")'
    # what is no cue is said, and loses nothing else
    printf '1\n00:00:01,000 --> 00:00:02,000\na\n\nb\n\n2\n00:00:04,000 --> 00:00:03,000\nc\n\n3\n00:00:05,000 --> 00:00:06,000\nd\n' >x.srt
    run ! mm-decode -o x.mm x.srt
    diff - <(lines <x.mm) <<<'1 2 - a
5 6 - d'
    diff - <(errors <x.mm) <<<'1	line 5: text without a time: "b"
2	line 8: the cue ends before it begins'
}

@test "transcripts of Whisper and its relatives" {
    echo '{"text": " a b", "segments": [{"id": 0, "start": 0.0, "end": 2.48, "text": " a", "words": [{"word": "a"}]},
        {"start": null, "end": 3, "text": "x"}, {"start": 3, "end": 4.25, "text": " b ", "speaker": "SPEAKER_01"}], "language": "en"}' >w.json
    run ! mm-decode -o w.mm w.json
    diff - <(mm-cat -J w.mm | jq -c '[.part, .time, .data, .meta, .error.text]') <<<'[0,[0,2.48],"a",{"language":"en"},null]
[1,null,null,null,"segment 2 has no start and end"]
[2,[3,4.25],"b",{"speaker":"SPEAKER_01","language":"en"},null]'
    # NaN, as Python writes it
    echo '{"segments": [{"start": 0.5, "end": 1, "text": "\"NaN\"", "words": [{"score": NaN}, NaN]}]}' >nan.json
    mm-decode nan.json | lines | diff - <(echo '0.5 1 - "NaN"')
    # whisper.cpp -oj
    printf '{\n\t"systeminfo": "AVX = 1",\n\t"result": {\n\t\t"language": "en"\n\t},\n\t"transcription": [\n\t\t{\n\t\t\t"timestamps": {\n\t\t\t\t"from": "00:00:00,000",\n\t\t\t\t"to": "00:00:10,500"\n\t\t\t},\n\t\t\t"offsets": {\n\t\t\t\t"from": 40,\n\t\t\t\t"to": 10500\n\t\t\t},\n\t\t\t"text": " And so"\n\t\t}\n\t]\n}\n' >cpp.json
    mm-decode cpp.json | lines | diff - <(echo '0.04 10.5 - And so')
    # … -ojf: a character may be in two tokens
    printf '{"transcription": [{"offsets": {"from": 0, "to": 500}, "text": " \303\251", "tokens": [{"text": "\303"}, {"text": "\251"}]}]}' >full.json
    mm-decode full.json | lines | diff - <(echo '0 0.5 - é')
    # other JSON stays a text
    echo '{"segments": 3, "text": "a"}' >n.json
    [ "$(mm-decode n.json | mm-cat -J | jq -r .data | jq .segments)" = 3 ]
}

@test "subtitles of other programs' writers are read as reference parsers read them" {
    "${MM_PYTHON:-python3}" -c 'import webvtt, srt, pysubs2' 2>/dev/null || skip "needs webvtt-py, srt and pysubs2"
    "${MM_PYTHON:-python3}" - <<'P'
import datetime, glob, json, random, subprocess
import pysubs2, srt, webvtt

rng = random.Random(5)
words = "so und naïve 東京 fellow – “Americans” 12 1984 don't – ask ♪".split()
cues, t = [], 0
for _ in range(300):
    t += rng.randrange(0, 4000)
    n = rng.randrange(100, 5000)
    text = "\n".join(" ".join(rng.choices(words, k=rng.randrange(1, 9))) for _ in range(rng.randrange(1, 4)))
    cues.append((t, t + n, text))

open("s.srt", "w").write(srt.compose(srt.Subtitle(i, datetime.timedelta(milliseconds=a), datetime.timedelta(milliseconds=b), x)
                                     for i, (a, b, x) in enumerate(cues)))
subs = pysubs2.SSAFile()
subs.events = [pysubs2.SSAEvent(start=a, end=b, text=x.replace("\n", "\\N").replace("so", r"{\i1}so{\i0}")) for a, b, x in cues]
subs.save("p.srt")
subs.save("p.vtt")
vtt = webvtt.WebVTT()
stamp = lambda ms: f"{ms // 3600000:02}:{ms // 60000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
for a, b, x in cues:
    vtt.captions.append(webvtt.Caption(stamp(a), stamp(b), x))
vtt.save("w.vtt")
if subprocess.run(["sh", "-c", "command -v ffmpeg"], capture_output=True).returncode == 0:
    for to in "f.vtt", "f.srt":
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", "p.srt", to], check=True)

def ours(path):
    out = subprocess.run(f"mm-decode {path} | mm-cat -J", shell=True, check=True, capture_output=True).stdout
    return [(round(r["time"][0] * 1000), round(r["time"][1] * 1000), r["data"]) for r in map(json.loads, out.splitlines())]

def milliseconds(stamp):
    return sum(int(v) * k for v, k in zip(stamp.replace(".", ":").split(":"), (3600000, 60000, 1000, 1)))

for path in sorted(glob.glob("*.srt") + glob.glob("*.vtt")):
    if path.endswith("srt"):
        theirs = [(e.start, e.end, e.plaintext) for e in pysubs2.load(path)]
    else:
        theirs = [(milliseconds(c.start), milliseconds(c.end), c.text) for c in webvtt.read(path)]
    got = ours(path)
    assert len(got) == len(theirs) == 300, (path, len(got), len(theirs))
    for g, w in zip(got, theirs):
        assert g == w, (path, g, w)
P
}

@test "subtitles come cue by cue out of a pipe, and are those of the file" {
    mkfifo in out
    printf '1\r\n00:00:00,500 --> 00:00:02,000\r\n<i>a</i>\r\nb\r\n\r\n2\r\n00:00:03,000 --> 00:00:02,000\r\nc\r\n\r\n3\r\n00:00:05,000 --> 00:00:06,000\r\nd' >x.srt
    printf 'WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000\n<v A>a\n\n00:02.000 --> 00:03.000\nb\n' >x.vtt
    for f in x.srt x.vtt; do
        mm-decode --flush - <in 2>/dev/null | mm-cat -J --flush >out &
        exec 8>in 9<out
        head -c 60 "$f" >&8
        read -r -t 20 first <&9
        tail -c +61 "$f" >&8
        exec 8>&-
        { echo "$first" && cat <&9; } >live
        wait
        mm-decode - <"$f" 2>/dev/null | mm-cat -J | diff - live
        [ "$(jq -r .data <<<"$first" | head -n 1)" = a ]
    done
}
