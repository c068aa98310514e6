// The connection that BullMQ is to make to the Redis at a URL.
'use strict';

module.exports = function connection(url) {
  const { hostname, port, pathname, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 6379),
    db: Number(pathname.slice(1)),
    username: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
    maxRetriesPerRequest: null,
  };
};
