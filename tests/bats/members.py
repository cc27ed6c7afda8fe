"""members.py DIRECTORY STREAM.json LOG: archives in which mm-decode accounts for fewer members than bsdtar lists.

STREAM.json is what `mm-cat -J` makes of `mm-decode -v DIRECTORY`, LOG what that said. A member is accounted for by a record, an
error record or a line that it was skipped; an archive whose rest cannot be read says so in an error record."""
import collections, json, os, re, resource, shutil, subprocess, sys

directory, stream, log = sys.argv[1:]


def bounded():
    """Some archives keep bsdtar busy for ever, or make it take all memory."""
    resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (2, 2))


BSDTAR = shutil.which("bsdtar")


def lines(how, path):
    """What bsdtar prints; nothing where it does not read all of it. It finds no other programs (lzop …), as mm-decode starts none."""
    done = subprocess.run([BSDTAR, how, path], capture_output=True, stdin=subprocess.DEVNULL, preexec_fn=bounded,
                          env={"PATH": "/nonexistent", "LC_ALL": "C.UTF-8"})
    return [] if done.returncode else done.stdout.splitlines()


def listed(path):
    """The names of members that are not directories."""
    names = lines("tf", path)
    return {name for name, line in zip(names, lines("tvf", path)) if not line.startswith(b"d")} if names else set()


seen, ended, single = collections.defaultdict(set), set(), set()
with open(stream, encoding="utf-8") as f:
    for record in map(json.loads, f):
        src, bang, member = record["src"].partition("!")
        if bang:
            seen[src].add(member.partition("!")[0])
        elif record["kind"] != "error":
            single.add(src)
        if "rest of the archive cannot be read" in record.get("error", {}).get("text", ""):
            ended.add(src)
with open(log, encoding="utf-8", errors="replace") as f:
    for line in f:
        skipped = re.match(r"mm-decode: (.*): skipped: ", line)
        if skipped:
            src, bang, member = skipped[1].partition("!")
            (seen[src].add(member.partition("!")[0]) if bang else single.add(src))
archives = lost = 0
for name in sorted(os.listdir(directory)):
    path = os.path.join(directory, name)
    members = listed(path)
    archives += bool(members)
    if len(members) > len(seen[path]) and path not in ended and not (len(members) == 1 and path in single):
        lost += 1
        print(f"{name}: bsdtar lists {len(members)} members, {len(seen[path])} are accounted for")
print(f"{archives} archives, {lost} of which lose members", file=sys.stderr)
sys.exit(lost > 0 or archives < 150)
