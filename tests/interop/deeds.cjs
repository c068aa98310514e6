// What jobs do under Node, by their names; deeds.py has the same for workers of ours.
'use strict';
const { DelayedError, UnrecoverableError, WaitingChildrenError } = require('bullmq');

const deeds = {
  give: (job) => job.data.value,
  tell: async (job) => {
    await job.updateProgress(50);
    await job.updateProgress({ done: 7 });
    for (const line of job.data.lines) await job.log(line);
  },
  luck: async (job) => {
    await job.log(String(Date.now()));
    if (job.attemptsMade < job.data.failures) throw new Error('no luck');
    return job.attemptsMade + 1;
  },
  final: (job) => {
    throw new UnrecoverableError(job.data.reason);
  },
  sum: async (job) => ({
    values: Object.values(await job.getChildrenValues()).sort(),
    ignored: Object.values(await job.getIgnoredChildrenFailures()).sort(),
  }),
  grow: async (job, token, queue) => {
    const parent = { id: job.id, queue: job.queueQualifiedName };
    for (const value of [1, 2]) {
      await queue(job.data.queue).add('give', { value }, { parent, jobId: `${job.id}-${value}` });
    }
    if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    return deeds.sum(job);
  },
  later: async (job, token) => {
    if (job.attemptsStarted > 1) return job.attemptsMade;
    await job.moveToDelayed(Date.now() + 3_600_000, token);
    throw new DelayedError();
  },
  hang: async (job) => {
    if (job.attemptsStarted < job.data.until) await new Promise((done) => setTimeout(done, 1 << 30));
    return job.attemptsStarted;
  },
};

module.exports = deeds;
