// What a service in JavaScript does with ioredis: node ioredis.mjs HOST PORT; as a cluster client:
// node ioredis.mjs cluster HOST CORE_PORT. Behind the port, `iovalkey`: the same with iovalkey.
import assert from 'node:assert/strict';

const isCluster = process.argv[2] === 'cluster';
const [host, port, name = 'ioredis'] = process.argv.slice(isCluster ? 3 : 2);
const { Redis, Cluster } = await import(name);

async function alone() {
  const client = new Redis({ host, port: Number(port), connectionName: 'ioredis-test', maxRetriesPerRequest: 1 });
  await client.flushdb();
  assert.equal(await client.set('io:a', '1', 'EX', 100), 'OK');
  assert.equal(await client.get('io:a'), '1');
  assert.equal(await client.set('io:a', '2', 'NX'), null);
  assert.equal(await client.getset('io:a', '3'), '1');
  assert.equal(await client.ttl('io:a'), -1);
  assert.equal(await client.incrbyfloat('io:f', 1.5), '1.5');
  assert.deepEqual(await client.mget('io:a', 'io:none'), ['3', null]);
  const pipeline = client.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.set(`io:p:${i}`, i).get(`io:p:${i}`);
  const answers = await pipeline.exec();
  assert.equal(answers.length, 2000);
  assert.ok(answers.every(([error]) => error === null));
  assert.equal(answers[1999][1], '999');
  const found = new Set();
  for await (const keys of client.scanStream({ match: 'io:p:*', count: 100 })) keys.forEach((key) => found.add(key));
  assert.equal(found.size, 1000);
  await assert.rejects(client.call('NO.SUCH', 'io:list', '1'), /unknown command/);

  const subscriber = client.duplicate();
  const heard = new Promise((done) => subscriber.on('message', (channel, message) => done([channel, message])));
  assert.equal(await subscriber.subscribe('io:news'), 1);
  assert.equal(await client.publish('io:news', 'hello'), 1);
  assert.deepEqual(await heard, ['io:news', 'hello']);
  subscriber.disconnect();
  await client.quit();
}

async function asCluster() {
  const cluster = new Cluster([{ host, port: Number(port) }]);
  const keys = Array.from({ length: 3000 }, (_, i) => `ioc:${i}`);
  await Promise.all(keys.map((key) => cluster.set(key, key)));
  const values = await Promise.all(keys.map((key) => cluster.get(key)));
  assert.deepEqual(values, keys);
  await cluster.quit();
}
await (isCluster ? asCluster() : alone());
console.log(`${name} ${isCluster ? 'cluster ' : ''}ok`);
