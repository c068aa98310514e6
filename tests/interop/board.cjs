// bull-board on a loopback port, as bullmq.cjs is spoken to: `open` with names of queues answers the port.
'use strict';
const { createBullBoard } = require('@bull-board/api');
const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
const { ExpressAdapter } = require('@bull-board/express');
const { Queue } = require('bullmq');
const express = require('express');
const readline = require('node:readline');

const [host, port, prefix] = process.argv.slice(2);
const connection = { host, port: Number(port), maxRetriesPerRequest: null };
const queues = [];
let server;

async function open(...names) {
  for (const name of names) queues.push(new Queue(name, { connection, prefix }));
  const serverAdapter = new ExpressAdapter();
  createBullBoard({ queues: queues.map((queue) => new BullMQAdapter(queue)), serverAdapter });
  await new Promise((done) => {
    server = express().use(serverAdapter.getRouter()).listen(0, '127.0.0.1', done);
  });
  return server.address().port;
}

const lines = readline.createInterface({ input: process.stdin });
let turn = Promise.resolve();
lines.on('line', (line) => {
  turn = turn.then(async () => {
    let answer;
    try {
      const [, ...words] = JSON.parse(line);
      answer = [null, await open(...words)];
    } catch (error) {
      answer = [`${error.name}: ${error.message}`, null];
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  });
});
lines.on('close', async () => {
  await turn;
  await Promise.all(queues.map((queue) => queue.close()));
  process.exit(0);
});
