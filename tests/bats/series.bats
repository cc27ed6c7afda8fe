# Series in windows: of tables and arrays, of files and pipes; what stands for rows that are broken; rows that have times.

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    seq 1 25 | sed 's/$/,0/' >s.csv
}

rows() { mm-decode -q --as series "$@" | mm-cat -J --data | jq -c 'select(.kind == "series") | [.part, .time, [.data.values[][0]]]' | tr '\n' ' '; }

@test "windows of rows are cut as windows of sound are: the last one short, and left out when the one before had it all" {
    [ "$(rows --rate 10 --window 1 s.csv | jq -c -s 'map([.[0], .[1], (.[2] | length), .[2][0]])')" = \
        '[[0,[0,1],10,1],[1,[1,2],10,11],[2,[2,2.5],5,21]]' ]
    [ "$(rows --rate 10 --window 1 --hop .5 s.csv | jq -c -s 'map(.[1])')" = '[[0,1],[0.5,1.5],[1,2],[1.5,2.5]]' ]
    [ "$(rows --rate 10 --window .5 --hop 1 s.csv | jq -c -s 'map(.[2][0])')" = '[1,11,21]' ]
    mm-decode --as series --rate 1 --window 5 s.csv | mm-cat -J | jq -e -s 'length == 5 and all(.data.shape == [5,2] and .rate == 1)'
    # a hop that is no whole number of rows does not drift: the hundredth window begins at row 333
    seq 0 999 >t.csv
    [ "$(rows --rate 10 --window .3 --hop .333 t.csv | jq -c -s '.[100] | [.[2][0], .[1][0]]')" = '[333,33.3]' ]
}

@test "arrays are cut as tables are" {
    python=${MM_PYTHON:-python3}
    "$python" -c 'import numpy' 2>/dev/null || skip "needs Python's numpy"
    "$python" -c 'import numpy as n; x = n.loadtxt("s.csv", delimiter=","); n.save("a.npy", x); n.save("v.npy", x[:, 0].astype("i2"))'
    [ "$(rows --rate 10 --window 1 --hop .5 a.npy)" = "$(rows --rate 10 --window 1 --hop .5 s.csv)" ]
    mm-decode --rate 100 --window .1 v.npy | mm-cat -J --data | jq -e -s 'map(.data.values | length) == [10,10,5] and .[2].data.values[0] == 21'
    mm-decode a.npy | mm-cat -J | jq -e '.data.shape == [25,2] and .part == null and .time == null'
}

@test "a broken row takes its time: NaN stands for it, and after ten seconds of them a new run begins" {
    { seq 1 6; echo x; seq 8 10; echo '1,2'; seq 12 15; } >odd.csv
    run mm-decode --as series --rate 5 --window 1 odd.csv -o o.mm
    [ "$status" = 1 ]
    [[ "$output" == *"row 7: column 1 is not a number"* ]]
    [[ "$output" == *"row 11: 2 numbers, those before have 1"* ]]
    [ "$(rows --rate 5 --window 1 odd.csv)" = '[0,[0,1],[1,2,3,4,5]] [1,[1,2],[6,null,8,9,10]] [2,[2,3],[null,12,13,14,15]] ' ]
    { echo n; yes x | head -n 3; seq 1 3; yes x | head -n 21; seq 4 6; } >gap.csv
    [ "$(rows --rate 2 --window 2 gap.csv)" = '[0,[1.5,3],[1,2,3]] [1,[13.5,15],[4,5,6]] ' ]
    [ "$(rows odd.csv)" = '[null,null,[1,2,3,4,5,6,8,9,10,12,13,14,15]] ' ] # rows without a rate have no time
}

@test "--time-column: windows of time, of as many rows as began in them" {
    printf 't,x\n10,1\n10.2,2\n10.9,3\n11,4\n12.5,5\n13.4,6\n13.9,7\n' >t.csv
    [ "$(rows --time-column t --window 1 t.csv)" = '[0,[10,11],[1,2,3]] [1,[11,12],[4]] [2,[12,13],[5]] [3,[13,14],[6,7]] ' ]
    [ "$(rows --time-column t --window 1 --hop 2 t.csv)" = '[0,[10,11],[1,2,3]] [1,[12,13],[5]] ' ]
    printf 't,x\n0,1\n.1,2\n.2,3\n.3,4\n.4,5\n7,6\n.5,7\n' >back.csv # once forward, then back: three runs' worth of windows
    [ "$(rows --time-column t --window .2 back.csv | jq -c -s 'map(.[2])')" = '[[1,2],[3,4],[5],[6],[7]]' ]
    run mm-decode --as series --window 1 t.csv
    [ "$status" = 2 ]
    [[ "$output" == *"goes with --rate or --time-column"* ]]
    run mm-decode --as series --rate 1 --window .1 t.csv -o o.mm
    [ "$status" = 1 ]
    [[ "$output" == *"does not fit"* ]]
}

@test "live, a window leaves with its last row, and all are those of the file" {
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    "$python" "$BATS_TEST_DIRNAME/talk.py" out mm-decode -q --as series --rate 10 --window .5 --hop .3 --flush - <<'END'
send '1,0\n2,0\n3,0\n4,0\n5,'
send '0\n'
expect -
send '6,0\n7,0\n8,0\n'
expect -
send '9,0\n10,0\n'
END
    head -n 10 s.csv | mm-decode -q --as series --rate 10 --window .5 --hop .3 - | cmp - out
    "$python" "$BATS_TEST_DIRNAME/talk.py" out mm-decode -q --as series --time-column 1 --window 3 --flush - <<'END'
send '0,5\n1,6\n3,7\n'
expect -
send '4,8\n'
END
    printf '0,5\n1,6\n3,7\n4,8\n' | mm-decode -q --as series --time-column 1 --window 3 - | cmp - out
}

@test "windows that would not end are refused: hops and overlaps out of all proportion" {
    refused() { # what, the table, options
        printf "$2" >bad.csv
        run timeout 20 mm-decode --as series "${@:3}" bad.csv -o o.mm
        [ "$status" = 1 ]
        [[ "$output" == *"$1"* ]]
    }
    refused "does not fit" '0\n1\n2\n' --rate 1 --window 2 --hop 1e19
    refused "does not fit" '0\n1\n2\n' --rate 1 --window 1e300
    refused "does not fit" 't,x\n0,1\n1,2\n' --time-column t --window 1e-300
    refused "does not fit" 't,x\n0,1\n1,2\n' --time-column t --window 1 --hop 1e-300
    refused "does not fit" 't,x\n0,1\n4000000000,2\n' --time-column t --window 1e-9 --hop 1e-10
    seq 0 4 >few.csv
    [ "$(rows --rate 1 --window 2 --hop 1e14 few.csv)" = '[0,[0,2],[0,1]] ' ]
    printf 't,x\n0,1\n4000000000,2\n' >far.csv
    [ "$(rows --time-column t --window 1 far.csv | jq -c -s 'map(.[2])')" = '[[1],[2]]' ]
}

@test "options that have no place in a series are refused, not ignored" {
    refused() { # what, options
        run mm-decode --as series "${@:2}" s.csv
        [ "$status" = 2 ]
        [[ "$output" == *"$1"* ]]
    }
    refused "--as and --column exclude each other" --column 1
    refused "--as and --lines exclude each other" --lines
    refused "--label-column goes with --as=feature" --label-column 2
    refused "--of-column goes with --as=feature" --of-column 2
    refused "--time-column goes with --window or --rate" --time-column 1
    refused "--hop goes with --window" --hop 1
    mm-decode --as series --key-column 2 s.csv | mm-cat -J | jq -e '.data.shape == [25,1]'
    run mm-decode --as series <(printf '')
    [[ "$output" != *--only* ]]
    printf 'a,b\n' >names.csv
    run mm-decode --as series names.csv
    [ "$status" != 0 ]
    [[ "$output" == *"a table without rows"* ]]
}
