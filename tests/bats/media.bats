# What decoders make of whole and of cut files: TIFF by media.py, sound and video by ffmpeg.

bats_require_minimum_version 1.5.0

setup() {
    make=$PWD/tests/bats/media.py
    cd "$BATS_TEST_TMPDIR" || return 1
}
m() { python3 "$make" "$@"; }
needs_ffmpeg() { command -v ffmpeg >/dev/null || skip "needs ffmpeg"; }
f() { ffmpeg -nostdin -v error -y "$@"; }
# $1 = $2, an MP4, with the matrix of a quarter turn in its track header: programs differ in how they are asked to write one
turned() {
    python3 -c '
import struct, sys
b = bytearray(open(sys.argv[2], "rb").read())
at = b.index(b"tkhd") + 44
b[at:at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
open(sys.argv[1], "wb").write(b)' "$1" "$2"
}
kinds() { mm-cat -J | jq -r .kind | sort | uniq -c | awk '{ print $2, $1 }' | paste -sd ,; }

@test "TIFF: an unknown layout is an error, never a wrong picture" {
    m tiff plain.tif
    [ "$(mm-decode plain.tif | mm-cat -J | jq -r .kind)" = image ]
    # pixels that are no LZW, no JPEG; a compression that nobody knows; CIELab; a picture of a thousand million pixels
    for x in 5:2:corrupt 7:2:corrupt 60000:2:unsupported 1:8:unsupported 1:2:too-large:32000; do
        IFS=: read -r compression photometric code side <<<"$x"
        m tiff x.tif "$compression" "$photometric" ${side:+"$side"}
        run --separate-stderr mm-decode -o x.mm x.tif
        [ "$status" -eq 1 ]
        [ "$(mm-cat -J x.mm | jq -r '.kind + " " + .error.code')" = "error $code" ] || { mm-cat -J x.mm; false; }
        rm x.mm
    done
}

@test "images of more than 8 bits keep their range, or are refused" {
    m deep full.png grey16
    m deep twelve.png grey16 0 4095
    m deep unit.tif float 0 1
    m deep bytes.tif float 0 255
    m deep words.tif uint32 0 16777216
    m deep nan.tif nan 0 1
    stats() { # the type, the least and the greatest sample
        mm-decode -q "$@" | mm-cat -J --data | jq -r '.data | "\(.type) \(.values | flatten | min) \(.values | flatten | max)"'
    }
    [ "$(stats full.png)" = "u16 0 65535" ]
    [ "$(stats unit.tif)" = "f32 0 1" ]
    [ "$(stats bytes.tif)" = "f32 0 255" ]
    [ "$(stats words.tif)" = "f32 0 16777216" ]
    [ "$(stats --range 0,255 bytes.tif)" = "u16 0 65535" ]
    [ "$(stats --range 255,0 bytes.tif)" = "u16 0 65535" ]
    [ "$(stats --range auto twelve.png)" = "u16 0 65535" ]
    [ "$(stats --range 0,8190 twelve.png)" = "u16 0 32768" ]
    # 12 bits in 16 look black, which is said
    run --separate-stderr mm-decode -o x.mm twelve.png
    [ "$status" -eq 0 ]
    [[ $stderr = *"look black: 1"*"--range"* ]]
    run --separate-stderr mm-decode --range 0,4095 -o y.mm twelve.png
    [ -z "$stderr" ]
    run --separate-stderr mm-decode nan.tif
    [ "$status" -eq 1 ]
    [[ $stderr = *"sample 51 of the picture is not a number"* ]]
    for bad in 1 1,1 1,nan a,b 1,2,3 ,; do
        run mm-decode --range "$bad" full.png
        [ "$status" -eq 2 ]
        [[ $output = *"two different numbers"* ]]
    done
}

@test "camera RAW is an error, never the thumbnail in it" {
    for kind in dng nef cr2 cfa raf rw2 orf x3f mrw crw cr3; do
        m raw x.$kind $kind
        run --separate-stderr mm-decode -o x.mm x.$kind
        [ "$status" -eq 1 ]
        [ "$(mm-cat -J x.mm | jq -r '.kind + " " + .error.code')" = "error unsupported" ] || { echo $kind; mm-cat -J x.mm; false; }
        [[ $stderr = *"camera RAW is not read: develop it first"* ]]
        rm x.mm
    done
}

@test "HEIC: pixels by libheif, or an error that names it; what is broken is an error" {
    goldens=$BATS_TEST_DIRNAME/../goldens/picture
    run --separate-stderr mm-decode -o x.mm "$goldens"/turned6.heic
    if [ "$status" -eq 1 ]; then
        [[ $stderr = *libheif* ]]
        [ "$(mm-cat -J x.mm | jq -r .error.code)" = unsupported ]
        skip "libheif is not there"
    fi
    [ "$(mm-cat -J x.mm | jq -c '[.data.shape, .meta.format]')" = '[[40,24,3],"heic"]' ]
    size=$(stat -c %s "$goldens"/444.heic)
    for n in 12 60 300 500 $((size - 200)) $((size - 1)); do
        head -c "$n" "$goldens"/444.heic >cut.heic
        run --separate-stderr mm-decode -o $n.mm cut.heic
        [ "$status" -eq 1 ]
        [ "$(kinds <$n.mm)" = "error 1" ]
    done
    run --separate-stderr mm-decode --max-pixels 900 "$goldens"/444.heic
    [ "$status" -eq 1 ]
    [[ $stderr = *"limit of 900"* ]]
}

@test "pages and frames: the first, and a word about the others; --pages all" {
    goldens=$BATS_TEST_DIRNAME/../goldens/picture
    for x in pages.tif frames.gif frames.png frames.webp pages.mpo; do cp "$goldens/$x" "${x#*.}.${x#*.}"; done
    run --separate-stderr mm-decode -o x.mm tif.tif gif.gif png.png webp.webp mpo.mpo
    [ "$status" -eq 0 ]
    [[ $stderr = *"further pages or frames: 5, which hold 13 more (--pages=all"* ]]
    [ "$(mm-cat -J x.mm | jq -r '[.part, .time, .meta.pages // .meta.frames] | tostring' | sort | uniq -c | xargs)" = \
        "2 [null,null,3] 3 [null,null,4]" ]
    run --separate-stderr mm-decode --pages all -o y.mm "$goldens"/{pages.tif,frames.gif,rgb.png}
    [ -z "$stderr" ]
    [ "$(mm-cat -J y.mm | jq -r '"\(.part) \(if .time then .time | map(. * 100 | round) else "-" end)"' | xargs)" = \
        "0 - 1 - 2 - 0 [0,10] 1 [10,30] 2 [30,60] 3 [60,65] null -" ]
    # what is whole before the file ends comes, and an error
    for x in gif png; do
        head -c $(($(stat -c %s "$goldens"/frames.$x) - 100)) "$goldens"/frames.$x >cut.$x
        run --separate-stderr mm-decode --pages all -o $x.mm cut.$x
        [ "$status" -eq 1 ]
        [ "$(mm-cat -J $x.mm | jq -r 'select(.kind == "error").error.code')" = truncated ]
        [ "$(kinds <$x.mm)" = "error 1,image 3" ]
    done
}

@test "sound cut in half: what is there, and one error record" {
    needs_ffmpeg
    f -f lavfi -i sine=duration=4 -ac 1 a.ogg
    f -i a.ogg b.flac
    f -i a.ogg c.mka
    for x in a.ogg b.flac c.mka; do
        [ "$(mm-decode $x | kinds)" = "audio 1" ]
        head -c $(($(stat -c %s $x) / 2)) $x >cut-$x
        run mm-decode -q -o cut.mm cut-$x
        echo "$x: $output"
        [ "$status" -eq 1 ]
        [ "$(kinds <cut.mm)" = "audio 1,error 1" ]
        rm cut.mm
    done
}

@test "an Ogg file that ends between two pages is cut too; chained ones are whole" {
    needs_ffmpeg
    f -f lavfi -i sine=duration=4 -ac 1 a.ogg
    last=$(grep -abo OggS a.ogg | tail -1 | cut -d: -f1)
    head -c "$last" a.ogg >cut.ogg
    run mm-decode -q -o cut.mm cut.ogg
    [ "$status" -eq 1 ]
    [ "$(kinds <cut.mm)" = "audio 1,error 1" ]
    f -f lavfi -i sine=duration=1 -ac 1 b.ogg
    cat a.ogg b.ogg >two.ogg
    mm-decode two.ogg >two.mm
    [ "$(kinds <two.mm)" = "audio 1" ]
}

@test "video cut in half: its frames, and one error record" {
    needs_ffmpeg
    f -f lavfi -i testsrc=size=64x48:rate=5:duration=4 -c:v ffv1 a.mkv
    [ "$(mm-decode a.mkv | kinds)" = "image 20" ]
    head -c $(($(stat -c %s a.mkv) / 2)) a.mkv >cut.mkv
    run mm-decode -q -o cut.mm cut.mkv
    [ "$status" -eq 1 ]
    [ "$(mm-cat -J cut.mm | jq -r .kind | grep -c error)" -eq 1 ]
    n=$(mm-cat -J cut.mm | jq -r .kind | grep -c image)
    [ "$n" -gt 5 ]
    [ "$n" -lt 15 ]
}

@test "a video that is marked as turned comes out upright" {
    needs_ffmpeg
    f -f lavfi -i testsrc=size=64x48:rate=1:duration=2 -c:v mpeg4 a.mp4
    turned b.mp4 a.mp4
    [ "$(ffprobe -v error -show_entries stream_side_data=rotation -of csv=p=0 b.mp4)" ]
    [ "$(mm-decode b.mp4 | mm-cat -J | jq -c '[.meta.height, .meta.width]' | sort -u)" = "[64,48]" ]
}

@test "sound of more than 60 MiB comes in parts that follow each other" {
    needs_ffmpeg
    f -f lavfi -i anullsrc=r=16000:cl=mono -t 1000 -c:a pcm_u8 long.wav
    mm-decode long.wav | mm-cat -J >parts
    jq -c '[.part, .time]' parts
    jq -se '[.[].part] == [0, 1] and .[0].time[0] == 0 and .[0].time[1] == .[1].time[0] and .[1].time[1] == 1000' parts
}
