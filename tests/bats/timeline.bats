# Times from end to end: windows of sound, rows of a face's numbers and a transcript become samples of two seconds, and labels
# become the timeline of a call.

bats_require_minimum_version 1.5.0

setup() {
    tests=$PWD/tests/bats E=$PWD/tests/goldens/encode
    cd "$BATS_TEST_TMPDIR" || return 1
}
records() { python3 "$tests/records.py"; }
# prints a file of labels and texts as records
call() {
    records <<'END'
{"kind":"label","key":"call","time":[2.0,4.0],"label":{"sad & <b>":0.87,"happy":0.13},"meta":{"weights":{"agent":0.6,"customer":0.3}}}
{"kind":"label","key":"call","time":[0.0,2.0],"label":{"happy":0.913,"sad":0.087},"of":"fused"}
{"kind":"text","key":"call","time":[0.5,0.5],"data":"a --> b\n\r\n\nc & d","of":"chat-agent"}
{"kind":"text","key":"call","time":[100000.5,100001.25],"data":"<v x>","meta":{"speaker":"Bob & Al"}}
{"kind":"label","key":"x-->y","time":[5,6],"label":-0.25}
{"kind":"label","key":"call","label":"joy"}
{"kind":"label","key":"call","time":[7,8],"label":{"emotion":"joy","arousal":0.3},"of":"face"}
{"kind":"label","key":"call","time":[8.0001,8.0002],"label":{"a":1.0},"meta":{"field":"emotion"}}
{"kind":"feature","key":"call","time":[8,9],"data":{"f32":[1]},"label":"not shown"}
END
}

@test "voice, face and words are joined by time" {
    "${MM_PYTHON:-python3}" -c 'import msgpack, msgpack_numpy, numpy' || skip "needs msgpack-numpy"
    mm-model list 2>/dev/null | grep -q minilm-l6 || skip "needs minilm-l6 (make models)"
    python3 "$tests/media.py" wav call.wav 5 16000
    printf '%s\n' t,x,y 0.0,1,10 0.5,2,20 1.0,3,30 2.5,5,50 4.0,7,70 >call.csv
    printf '1\n00:00:00,500 --> 00:00:03,000\nhello there\n\n2\n00:00:03,000 --> 00:00:04,500\ngood bye\n' >call.srt
    mm-decode --window 1 --of voice call.wav | mm-encode-audio -m "$E/wav2vec2" --pool mean >voice.mm
    mm-decode --as feature --time-column t --of face call.csv >face.mm
    mm-decode call.srt | mm-encode-text -m minilm-l6 >words.mm
    # encoders keep key, part and time
    for f in voice:wav words:srt; do
        diff <(mm-cat --tsv --no-header --fields key,part,time "${f%:*}.mm") \
            <([ "${f#*:}" = wav ] && mm-decode --window 1 call.wav | mm-cat --tsv --no-header --fields key,part,time ||
                mm-decode call.srt | mm-cat --tsv --no-header --fields key,part,time)
    done
    mm-fuse --join time --window 2 --method concat voice.mm face.mm words.mm >joined.mm
    "${MM_PYTHON:-python3}" - <<'P'
import msgpack, msgpack_numpy, numpy as np

def records(path):
    return list(msgpack.Unpacker(open(path, "rb"), object_hook=msgpack_numpy.decode))

def mean(rows, a, b):
    """of what overlaps [a, b), weighted by the overlap; an instant counts as a millisecond"""
    x, total = 0, 0
    for r in rows:
        s, e = r["time"]
        w = (1e-3 if a <= s < b else 0) if e - s < 1e-3 else max(0, min(e, b) - max(s, a))
        x, total = x + w * r["data"].astype(float), total + w
    return x / total if total else np.zeros(len(rows[0]["data"]))

inputs = {name: records(name + ".mm") for name in ("words", "face", "voice")}
order = ["words", "face", "voice"]  # image, text, audio, video, then by name
joined = records("joined.mm")
assert [r["time"] for r in joined] == [[0, 2], [2, 4], [4, 6]], [r["time"] for r in joined]
for r in joined:
    assert r["key"] == "call", r["key"]
    want = np.concatenate([mean(inputs[name], *r["time"]) for name in order])
    assert np.allclose(r["data"], want, atol=1e-5), (r["time"], np.abs(r["data"] - want).max())
P
    # a text that is an instant is in the window that holds it, and only there
    printf '%s\n' at,text 1.999,a 2,b 4.75,c >chat.csv
    mm-decode --column text --time-column at --of chat chat.csv | mm-encode-text -m minilm-l6 |
        mm-fuse --join time --window 2 --method concat >chat.mm
    mm-decode --column text chat.csv | mm-encode-text -m minilm-l6 >alone.mm
    values() { mm-cat -J --data "$1" | jq -c '.data.values | map(. * 10000 | round)'; }
    diff <(values chat.mm) <(values alone.mm)
}

@test "--vtt: labels and texts in the order of time, escaped" {
    call | mm-cat --vtt >got 2>log
    grep -q 'without a time, which have no place in a timeline: 1' log
    cat >want <<'END'
WEBVTT

call
00:00:00.000 --> 00:00:02.000
happy 0.91

call
00:00:00.500 --> 00:00:01.500
<v chat-agent>a --&gt; b
c &amp; d

call
00:00:02.000 --> 00:00:04.000
sad &amp; &lt;b&gt; 0.87 (agent 0.6, customer 0.3)

x--_y
00:00:05.000 --> 00:00:06.000
-0.25

call
00:00:07.000 --> 00:00:08.000
face: emotion joy, arousal 0.3

call
00:00:08.000 --> 00:00:08.001
emotion a 1.00

call
27:46:40.500 --> 27:46:41.250
<v Bob &amp; Al>&lt;v x&gt;

END
    diff want got
    # as they come, and up to a mark
    [ "$(call | mm-cat --vtt --flush 2>/dev/null | grep -c 'call')" -eq 6 ]
    call | mm-cat --vtt --flush 2>/dev/null | sed -n 4p | grep -qx '00:00:02.000 --> 00:00:04.000'
    (call | mm-cat -w time.0=2 && echo '{"kind":"mark","key":"1"}' | records && call | mm-cat -w time.0=0) >marked.mm
    [ "$(mm-cat --vtt marked.mm | grep -e '-->' | cut -c 7-8 | tr '\n' ' ')" = "02 00 " ]
}

@test "--vtt answers before its input ends" {
    mkfifo in out
    mm-cat --vtt --flush <in >out 2>/dev/null &
    exec 8>in 9<out
    call >&8
    for want in WEBVTT '' call '00:00:02.000 --> 00:00:04.000'; do
        read -r -t 20 line <&9
        [ "$line" = "$want" ]
    done
    exec 8>&-
    cat <&9 >/dev/null
    wait
}

@test "--vtt is read by mm-decode, ffmpeg and webvtt-py" {
    call | mm-cat --vtt >t.vtt 2>/dev/null
    mm-decode t.vtt | mm-cat -J | jq -c '[.time, .data, .meta.speaker]' | diff - <(cat <<'END'
[[0,2],"happy 0.91",null]
[[0.5,1.5],"a --> b\nc & d","chat-agent"]
[[2,4],"sad & <b> 0.87 (agent 0.6, customer 0.3)",null]
[[5,6],"-0.25",null]
[[7,8],"face: emotion joy, arousal 0.3",null]
[[8,8.001],"emotion a 1.00",null]
[[100000.5,100001.25],"<v x>","Bob & Al"]
END
    )
    if command -v ffmpeg; then
        ffmpeg -nostdin -v error -y -i t.vtt t.srt
        diff <(mm-cat -J <(mm-decode t.vtt) | jq -c .time) <(mm-decode t.srt | mm-cat -J | jq -c .time)
        grep -qx 'sad & <b> 0.87 (agent 0.6, customer 0.3)' t.srt
    fi
    "${MM_PYTHON:-python3}" -c 'import webvtt' 2>/dev/null || skip "needs webvtt-py"
    [ "$("${MM_PYTHON:-python3}" -c 'import webvtt; print(*[c.identifier for c in webvtt.read("t.vtt")])')" = \
        "call call call x--_y call call call" ]
}

@test "--vtt: features show the texts that they were made from; a stream without anything to show says so" {
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    printf '0,1,1\n' >n.csv
    mm-decode --as feature --time-column 1,2 n.csv >plain.mm
    [ "$(mm-cat --vtt plain.mm 2>log)" = WEBVTT ]
    grep -q 'no labels and no texts among the records, of which there are 1' log
    "$python" -c '
import msgpack, sys
for r in msgpack.Unpacker(sys.stdin.buffer, strict_map_key=False):
    r.update(meta={"text": "a < b"}, of="words")
    sys.stdout.buffer.write(msgpack.packb(r))' <plain.mm >texts.mm
    mm-cat --vtt texts.mm 2>log | grep -qx '<v words>a &lt; b'
    [ ! -s log ]
}
