// How these programs are spoken to: a line of JSON [verb, arguments…] on stdin, a line of JSON [error, answer] on stdout.
'use strict';
const readline = require('node:readline');

// Does what it is told, one verb after the other; in the end, `close`.
module.exports = function obey(verbs, close) {
  const lines = readline.createInterface({ input: process.stdin });
  let turn = Promise.resolve();
  lines.on('line', (line) => {
    turn = turn.then(async () => {
      let answer;
      try {
        const [verb, ...words] = JSON.parse(line);
        answer = [null, (await verbs[verb](...words)) ?? null];
      } catch (error) {
        answer = [`${error.name}: ${error.message}`, null];
      }
      process.stdout.write(`${JSON.stringify(answer)}\n`);
    });
  });
  lines.on('close', async () => {
    await turn;
    await close();
    process.exit(0);
  });
};
