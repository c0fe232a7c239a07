// An HTTP/1.1 server that ends POST tunnels, well or not. Its first line says on which port. The argument is a JSON
// object:
//   act   what to do with a POST, one of the functions below
'use strict';

const http = require('node:http');
const net = require('node:net');

const config = JSON.parse(process.argv[1]);

// Bytes that the tests know: position times 31, modulo 251.
const known = Buffer.from(Array.from({ length: 3000 }, (_, position) => (position * 31) % 251));

const acts = {
  tunnel(request, answer) {
    const port = Number(request.headers.host.split(':').at(-1));
    const socket = net.connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.once('connect', () => {
      answer.writeHead(200);
      answer.flushHeaders();
      request.pipe(socket).pipe(answer);
    });
    socket.on('error', () => request.socket.resetAndDestroy());
    request.on('error', () => socket.resetAndDestroy());
  },

  interim(request, answer) {
    answer.writeContinue();
    answer.writeProcessing();
    answer.writeEarlyHints({ link: '</x>; rel=preload' });
    acts.tunnel(request, answer);
  },

  // The answer, bytes and the end in one write.
  glued(request, answer) {
    answer.write(known);
    answer.end();
    request.resume();
  },

  trailers(request, answer) {
    answer.writeHead(200, { trailer: 'x-trailer' });
    answer.write(known);
    answer.addTrailers({ 'x-trailer': 'y' });
    answer.end();
    request.resume();
  },

  // Bytes, and a break of the connection once something has come in.
  reset(request, answer) {
    answer.write(known);
    request.once('data', () => request.socket.resetAndDestroy());
  },

  cut(request, answer) {
    answer.write(known);
    request.once('data', () => request.socket.end());
  },

  die(request, answer) {
    answer.write(known);
    request.once('data', () => process.kill(process.pid, 'SIGKILL'));
  },

  // An application that knows nothing of tunnels: the whole request first.
  gather(request, answer) {
    request.resume();
    request.on('end', () => answer.end('thanks\n'));
  },

  document: (request, answer) => answer.end('welcome\n'),
};

const server = http.createServer((request, answer) => acts[config.act](request, answer));
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
