# Labels: tables beside the media, which row means which file, what is said of those that mean none; tables of texts.

setup() {
    cd "$BATS_TEST_TMPDIR" || return 1
    mkdir -p pets/cat pets/dog
    for f in cat/1 cat/2 dog/1 dog/2; do echo "$f" >"pets/$f.txt"; done
}
m() { python3 "$BATS_TEST_DIRNAME/media.py" "$@"; }
# KEY=LABEL of every record
labels() { mm-cat -q -J "$@" | jq -r '.key + "=" + (.label // "-" | tostring)' | tr '\n' ' '; }

@test "a row that names a directory labels no file of another one" {
    printf 'path,label\ncat/1.txt,cat\ncat/2.txt,cat\n' >t.csv
    run mm-decode --labels t.csv pets -o o.mm
    [ "$status" -eq 0 ]
    [[ "$output" == *"inputs without a label in t.csv: 2"* ]]
    [ "$(labels o.mm)" = "cat/1=cat cat/2=cat dog/1=- dog/2=- " ]
    printf 'path,label\ndata/pets/cat/1.txt,cat\ndata/pets/dog/1.txt,dog\ndata/pets/dog/2.txt,dog\n' >t.csv
    [ "$(mm-decode -q --labels t.csv pets | labels)" = "cat/1=cat cat/2=- dog/1=dog dog/2=dog " ]
    [ "$(mm-decode -q --labels t.csv pets/cat | labels)" = "1=cat 2=- " ]
    sed 's,/,\\,g' t.csv >windows.csv
    [ "$(mm-decode -q --labels windows.csv pets | labels)" = "cat/1=cat cat/2=- dog/1=dog dog/2=dog " ]
}

@test "members of archives are labelled as the files are" {
    printf 'path,label\npets/cat/1.txt,cat\ndog/2.txt,dog\n' >t.csv
    m tarred pets.tar pets && tar --sort=name -cf two.tar pets
    [ "$(mm-decode -q --labels t.csv pets.tar | labels)" = "cat/1=cat cat/2=- dog/1=- dog/2=dog " ]
    [ "$(mm-decode -q --labels t.csv two.tar | labels)" = "pets/cat/1=cat pets/cat/2=- pets/dog/1=- pets/dog/2=dog " ]
    [ "$(mm-decode -q --labels t.csv - <two.tar | labels)" = "pets/cat/1=cat pets/cat/2=- pets/dog/1=- pets/dog/2=dog " ]
}

@test "rows that tie and disagree are an error record; a row taken from another directory is said" {
    printf 'path,label\na/1.txt,x\nb/1.txt,y\na/2.txt,z\n' >t.csv
    run mm-decode --labels t.csv pets/cat -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"pets/cat/1.txt: rows 1 (a/1.txt) and 2 (b/1.txt) match it equally well"* ]]
    [[ "$output" == *"inputs that took the label of a row of t.csv that names another directory: 1 (pets/cat/2.txt: a/2.txt)"* ]]
    mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["error","text"] and .[0].error.code == "label" and .[1].label == "z"'
}

@test "rows of one name that differ end the run before it begins; equal ones do not" {
    printf 'file,label\ncat/1.txt,cat\ndog/1.txt,dog\n./cat/1.txt,dog\n' >t.csv
    run mm-decode --labels t.csv pets -o o.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"rows 1 and 3 both name cat/1.txt"* ]]
    [ ! -e o.mm ]
    printf 'image,caption\n1.txt,a cat\n1.txt,one cat\n' >t.csv
    run mm-decode --labels t.csv pets/cat
    [ "$status" -eq 2 ]
    [[ "$output" == *"column caption"*"column image"*"; --column and --key-column "* ]]
    printf 'file,label\ncat/1.txt,cat\ncat/1.txt,cat\n' >t.csv
    [ "$(mm-decode -q --labels t.csv pets/cat | labels)" = "1=cat 2=- " ]
}

@test "when nothing is labelled, that is a failure" {
    printf 'file,label\nbird/1.txt,bird\nbird/3.txt,bird\n' >t.csv
    run mm-decode --labels t.csv pets -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *'nothing was labelled: the rows of t.csv name files like "bird/1.txt"'* ]]
    [ "$(mm-cat -c o.mm)" = $'text\t4' ]
}

@test "columns that are not there are errors that list those that are" {
    printf 'file,label\n1.txt,x\n' >t.csv
    run mm-decode --labels t.csv --label-column lable pets
    [ "$status" -eq 2 ]
    [[ "$output" == *'no column lable; did you mean "label"? (there are: file, label)'* ]]
    run mm-decode --labels t.csv --key-column image pets
    [ "$status" -eq 2 ]
    [[ "$output" == *'no column image (there are: file, label)'* ]]
    printf 'text, label\nhello, a\n' >c.csv
    printf '{"text":"hello","label":"a"}\n' >c.jsonl
    for f in c.csv c.jsonl; do
        for columns in "text lable" "txt label" "text label lable"; do
            set -- $columns
            run mm-decode --column "$1" --label-column "$2" ${3:+--key-column "$3"} $f -o o.mm
            [ "$status" -eq 1 ] || { echo "$f $columns"; false; }
            [[ "$output" == *"did you mean"*"(there are: text, label)"* ]]
            [ "$(mm-cat -q -c o.mm)" = $'error\t1' ]
        done
        [ "$(mm-decode --column text --label-column label $f | labels)" = "c:1=a " ]
    done
    run mm-decode --column 1 --label-column 7 c.csv
    [ "$status" -eq 1 ]
    [[ "$output" == *"its columns are 1 to 2"* ]]
    printf 'x,class\n1,a\n' >n.csv
    run mm-decode --as feature --label-column clas n.csv
    [ "$status" -eq 1 ]
    [[ "$output" == *'did you mean "class"'* ]]
}

@test "an empty cell, or null, is not a label; a text that is null is an error" {
    printf 'text,label\na,\nb,x\nc, \n' >t.csv
    [ "$(mm-decode --column text --label-column label t.csv | labels)" = "t:1=- t:2=x t:3=- " ]
    printf '{"text":"a","label":null}\n{"text":"b","label":"x"}\n{"text":"c"}\n{"text":null,"label":"x"}\n' >t.jsonl
    run mm-decode --column text --label-column label t.jsonl -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"t.jsonl: row 4: no text in column text"* ]]
    [ "$(labels o.mm)" = "t:1=- t:2=x t:3=- t:4=- " ]
    printf 'file,label,size\ncat/1.txt,,7\ncat/2.txt,x,\ndog/1.txt,,\n' >l.csv
    [ "$(mm-decode -q --labels l.csv pets | labels)" = 'cat/1={"size":"7"} cat/2={"label":"x"} dog/1=- dog/2=- ' ]
    [ "$(mm-decode -q --labels l.csv --label-column label pets | labels)" = 'cat/1=- cat/2=x dog/1=- dog/2=- ' ]
}

@test "errors in rows name the row's number, key and part" {
    printf '{"text":"a"}\nnonsense\n{"text":"b"}\n{"text":"\\ud83d"}\n' >t.jsonl
    run mm-decode --column text t.jsonl -o o.mm
    [[ "$output" == *"t.jsonl: row 2: not a JSON object"*"t.jsonl: row 4: "* ]]
    mm-cat -q -J o.mm | jq -e -s 'map([.key, .part, .kind]) ==
        [["t:1",0,"text"],["t:2",1,"error"],["t:3",2,"text"],["t:4",3,"error"]]'
    printf 'id,text\nk1,a\nk2\n,c\n' >t.csv
    run mm-decode --column text --key-column id t.csv -o o.mm
    mm-cat -q -J o.mm | jq -e -s 'map([.key, .part]) == [["k1",0],["k2",1],["t:3",2]]'
    printf 'id,text,label\nk1,a,x\nk2,b\nk3,well, yes,x\nk4,d,x,,\n' >t.csv # a cell too few, one too many
    run mm-decode --column text --key-column id --label-column label t.csv -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"row 2: it ends before its key or label"*"row 3: 4 cells, more than the 3 that have names"* ]]
    mm-cat -q -J o.mm | jq -e -s 'map([.key, .label]) == [["k1","x"],["k2",null],["t:3",null],["k4","x"]]'
    printf 'x,y\n1,2\n3,oops\n4,5\n' >n.csv
    run mm-decode --as feature n.csv -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *'n.csv: row 2: column 2 is not a number: "oops"'* ]]
    mm-cat -q -J o.mm | jq -e -s 'map([.key, .part]) == [["n:1",0],["n:2",1],["n:3",2]]'
}

@test "tables as csv, json and Excel write them say the same" {
    python3 - <<'END'
import csv, json
rows = [{"text": 'he said "hi"; well', "label": "a"}, {"text": "two\nlines, a tab\tin it", "label": "b"}, {"text": "plain", "label": "c"}]
def table(name, **how):
    with open(name, "w", newline="", encoding=how.pop("encoding", "utf-8")) as f:
        f.write(how.pop("first", ""))
        w = csv.DictWriter(f, ["text", "label"], **how)
        w.writeheader()
        w.writerows(rows)
table("comma.csv")
table("lf.csv", lineterminator="\n")
table("cr.csv", lineterminator="\r")
table("all.csv", quoting=csv.QUOTE_ALL)
table("semicolon.csv", delimiter=";")
table("bom.csv", delimiter=";", encoding="utf-8-sig")
table("u16.csv", encoding="utf-16")
table("sep.csv", delimiter="|", first="sep=|\r\n")
json.dump(rows, open("array.json", "w"))
json.dump(rows, open("indented.json", "w"), indent=2)
open("lines.jsonl", "w").write("".join(json.dumps(r) + "\n" for r in rows))
table("quoted.tsv", delimiter="\t")
json.dump(rows, open("want", "w"))
END
    for f in comma.csv lf.csv cr.csv all.csv semicolon.csv bom.csv u16.csv sep.csv array.json indented.json lines.jsonl "quoted.tsv --table quoted-tsv"; do
        mm-decode --column text --label-column label $f | mm-cat -J | jq -c '{text: .data, label: .label}' | jq -s . |
            jq -e --slurpfile want want '. == $want[0]' || { echo "$f"; false; }
    done
    run mm-decode --column text --label-column label quoted.tsv -o o.mm # a quote is a plain character, which is said
    [ "$status" -eq 1 ] # the rows with newlines in a cell
    [[ "$output" == *"; --table=quoted-tsv removes them"* ]]
    printf 'label;x\np;1.5\nq;2.5\n' >n.csv && printf '\xef\xbb\xbf1,2\n3,4\n' >bom.csv
    mm-decode --as feature --label-column label n.csv | mm-cat -J --data | jq -e -s 'map(.label) == ["p","q"]'
    [ "$(mm-decode --as feature bom.csv | mm-cat -c)" = $'feature\t2' ]
}

@test "Label Studio's exports: JSON, JSON-MIN and CSV, uploads and local files" {
    m png pets/cat/a.png 1 && m png "pets/dog/b c.png" 2
    cat >tasks.json <<'END'
[{"id": 1, "data": {"image": "/data/upload/1/0a1b2c3d-a.png"}, "annotations": [{"was_cancelled": false, "result":
   [{"type": "choices", "from_name": "choice", "to_name": "image", "value": {"choices": ["cat"]}}]}], "predictions": []},
 {"id": 2, "data": {"image": "/data/local-files/?d=pets/dog/b%20c.png"}, "annotations": [{"result":
   [{"type": "choices", "from_name": "choice", "to_name": "image", "value": {"choices": ["dog", "old"]}}]}]}]
END
    cat >min.json <<'END'
[{"image": "/data/upload/1/0a1b2c3d-a.png", "id": 1, "choice": "cat", "annotator": 1, "annotation_id": 1, "lead_time": 2.5},
 {"image": "/data/local-files/?d=pets/dog/b%20c.png", "id": 2, "choice": {"choices": ["dog", "old"]}, "annotator": 1,
  "annotation_id": 2, "lead_time": 3}]
END
    cat >ls.csv <<'END'
image,id,choice,annotator,annotation_id,created_at,updated_at,lead_time
/data/upload/1/0a1b2c3d-a.png,1,cat,1,1,2024-01-01,2024-01-01,1.5
/data/local-files/?d=pets/dog/b%20c.png,2,"{""choices"":[""dog"",""old""]}",1,2,2024-01-01,2024-01-01,1.5
END
    for f in tasks.json min.json ls.csv; do
        for column in "" "--label-column choice"; do
            run mm-decode --only image --labels $f $column pets -o o.mm
            [ "$status" -eq 0 ] && [ "$output" = "" ] || { echo "$f $column: $output"; false; }
            [ "$(labels o.mm)" = 'cat/a=cat dog/b c={"dog":1,"old":1} ' ] || { echo "$f $column"; labels o.mm; false; }
        done
    done
}

@test "mm-cat --labels: features that exist already are labelled by the same rules" {
    printf 'path,label\nsets/pets/cat/1.txt,cat\nsets/pets/dog/2.txt,dog\n' >old.csv
    m tarred pets.tar pets && tar --sort=name -cf two.tar pets
    for input in pets pets.tar two.tar; do
        mm-decode -q $input -o bare.mm
        mm-decode -q --labels old.csv $input -o want.mm
        mm-cat -q --labels old.csv bare.mm | cmp - want.mm || { echo "$input"; false; }
    done
    # another week: another table, whose word alone counts
    printf 'who;where\nCat;cat\\1.txt\n;dog\\2.txt\n' >new.csv
    run mm-cat --labels new.csv --label-column who --key-column where -o o.mm want.mm
    [ "$status" -eq 0 ]
    [[ "$output" == *"records without a label in new.csv: 3"* ]]
    [ "$(labels o.mm)" = "pets/cat/1=Cat pets/cat/2=- pets/dog/1=- pets/dog/2=- " ]
    [ "$(mm-cat -q --labels old.csv -w label=dog -k want.mm)" = "pets/dog/2" ]
    mm-model --names list | grep -q minilm-l6 || skip "needs minilm-l6 (make models)"
    mm-decode -q pets/cat | mm-encode-text -m minilm-l6 -o f.mm
    mm-cat -q --labels old.csv f.mm | mm-cat -J | jq -e -s 'map(.kind + (.label // "-")) == ["featurecat","feature-"]'
}

@test "mm-cat --labels: what cannot be followed is said" {
    mm-decode pets -o f.mm
    printf 'path,label\na/1.txt,x\n' >t.csv
    run mm-cat --labels t.csv --label-column lable f.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *'did you mean "label"'* ]]
    run mm-cat --label-column label f.mm
    [ "$status" -eq 2 ]
    printf 'path,label\nbird/9.txt,x\n' >t.csv
    run mm-cat --labels t.csv f.mm -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"nothing was labelled"* ]]
    printf 'path,label\n1.png,x\n1.jpg,y\n' >t.csv
    run mm-cat --labels t.csv f.mm -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"cat/1: rows 1 (1.png) and 2 (1.jpg) match it equally well"* ]]
    mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["error","text","error","text"]'
}

@test "--label cls, json: files beside the media, in directories and archives, before and after them" {
    mkdir wds && cd wds
    m png 0001.jpg 1 && m png 0001.seg.png 2 && m png 0002.jpg 3 && m png 0003.jpg 4 && m png v.2.jpg 5
    printf ' 3\n' >0001.cls && printf 'seven' >0002.cls && printf 'x' >0009.cls && printf '2' >v.2.cls
    printf '{"label": "a", "n": 1, "no": null}' >0001.json && printf '{"label": null}' >0002.json && printf '{' >0003.json
    cd ..
    tar --sort=name -cf after.tar -C wds .
    (cd wds && tar cf ../before.tar 0001.cls 0001.json 0001.jpg 0001.seg.png 0002.cls 0002.jpg 0002.json 0003.jpg 0003.json v.2.cls v.2.jpg 0009.cls)
    for input in wds after.tar before.tar; do
        run mm-decode --label cls $input -o o.mm
        [ "$status" -eq 0 ] || { echo "$input: $output"; false; }
        [[ "$output" == *"inputs without a label in a .cls file beside them: 1"*".cls files that lie beside no other file: 1"* ]]
        [ "$(labels o.mm | tr ' ' '\n' | sort | xargs)" = '0001.seg=3 0001=3 0002=seven 0003=- v.2=2' ] || { labels o.mm; false; }
        run mm-decode --label json $input -o o.mm
        [ "$status" -eq 1 ]
        [[ "$output" == *"0003.json: not a JSON object"* ]]
        mm-cat -q -J o.mm | jq -e -s 'map(select(.key == "0001").label) == [{"label":"a","n":"1"}] and
            map(select(.key == "0003").kind) == ["image","error"] and map(select(.key == "0002").label) == [null]'
        [ "$(mm-decode -q --label json:label $input | mm-cat -q -w key=0001 -t -f label | tail -1)" = a ]
    done
    run mm-decode --label json:lable wds/0001.jpg wds/0001.json -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *'no column lable; did you mean "label"?'* ]]
    run mm-decode --label cls pets -o o.mm # nothing is labelled
    [ "$status" -eq 1 ]
    [ "$(mm-cat -c o.mm)" = $'text\t4' ]
    run mm-decode --label csl pets
    [ "$status" -eq 2 ]
    [[ "$output" == *"takes dir, cls, json or json:FIELD"* ]]
    for j in 1 4; do mm-decode -q -j $j --label cls wds >"j$j.mm"; done
    cmp j1.mm j4.mm
}

@test "an unquoted label with a comma does not become another column's" {
    printf 'file,label,set\ncat/1.txt,cat, small,train\n' >t.csv
    run mm-decode --labels t.csv pets
    [ "$status" -eq 2 ]
    [[ "$output" == *"t.csv: row 1: 4 cells, more than the 3 that have names"* ]]
}

@test "Hugging Face's metadata.jsonl" {
    printf '{"file_name": "cat/1.txt", "label": 3}\n{"file_name": "dog/1.txt", "label": null}\n' >pets/metadata.jsonl
    [ "$(mm-decode -q --labels pets/metadata.jsonl pets | labels)" = "cat/1=3 cat/2=- dog/1=- dog/2=- " ]
}

@test "Parquet and spreadsheets are named as formats that are not read" {
    printf 'PAR1\x15\x04\x15\x00PAR1' >t.parquet
    run mm-decode --column text t.parquet -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"Parquet is not read"* ]]
    run mm-decode --labels t.parquet pets
    [ "$status" -eq 2 ]
    [[ "$output" == *"Parquet is not read"* ]]
    m zipped t.xlsx pets
    run mm-decode --labels t.xlsx pets
    [ "$status" -eq 2 ]
    [[ "$output" == *"save it as CSV"* ]]
}

@test "memory that is out for one file is that file's error" {
    [[ "$MM_BUILD" != *sanitize* ]] || skip "the sanitizers reserve terabytes"
    m npy big.npy '|u1' '(900000000,)' && truncate -s 900000200 big.npy
    for limit in 600000 2000000; do # the file does not fit; its vector does not
        run bash -c "ulimit -v $limit; mm-decode -j1 --as feature -o o.mm pets/cat/1.txt big.npy n.csv"
        [ "$status" -eq 1 ]
        [[ "$output" == *"big.npy: out of memory"* ]]
    done
    printf 'x,y\n1,2\n' >n.csv
    run bash -c "ulimit -v 600000; mm-decode -j1 --as feature -o o.mm big.npy n.csv"
    mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["error","feature"] and .[0].error.code == "memory"'
}

@test "labels that are no UTF-8 are refused, not made one by U+FFFD" {
    printf 'file,label\ncat/1.txt,caf\351\ncat/2.txt,caf\350\n' >t.csv
    run mm-decode --labels t.csv pets -o o.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"t.csv: row 1: its label is not UTF-8"* ]]
    run mm-decode --column file --label-column label t.csv -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"row 2: the label in column label is not UTF-8"* ]]
    iconv -f latin1 -t utf-8 t.csv >u.csv
    [ "$(mm-decode -q --labels u.csv pets/cat | labels)" = "1=café 2=cafè " ]
}

@test "a table of labels without a row of names is read by numbers, and loses no row otherwise" {
    printf 'cat/1.txt,a\ncat/2.txt,b\n' >t.csv
    run mm-decode --labels t.csv pets/cat -o o.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"t.csv: the first row names cat/1.txt and no columns; --key-column 1"* ]]
    [ "$(mm-decode -q --labels t.csv --key-column 1 --label-column 2 pets/cat | labels)" = "1=a 2=b " ]
    [ "$(mm-decode -q --labels t.csv --key-column 1 --label-column -1 pets/cat | labels)" = "1=a 2=b " ]
    run mm-decode --labels t.csv --key-column 1 --label-column 3 pets/cat
    [ "$status" -eq 2 ]
    [[ "$output" == *"no column 3"*"its columns are 1 to 2"* ]]
}

@test "columns of one name are chosen by number; one without a name is not a label" {
    printf 'file,label,label\ncat/1.txt,a,b\n' >t.csv
    for options in '' '--label-column label'; do
        run mm-decode --labels t.csv $options pets/cat -o o.mm
        [ "$status" -eq 2 ]
        [[ "$output" == *"columns 2 and 3 are both called label"* ]]
    done
    [ "$(mm-decode -q --labels t.csv --label-column 3 pets/cat | labels)" = "1=b 2=- " ]
    printf ',file,label\n0,cat/1.txt,a\n' >pandas.csv
    [ "$(mm-decode -q --labels pandas.csv pets/cat | labels)" = "1=a 2=- " ]
}

@test "a column that no table is asked for is refused" {
    for option in label-column field key-column; do
        run mm-decode --$option label pets -o o.mm
        [ "$status" -eq 2 ]
        [[ "$output" == *"--$option goes with --labels, --column or --as"* ]]
    done
}

@test "columns given by number: the first row is data, in tables of labels and of texts; what looks wrong is said" {
    printf 'cat/1.txt;Kater\ncat/2.txt;Katze\ndog/1.txt;Hund\n' >nh.csv
    run mm-decode --labels nh.csv --key-column 1 --label-column 2 pets/cat -o o.mm
    [ "$status" -eq 0 ]
    [ "$(labels o.mm)" = "1=Kater 2=Katze " ]
    [[ "$output" != *"first row"* ]]
    [ "$(mm-decode -q pets | mm-cat -q --labels nh.csv --key-column 1 --label-column 2 | labels)" = "cat/1=Kater cat/2=Katze dog/1=Hund dog/2=- " ]
    printf 'cat/1.txt,Kater\ncat/2.txt,Katze, rot\n' >wide.csv
    run mm-decode --labels wide.csv --key-column 1 --label-column 2 pets/cat
    [ "$status" -eq 2 ]
    [[ "$output" == *"wide.csv: row 2: 3 cells, more than the 2 of the first row"* ]]
    run mm-decode --labels nh.csv pets -o o.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"nh.csv: the first row names cat/1.txt and no columns"* ]]
    sed 's/.txt//' nh.csv >keys.csv && run mm-decode --labels keys.csv pets -o o.mm # taken for names
    [[ "$output" == *'keys.csv: the first row is taken for names of columns, and "cat/1" in it is the name of one of the inputs'* ]]
    { echo 'Datei;Klasse' && cat nh.csv; } >h.csv
    run mm-decode --labels h.csv --key-column 1 --label-column 2 pets/cat -o o.mm
    [ "$(labels o.mm)" = "1=Kater 2=Katze " ]
    [[ "$output" == *"h.csv: the first row (Datei, Klasse) looks like names but is read as data"* ]]
    run mm-decode --labels h.csv pets/cat -o o.mm
    [ "$(labels o.mm)" = "1=Kater 2=Katze " ]
    [[ "$output" != *"first row"* ]]
    printf 'text,label\nguter Film,pos\nschlechter Film,neg\n' >t.csv
    run mm-decode --column 1 --label-column 2 t.csv -o o.mm
    [ "$(labels o.mm)" = "t:1=label t:2=pos t:3=neg " ]
    [[ "$output" == *"t.csv: the first row (text, label) looks like names"* ]]
    [ "$(mm-decode --column text --label-column 2 t.csv 2>&1 | labels)" = "t:1=pos t:2=neg " ]
    tail -n +2 t.csv >n.csv && run mm-decode --column 1 --label-column 2 n.csv -o o.mm
    [ "$output" = "" ]
    [ "$(labels o.mm)" = "n:1=pos n:2=neg " ]
}

@test "Label Studio: annotators who disagree are one file's error; JSON-MIN keeps no numbers of its own; signed addresses" {
    task() { printf '{"id":1,"data":{"image":"https://x.org/cat/%s"},"annotations":[%s]}' "$1" "$2"; }
    said() { printf '{"result":[{"from_name":"c","value":{"choices":["%s"]}}]}' "$1"; }
    echo "[$(task 1.txt "$(said a),$(said b),$(said a)"),$(task '2.txt?X-Amz=1%2F2/3' "$(said b)")]" >t.json
    run mm-decode --labels t.json pets/cat -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"pets/cat/1.txt: row 1: two annotations disagree about c: mark one"* ]]
    mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["error","text"] and .[0].error.code == "label" and .[1].label == "b"'
    run mm-decode --column image --label-column c t.json -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"row 1: two annotations disagree about c"* ]]
    mm-cat -q -J o.mm | jq -e -s 'map(.kind) == ["error","text"] and .[1].label == "b"'
    echo '[{"image":"/x/cat/1.txt","id":1,"choice":"a","annotator":1},{"image":"cat/2.txt","id":2,"choice":"b","annotator":1}]' >m.json
    [ "$(mm-decode -q --labels m.json pets/cat | labels)" = "1=a 2=b " ]
}

@test "mm-cat --labels --field is the column of labels, not a list of fields to print" {
    printf 'file,label,set\ncat/1.txt,a,x\ncat/2.txt,b,y\n' >t.csv
    mm-decode -q pets/cat -o raw.mm
    mm-cat -q --labels t.csv --field label -o t.mm raw.mm
    [ "$(labels t.mm)" = "1=a 2=b " ]
    run mm-cat --field key,label raw.mm
    [ "$status" -eq 2 ]
    [[ "$output" == *"--fields LIST chooses the columns of --tsv"* ]]
}

@test "a README in a directory is skipped as what it is" {
    for f in README.md LICENSE.txt CONTRIBUTING.md NOTICE; do echo about >"pets/$f"; done
    echo x >pets/notes
    run mm-decode -v pets -o o.mm
    [ "$(mm-cat -k o.mm | paste -sd' ')" = "cat/1 cat/2 dog/1 dog/2" ]
    for f in README.md LICENSE.txt CONTRIBUTING.md NOTICE; do
        [[ "$output" == *"pets/$f: skipped: a text about the files beside it"* ]]
    done
    [[ "$output" == *"pets/notes: skipped: a text that is not named .txt or the like"* ]]
    [ "$(mm-decode pets/README.md | mm-cat -c)" = $'text\t1' ]
}

@test "names of files with accents match however they are written; --labels - is refused; a file without labels is reported" {
    mkdir nfd && echo x >nfd/$'Vo\u0308gel.txt' && echo y >nfd/$'Ka\u0308fer.txt'
    printf 'file,label\nV\u00f6gel.txt,a\nKa\u0308fer.txt,b\n' >t.csv
    [ "$(mm-decode -q --labels t.csv nfd | mm-cat -J | jq -r .label | sort | paste -sd' ')" = "a b" ]
    run mm-decode --labels - pets <t.csv
    [ "$status" -eq 2 ]
    [[ "$output" == *"--labels takes the name of a file, not -"* ]]
    run bash -c ': | mm-decode'
    [ "$status" -eq 2 ]
    [[ "$output" == *"nothing to decode; skipped: 1 (empty)"* ]]
    echo '[{"id":1,"data":{"image":"a.txt"},"annotations":[],"predictions":[{"result":[]}]}]' >p.json
    run mm-decode --labels p.json pets
    [ "$status" -eq 2 ]
    [[ "$output" == *"p.json: no annotation of a whole file in it: predictions and regions are no labels"* ]]
}

@test "a table of captions with several columns says how to read it; a member that no sidecar has is reported once" {
    printf 'image,caption,n\ncat/1.txt,a cat,0\ncat/1.txt,one cat,1\n' >t.csv
    run mm-decode --labels t.csv pets
    [ "$status" -eq 2 ]
    [[ "$output" == *"column caption"*"column image"*"; --column and --key-column "* ]]
    for i in 1 2 3 4 5 6 7 8; do echo x >"pets/$i.txt" && echo '{"label":"a"}' >"pets/$i.json"; done
    run mm-decode --label json:nosuch pets -o o.mm
    [ "$status" -eq 1 ]
    [ "$(grep -c 'no column nosuch' <<<"$output")" -lt 8 ]
    [[ "$output" == *"json:nosuch: ... and "*" more like it: no column nosuch"* ]]
    [ "$(mm-cat -q -c o.mm | sort)" = $'error\t8\ntext\t12' ]
}

@test "keys of rows that are not UTF-8 are errors, not one key for two" {
    printf 'text,k\nx,V\366\ny,V\344\nz,w\n' >k.csv
    run mm-decode --column text --key-column k k.csv -o o.mm
    [ "$status" -eq 1 ]
    [[ "$output" == *"row 1: the key in column k is not UTF-8"* ]]
    [ "$(mm-cat -q -c o.mm | sort)" = $'error\t2\ntext\t1' ]
}
