// Whatever BullMQ's queues, jobs and flows can be asked.
'use strict';
const { FlowProducer, Job, Queue, QueueEvents, Worker } = require('bullmq');
const connectionTo = require('./connection.cjs');
const obey = require('./lines.cjs');

const EVENTS = [
  'added', 'waiting', 'active', 'progress', 'completed', 'failed', 'delayed', 'stalled', 'removed', 'drained', 'paused',
  'resumed', 'deduplicated', 'duplicated', 'retries-exhausted', 'waiting-children', 'cleaned',
];
const [url, prefix] = process.argv.slice(2);
const connection = connectionTo(url);
const flows = new FlowProducer({ connection, prefix });
const queues = new Map();
const listeners = new Map();
const workers = [];
const told = [];
const awaited = new Map();

function queue(name) {
  if (!queues.has(name)) queues.set(name, new Queue(name, { connection, prefix }));
  return queues.get(name);
}

function plain(found) {
  if (found instanceof Job) return found.toJSON();
  if (Array.isArray(found)) return found.map(plain);
  if (found && found.job instanceof Job) return { job: plain(found.job), children: (found.children || []).map(plain) };
  return found;
}

async function handle(job) {
  if (job.name === 'fail') throw new Error(job.data.reason || 'boom');
  await job.updateProgress(50);
  return { data: job.data };
}

async function listen(name) {
  if (listeners.has(name)) return;
  const events = new QueueEvents(name, { connection, prefix, lastEventId: '0-0', blockingTimeout: 500 });
  for (const event of EVENTS) events.on(event, (fields) => told.push([name, event, fields]));
  listeners.set(name, events);
  await events.waitUntilReady();
}

const verbs = {
  queue: async (name, method, ...words) => plain(await queue(name)[method](...words)),
  job: async (name, id, method, ...words) => plain(await (await queue(name).getJob(id))[method](...words)),
  flow: async (method, ...words) => plain(await flows[method](...words)),
  work: async (name, opts) => {
    const worker = new Worker(name, handle, { connection, prefix, drainDelay: 1, name: 'node', ...opts });
    workers.push(worker);
    await worker.waitUntilReady();
  },
  rest: async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
  },
  listen,
  told: async (event, count, timeoutMs) => {
    const deadline = Date.now() + timeoutMs;
    const fit = () => told.filter((each) => !event || each[1] === event);
    while (fit().length < count) {
      if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms; told: ${JSON.stringify(told)}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    return fit();
  },
  expect: async (name, id, timeoutMs) => {
    await listen(name);
    const job = await queue(name).getJob(id);
    const end = job.waitUntilFinished(listeners.get(name), timeoutMs);
    awaited.set(`${name}:${id}`, end.then((value) => [null, value], (error) => [error.message, null]));
  },
  outcome: (name, id) => awaited.get(`${name}:${id}`),
};

async function close() {
  await verbs.rest();
  await Promise.all([...listeners.values()].map((each) => each.close()));
  await Promise.all([...queues.values(), flows].map((each) => each.close()));
}

obey(verbs, close);
