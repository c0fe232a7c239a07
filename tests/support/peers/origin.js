// An https server: GET is answered with a file, POST with the SHA-256 of what came, in hex. It closes after every
// answer, so that each request takes a connection of its own. Its first line says on which port. The argument is a
// JSON object:
//   cert, key   files for TLS
//   folder      where the files are
// GET of a file named `late…` waits for the POST to /release: a page holds its own load event back with one.
'use strict';

const crypto = require('node:crypto');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');

const { cert, key, folder } = JSON.parse(process.argv[1]);
const types = {
  '.css': 'text/css',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

let release;
const released = new Promise((resolve) => { release = resolve; });

async function get(name, response) {
  if (name.startsWith('late')) await released;
  const file = path.join(folder, name);
  if (!fs.existsSync(file)) {
    response.writeHead(404).end();
    return;
  }
  const { size } = fs.statSync(file);
  const type = types[path.extname(name)] ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': size });
  fs.createReadStream(file).pipe(response);
}

function post(name, request, response) {
  const hash = crypto.createHash('sha256');
  request.on('data', (bytes) => hash.update(bytes));
  request.on('end', () => {
    response.end(hash.digest('hex'));
    if (name === 'release') release();
  });
}

const options = { cert: fs.readFileSync(cert), key: fs.readFileSync(key) };
const server = https.createServer(options, (request, response) => {
  const name = path.basename(new URL(request.url, 'https://origin').pathname);
  response.setHeader('connection', 'close');
  if (request.method === 'POST') post(name, request, response);
  else get(name, response);
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
