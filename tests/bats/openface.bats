# OpenFace's tables: which rows become features, of which columns, when, and in which windows.

setup_file() {
    openface() { python3 "$BATS_TEST_DIRNAME/openface.py" "$@"; }
    cd "$BATS_FILE_TMPDIR" || return 1
    openface >face.csv # 60 frames, two seconds
    openface --old >old.csv
    openface --multi >multi.csv
    openface --image 3 >image.csv
}
setup() {
    cd "$BATS_TEST_TMPDIR" && cp "$BATS_FILE_TMPDIR"/*.csv .
}

# The values of columns NAME... in row ROW (1 is the first) of FILE, as JSON: by Python's csv.
want() {
    python3 -c 'import csv, json, sys
rows = list(csv.reader(open(sys.argv[1]), skipinitialspace=True)); at = [rows[0].index(n) for n in sys.argv[3:]]
print(json.dumps([float(rows[int(sys.argv[2])][i]) for i in at]).replace(" ", ""))' "$@"
}
AU=$(printf 'AU%s_r ' 01 02 04 05 06 07 09 10 12 14 15 17 20 23 25 26 45)
GAZE="gaze_0_x gaze_0_y gaze_0_z gaze_1_x gaze_1_y gaze_1_z"
POSE="pose_Tx pose_Ty pose_Tz pose_Rx pose_Ry pose_Rz"
near() { jq -n -e --argjson a "$1" --argjson b "$2" '($a | length) == ($b | length) and ([$a, $b] | transpose | all((.[0] - .[1] | fabs) < 1e-6))'; }

@test "each frame with a face is a feature: action units, gaze, pose, from its time to the next frame's" {
    run mm-decode --as openface face.csv -o o.mm
    [ "$status" = 0 ]
    [[ "$output" == *"less confidence than 0.7"*": 24 of 60"* ]]
    [ "$(mm-cat -c o.mm)" = $'feature\t36' ]
    mm-cat -J --data o.mm >o.json
    jq -e -s 'all(.key == "face" and .of == "face" and .space == "openface/au+gaze+pose/31") and
              (map(.part)[:5] == [0,1,2,3,8]) and .[0].time == [0,0.033] and .[3].time == [0.1,0.133] and .[-1].time[0] == 1.967' o.json
    near "$(jq -c -s '.[4].data.values' o.json)" "$(want face.csv 9 $AU $GAZE gaze_angle_x gaze_angle_y $POSE)"
}

@test "--face-groups, --face-confidence, --of and --space" {
    mm-decode -q --as openface --face-groups pose,presence --face-confidence .3 --of agent face.csv | mm-cat -J --data >o.json
    jq -e -s 'length == 42 and all(.of == "agent" and .space == "openface/pose+presence/24")' o.json
    near "$(jq -c -s '.[0].data.values' o.json)" "$(want face.csv 1 $POSE $(printf 'AU%s_c ' 01 02 04 05 06 07 09 10 12 14 15 17 20 23 25 26 28 45))"
    mm-decode -q --as openface --space my/face face.csv | mm-cat -J | jq -e -s 'all(.space == "my/face")'
    run mm-decode --as openface --face-groups hair face.csv
    [ "$status" = 2 ]
    [[ "$output" == *"not hair"* ]]
    cut -d, -f1-5,709- face.csv >less.csv
    run mm-decode --as openface --face-groups gaze less.csv -o o.mm
    [ "$status" = 1 ]
    [[ "$output" == *"no columns of gaze"* ]]
}

@test "the tables of 0.2 and of FaceLandmarkVidMulti; those of pictures have no times" {
    mm-decode -q --as openface old.csv | mm-cat -J --data >o.json
    jq -e -s 'length == 36 and all(.space == "openface/au+gaze+pose/29")' o.json
    near "$(jq -c -s '.[0].data.values' o.json)" "$(want old.csv 1 $AU $GAZE $POSE)"
    run mm-decode --as openface multi.csv -o best.mm # the odd frames' best is face 0, that of the even ones face 1
    [[ "$output" == *"faces beside the most confident one of their frame, which are left out: 36"* ]]
    near "$(mm-cat -J --data best.mm | jq -c -s '.[1].data.values')" "$(want multi.csv 4 $AU $GAZE gaze_angle_x gaze_angle_y $POSE)"
    near "$(mm-cat -J --data best.mm | jq -c -s '.[0].data.values')" "$(want multi.csv 1 $AU $GAZE gaze_angle_x gaze_angle_y $POSE)"
    run mm-decode --as openface --face 1 multi.csv -o one.mm
    [ "$(mm-cat -c one.mm)" = $'feature\t36' ]
    near "$(mm-cat -J --data one.mm | jq -c -s '.[0].data.values')" "$(want multi.csv 2 $AU $GAZE gaze_angle_x gaze_angle_y $POSE)"
    run mm-decode --as openface --face 7 multi.csv
    [ "$status" != 0 ]
    [[ "$output" == *"no face in it that --face and --face-confidence leave"* ]]
    [[ "$output" != *--only* ]]
    run mm-decode --as openface image.csv -o o.mm
    [ "$status" = 1 ]
    [[ "$output" == *"no column timestamp"* ]]
}

@test "--window: the frames that begin in it, [frames, columns]; a window without a face is left out" {
    mm-decode -q --as openface --window .5 --hop .25 face.csv | mm-cat -J >o.json
    jq -e -s 'map(.time) == [[0,0.5],[0.25,0.75],[0.5,1],[0.75,1.25],[1,1.5],[1.25,1.75],[1.5,2]] and
              map(.part) == [0,1,2,3,4,5,6] and .[0].data.shape == [10,31]' o.json
    mm-decode -q --as openface --window .05 face.csv | mm-cat -J | jq -e -s 'map(.time[0] * 100 | round)[:5] == [0,5,10,25,30] and map(.part)[:5] == [0,1,2,3,4]'
}

@test "rows that are broken are errors, a clock that starts anew a new run" {
    { head -n 4 face.csv; echo '4,0,x,1,1'; sed 's/^4,0,[^,]*/4,0,1e30/; 5!d' face.csv; sed -n '3,6p' face.csv; } >odd.csv
    run mm-decode --as openface odd.csv -o o.mm
    [ "$status" = 1 ]
    [[ "$output" == *"row 4: timestamp is not a number"* ]]
    [[ "$output" == *"row 5: no timestamp"* ]]
    [ "$(mm-cat -c o.mm)" = $'error\t2\nfeature\t6' ]
    mm-decode -q --as openface --window 1 odd.csv 2>/dev/null | mm-cat -J | jq -e -s 'map(select(.kind == "feature")) | map(.data.shape[0]) == [3,3]'
}

@test "live, it gives the same, a frame when the next one comes, a window when a frame lies beyond it" {
    python=${MM_PYTHON:-python3}
    "$python" -c 'import msgpack' 2>/dev/null || skip "needs Python's msgpack (set MM_PYTHON)"
    at() { head -n "$1" face.csv | wc -c; }
    "$python" "$BATS_TEST_DIRNAME/talk.py" out mm-decode -q --as openface --flush - <<END
file face.csv 0 $(at 3)
expect -
file face.csv $(at 3) $(at 4)
expect -
file face.csv $(at 4) 999999999
END
    mm-decode -q --as openface - <face.csv | cmp - out
    "$python" "$BATS_TEST_DIRNAME/talk.py" out mm-decode -q --as openface --window .5 --flush - <<END
file face.csv 0 $(at 17)
expect -
file face.csv $(at 17) 999999999
END
    mm-decode -q --as openface --window .5 - <face.csv | cmp - out
}
