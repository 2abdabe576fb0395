"""A stand-in for the Hugging Face Hub: as much of its HTTP interface as pushing and fetching a repository needs."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "hf_stand_in"


class StandIn(ThreadingHTTPServer):
    """Repositories as dictionaries of files; the files named in `large` go through LFS, as the Hub wants of weights."""

    daemon_threads = True

    def __init__(self, large: tuple[str, ...]):
        super().__init__(("127.0.0.1", 0), Handler)
        self.large = large
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
        self.commits: list[str] = []
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def revision(self, repo: str) -> str:
        return hashlib.sha1(json.dumps(sorted(self.repositories[repo])).encode()).hexdigest()


class Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, document=None, headers=(), content=None):
        content = json.dumps(document).encode() if content is None else content
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code, message):
        self.answer(status, {"error": message}, [("X-Error-Code", code), ("X-Error-Message", message)])

    def body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            pieces = []
            while size := int(self.rfile.readline(), 16):
                pieces.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(pieces)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_any(self):
        path, content = self.path.partition("?")[0], self.body()
        self.server.asked.append(f"{self.command} {path}")
        if path.startswith("/storage/"):  # of signed addresses: no token
            self.server.objects[path.rpartition("/")[2]] = content
            return self.answer(200, {})
        if self.command not in ("GET", "HEAD") and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.refuse(401, "", "Invalid username or password.")
        if path == "/api/repos/create":
            return self.create(json.loads(content))
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        for pattern, method in ROUTES:
            match = re.fullmatch(pattern, path)
            if match:
                repo, *rest = match.groups()
                if repo not in self.server.repositories:
                    return self.refuse(404, "RepoNotFound", "Repository not found")
                return method(self, repo, *rest, content=content)
        return self.answer(404, {"error": f"the stand-in has no {self.command} {path}"})

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def create(self, asked):
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        url = {"url": f"{self.server.url}/{name}", "name": name, "id": "1"}
        if name in self.server.repositories:
            return self.answer(409, url | {"error": "You already created this model repo"})
        self.server.repositories[name] = {".gitattributes": b""}
        if asked.get("private") or asked.get("visibility") == "private":
            self.server.private.add(name)
        return self.answer(200, url)

    def describe(self, repo, revision=None, *, content):
        if revision not in (None, "main", self.server.revision(repo)):
            return self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        siblings = [{"rfilename": name} for name in self.server.repositories[repo]]
        return self.answer(200, {"id": repo, "sha": self.server.revision(repo), "siblings": siblings, "tags": []})

    def tree(self, repo, revision, *, content):
        files = self.server.repositories[repo]
        rows = [{"type": "file", "path": name, "size": len(file), "oid": name} for name, file in files.items()]
        return self.answer(200, rows)

    def preupload(self, repo, revision, *, content):
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"] in self.server.large else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(content)["files"]
        ]
        return self.answer(200, {"files": files})

    def batch(self, repo, *, content):
        objects = []
        for asked in json.loads(content)["objects"]:
            upload = {"href": f"{self.server.url}/storage/{asked['oid']}"}
            objects.append(asked | {"authenticated": True, "actions": {"upload": upload}})
        return self.answer(200, {"transfer": "basic", "objects": objects})

    def commit(self, repo, revision, *, content):
        for line in content.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                self.server.commits.append(value["summary"])
            elif entry["key"] == "file":
                self.server.repositories[repo][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.server.repositories[repo][value["path"]] = self.server.objects[value["oid"]]
        number = f"{len(self.server.commits):040x}"
        url = f"{self.server.url}/{repo}/commit/{number}"
        return self.answer(200, {"success": True, "commitUrl": url, "commitOid": number, "pullRequestUrl": None})

    def resolve(self, repo, revision, name, *, content):
        file = self.server.repositories[repo].get(name)
        if file is None:
            return self.refuse(404, "EntryNotFound", "Entry not found")
        tag = hashlib.sha256(file).hexdigest()
        headers = [("ETag", f'"{tag}"'), ("X-Repo-Commit", self.server.revision(repo))]
        return self.answer(200, headers=headers, content=file)


REPO = r"([\w.-]+/[\w.-]+)"
ROUTES = [
    (rf"/api/models/{REPO}", Handler.describe),
    (rf"/api/models/{REPO}/revision/([^/]+)", Handler.describe),
    (rf"/api/models/{REPO}/tree/([^/]+)", Handler.tree),
    (rf"/api/models/{REPO}/preupload/([^/]+)", Handler.preupload),
    (rf"/api/models/{REPO}/commit/([^/]+)", Handler.commit),
    (rf"/{REPO}\.git/info/lfs/objects/batch", Handler.batch),
    (rf"/{REPO}/resolve/([^/]+)/(.+)", Handler.resolve),
]


@contextmanager
def stand_in(large: tuple[str, ...] = ()) -> Iterator[StandIn]:
    """Serve on a free port of this machine."""
    with StandIn(large) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
