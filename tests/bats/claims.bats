# Files whose names or first bytes claim a medium and that are none; files that claim nothing. All are made here.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    make=$BATS_TEST_DIRNAME/media.py
    out=$BATS_TEST_TMPDIR/out.mm
}
m() { python3 "$make" "$@"; }

# media that are none, each with what the message says of it
broken() {
    mkdir -p b
    head -c 300 /dev/zero >b/zeros.jpg && say[zeros.jpg]="named .jpg, but holds zeros only"
    head -c 9000 /dev/zero >b/zeros.MP4 && say[zeros.MP4]="named .MP4, but holds zeros only"
    printf '\n<!DOCTYPE html><html>404</html>' >b/page.jpeg && say[page.jpeg]="named .jpeg, but holds HTML"
    printf '<?xml version="1.0"?><Error/>' >b/denied.png && say[denied.png]="named .png, but holds XML"
    printf '{"error":"gone"}' >b/gone.tif && say[gone.tif]="named .tif, but holds text (JSON)"
    printf 'no sound\n' >b/text.WAV && say[text.WAV]="named .WAV, but holds text"
    printf 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n' >b/lfs.flac && say[lfs.flac]="a Git LFS pointer"
    m png whole.png 7 && { printf '\r\n' && cat whole.png; } >b/late.png && say[late.png]="2 bytes before a PNG image"
    printf '\377\330' >b/head.jpg && say[head.jpg]="named .jpg"
    printf 'RIFF' >b/head.wav && say[head.wav]="named .wav"
    python3 -c 'import random; open("b/noise.gif", "wb").write(random.Random(1).randbytes(300))' && say[noise.gif]="named .gif"
    printf '<html>moved</html>' >b/moved.tar.gz && say[moved.tar.gz]="named .gz, but holds HTML"
    head -c 600 /dev/zero >b/zeros.zip && say[zeros.zip]="named .zip, but holds zeros only"
    printf '%%PDF-1.4' >b/print.jpg && say[print.jpg]="PDF, which is not read"
    head -c 40 /dev/zero >b/zeros.npy && say[zeros.npy]="named .npy"
    printf 'a\0b' >b/nul.txt && say[nul.txt]="named .txt"
    : >b/empty.zip && say[empty.zip]="the file is empty"
    head -c 30 whole.png >b/cut && say[cut]="cut: " # what its first bytes claim, by no name
}

@test "a file that claims a medium and is none: an error record as operand, in a directory, an archive, on standard input" {
    declare -A say
    broken
    for f in "${!say[@]}"; do
        run --separate-stderr mm-decode -o "$out" "b/$f"
        [ "$status" -eq 1 ] && [ "$(mm-cat -q -c "$out")" = $'error\t1' ] || { echo "$f: $status $stderr"; false; }
        [[ "$stderr" == *"${say[$f]}"* ]] || { echo "$f: $stderr"; false; }
    done
    m png b/good.png 1
    run mm-decode -o "$out" b
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -c "$out" | sort)" = $'error\t'"${#say[@]}"$'\nimage\t1' ]
    m tarred b.tar b
    for from in "mm-decode -o $out b.tar" "mm-decode -o $out - <b.tar" "cat b.tar | mm-decode -o $out"; do
        run bash -c "$from"
        [ "$status" -eq 1 ]
        [ "$(mm-cat -q -c "$out" | sort)" = $'error\t'"${#say[@]}"$'\nimage\t1' ] || { echo "$from"; mm-cat -q -c "$out"; false; }
    done
}

@test "an image that is not read is unsupported under any name, and says what reads it" {
    mkdir u
    for name in x.dat x.7z x.wav x.txt x.pdf; do
        printf 'SIMPLE  =                    T' >"u/$name"
        run mm-decode -o "$out" "u/$name"
        [ "$status" -eq 1 ]
        [[ "$output" == *"FITS is not read: convert it to TIFF or PNG"* ]] || { echo "$name: $output"; false; }
        [ "$(mm-cat -q -J "$out" | jq -r .error.code)" = unsupported ]
    done
    run mm-decode --key file -o "$out" u
    [ "$(mm-cat -q -c "$out")" = $'error\t5' ]
    run mm-decode --only text,audio -o "$out" u
    [ "$status" -eq 2 ]
    [[ "$output" == *"nothing to decode"* ]]
}

@test "what --only leaves out is not an error" {
    mkdir -p d && head -c 300 /dev/zero >d/a.jpg && m wav d/b.wav 0.1
    [ "$(mm-decode --only audio d | mm-cat -c)" = $'audio\t1' ]
    run mm-decode --only image d -o "$out"
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -c "$out")" = $'error\t1' ]
}

# macOS and Windows put them there, cameras, editors and data sets do.
@test "sidecars, texts about the files, programs and source code beside media: exit 0, skipped and counted" {
    mkdir -p t/.git t/src t/__MACOSX && m png t/IMG_1.PNG 1 && m wav t/a.wav 0.1 && cp t/IMG_1.PNG t/no-extension
    printf '<x:xmpmeta/>' >t/IMG_1.xmp && printf '\320\317\021\340\241\261\032\341' >t/Thumbs.db
    printf '\0\0\0\1Bud1' >t/.DS_Store && printf '{}' >t/0001.json && printf '7' >t/0001.cls && printf '<annotation/>' >t/0001.xml
    printf '\0\5\26\7\0\2\0\0' >t/__MACOSX/._IMG_1.PNG && printf 'ref: x' >t/.git/HEAD
    printf 'read me' >t/README && printf 'free' >t/LICENSE && printf 'all:\n' >t/Makefile && printf '# about\n' >t/README.md
    printf 'int main(void) {}\n' >t/src/a.c && printf 'export const x = 1;\n' >t/src/a.ts && printf 'a,b\n1,2\n' >t/t.csv
    cp "$(command -v mm-cat)" t/prog && printf '<svg xmlns="x"/>' >t/logo.svg && printf '%%PDF-1.4' >t/paper.pdf
    printf 'PAR1....PAR1' >t/t.parquet && printf '<html/>' >t/index.html
    run --separate-stderr mm-decode -o "$out" t
    [ "$status" -eq 0 ] || { echo "$stderr"; false; }
    [ "$(mm-cat -c "$out" | sort)" = $'audio\t1\nimage\t2' ]
    [[ "$stderr" == *"skipped: 3 files of formats that are not read (PDF, SVG, Parquet)"* ]] || { echo "$stderr"; false; }
    run mm-decode --hidden -q -o "$out" t # AppleDouble is a sidecar under any name
    [ "$status" -eq 0 ] || { echo "$output"; false; }
    m tarred t.tar t
    run mm-decode -o "$out" t.tar
    [ "$status" -eq 0 ]
    run mm-decode --column a -o "$out" t # tables are asked for: the one that is not read is missing
    [ "$status" -eq 1 ]
    [[ "$output" == *"t.parquet: Parquet is not read"* ]]
}

@test "a format that is known and not read, named outright: the message says what to do" {
    printf 'PAR1....PAR1' >t.parquet && printf '<svg xmlns="x"/>' >logo.svg && printf '<?xml version="1.0"?>\n<svg/>' >logo
    printf '%%PDF-1.4' >p.pdf && printf 'MThd\0\0\0\6' >song.mid && printf 'ARROW1\0\0' >t.arrow
    for f in t.parquet:Parquet logo.svg:SVG logo:SVG p.pdf:PDF song.mid:MIDI t.arrow:Arrow; do
        run --separate-stderr mm-decode -o "$out" "${f%:*}"
        [ "$status" -eq 1 ] && [[ "$stderr" == *"${f%:*}: ${f#*:} is not read: "* ]] || { echo "$f: $stderr"; false; }
        mm-cat -q -J "$out" | jq -e '.error.code == "unsupported"'
    done
    mkdir -p d && cp song.mid d # found: notes claim to be sound, documents claim nothing
    run mm-decode d -o "$out"
    [ "$status" -eq 1 ]
}

@test "a text that begins with the letters of such a format's mark is a text, and a table of labels too" {
    for word in ORCHIDS MATLAB FLIF PAR1S MThd MMORPG; do
        [ "$(echo "$word and more" | mm-decode -q - | mm-cat -J | jq -r .data)" = "$word and more" ]
    done
    printf 'ORC_file,label\na.txt,x\n' >l.csv && echo a >a.txt
    [ "$(mm-decode -q --labels l.csv a.txt | mm-cat -J | jq -r .label)" = x ]
}

@test "MP3 after zeros or other bytes is heard, as players hear it" {
    # twenty frames of silence, layer III at 128 kbit/s and 44100 Hz: 417 bytes, 1152 samples each
    python3 -c 'open("a.mp3", "wb").write((b"\xff\xfb\x90\xc4" + bytes(413)) * 20)'
    { head -c 5000 /dev/zero && cat a.mp3; } >zeros.mp3
    { head -c 3000 "$(command -v mm-cat)" && cat a.mp3; } >prog.MP3
    mm-decode --rate native a.mp3 zeros.mp3 prog.MP3 >"$out"
    mm-cat -J "$out" | jq -e -s 'map(.data.shape[0]) == [23040, 23040, 23040]'
    { head -c 5000 /dev/zero && head -c 600 a.mp3; } >short.mp3 # no run of frames
    run mm-decode short.mp3
    [ "$status" -eq 1 ]
}

@test "nothing to decode: exit 2, no file, and the reasons" {
    mkdir -p none d && printf 'x' | tee d/Makefile >d/note.txt && printf '%%PDF-1.4' >d/a.pdf && m png d/.h.png 1 && m wav d/a.wav 0.1
    for what in none "--only image d" "--only text none"; do
        run --separate-stderr mm-decode -o "$out" $what
        [ "$status" -eq 2 ] && [[ "$stderr" == *"nothing to decode"* ]] || { echo "$what: $status $stderr"; false; }
        [ ! -e "$out" ]
        [ ! -e "$out.part" ]
    done
    run --separate-stderr mm-decode --only image d
    for reason in "2 (left out by --only)" "1 (a format that is not read: PDF)" "1 (a text that is not named" "1 (hidden"; do
        [[ "$stderr" == *"$reason"* ]] || { echo "$stderr"; false; }
    done
    run mm-decode </dev/null
    [ "$status" -eq 2 ]
    : >list
    run mm-decode --files-from list
    [ "$status" -eq 2 ]
    [[ "$output" == *"the list of files is empty"* ]]
}

@test "failures of one archive that are alike are said once, and counted; each has its record" {
    mkdir -p z && for i in $(seq 30); do head -c 99 /dev/zero >z/$i.jpg; done && printf '<html>' >z/p.gif
    m tarred z.tar z
    run --separate-stderr mm-decode -j1 -o "$out" z.tar
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -c "$out")" = $'error\t31' ]
    [ "$(wc -l <<<"$stderr")" -eq 3 ]
    [[ "$stderr" == *"z.tar: ... and 29 more like it: named .jpg, but holds zeros only"* ]] || { echo "$stderr"; false; }
}
