// One tunnel in an HTTP/1.1 POST: stdin goes in, stdout gets what comes out, and the last line of stderr says how it
// ended. The argument is a JSON object:
//   url, target   the server, and the authority to ask for
//   path          instead of "/"
//   hold          send nothing before the far side has ended
//   after         once this many bytes have come out,
//   then          "send" one byte, "cancel" the request, or "die" without a word
'use strict';

const http = require('node:http');

const { url, target, path = '/', hold, after, then } = JSON.parse(process.argv[1]);
const report = { status: null, fields: {}, received: 0, ended: false, reset: 0, error: null };
const note = (error) => { report.error ??= error.code; };

const request = http.request(url, { method: 'POST', path, headers: { host: target } });
const send = () => process.stdin.pipe(request);
const actions = {
  send: () => request.write('x'),
  cancel: () => request.socket.resetAndDestroy(),
  die: () => process.kill(process.pid, 'SIGKILL'),
};

// What was received may come out of node long after the request is over.
let last = request;
const finish = (stream) => {
  if (stream !== last) return;
  process.stdin.destroy();
  process.stdout.end(() => console.error(JSON.stringify(report)));
};

request.flushHeaders();
request.on('error', note);
request.on('response', (answer) => {
  last = answer;
  report.status = answer.statusCode;
  report.fields = answer.headers;
  if (report.status !== 200) request.end();
  else if (!hold) send();
  answer.on('data', (bytes) => {
    const before = report.received;
    report.received += bytes.length;
    if (then && before < after && report.received >= after) actions[then]();
  });
  answer.on('end', () => {
    report.ended = true;
    if (hold) send();
  });
  answer.on('error', note);
  answer.on('close', () => finish(answer));
  answer.pipe(process.stdout, { end: false });
});
request.on('close', () => finish(request));
