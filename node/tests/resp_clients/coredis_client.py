"""What a service in asynchronous Python does with coredis: python coredis_client.py HOST PORT; as a
cluster client: python coredis_client.py cluster HOST CORE_PORT
"""

import sys

import anyio
import coredis

is_cluster = sys.argv[1] == "cluster"
host, port = sys.argv[-2], int(sys.argv[-1])


def check(what, got, wanted):
    if got != wanted:
        sys.exit(f"coredis: {what}: got {got!r}, wanted {wanted!r}")


async def alone():
    async with coredis.Redis(host=host, port=port) as client:
        await client.flushdb()
        check("SET", await client.set("co:a", "1", ex=100), True)
        check("GET", await client.get("co:a"), b"1")
        check("TTL", 95 < await client.ttl("co:a") <= 100, True)
        check("INCR", await client.incr("co:n"), 1)
        check("MSET", await client.mset({"co:x": "1", "co:y": "2"}), True)
        check("MGET", await client.mget(["co:x", "co:none", "co:y"]), (b"1", None, b"2"))
        check("DEL", await client.delete(["co:x", "co:y", "co:none"]), 2)
        check("COMMAND COUNT", await client.command_count() > 50, True)
        check("INFO", "redis_version" in await client.info(), True)
        check("CONFIG GET", b"maxmemory" in await client.config_get(["maxmemory"]), True)
        try:
            await client.incr("co:a2") if await client.set("co:a2", "x") else None
            sys.exit("coredis: INCR of text was accepted")
        except coredis.exceptions.ResponseError as error:
            check("INCR of text", "not an integer" in str(error), True)
        found = {key async for key in client.scan_iter(match="co:*", count=10)}
        check("SCAN", found, {b"co:a", b"co:n", b"co:a2"})


async def as_cluster():
    nodes = [coredis.connection.TCPLocation(host, port)]
    async with coredis.RedisCluster(startup_nodes=nodes) as client:
        for number in range(2000):
            check("SET", await client.set(f"coc:{number}", number), True)
        for number in range(2000):
            check("GET", await client.get(f"coc:{number}"), str(number).encode())


async def main():
    if is_cluster:
        await as_cluster()
    else:
        await alone()


anyio.run(main)
print("coredis", "cluster ok" if is_cluster else "ok")
