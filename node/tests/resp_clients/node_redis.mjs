// What a service in JavaScript does with node-redis: node node_redis.mjs HOST PORT; as a cluster client:
// node node_redis.mjs cluster HOST CORE_PORT
import { createClient, createCluster, RESP_TYPES } from 'redis';
import assert from 'node:assert/strict';

const isCluster = process.argv[2] === 'cluster';
const [host, port] = process.argv.slice(isCluster ? 3 : 2);

async function alone() {
  for (const RESP of [2, 3]) {
    const client = createClient({ socket: { host, port: Number(port) }, RESP, name: 'node-redis-test' });
    client.on('error', (error) => { console.error('node-redis:', error); process.exit(1); });
    await client.connect();
    await client.flushDb();
    assert.equal(await client.set('nr:a', '1', { EX: 100 }), 'OK');
    assert.equal(await client.get('nr:a'), '1');
    assert.equal(await client.get('nr:none'), null);
    assert.equal(await client.set('nr:a', '2', { NX: true }), null);
    assert.equal(await client.set('nr:a', '3', { GET: true, KEEPTTL: true }), '1');
    const ttl = await client.ttl('nr:a');
    assert.ok(ttl > 95 && ttl <= 100);
    assert.equal(await client.incrBy('nr:n', 5), 5);
    assert.equal(await client.expire('nr:n', 100, 'NX'), 1);
    assert.equal(await client.expire('nr:n', 50, 'GT'), 0);
    assert.deepEqual(await client.mGet(['nr:a', 'nr:none']), ['3', null]);
    await assert.rejects(client.incr('nr:a2').then(() => client.set('nr:a2', 'x')).then(() => client.incr('nr:a2')),
      /not an integer/);
    const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => client.set(`nr:p:${i}`, `${i}`)));
    assert.ok(many.every((answer) => answer === 'OK'));
    const found = new Set();
    for await (const keys of client.scanIterator({ MATCH: 'nr:p:*', COUNT: 100 })) {
      for (const key of [].concat(keys)) found.add(key);
    }
    assert.equal(found.size, 1000);
    const binary = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
    const large = Buffer.alloc(1 << 20, 0xfe);
    await client.set('nr:large', large);
    assert.ok(large.equals(await binary.get('nr:large')));

    const subscriber = client.duplicate();
    await subscriber.connect();
    const heard = [];
    await subscriber.subscribe('nr:news', (message, channel) => heard.push([channel, message]));
    await subscriber.pSubscribe('nr:n*', (message, channel) => heard.push([channel, message]));
    assert.equal(await client.publish('nr:news', 'hello'), 2);
    for (let i = 0; i < 500 && heard.length < 2; i++) await new Promise((done) => setTimeout(done, 10));
    assert.deepEqual(heard, [['nr:news', 'hello'], ['nr:news', 'hello']]);
    await subscriber.close();
    await client.close();
  }
}

async function asCluster() {
  const cluster = createCluster({ rootNodes: [{ url: `redis://${host}:${port}` }] });
  cluster.on('error', (error) => { console.error('node-redis cluster:', error); process.exit(1); });
  await cluster.connect();
  const keys = Array.from({ length: 3000 }, (_, i) => `nrc:${i}`);
  await Promise.all(keys.map((key) => cluster.set(key, key)));
  const values = await Promise.all(keys.map((key) => cluster.get(key)));
  assert.deepEqual(values, keys);
  await cluster.close();
}
await (isCluster ? asCluster() : alone());
console.log(`node-redis ${isCluster ? 'cluster ' : ''}ok`);
