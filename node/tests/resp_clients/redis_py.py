"""What a service in Python does with redis-py, against one address: python redis_py.py HOST PORT

With a third argument, `valkey`, the same with valkey-py.
"""

import importlib
import sys
import threading
import time

host, port = sys.argv[1], int(sys.argv[2])
redis = importlib.import_module((sys.argv + ["redis"])[3])


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"redis-py: {what}: got {got!r}, wanted {wanted!r}")


def refused(what, call, text):
    try:
        got = call()
    except redis.ResponseError as error:
        if text not in str(error):
            sys.exit(f"redis-py: {what}: refused with {error!s}, wanted {text}")
        return
    sys.exit(f"redis-py: {what}: got {got!r}, wanted an error with {text}")


def strings(r):
    check("SET", r.set("py:a", "1"), True)
    check("GET", r.get("py:a"), b"1")
    check("GET of nothing", r.get("py:none"), None)
    check("SET NX over a key", r.set("py:a", "2", nx=True), None)
    check("SET XX GET", r.set("py:a", "3", xx=True, get=True), b"1")
    check("SET EX", r.set("py:ttl", "x", ex=100), True)
    check("TTL", 98 <= r.ttl("py:ttl") <= 100, True)
    check("SET KEEPTTL", r.set("py:ttl", "y", keepttl=True), True)
    check("TTL kept", r.ttl("py:ttl") > 0, True)
    check("PERSIST", r.persist("py:ttl"), True)
    check("TTL of a lasting key", r.ttl("py:ttl"), -1)
    check("TTL of nothing", r.ttl("py:none"), -2)
    check("PEXPIRE", r.pexpire("py:ttl", 1), True)
    time.sleep(0.02)
    check("expired", r.exists("py:ttl"), 0)
    check("INCR", r.incr("py:n", 5), 5)
    check("DECR", r.decr("py:n", 7), -2)
    check("INCRBYFLOAT", r.incrbyfloat("py:f", 0.5), 0.5)
    refused("INCR of text", lambda: r.incr("py:text") if r.set("py:text", "x") else None, "not an integer")
    check("APPEND", r.append("py:text", "yz"), 3)
    check("STRLEN", r.strlen("py:text"), 3)
    check("GETRANGE", r.getrange("py:text", 1, -1), b"yz")
    check("SETRANGE", r.setrange("py:text", 5, "!"), 6)
    check("padded", r.get("py:text"), b"xyz\0\0!")
    check("GETEX", r.getex("py:text", ex=50), b"xyz\0\0!")
    check("GETDEL", r.getdel("py:text"), b"xyz\0\0!")
    check("MSET", r.mset({"py:m1": "1", "py:m2": "2"}), True)
    check("MGET", r.mget("py:m1", "py:none", "py:m2"), [b"1", None, b"2"])
    check("DEL", r.delete("py:m1", "py:m2", "py:none"), 2)
    check("TYPE", r.type("py:a"), b"string")
    large = bytes(range(256)) * 4096
    check("a large binary value", r.set("py:large", large) and r.get("py:large") == large, True)
    refused("an unknown command", lambda: r.execute_command("NO.SUCH", "py:list", "1"), "unknown command")
    check("still in step", r.ping(), True)


def pipelines(r):
    with r.pipeline(transaction=False) as pipe:
        for number in range(1000):
            pipe.set(f"py:p:{number}", number)
            pipe.get(f"py:p:{number}")
            if number == 500:
                pipe.incr("py:large")
        answers = pipe.execute(raise_on_error=False)
    check("pipelined answers", len(answers), 2001)
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    check("one error in the pipeline", len(failed), 1)
    check("the last of the pipeline", answers[-1], b"999")


def scans(r):
    wanted = {f"py:p:{number}".encode() for number in range(1000)}
    check("SCAN", set(r.scan_iter(match="py:p:*", count=100)), wanted)
    check("DBSIZE", r.dbsize() >= 1000, True)
    check("RANDOMKEY", r.randomkey() is not None, True)


def pubsub(r):
    listener = r.pubsub(ignore_subscribe_messages=False)
    listener.subscribe("py:news")
    listener.psubscribe("py:n*")
    check("subscribed", listener.get_message(timeout=5)["type"], "subscribe")
    check("psubscribed", listener.get_message(timeout=5)["type"], "psubscribe")
    check("PUBLISH", r.publish("py:news", "hello"), 2)
    kinds = sorted(listener.get_message(timeout=5)["type"] for _ in range(2))
    check("messages", kinds, ["message", "pmessage"])
    check("NUMSUB", r.pubsub_numsub("py:news"), [(b"py:news", 1)])
    check("CHANNELS", r.pubsub_channels("py:*"), [b"py:news"])
    listener.close()


def introspection(r):
    info = r.info()
    for field in ("redis_version", "uptime_in_seconds", "connected_clients", "used_memory",
                  "keyspace_hits", "keyspace_misses", "expired_keys", "evicted_keys",
                  "total_commands_processed", "role"):
        check(f"INFO {field}", field in info, True)
    check("CONFIG GET", isinstance(r.config_get("maxmemory"), dict), True)
    check("CLIENT SETNAME", r.client_setname("tester"), True)
    check("CLIENT GETNAME", r.client_getname() in (b"tester", "tester"), True)
    check("CLIENT ID", r.client_id() > 0, True)
    check("COMMAND COUNT", r.command_count() > 50, True)
    check("ECHO", r.echo("x"), b"x")
    check("TIME", len(r.time()), 2)


def concurrently(r):
    def count():
        for _ in range(500):
            r.incr("py:together")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("counted by threads", r.get("py:together"), b"4000")


for protocol in (2, 3):
    client = redis.Redis(host=host, port=port, protocol=protocol, client_name="redis-py-test")
    client.flushdb()
    for part in (strings, pipelines, scans, pubsub, introspection, concurrently):
        part(client)
    client.close()
print(redis.__name__, redis.__version__, "ok")
