"""redis-py's cluster client from any core's port: python redis_py_cluster.py HOST PORT"""

import importlib
import sys

host, port = sys.argv[1], int(sys.argv[2])
name = (sys.argv + ["redis"])[3]
redis = importlib.import_module(name)
cluster = importlib.import_module(f"{name}.cluster")
ClusterNode = cluster.ClusterNode
RedisCluster = getattr(cluster, f"{name.capitalize()}Cluster")


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"redis-py cluster: {what}: got {got!r}, wanted {wanted!r}")


KEYS = 3000
r = RedisCluster(startup_nodes=[ClusterNode(host, port)])
for number in range(KEYS):
    check("SET", r.set(f"pyc:{number}", number), True)
for number in range(KEYS):
    check("GET", r.get(f"pyc:{number}"), str(number).encode())
pipe = r.pipeline()
for number in range(KEYS):
    pipe.get(f"pyc:{number}")
check("pipeline", pipe.execute(), [str(number).encode() for number in range(KEYS)])
check("MSET by tag", r.mset({"{pyc}1": "a", "{pyc}2": "b"}), True)
check("MGET by tag", r.mget("{pyc}1", "{pyc}2"), [b"a", b"b"])
check("MGET over slots", r.mget_nonatomic("pyc:1", "pyc:2"), [b"1", b"2"])
check("DEL", r.delete("{pyc}1", "{pyc}2"), 2)
check("scan over all nodes", len(set(r.scan_iter(match="pyc:*", count=500))), KEYS)
check("INCR", [r.incr("pyc:n") for _ in range(3)], [1, 2, 3])
print(name, "cluster", redis.__version__, "ok:", len(r.get_primaries()), "nodes")
