// BullMQ as a test speaks to it.
'use strict';
const { FlowProducer, Queue, QueueEvents, UnrecoverableError, Worker } = require('bullmq');
const connectionTo = require('./connection.cjs');
const obey = require('./lines.cjs');
const deeds = require('./deeds.cjs');

const [url, prefix] = process.argv.slice(2);
const connection = connectionTo(url);
const queues = new Map();
const workers = [];
const ended = [];
const listeners = [];
const told = [];
const held = new Map();
const STALLED_INTERVAL_MS = 2;
const hands = new Map(); // of each queue a worker that runs nothing by itself

function queue(name) {
  if (!queues.has(name)) queues.set(name, new Queue(name, { connection, prefix }));
  return queues.get(name);
}

async function handle(job, token) {
  if (deeds[job.name]) return deeds[job.name](job, token, queue);
  if (job.name === 'fail') throw new Error(job.data.reason || 'boom');
  return { data: job.data, made: job.attemptsMade, started: job.attemptsStarted };
}

async function until(isReached, timeoutMs) {
  const deadline = Date.now() + timeoutMs;
  while (!(await isReached())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms; ended: ${JSON.stringify(ended)}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

const verbs = {
  add: async (name, jobs) => {
    const ids = [];
    for (const [title, data, opts] of jobs) ids.push((await queue(name).add(title, data, opts)).id);
    return ids;
  },
  flow: async (tree) => {
    const producer = new FlowProducer({ connection, prefix });
    const { job } = await producer.add(tree);
    await producer.close();
    return job.id;
  },
  work: async (name, opts) => {
    const worker = new Worker(name, handle, { connection, prefix, drainDelay: 1, name: 'node', ...opts });
    worker.on('completed', (job) => ended.push([name, job.id, 'completed']));
    worker.on('failed', (job) => ended.push([name, job.id, 'failed']));
    workers.push(worker);
    await worker.waitUntilReady();
  },
  ended: async (count, timeoutMs) => {
    await until(() => ended.length >= count, timeoutMs);
    return ended.splice(0);
  },
  rest: async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
  },
  listen: async (name) => {
    const events = new QueueEvents(name, { connection, prefix, lastEventId: '0-0' });
    for (const event of ['waiting', 'active', 'failed']) events.on(event, (fields) => told.push([event, fields]));
    listeners.push(events);
    await events.waitUntilReady();
  },
  told: async (count, timeoutMs) => {
    await until(() => told.length >= count, timeoutMs);
    return told.splice(0);
  },
  take: async (name, token, lockDuration) => {
    const worker = new Worker(name, null, { connection, prefix, lockDuration, name: 'node' });
    workers.push(worker);
    const job = await worker.getNextJob(token, { block: false });
    held.set(`${name}:${job.id}`, job);
    return job.id;
  },
  complete: async (name, id, token) => {
    await held.get(`${name}:${id}`).moveToCompleted('late', token, false);
  },
  job: async (name, id) => {
    const job = await queue(name).getJob(id);
    return job && { ...job.toJSON(), state: await job.getState() };
  },
  workers: (name) => queue(name).getWorkers(),
  counts: (name) => queue(name).getJobCounts(),
  hand: async (name, id, verb, ...words) => {
    await (await queue(name).getJob(id))[verb](...words);
  },
  schedule: async (name, id, repeat, template, at) => {
    const Real = Date;
    if (at) { // two of us that are told the same instant find the same slots
      globalThis.Date = class extends Real {
        constructor(...words) {
          super(...(words.length ? words : [at]));
        }

        static now() {
          return at;
        }
      };
    }
    try {
      return ((await queue(name).upsertJobScheduler(id, repeat, template)) || {}).id;
    } finally {
      globalThis.Date = Real;
    }
  },
  unschedule: (name, id) => queue(name).removeJobScheduler(id),
  scheduler: (name, id) => queue(name).getJobScheduler(id),
  logs: (name, id) => queue(name).getJobLogs(id),
  meta: async (name) => ({
    isPaused: await queue(name).isPaused(),
    concurrency: await queue(name).getGlobalConcurrency(),
    rate: await queue(name).getGlobalRateLimit(),
  }),
  pause: (name) => queue(name).pause(),
  resume: (name) => queue(name).resume(),
  retry: async (name, id) => (await queue(name).getJob(id)).retry(),
  put_back: async (name, id, token) => {
    await held.get(`${name}:${id}`).moveToWait(token);
  },
  ask: async (name, id, verb, ...words) => (await queue(name).getJob(id))[verb](...words),
  addMany: async (queueName, jobs) => {
    const added = await queue(queueName).addBulk(jobs.map(([name, data, opts]) => ({ name, data, opts })));
    return added.map((job) => job.id);
  },
  scan: async (name, maxStalledCount) => {
    const worker = new Worker(name, null, { connection, prefix, stalledInterval: 50, maxStalledCount });
    await worker.startStalledCheckTimer();
    workers.push(worker);
  },
  tree: async (queueName, id) => {
    const producer = new FlowProducer({ connection, prefix });
    const named = ({ job, children = [] }) => [job.name, job.id, children.map(named).sort()];
    const found = await producer.getFlow({ queueName, id });
    await producer.close();
    return named(found);
  },
  bulk: async (name, jobs) =>
    (await queue(name).addBulk(jobs.map(([title, data, opts]) => ({ name: title, data, opts })))).map((job) => job.id),
  fetch: async (name, token, lockDuration) => {
    if (!hands.has(name)) {
      const opts = { connection, prefix, lockDuration, stalledInterval: STALLED_INTERVAL_MS, name: 'node' };
      hands.set(name, new Worker(name, null, opts));
      workers.push(hands.get(name));
    }
    hands.get(name).limitUntil = 0; // what it remembers of a limit that was lifted since
    const job = await hands.get(name).getNextJob(token, { block: false });
    if (job) held.set(`${name}:${job.id}`, job);
    return job && job.id;
  },
  held: async (name, id, verb, ...words) => {
    await held.get(`${name}:${id}`)[verb](...words);
  },
  fail: async (name, id, token, reason, isFinal) => {
    await held.get(`${name}:${id}`).moveToFailed(new (isFinal ? UnrecoverableError : Error)(reason), token, false);
  },
  complete_on: async (name, id, token, result) => {
    const [data, next] = await held.get(`${name}:${id}`).moveToCompleted(result, token, true);
    const job = await hands.get(name).nextJobFromJobData(data, next, token);
    if (job) held.set(`${name}:${job.id}`, job);
  },
  look_for_stalled: async (name) => {
    for (let scan = 0; scan < 2; scan += 1) { // the first only suspects
      await hands.get(name).moveStalledJobsToWait();
      await new Promise((done) => setTimeout(done, 2 * STALLED_INTERVAL_MS));
    }
  },
  postpone: async (name, id, token, delay) => {
    await held.get(`${name}:${id}`).moveToDelayed(Date.now() + delay, token);
  },
  queue: async (name, verb, ...words) => {
    await queue(name)[verb](...words);
  },
};

async function close() {
  await verbs.rest();
  await Promise.all(listeners.map((each) => each.close()));
  await Promise.all([...queues.values()].map((each) => each.close()));
}

obey(verbs, close);
