// The checks of ../clients_test.py by kafkajs, with its usual plug-ins for codecs.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import * as zstd from '@bokuweb/zstd-wasm';

const require = createRequire(import.meta.url);
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs');
const lz4 = require('lz4js');
const where = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const limit = 60_000;

CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy');
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async (encoder) => Buffer.from(lz4.compress(encoder.buffer)),
  decompress: async (bytes) => Buffer.from(lz4.decompress(bytes)),
});
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder) => Buffer.from(zstd.compress(encoder.buffer, 3)),
  decompress: async (bytes) => Buffer.from(zstd.decompress(bytes)),
});

const kafka = new Kafka({ clientId: 'kafkajs', brokers: [where.plain], logLevel: logLevel.NOTHING });
const admin = kafka.admin();

async function until(what, ready) {
  const end = Date.now() + limit;
  while (Date.now() < end) {
    const found = await ready();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`not within ${limit} ms: ${what}`);
}

/** The call is refused with Kafka's own name for the reason. */
async function refused(type, call) {
  const types = (error) => [error?.type, error?.name, error?.cause?.type, error?.originalError?.type,
    ...[error?.errors, error?.groups].flatMap((each) => each ?? []).flatMap((each) => types(each.error ?? each))].filter(Boolean);
  const told = await call().then(() => ['it was not refused'], types);
  assert.ok(told.includes(type), `expected ${type}, told ${told}`);
}

async function topic(name, numPartitions = 1, configs = {}) {
  const configEntries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
  await admin.createTopics({ waitForLeaders: true, topics: [{ topic: name, numPartitions, configEntries }] });
  return name;
}

const numbers = (count, from = 0) => Array.from({ length: count }, (_, i) => ({ value: String(from + i) }));

async function produce(name, messages, how = {}, settings = {}) {
  const producer = kafka.producer({ allowAutoTopicCreation: false, ...settings });
  await producer.connect();
  try {
    return await producer.send({ topic: name, messages, ...how });
  } finally {
    await producer.disconnect();
  }
}

const wrote = (name, count) => console.log(`wrote ${name} ${count}`);

let groups = 0;

/** A member that has begun; `taken` grows. */
async function member(name, { group = `group-${groups++}`, fromBeginning = true, ...settings } = {}, each = async () => {}) {
  const consumer = kafka.consumer({ groupId: group, heartbeatInterval: 200, maxWaitTimeInMs: 100, maxBytesPerPartition: 16 << 20, ...settings });
  const taken = [];
  const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    consumer.share = payload.memberAssignment[name]?.length ?? 0;
    resolve();
  }));
  await consumer.connect();
  await consumer.subscribe({ topic: name, fromBeginning });
  await consumer.run({ autoCommit: false, eachMessage: async (got) => { taken.push(got.message); await each(got, consumer); } });
  await joined;
  return { consumer, taken, close: () => consumer.disconnect() };
}

async function read(name, count, offset) {
  const reader = await member(name);
  if (offset !== undefined) reader.consumer.seek({ topic: name, partition: 0, offset: String(offset) });
  await until(`${count} records of ${name}`, () => reader.taken.length >= count);
  await reader.close();
  return reader.taken;
}

const values = (messages) => messages.map((each) => each.value?.toString() ?? null);

const checks = {
  async metadata() {
    await topic('metadata', 3);
    const cluster = await admin.describeCluster();
    assert.deepEqual(cluster.brokers.map((each) => `${each.host}:${each.port}`), [where.plain]);
    const [told] = (await admin.fetchTopicMetadata({ topics: ['metadata'] })).topics;
    assert.deepEqual(told.partitions.map((each) => [each.partitionId, each.leader]).sort(),
      [0, 1, 2].map((each) => [each, cluster.brokers[0].nodeId]));
  },

  async topics() {
    await topic('topics', 2);
    assert.equal(await admin.createTopics({ topics: [{ topic: 'topics' }] }), false, 'it is there already');
    await refused('INVALID_REPLICATION_FACTOR', () => admin.createTopics({ topics: [{ topic: 'three', replicationFactor: 3 }] }));
    await admin.createPartitions({ topicPartitions: [{ topic: 'topics', count: 5 }] });
    assert.equal((await admin.fetchTopicOffsets('topics')).length, 5);
    await admin.deleteTopics({ topics: ['topics'] });
    assert.equal((await admin.listTopics()).includes('topics'), false);
    await refused('UNKNOWN_TOPIC_OR_PARTITION', () => admin.deleteTopics({ topics: ['topics'], timeout: 1000 }));
  },

  async acks() {
    for (const acks of [0, 1, -1]) {
      const name = await topic(`acks${acks}`);
      await produce(name, numbers(500), { acks });
      assert.deepEqual(values(await read(name, 500)), values(numbers(500)));
      wrote(name, 500);
    }
  },

  async idempotent() {
    await topic('idempotent');
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    for (let i = 0; i < 20; ++i) {
      const [told] = await producer.send({ topic: 'idempotent', messages: numbers(50, 50 * i) });
      assert.equal(told.baseOffset, String(50 * i));
    }
    await producer.disconnect();
    assert.deepEqual(values(await read('idempotent', 1000)), values(numbers(1000)));
    wrote('idempotent', 1000);
  },

  async codecs() {
    await zstd.init();
    for (const [codec, compression] of Object.entries(CompressionTypes)) {
      const name = await topic(`codec-${codec.toLowerCase()}`);
      const messages = Array.from({ length: 500 }, (_, i) => ({ value: `${codec} says the same again and again ${i}` }));
      await produce(name, messages, { compression });
      assert.deepEqual(values(await read(name, 500)), values(messages), codec);
      wrote(name, 500);
    }
  },

  async parts() {
    await topic('parts');
    const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const sent = [
      { key: null, value: null },
      { key: '', value: '', headers: { empty: '' } },
      { key: 'k', value: all, headers: { twice: ['1', '2'] } },
    ].map((each, i) => ({ ...each, timestamp: String(1_700_000_000_000 + i) }));
    await produce('parts', sent);
    const got = await read('parts', 3);
    assert.deepEqual(got.map((each) => each.key?.toString() ?? null), [null, '', 'k']);
    assert.deepEqual(got.map((each) => each.value), [null, Buffer.alloc(0), all]);
    assert.deepEqual(got.map((each) => each.timestamp), sent.map((each) => each.timestamp));
    assert.deepEqual(got[1].headers, { empty: Buffer.alloc(0) });
    assert.deepEqual(got[2].headers, { twice: [Buffer.from('1'), Buffer.from('2')] });
    wrote('parts', 3);
  },

  async positions() {
    await topic('positions');
    await produce('positions', numbers(100));
    assert.deepEqual(await admin.fetchTopicOffsets('positions'), [{ partition: 0, offset: '100', high: '100', low: '0' }]);
    assert.equal((await read('positions', 1))[0].offset, '0');
    assert.ok((await read('positions', 43, 57)).some((each) => each.offset === '99'));
    const latest = await member('positions', { fromBeginning: false });
    await until('the next record', async () => {
      if (latest.taken.length === 0) await produce('positions', [{ value: 'new' }]);
      return latest.taken.length > 0;
    });
    assert.ok(Number(latest.taken[0].offset) >= 100, 'only what came after');
    await latest.close();
    wrote('positions', Number((await admin.fetchTopicOffsets('positions'))[0].high));
  },

  async times() {
    await topic('times');
    await produce('times', numbers(50).map((each, i) => ({ ...each, timestamp: String(1_700_000_000_000 + 1000 * i) })));
    for (const [when, offset] of [[1_700_000_010_000, '10'], [1_700_000_010_001, '11'], [1, '0'], [1_800_000_000_000, '50']])
      assert.deepEqual(await admin.fetchTopicOffsetsByTimestamp('times', when), [{ partition: 0, offset }], String(when));
    wrote('times', 50);
  },

  async group() {
    await topic('group');
    await produce('group', numbers(100));
    const first = await member('group', { group: 'committing' });
    await until('60 records', () => first.taken.length >= 60);
    await first.consumer.commitOffsets([{ topic: 'group', partition: 0, offset: '60', metadata: 'of mine' }]);
    await first.close();
    const [kept] = await admin.fetchOffsets({ groupId: 'committing', topics: ['group'] });
    assert.deepEqual(kept.partitions.map(({ offset, metadata }) => [offset, metadata]), [['60', 'of mine']]);
    const second = await member('group', { group: 'committing' });
    await until('the other 40', () => second.taken.length >= 40);
    assert.deepEqual(values(second.taken), values(numbers(40, 60)));
    await second.close();
    await admin.resetOffsets({ groupId: 'committing', topic: 'group', earliest: true });
    assert.deepEqual((await admin.fetchOffsets({ groupId: 'committing', topics: ['group'] }))[0].partitions[0].offset, '-2');
    await admin.setOffsets({ groupId: 'committing', topic: 'group', partitions: [{ partition: 0, offset: '7' }] });
    assert.deepEqual((await admin.fetchOffsets({ groupId: 'committing', topics: ['group'] }))[0].partitions[0].offset, '7');
    wrote('group', 100);
  },

  static: 'kafkajs has no static membership',

  async rebalance() {
    await topic('rebalance', 4);
    const first = await member('rebalance', { group: 'rebalance' });
    await until('all for one', () => first.consumer.share === 4);
    const second = await member('rebalance', { group: 'rebalance' });
    await until('two each', () => first.consumer.share === 2 && second.consumer.share === 2);
    await first.close();
    await until('all for the other', () => second.consumer.share === 4);
    await second.close();
  },

  async groups() {
    await topic('groups');
    const reader = await member('groups', { group: 'described' });
    await until('the member is stable', async () => (await admin.describeGroups(['described'])).groups[0].state === 'Stable');
    assert.ok((await admin.listGroups()).groups.some((each) => each.groupId === 'described'));
    const [told] = (await admin.describeGroups(['described'])).groups;
    assert.deepEqual(told.members.map((each) => each.clientId), ['kafkajs']);
    await refused('NON_EMPTY_GROUP', () => admin.deleteGroups(['described']));
    await reader.consumer.commitOffsets([{ topic: 'groups', partition: 0, offset: '0' }]);
    await reader.close();
    await admin.deleteGroups(['described']);
    assert.ok(!(await admin.listGroups()).groups.some((each) => each.groupId === 'described'));
  },

  async 'delete-records'() {
    await topic('deleted');
    await produce('deleted', numbers(100));
    await admin.fetchTopicOffsets('deleted'); // it deletes only where it has been before
    await admin.deleteTopicRecords({ topic: 'deleted', partitions: [{ partition: 0, offset: '40' }] });
    assert.equal((await admin.fetchTopicOffsets('deleted'))[0].low, '40');
    assert.equal((await read('deleted', 1))[0].offset, '40');
    wrote('deleted', 60);
  },

  async configs() {
    await topic('configs', 1, { 'retention.ms': '1000000' });
    const described = async () => {
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'configs' }] });
      return Object.fromEntries(resources[0].configEntries.map((each) => [each.configName, each.configValue]));
    };
    assert.equal((await described())['retention.ms'], '1000000');
    const alter = (name, value) => admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'configs', configEntries: [{ name, value }] }] });
    await alter('cleanup.policy', 'compact');
    assert.equal((await described())['cleanup.policy'], 'compact');
    assert.notEqual((await described())['retention.ms'], '1000000', 'what is not named goes back to its default');
    await refused('INVALID_CONFIG', () => alter('no.such.setting', '1'));
  },

  async large() {
    await topic('large');
    const value = Buffer.alloc(5 << 20, 'large ');
    await produce('large', [{ value }, { value: 'small' }]);
    const got = await read('large', 2);
    assert.ok(got[0].value.equals(value));
    assert.equal(got[1].value.toString(), 'small');
    wrote('large', 2);
  },

  async 'too-large'() {
    await topic('too-large', 1, { 'max.message.bytes': '10000' });
    await refused('MESSAGE_TOO_LARGE', () => produce('too-large', [{ value: Buffer.alloc(50_000) }]));
    await produce('too-large', [{ value: Buffer.alloc(5_000) }]);
    wrote('too-large', 1);
  },

  async unknown() {
    await refused('UNKNOWN_TOPIC_OR_PARTITION', () => admin.fetchTopicMetadata({ topics: ['not-there'] }));
    await refused('UNKNOWN_TOPIC_OR_PARTITION', () => produce('not-there', numbers(1), {}, { retry: { retries: 1 } }));
  },

  async login() {
    for (const mechanism of ['scram-sha-256', 'scram-sha-512', 'plain']) {
      const enter = (password) => new Kafka({
        brokers: [where.secure], ssl: { ca: [readFileSync(where.ca, 'utf8')] }, logLevel: logLevel.NOTHING, retry: { retries: 0 },
        sasl: { mechanism, username: where.user, password },
      }).admin();
      const inside = enter(where.password);
      await inside.connect();
      assert.equal((await inside.describeCluster()).brokers.length, 1);
      await inside.disconnect();
      await refused('KafkaJSSASLAuthenticationError', () => enter('wrong').connect());
    }
  },

  async transactions() {
    const producer = kafka.producer({ transactionalId: 't', idempotent: true, maxInFlightRequests: 1, retry: { retries: 2 } });
    await producer.connect();
    const told = await producer.transaction().then(() => null, (error) => error);
    await producer.disconnect();
    assert.ok(told, 'they were not refused');
    console.log(`# transactions: ${told.message}`);
  },
};

let failed = 0;
await admin.connect();
for (const [name, run] of Object.entries(checks)) {
  if (typeof run === 'string') {
    console.log(`no ${name}: ${run}`);
    continue;
  }
  try {
    await run();
    console.log(`ok ${name}`);
  } catch (error) {
    ++failed;
    console.log(`FAILED ${name}: ${String(error.message).split('\n').join(' ')}`);
    console.error(error);
  }
}
await admin.disconnect();
process.exit(failed ? 1 : 0);
