# Keys: what names a sample, whatever else is decoded beside it. All media are made here, by media.py.

setup_file() {
    export D=$BATS_FILE_TMPDIR/d
    make=$PWD/tests/bats/media.py
    m() { python3 "$make" "$@"; }
    mkdir -p "$D/t/a" "$D/t/x/deep" && cd "$D" || return 1
    m png t/a/one.png 1 && m wav t/a/one.wav 0.5 8000 && echo hello >t/a/one.txt
    m png t/x/two.png 2 40 30 && m wav t/x/deep/three.wav 0.2
    mkdir shards && m tarred shards/s0.tar t/a && m tarred shards/s1.tgz t/x w:gz
}

setup() {
    cd "$D" || return 1
    make=$BATS_TEST_DIRNAME/media.py
    tmp=$BATS_TEST_TMPDIR
}
m() { python3 "$make" "$@"; }
keys() { mm-cat -J | jq -r '.key + " " + .kind'; }

@test "a file operand is named by its path as given, alone or beside others" {
    [ "$(mm-decode t/a/one.png | keys)" = "t/a/one image" ]
    [ "$(mm-decode t/a/one.png t/x/two.png | keys)" = $'t/a/one image\nt/x/two image' ]
    [ "$(mm-decode ./t//a/../a/one.png "$PWD/t/x/two.png" | keys)" = $'t/a/one image\n'"${PWD#/}/t/x/two image" ]
    [ "$(cd t && mm-decode ../t/a/one.png a/one.txt | keys)" = $'t/a/one image\na/one text' ]
    mkdir -p z && gzip -kc t/a/one.wav >z/clip.wav.gz
    [ "$(mm-decode z/clip.wav.gz | keys)" = "z/clip audio" ]
}

@test "one file a process, several, or all: the same keys" {
    find t -type f | sort >list
    all=$(mm-decode --files-from list | keys)
    for n in 1 2 3; do
        [ "$(xargs -n "$n" mm-decode <list | keys)" = "$all" ] || { echo "$n"; false; }
    done
}

@test "--root: a list of a directory's files is the directory, in one piece or in shards" {
    mkdir -p tree/.git && cp -r t shards tree && echo read me >tree/README && m png tree/.git/hidden.png 3
    mm-decode tree | keys | sort >whole
    [ -s whole ]
    find tree -type f | sort >list
    for n in 1 3 100; do
        xargs -n "$n" mm-decode --root tree <list | keys | sort | diff - whole
    done
    mm-decode --root . tree | keys | sort | diff - <(sed 's,^,tree/,' whole)
    mm-decode --root "$PWD/tree" "$PWD/tree/shards" | keys | sort | diff - <(grep ^shards whole)
    [ "$(mm-decode --root tree --key base tree/t/a | keys | head -n 1)" = "one image" ]
    [ "$(mm-decode --root tree --key '^([a-z]*)/' tree/t/a | mm-cat -k | uniq)" = t ]
}

@test "--root: an operand elsewhere is an error record, the others are read" {
    run mm-decode -o "$tmp/o" --root t/a shards/s0.tar t/x t/a/one.txt
    [ "$status" -eq 1 ]
    [[ "$output" == *"shards/s0.tar: it does not lie below t/a; --root "*"t/x: it does not lie below t/a; --root "* ]]
    [ "$(mm-cat -q -J "$tmp/o" | jq -r '.key + " " + .kind')" = $'shards/s0 error\nt/x error\none text' ]
    run mm-decode -o "$tmp/o" --root t/a/one.png t/a/one.png
    [ "$status" -eq 1 ]
}

@test "members of an operand have their paths in it; --key archive puts its own key first" {
    [ "$(mm-decode shards/s0.tar | keys)" = $'one image\none text\none audio' ]
    [ "$(mm-decode --key archive shards/s0.tar | mm-cat -k | uniq)" = shards/s0/one ]
    [ "$(mm-decode --key archive shards | keys)" = "$(mm-decode shards | keys)" ]
    [ "$(mm-decode --root . shards/s0.tar | mm-cat -k | uniq)" = shards/s0/one ]
    [ "$(mm-decode --key archive <shards/s0.tar | mm-cat -k | uniq)" = one ]
    mkdir -p outer && cp shards/s1.tgz outer/in.tgz && m tarred outer.tar outer
    [ "$(mm-decode --key archive outer.tar | mm-cat -k)" = $'outer/in/deep/three\nouter/in/two' ]
}

@test "--key file keeps the extensions, of archives too where they come first" {
    [ "$(mm-decode --key file t/a | mm-cat -k)" = $'one.png\none.txt\none.wav' ]
    [ "$(mm-decode --key file shards/s0.tar | mm-cat -k)" = $'one.png\none.txt\none.wav' ]
    [ "$(mm-decode --key file shards | mm-cat -k | tail -n 1)" = s1.tgz/two.png ]
    gzip -kc t/a/one.wav >clip.wav.gz
    [ "$(mm-decode --key file clip.wav.gz | mm-cat -k)" = clip.wav.gz ]
}

@test "--of names what is read, of every kind; without it nothing is said" {
    [ "$(mm-decode --of machine t/a | mm-cat -J | jq -r '.kind + " " + .of' | sort)" = $'audio machine\nimage machine\ntext machine' ]
    printf '1,2\n3,4\n' >n.csv
    mm-decode --of vibration --as series n.csv | mm-cat -J | jq -e '.kind == "series" and .of == "vibration"'
    mm-decode --of vibration --as feature n.csv | mm-cat -J | jq -e -s 'all(.of == "vibration" and .space == "numbers/vibration/2")'
    mm-decode t/a | mm-cat -J | jq -e -s 'all(has("of") | not)'
    run mm-decode --of machine -o "$tmp/e" absent
    mm-cat -q -J "$tmp/e" | jq -e 'has("of") | not'
    for bad in '' mic,shake; do
        run mm-decode --of "$bad" t/a
        [ "$status" -eq 2 ]
        [[ "$output" == *"--of takes one name"* ]]
    done
}

@test "--key base and a regular expression bring files of two directories together" {
    mkdir -p pair/images pair/texts && cp t/a/one.png pair/images/1.png && cp t/x/two.png pair/images/2.png &&
        echo eins >pair/texts/1.txt && echo zwei >pair/texts/2.txt
    [ "$(mm-decode --key base pair | keys)" = $'1 image\n1 text\n2 image\n2 text' ]
    [ "$(mm-decode --key '/([0-9]+)\.' pair | keys)" = $'1 image\n1 text\n2 image\n2 text' ]
    run mm-decode --key '([0-9' pair
    [ "$status" -eq 2 ]
    [[ "$output" == *"not a regular expression"* ]]
}

# ---- two sources of one key ----

pair_of_directories() {
    mkdir -p "$tmp/train/cat" "$tmp/test/cat" && cd "$tmp" || return 1
    for i in 1 2 3; do m png train/cat/$i.png $i && m png test/cat/$i.png 9$i; done
}
refused() { mm-cat -q -J -w kind=error "$1" | jq -r '.key + " " + .src + " " + .error.code'; }

@test "the same name in two directories: the second is an error that names the key, both and what helps" {
    pair_of_directories
    run mm-decode -o o train test
    [ "$status" -eq 1 ]
    [[ "$output" == *'test/cat/1.png: key "cat/1" has its image from train already; --root DIR, '* ]]
    [ "$(refused o)" = "$(printf 'cat/%s test/cat/%s.png clash\n' 1 1 2 2 3 3)" ]
    [ "$(mm-cat -q -J -w kind=image o | jq -r .src)" = "$(printf 'train/cat/%s.png\n' 1 2 3)" ]
    mm-decode --root . train test | mm-cat -k | diff - <(printf '%s\n' {train,test}/cat/{1,2,3})
    mm-decode --label dir --root . train test | mm-cat -c | grep -Fx $'image\t6'
}

@test "the same name in two archives: --key archive keeps them apart" {
    pair_of_directories
    m tarred 0.tar train && m tarred 1.tgz test w:gz
    run mm-decode -o o 0.tar 1.tgz
    [ "$status" -eq 1 ]
    [[ "$output" == *'1.tgz!cat/1.png: key "cat/1" has its image from 0.tar already; --key archive '* ]]
    [ "$(refused o | wc -l)" -eq 3 ]
    mm-decode --key archive 0.tar 1.tgz | mm-cat -k | diff - <(printf '%s\n' {0,1}/cat/{1,2,3})
    mkdir shards && mv 0.tar 1.tgz shards
    mm-decode shards | mm-cat -k | diff - <(printf '%s\n' {0,1}/cat/{1,2,3})
}

@test "two extensions in one place, or in a list: --key file keeps them apart" {
    mkdir -p "$tmp/d" && cd "$tmp" && m png d/a.png 1 && cp d/a.png d/a.jpeg && echo a >d/a.txt
    for operands in d "d/a.jpeg d/a.png d/a.txt"; do
        # shellcheck disable=SC2086
        run mm-decode -o o $operands
        [ "$status" -eq 1 ]
        [[ "$output" == *'d/a.png: key "'*'a" has its image from d/a.jpeg already; --key file '* ]]
        [ "$(mm-cat -q -c o | sort | tr '\n\t' ' =')" = "error=1 image=1 text=1 " ]
        # shellcheck disable=SC2086
        [ "$(mm-decode --key file $operands | mm-cat -c | sort | tr '\n\t' ' =')" = "image=2 text=1 " ]
    done
}

@test "a directory beside the archive of its name, and one archive beside another" {
    mkdir -p "$tmp/w/b/a" && cd "$tmp" && m png w/b/a/1.png 1 && m png w/b/a/2.png 2
    m tarred w/b/a.tar w/b/a && m zipped w/b/a.zip w/b/a && m png w/b/a-1.png 3 && m png w/c.png 4
    run mm-decode -o o w
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -J -w kind=image o | jq -r .src)" = $'w/b/a.tar!1.png\nw/b/a.tar!2.png\nw/b/a-1.png\nw/c.png' ]
    [ "$(refused o | cut -d ' ' -f 2)" = $'w/b/a.zip!1.png\nw/b/a.zip!2.png\nw/b/a/1.png\nw/b/a/2.png' ]
}

@test "a member that an archive holds twice is reported, not mixed" {
    cd "$tmp" && mkdir d && echo one >d/a.txt && tar cf twice.tar d && echo two >d/a.txt && tar rf twice.tar d
    run mm-decode -o o twice.tar
    [ "$status" -eq 1 ]
    [[ "$output" == *"twice.tar!d/a.txt: key "*"the archive holds it twice"* ]]
    mm-cat -q -J -w kind=text o | jq -e -s 'map(.data) == ["one\n"]'
}

@test "no clash: other modalities, rows, a still beside a video, broken files, an operand given twice, keys that merge" {
    cd "$tmp" && mkdir images texts v e
    m png images/1.png 1 && m png images/2.png 2 && echo eins >texts/1.txt && echo zwei >texts/2.txt
    [ "$(mm-decode images texts | keys | sort)" = $'1 image\n1 text\n2 image\n2 text' ]
    m tarred images.tar images && m tarred texts.tar texts
    [ "$(mm-decode images.tar texts.tar | keys | sort)" = $'1 image\n1 text\n2 image\n2 text' ]
    [ "$(mm-decode --lines texts/1.txt texts/1.txt | mm-cat -c)" = $'text\t2' ]
    printf 'k,t\n1,a\n1,b\n' >x.csv && cp x.csv y.csv
    [ "$(mm-decode --column t --key-column k x.csv y.csv | mm-cat -c)" = $'text\t4' ]
    [ "$(mm-decode images images | mm-cat -c)" = $'image\t4' ]
    cp -r images more
    [ "$(mm-decode --key base images more | mm-cat -c)" = $'image\t4' ]
    [ "$(mm-decode --key '([0-9]).png' images more | mm-cat -c)" = $'image\t4' ]
    m png e/a.png 1 && head -c 50 e/a.png >e/a.jpg
    run mm-decode -o o e
    [ "$(mm-cat -q -c o | sort | tr '\n\t' ' =')" = "error=1 image=1 " ]
    ffmpeg -v error -f lavfi -i testsrc=d=0.2:r=10:s=32x24 -c:v mpeg4 v/a.mp4 && m png v/a.jpg 1
    [ "$(mm-decode v | keys)" = $'a image\na image\na image' ]
    cp v/a.mp4 v/a.mkv
    run mm-decode -o o v
    [ "$status" -eq 1 ]
    [ "$(mm-cat -q -c o | sort | tr '\n\t' ' =')" = "error=1 image=3 " ]
}

@test "clashes are the same whatever -j is, and when an interrupted run is taken up" {
    cd "$tmp" && mkdir a b
    for i in $(seq 30); do m png a/$i.png "$i" && m png b/$i.png 7 && cp "$D/t/x/deep/three.wav" b/$i.wav; done
    mm-decode -q -j1 a b a >want 2>/dev/null || [ $? -eq 1 ]
    mm-cat -q -c want | grep -Fx $'error\t30'
    for j in 2 4 9; do mm-decode -q -j$j a b a 2>/dev/null | cmp - want; done
    size=$(stat -c %s want)
    for cut in 100 $((size / 3)) $((size / 2)) $((size * 3 / 4)) $((size - 1)); do
        head -c "$cut" want >out.part && rm -f out
        mm-decode -q -j2 --resume -o out a b a 2>/dev/null || [ $? -eq 1 ]
        cmp out want || { echo "cut at $cut"; false; }
    done
}

@test "--key: an unknown rule is refused; an expression that fits no path, or not all, is reported" {
    for word in stem files '' cat/dog; do
        run mm-decode --key "$word" pair -o "$tmp/o.mm"
        [ "$status" -eq 2 ]
        [[ "$output" == *"'$word' is neither a rule"* ]]
        [ ! -e "$tmp/o.mm" ]
    done
    run mm-decode --key bse t
    [ "$status" -eq 2 ]
    [[ "$output" == *'did you mean "base"? (there are: path, archive, file, base)'* ]]
    run mm-decode --key '^([0-9]+)_' t -o "$tmp/o.mm"
    [ "$status" -eq 2 ]
    [[ "$output" == *"--key '^([0-9]+)_' fits the path of no source (such as "* ]]
    [ ! -e "$tmp/o.mm" ]
    for j in 1 4; do
        run mm-decode -j $j --key '^a/([a-z]+)\.' t -o "$tmp/o.mm"
        [ "$status" -eq 0 ]
        [[ "$output" == *"fits the paths of 3 of 5 sources; each of the others, such as x/"* ]]
    done
    run mm-decode --key '([a-z]+)\.[a-z]+$' t shards/s0.tar shards/s1.tgz -o "$tmp/o.mm"
    [ "$status" -eq 0 ]
    [[ "$output" != *"--key"* ]]
}
