// Many tunnels to an echo at once, on one HTTP/2 session: each sends bytes of its own and compares what comes back.
// The argument is a JSON object: url, target, tunnels, bytes (a tunnel).
'use strict';

const crypto = require('node:crypto');
const http2 = require('node:http2');

const { url, target, tunnels, bytes } = JSON.parse(process.argv[1]);
// By default node itself gives up at 10 MB.
const session = http2.connect(url, { maxSessionMemory: 1000 });

const echo = () => new Promise((resolve, reject) => {
  const sent = crypto.randomBytes(bytes);
  const received = [];
  const tunnel = session.request({ ':method': 'CONNECT', ':authority': target });
  tunnel.on('data', (some) => received.push(some));
  tunnel.on('error', reject);
  tunnel.on('close', () => {
    if (Buffer.concat(received).equals(sent)) resolve();
    else reject(new Error('an echo differs from what was sent'));
  });
  tunnel.end(sent);
});

session.on('connect', () => {
  Promise.all(Array.from({ length: tunnels }, echo)).then(
    () => session.close(),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
});
