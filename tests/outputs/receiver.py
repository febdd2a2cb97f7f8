#!/usr/bin/env python3
"""HTTP receiver for the output tests. Writes what it gets to a file before it answers.

  receiver.py PORT_FILE OUT [--port N] [--mode MODE] [--after N] [--tls CERT KEY [CA]]

PORT_FILE gets the port once it listens. OUT: one line per request: the body (decompressed), or with --numbers only
the number N of /n/N in it. MODE after the first N requests (default 0), for good or until a second signal:
  ok          200
  status=500  this status
  hang        never answers
  reset       closes the connection with RST in the middle of the body
SIGUSR1 switches to ok. --headers FILE: request lines and headers go there.
"""
import argparse, gzip, re, signal, socket, ssl, struct, sys, threading, os

p = argparse.ArgumentParser()
p.add_argument("port_file"); p.add_argument("out")
p.add_argument("--port", type=int, default=0)
p.add_argument("--mode", default="ok"); p.add_argument("--after", type=int, default=0)
p.add_argument("--tls", nargs="+"); p.add_argument("--numbers", action="store_true")
p.add_argument("--headers"); p.add_argument("--body", default="")
a = p.parse_args()

out = os.open(a.out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
heads = os.open(a.headers, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644) if a.headers else -1
number = re.compile(rb"/n/(\d{7})")
seen = 0
mode = a.mode


def to_ok(*_):
    global mode
    mode = "ok"


signal.signal(signal.SIGUSR1, to_ok)


def reset(conn):
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def read_request(f):
    line = f.readline()
    if not line:
        return None
    heads_raw, fields = line, {}
    while True:
        h = f.readline()
        if not h:
            return None
        heads_raw += h
        if h in (b"\r\n", b"\n"):
            return heads_raw, fields
        k, _, v = h.partition(b":")
        fields[k.strip().lower()] = v.strip()


def serve(conn):
    global seen
    try:
        if a.tls:
            conn = context.wrap_socket(conn, server_side=True)
        f = conn.makefile("rb")
        while True:
            r = read_request(f)
            if not r:
                return
            head, fields = r
            now = mode if seen >= a.after else "ok"
            length = int(fields.get(b"content-length", b"0"))
            if now == "reset":
                f.read(min(10, length))
                seen += 1
                reset(conn)
                return
            body = f.read(length)
            if len(body) < length:
                return
            seen += 1
            if now == "hang":
                signal.pause() if threading.current_thread() is threading.main_thread() else threading.Event().wait()
            if fields.get(b"content-encoding") == b"gzip":
                body = gzip.decompress(body)
            if heads >= 0:
                os.write(heads, head)
            status = int(now[7:]) if now.startswith("status=") else 200
            if status == 200:
                m = number.search(body)
                os.write(out, (m.group(1) if a.numbers and m else body) + b"\n")
            text = a.body.encode()
            conn.sendall(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(text), text))
    except (OSError, ssl.SSLError, ValueError) as e:
        print("receiver:", e, file=sys.stderr)
    finally:
        try:
            conn.close()
        except OSError:
            pass


if a.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(a.tls[0], a.tls[1])
    if len(a.tls) > 2:
        context.load_verify_locations(a.tls[2])
        context.verify_mode = ssl.CERT_REQUIRED
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", a.port))
s.listen(16)
with open(a.port_file + ".new", "w") as f:
    f.write("%d\n" % s.getsockname()[1])
os.rename(a.port_file + ".new", a.port_file)
while True:
    conn, _ = s.accept()
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    threading.Thread(target=serve, args=(conn,), daemon=True).start()
