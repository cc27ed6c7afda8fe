# Sound, and sound beside pictures: one clock, channels and tracks, what is cut, what is not sound. Media by media.py and ffmpeg.

bats_require_minimum_version 1.5.0

setup() {
    make=$PWD/tests/bats/media.py
    cd "$BATS_TEST_TMPDIR" || return 1
}
m() { python3 "$make" "$@"; }
f() { ffmpeg -nostdin -v error -y "$@"; }
needs_ffmpeg() { command -v ffmpeg >/dev/null || skip "needs ffmpeg"; }
kinds() { mm-cat -q -J "$@" | jq -r .kind | sort | uniq -c | awk '{ print $2, $1 }' | paste -sd ,; }
# $1: the kinds of what comes of $3, $2: its exit status, rest: options
gives() {
    local kinds=$1 want=$2 file=$3
    shift 3
    rm -f out.mm
    run mm-decode -q "$@" -o out.mm "$file"
    [ "$status" -eq "$want" ] && [ "$(kinds out.mm)" = "$kinds" ] || { echo "$file: $status $(kinds out.mm) $output"; return 1; }
}
code() { mm-cat -q -J out.mm | jq -r 'select(.kind == "error").error.code'; }
picture=(-f lavfi -i testsrc=size=32x32:rate=10:duration=1)
tone=(-f lavfi -i sine=duration=1:sample_rate=44100)
# a second with a flash and a beep, both from 0.5 s on; $1: the file, rest: options
event() {
    local file=$1
    shift
    f -f lavfi -i "color=black:size=32x32:rate=10:duration=1,drawbox=color=white:t=fill:enable='gte(t,0.45)'" \
        -f lavfi -i "aevalsrc='if(gte(t,0.5),0.8*sin(2*PI*1000*t),0)':d=1:s=44100" "$@" "$file"
}
# when the first picture of $1 is white, and when its sound begins to be loud
flash_and_beep() {
    mm-decode -q "$@" | mm-cat -J --data | python3 -c '
import json, sys
flash = beep = None
for r in map(json.loads, sys.stdin):
    x, start = r["data"]["values"], r.get("time", [0, 0])[0]
    if r["kind"] == "image" and flash is None and x[len(x) // 2][0][0] > 128:
        flash = start
    if r["kind"] == "audio" and beep is None:
        beep = next((start + i / r["rate"] for i, v in enumerate(x) if abs(v) > 0.3), None)
print(round(flash, 3), round(beep, 3))'
}
near() { python3 -c 'import sys; a, b, most = map(float, sys.argv[1:]); sys.exit(abs(a - b) > most)' "$1" "$2" "${3:-0.03}"; }

# ---- one clock ----

@test "sound that starts later than the pictures carries its own time, as ffprobe tells it" {
    needs_ffmpeg
    event both.mp4 -c:v libx264 -pix_fmt yuv420p -c:a aac
    for x in late.mp4 late.mkv late.ts; do
        f -i both.mp4 -itsoffset 2 -i both.mp4 -map 0:v -map 1:a -c copy $x
        want=$(ffprobe -v error -show_entries stream=start_time -of csv=p=0 $x | paste -sd ' ' | awk '{ print $2 - $1 }')
        mm-decode --window 0.5 $x | mm-cat -J >out.json
        near "$want" "$(jq -s '[.[] | select(.kind == "audio")][0].time[0]' out.json)" 0.002
        jq -se '[.[] | select(.kind == "image")][0].time[0] == 0' out.json
        read -r flash beep < <(flash_and_beep $x)
        near "$(echo "$flash" | awk '{ print $1 + 2 }')" "$beep" || { echo "$x $flash $beep"; false; }
        mm-decode $x | mm-cat -J | jq -se 'any(.kind == "audio" and .part == null and .time[0] > 1.5)'
    done
    # the pictures later than the sound
    f -itsoffset 2 -i both.mp4 -i both.mp4 -map 0:v -map 1:a -c copy late.mp4
    read -r flash beep < <(flash_and_beep late.mp4)
    near "$flash" 2.5 && near "$beep" 0.5
}

@test "what a cut at a key frame or an encoder's start puts before zero is not heard; sound and pictures stay together" {
    needs_ffmpeg
    event both.mp4 -c:v mpeg4 -g 5 -c:a aac
    f -i both.mp4 -ss 0.25 -c copy cut.mp4
    f -i both.mp4 -c copy copied.mkv
    event both.webm -c:v libvpx -c:a libopus
    event both.ts -c:v mpeg2video -c:a mp2
    for x in cut.mp4 copied.mkv both.mp4 both.webm both.ts; do
        read -r flash beep < <(flash_and_beep $x)
        near "$flash" "$beep" 0.05 || { echo "$x $flash $beep"; false; }
        mm-decode $x | mm-cat -J | jq -se 'all(.time == null or .time[0] >= 0)'
    done
}

@test "a chain of Opus or Vorbis streams is one sound, without a gap where they meet" {
    needs_ffmpeg
    for codec in libopus libvorbis; do
        for pitch in 300 900; do
            f -f lavfi -i "sine=f=$pitch:d=1.3:r=48000" -c:a $codec $pitch.ogg
        done
        cat 300.ogg 900.ogg >chain.ogg
        run -0 mm-decode -o chain.mm chain.ogg
        [ -z "$output" ]
        mm-cat -J chain.mm | jq -e -s 'length == 1 and (.[0].data.shape[0] - 41600 | fabs) < 500'
    done
}

@test "joined segments, whose time stamps begin again or leap, give all their frames, and times that go on" {
    needs_ffmpeg
    event a.ts -c:v mpeg2video -c:a mp2
    event far.ts -c:v mpeg2video -c:a mp2 -output_ts_offset 5000
    event wraps.ts -c:v mpeg2video -c:a mp2 -output_ts_offset 95441.8
    event a.mpg -r 25 -c:v mpeg2video -c:a mp2
    cat a.ts a.ts a.ts >again.ts
    cat a.ts far.ts a.ts >leap.ts
    cat a.ts wraps.ts far.ts >wrap.ts
    cat a.mpg a.mpg a.mpg >again.mpg
    f -i a.ts -an -c copy mute.ts
    cat mute.ts mute.ts mute.ts >mutes.ts
    [ "$(f -i mutes.ts -vf fps=2 -f rawvideo -pix_fmt gray - | wc -c)" -eq $((6 * 32 * 32)) ]
    [ "$(mm-decode --fps 2 mutes.ts | mm-cat -c)" = $'image\t6' ]
    for x in again.ts leap.ts wrap.ts again.mpg; do
        mm-decode $x | mm-cat -J >out.json
        # no frame is longer or shorter than one, nor does any time run back
        jq -se '[.[] | select(.kind == "image") | .time[1] - .time[0]] | min > 0.03 and max < 0.15' out.json
        jq -se '[.[] | select(.kind == "image") | .time[0]] | . == sort and .[-1] > 2.7 and .[-1] < 3.1' out.json
        [ "$(jq -c 'select(.kind == "audio") | .data.shape[0] > 47500 and .data.shape[0] < 49500' out.json)" = true ]
    done
    # the flash and the beep of the middle one alone
    f -f lavfi -i color=black:size=32x32:rate=10:duration=1 -f lavfi -i anullsrc=r=44100:cl=mono:d=1 -shortest \
        -c:v mpeg2video -c:a mp2 silent.ts
    cat silent.ts silent.ts silent.ts a.ts silent.ts >x.ts
    read -r flash beep < <(flash_and_beep x.ts)
    near "$flash" "$beep" 0.06
}

@test "a pause in the sound is silence; after a long one a new part begins, at its own time" {
    needs_ffmpeg
    for gap in 2 60; do
        f "${tone[@]}" -af "asetpts='PTS+if(gte(T,0.5),$gap/TB,0)'" -c:a pcm_s16le x.mka
        mm-decode x.mka | mm-cat -J | jq -c '[.part, .time, .data.shape[0]]' >"gap-$gap"
        mm-decode --window 0.25 x.mka | mm-cat -J | jq -c '.time' >"windows-$gap"
    done
    [ "$(jq -c '.[0:2]' gap-2)" = "[null,null]" ]
    near "$(jq '.[2]' gap-2)" 48000 800
    [ "$(wc -l <gap-60)" -eq 2 ]
    jq -se '.[0][0] == 0 and .[1][0] == 1 and .[0][1][0] == 0 and .[1][1][0] > 60.4 and .[1][1][0] < 60.6' gap-60
    near "$(jq -s '[.[][2]] | add' gap-60)" 16000 2
    near "$(wc -l <windows-2)" 12 1 && near "$(wc -l <windows-60)" 5 1
    jq -se 'all(.[1] < 0.6 or .[0] > 60.4)' windows-60
}

@test "two frames a day apart do not become millions of records" {
    needs_ffmpeg
    f -f lavfi -i testsrc=size=32x32:rate=1/86000:duration=172000 -c:v mjpeg day.mkv
    gives "image 2" 0 day.mkv
    gives "error 1,image 12001" 1 day.mkv --fps 25
    [ "$(code)" = too-long ]
}

# ---- channels, tracks ----

# "of level" of each sound
voices() {
    mm-decode -q --only audio "$@" | mm-cat -J --data |
        jq -r '"\(.key) \(.of) \(.part) \(.data.values | add / length * 1000 | round / 1000)"'
}

@test "one channel, or each under a name of its own" {
    m levels call.wav 16000 0.5 0.25
    [ "$(voices call.wav)" = "call null null 0.375" ]
    [ "$(voices --channel 2 call.wav)" = "call null null 0.25" ]
    [ "$(voices --channel left call.wav)" = "call null null 0.5" ]
    [ "$(voices --channel right call.wav)" = "call null null 0.25" ]
    [ "$(voices --channel 1=agent,2=customer call.wav)" = $'call agent null 0.5\ncall customer null 0.25' ]
    [ "$(voices --rate 8000 --channel right=customer call.wav)" = "call customer null 0.25" ]
    [ "$(voices --window 0.25 --channel 1=agent,2=customer call.wav | sort)" = \
        $'call agent 0 0.5\ncall agent 1 0.5\ncall customer 0 0.25\ncall customer 1 0.25' ]
    [ "$(voices --of phone --channel 1=agent,2 call.wav)" = $'call agent null 0.5\ncall phone null 0.25' ]
    gives "error 1" 1 call.wav --channel 3
    [ "$(mm-cat -q -J out.mm | jq -r .error.text)" = "no channel 3: this sound has 2" ]
    gives "error 1" 1 call.wav --channel 1=agent,7=customer
    for bad in x 0 1,2 1=a,2=a 1= ""; do
        run mm-decode --channel "$bad" call.wav
        [ "$status" -eq 2 ] || { echo "$bad"; false; }
    done
}

@test "channels that cancel each other out are named" {
    m levels anti.wav 16000 0.5 -0.5
    run --separate-stderr mm-decode anti.wav -o out.mm
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"anti.wav"*"cancel each other out"*"--channel"* ]]
    rm out.mm
    for fine in "0.5 0.5" "0.5 0" "0 0" "0.5 -0.4"; do
        m levels fine.wav 16000 $fine
        run --separate-stderr mm-decode fine.wav -o out.mm
        [ -z "$stderr" ] || { echo "$fine: $stderr"; false; }
        rm out.mm
    done
    run --separate-stderr mm-decode --channel 1 anti.wav -o out.mm
    [ -z "$stderr" ]
}

@test "further tracks are said, and chosen by number or language" {
    needs_ffmpeg
    m levels one.wav 16000 0.5
    m levels two.wav 16000 0.25
    f "${picture[@]}" -i one.wav -i two.wav -map 0 -map 1 -map 2 -c:v mpeg4 -c:a pcm_f32le \
        -metadata:s:a:0 language=eng -metadata:s:a:1 language=deu two.mkv
    run --separate-stderr mm-decode two.mkv -o out.mm
    [ "$status" -eq 0 ]
    [[ "$stderr" == *"further tracks of sound: 1 (--track chooses)"* ]]
    mm-cat -J out.mm | jq -se '[.[] | select(.kind == "audio").meta][0] | .track == 1 and .tracks == 2 and .language == "eng"'
    run --separate-stderr mm-decode --only image two.mkv
    [ -z "$stderr" ]
    [ "$(voices --track 1 two.mkv)" = "two null null 0.5" ]
    [ "$(voices --track 2 two.mkv)" = "two null null 0.25" ]
    [ "$(voices --track deu two.mkv)" = "two null null 0.25" ]
    run --separate-stderr mm-decode --track 2 two.mkv
    [ -z "$stderr" ]
    gives "error 1,image 10" 1 two.mkv --track fra
    [ "$(mm-cat -q -J out.mm | jq -r 'select(.kind == "error").error.text')" = "no sound track fra; there are 1 (eng), 2 (deu)" ]
    for track in - "" 0 2x 2,1 1=a,2=b; do
        run mm-decode --track "$track" two.mkv
        [ "$status" -eq 2 ]
        [[ "$output" == *"--track: a track is its number"* ]]
    done
}

# ---- what is cut ----

@test "sound that ends before its header says: what is there, and an error" {
    needs_ffmpeg
    m wav long.wav 0.2 16000
    f -i long.wav -c:a pcm_s16le -rf64 always a.rf64.wav
    for x in a.w64 a.aiff a.au a.caf a.mp4 a.mka a.flac a.mp3; do f -i long.wav -c:a copy $x 2>/dev/null || f -i long.wav $x; done
    for x in long.wav a.rf64.wav a.w64 a.aiff a.au a.caf a.mka a.flac a.mp3; do
        gives "audio 1" 0 $x
        for part in 50 97; do
            [ $x$part != a.mp397 ] || continue # the last frame may be all padding
            head -c $(($(stat -c %s $x) * part / 100)) $x >cut-$x
            rm -f out.mm
            run mm-decode -q -o out.mm cut-$x
            [ "$status" -eq 1 ] && [[ "$(kinds out.mm)" == *"error 1" ]] || { echo "$x $part: $(kinds out.mm)"; false; }
            # all in one block
            [[ $x = a.mka || $x = a.flac ]] || [[ "$(kinds out.mm)" == "audio 1,"* ]] || { echo "$x $part: no sound"; false; }
        done
    done
    # the same from standard input, from an archive, and when no sample is cut through
    head -c 3244 long.wav >half.wav
    gives "audio 1,error 1" 1 half.wav
    [ "$(code)" = truncated ]
    gives "audio 1,error 1" 1 - <half.wav
    tar cf half.tar half.wav
    gives "audio 1,error 1" 1 half.tar
    head -c 44 long.wav >none.wav
    gives "error 1" 1 none.wav
    # an MP4 whose index is at its end, and gone
    f -i long.wav -c:a aac a.m4a
    head -c 1500 a.m4a >cut.m4a
    gives "error 1" 1 cut.m4a
    [ "$(code)" = truncated ]
}

@test "sound that was written to a pipe does not know its length, and is whole" {
    needs_ffmpeg
    m wav long.wav 0.2 16000
    f -i long.wav -f wav - >piped.wav
    f -i long.wav -f au - >piped.au
    f -i long.wav -f matroska - >piped.mka
    for size in '\0\0\0\0' '\xff\xff\xff\xff' '\xff\xff\xff\x7f' '\0\0\0\x80' '\xdb\xff\xff\x7f'; do
        { head -c 40 long.wav; printf "$size"; tail -c +45 long.wav; } >unknown.wav
        gives "audio 1" 0 unknown.wav || { echo "$size"; false; }
        mm-cat -J out.mm | jq -e '.data.shape == [3200]'
    done
    for x in piped.wav piped.au piped.mka; do
        gives "audio 1" 0 $x
        gives "audio 1" 0 - <$x
        mm-cat -J out.mm | jq -e '.data.shape == [3200]'
    done
}

@test "what was appended to a file that ends of its own is named, not lost in silence" {
    needs_ffmpeg
    m wav a.wav 0.5 16000
    for x in a.m4a a.mka a.flv; do f -i a.wav -ar 44100 $x; done
    for x in a.w64 a.aiff a.caf a.au; do f -i a.wav $x; done
    for x in a.wav a.m4a a.flv a.w64 a.aiff a.caf a.au; do
        gives "audio 1" 0 $x
        cat $x $x >two-$x
        gives "audio 1,error 1" 1 two-$x
        at=$(stat -c %s $x)
        [[ "$(mm-cat -q -J out.mm | jq -r '.error.text // empty')" == *"appended at byte $at,"* ]]
    done
    cat a.mka a.mka >two.mka # of which libav reads both
    gives "audio 1" 0 two.mka
    cat two.mka a.mka >three.mka
    gives "audio 1,error 1" 1 three.mka
}

# ---- what is not sound ----

@test "samples that are no finite numbers are errors; those before them are there" {
    for x in nan inf -inf; do
        m levels bad.wav 16000 0.5 $x
        gives "error 1" 1 bad.wav
        [ "$(code)" = corrupt ]
        [[ "$(mm-cat -q -J out.mm | jq -r .error.text)" == *"not a finite number"* ]]
        gives "audio 1" 0 bad.wav --channel 1
    done
    m levels good.wav 16000 0.5
    { head -c 16044 good.wav; printf '\0\0\xc0\x7f'; tail -c +16049 good.wav; } >late.wav
    gives "audio 1,error 1" 1 late.wav
    mm-cat -q -J out.mm | jq -se '.[0].data.shape == [4000]'
    [[ "$(mm-cat -q -J out.mm | jq -r .error.text)" == *"0.2500 s"* ]]
}

@test "rates that no sound has are refused; memory does not grow with the rate" {
    m levels slow.wav 50 0.5
    gives "error 1" 1 slow.wav
    [ "$(code)" = unsupported ]
    { head -c 24 slow.wav; printf '\0\0\0\0'; tail -c +29 slow.wav; } >zero.wav
    gives "error 1" 1 zero.wav
    [[ "$(mm-cat -q -J out.mm | jq -r .error.text)" == *"ample rate"* ]]
    { head -c 24 slow.wav; printf '\xff\xff\xff\x7f'; tail -c +29 slow.wav; } >fast.wav
    gives "error 1" 1 fast.wav
    # a minute and a half at 100 Hz, in FLAC's longest blocks, a thousandfold up
    command -v ffmpeg >/dev/null && [[ "$MM_BUILD" != *sanitize* ]] || return 0 # the sanitizers reserve terabytes
    f -f lavfi -i anoisesrc=r=100:d=90 -ar 100 -c:a pcm_s16le a.wav
    (ulimit -v 1500000 && mm-decode --rate 384000 a.wav) | mm-cat -J | jq -se '[.[].data.shape[0]] | add == 34560000'
}

@test "DSD is read" {
    m dsf a.dsf
    mm-decode --channel 1 a.dsf | mm-cat -J | jq -e '.data.shape == [4000] and .meta.codec == "dsd_lsbf_planar"'
}
