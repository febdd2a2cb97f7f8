#!/usr/bin/env python3
"""A client of Falco's gRPC services on the C core of gRPC, which is not the library Saker uses.

  grpc_client.py PROTO_DIR TARGET version|get|sub|none [COUNT] [--tls CA CERT KEY]

sub: prints the numbers N of /n/N in COUNT alerts, then leaves; get: all there is; none: calls a method that does not
exist. Checks the fields of every alert on the way."""
import re, sys
import grpc

sys.path.insert(0, sys.argv[1])
import falco_outputs_pb2 as pb

args = sys.argv[2:]
tls = None
if "--tls" in args:
    i = args.index("--tls")
    tls = [open(f, "rb").read() for f in args[i + 1:i + 4]]
    del args[i:i + 4]
target, method = args[0], args[1]
count = int(args[2]) if len(args) > 2 else 1 << 62
if tls:
    channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(tls[0], tls[2], tls[1]))
else:
    channel = grpc.insecure_channel(target)


def show(r):
    m = re.search(r"/n/(\d{7})", r.output)
    if r.source == "internal":
        print("internal", r.rule, flush=True)
        return
    assert m, r
    assert r.rule == "Numbered" and r.priority == pb.WARNING and r.source == "syscall" and r.hostname == "test", r
    assert r.time.seconds > 1600000000 and r.output_fields["proc.name"] == "cat" and r.output_fields["evt.num"].isdigit(), r
    assert r.output.startswith(("22:", "23:")) and "Warning number /n/" in r.output, r
    print(m.group(1), flush=True)


try:
    if method == "version":
        f = channel.unary_unary("/falco.version.service/version", pb.request.SerializeToString, pb.version_response.FromString)
        v = f(pb.request(), timeout=10)
        print(v.version, v.engine_version, v.engine_minor)
    elif method == "get":
        f = channel.unary_stream("/falco.outputs.service/get", pb.request.SerializeToString, pb.response.FromString)
        for r in f(pb.request(), timeout=30):
            show(r)
    elif method == "sub":
        f = channel.stream_stream("/falco.outputs.service/sub", pb.request.SerializeToString, pb.response.FromString)
        call = f(iter([pb.request()]), timeout=60)
        for n, r in enumerate(call, 1):
            show(r)
            if n == count:
                break
        call.cancel()
    else:
        f = channel.unary_unary("/falco.outputs.service/none", pb.request.SerializeToString, pb.response.FromString)
        f(pb.request(), timeout=10)
except grpc.RpcError as e:
    print("error", e.code().name, e.details())
    sys.exit(3)
