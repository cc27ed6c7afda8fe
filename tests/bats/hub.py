#!/usr/bin/env python3
"""A hub for tests: serves a directory of model repositories as huggingface.co does, on a free port of 127.0.0.1.

    hub.py ROOT PORTFILE LOG [FAULT]...

ROOT/OWNER/NAME/FILE. Files of 10,000 bytes and more are "LFS": answered with a redirect to another origin (localhost),
their SHA-256 stated by the API. FAULT: truncate=N (the first N downloads of an LFS file break off in the middle),
lie (the API states wrong SHA-256 sums), busy=N (the first N requests get 503), norange (Range is ignored),
token=T (wants this bearer token), stop (every LFS download breaks off), later=S (503s of busy ask to come back in S
seconds), nosize (the API states no sizes, and config.json has no end), many (the API lists 5,000 files). LOG gets a line per request: method, path,
Range or -, "auth" or -.
"""
import hashlib
import http.server
import json
import os
import pathlib
import sys
import threading
import urllib.parse

root, port_file, log = pathlib.Path(sys.argv[1]), sys.argv[2], open(sys.argv[3], "w")
fault = dict((f.split("=") + ["1"])[:2] for f in sys.argv[4:])
left = {k: int(fault.get(k, 0)) for k in ("truncate", "busy")}
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, code, body=b"", **headers):
        self.send_response(code)
        for k, v in headers.items():
            self.send_header(k.replace("_", "-"), v)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        auth = self.headers.get("Authorization")
        log.write(f"GET {self.path} {self.headers.get('Range', '-')} {'auth' if auth else '-'}\n")
        log.flush()
        if left["busy"] > 0:
            left["busy"] -= 1
            return self.answer(503, **({"Retry_After": fault["later"]} if "later" in fault else {}))
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path).strip("/").split("/")
        if path[0] == "cdn":
            return self.content(root.joinpath(*path[1:]))
        if "token" in fault and auth != "Bearer " + fault["token"]:
            return self.answer(401)
        if path[:2] == ["api", "models"]:
            return self.api(path[2:])
        if len(path) > 4 and path[2] == "resolve":
            return self.resolve(path)
        self.answer(404)

    def api(self, path):
        repo = root.joinpath(*path[:2])
        if not repo.is_dir() or path[2] != "revision" or "/".join(path[3:]) not in ("main", "refs/pr/1", COMMIT):
            return self.answer(404)
        files = []
        for f in sorted(p for p in repo.rglob("*") if p.is_file()):
            entry = {"rfilename": str(f.relative_to(repo)), "size": f.stat().st_size}
            if entry["size"] >= 10000:
                sha = hashlib.sha256(f.read_bytes()).hexdigest()
                entry["lfs"] = {"sha256": sha[::-1] if "lie" in fault else sha, "size": entry["size"]}
            if "nosize" in fault:
                entry = {"rfilename": entry["rfilename"]}
            files.append(entry)
        if "many" in fault:
            files += [{"rfilename": f"{i}_Pooling/config.json" if i < 10 else f"LICENSE.{i}", "size": 2} for i in range(5000)]
        self.answer(200, json.dumps({"id": "/".join(path[:2]), "sha": COMMIT, "siblings": files}).encode())

    def resolve(self, path):
        f = root.joinpath(path[0], path[1], *path[4:])
        if path[3] != COMMIT or not f.is_file():
            return self.answer(404)
        if "nosize" in fault and f.name == "config.json":
            return self.endless()
        if f.stat().st_size < 10000:
            return self.content(f)
        port = self.server.server_address[1]
        self.answer(302, Location=f"http://localhost:{port}/cdn/{f.relative_to(root)}")

    def endless(self):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b" " * (1 << 20))
        except OSError:
            pass

    def content(self, f):
        data, start, code = f.read_bytes(), 0, 200
        if self.headers.get("Range") and "norange" not in fault:
            start, code = int(self.headers["Range"].split("=")[1].split("-")[0]), 206
            if start >= len(data):
                return self.answer(416)
        body = data[start:]
        cut = len(data) >= 10000 and (left["truncate"] > 0 or "stop" in fault)
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        if code == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            left["truncate"] -= 1
            self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
pathlib.Path(port_file + ".new").write_text(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
threading.Timer(120, os._exit, [0]).start()  # a test that dies leaves no server running
server.serve_forever()
