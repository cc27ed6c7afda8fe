# Archives that are built to be trouble, made here with tar, gzip and Python; libarchive's own are in data.bats.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_TMPDIR"
    printf 'a text\n' >note.txt
    data=${MM_DATA:-$BATS_TEST_DIRNAME/../../../shared/data}
}

# Fields of an mm stream that are short strings, one a line, without a reader of streams.
strings_of() { tr -c '[:print:]' '\n' <"$1"; }

@test "a stream packed twice is read as an archive in an archive" {
    tar -cf - note.txt | gzip | gzip >twice.tar.gz.gz
    mm-decode twice.tar.gz.gz >out.mm
    strings_of out.mm | grep -q 'twice.tar.gz.gz!note.txt'
    strings_of out.mm | grep -q 'a text'
}

@test "packed deeper than --max-depth is an error record, not a stack of decompressors" {
    gzip <note.txt | gzip | gzip | gzip | gzip | gzip >deep.txt.gz
    run --separate-stderr mm-decode -o out.mm deep.txt.gz
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"--max-depth"* ]]
    strings_of out.mm | grep -q depth
    mm-decode --max-depth 6 deep.txt.gz >out.mm
    strings_of out.mm | grep -q 'a text'
}

@test "compress's .Z, which libarchive cannot be asked for by its number" {
    # "a text\n" as seven 9-bit codes
    printf '\037\235\220\141\100\320\051\203\207\216\002' >packed.txt.Z
    mm-decode packed.txt.Z >out.mm
    strings_of out.mm | grep -q 'a text'
}

@test "lrzip and grzip would need a program: an error that says so, nothing is started" {
    printf 'LRZI\0\6 and so on, and so on' >x.lrz
    run --separate-stderr mm-decode -o out.mm x.lrz
    [ "$status" -eq 1 ]
    [[ "$stderr" == *"decompress it first"* ]]
}

@test "an executable that only mentions an archive's signature is skipped" {
    { printf '\177ELF\2\1\1'; head -c 100 /dev/zero; printf '7z\274\257\047\034'; head -c 900 /dev/zero; } >prog
    mm-decode prog note.txt >out.mm
    strings_of out.mm | grep -q 'a text'
    ! strings_of out.mm | grep -q prog
}

@test "a truncated tar: an error record for the member that was cut, the next operand is read" {
    head -c 20000 /dev/urandom | base64 >long.txt
    tar -cf - note.txt long.txt | head -c 9000 >cut.tar
    run mm-decode -o out.mm cut.tar note.txt
    [ "$status" -eq 1 ]
    strings_of out.mm | grep -q 'cut.tar!note.txt'
    strings_of out.mm | grep -q 'truncated'
    strings_of out.mm | grep -qx 'note.txt.*'
}

# twelve texts that do not shrink much, as a tar
texts_tar() {
    python3 -c 'import random, os
r = random.Random(5)
os.makedirs("m", exist_ok=True)
for i in range(12):
    open(f"m/{i:02d}.txt", "w").write("\n".join(str(r.random()) for _ in range(600)))'
    tar --sort=name -cf m.tar m
}
kinds() { mm-cat -q -J "$1" | jq -r '.kind' | sort | uniq -c | tr -s ' \n' ' '; }

# $1: a compressed file, which is changed at several places, one bit at a time; each must be noticed
flipped() {
    python3 - "$1" <<'END'
import sys
data = open(sys.argv[1], "rb").read()
for k in range(10):
    d = bytearray(data)
    d[len(d) // 9 + k * (len(d) * 8 // 9 - 20) // 9] ^= 1 << k % 8
    open(f"flip{k}.{sys.argv[1]}", "wb").write(d)
END
    for k in 0 1 2 3 4 5 6 7 8 9; do
        run mm-decode -q -o out.mm "flip$k.$1"
        [ "$status" -eq 1 ] || { echo "flip$k.$1: $status"; return 1; }
        mm-cat -q -J out.mm | jq -e -s 'any(.kind == "error")' >/dev/null
    done
}

@test "a flipped bit in a compressed archive or file is an error, whatever the compression" {
    texts_tar
    gzip -k m.tar && flipped m.tar.gz
    bzip2 -k m.tar && flipped m.tar.bz2
    xz -k m.tar && flipped m.tar.xz
    gzip -c m/00.txt >a.txt.gz && flipped a.txt.gz
    bsdtar -cf m.tar.lz4 --lz4 --options lz4:stream-checksum m && flipped m.tar.lz4
    for size in 1 4; do # the length that gzip keeps after the checksum
        python3 -c "d = bytearray(open('m.tar.gz', 'rb').read()); d[-$size] ^= 1; open('length.tar.gz', 'wb').write(d)"
        run mm-decode -q -o out.mm length.tar.gz
        [ "$status" -eq 1 ]
        [ "$(kinds out.mm)" = " 1 error 12 text " ]
    done
}

@test "a compressed archive that is cut gives every member that is whole, then one error" {
    texts_tar
    for how in gzip xz "xz --format=lzma"; do
        $how -c m.tar >whole
        for part in 1 2 3; do
            head -c $(($(stat -c %s whole) * part / 4)) whole >cut.tar.x
            want=$({ $how -dc cut.tar.x || true; } 2>/dev/null | python3 -c '
import io, sys, tarfile
data, n = sys.stdin.buffer.read(), 0
try:
    for m in tarfile.open(fileobj=io.BytesIO(data), mode="r|"):
        n += m.isfile() and m.offset_data + m.size <= len(data)
except tarfile.ReadError:
    pass
print(n)')
            [ "$want" -gt 0 ] || { echo "$how: nothing is whole"; false; }
            run mm-decode -q -o out.mm cut.tar.x
            [ "$status" -eq 1 ]
            [ "$(kinds out.mm)" = " 1 error $want text " ] || { echo "$how $part: $(kinds out.mm), not $want"; false; }
            mm-cat -q -J out.mm | jq -e -s '.[-1].error.code == "truncated"'
        done
    done
}

@test "archives and compressed streams that follow each other are one" {
    texts_tar && printf 'another\n' >last.txt && tar -cf last.tar last.txt
    cat m.tar last.tar >both.tar
    gzip -k m.tar last.tar && xz -k m.tar last.tar
    cat m.tar.gz last.tar.gz >both.tar.gz && cat m.tar.xz last.tar.xz >both.tar.xz && gzip -c both.tar >once.tar.gz
    { gzip <m/00.txt && gzip <m/01.txt; } >two.txt.gz
    for f in both.tar both.tar.gz both.tar.xz once.tar.gz; do
        mm-decode "$f" >out.mm
        [ "$(kinds out.mm)" = " 13 text " ] || { echo "$f: $(kinds out.mm)"; false; }
        cat "$f" | mm-decode >out.mm && [ "$(kinds out.mm)" = " 13 text " ] || { echo "$f, a pipe"; false; }
    done
    mm-decode two.txt.gz | mm-cat -J | jq -j .data | cmp - <(cat m/00.txt m/01.txt)
    { cat m.tar.gz && head -c 5000 /dev/zero; } >padded.tar.gz && mm-decode padded.tar.gz >out.mm # as tapes are
    [ "$(kinds out.mm)" = " 12 text " ]
    { cat m.tar.gz && printf 'and something else'; } >followed.tar.gz
    run mm-decode -q -o out.mm followed.tar.gz
    [ "$status" -eq 1 ]
    [ "$(kinds out.mm)" = " 1 error 12 text " ]
}

@test "lzma with other properties, and none that only looks like it" {
    python3 -c 'import lzma
for lc, lp, pb in (3, 0, 2), (0, 2, 1), (4, 0, 0):
    open(f"{lc}{lp}{pb}.txt.lzma", "wb").write(lzma.compress(b"a text\n", lzma.FORMAT_ALONE, filters=[
        {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": 1 << 16}]))'
    for f in *.lzma; do
        [ "$(mm-decode "$f" | mm-cat -J | jq -r .data)" = "a text" ] || { echo "$f"; false; }
    done
    head -c 200 /dev/zero >zeros && cp note.txt ok.txt
    mm-decode zeros ok.txt >out.mm
}

keys_of() { mm-cat -q -J "$1" | jq -r '.key + " " + .kind + " " + (.error.code // "")' | sed 's/ $//' | sort | tr '\n' ',' ; }

@test "links in archives become what they lead to, as in the unpacked directory" {
    mkdir -p t/sub t/z && printf 'one\n' >t/m.txt && printf 'two\n' >t/z/last.txt && printf 'none\n' >t/Makefile
    ln t/m.txt t/n-hard.txt && ln t/m.txt t/sub/hard.txt
    ln -s m.txt t/soft.txt && ln -s z/last.txt t/a-forward.txt && ln -s ../m.txt t/sub/up.txt && ln -s soft.txt t/x-chain.txt
    ln -s a-forward.txt t/A-chain.txt && ln -s z t/b-dir && ln -s Makefile t/make-link && ln -s nowhere.txt t/dead.txt
    ln -s ../../m.txt t/out.txt && ln -s /etc/hostname t/absolute.txt
    tar --sort=name -cf t.tar -C t . && tar --sort=name -czf t.tar.gz -C t .
    bsdtar -cf t.7z --format 7zip -C t . 2>/dev/null && bsdtar -cf t.zip --format zip -C t . && bsdtar -cf t.newc --format newc -C t .
    # the directory, whose links out of it lead somewhere else
    rm t/out.txt t/absolute.txt
    run mm-decode -q -o dir.mm t
    [ "$status" -eq 1 ] # dead.txt
    want=$(keys_of dir.mm | sed 's/open/link/')
    for f in t.tar t.tar.gz t.7z t.zip t.newc; do
        run mm-decode -q -o out.mm "$f"
        [ "$status" -eq 1 ]
        [ "$(keys_of out.mm)" = "$(printf '%s' "${want}absolute error link,out error link," | tr ',' '\n' | sort | tr '\n' ',')" ] ||
            { echo "$f: $(keys_of out.mm)"; false; }
        mm-cat -q -J out.mm | jq -e -s '(.[] | select(.key == "A-chain") | .data) == "two\n" and
            (.[] | select(.key == "sub/hard") | .data) == "one\n" and (.[] | select(.key == "n-hard") | .data) == "one\n"' >/dev/null
        timeout 60 mm-decode -q -j4 "$f" 2>/dev/null | cmp - out.mm
    done
    run --separate-stderr mm-decode -v t.tar
    [[ "$stderr" == *"b-dir: skipped: a link to a directory"* ]]
}

@test "a link whose target a pipe has let by, or that does not come, is an error record" {
    printf 'one\n' >m.txt && ln m.txt n.txt && tar -cf t.tar m.txt n.txt
    run --separate-stderr bash -c 'cat t.tar | mm-decode -o out.mm'
    [ "$status" -eq 1 ]
    [ "$(keys_of out.mm)" = "m text,n error link," ]
    [[ "$stderr" == *"give the archive as a file"* ]]
    tar --delete -f t.tar m.txt # the data are gone
    run --separate-stderr mm-decode -o out.mm t.tar
    [ "$status" -eq 1 ]
    [ "$(keys_of out.mm)" = "n error link," ]
    [[ "$stderr" == *"the archive has no m.txt"* ]]
}

@test "links that lead back and forth are read up to a limit" {
    python3 -c '
import io, tarfile
t = tarfile.open("ladder.tar", "w")
def add(name, **k):
    m = tarfile.TarInfo(name)
    for a, v in k.items(): setattr(m, a, v)
    t.addfile(m, io.BytesIO(b"x" * m.size))
for i in range(300): add(f"f{i}.txt", size=1)
for i in range(1000): add(f"l{i}.txt", type=tarfile.LNKTYPE, linkname=f"f{299 * (i % 2)}.txt")
t.close()'
    run timeout 120 mm-decode -q -o out.mm ladder.tar
    [ "$status" -eq 1 ]
    mm-cat -q -J out.mm | jq -e -s 'length == 1300 and (map(.kind) | .[300] == "text" and .[-1] == "error") and
        ([.[] | select(.kind == "error")] | all(.error.text | test("too often")))'
}

@test "sparse members end where the file did; holes do not get around the limits" {
    truncate -s 100000 hole.npy && python3 "$BATS_TEST_DIRNAME/media.py" npy head '<f4' '(20000,)'
    dd if=head of=hole.npy conv=notrunc 2>/dev/null && truncate -s $(($(stat -c %s head) + 80000)) hole.npy
    tar -cSf gnu.tar hole.npy && tar --posix -cSf pax.tar hole.npy && bsdtar -cf bsd.tar hole.npy
    for f in gnu pax bsd; do
        mm-decode $f.tar | mm-cat -J | jq -e '.data.shape == [20000]' || { echo $f; false; }
    done
    truncate -s 1T huge.txt && tar -cSf huge.tar huge.txt && rm huge.txt
    run timeout 60 mm-decode -o out.mm huge.tar
    [ "$status" -eq 1 ]
    strings_of out.mm | grep -q 'max-ratio'
}

@test "a zip after other bytes is read; one after another zip is reported" {
    mkdir -p za zb && cp note.txt za/a.txt && cp note.txt zb/b.txt
    python3 "$BATS_TEST_DIRNAME/media.py" zipped a.zip za && python3 "$BATS_TEST_DIRNAME/media.py" zipped b.zip zb
    { head -c 511 /dev/zero && cat a.zip; } >zeros.zip && { printf '#!/bin/sh\nexit 1\n' && cat a.zip; } >sfx.sh
    { head -c 5000 "$(command -v mm-cat)" && cat a.zip; } >program && { head -c 3000 note.txt && cat a.zip; } >unnamed
    for f in zeros.zip sfx.sh program unnamed; do
        [ "$(mm-decode "$f" | mm-cat -J | jq -r .key)" = a ] || { echo "$f"; false; }
        [ "$(cat "$f" | mm-decode | mm-cat -J | jq -r .key)" = a ] || { echo "$f, a pipe"; false; }
    done
    cat a.zip b.zip >both.zip
    run --separate-stderr mm-decode -o out.mm both.zip
    [ "$status" -eq 1 ]
    [ "$(keys_of out.mm)" = "b text,both error archive," ]
    [[ "$stderr" == *"before it are another archive"* ]]
}

@test "zstd and lz4 after skippable frames" {
    printf '\x50\x2a\x4d\x18\x04\0\0\0abcd\x5f\x2a\x4d\x18\0\0\0\0' >skip
    for how in zstd lz4; do
        bsdtar -cf packed --$how note.txt && cat skip packed >skipped.bin
        [ "$(mm-decode skipped.bin | mm-cat -J | jq -r .key)" = note ] || { echo "$how"; false; }
        [ "$(cat skipped.bin | mm-decode | mm-cat -J | jq -r .key)" = note ]
    done
}

@test "volumes of a set: what is whole in them, and an error that says how to join them" {
    head -c 60000 /dev/urandom | base64 >v1.txt && cp note.txt v0.txt
    tar -cz v0.txt v1.txt | split -b 30000 - v.tar.gz.
    python3 -c 'import sys; open("x.7z.001", "wb").write(b"7z\274\257\047\034" + bytes(200)); open("x.7z.002", "wb").write(b"rest of it")
open("y.z01", "wb").write(b"PK\3\4 and so on"); open("y.r00", "wb").write(b"no mark"); open("z.part2.rar", "wb").write(b"Rar!\x1a\x07\0" + bytes(60))'
    for f in v.tar.gz.aa v.tar.gz.ab x.7z.001 x.7z.002 y.z01 y.r00 z.part2.rar; do
        run --separate-stderr mm-decode -o out.mm "$f"
        [ "$status" -eq 1 ] && [[ "$stderr" == *"a volume of a set: "* ]] || { echo "$f: $status $stderr"; false; }
    done
    run --separate-stderr mm-decode -o out.mm v.tar.gz.aa
    [ "$(keys_of out.mm)" = "v0 text,v1 error truncated," ]
    [[ "$stderr" == *"cat v.tar.gz.* > v.tar.gz"* ]]
    printf 'PK\5\6\1\0\1\0\1\0\1\0\x2e\0\0\0\0\0\0\0\0\0' >last.zip
    run mm-decode last.zip
    [ "$status" -eq 1 ]
    [[ "$output" == *"zip -s 0 last.zip"* ]]
}

@test "an archive whose members after a damaged one cannot be read says so" {
    mkdir -p n/.hid && printf 'x' >n/a.txt && head -c 200000 /dev/urandom >n/.hid/b && printf 'y' >n/c.txt
    bsdtar -cf n.7z --format 7zip -C n a.txt .hid/b c.txt
    python3 -c "d = bytearray(open('n.7z', 'rb').read()); d[1000] ^= 255; open('n.7z', 'wb').write(d)"
    run mm-decode -q -o out.mm n.7z # the hidden member is skipped, and damaged
    [ "$status" -eq 1 ]
    strings_of out.mm | grep -Eq 'cannot be read|damaged|CRC|corrupt'
}

@test "zeros that are packed are no empty archive when their name is a medium's" {
    head -c 100000 /dev/zero | gzip >zeros.jpg.gz && head -c 20480 /dev/zero | gzip >empty.tar.gz
    run mm-decode zeros.jpg.gz
    [ "$status" -eq 1 ]
    run mm-decode empty.tar.gz # what tar makes of no file
    [ "$status" -eq 2 ]
}

# Byte number $2 of file $1 becomes another one.
flip() { python3 -c 'import sys; b = bytearray(open(sys.argv[1], "rb").read()); b[int(sys.argv[2])] ^= 4; open(sys.argv[1], "wb").write(b)' "$@"; }

@test "a damaged header inside tar and cpio is an error record, and what follows is read" {
    for i in 1 2 3; do python3 -c 'import sys; print(sys.argv[1] * 30000)' $i >$i.txt; done
    for format in ustar gnutar odc; do
        bsdtar --format $format -cf whole.$format 1.txt 2.txt 3.txt
        at=$(grep -abo 2.txt whole.$format | cut -d: -f1)
        cp whole.$format x.$format
        # the name in a tar, which its checksum covers; the first letter of a cpio's header
        [ $format != odc ] || at=$((at - 76))
        flip x.$format "$at"
        run mm-decode -o $format.mm x.$format
        [ "$status" -eq 1 ]
        [[ "$output" == *"damaged header"* ]]
        mm-cat -q -J $format.mm | jq -e -s 'map(.kind) == ["text", "error", "text"] and .[2].key == "3"'
    done
    # the last member, and one in a compressed archive
    cp whole.ustar x.ustar && flip x.ustar "$(grep -abo 3.txt x.ustar | cut -d: -f1)" && gzip -f x.ustar
    run mm-decode -o o.mm x.ustar.gz
    [ "$status" -eq 1 ]
    mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["text", "text", "error"]'
}

@test "what follows a cpio or 7z archive is not lost without a word" {
    echo b >b.txt
    for format in newc odc 7zip; do
        bsdtar --format $format -cf one.$format note.txt && bsdtar --format $format -cf two.$format b.txt
        cat one.$format two.$format >both.$format
        run mm-decode -o o.mm both.$format
        [ "$status" -eq 1 ]
        [[ "$output" == *"something else follows the archive"* ]]
        mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["text", "error"]'
        { cat one.$format && head -c 3000 /dev/zero; } >padded.$format
        run mm-decode -o o.mm one.$format
        [ "$status" -eq 0 ]
        run mm-decode --key archive -o o.mm padded.$format
        [ "$status" -eq 0 ]
        [ -z "$output" ]
    done
}
