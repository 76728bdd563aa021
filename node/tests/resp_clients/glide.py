"""What a service in Python does with Valkey GLIDE, whose core is written in Rust:
python glide.py HOST PORT; as a cluster client: python glide.py cluster HOST CORE_PORT
"""

import sys

import glide_sync as glide

is_cluster = sys.argv[1] == "cluster"
host, port = sys.argv[-2], int(sys.argv[-1])


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"glide: {what}: got {got!r}, wanted {wanted!r}")


def alone(version):
    client = glide.GlideClient.create(glide.GlideClientConfiguration(
        [glide.NodeAddress(host, port)], protocol=version, client_name="glide-test", request_timeout=5000))
    check("FLUSHALL", client.flushall(), "OK")
    check("SET", client.set("gl:a", "1", expiry=glide.ExpirySet(glide.ExpiryType.SEC, 100)), "OK")
    check("TTL", 95 < client.ttl("gl:a") <= 100, True)
    check("GET", client.get("gl:a"), b"1")
    check("GET of nothing", client.get("gl:none"), None)
    check("SET NX over a key", client.set("gl:a", "2", glide.ConditionalChange.ONLY_IF_DOES_NOT_EXIST), None)
    check("SET GET", client.set("gl:a", "3", return_old_value=True), b"1")
    check("INCRBY", client.incrby("gl:n", 5), 5)
    check("INCRBYFLOAT", client.incrbyfloat("gl:f", 1.5), 1.5)
    check("MSET", client.mset({"gl:x": "1", "gl:y": "2"}), "OK")
    check("MGET", client.mget(["gl:x", "gl:none", "gl:y"]), [b"1", None, b"2"])
    check("APPEND", client.append("gl:x", "23"), 3)
    check("GETEX", client.getex("gl:x", glide.ExpiryGetEx(glide.ExpiryTypeGetEx.SEC, 100)), b"123")
    check("EXPIRE", client.expire("gl:y", 100, glide.ExpireOptions.HasNoExpiry), True)
    check("PERSIST", client.persist("gl:y"), True)
    check("GETDEL", client.getdel("gl:y"), b"2")
    check("DEL", client.delete(["gl:x", "gl:y"]), 1)
    check("TYPE", client.type("gl:a"), b"string")
    check("CLIENT GETNAME", client.client_getname(), b"glide-test")
    check("PING", client.ping("there"), b"there")
    try:
        client.incr("gl:a2") if client.set("gl:a2", "x") else None
        sys.exit("glide: INCR of text was accepted")
    except glide.RequestError as error:
        check("INCR of text", "not an integer" in str(error), True)
    batch = glide.Batch(is_atomic=False)
    for number in range(500):
        batch.set(f"gl:p:{number}", str(number))
        batch.get(f"gl:p:{number}")
    answers = client.exec(batch, raise_on_error=True)
    check("a batch", answers[1::2], [str(number).encode() for number in range(500)])
    cursor, found = b"0", set()
    while True:
        cursor, keys = client.scan(cursor, match="gl:p:*", count=100)
        found.update(keys)
        if cursor == b"0":
            break
    check("SCAN", len(found), 500)
    check("INFO", b"redis_version" in client.info(), True)
    client.close()


def as_cluster():
    client = glide.GlideClusterClient.create(glide.GlideClusterClientConfiguration(
        [glide.NodeAddress(host, port)], request_timeout=5000))
    for number in range(3000):
        check("SET", client.set(f"glc:{number}", str(number)), "OK")
    for number in range(3000):
        check("GET", client.get(f"glc:{number}"), str(number).encode())
    pairs = {f"glc:m:{number}": str(number) for number in range(100)}
    check("MSET over slots", client.mset(pairs), "OK")
    check("MGET over slots", client.mget(list(pairs)), [value.encode() for value in pairs.values()])
    check("DEL over slots", client.delete(list(pairs)), 100)
    client.close()


if is_cluster:
    as_cluster()
else:
    for version in (glide.ProtocolVersion.RESP2, glide.ProtocolVersion.RESP3):
        alone(version)
print("valkey-glide", "cluster ok" if is_cluster else "ok")
