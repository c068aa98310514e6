// bull-board on a loopback port: `open` with names of queues answers the port.
'use strict';
const { createBullBoard } = require('@bull-board/api');
const { BullMQAdapter } = require('@bull-board/api/bullMQAdapter');
const { ExpressAdapter } = require('@bull-board/express');
const { Queue } = require('bullmq');
const express = require('express');
const connectionTo = require('./connection.cjs');
const obey = require('./lines.cjs');

const [url, prefix] = process.argv.slice(2);
const connection = connectionTo(url);
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

obey({ open }, () => Promise.all(queues.map((queue) => queue.close())));
