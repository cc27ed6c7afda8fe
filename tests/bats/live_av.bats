# Sound and video that come through a pipe: windows leave before more comes, and are those of the file. Media by ffmpeg.

bats_require_minimum_version 1.5.0

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    mkdir -p "$D" && cd "$D" || return 1
    command -v ffmpeg >/dev/null || return 0
    f() { ffmpeg -nostdin -v error -y "$@"; }
    f -f lavfi -i "aevalsrc=0.4*sin(2000*t*(1+t)):d=4:s=16000" -c:a pcm_s16le a.wav
    f -i a.wav -f s16le a.pcm -ar 8000 -c:a pcm_mulaw mu.wav
    f -f lavfi -i testsrc=size=48x32:rate=10:duration=4 -f lavfi -i "aevalsrc=0.4*sin(2000*t*(1+t))|0.1*sin(900*t):d=4:s=44100" \
        -c:v libx264 -preset ultrafast -g 20 -pix_fmt yuv420p -c:a aac v.mkv
    f -i v.mkv -c copy v.ts -c copy v.flv -c copy -movflags frag_keyframe+empty_moov+default_base_moof v.mp4 -c copy last.mp4 \
        -c:v libvpx -deadline realtime -cpu-used 8 -c:a libopus v.webm -an -pix_fmt yuv420p v.y4m \
        -vn -c:a libvorbis -page_duration 200000 a.ogg -vn -c:a libmp3lame a.mp3 -vn -c copy a.aac -vn a.aiff
}

setup() {
    cd "$D" || return 1
    tmp=$BATS_TEST_TMPDIR
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    command -v ffmpeg >/dev/null || skip "needs ffmpeg"
}

talk() { "$python" "$BATS_TEST_DIRNAME/talk.py" "$@"; }

# the records of $2 are those of $1, in any order of frames and sound; of errors the code
same() {
    "$python" - "$@" <<'END'
import sys, msgpack
def records(name):
    with open(name, "rb") as file:
        all = [r for r in msgpack.Unpacker(file, strict_map_key=False, max_buffer_size=2**30) if "kind" in r]
    for r in all:
        if r["kind"] == "error":
            r["error"] = r["error"]["code"]
    return sorted(all, key=lambda r: (r["kind"], r.get("of", ""), r.get("part", -1)))
a, b = map(records, sys.argv[1:])
if a != b:
    print(len(a), "records, and", len(b))
    for x, y in zip(a, b):
        if x != y:
            sys.exit("first: " + ", ".join(f"{k}: {str(x.get(k))[:40]} {str(y.get(k))[:40]}" for k in {**x, **y} if x.get(k) != y.get(k)))
    sys.exit(1)
END
}

# all of $1 but $2 bytes at its end, when $3 records have come, and the rest; $4…: options
piecemeal() {
    local file=$1 rest=$2 n=$3 size
    shift 3
    size=$(stat -c %s "$file")
    mm-decode -q "$@" - <"$file" >"$tmp/want"
    talk "$tmp/got" mm-decode -q --flush "$@" - <<END && same "$tmp/want" "$tmp/got"
file $file 0 $((size - rest))
$([ "$n" = 0 ] || echo expect $(printf -- '- %.0s' $(seq "$n")))
file $file $((size - rest)) $size
END
}

@test "a window leaves with its last sample: of WAV, and of samples without a header" {
    local h=$(($(stat -c %s a.wav) - 128000)) # bytes of the header
    talk "$tmp/got" mm-decode -q --flush --window 1 - <<END
file a.wav 0 $((h + 31999))
file a.wav $((h + 31999)) $((h + 32000))
expect -
file a.wav $((h + 32000)) $((h + 79000))
expect -
file a.wav $((h + 79000)) $((h + 96000))
expect -
file a.wav $((h + 96000)) $((h + 128000))
expect -
END
    mm-decode --window 1 - <a.wav >"$tmp/want"
    same "$tmp/want" "$tmp/got"
    talk "$tmp/got" mm-decode -q --flush --pcm s16le,16000 --window 0.5 --hop 1 - <<'END'
file a.pcm 0 15999
file a.pcm 15999 16000
expect -
file a.pcm 16000 48000
expect -
file a.pcm 48000 128000
END
    mm-decode --pcm S16_LE,16000,1 --window 0.5 --hop 1 - <a.pcm >"$tmp/want"
    same "$tmp/want" "$tmp/got"
    # telephone: no rate is changed, so nothing is held back by that
    h=$(($(stat -c %s mu.wav) - 32000))
    talk "$tmp/got" mm-decode -q --flush --rate native --window 1 - <<END
file mu.wav 0 $((h + 8000))
expect -
file mu.wav $((h + 8000)) $((h + 32000))
END
    mm-decode --rate native --window 1 - <mu.wav >"$tmp/want"
    same "$tmp/want" "$tmp/got"
}

@test "sound and frames come before the end, and are those of the file" {
    # the end that is held back holds two seconds at most
    for x in v.mkv v.ts v.flv v.webm; do
        piecemeal $x $(($(stat -c %s $x) / 2)) 4 --window 0.5 --fps 2 || { echo "$x"; false; }
    done
    for x in a.ogg a.mp3 a.aac a.aiff; do
        piecemeal $x $(($(stat -c %s $x) / 2)) 2 --window 0.5 || { echo "$x"; false; }
    done
    piecemeal v.y4m $(($(stat -c %s v.y4m) / 2)) 10
    # a fragment has to be complete; the first of two is more than a third of the file
    piecemeal v.mp4 $(($(stat -c %s v.mp4) / 3)) 2 --window 0.5 --fps 2
    # MP4 with its index at its end is read to its end first
    piecemeal last.mp4 1 0 --window 0.5 --fps 2
}

@test "--flush of a file is one pass, in the order of the pipe" {
    mm-decode --flush --window 1 --fps 2 - <v.mkv >"$tmp/file"
    cat v.mkv | mm-decode --flush --window 1 --fps 2 - | cmp - "$tmp/file"
    mm-decode --window 1 --fps 2 - <v.mkv >"$tmp/want"
    same "$tmp/want" "$tmp/file"
    # frames and sound side by side: the first window does not wait for the last frame
    mm-cat -t -f kind "$tmp/file" | uniq | wc -l | grep -qx '[5-9]\|1[0-9]'
}

@test "an input that is cut off: whole windows are there, and the error that the file gives; no cut makes it hang" {
    local x size cut status want
    for x in v.mkv v.ts v.mp4; do # sound by itself: test_live_sound
        size=$(stat -c %s $x)
        for cut in 40 700 $((size / 3)) $((size - 1)); do
            status=0
            head -c "$cut" $x | mm-decode -q --window 0.5 --fps 2 - >"$tmp/want" 2>"$tmp/err" || status=$?
            want=$status
            run timeout 20 sh -c "head -c $cut $x | mm-decode -q --flush --window 0.5 --fps 2 - >'$tmp/got' 2>/dev/null"
            [ "$status" -eq "$want" ] && same "$tmp/want" "$tmp/got" || { echo "$x $cut"; false; }
        done
    done
}

@test "a damaged place is an error record there, and what follows is decoded" {
    python3 - v.ts bad.ts <<'END'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
middle = len(data) // 2 // 188 * 188
for packet in range(middle, middle + 188 * 12, 188):
    for i in range(packet + 20, packet + 188, 3):
        data[i] ^= 0x5A
open(sys.argv[2], "wb").write(data)
END
    run -1 mm-decode --flush --window 0.5 --fps 5 -o "$tmp/out.mm" - < <(cat bad.ts)
    mm-cat -q -J "$tmp/out.mm" >"$tmp/out.json" || true # its status says that there are errors
    jq -se 'map(select(.kind == "error")) | length >= 1 and all(.error.code == "corrupt" and .time[0] > 0.5 and .time[0] < 3.5)' "$tmp/out.json"
    jq -se 'map(.kind == "error") as $e | ($e | index(true)) < ($e | length) - 4' "$tmp/out.json"
}

@test "frames that a source drops are said" {
    ffmpeg -nostdin -v error -y -i v.mkv -vf "select='not(between(n,15,19))'" -vsync passthrough -c:v mpeg4 -an drop.mkv
    run -0 mm-decode --flush -o "$tmp/o.mm" - < <(cat drop.mkv)
    [[ "$output" == *"gaps in the video: 1, of 0.60 s in all; frames missing: 5"* ]]
    run mm-decode -o "$tmp/o2.mm" drop.mkv # of a file, as ever
    [[ "$output" != *gaps* ]]
}

@test "a camera that was away for long comes back with what it sees, not with copies of what it saw" {
    ffmpeg -nostdin -v error -y -i v.mkv -vf "setpts='PTS+if(gte(N,20),600/TB,0)'" -vsync passthrough -c:v mpeg4 -an away.mkv
    for file in away.mkv -; do
        mm-decode -q --fps 5 --flush "$file" < <(cat away.mkv) | mm-cat -J |
            jq -s -e 'length == 20 and map(.part) == [range(20)] and all(.time[1] - .time[0] < 0.21) and
                .[9].time[1] < 2.2 and .[10].time[0] > 601.9 and .[19].time[1] < 604.3'
    done
    [ "$(mm-decode -q --fps 5 away.mkv | mm-cat --count | tr -d '\n')" = $'image\t3020' ] # a file's picture is shown on
}

@test "samples without a header, from files of any name; half of one at the end is said" {
    cp a.pcm call.raw
    mm-decode --pcm s16le,16000 call.raw | mm-cat -J | jq -e '.data.shape == [64000] and .meta.codec == "pcm_s16le" and .rate == 16000'
    mm-decode --only audio a.wav | mm-cat -J --data | jq -c .data >"$tmp/wav"
    mm-decode --pcm s16,16000 call.raw | mm-cat -J --data | jq -c .data | cmp - "$tmp/wav"
    formats="s24le s32le f32le u8 mulaw alaw"
    ffmpeg -nostdin -v error -y -i a.wav $(for x in $formats; do echo "-c:a pcm_$x -f $x -ac 2 x.$x"; done)
    for x in $formats; do
        mm-decode --pcm $x,16000,2 x.$x | mm-cat -J | jq -e '.data.shape == [64000] and .meta.channels == 2'
    done
    run -1 mm-decode --flush --pcm s16le,16000 -o "$tmp/o.mm" - < <(head -c 7 a.pcm)
    [[ "$output" == *"the last 1 byte is not a whole sample"* ]]
    mm-decode --pcm s16le,16000 a.wav | mm-cat -J | jq -e '.data.shape == [64000]' # has a header
    for bad in s17le,16000 s16le s16le,9 s16le,16000,0 s16le,16000,2,2 ,16000; do
        run -2 mm-decode --pcm $bad call.raw
        [[ "$output" == *"--pcm: "* ]]
    done
}

@test "streams that begin late, or are known late, are those of the file: none is lost, no end is said to be cut off" {
    local v="-f lavfi -i testsrc=d=3:s=32x24:r=25" a="-f lavfi -i sine=d=3" x
    f() { ffmpeg -nostdin -v error -y "$@"; }
    for x in ts mkv flv; do # pictures with B-frames
        f $v -itsoffset 1 -f lavfi -i sine=d=1.5 -c:v libx264 -c:a aac late.$x
        f -itsoffset 1 $v $a -c:v libx264 -c:a aac vlate.$x
    done
    f -f lavfi -i testsrc=d=11:s=32x24:r=5 -itsoffset 9 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac verylate.ts
    f $v $a -c:v mpeg1video -c:a mp2 m1.mpg
    f $v $a -c:v libx264 -c:a mp2 m.mpg
    f $v $a -c:v mpeg2video -bf 2 -c:a ac3 m2.ts
    for x in {v,}late.{ts,mkv,flv} verylate.ts m1.mpg m.mpg m2.ts; do
        mm-decode -q --window .5 - <$x >"$tmp/want"
        [[ $(mm-cat -t -f kind "$tmp/want" | sort -u | xargs) == *"audio"*"image"* ]] || { echo "$x: file"; false; }
        run -0 --separate-stderr sh -c "cat $x | mm-decode --window .5 --flush - >'$tmp/got'"
        same "$tmp/want" "$tmp/got" || { echo "$x"; false; }
        [[ $x == m.mpg || $stderr != *gaps* ]] || { echo "$x: $stderr"; false; }
    done
    # without the pictures, too
    mm-decode -q --only audio --window .5 verylate.ts | mm-cat -t -f kind | grep -c audio | grep -x 5
    cat verylate.ts | mm-decode -q --only audio --flush --window .5 - | mm-cat -t -f kind | grep -c audio | grep -x 5
}

@test "the first window of a WAV does not wait for a codec among its samples; DTS among them is found" {
    local h=$(($(stat -c %s a.wav) - 128000))
    talk "$tmp/got" mm-decode -q --flush --window 0.125 - <<END
file a.wav 0 $((h + 4096))
expect -
file a.wav $((h + 4096)) $((h + 128000))
END
    mm-decode -q --window 0.125 - <a.wav >"$tmp/want"
    same "$tmp/want" "$tmp/got"
    ffmpeg -nostdin -v error -y -i a.wav -ar 48000 -ac 2 -c:a dca -strict -2 -b:a 768k -f dts x.dts
    ffmpeg -nostdin -v error -y -i x.dts -c copy dts.wav
    cat dts.wav | mm-decode -q --flush - | mm-cat -J | jq -e '.meta.codec == "dts"'
}
