// BullMQ for Node as a peer: `bullmq.cjs HOST PORT VERB '{"count": 1}'` says "ready", waits for a line, prints one of JSON.
'use strict';
const { Queue, Worker } = require('bullmq');
const readline = require('node:readline');

const [host, port, verb, given] = process.argv.slice(2);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const settings = { connection, prefix: 'bench' };
const text = 'about a hundred bytes of payload, as a small job of every day has it';
const BULK = 1000;

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

async function measured(count, work) {
  console.log('ready');
  await lines.next();
  const start = process.hrtime.bigint();
  const before = process.cpuUsage();
  await work();
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const { user, system } = process.cpuUsage(before);
  return { rate: count / seconds, processor_us: (user + system) / count };
}

async function opened() {
  const queue = new Queue('bench', settings);
  await queue.waitUntilReady();
  return queue;
}

const verbs = {
  async drain({ count, concurrency }) {
    const worker = new Worker('bench', async () => null, { ...settings, concurrency, autorun: false });
    await worker.waitUntilReady();
    return measured(count, () => new Promise((resolve) => {
      let done = 0;
      worker.on('completed', () => { if (++done === count) resolve(); });
      worker.run();
    }));
  },

  async add_bulk({ count }) {
    const queue = await opened();
    return measured(count, async () => {
      for (let at = 0; at < count; at += BULK) {
        const page = Array.from({ length: Math.min(BULK, count - at) }, (_, i) => ({ name: 'nothing', data: { n: at + i, text } }));
        await queue.addBulk(page);
      }
    });
  },

  async add_single({ count, tasks }) {
    const queue = await opened();
    const each = Math.floor(count / tasks);
    const add = async () => {
      for (let n = 0; n < each; n++) await queue.add('nothing', { n, text });
    };
    return measured(each * tasks, () => Promise.all(Array.from({ length: tasks }, add)));
  },

  async latency({ count }) {
    const queue = await opened();
    let began;
    const worker = new Worker('bench', async () => { began(process.hrtime.bigint()); }, { ...settings, concurrency: 10 });
    await worker.waitUntilReady();
    const ms = [];
    await measured(count, async () => {
      for (let n = 0; n < count; n++) {
        await new Promise((resolve) => setTimeout(resolve, 5 + 20 * Math.random()));
        const start = new Promise((resolve) => { began = resolve; });
        const asked = process.hrtime.bigint();
        await queue.add('note', { n });
        ms.push(Number((await start) - asked) / 1e6);
      }
    });
    return { ms };
  },
};

verbs[verb](JSON.parse(given)).then((answer) => {
  console.log(JSON.stringify(answer));
  return lines.next(); // whoever asked looks at the server first
}).then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
