// One tunnel through an HTTP/2 proxy: stdin goes in, stdout gets what comes out, and the last line of stderr says how
// it ended. The argument is a JSON object:
//   url, target   the proxy, and the authority to ask for
//   path          ask by POST with this path
//   ca            a file with the certificate to trust
//   hold          send nothing before the far side has ended
//   after         once this many bytes have come out,
//   then          "send" one byte, "cancel" the stream, or "die" without a word
'use strict';

const fs = require('node:fs');
const http2 = require('node:http2');

const { url, target, path, ca, hold, after, then } = JSON.parse(process.argv[1]);
const report = { status: null, fields: {}, received: 0, ended: false, reset: null, error: null };
const note = (error) => { report.error ??= error.code; };

const session = http2.connect(url, ca ? { ca: fs.readFileSync(ca) } : {});
session.on('error', note);
const method = path ? { ':method': 'POST', ':path': path } : { ':method': 'CONNECT' };
const tunnel = session.request({ ...method, ':authority': target });
const send = () => process.stdin.pipe(tunnel);
const actions = {
  send: () => tunnel.write('x'),
  cancel: () => {
    // Otherwise node ends the stream before it resets it.
    tunnel._final = () => {};
    tunnel.close(http2.constants.NGHTTP2_CANCEL);
  },
  die: () => process.kill(process.pid, 'SIGKILL'),
};

tunnel.on('response', (fields) => {
  report.status = fields[':status'];
  report.fields = fields;
  if (report.status !== 200) tunnel.end();
  else if (!hold) send();
});
tunnel.on('data', (bytes) => {
  const before = report.received;
  report.received += bytes.length;
  if (then && before < after && report.received >= after) actions[then]();
});
tunnel.on('end', () => {
  report.ended = true;
  if (hold) send();
});
tunnel.on('error', note);
tunnel.on('close', () => {
  report.reset = tunnel.rstCode;
  process.stdin.destroy();
  session.destroy();
  process.stdout.end(() => console.error(JSON.stringify(report)));
});
tunnel.pipe(process.stdout, { end: false });
